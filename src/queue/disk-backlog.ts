/**
 * What one forwarder has on disk, seen from its queue: writes in progress, counts of what lies there, and the
 * next batches read back. Rows on disk that the queue also holds in memory are not counted here.
 */
import assert from 'node:assert/strict'
import type { Clock } from '../base/clock.ts'
import type { DropReason } from '../base/counters.ts'
import type { Batch } from './batch.ts'
import { BatchDamaged, parseBatch, serialiseBatch } from './batch-codec.ts'
import { freeBytes } from './memory.ts'
import type { SpoolClient } from './spool-port.ts'

/** Bytes asked for in one read; the next is asked for when half of it is used up. */
const READ_BYTES = 256 * 1024
/** Bytes dropped from disk at a time to make room. */
const DROP_BYTES = 1024 * 1024
/** What a copy on its way takes besides itself, in its own bytes: what the spool makes smaller of it, and SQLite's pages until the commit. */
const COPY_BESIDES = 1
/** Milliseconds between attempts after the disk refused. */
const PAUSE_MS = 500

/** The spool as all queues of a worker share it. */
export interface DiskPort {
  readonly client: SpoolClient
  /** Bytes handed to the spool and not yet committed, by all queues, at most. */
  readonly writing_max: number
  writing: number
}

export interface DiskEvents {
  /** The batch is on disk. Not called for one that was settled meanwhile. */
  committed(batch: Batch): void
  /** A batch could not be written and is in memory as before. */
  refused(outcome: 'full' | 'error'): void
  /** Memory of copies on their way, and of batches read back; `besides` is of no forwarder's share. */
  charge(bytes: number, besides?: number): void
  /** Something can be taken. */
  ready(): void
  /** The sealed batches that the queue holds, some with a copy on disk. */
  memory(): Iterable<Batch>
  /** Events on disk are gone. */
  lost(reason: DropReason, events: number): void
}

/** What an operator gave up. */
export interface Lost {
  readonly batches: number
  readonly events: number
  readonly bytes: number
}

export class DiskBacklog {
  readonly #key: string
  readonly #port: DiskPort
  readonly #clock: Clock
  readonly #events: DiskEvents
  /** Being written; true when it was settled meanwhile. */
  readonly #writing = new Map<Batch, boolean>()
  #writing_bytes = 0
  #read_ahead: Batch[] = []
  /** On disk only, not read ahead. */
  #unread = { batches: 0, events: 0, bytes: 0 }
  /** Everything up to here has been read or never needs to be. */
  #cursor = -1
  #reading = false
  #dropping = false
  #drop_wanted = false
  /** Called when neither a read nor a drop is under way. */
  #waiting: (() => void)[] = []
  #paused_until = 0
  #closed = false
  oldest_at = 0

  constructor(key: string, port: DiskPort, clock: Clock, events: DiskEvents) {
    this.#key = key
    this.#port = port
    this.#clock = clock
    this.#events = events
  }

  /** Batches on disk that are neither in flight nor in the queue's memory. */
  get batches(): number {
    return this.#unread.batches + this.#read_ahead.length
  }

  /** Bytes on disk of {@link batches}. */
  get bytes(): number {
    return this.#unread.bytes + this.#readAheadBytes
  }

  get #readAheadBytes(): number {
    let bytes = 0
    for (const batch of this.#read_ahead) bytes += batch.disk_bytes
    return bytes
  }

  adopt(batches: number, events: number, bytes: number): void {
    this.#unread.batches += batches
    this.#unread.events += events
    this.#unread.bytes += bytes
    this.oldest_at = this.#clock.wall()
  }

  /** Bytes of copies on their way. */
  get writing_bytes(): number {
    return this.#writing_bytes
  }

  isWriting(batch: Batch): boolean {
    return this.#writing.has(batch)
  }

