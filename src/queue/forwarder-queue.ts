/**
 * One forwarder's queue: takes events on the left, hands batches to the destination on the right, and moves
 * to disk what stays too long. In order of sequence number everything unsettled is:
 *
 *   in flight and given back  ·  on disk only  ·  sealed in memory  ·  the open batch
 *
 * Whatever has a copy on disk is a prefix of that order, because spilling always takes the oldest first; so
 * the chain on disk rises in sequence, and "older batches go first" holds through spool and restart.
 */
import assert from 'node:assert/strict'
import type { Timer } from '../base/clock.ts'
import { add, DESTINATION_STATES, type DropReason, ForwarderCell } from '../base/counters.ts'
import { faultPoint } from '../base/faults.ts'
import { type Ticket, type Tracked, Unsaved } from './acknowledgement.ts'
import { bookAdopted, bookDropped, bookLost, bookSpooled } from './books.ts'
import type { Appendable, Batch, BatchIdentity, BatchNames } from './batch.ts'
import type { PayloadForm } from './batch-format.ts'
import { CatchUp } from './catch-up.ts'
import { Deque } from './deque.ts'
import { observeDelivery } from './histogram.ts'
import { DiskBacklog, type Lost } from './disk-backlog.ts'
import { unwanted } from './foreign.ts'
import { isShort, PRESSED_BYTES } from './memory.ts'
import { oldestAt, spillable, stateOf, takeOldestDroppable } from './oldest.ts'
import type { Destination, Lane } from './lane.ts'
import type { OpenBatch, OpenBatches } from './open-batches.ts'
import { OpenEnd } from './open-end.ts'
import type { QueueDeps, QueueLimits } from './queue-deps.ts'

export type { QueueLimits } from './queue-deps.ts'

/** Copies on their way to the disk are at most this part of a forwarder's share: they must not crowd out events. */
const COPIES_PART = 4

export class ForwarderQueue implements Lane, Tracked, OpenBatch {
  readonly key: string
  /** Of this queue among the open batches of its worker. */
  readonly number: number
  readonly opens: OpenBatches
  readonly #end: OpenEnd
  #org: string | null = null
  #limits: QueueLimits
  readonly #deps: QueueDeps
  readonly #cells: Float64Array
  readonly #disk: DiskBacklog
  readonly #unsaved: Unsaved
  #destination: Destination | undefined
  #next_sequence: number
  readonly #memory = new Deque<Batch>()
  /** Given back, oldest first. */
  #returned: Batch[] = []
  readonly #leased = new Set<Batch>()
  #held = 0
  /** Of that, what is in flight. */
  #held_leased = 0
  #closed = false
  #catch_up: CatchUp | undefined
  #catch_up_timer: Timer | undefined
  /** By an operator: nothing is given out, everything is kept as if the destination stood still. */
  paused = false
  /** The destination is of rules that are no more, and gets nothing: another takes its place in a moment. */
  changing = false

