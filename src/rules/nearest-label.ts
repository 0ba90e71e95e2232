/**
 * The known label that an unknown one resembles most: asked by people, on the main thread, never on an event's way. All keys of
 * the label table are walked once for all labels asked at a time, by their pieces of three characters.
 */
import { type Difference, type DifferenceKind, labelDifference } from './label-difference.ts'
import { labelKeys } from './label-table.ts'
import { readByteString, toByteString } from './label-variants.ts'
import type { OwnerPlan, RulesPlan } from './plan.ts'

/** A known label, whose it is and how it was composed. */
export interface NearestLabel {
  /** As it is looked up: in lower case where letters match in either. */
  readonly label: string
  readonly tenant: string
  /** `Data Center Group acme-dcg`; null when the label tells the tenant only. */
  readonly object: string | null
  /** Label format, or `literal`. */
  readonly by: string
  readonly differs: Difference
}

/** Labels of one walk: a bit each. */
const TOGETHER = 32
/** Bytes of a label that are compared. */
const BYTES_MAX = 128
/** Twice the shared pieces over all pieces: less is chance. */
const LIKE_MIN = 0.35
/** Answers kept. */
const CACHE_MAX = 1000

const HASH_BITS = 14
const GRAM = 3

/** Answers of one rule set are kept, so that asking again for the same labels costs nothing. */
const caches = new WeakMap<RulesPlan, Map<string, NearestLabel | null>>()

/** The nearest known label of each, for labels of a stream; null where nothing is like it. */
export function nearestLabels(
  plan: RulesPlan,
  stream: number,
  labels: readonly string[],
): (NearestLabel | null)[] {
  const cache = caches.get(plan) ?? new Map<string, NearestLabel | null>()
  caches.set(plan, cache)
  const name = (label: string): string => `${stream} ${label}`
  const missing = [...new Set(labels)].filter((label) => !cache.has(name(label)))
  if (cache.size + missing.length > CACHE_MAX) cache.clear()
  const answers = new Map<string, NearestLabel | null>()
  for (let from = 0; from < missing.length; from += TOGETHER) {
    const some = missing.slice(from, from + TOGETHER)
    for (const [n, found] of walk(plan, stream, some).entries()) answers.set(some[n]!, found)
  }
  for (const [label, found] of answers) cache.set(name(label), found)
  return labels.map((label) => answers.get(label) ?? cache.get(name(label)) ?? null)
}

interface Candidate {
  readonly like: number
  readonly owner: number
  readonly bytes: string
}

/** Keys that are looked at closely; most are spellings of one label, and the one that tells most is wanted. */
const CLOSE = 8

/** What tells more than likeness, the most first. */
const TELLING: readonly DifferenceKind[] = ['separators', 'case']

function walk(plan: RulesPlan, stream: number, labels: readonly string[]): (NearestLabel | null)[] {
  const asked = labels.map((label) =>
    Buffer.from(toByteString(label).slice(0, BYTES_MAX).toLowerCase(), 'latin1'),
  )
  // Which labels have a piece of this hash.
  const masks = new Uint32Array(1 << HASH_BITS)
  for (const [n, bytes] of asked.entries())
    for (let at = 0; at + GRAM <= bytes.length; at++) masks[gram(bytes, at)]! |= 2 ** n
  const formats = new Set((plan.labels.probes[stream] ?? []).map(({ by }) => by))
  const owners = plan.owners.map(({ by }) => formats.has(by))
  const close = asked.map((): Candidate[] => [])
  const shared = new Uint16Array(asked.length)
  const key = Buffer.alloc(BYTES_MAX)
  for (const { words, at, length, owner } of labelKeys(plan.labels)) {
    if (owners[owner] !== true || length > BYTES_MAX) continue
    for (let i = 0; i < length; i++) key[i] = words[at + (i >> 2)]! >>> ((i & 3) * 8)
    shared.fill(0)
    for (let i = 0; i + GRAM <= length; i++) {
      for (let mask = masks[gram(key, i)]!; mask !== 0; mask &= mask - 1)
        shared[31 - Math.clz32(mask & -mask)]! += 1
    }
    for (let n = 0; n < asked.length; n++) {
      const like = (2 * shared[n]!) / Math.max(1, asked[n]!.length + length - 2 * (GRAM - 1))
      const found = close[n]!
      if (like < LIKE_MIN || (found.length === CLOSE && like <= found[CLOSE - 1]!.like)) continue
      if (found.length === CLOSE) found.pop()
      const candidate = { like, owner, bytes: key.toString('latin1', 0, length) }
      found.splice(found.filter((other) => other.like >= like).length, 0, candidate)
    }
  }
  return close.map((found, n) => mostTelling(plan, labels[n]!, found))
}

function mostTelling(plan: RulesPlan, label: string, candidates: readonly Candidate[]): NearestLabel | null {
  const described = candidates.flatMap(
    ({ owner, bytes }) => describe(plan, plan.owners[owner], label, readByteString(bytes)) ?? [],
  )
  const rank = ({ differs }: NearestLabel): number => TELLING.indexOf(differs.kind)
  return described.toSorted((a, b) => rank(b) - rank(a))[0] ?? null
}

function gram(bytes: Uint8Array, at: number): number {
  const three = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS)
}

function describe(
  plan: RulesPlan,
  owner: OwnerPlan | undefined,
  label: string,
  known: string,
): NearestLabel | null {
  const tenant = plan.tenants[owner?.tenant ?? -1]?.name
  if (owner === undefined || tenant === undefined) return null
  return {
    label: known,
    tenant,
    object: objectOf(owner),
    by: owner.by,
    differs: labelDifference(label, known),
  }
}

function objectOf({ gateway, data_center_group, org_vdc }: OwnerPlan): string | null {
  if (gateway !== null) return `gateway ${gateway.name ?? gateway.id}`
  if (data_center_group !== null) return `Data Center Group ${data_center_group.name ?? data_center_group.id}`
  return org_vdc === null ? null : `Org VDC ${org_vdc.name ?? org_vdc.id}`
}
