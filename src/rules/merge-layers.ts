/** Several writings of one forwarder into one: defaults, a template's, a tenant's, its own. */
import type { ComposedFile, Origin } from '../config/composed.ts'
import type { Path } from '../config/yaml.ts'

/** A mapping and where it stands; later layers win. */
export interface Layer {
  readonly value: Readonly<Record<string, unknown>>
  readonly origin: Origin
}

/** Said as a whole: half of one condition and half of another would be a third that nobody wrote. */
const WHOLE = new Set(['where', 'name', 'to'])
/** Of every layer: what one hides the others do not show again. */
const ADDED = new Set(['redact'])

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Layer of a key's value; undefined when that is no mapping. */
function inner(layer: Layer, key: string): Layer | undefined {
  const value = layer.value[key]
  if (!isMapping(value)) return undefined
  return { value, origin: { ...layer.origin, path: [...layer.origin.path, key] } }
}

/** The merged mapping. Where each of its values stands is set in `into`, below `path`. */
export function mergeLayers(
  layers: readonly Layer[],
  path: Path,
  into: ComposedFile,
): Record<string, unknown> {
  const merged: Record<string, unknown> = {}
  const last = layers.at(-1)
  if (last !== undefined) into.set(path, last.origin)
  for (const key of new Set(layers.flatMap(({ value }) => Object.keys(value)))) {
    const having = layers.filter(({ value }) => Object.hasOwn(value, key))
    const top = having.at(-1)
    if (top === undefined) continue
    const at = [...path, key]
    const lists = having.filter(({ value }) => Array.isArray(value[key]))
    const mappings = having.map((layer) => inner(layer, key))
    if (ADDED.has(key) && lists.length === having.length) merged[key] = joined(lists, key, at, into)
    else if (having.length > 1 && !WHOLE.has(key) && mappings.every((layer) => layer !== undefined)) {
      merged[key] = mergeLayers(mappings, at, into)
    } else {
      into.set(at, { ...top.origin, path: [...top.origin.path, key] })
      merged[key] = top.value[key]
    }
  }
  return merged
}

function joined(layers: readonly Layer[], key: string, path: Path, into: ComposedFile): unknown[] {
  const list: unknown[] = []
  for (const { value, origin } of layers) {
    into.set(path, { ...origin, path: [...origin.path, key] })
    for (const [index, entry] of (value[key] as readonly unknown[]).entries()) {
      into.set([...path, list.length], { ...origin, path: [...origin.path, key, index] })
      list.push(entry)
    }
  }
  return list
}