  /** Starts writing; false when the disk is busy or refused lately: ask again later. */
  write(batch: Batch, disk_max: number): boolean {
    assert(!batch.on_disk && !this.#writing.has(batch))
    if (this.#closed || this.#port.writing >= this.#port.writing_max) return false
    if (this.#clock.monotonic() < this.#paused_until) return false
    const bytes = serialiseBatch(batch)
    const size = bytes.byteLength
    batch.disk_bytes = size
    this.#writing.set(batch, false)
    this.#writing_bytes += size
    this.#port.writing += size
    this.#events.charge(size, size * COPY_BESIDES)
    const row = { sequence: batch.sequence, events: batch.events, bytes }
    // Made again from the batch while that has its memory, and not kept twice for a thread that seldom dies.
    const again = (): ArrayBuffer | undefined =>
      this.#writing.get(batch) === true ? undefined : serialiseBatch(batch)
    void this.#port.client.write(this.#key, disk_max, row, again).then(({ outcome }) => {
      this.#port.writing -= size
      this.#events.charge(-size, -size * COPY_BESIDES)
      this.#writing_bytes -= size
      freeBytes(bytes)
      const settled = this.#writing.get(batch) === true
      this.#writing.delete(batch)
      if (outcome === 'committed') {
        if (settled) this.#port.client.acknowledge(this.#key, [batch.sequence])
        else this.#events.committed(batch)
        return
      }
      this.#paused_until = this.#clock.monotonic() + PAUSE_MS
      if (!settled) this.#events.refused(outcome)
    })
    return true
  }

  /** The batch left the queue's memory: only disk has it now. */
  keep(batch: Batch): void {
    if (this.batches === 0) this.oldest_at = batch.received_at(0)
    this.#unread.batches += 1
    this.#unread.events += batch.events
    this.#unread.bytes += batch.disk_bytes
  }

  /**
   * Batches that have a copy, given back by a destination that is no more, with what was read ahead for it: all is read
   * again when there is another. False: not now.
   */
  putBack(batches: readonly Batch[]): boolean {
    if (this.#reading || this.#dropping) return false
    const ahead = this.#read_ahead.splice(0)
    for (const batch of [...batches, ...ahead]) {
      this.#unread.batches += 1
      this.#unread.events += batch.events
      this.#unread.bytes += batch.disk_bytes
    }
    const first = batches[0] as Batch
    this.#cursor = Math.min(this.#cursor, first.sequence - 1)
    this.oldest_at = first.received_at(0)
    for (const batch of ahead) this.#letGo(batch)
    return true
  }

  /** It was read ahead, and nobody wants it. */
  #letGo(batch: Batch): void {
    this.#events.charge(-batch.held)
    freeBytes(batch.payload.buffer)
    freeBytes(batch.index.buffer)
  }

  /** The batch was leased from memory: what is on disk up to it needs no reading. */
  passed(batch: Batch): void {
    assert(this.batches === 0, 'a batch passed older ones on disk')
    this.#cursor = Math.max(this.#cursor, batch.sequence)
  }

  /** The next batch from disk, or undefined: then a read is under way, or there is nothing. */
  take(): Batch | undefined {
    const batch = this.#read_ahead.shift()
    if (this.#unread.batches > 0 && this.#readAheadBytes < READ_BYTES / 2) this.#read()
    if (batch !== undefined) this.oldest_at = batch.received_at(0)
    return batch
  }

  /** Done with: if disk has it, it must not come again. */
  settled(batch: Batch): void {
    if (this.#writing.has(batch)) this.#writing.set(batch, true)
    else if (batch.on_disk) this.#port.client.acknowledge(this.#key, [batch.sequence])
  }

  /** Whether {@link dropOldest} would find something. */
  get canDrop(): boolean {
    return this.#unread.batches > 0
  }

  /** Drops the oldest batches to make room for newer ones. */
  dropOldest(): void {
    // What an answer on its way holds would be counted as dropped, and given out as well: it comes first.
    this.#drop_wanted = this.#reading
    if (this.#reading || this.#dropping || !this.canDrop) return
    this.#dropAhead('queue_full')
    void this.#drop(DROP_BYTES, 'queue_full')
  }

  /** Gives up everything on disk that is not in flight. What memory holds stays, and comes to disk again. */
  async purge(): Promise<Lost> {
    while (this.#reading || this.#dropping) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    const gone = this.#dropAhead('purged')
    if (!this.canDrop) return gone
    const dropped = await this.#drop(Number.MAX_SAFE_INTEGER, 'purged')
    return {
      batches: gone.batches + dropped.batches,
      events: gone.events + dropped.events,
      bytes: gone.bytes + dropped.bytes,
    }
  }

  /** What was read ahead is older than all that was not. */
  #dropAhead(reason: DropReason): Lost {
    const gone = { batches: 0, events: 0, bytes: 0 }
    for (const batch of this.#read_ahead.splice(0)) {
      gone.batches += 1
      gone.events += batch.events
      gone.bytes += batch.disk_bytes
      this.#port.client.acknowledge(this.#key, [batch.sequence])
      this.#letGo(batch)
    }
    this.#events.lost(reason, gone.events)
    return gone
  }

  async #drop(bytes: number, reason: DropReason): Promise<Lost> {
    this.#dropping = true
    const after = this.#cursor
    const lost = await this.#port.client.dropOldest(this.#key, after, bytes)
    this.#dropping = false
    this.#paused_until = 0
    // Copies of what memory holds may have gone too: those events are not lost.
    const copies = forgetCopies(this.#events.memory(), after, lost.through)
    const batches = Math.max(0, lost.batches - copies.batches)
    const known = Math.max(0, Math.min(lost.events - copies.events, this.#unread.events))
    // Never more than the books hold: what was counted as damaged before is not counted as dropped as well.
    const events = batches >= this.#unread.batches ? this.#unread.events : known
    this.#take(batches, events, lost.bytes - copies.bytes)
    // The cursor stays: what memory holds may be older than the last that went, and comes to disk yet.
    this.#events.lost(reason, events)
    this.#rested()
    return { batches, events, bytes: lost.bytes - copies.bytes }
  }

  #rested(): void {
    if (this.#reading || this.#dropping) return
    for (const act of this.#waiting.splice(0)) act()
  }

  close(): void {
    this.#closed = true
  }

  #take(batches: number, events: number, bytes: number): void {
    this.#unread.batches = Math.max(0, this.#unread.batches - batches)
    this.#unread.events = Math.max(0, this.#unread.events - events)
    this.#unread.bytes = this.#unread.batches === 0 ? 0 : Math.max(0, this.#unread.bytes - bytes)
  }

  #read(): void {
    if (this.#reading || this.#closed) return
    this.#reading = true
    void this.#port.client.read(this.#key, this.#cursor, READ_BYTES).then((result) => {
      this.#reading = false
      for (const { batches, events, after, through } of result.damaged) {
        // What memory holds a copy of is not lost: it has no copy any more.
        const copies = forgetCopies(this.#events.memory(), after, through)
        this.#damaged(batches - copies.batches, Math.max(0, events - copies.events))
      }
      for (const row of result.rows) this.#admit(row.sequence, row.events, row.bytes)
      if (result.end && result.rows.length === 0) this.#missing()
      if (this.#drop_wanted) this.dropOldest()
      this.#rested()
      this.#events.ready()
    })
  }

  #admit(sequence: number, events: number, bytes: ArrayBuffer): void {
    // Committed, but still in the queue's memory: it is not ours to give, and comes again if that changes.
    if (this.#unread.batches === 0) return
    this.#cursor = Math.max(this.#cursor, sequence)
    try {
      const batch = parseBatch(bytes)
      this.#take(1, events, bytes.byteLength)
      batch.sequence = sequence
      batch.on_disk = true
      batch.read_back = true
      batch.disk_bytes = bytes.byteLength
      batch.opened_mono = this.#clock.monotonic()
      this.#events.charge(batch.held)
      this.#read_ahead.push(batch)
      // Events of batches that went with their file, which could not say how many they were.
      if (this.#unread.batches === 0 && this.#unread.events > 0) this.#damaged(1, 0)
    } catch (error) {
      if (!(error instanceof BatchDamaged)) throw error
      this.#damaged(1, events)
      this.#port.client.acknowledge(this.#key, [sequence])
    }
  }

  #damaged(batches: number, events: number): void {
    // With the last batch go all events that were counted: nobody would ever come for the rest.
    if (batches <= 0) return
    const last = batches >= this.#unread.batches
    const known = last ? this.#unread.events : Math.min(events, this.#unread.events)
    this.#take(batches, known, 0)
    this.#events.lost('spool_damaged', known)
  }

  /** The disk says that nothing is left although we counted some: files are gone. */
  #missing(): void {
    const { batches, events } = this.#unread
    if (batches === 0) return
    this.#take(batches, events, 0)
    this.#events.lost('spool_damaged', events)
  }
}

/** Copies numbered in (after, through] are gone from disk: what of that memory holds, it alone has now. How much it is. */
function forgetCopies(
  memory: Iterable<Batch>,
  after: number,
  through: number,
): { batches: number; events: number; bytes: number } {
  const gone = { batches: 0, events: 0, bytes: 0 }
  for (const batch of memory) {
    if (!batch.on_disk || batch.sequence <= after || batch.sequence > through) continue
    batch.on_disk = false
    gone.batches += 1
    gone.events += batch.events
    gone.bytes += batch.disk_bytes
  }
  return gone
}
