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
  /** Bytes of it all, once it is built. */
  bytes = 0
  /** The event of the work that is looked at next. */
  #next = 0
  /** Which event of the work each one in the body is. */
  readonly #places: Int32Array
  #until = 0
  #full = false
  #held = 0
  readonly #maker: BodyMaker

  constructor(maker: BodyMaker) {
    this.#maker = maker
    this.#places = new Int32Array(maker.limits.batch_events)
  }

  /** Fills it. The work's current range ends where the body does. */
  async build(work: Work, clock: Clock): Promise<void> {
    const range = work.current
    if (range === undefined) return
    const { open, close } = this.#maker.shape
    if (open !== 0) this.out.putByte(open)
    const put = (batch: Batch, n: number, event: number): boolean => this.#put(work, batch, n, event)
    let since = clock.monotonic()
    this.#next = range.from
    while (!this.#full && this.#next < range.to) {
      this.#until = this.#next + LOOK_EVERY
      if (work.visit(this.#next, put)) this.#next = range.to
      this.#hold()
      if (this.#full || clock.monotonic() - since < SLICE_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      since = clock.monotonic()
    }
    if (close !== 0) this.out.putByte(close)
    this.bytes = this.out.length
    this.#hold()
    work.shorten(this.#next)
  }

  /** Which event of the work is number `n` of the body. */
  place(n: number): number {
    return this.#places[n] ?? 0
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
  #put(work: Work, batch: Batch, n: number, event: number): boolean {
    const { out } = this
    const { limits, shape } = this.#maker
    const before = out.length
    if (this.events > 0 && shape.between !== 0) out.putByte(shape.between)
    if (!this.#encode(batch, n)) {
      out.length = before
      work.drop(event, 'unencodable')
    } else if (this.events > 0 && out.length + 1 > limits.batch_bytes) {
      out.length = before
      this.#full = true
      this.#next = event
      return false
    } else {
      if (shape.after !== 0) out.putByte(shape.after)
      this.#places[this.events] = event
      this.events += 1
      this.raw += batch.length(n)
    }
    this.#next = event + 1
    if (this.events >= limits.batch_events) this.#full = true
    return !this.#full && this.#next < this.#until
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
