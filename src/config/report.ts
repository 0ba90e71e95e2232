/** Findings about one file, by path: adds places and the path's text, and keeps resolved references unsaid. */
import { type Origin, originIn } from './composed.ts'
import type { Finding, Place } from './findings.ts'
import type { References } from './secrets.ts'
import type { Path, YamlFile } from './yaml.ts'

export interface FindingOptions {
  readonly level?: Finding['level']
  /** Point at the key rather than at its value. */
  readonly at_key?: boolean
  /** The source line holds a secret and must not be shown. */
  readonly hide_source?: boolean
  /** Point at this character of the text, rather than at its beginning. */
  readonly offset?: number
}

/** See the module. */
export class Report {
  readonly yaml: YamlFile
  readonly references: References
  readonly #findings: Finding[]
  #errors = 0

  constructor(yaml: YamlFile, references: References, findings: Finding[]) {
    this.yaml = yaml
    this.references = references
    this.#findings = findings
  }

  /** Errors reported through this object so far; compare before and after to know whether a step went well. */
  get errors(): number {
    return this.#errors
  }

  error(path: Path, message: string, hint = '', options: FindingOptions = {}): void {
    this.#add(path, message, hint, options)
  }

  warn(path: Path, message: string, hint = '', options: FindingOptions = {}): void {
    this.#add(path, message, hint, { ...options, level: 'warning' })
  }

  /** So many errors of the same entry were reported through another object. */
  errorsElsewhere(count: number): void {
    this.#errors += count
  }

  /** For what is known by its place only; the path is not said. */
  errorAt(place: Place, message: string, hint = ''): void {
    this.#errors += 1
    this.#findings.push({ level: 'error', ...place, message, hint })
  }

  /** An error at a character inside a text. */
  errorIn(path: Path, offset: number, message: string, hint = ''): void {
    this.#add(path, message, hint, { offset })
  }

  place(path: Path): Place {
    return this.yaml.place(path)
  }

  /** The file in which the value at a path stands: what relative paths in it are relative to. */
  fileAt(path: Path): string {
    return this.origin(path).yaml.file
  }

  /** Where the value at a path stands, and by which way it came here. */
  origin(path: Path): Origin {
    return originIn(this.yaml, this.references, path)
  }

  #add(path: Path, message: string, hint: string, options: FindingOptions): void {
    const level = options.level ?? 'error'
    if (level === 'error') this.#errors += 1
    // A reference that could not be resolved was reported where it stands; what follows from it is noise.
    if (level === 'error' && this.references.failedAt(path)) return
    const place = options.at_key === true ? this.yaml.keyPlace(path) : this.yaml.place(path, options.offset)
    const said = this.references.unsaid(path, message, hint)
    const { path: there, via } = this.origin(path)
    const at = pathText(there)
    const text = at === '' ? said.message : `${at}: ${said.message}`
    const hidden = options.hide_source === true ? { hide_source: true } : {}
    const used = via === undefined ? '' : `used at ${via.file}:${via.line}`
    const hint_text = used === '' || said.hint === '' ? said.hint + used : `${said.hint}; ${used}`
    this.#findings.push({ level, ...place, message: text, hint: hint_text, ...hidden })
  }
}

/** `tenants[0].forwarders[1].to`; keys that are no plain words are quoted. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[A-Za-z_][\w.-]{0,63}$/.test(step)) text += `[${JSON.stringify(step.slice(0, 64))}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}
