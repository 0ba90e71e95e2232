/**
 * How much goes into one request: what is configured, no more than a part of the forwarder's memory, and less where the
 * destination said that it was too long.
 */
import type { Batch } from '../queue/batch.ts'
import type { Lane } from '../queue/lane.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import type { Body, BodyLimits } from './body.ts'
import { Work } from './work.ts'

/** A body may take this part of the forwarder's memory, but never less than so many bytes. */
const BODY_PART = 4
const BODY_MIN = 16_384
/** After a request that was too long, each that is taken lets the next be so much longer. */
const GROW = 1.02
/** How much of the last figure stays in the next. */
const INERTIA = 0.8

export class RequestSize implements BodyLimits {
  /** Uncompressed bytes of one request at most; follows what the destination takes. */
  batch_bytes: number
  readonly batch_events: number
  readonly #bytes_max: number
  /** Encoded bytes an event's payload byte became, lately. */
  #ratio = 2

  constructor({ http, queue, concurrency }: ForwarderSettings) {
    const share = Math.floor(queue.memory_max / BODY_PART / Math.max(1, concurrency))
    this.#bytes_max = Math.min(http.batch_bytes, Math.max(BODY_MIN, share))
    this.batch_bytes = this.#bytes_max
    this.batch_events = http.batch_events
  }

  /** As many batches as make about one request. */
  lease(lane: Lane): Work | undefined {
    const batches: Batch[] = []
    let bytes = 0
    let events = 0
    // As much as the last batch will not be wanted behind the limit: a small second request costs as a large one.
    let last = 0
    let last_events = 0
    while (bytes + last < this.batch_bytes && events + last_events <= this.batch_events) {
      const batch = lane.lease()
      if (batch === undefined) break
      batches.push(batch)
      last = batch.used * this.#ratio
      last_events = batch.events
      bytes += last
      events += last_events
    }
    return batches.length === 0 ? undefined : new Work(batches)
  }

  /** A body was made. */
  made(body: Body): void {
    this.#ratio = this.#ratio * INERTIA + (body.bytes / Math.max(body.raw, 1)) * (1 - INERTIA)
  }

  /** It was taken. */
  taken(): void {
    this.batch_bytes = Math.min(this.#bytes_max, this.batch_bytes * GROW)
  }

  /** It was too long: the next ones would be too, so they are shorter. */
  tooLong(body: Body): void {
    if (body.events > 1) this.batch_bytes = Math.max(BODY_MIN, Math.floor(body.bytes / 2))
  }
}
