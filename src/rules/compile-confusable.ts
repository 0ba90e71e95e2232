/**
 * Two tenants that could be taken for each other. A key of one must never be found where a label of the other is
 * looked up: neither as the whole label nor as the lone part at its end or beginning.
 */
import type { Finding, Place } from '../config/findings.ts'
import { LABEL_AMBIGUOUS } from './label-table.ts'
import { readByteString } from './label-variants.ts'
import type { TenantModel } from './model.ts'
import type { LabelProbe } from './plan.ts'

export interface ConfusableKey {
  /** Byte string, as composed. */
  readonly bytes: string
  owner: number
  tenant: number
  readonly place: Place
  /** For people: what the key is of. */
  readonly object: string
  /** Of the inventory, which nobody can correct: a contradiction makes its key nobody's instead of an error. */
  readonly soft: boolean
}

/** The key of nobody: a look-up that finds it ends as ambiguous. */
export const CONTESTED = { owner: LABEL_AMBIGUOUS, tenant: -1 } as const

/** Two objects of which one key says either. */
export interface Collision {
  readonly first: ConfusableKey
  readonly second: ConfusableKey
}

export interface Confusables {
  readonly findings: readonly Finding[]
  readonly collisions: readonly Collision[]
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

/**
 * `kindsOf`: the kinds that each stream looks up. Errors for keys that people wrote; where the inventory, or an object that is
 * contested already, has part in it, both keys become nobody's: no label leads to a tenant that may not be its own.
 */
export function findConfusables(
  kindsOf: readonly (readonly KeyKind[])[],
  tenants: readonly TenantModel[],
): Confusables {
  const found = new Found(tenants)
  const done = new Set<string>()
  for (const kinds of kindsOf) {
    for (const kind of kinds) {
      for (const probe of kinds) {
        const pair = `${kind.number} ${probe.number}`
        if (done.has(pair) || !canMeet(kind, probe)) continue
        done.add(pair)
        comparePair(kind, probe, found)
      }
    }
  }
  return { findings: found.findings, collisions: [...found.collisions.values()] }
}

/** Whether a label that holds a key of `kind` is cut by `probe` inside that key, so that the outcome is known now. */
function canMeet(kind: KeyKind, probe: KeyKind): boolean {
  if (probe.part === 'whole') return kind.part === 'whole'
  return kind.part === 'whole' || (kind.part === probe.part && kind.length >= probe.length)
}

function comparePair(kind: KeyKind, probe: KeyKind, found: Found): void {
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
        found.add(cut, other, key)
        if (key.tenant !== CONTESTED.tenant && other.tenant !== CONTESTED.tenant && !key.soft && !other.soft)
          continue
        // The longer one is found first, or both are and differ. Where they are found alike, neither may be.
        Object.assign(key, CONTESTED)
        if (kind === probe || part === 'whole') Object.assign(other, CONTESTED)
      }
    }
  }
}

/** Both are compared in their case: then only equal bytes meet. */
function cutEqual(bytes: string, key: string, part: LabelProbe['part']): boolean {
  if (part === 'whole') return bytes === key
  return part === 'prefix' ? bytes.startsWith(key) : bytes.endsWith(key)
}

/** What was found: errors, told up to {@link FINDINGS_MAX}, and contradictions, all of them. */
class Found {
  readonly findings: Finding[] = []
  readonly collisions = new Map<string, Collision>()
  readonly #tenants: readonly TenantModel[]
  readonly #told = new Set<string>()

  constructor(tenants: readonly TenantModel[]) {
    this.#tenants = tenants
  }

  add(cut: string, one: ConfusableKey, other: ConfusableKey): void {
    // Known already, and told where it stands.
    if (one.tenant === CONTESTED.tenant || other.tenant === CONTESTED.tenant) return
    const [first, second] = one.tenant < other.tenant ? [one, other] : [other, one]
    const pair = `${first.tenant} ${first.object} ${second.tenant} ${second.object}`
    if (this.#told.has(pair)) return
    this.#told.add(pair)
    const soft = one.soft || other.soft
    if (soft) this.collisions.set(pair, { first: { ...first }, second: { ...second } })
    if (this.findings.length >= FINDINGS_MAX) return
    const name = (key: ConfusableKey): string =>
      `tenant "${this.#tenants[key.tenant]?.name ?? ''}" (${key.object}, ${where(key.place)})`
    const { file, line, column } = second.place
    this.findings.push({
      level: soft ? 'warning' : 'error',
      file,
      line,
      column,
      message: `labels of ${name(first)} and of ${name(second)} could be confused: both have ${JSON.stringify(readByteString(cut))}${soft ? '; events with it belong to nobody' : ''}`,
      hint: 'an object belongs to one tenant; give one of the two another label, name or id',
    })
  }
}

function where({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}
