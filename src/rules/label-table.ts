/**
 * The label table: from the bytes of a label to its owner in one look-up, however many tenants there are.
 *
 * A flat open-addressing table in shared memory. `slots` holds four Int32 a slot, so that four slots share a cache
 * line: hash, place of the key, its bytes' number, owner (0: the slot is free). `keys` holds Int32 words: the key's
 * tenant, then its bytes in lower ASCII case, four a word, the first lowest, padded with zeros, and for exact keys the
 * same again in their own case; the place is that of the first word of bytes. At most half of the slots are used; a look-up goes on from slot to slot until the key or a free slot.
 *
 * A label is read once: its bytes are put together to words, ASCII letters in lower case, and hashed on the way
 * (multiply and shift, two lanes, because one multiply waits for the other). The kind of a key is mixed in at the end
 * with an odd factor. That step is one to one, so equal bytes of two kinds never meet.
 */
import { labelHash, labelWords } from '../classify/quick/quick-scan.ts'
import { LABEL_BYTES_MAX } from './label-variants.ts'
import type { LabelProbe, LabelTablePlan } from './plan.ts'

const SLOT_INTS = 4
const WORD_FACTOR = 0x5cd2ea93
const LANE_FACTOR = 0x1b873593
const KIND_FACTOR = 0x9e3779b1 | 0
const FINAL_FACTOR = 0x85ebca6b | 0

/** Answer of {@link LabelTable.find} for a label that two tenants' lone parts fit. */
export const LABEL_AMBIGUOUS = -1

export interface LabelKey {
  /** Number of a probe; see {@link LabelProbe.kind}. */
  readonly kind: number
  /** At most {@link LABEL_BYTES_MAX}. */
  readonly bytes: Uint8Array
  /** As the probes of its kind: found in this case only. */
  readonly exact: boolean
  /** Index into the owners, from 1. */
  readonly owner: number
  readonly tenant: number
}

/** The label at hand as folded words. One a thread; valid from one {@link readLabel} to the next. */
const label = new Int32Array(LABEL_BYTES_MAX / 4 + 2)

const wordCount = (bytes: number): number => (bytes + 3) >> 2

/** Up to four bytes from `at` on as a word, in their case. */
function exactWord(buf: Uint8Array, at: number, end: number): number {
  let word = 0
  for (let shift = 0; shift < 32 && at < end; shift += 8, at++) word |= buf[at]! << shift
  return word
}

/** Upper-case ASCII letters of four bytes to lower case: adds that set the top bit of a byte from A on and after Z. */
function foldWord(word: number): number {
  const low = word & 0x7f7f7f7f
  const upper = ((low + 0x3f3f3f3f) ^ (low + 0x25252525)) & ~word & 0x80808080
  return word | (upper >>> 2)
}

/** Puts `buf[start, end)`, at most {@link LABEL_BYTES_MAX} bytes, into `label` and returns its hash without kind. */
function readLabel(buf: Uint8Array, start: number, end: number): number {
  let even = 0x811c9dc5 | 0
  let odd = 0x5bd1e995
  let at = start
  let word = 0
  for (const whole = end - 7; at < whole; at += 8, word += 2) {
    const first = foldWord(buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24))
    const second = foldWord(buf[at + 4]! | (buf[at + 5]! << 8) | (buf[at + 6]! << 16) | (buf[at + 7]! << 24))
    label[word] = first
    label[word + 1] = second
    even = Math.imul(even ^ first, WORD_FACTOR)
    odd = Math.imul(odd ^ second, WORD_FACTOR)
    even ^= even >>> 15
    odd ^= odd >>> 15
  }
  for (; at < end; at += 4, word++) {
    const rest = foldWord(exactWord(buf, at, end))
    label[word] = rest
    even = Math.imul(even ^ rest, WORD_FACTOR)
    even ^= even >>> 15
  }
  even ^= Math.imul(odd ^ (end - start), LANE_FACTOR)
  return even ^ (even >>> 13)
}

function withKind(hash: number, kind: number): number {
  const mixed = Math.imul(hash ^ Math.imul(kind + 1, KIND_FACTOR), FINAL_FACTOR)
  return mixed ^ (mixed >>> 16)
}

/** Makes the table. Keys of one kind must differ; `probes` are per stream: whole labels first, in the order of look-up. */
export function buildLabelTable(
  keys: readonly LabelKey[],
  probes: readonly (readonly LabelProbe[])[],
): LabelTablePlan {
  let size = 8
  while (size < keys.length * 2) size *= 2
  const wordsOf = ({ bytes, exact }: LabelKey): number => wordCount(bytes.length) * (exact ? 2 : 1)
  const words = keys.reduce((sum, key) => sum + 1 + wordsOf(key), 0)
  const slots = new Int32Array(new SharedArrayBuffer(size * SLOT_INTS * 4))
  const stored = new Int32Array(new SharedArrayBuffer(Math.max(1, words) * 4))
  const mask = size - 1
  let used = 0
  for (const key of keys) {
    const { bytes, owner, tenant } = key
    stored[used++] = tenant
    const hash = withKind(readLabel(bytes, 0, bytes.length), key.kind)
    let slot = hash & mask
    while (slots[slot * SLOT_INTS + 3] !== 0) slot = (slot + 1) & mask
    slots.set([hash, used, bytes.length, owner], slot * SLOT_INTS)
    const count = wordCount(bytes.length)
    stored.set(label.subarray(0, count), used)
    if (key.exact)
      for (let word = 0; word < count; word++)
        stored[used + count + word] = exactWord(bytes, word * 4, bytes.length)
    used += wordsOf(key)
  }
  return { slots: slots.buffer, keys: stored.buffer, mask, probes }
}

