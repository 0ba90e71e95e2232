/**
 * The label table: from the bytes of a label to its owner in one look-up, however many tenants there are.
 *
 * A flat open-addressing table in shared memory. `slots` holds four Int32 a slot, so that four slots share a cache
 * line: hash, offset of the key's bytes, their number, owner (0: the slot is free). `keys` holds a key as the Int32
 * of its tenant and then its bytes, padded to a multiple of four. At most half of the slots are used; a look-up
 * goes on from slot to slot until the key or a free slot.
 *
 * The hash multiplies as FNV-1a does, over four bytes a step in two lanes, with the bit that tells ASCII cases apart set in each byte:
 * keys that differ only in case have equal hashes, and the comparison of the bytes decides. The kind of a key is
 * mixed in at the end with an odd factor. That step is one to one, so equal bytes of two kinds never meet.
 */
import type { LabelProbe, LabelTablePlan } from './plan.ts'

const SLOT_INTS = 4
const CASE_BITS = 0x20202020
const BYTE_FACTOR = 0x01000193
const WORD_FACTOR = 0x5cd2ea93
const LANE_FACTOR = 0x1b873593
const KIND_FACTOR = 0x9e3779b1 | 0
const FINAL_FACTOR = 0x85ebca6b | 0

/** Answer of {@link LabelTable.find} for a label that two tenants' lone parts fit. */
export const LABEL_AMBIGUOUS = -1

export interface LabelKey {
  /** Number of a probe; see {@link LabelProbe.kind}. */
  readonly kind: number
  /** The bytes; in lower ASCII case unless the kind is exact. */
  readonly bytes: Uint8Array
  /** Index into the owners, from 1. */
  readonly owner: number
  readonly tenant: number
}

/** Hash of `buf[start, end)` with case folded, without its kind. Two lanes, because one multiply waits for the other. */
function hashBytes(buf: Uint8Array, start: number, end: number): number {
  let even = 0x811c9dc5 | 0
  let odd = 0x5bd1e995
  let at = start
  for (const whole = end - 7; at < whole; at += 8) {
    const first = buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)
    const second = buf[at + 4]! | (buf[at + 5]! << 8) | (buf[at + 6]! << 16) | (buf[at + 7]! << 24)
    even = Math.imul(even ^ (first | CASE_BITS), WORD_FACTOR)
    odd = Math.imul(odd ^ (second | CASE_BITS), WORD_FACTOR)
    even ^= even >>> 15
    odd ^= odd >>> 15
  }
  for (; at < end; at++) even = Math.imul(even ^ (buf[at]! | 0x20), BYTE_FACTOR)
  even ^= Math.imul(odd, LANE_FACTOR)
  return even ^ (even >>> 13)
}

function withKind(hash: number, kind: number): number {
  const mixed = Math.imul(hash ^ Math.imul(kind + 1, KIND_FACTOR), FINAL_FACTOR)
  return mixed ^ (mixed >>> 16)
}

/** ASCII letters in lower case. */
export function foldAscii(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte))
}

/** Makes the table. Keys of one kind must differ; `probes` are per stream, in the order of look-up. */
export function buildLabelTable(
  keys: readonly LabelKey[],
  probes: readonly (readonly LabelProbe[])[],
): LabelTablePlan {
  let size = 8
  while (size < keys.length * 2) size *= 2
  const keyBytes = keys.reduce((sum, key) => sum + 4 + ((key.bytes.length + 3) & ~3), 0)
  const slotMemory = new SharedArrayBuffer(size * SLOT_INTS * 4)
  const keyMemory = new SharedArrayBuffer(Math.max(4, keyBytes))
  const slots = new Int32Array(slotMemory)
  const tenants = new Int32Array(keyMemory)
  const bytes = new Uint8Array(keyMemory)
  const mask = size - 1
  let used = 0
  for (const key of keys) {
    tenants[used >> 2] = key.tenant
    bytes.set(key.bytes, used + 4)
    const hash = withKind(hashBytes(key.bytes, 0, key.bytes.length), key.kind)
    let slot = hash & mask
    while (slots[slot * SLOT_INTS + 3] !== 0) slot = (slot + 1) & mask
    slots.set([hash, used + 4, key.bytes.length, key.owner], slot * SLOT_INTS)
    used += 4 + ((key.bytes.length + 3) & ~3)
  }
  return { slots: slotMemory, keys: keyMemory, mask, probes }
}

