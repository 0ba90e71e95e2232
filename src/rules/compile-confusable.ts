/**
 * Two tenants that could be taken for each other. A key of one must never be found where a label of the other is
 * looked up: neither as the whole label nor as the lone part at its end or beginning.
 */
import type { Finding, Place } from '../config/findings.ts'
import { readByteString } from './label-variants.ts'
import type { TenantModel } from './model.ts'
import type { LabelProbe } from './plan.ts'

export interface ConfusableKey {
  /** Byte string, as composed. */
  readonly bytes: string
  owner: number
  readonly tenant: number
  readonly place: Place
  /** For people: what the key is of. */
  readonly object: string
}

/** Keys that are looked up alike. */
export interface KeyKind {
  readonly number: number
  readonly by: string
  readonly part: LabelProbe['part']
  readonly length: number
  readonly exact: boolean
  max: number
  /** By their bytes in lower ASCII case; more than one where cases or tenants differ. */
  readonly keys: Map<string, ConfusableKey[]>
}

/** More than this is one mistake made many times. */
const FINDINGS_MAX = 50

/** `kindsOf`: the kinds that each stream looks up. */
export function findConfusables(
  kindsOf: readonly (readonly KeyKind[])[],
  tenants: readonly TenantModel[],
): Finding[] {
  const found = new Map<string, Finding>()
  const done = new Set<string>()
  for (const kinds of kindsOf) {
    for (const kind of kinds) {
      for (const probe of kinds) {
        const pair = `${kind.number} ${probe.number}`
        if (done.has(pair) || !canMeet(kind, probe)) continue
        done.add(pair)
        comparePair(kind, probe, tenants, found)
        if (found.size >= FINDINGS_MAX) return [...found.values()]
      }
    }
  }
  return [...found.values()]
}

/** Whether a label that holds a key of `kind` is cut by `probe` inside that key, so that the outcome is known now. */
function canMeet(kind: KeyKind, probe: KeyKind): boolean {
  if (probe.part === 'whole') return kind.part === 'whole'
  return kind.part === 'whole' || (kind.part === probe.part && kind.length >= probe.length)
}

function comparePair(
  kind: KeyKind,
  probe: KeyKind,
  tenants: readonly TenantModel[],
  found: Map<string, Finding>,
): void {
  const { part, length } = probe
  for (const [folded, keys] of kind.keys) {
    if (folded.length < length || (kind.part === 'whole' && folded.length > probe.max)) continue
    const cut =
      part === 'whole' ? folded : part === 'prefix' ? folded.slice(0, length) : folded.slice(-length)
    const others = probe.keys.get(cut)
    if (others === undefined) continue
    for (const key of keys) {
      for (const other of others) {
        if (other.tenant === key.tenant) continue
        if (kind.exact && probe.exact && !cutEqual(key.bytes, other.bytes, part)) continue
        report(cut, other, key, tenants, found)
        if (found.size >= FINDINGS_MAX) return
      }
    }
  }
}

/** Both are compared in their case: then only equal bytes meet. */
function cutEqual(bytes: string, key: string, part: LabelProbe['part']): boolean {
  if (part === 'whole') return bytes === key
  return part === 'prefix' ? bytes.startsWith(key) : bytes.endsWith(key)
}

function report(
  cut: string,
  one: ConfusableKey,
  other: ConfusableKey,
  tenants: readonly TenantModel[],
  found: Map<string, Finding>,
): void {
  const [first, second] = one.tenant < other.tenant ? [one, other] : [other, one]
  const pair = `${first.tenant} ${first.object} ${second.tenant} ${second.object}`
  if (found.has(pair)) return
  const name = (key: ConfusableKey): string =>
    `tenant "${tenants[key.tenant]?.name ?? ''}" (${key.object}, ${where(key.place)})`
  const { file, line, column } = second.place
  found.set(pair, {
    level: 'error',
    file,
    line,
    column,
    message: `labels of ${name(first)} and of ${name(second)} could be confused: both have ${JSON.stringify(readByteString(cut))}`,
    hint: 'an object belongs to one tenant; give one of the two another label, name or id',
  })
}

function where({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}
