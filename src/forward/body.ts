/**
 * One request body: a JSON array of as many events of a work's current range as the limits allow. Encoding goes
 * on for two milliseconds at most before the event loop turns.
 */
import type { Clock } from '../base/clock.ts'
import { JsonBuffer } from '../base/json-buffer.ts'
import type { Batch } from '../queue/batch.ts'
import type { EventEncoder } from './encode/batch-encoder.ts'
import type { Work } from './work.ts'

const SLICE_MS = 2
/** Events between two looks at the clock. */
const LOOK_EVERY = 64
const KEPT_MAX = 4
const KEPT_BYTES_MAX = 2_097_152
const OPEN = 0x5b
const CLOSE = 0x5d
const COMMA = 0x2c

/** Uncompressed bytes and events of one request at most. */
export interface BodyLimits {
  readonly batch_bytes: number
  readonly batch_events: number
}

/** Buffers of bodies that are not in use, shared by all destinations of the thread. */
const kept: JsonBuffer[] = []

export class Body {
  readonly out: JsonBuffer = kept.pop() ?? new JsonBuffer(65_536)
  /** Events in it. */
  events = 0
  /** Bytes of them as they came. */
  raw = 0
  /** How many events of the range were looked at: those in it and those that cannot be expressed. */
  #looked = 0
  #until = 0
  #full = false
  readonly #encoder: EventEncoder
  readonly #limits: BodyLimits

  constructor(encoder: EventEncoder, limits: BodyLimits) {
    this.#encoder = encoder
    this.#limits = limits
  }

  /** Fills it. The work's current range ends where the body does. */
  async build(work: Work, clock: Clock): Promise<void> {
    const range = work.current
    if (range === undefined) return
    this.out.putByte(OPEN)
    const put = (batch: Batch, n: number): boolean => this.#put(work, range.from, batch, n)
    let since = clock.monotonic()
    while (!this.#full && range.from + this.#looked < range.to) {
      this.#until = this.#looked + LOOK_EVERY
      work.visit(range.from + this.#looked, put)
      if (this.#full || clock.monotonic() - since < SLICE_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      since = clock.monotonic()
    }
    this.out.putByte(CLOSE)
    work.shorten(range.from + this.#looked)
  }

  /** Gives the memory back. */
  free(): void {
    this.out.clear()
    if (kept.length < KEPT_MAX && this.out.bytes.length <= KEPT_BYTES_MAX) kept.push(this.out)
  }

  /** Whether to go on with the next. */
  #put(work: Work, from: number, batch: Batch, n: number): boolean {
    const { out } = this
    const before = out.length
    if (this.events > 0) out.putByte(COMMA)
    if (!this.#encoder.encode(out, batch, n)) {
      out.length = before
      work.drop(from + this.#looked, 'unencodable')
    } else if (this.events > 0 && out.length + 1 > this.#limits.batch_bytes) {
      out.length = before
      this.#full = true
      return false
    } else {
      this.events += 1
      this.raw += batch.length(n)
    }
    this.#looked += 1
    if (this.events >= this.#limits.batch_events) this.#full = true
    return !this.#full && this.#looked < this.#until
  }
}
