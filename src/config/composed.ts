/**
 * A value put together from pieces of several files (defaults, a template, a tenant's own keys) that still knows where
 * each piece stands: every finding about it, and every value that `show` prints, has its own file, line and column.
 */
import type { Place } from './findings.ts'
import { References } from './secrets.ts'
import type { Path, YamlFile } from './yaml.ts'

/** Where a piece stands. */
export interface Origin {
  readonly yaml: YamlFile
  readonly references: References
  readonly path: Path
  /** In words: `defaults.forwarders`, `template standard`; empty for the rules' own entry. */
  readonly from: string
  /** The entry that made the piece count here, where that is another one. */
  readonly via?: Place
}

/** See the module. Paths that no piece was set for stand in the base. */
export class ComposedFile implements YamlFile {
  readonly file: string
  readonly text: string
  readonly value: unknown = undefined
  readonly #base: Origin
  readonly #pieces = new Map<string, Origin>()

  /** `base`: the file of the entry; its path is not used, since paths of the entry are the file's own. */
  constructor(base: Omit<Origin, 'path'>) {
    this.file = base.yaml.file
    this.text = base.yaml.text
    this.#base = { ...base, path: [] }
  }

  /** The value at `path`, with everything in it, stands at `origin`. */
  set(path: Path, origin: Origin): void {
    this.#pieces.set(key(path), origin)
  }

  /** Where the value at a path stands, with its whole path there. */
  originOf(path: Path): Origin {
    for (let length = path.length; length >= 0; length -= 1) {
      const piece = this.#pieces.get(key(path.slice(0, length)))
      if (piece !== undefined) return innermost({ ...piece, path: [...piece.path, ...path.slice(length)] })
    }
    return innermost({ ...this.#base, path })
  }

  place(path: Path, within?: number): Place {
    const origin = this.originOf(path)
    return origin.yaml.place(origin.path, within)
  }

  keyPlace(path: Path): Place {
    const origin = this.originOf(path)
    return origin.yaml.keyPlace(origin.path)
  }
}

/** A piece of something that was put together itself stands where that says. */
function innermost(origin: Origin): Origin {
  if (!(origin.yaml instanceof ComposedFile)) return origin
  const inner = origin.yaml.originOf(origin.path)
  const via = inner.via ?? origin.via
  return {
    ...inner,
    from: inner.from === '' ? origin.from : inner.from,
    ...(via === undefined ? {} : { via }),
  }
}

/** References of all the pieces. */
export class ComposedReferences extends References {
  readonly #file: ComposedFile

  constructor(file: ComposedFile) {
    super()
    this.#file = file
  }

  override has(path: Path): boolean {
    const { references, path: there } = this.#file.originOf(path)
    return references.has(there)
  }

  override failedAt(path: Path): boolean {
    const { references, path: there } = this.#file.originOf(path)
    return references.failedAt(there)
  }

  override unsaid(path: Path, message: string, hint: string): { message: string; hint: string } {
    const { references, path: there } = this.#file.originOf(path)
    return references.unsaid(there, message, hint)
  }
}

/** Where a value of any file stands. */
export function originIn(yaml: YamlFile, references: References, path: Path): Origin {
  return yaml instanceof ComposedFile ? yaml.originOf(path) : { yaml, references, path, from: '' }
}

function key(path: Path): string {
  return path.join('\u0000')
}
