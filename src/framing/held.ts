/**
 * The bytes of an unfinished frame. Capacity follows the bytes received, by doubling, never a number that a peer
 * announced (R34); what a large frame took is given back as soon as the frame is gone.
 */
import { Buffer } from 'node:buffer'

const CAPACITY_MIN = 256
/** A connection keeps at most this much between frames, so that ordinary ones do not allocate for every read. */
const CAPACITY_KEPT = 2048
/** Below this a loop is cheaper than a call of `copy`. */
const SHORT = 24

const NONE = Buffer.alloc(0)

/** See the module. */
export class Held {
  #bytes: Buffer = NONE
  #length = 0
  /** Offset of the first LF, CR or NUL; beyond every length when there is none. */
  #control = Number.MAX_SAFE_INTEGER
  readonly #capacity_max: number

  /** `capacity_max`: bytes that are never exceeded; the caller appends no more. */
  constructor(capacity_max: number) {
    this.#capacity_max = capacity_max
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  get length(): number {
    return this.#length
  }

  get capacity(): number {
    return this.#bytes.length
  }

  /** Whether a LF, CR or NUL stands before `end`. */
  controlBefore(end: number): boolean {
    return this.#control < end
  }

  /** Takes `chunk[from, to)`. `control` is the place in `chunk` of its first LF, CR or NUL at or after `from`. */
  append(chunk: Buffer, from: number, to: number, control: number): void {
    const length = this.#length
    const need = length + (to - from)
    if (need > this.#bytes.length) this.#grow(need)
    if (control < to && this.#control > length) this.#control = length + (control - from)
    const bytes = this.#bytes
    if (to - from > SHORT) chunk.copy(bytes, length, from, to)
    else for (let i = from, j = length; i < to; i++, j++) bytes[j] = chunk[i] ?? 0
    this.#length = need
  }

  /** Takes one byte that is no LF, CR or NUL. */
  appendByte(byte: number): void {
    const length = this.#length
    if (length === this.#bytes.length) this.#grow(length + 1)
    this.#bytes[length] = byte
    this.#length = length + 1
  }

  /** Gives back what was appended past `length`. */
  cutTo(length: number): void {
    this.#length = length
    if (this.#control >= length) this.#control = Number.MAX_SAFE_INTEGER
  }

  /** Takes the first `count` bytes off (a few: digits and space of a count, which hold no control byte). */
  dropFront(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length)
    this.#length -= count
    if (this.#control !== Number.MAX_SAFE_INTEGER) this.#control -= count
  }

  clear(): void {
    this.#length = 0
    this.#control = Number.MAX_SAFE_INTEGER
    if (this.#bytes.length > CAPACITY_KEPT) this.#bytes = NONE
  }

  #grow(need: number): void {
    let capacity = this.#bytes.length === 0 ? CAPACITY_MIN : this.#bytes.length
    while (capacity < need) capacity *= 2
    // Not from the pool: a slice kept for the life of a connection would keep the whole pool page.
    const bytes = Buffer.allocUnsafeSlow(Math.min(capacity, this.#capacity_max))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}
