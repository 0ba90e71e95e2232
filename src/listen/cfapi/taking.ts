/**
 * From a body to frames: the whole body is read before anything of it is handed over, so a request is taken as a whole
 * or not at all. Reading goes on for two milliseconds at most before the event loop turns; handing over does not wait in
 * between, because the peer's numbers are good between two frames only.
 */
import type { Buffer } from 'node:buffer'
import { JsonBuffer } from '../../base/json-buffer.ts'
import { EventFlag } from '../../classify/view.ts'
import type { ConnectionShared } from '../connection.ts'
import type { Origin } from '../types.ts'
import { Composer, type ComposeSettings } from './composer.ts'
import { JsonError } from './json-scanner.ts'
import { RequestReader, ShapeError } from './request-reader.ts'

const SLICE_MS = 2
/** Events, and about as many bytes of the body, between two looks at the clock. */
const LOOK_EVERY = 64
const LOOK_BYTES = 65_536
/** Events of one request at most: handing them over is one step. The API's advice is 500. */
export const EVENTS_MAX = 40_000
/** Frames of a request that are kept as memory for the next. */
const KEPT_BYTES_MAX = 8 * 2 ** 20

export type Read =
  | { readonly kind: 'events'; readonly events: number }
  | { readonly kind: 'bad'; readonly reason: string }
  | { readonly kind: 'too_many' }

/** One request at a time. */
export class Taking {
  readonly #reader = new RequestReader()
  readonly #composer = new Composer()
  #frames = new JsonBuffer(65_536)
  #ends = new Uint32Array(1024)
  #flags = new Uint8Array(1024)
  #events = 0

  /** Reads a body. Never rejects. */
  async read(body: Buffer, settings: ComposeSettings, shared: ConnectionShared): Promise<Read> {
    const { clock } = shared
    this.#clear()
    this.#reader.begin(body)
    const wall = clock.wall()
    let since = clock.monotonic()
    try {
      while (this.#slice(body, settings, wall)) {
        if (this.#events > EVENTS_MAX) return { kind: 'too_many' }
        if (clock.monotonic() - since < SLICE_MS) continue
        await new Promise((resolve) => setImmediate(resolve))
        since = clock.monotonic()
      }
      return this.#events > EVENTS_MAX ? { kind: 'too_many' } : { kind: 'events', events: this.#events }
    } catch (error) {
      if (error instanceof JsonError) return { kind: 'bad', reason: `${error.message} at byte ${error.at}` }
      if (error instanceof ShapeError) return { kind: 'bad', reason: error.message }
      throw error
    }
  }

  /** Hands over what was read. Between `expectAcknowledgement` and `acknowledge` nothing waits. */
  hand(origin: Origin, { intake, tally }: ConnectionShared, done: (kept: boolean) => void): void {
    const frames = this.#frames.bytes
    let start = 0
    let truncated = 0
    intake.expectAcknowledgement()
    for (let n = 0; n < this.#events; n += 1) {
      const end = this.#ends[n]!
      const flags = this.#flags[n]!
      if ((flags & EventFlag.truncated) !== 0) truncated += 1
      intake.frame(origin, frames, start, end, flags)
      start = end
    }
    if (truncated > 0) tally.truncated(truncated)
    intake.acknowledge(origin, done)
  }

  /** Some events; false: that was all. */
  #slice(body: Buffer, settings: ComposeSettings, wall: number): boolean {
    const reader = this.#reader
    const frames = this.#frames
    const until = reader.offset + LOOK_BYTES
    for (let i = 0; i < LOOK_EVERY && reader.offset < until; i += 1) {
      if (!reader.next()) return false
      const n = this.#events
      if (n >= this.#ends.length) this.#grow()
      this.#flags[n] = this.#composer.compose(frames, body, reader.event, settings, wall)
      this.#ends[n] = frames.length
      this.#events = n + 1
    }
    return true
  }

  #grow(): void {
    const ends = new Uint32Array(this.#ends.length * 2)
    const flags = new Uint8Array(this.#flags.length * 2)
    ends.set(this.#ends)
    flags.set(this.#flags)
    this.#ends = ends
    this.#flags = flags
  }

  #clear(): void {
    this.#events = 0
    if (this.#frames.bytes.length > KEPT_BYTES_MAX) this.#frames = new JsonBuffer(65_536)
    else this.#frames.clear()
  }
}
