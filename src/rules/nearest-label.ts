/**
 * The known label that an unknown one resembles most: asked by people, on the main thread, never on an event's way. All keys of
 * the label table are walked once for all labels asked at a time, by their pieces of three characters.
 */
import { type Difference, labelDifference, sharedStart } from './label-difference.ts'
import { labelKeys } from './label-table.ts'
import { toByteString } from './label-variants.ts'
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

/** 1 for the characters that {@link walk} leaves out. */
const SEPARATOR = Uint8Array.from({ length: 256 }, (_, byte) =>
  '-_ .:/'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

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

/** A key that has much in common with a label: where its bytes are in the table. */
interface Candidate {
  readonly like: number
  readonly owner: number
  readonly at: number
  readonly length: number
}

/** Keys that are looked at closely: most are spellings of one label, of which the nearest is wanted. */
const CLOSE = 64

function walk(plan: RulesPlan, stream: number, labels: readonly string[]): (NearestLabel | null)[] {
  // Without separators: the same label with others would have few pieces in common.
  const asked = labels.map((label) => {
    const bytes = toByteString(label).slice(0, BYTES_MAX).toLowerCase()
    return Buffer.from(bytes.replaceAll(/[-_ .:/]/g, ''), 'latin1')
  })
  // Which labels have a piece of this hash.
  const masks = new Uint32Array(1 << HASH_BITS)
  for (const [n, bytes] of asked.entries())
    for (let at = 0; at + GRAM <= bytes.length; at++) masks[gram(bytes, at)]! |= 2 ** n
  const probes = plan.labels.probes[stream] ?? []
  const formats = new Set(probes.map(({ by }) => by))
  // Parts that identify alone are no labels: a label is compared with whole ones.
  const parts = new Set(probes.map(({ length: part }) => part))
  const owners = plan.owners.map(({ by }) => formats.has(by))
  const close = asked.map((): Candidate[] => [])
  const shared = new Uint16Array(asked.length)
  const key = Buffer.alloc(BYTES_MAX)
  for (const { words, at, length, owner } of labelKeys(plan.labels)) {
    if (owners[owner] !== true || length > BYTES_MAX) continue
    if (parts.has(length) && plan.owners[owner]?.by !== 'literal') continue
    let size = 0
    for (let i = 0; i < length; i++) {
      const byte = (words[at + (i >> 2)]! >>> ((i & 3) * 8)) & 0xff
      if (SEPARATOR[byte] === 0) key[size++] = byte
    }
    shared.fill(0)
    for (let i = 0; i + GRAM <= size; i++) {
      for (let mask = masks[gram(key, i)]!; mask !== 0; mask &= mask - 1)
        shared[31 - Math.clz32(mask & -mask)]! += 1
    }
    for (let n = 0; n < asked.length; n++) {
      const like = (2 * shared[n]!) / Math.max(1, asked[n]!.length + size - 2 * (GRAM - 1))
      const found = close[n]!
      if (like < LIKE_MIN || (found.length === CLOSE && like <= found[CLOSE - 1]!.like)) continue
      if (found.length === CLOSE) found.pop()
      const candidate = { like, owner, at, length }
      found.splice(found.filter((other) => other.like >= like).length, 0, candidate)
    }
  }
  const stored = new Int32Array(plan.labels.keys)
  return close.map((found, n) => nearest(plan, stored, labels[n]!, found))
}

/** Of the candidates the one that takes the fewest changes; of several the one that begins most alike. */
function nearest(
  plan: RulesPlan,
  stored: Int32Array,
  label: string,
  candidates: readonly Candidate[],
): NearestLabel | null {
  let best: { readonly known: string; readonly owner: number } | undefined
  let least = Number.POSITIVE_INFINITY
  for (const { at, length, owner } of candidates) {
    const known = keyText(stored, at, length)
    const asked = label.slice(0, BYTES_MAX).toLowerCase()
    const changes = editDistance(asked, known) - sharedStart(asked, known) / 1000
    if (changes >= least) continue
    least = changes
    best = { known, owner }
  }
  return best === undefined ? null : describe(plan, plan.owners[best.owner], label, best.known)
}

function keyText(words: Int32Array, at: number, length: number): string {
  return Buffer.from(
    Uint8Array.from({ length }, (_, i) => words[at + (i >> 2)]! >>> ((i & 3) * 8)),
  ).toString()
}

/** Characters put in, taken out or changed (Levenshtein). */
function editDistance(a: string, b: string): number {
  let above = Uint16Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const row = new Uint16Array(b.length + 1)
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const changed = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(changed, above[j]! + 1, row[j - 1]! + 1)
    }
    above = row
  }
  return above[b.length]!
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