/** All keys of a table, for people's questions: words of the key in lower case, four bytes each, the first lowest. */
export function* labelKeys({ slots, keys }: LabelTablePlan): Generator<{
  readonly words: Int32Array
  readonly at: number
  readonly length: number
  readonly owner: number
}> {
  const places = new Int32Array(slots)
  const words = new Int32Array(keys)
  for (let place = 0; place < places.length; place += SLOT_INTS) {
    const owner = places[place + 3]!
    if (owner !== 0) yield { words, at: places[place + 1]!, length: places[place + 2]!, owner }
  }
}

/** A stream's probes as numbers: kind, most bytes, exact, length, from the end. */
interface Probes {
  readonly wholes: Int32Array
  readonly lones: Int32Array
  /** `by` of the wholes, then of the lones. */
  readonly names: readonly string[]
  /** The longest label that any whole probe looks up. */
  readonly max: number
}

const PROBE_INTS = 5

function probeNumbers({ kind, max, exact, length, part }: LabelProbe): number[] {
  return [kind, Math.min(max, LABEL_BYTES_MAX), exact ? 1 : 0, length, part === 'suffix' ? 1 : 0]
}

function flatten(probes: readonly LabelProbe[]): Probes {
  const wholes = probes.filter((probe) => probe.part === 'whole')
  const lones = probes.filter((probe) => probe.part !== 'whole')
  return {
    wholes: Int32Array.from(wholes.flatMap(probeNumbers)),
    lones: Int32Array.from(lones.flatMap(probeNumbers)),
    names: [...wholes, ...lones].map((probe) => probe.by),
    max: Math.max(0, ...wholes.map((probe) => Math.min(probe.max, LABEL_BYTES_MAX))),
  }
}

/** A worker's reader of the table. Allocates nothing after construction. */
export class LabelTable {
  readonly #slots: Int32Array
  readonly #words: Int32Array
  readonly #mask: number
  readonly #probes: readonly Probes[]
  #hit: Probes | undefined
  #hitProbe = 0

  constructor(plan: LabelTablePlan) {
    this.#slots = new Int32Array(plan.slots)
    this.#words = new Int32Array(plan.keys)
    this.#mask = plan.mask
    this.#probes = plan.probes.map(flatten)
  }

  /** Which label format found the last hit, or `literal`; empty when the last {@link find} was none. */
  get by(): string {
    return this.#hit?.names[this.#hitProbe] ?? ''
  }

  /** Which of the stream's probes found the last hit: whole ones first, then lone parts; -1 when it was none. */
  get probe(): number {
    return this.#hit === undefined ? -1 : this.#hitProbe
  }

  /**
   * The owner of the label `buf[start, end)` of a stream: its index, 0 when nobody's, {@link LABEL_AMBIGUOUS}
   * when lone parts name two tenants. Whole labels go first: that no lone part of another tenant fits one is
   * checked when the rules are compiled. The cost depends on the label and the stream's probes only. `is_read`: this
   * is the label that the quick scanner has read just now.
   */
  find(stream: number, buf: Uint8Array, start: number, end: number, is_read = false): number {
    this.#hit = undefined
    const probes = this.#probes[stream]
    const size = end - start
    if (probes === undefined || size <= 0) return 0
    if (size <= probes.max) {
      const { wholes } = probes
      const hash = is_read ? labelHash() : readLabel(buf, start, end)
      const words = is_read ? labelWords() : label
      for (let at = 0; at < wholes.length; at += PROBE_INTS) {
        if (size > wholes[at + 1]!) continue
        const place = this.#look(withKind(hash, wholes[at]!), words, wholes[at + 2]!, buf, start, end)
        if (place < 0) continue
        this.#hit = probes
        this.#hitProbe = at / PROBE_INTS
        return this.#slots[place + 3]!
      }
    }
    return probes.lones.length === 0 ? 0 : this.#findLone(probes, buf, start, end)
  }

  #findLone(probes: Probes, buf: Uint8Array, start: number, end: number): number {
    const { wholes, lones } = probes
    const size = end - start
    let found = 0
    let tenant = -1
    for (let at = 0; at < lones.length; at += PROBE_INTS) {
      const length = lones[at + 3]!
      if (size > lones[at + 1]! || size < length) continue
      const from = lones[at + 4] === 1 ? end - length : start
      const hash = readLabel(buf, from, from + length)
      const place = this.#look(withKind(hash, lones[at]!), label, lones[at + 2]!, buf, from, from + length)
      if (place < 0) continue
      const its = this.#words[this.#slots[place + 1]! - 1]!
      if (found === 0) {
        found = this.#slots[place + 3]!
        tenant = its
        this.#hit = probes
        this.#hitProbe = (wholes.length + at) / PROBE_INTS
      } else if (its !== tenant) {
        this.#hit = undefined
        return LABEL_AMBIGUOUS
      }
    }
    return found
  }

  /** Place of the slot with these words, which are those of `buf[start, end)`; -1 when there is none. */
  #look(
    hash: number,
    label_words: Int32Array,
    exact: number,
    buf: Uint8Array,
    start: number,
    end: number,
  ): number {
    const slots = this.#slots
    const words = this.#words
    const mask = this.#mask
    const size = end - start
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = slot * SLOT_INTS
      if (slots[place + 3] === 0) return -1
      if (slots[place] !== hash || slots[place + 2] !== size) continue
      const key = slots[place + 1]!
      const count = (size + 3) >> 2
      let word = 0
      while (word < count && words[key + word] === label_words[word]) word++
      if (word === count && (exact === 0 || this.#exact(key + count, buf, start, end))) return place
    }
  }

  #exact(key: number, buf: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end; at += 4, key++)
      if (exactWord(buf, at, end) !== this.#words[key]) return false
    return true
  }
}
