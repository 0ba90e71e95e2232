/**
 * The left end of a queue: the batch that takes its events now, and the one that did until the rules changed. Batches are
 * open in a chunk of {@link OpenBatches}; where that has no room, in memory of their own.
 */
import { Buffer } from 'node:buffer'
import { type Appendable, Batch, type BatchIdentity, type BatchNames } from './batch.ts'
import { PayloadForm } from './batch-format.ts'
import { chunkBytes, type OpenBatch, type OpenBatches } from './open-batches.ts'
import type { QueueDeps, QueueLimits } from './queue-deps.ts'

/** EventFlag.control, as batches store it. */
const CONTROL = 4
/** A chunk at first, and at most for a batch that has no event yet; it grows as events come. */
const FIRST_BYTES = 4096
const FIRST_BYTES_MAX = 131_072
/** So much of a forwarder's share at most. */
const FIRST_PART = 8
const NOTHING = Buffer.alloc(0)
const NO_INDEX = new Uint32Array(0)

/** What new batches are made with. */
export interface OpenSettings {
  readonly identity: BatchIdentity
  readonly form: PayloadForm
  readonly names: BatchNames
  readonly limits: QueueLimits
}

/** The queue, as its left end sees it. */
export interface OpenEndQueue extends Pick<OpenBatch, 'sealOpen'> {
  /** Whether one more event may come in; if not, it is counted as dropped. */
  admit(): boolean
  charge(bytes: number): void
  /** The first event of a batch came. */
  opened(): void
}

export class OpenEnd {
  readonly #opens: OpenBatches
  readonly #number: number
  readonly #deps: QueueDeps
  readonly #queue: OpenEndQueue
  #settings: OpenSettings
  #open: Batch | undefined
  #before: Batch | undefined
  /** Bytes of the chunk that the last batch needed: so many the next one begins with. */
  #first_bytes = FIRST_BYTES

  constructor(number: number, queue: OpenEndQueue, settings: OpenSettings, deps: QueueDeps) {
    this.#opens = deps.opens
    this.#number = number
    this.#queue = queue
    this.#settings = settings
    this.#deps = deps
  }

  /** The batch that takes events now. */
  get open(): Batch | undefined {
    return this.#open
  }

  /** The older of both. */
  get first(): Batch | undefined {
    return this.#before ?? this.#open
  }

  /** Receive time of the oldest event; null when there is none. */
  get oldest(): number | null {
    const { first } = this
    if (first === undefined) return null
    if (first.chunk_at === 0) return first.events > 0 ? first.received_at(0) : null
    return this.#opens.events(first.chunk_at) > 0 ? this.#opens.oldest(first.chunk_at) : null
  }

  /** Whether the open batch has reached `batch.bytes`. */
  get full(): boolean {
    return this.#open !== undefined && this.#used(this.#open) >= this.#settings.limits.batch_bytes
  }

  /** New rules: what is open takes no more. A reload seals no batches, the next event or tick does. */
  renew(settings: OpenSettings): void {
    if (this.#before !== undefined) this.#queue.sealOpen()
    this.#before = this.#open
    this.#open = undefined
    this.#opens.leave(this.#number)
    this.#settings = settings
  }

  /** Takes one event; false when there is no room for it, and it is counted as dropped. */
  take(event: Appendable, owner: number): boolean {
    const escape = this.#settings.form === PayloadForm.newline && (event.flags & CONTROL) !== 0
    let batch = this.#open
    if (batch === undefined || batch.full) {
      if (!this.#queue.admit()) return false
      batch = this.#begin(FIRST_BYTES)
    }
    const room = batch.room(event.end - event.start, escape)
    if (!this.#fits(batch, room)) {
      if (!this.#queue.admit()) return false
      batch = this.#makeRoom(batch, room)
    }
    if (batch.chunk_at !== 0)
      this.#opens.append(batch.chunk_at, event, owner, escape, batch.numberPeer(event.peer))
    else {
      if (batch.indexFull) this.#queue.charge(this.#deps.pool.doubleIndex(batch))
      batch.append(event, owner, escape)
    }
    return true
  }

  /** Ends what is open: the older first, each in memory of its own; undefined for none, and for one without events. */
  end(): readonly [Batch | undefined, Batch | undefined] {
    const before = this.#before
    const open = this.#open
    this.#before = undefined
    this.#open = undefined
    this.#opens.leave(this.#number)
    return [this.#takeOut(before), this.#takeOut(open)]
  }

  #takeOut(batch: Batch | undefined): Batch | undefined {
    if (batch === undefined) return undefined
    if (batch.chunk_at !== 0) {
      const at = batch.chunk_at
      const chunk = batch.held
      const needed = chunkBytes(this.#opens.used(at), this.#opens.events(at))
      const most = Math.min(FIRST_BYTES_MAX, this.#settings.limits.memory_max / FIRST_PART)
      this.#first_bytes = Math.min(most, needed)
      this.#opens.close(batch, this.#deps.pool)
      this.#queue.charge(batch.held - chunk)
    }
    if (batch.events > 0) return batch
    this.#queue.charge(-batch.held)
    this.#deps.pool.give(batch.payload)
    this.#deps.pool.giveIndex(batch.index)
    return undefined
  }

  #used(batch: Batch): number {
    return batch.chunk_at === 0 ? batch.used : this.#opens.used(batch.chunk_at)
  }

  /** Whether an event that takes `room` bytes has its place in the open batch as it is. */
  #fits(batch: Batch, room: number): boolean {
    const used = this.#used(batch)
    if (batch.chunk_at === 0) return used + room <= batch.payload.length
    if (used > 0 && used + room > this.#settings.limits.batch_bytes) return false
    return this.#opens.needs(batch.chunk_at, room) <= batch.chunk_bytes
  }

  /** A new open batch with a chunk of at least `bytes`; what was open ends. */
  #begin(bytes: number): Batch {
    this.#queue.sealOpen()
    const { form, identity, names, limits } = this.#settings
    const { pool, clock } = this.#deps
    const batch = new Batch(form, identity, names, NOTHING, NO_INDEX)
    if (!this.#opens.open(this.#number, batch, Math.max(bytes, this.#first_bytes), limits.batch_bytes))
      batch.fill(pool.take(bytes), 0, pool.takeIndex(bytes / 4), 0)
    batch.opened_mono = clock.monotonic()
    this.#open = batch
    this.#queue.charge(batch.held)
    this.#queue.opened()
    return batch
  }

  /** Room for `room` bytes more in the open batch, or a new batch when it would pass `batch.bytes`. */
  #makeRoom(batch: Batch, room: number): Batch {
    const used = this.#used(batch)
    if (used > 0 && used + room > this.#settings.limits.batch_bytes) return this.#begin(chunkBytes(room, 1))
    const before = batch.held
    if (batch.chunk_at === 0) {
      const { pool } = this.#deps
      pool.give(batch.growPayload(pool.take(Math.max(used + room, batch.payload.length * 2))))
    } else if (!this.#opens.grow(this.#number, batch, this.#opens.needs(batch.chunk_at, room)))
      return this.#begin(chunkBytes(room, 1))
    this.#queue.charge(batch.held - before)
    return batch
  }
}
