/**
 * When a sender that waits for it may be told that its events are safe. Per read, not per event: one {@link Ticket}
 * is open while the frames of a read are routed; each queue that writes to disk before it sends (`spool: always`)
 * and takes one of them seals its batch when the read ends, and the ticket is told when disk has each of those
 * batches. Forwarders with `overflow` are not waited for: what they have was taken.
 *
 * Senders that are never answered open no ticket and cost a comparison an event and forwarder.
 */
import type { Batch } from './batch.ts'

/** What a ticket asks of a queue. */
export interface Tracked {
  /** From now on its batches tell `ticket`; false when it does already or never does (`overflow`). */
  track(ticket: Ticket): boolean
  /** The read is over: the open batch is sealed and nothing more is told to the ticket. */
  endTrack(): void
}

/** See the module. */
export class Ticket {
  readonly #queues: Tracked[] = []
  /** Batches that disk does not have yet, and one for the read itself. */
  #pending = 1
  #done: ((kept: boolean) => void) | undefined
  #lost = false

  /** `queue` is about to take an event of this read. */
  touch(queue: Tracked): void {
    if (queue.track(this)) this.#queues.push(queue)
  }

  /** `batch` holds events of this read and is sealed now. */
  await(batch: Batch): void {
    this.#pending += 1
    if (batch.tickets === null) batch.tickets = [this]
    else batch.tickets.push(this)
  }

  /** A batch that was waited for is on disk or delivered. */
  kept(): void {
    this.#pending -= 1
    if (this.#pending === 0) this.#settle(true)
  }

  /** An `always` forwarder had to drop events of this read before disk had them: it is never acknowledged. */
  fail(): void {
    this.#lost = true
    this.#settle(false)
  }

  /**
   * The read is over. `done` is called once: at once when nothing has to be waited for, else on a clean stack when
   * the last batch is settled; not at all when that never happens (the disk stays full, the worker ends).
   */
  end(done: (kept: boolean) => void): void {
    for (const queue of this.#queues) queue.endTrack()
    this.#pending -= 1
    if (this.#lost) done(false)
    else if (this.#pending === 0) done(true)
    else this.#done = done
  }

  #settle(kept: boolean): void {
    const done = this.#done
    this.#done = undefined
    // The caller is in the middle of a queue's work, which a sender that goes on at once would enter again.
    if (done !== undefined) queueMicrotask(() => done(kept))
  }
}

/** Part of a forwarder's share that may wait for the disk before acknowledged senders are held up. */
const BEHIND_PART = 4

/** What one `always` queue holds that disk does not have: told to tickets, and bounded for senders that can wait. */
export class Unsaved {
  readonly #key: string
  readonly #budget: { behind(key: string, is_behind: boolean): void }
  #bytes = 0
  #behind = false
  #ticket: Ticket | undefined

  constructor(key: string, budget: { behind(key: string, is_behind: boolean): void }) {
    this.#key = key
    this.#budget = budget
  }

  track(ticket: Ticket): boolean {
    if (this.#ticket === ticket) return false
    this.#ticket = ticket
    return true
  }

  endTrack(): void {
    this.#ticket = undefined
  }

  /** The read is over, and its open batch stays open until disk is done with an earlier one. */
  gather(open: Batch | undefined): void {
    if (open !== undefined && open.tickets?.at(-1) !== this.#ticket) this.#ticket?.await(open)
  }

  /** A batch was sealed that is written before it is sent. */
  sealed(batch: Batch, memory_max: number): void {
    if (batch.tickets?.at(-1) !== this.#ticket) this.#ticket?.await(batch)
    batch.unsaved = batch.held
    this.#bytes += batch.unsaved
    if (this.#behind || this.#bytes < memory_max / BEHIND_PART) return
    this.#behind = true
    this.#budget.behind(this.#key, true)
  }

  /** An event of the read at hand was dropped before it entered a batch. */
  dropped(): void {
    this.#ticket?.fail()
  }

  /** Disk has the batch, it is delivered (`kept`), or it was dropped before. Safe for every batch, and twice. */
  settled(batch: Batch, kept: boolean, memory_max: number): void {
    const { tickets } = batch
    if (tickets !== null) {
      batch.tickets = null
      for (const ticket of tickets)
        if (kept) ticket.kept()
        else ticket.fail()
    }
    if (batch.unsaved === 0) return
    this.#bytes -= batch.unsaved
    batch.unsaved = 0
    if (!this.#behind || this.#bytes > memory_max / (BEHIND_PART * 2)) return
    this.#behind = false
    this.#budget.behind(this.#key, false)
  }
}