/** Numbers of one probe, flat: part (0 whole, 1 prefix, 2 suffix), kind, length, max, exact. */
const PROBE_INTS = 5
const PARTS = ['whole', 'prefix', 'suffix'] as const

/** A worker's reader of the table. Allocates nothing after construction. */
export class LabelTable {
  readonly #slots: Int32Array
  readonly #words: Int32Array
  readonly #keys: Uint8Array
  readonly #mask: number
  readonly #probes: readonly Int32Array[]
  readonly #names: readonly (readonly string[])[]
  #hitStream = 0
  #hitProbe = -1
  #hitTenant = -1

  constructor(plan: LabelTablePlan) {
    this.#slots = new Int32Array(plan.slots)
    this.#words = new Int32Array(plan.keys)
    this.#keys = new Uint8Array(plan.keys)
    this.#mask = plan.mask
    this.#names = plan.probes.map((probes) => probes.map((probe) => probe.by))
    this.#probes = plan.probes.map((probes) =>
      Int32Array.from(
        probes.flatMap((probe) => [
          PARTS.indexOf(probe.part),
          probe.kind,
          probe.length,
          probe.max,
          probe.exact ? 1 : 0,
        ]),
      ),
    )
  }

  /** Which label format found the last hit, or `literal`; empty when the last {@link find} was none. */
  get by(): string {
    return this.#names[this.#hitStream]?.[this.#hitProbe] ?? ''
  }

  /**
   * The owner of the label `buf[start, end)` of a stream: its index, 0 when nobody's, {@link LABEL_AMBIGUOUS}
   * when lone parts name two tenants. Whole labels go first: that no lone part of another tenant fits one is
   * checked when the rules are compiled. The cost depends on the label and the stream's probes only.
   */
  find(stream: number, buf: Uint8Array, start: number, end: number): number {
    this.#hitStream = stream
    this.#hitProbe = -1
    const probes = this.#probes[stream]
    if (probes === undefined || end <= start) return 0
    const size = end - start
    let whole = 0
    let hashed = false
    let found = 0
    for (let at = 0; at < probes.length; at += PROBE_INTS) {
      const length = probes[at + 2]!
      if (size > probes[at + 3]! || size < length) continue
      const part = probes[at]!
      let from = start
      let to = end
      let hash = whole
      if (part === 0) {
        if (!hashed) whole = hash = hashBytes(buf, start, end)
        hashed = true
      } else {
        if (part === 1) to = start + length
        else from = end - length
        hash = hashBytes(buf, from, to)
      }
      const owner = this.#look(withKind(hash, probes[at + 1]!), buf, from, to, probes[at + 4]!, found !== 0)
      if (owner === LABEL_AMBIGUOUS) return owner
      if (owner === 0) continue
      if (found === 0) {
        found = owner
        this.#hitProbe = at / PROBE_INTS
      }
      if (part === 0) return found
    }
    return found
  }

  /** One look-up. `again`: something was found before; then a hit of another tenant is ambiguous. */
  #look(hash: number, buf: Uint8Array, start: number, end: number, exact: number, again: boolean): number {
    const slots = this.#slots
    const mask = this.#mask
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = slot * SLOT_INTS
      const owner = slots[place + 3]!
      if (owner === 0) return 0
      if (slots[place] !== hash || slots[place + 2] !== end - start) continue
      const offset = slots[place + 1]!
      if (!this.#same(offset, buf, start, end, exact)) continue
      const tenant = this.#words[(offset >> 2) - 1]!
      if (again && tenant !== this.#hitTenant) return LABEL_AMBIGUOUS
      this.#hitTenant = tenant
      return owner
    }
  }

  /** Compares four bytes at a time with the key's aligned words; a word that differs is compared with case folded. */
  #same(offset: number, buf: Uint8Array, start: number, end: number, exact: number): boolean {
    const words = this.#words
    let at = start
    let word = offset >> 2
    for (const whole = end - 3; at < whole; at += 4, word++) {
      const found = buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)
      if (found === words[word]) continue
      if (exact !== 0 || !this.#folds(word * 4, buf, at, at + 4)) return false
    }
    return this.#folds(word * 4, buf, at, end, exact)
  }

  #folds(offset: number, buf: Uint8Array, start: number, end: number, exact = 0): boolean {
    const keys = this.#keys
    for (let at = start, key = offset; at < end; at++, key++) {
      const byte = buf[at]!
      if (byte === keys[key]) continue
      if (exact !== 0 || byte < 0x41 || byte > 0x5a || (byte | 0x20) !== keys[key]) return false
    }
    return true
  }
}
