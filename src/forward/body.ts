/**
 * One request body: as many events of a work's current range as the limits allow, one behind the other as the
 * destination wants them. Encoding goes on for two milliseconds at most before the event loop turns.
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

/** Uncompressed bytes and events of one request at most. */
export interface BodyLimits {
  readonly batch_bytes: number
  readonly batch_events: number
}

/** Bytes around events; 0: none. */
export interface BodyShape {
  readonly open: number
  readonly between: number
  readonly after: number
  readonly close: number
}

/** A JSON array. */
export const ARRAY: BodyShape = { open: 0x5b, between: 0x2c, after: 0, close: 0x5d }
/** One object a line, each with its line end. */
export const LINES: BodyShape = { open: 0, between: 0, after: 0x0a, close: 0 }
/** One object behind the other. */
export const BARE: BodyShape = { open: 0, between: 0, after: 0, close: 0 }

/** Buffers of bodies that are not in use, shared by all destinations of the thread: outside every account, and few. */
const kept: JsonBuffer[] = []

/** How a body is made. */
export interface BodyMaker {
  readonly encoder: EventEncoder
  readonly shape: BodyShape
  readonly limits: BodyLimits
  /** Told of an encoder that threw; the event counts as one that cannot be expressed. */
  readonly threw: (error: unknown) => void
  /** Told of memory that is held, and with a negative number of memory that is not any more. */
  readonly hold: (bytes: number) => void
}

export class Body {
  readonly out: JsonBuffer = kept.pop() ?? new JsonBuffer(65_536)
  /** Events in it. */
  events = 0
  /** Bytes of them as they came. */
  raw = 0
  /** How many events of the range were looked at: those in it and those that cannot be expressed. */
  #looked = 0
  /** Of those, the ones that cannot be expressed. */
  readonly #skipped: number[] = []
  #until = 0
  #full = false
  #held = 0
  readonly #maker: BodyMaker

  constructor(maker: BodyMaker) {
    this.#maker = maker
  }

  /** Fills it. The work's current range ends where the body does. */
  async build(work: Work, clock: Clock): Promise<void> {
    const range = work.current
    if (range === undefined) return
    const { open, close } = this.#maker.shape
    if (open !== 0) this.out.putByte(open)
    const put = (batch: Batch, n: number): boolean => this.#put(work, range.from, batch, n)
    let since = clock.monotonic()
    while (!this.#full && range.from + this.#looked < range.to) {
      this.#until = this.#looked + LOOK_EVERY
      work.visit(range.from + this.#looked, put)
      this.#hold()
      if (this.#full || clock.monotonic() - since < SLICE_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      since = clock.monotonic()
    }
    if (close !== 0) this.out.putByte(close)
    this.#hold()
    work.shorten(range.from + this.#looked)
  }

  /** Which event of the range is number `n` of the body. */
  place(n: number): number {
    let at = n
    for (const skipped of this.#skipped) if (skipped <= at) at += 1
    return at
  }

  /** Gives the memory back; a second time does nothing. What `place` says stays true. */
  free(): void {
    if (this.#held < 0) return
    this.#maker.hold(-this.#held)
    this.#held = -1
    this.out.clear()
    if (kept.length < KEPT_MAX && this.out.bytes.length <= KEPT_BYTES_MAX) kept.push(this.out)
  }

  #hold(): void {
    const more = this.out.bytes.length - this.#held
    if (more === 0) return
    this.#held += more
    this.#maker.hold(more)
  }

  /** Whether to go on with the next. */
  #put(work: Work, from: number, batch: Batch, n: number): boolean {
    const { out } = this
    const { limits, shape } = this.#maker
    const before = out.length
    if (this.events > 0 && shape.between !== 0) out.putByte(shape.between)
    if (!this.#encode(batch, n)) {
      out.length = before
      this.#skipped.push(this.#looked)
      work.drop(from + this.#looked, 'unencodable')
    } else if (this.events > 0 && out.length + 1 > limits.batch_bytes) {
      out.length = before
      this.#full = true
      return false
    } else {
      if (shape.after !== 0) out.putByte(shape.after)
      this.events += 1
      this.raw += batch.length(n)
    }
    this.#looked += 1
    if (this.events >= limits.batch_events) this.#full = true
    return !this.#full && this.#looked < this.#until
  }

  /** What throws in here would end the worker, and throw again with the next. */
  #encode(batch: Batch, n: number): boolean {
    try {
      return this.#maker.encoder.encode(this.out, batch, n)
    } catch (error) {
      this.#maker.threw(error)
      return false
    }
  }
}