  constructor(
    identity: BatchIdentity,
    form: PayloadForm,
    names: BatchNames,
    limits: QueueLimits,
    deps: QueueDeps,
    next_sequence: number,
  ) {
    this.key = identity.forwarder
    this.#limits = limits
    this.#deps = deps
    this.#cells = deps.cells
    this.opens = deps.opens
    this.number = deps.opens.register(this, deps.cells)
    this.#end = new OpenEnd(
      this.number,
      {
        admit: () => this.#admit(),
        charge: (bytes) => this.#charge(bytes),
        sealOpen: () => this.sealOpen(),
        opened: () => deps.opened(this),
      },
      { identity, form, names, limits },
      deps,
    )
    this.#next_sequence = next_sequence
    this.#unsaved = new Unsaved(this.key, deps.budget)
    this.#disk = new DiskBacklog(this.key, deps.disk, deps.clock, {
      committed: (batch) => this.#committed(batch),
      refused: (outcome) => this.#refused(outcome),
      charge: (bytes, besides = 0) => {
        this.#charge(bytes)
        if (besides >= 0) deps.budget.charge(besides)
        else deps.budget.release(-besides)
        // It is not of the pool: what that keeps is in its place.
        deps.pool.makeWay()
      },
      ready: () => this.#destination?.wake(),
      memory: () => this.#memory,
      lost: (reason, events) => bookLost(deps.cells, reason, events),
    })
  }

  /** Bytes of memory held, everything counted. */
  get held(): number {
    return this.#held
  }

  /** Bytes that wait: spilling them makes room, spilling what is in flight does not. */
  get waiting(): number {
    return this.#held - this.#held_leased
  }

  /** Whether so much waits that some of it should go to disk. */
  get #short(): boolean {
    return isShort(this.waiting, this.#limits.memory_max, this.#deps)
  }

  /** Bytes that a replay window may hold now: the queue's own needs come first. */
  get replay_max(): number {
    if (this.#deps.budget.pressed) return PRESSED_BYTES
    return Math.max(PRESSED_BYTES, this.#limits.memory_max / 2 - this.waiting)
  }

  /** Nothing is held, in memory or on disk. */
  get empty(): boolean {
    const batches = this.#memory.length + this.#leased.size + this.#returned.length + this.#disk.batches
    return this.#end.first === undefined && batches === 0
  }

  get limits(): QueueLimits {
    return this.#limits
  }

  /** Undefined: nobody takes anything any more. */
  attach(destination: Destination | undefined): void {
    this.#destination = destination
    destination?.wake()
  }

  get destination(): Destination | undefined {
    return this.#destination
  }

  /**
   * A new rule set: the open batch takes no more, later ones carry the new numbers. `org` is the id of the tenant's
   * organisation, null when it has none: what is held of another one is never given out ({@link unwanted}).
   */
  renew(
    identity: BatchIdentity,
    form: PayloadForm,
    names: BatchNames,
    limits: QueueLimits,
    org: string | null = null,
  ): void {
    this.#end.renew({ identity, form, names, limits })
    this.#org = org
    this.#limit(limits)
  }

  /** It left the rules: nothing more comes, so it holds nobody up. */
  park(): void {
    this.sealOpen()
    this.#limit({ ...this.#limits, when_full: 'drop_newest' })
  }

  #limit(limits: QueueLimits): void {
    const blocks = limits.when_full === 'block' || this.#limits.when_full === 'block'
    this.#limits = limits
    if (!blocks) return
    this.#deps.budget.block(this.key, limits.when_full === 'block' && this.#held >= limits.memory_max)
  }

  /** Takes over what was found on disk at start. */
  adopt(batches: number, events: number, bytes: number): void {
    this.#disk.adopt(batches, events, bytes)
    bookAdopted(this.#cells, events)
  }

  // ---- left side ---------------------------------------------------------------------------------

  /** Takes one event. */
  append(event: Appendable, owner: number): void {
    this.opens.put(this.number, event, owner)
  }

  /** {@link OpenBatch.takeSlowly}. */
  takeSlowly(event: Appendable, owner: number): void {
    if (!this.#end.take(event, owner)) return
    add(this.#cells, ForwarderCell.queued, 1)
    if (this.#end.full) this.sealOpen()
  }

  /** Counts an event as taken and dropped at once, before it entered a batch. */
  refuse(reason: DropReason): void {
    add(this.#cells, ForwarderCell.enqueued, 1)
    this.#drop(reason, 1)
  }

  /** Ends the open batch, if there is one, and offers it to the destination. */
  sealOpen(): void {
    if (this.#end.first === undefined) return
    const [before, open] = this.#end.end()
    if (before !== undefined) this.#seal(before)
    if (open !== undefined) this.#seal(open)
  }

  #seal(batch: Batch): void {
    batch.seal(this.#next_sequence)
    this.#next_sequence += 1
    this.#charge(batch.peer_bytes)
    faultPoint('worker.seal')
    this.#memory.push(batch)
    const always = this.#limits.spool === 'always'
    if (always) this.#unsaved.sealed(batch, this.#limits.memory_max)
    if (always || this.#short) this.spill()
    this.#destination?.wake()
    this.#deps.watch(this)
  }

  track(ticket: Ticket): boolean {
    return this.#limits.spool === 'always' && this.#unsaved.track(ticket)
  }

  endTrack(): void {
    // While disk works, what comes is gathered for the write after it.
    if (this.#disk.writing_bytes > 0) this.#unsaved.gather(this.#end.open)
    else this.sealOpen()
    this.#unsaved.endTrack()
  }

  /** Monotonic milliseconds when the open batch got its first event; undefined when there is none. */
  get opened_mono(): number | undefined {
    return this.#end.first?.opened_mono
  }

  /** Whether one more event may come in; applies `when_full` when the share is used up. */
  #admit(): boolean {
    const { share } = this.#deps
    const shared = share?.full === true && this.#limits.when_full !== 'block'
    if (this.#held < this.#limits.memory_max && !shared) return true
    // The open batch is not sealed here: `append` may be about to use it.
    if (this.#limits.when_full === 'block') return true
    this.#rest()
    if (this.#limits.when_full === 'drop_oldest') {
      for (let more = share?.full === true; more || this.#held >= this.#limits.memory_max; more = false) {
        const oldest = takeOldestDroppable(this.#returned, this.#memory, this.#disk)
        if (oldest === undefined) break
        this.#giveUp(oldest, 'queue_full')
      }
    }
    if (this.#held < this.#limits.memory_max && share?.full !== true) return true
    this.#drop('queue_full', 1)
    this.#unsaved.dropped()
    return false
  }

  // ---- right side --------------------------------------------------------------------------------

  lease(): Batch | undefined {
    if (this.#closed || this.paused || this.changing) return undefined
    const { queued, spooled } = ForwarderCell
    const next = (): Batch | undefined =>
      this.#from(queued, this.#returned.shift()) ??
      this.#from(spooled, this.#takeDisk()) ??
      this.#leaseMemory()
    let batch = next()
    for (; batch !== undefined; batch = next()) {
      const reason = unwanted(batch, this.#org, this.#limits.max_age, this.#deps.clock.wall())
      if (reason === undefined) break
      this.#drop(reason, batch.events)
      this.#disk.settled(batch)
      this.#free(batch)
    }
    if (batch === undefined) return undefined
    batch.written = false
    this.#leased.add(batch)
    this.#held_leased += batch.held
    add(this.#cells, ForwarderCell.in_flight, batch.events)
    return batch
  }

  /** The next batch from disk, when it is time. */
  #takeDisk(): Batch | undefined {
    const rate = this.#limits.catch_up_max ?? null
    if (rate === null || this.#disk.batches === 0) return this.#disk.take()
    const now = this.#deps.clock.monotonic()
    const came = this.#cells[ForwarderCell.enqueued] as number
    if (this.#catch_up?.rate !== rate) this.#catch_up = new CatchUp(rate, now, came)
    const wait = this.#catch_up.wait(now, came)
    if (wait === 0) {
      const batch = this.#disk.take()
      this.#catch_up.took(batch?.events ?? 0)
      return batch
    }
    this.#catch_up_timer ??= this.#deps.clock.after(wait, () => {
      this.#catch_up_timer = undefined
      this.#destination?.wake()
    })
    return undefined
  }

  #from(cell: number, batch: Batch | undefined): Batch | undefined {
    if (batch !== undefined) add(this.#cells, cell, -batch.events)
    return batch
  }

  #leaseMemory(): Batch | undefined {
    if (this.#disk.batches > 0) return undefined
    const batch = this.#memory.peek()
    if (batch === undefined || (this.#limits.spool === 'always' && !batch.on_disk)) return undefined
    this.#memory.shift()
    this.#disk.passed(batch)
    add(this.#cells, ForwarderCell.queued, -batch.events)
    return batch
  }

  settle(batch: Batch, dropped?: Readonly<Partial<Record<DropReason, number>>>): void {
    assert(this.#leased.delete(batch), 'settled a batch that is not in flight')
    faultPoint('worker.settle')
    let lost = 0
    for (const [reason, events] of Object.entries(dropped ?? {})) {
      this.#drop(reason as DropReason, events)
      lost += events
    }
    assert(lost <= batch.events)
    add(this.#cells, ForwarderCell.in_flight, -batch.events)
    this.#held_leased -= batch.held
    add(this.#cells, ForwarderCell.delivered, batch.events - lost)
    if (lost < batch.events) observeDelivery(this.#cells, batch, this.#deps.clock.wall())
    this.#disk.settled(batch)
    this.#unsaved.settled(batch, true, this.#limits.memory_max)
    this.#free(batch)
  }

  giveBack(batch: Batch): void {
    assert(this.#leased.delete(batch), 'gave back a batch that is not in flight')
    batch.written = false
    add(this.#cells, ForwarderCell.in_flight, -batch.events)
    this.#held_leased -= batch.held
    add(this.#cells, ForwarderCell.queued, batch.events)
    const at = this.#returned.findIndex((other) => other.sequence > batch.sequence)
    this.#returned.splice(at === -1 ? this.#returned.length : at, 0, batch)
    this.#deps.watch(this)
  }

  readonly hold = (bytes: number): void => this.#charge(bytes, bytes)

  wrote(bytes: number): void {
    add(this.#cells, ForwarderCell.bytes_out, bytes)
  }

  // ---- disk --------------------------------------------------------------------------------------

  /**
   * Moves to disk what has waited `spill_after`, or, when memory is short, enough to be well below the
   * share. Called by the worker's tick and after each commit. Returns whether to call it again in a while.
   */
  spill(): boolean {
    const now = this.#deps.clock.monotonic()
    const limits = this.#limits
    const always = limits.spool === 'always'
    if (this.#destination === undefined) this.#rest()
    for (const batch of spillable(this.#leased, this.#returned, this.#memory, this.#disk)) {
      if (!always && !this.#short && now - batch.opened_mono < limits.spill_after) break
      if (this.#disk.writing_bytes > limits.memory_max / COPIES_PART) break
      if (this.#disk.writing_bytes > 0 && this.#deps.share?.over === true) break
      if (!this.#disk.write(batch, limits.disk_max)) break
    }
    return this.#memory.length > 0 || this.#returned.length > 0 || this.#leased.size > 0
  }

  /** Disk has the batch: whatever stands at the front of memory need not stay there. */
  #committed(batch: Batch): void {
    batch.on_disk = true
    this.#unsaved.settled(batch, true, this.#limits.memory_max)
    if (this.#disk.writing_bytes === 0 && this.#end.first?.tickets) this.sealOpen()
    const keep = this.#limits.spool === 'always' && this.#held < this.#limits.memory_max / 2
    for (let head = this.#memory.peek(); head?.on_disk === true; head = this.#memory.peek()) {
      if (keep && this.#disk.batches === 0) break
      this.#memory.shift()
      this.#disk.keep(head)
      this.#toDisk(head)
    }
    this.spill()
    this.#destination?.wake()
  }

  /** Nobody takes anything, or memory is full: what has a copy on disk is there only, from the oldest on. */
  #rest(): void {
    if (this.#closed || this.#leased.size > 0 || this.#returned.some((batch) => !batch.on_disk)) return
    if (this.#returned.length > 0 && !this.#disk.putBack(this.#returned)) return
    for (const batch of this.#returned.splice(0)) this.#toDisk(batch)
    for (let head = this.#memory.peek(); head?.on_disk === true; head = this.#memory.peek()) {
      this.#memory.shift()
      this.#disk.keep(head)
      this.#toDisk(head)
    }
  }

  #toDisk(batch: Batch): void {
    bookSpooled(this.#cells, batch.events)
    this.#free(batch)
  }

  #refused(outcome: 'full' | 'error'): void {
    // With the disk share full, the oldest is on disk: it makes room while memory still has some.
    if (outcome !== 'full' || this.#limits.when_full !== 'drop_oldest' || !this.#disk.canDrop) return
    // Older than all that lies there.
    for (const batch of this.#returned.splice(0)) this.#giveUp(batch, 'queue_full')
    this.#disk.dropOldest()
  }

  /** An operator gives up what is on disk. */
  readonly purge = (): Promise<Lost> => this.#disk.purge()

  // ---- ends --------------------------------------------------------------------------------------

  /**
   * Graceful stop, after the destination gave everything back: takes out what only memory has, in order, for
   * the spool's stop file. The events stay counted as queued until {@link stopped} says where they went.
   */
  close(): Batch[] {
    this.sealOpen()
    this.#closed = true
    this.#catch_up_timer?.cancel()
    assert(this.#leased.size === 0, 'closed with batches in flight')
    return [...this.#returned, ...this.#memory].filter((batch) => !batch.on_disk)
  }

  /** The stop file has what {@link close} returned. */
  stopped(): void {
    for (const batch of [...this.#returned, ...this.#memory]) bookSpooled(this.#cells, batch.events)
  }

  /** Gives up everything that is held, counted with `reason`: for a forwarder that left the rules for good. */
  abandon(reason: DropReason): void {
    this.sealOpen()
    this.#closed = true
    this.#catch_up_timer?.cancel()
    for (const batch of [...this.#returned, ...this.#memory]) {
      if (!batch.on_disk) this.#giveUp(batch, reason)
    }
  }

  /** One that waits is given up. Its copy, on disk or on its way there, is for nobody. */
  #giveUp(batch: Batch, reason: DropReason): void {
    add(this.#cells, ForwarderCell.queued, -batch.events)
    this.#drop(reason, batch.events)
    this.#disk.settled(batch)
    this.#free(batch)
  }

  /** Brings the gauges up to date: bytes, the oldest event, the destination's state. */
  measure(): void {
    const cells = this.#cells
    cells[ForwarderCell.queued_bytes] = this.#held + (this.#destination?.held_bytes ?? 0)
    cells[ForwarderCell.spooled_bytes] = this.#disk.bytes
    const waiting = [...this.#leased, this.#returned[0], this.#memory.peek()]
    const on_disk = this.#disk.batches > 0 ? this.#disk.oldest_at : null
    cells[ForwarderCell.oldest_at] = oldestAt(waiting, on_disk, this.#end.oldest)
    cells[ForwarderCell.state] = DESTINATION_STATES.indexOf(stateOf(this.paused, this.#destination))
  }

  #drop(reason: DropReason, events: number): void {
    bookDropped(this.#cells, reason, events)
  }

  #charge(bytes: number, leased = 0): void {
    this.#held += bytes
    if (this.#deps.share !== undefined) this.#deps.share.used += bytes
    this.#held_leased += leased
    if (bytes >= 0) this.#deps.budget.charge(bytes)
    else this.#deps.budget.release(-bytes)
    if (this.#limits.when_full === 'block')
      this.#deps.budget.block(this.key, this.#held >= this.#limits.memory_max)
  }

  #free(batch: Batch): void {
    this.#unsaved.settled(batch, false, this.#limits.memory_max)
    this.#charge(-batch.held)
    this.#deps.pool.giveBatch(batch)
  }
}
