/** What a test expects against what became of its event. Pure. */
import type { Expectation } from '../../rules/read-tests.ts'
import type { Trace } from '../trace/tracer.ts'

export interface Difference {
  /** `tenant`, `fields.firewall.action`, `forwarders`, `sends acme/siem`. */
  readonly what: string
  readonly expected: unknown
  readonly found: unknown
  /** Path below `expect` in the test. */
  readonly path: readonly string[]
  /** Of `forwarders`: who should have got it, and who should not have. */
  readonly missing?: readonly string[]
  readonly unexpected?: readonly string[]
}

/** Everything that is not as expected. */
export function differences(expect: Expectation, trace: Trace, refused: boolean): Difference[] {
  const found: Difference[] = []
  const compare = (
    what: 'stream' | 'header' | 'valid' | 'label' | 'tenant' | 'reason',
    is: unknown,
  ): void => {
    const wanted = expect[what]
    if (wanted !== undefined && wanted !== is) found.push({ what, expected: wanted, found: is, path: [what] })
  }
  compare('stream', trace.stream)
  compare('header', trace.header)
  compare('valid', trace.valid)
  compare('label', trace.label)
  compare('tenant', refused ? null : trace.tenant)
  compare('reason', refused ? 'unknown_source' : trace.reason)
  if (expect.fields !== undefined)
    found.push(...fieldDifferences(trace.event, expect.fields, 'fields', ['fields']))
  const takers = refused ? [] : takersOf(trace)
  if (expect.forwarders !== undefined) found.push(...setDifference(expect.forwarders, takers))
  for (const [key, wanted] of Object.entries(expect.sends ?? {}))
    found.push(...sentDifferences(key, wanted, refused ? undefined : sentBy(trace, key)))
  return found
}

/** `acme/siem` of those that get it. */
export function takersOf(trace: Trace): string[] {
  return trace.forwarders
    .filter(({ decision }) => decision === 'forward')
    .map(({ tenant, forwarder }) => `${tenant}/${forwarder}`)
}

function setDifference(wanted: readonly string[], takers: readonly string[]): Difference[] {
  const missing = wanted.filter((key) => !takers.includes(key))
  const unexpected = takers.filter((key) => !wanted.includes(key))
  if (missing.length === 0 && unexpected.length === 0) return []
  return [{ what: 'forwarders', expected: wanted, found: takers, path: ['forwarders'], missing, unexpected }]
}

/** Every value of `wanted` that `object` does not have at its place. */
function fieldDifferences(
  object: unknown,
  wanted: Readonly<Record<string, unknown>>,
  what: string,
  path: readonly string[],
): Difference[] {
  return Object.entries(wanted).flatMap(([key, value]): Difference[] => {
    const is = dotted(object, key)
    const name = `${what}.${key}`
    const at = [...path, key]
    if (isMapping(value) && isMapping(is)) return fieldDifferences(is, value, name, at)
    if (alike(is ?? null, value ?? null)) return []
    return [{ what: name, expected: value, found: is ?? null, path: at }]
  })
}

/** The value under a key, which may be several joined with dots; keys of structured data hold dots themselves. */
function dotted(object: unknown, key: string): unknown {
  if (!isMapping(object)) return undefined
  if (Object.hasOwn(object, key)) return object[key]
  for (let dot = key.indexOf('.'); dot > 0; dot = key.indexOf('.', dot + 1)) {
    const head = key.slice(0, dot)
    if (!Object.hasOwn(object, head)) continue
    const inner = dotted(object[head], key.slice(dot + 1))
    if (inner !== undefined) return inner
  }
  return undefined
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As everywhere in rules, numbers and texts that look alike are equal. */
function alike(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a === 'number' || typeof b === 'number')
    return (typeof a === 'string' || typeof b === 'string') && String(a) === String(b)
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Its text; null: the format cannot express it; undefined: it gets nothing. */
function sentBy(trace: Trace, key: string): string | null | undefined {
  const one = trace.forwarders.find(({ tenant, forwarder }) => `${tenant}/${forwarder}` === key)
  if (one?.decision !== 'forward' || one.sends === undefined) return undefined
  return one.sends === null ? null : one.sends.toString('utf8')
}

type Sent = NonNullable<Expectation['sends']>[string]

function sentDifferences(key: string, wanted: Sent, text: string | null | undefined): Difference[] {
  const what = `sends ${key}`
  const path = ['sends', key]
  if (text === undefined || text === null) {
    const found =
      text === null ? 'nothing: its format cannot express the event' : 'nothing: it does not get the event'
    return [{ what, expected: wanted, found, path }]
  }
  if (typeof wanted === 'string')
    return text === wanted ? [] : [{ what, expected: wanted, found: text, path }]
  const { contains = [], lacks = [], json } = wanted
  const all = (value: string | readonly string[]): readonly string[] =>
    typeof value === 'string' ? [value] : value
  return [
    ...all(contains)
      .filter((part) => !text.includes(part))
      .map((part) => ({
        what: `${what} contains`,
        expected: part,
        found: text,
        path: [...path, 'contains'],
      })),
    ...all(lacks)
      .filter((part) => text.includes(part))
      .map((part) => ({ what: `${what} lacks`, expected: part, found: text, path: [...path, 'lacks'] })),
    ...(json === undefined ? [] : jsonDifferences(text, json, what, [...path, 'json'])),
  ]
}

function jsonDifferences(
  text: string,
  wanted: Readonly<Record<string, unknown>>,
  what: string,
  path: readonly string[],
): Difference[] {
  let object: unknown
  try {
    object = JSON.parse(text)
  } catch {
    return [{ what: `${what} json`, expected: wanted, found: text, path }]
  }
  return fieldDifferences(object, wanted, `${what} json`, path)
}
