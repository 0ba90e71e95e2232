/**
 * Delivery by request and answer, for every destination that acknowledges by status: leases batches, sends
 * several together, and does what the answer says. A failure that is not the events' own gives everything
 * back to the queue and holds the destination; while it is not well, one request at a time asks.
 */
import type { Buffer } from 'node:buffer'
import fastq, { type queueAsPromised } from 'fastq'
import type { Timer } from '../base/clock.ts'
import type { Batch } from '../queue/batch.ts'
import type { Destination, DestinationState, Lane } from '../queue/lane.ts'
import { Body } from './body.ts'
import { Backoff, ceilingOf } from './backoff.ts'
import type { EventEncoder } from './encode/batch-encoder.ts'
import type { Outcome, Wait } from './outcome.ts'
import { inWords, Status } from './status.ts'
import type { ForwardDeps, ForwarderTarget } from './types.ts'
import { Work } from './work.ts'

/** How a destination type sends. Secrets stay inside. */
export interface RequestSender {
  readonly encoder: EventEncoder
  /** Sends a body (a JSON array of encoded events). Never throws; after {@link close} it fails at once. */
  post(body: Buffer): Promise<Outcome>
  /** Breaks off what is on its way. */
  close(): Promise<void>
}

/** A minute to ten: a used-up quota, or a person has to mend something. */
const SLOW = { first: 60_000, max: 600_000 } as const

export class RequestDestination implements Destination {
  readonly #forwarder: ForwarderTarget
  readonly #lane: Lane
  readonly #deps: ForwardDeps
  readonly #sender: RequestSender
  readonly #status: Status
  readonly #backoff: Backoff
  readonly #queue: queueAsPromised<Work, void>
  /** Set while nothing is leased because of a failure. */
  #held_until: Timer | undefined
  readonly #waiters: (() => void)[] = []
  /** After a failure, until a success: one request at a time. */
  #probing = false
  #slow_waits = 0
  #held = 0
  /** Encoded bytes an event's payload byte became, lately. */
  #ratio = 2
  #stopping: Promise<void> | undefined
  #stopped = false
  #onDrained: (() => void) | undefined

  constructor(forwarder: ForwarderTarget, lane: Lane, deps: ForwardDeps, sender: RequestSender) {
    this.#forwarder = forwarder
    this.#lane = lane
    this.#deps = deps
    this.#sender = sender
    this.#status = new Status(forwarder.key, deps.clock, deps.log)
    this.#backoff = new Backoff(forwarder.settings.retry, deps.random)
    this.#queue = fastq.promise<this, Work, void>(this, deliver, Math.max(1, forwarder.settings.concurrency))
  }

  get state(): DestinationState {
    return this.#status.state
  }

  get last_error(): string | null {
    return this.#status.last_error
  }

  get held_bytes(): number {
    return this.#held
  }

  wake(): void {
    const limit = this.#probing ? 1 : this.#queue.concurrency
    while (!this.#stopped && this.#held_until === undefined && this.#busy < limit) {
      const work = this.#lease()
      if (work === undefined) return
      void this.#queue.push(work).then(() => this.#ended())
    }
  }

  stop(grace_ms: number): Promise<void> {
    this.#stopping ??= this.#shutDown(grace_ms)
    return this.#stopping
  }

  get #busy(): number {
    return this.#queue.running() + this.#queue.length()
  }

  /** As many batches as make about one request. */
  #lease(): Work | undefined {
    const { batch_bytes, batch_events } = this.#forwarder.settings.http
    const batches: Batch[] = []
    let bytes = 0
    let events = 0
    // As much as the last batch will not be wanted behind the limit: a small second request costs as a large one.
    let last = 0
    let last_events = 0
    while (bytes + last < batch_bytes && events + last_events <= batch_events) {
      const batch = this.#lane.lease()
      if (batch === undefined) break
      batches.push(batch)
      last = batch.used * this.#ratio
      last_events = batch.events
      bytes += last
      events += last_events
    }
    return batches.length === 0 ? undefined : new Work(batches)
  }

  // ---- one delivery ------------------------------------------------------------------------------

  /** Works until everything of it is settled or given back. */
  async deliver(work: Work): Promise<void> {
    try {
      while (work.current !== undefined) if (!(await this.#step(work))) break
    } catch (error) {
      // Ours, not the destination's; the events are kept and the failure shows.
      this.#hold({ kind: 'backoff' })
      this.#status.failing('delivery', inWords(error))
    }
    this.#settle(work)
    for (const batch of work.abandon()) this.#lane.giveBack(batch)
  }

  /** One request of a work. False: the work is given up. */
  async #step(work: Work): Promise<boolean> {
    const body = new Body(this.#sender.encoder, this.#forwarder.settings.http)
    let outcome: Outcome
    let length = 0
    try {
      await body.build(work, this.#deps.clock)
      if (body.events === 0) {
        work.done()
        this.#settle(work)
        return true
      }
      length = body.out.length
      this.#ratio = this.#ratio * 0.8 + (length / Math.max(body.raw, 1)) * 0.2
      this.#held += length
      outcome = this.#stopped ? STOPPED : await this.#sender.post(body.out.written())
    } finally {
      this.#held -= length
      body.free()
    }
    switch (outcome.kind) {
      case 'delivered':
        work.done()
        this.#wellAgain()
        this.#settle(work)
        return true
      case 'events':
        if (!work.split()) this.#reject(work, outcome)
        this.#settle(work)
        return true
      case 'retry':
      case 'paused':
        return this.#failed(work, outcome)
    }
  }

  #settle(work: Work): void {
    for (const { batch, dropped } of work.finished()) this.#lane.settle(batch, dropped)
  }

  /** A single event that the destination does not want. */
  #reject(work: Work, outcome: Extract<Outcome, { kind: 'events' }>): void {
    const range = work.current
    if (range === undefined) return
    const reason = outcome.too_large ? 'too_large' : 'rejected'
    work.drop(range.from, reason)
    work.done()
    this.#status.lost(reason, `an event was refused and is dropped: ${outcome.why}`)
  }

  #wellAgain(): void {
    this.#probing = false
    this.#slow_waits = 0
    this.#backoff.reset()
    this.#status.delivered()
  }

  /** Whether the work goes on after a wait; else it is given back. */
  async #failed(work: Work, outcome: Extract<Outcome, { kind: 'retry' | 'paused' }>): Promise<boolean> {
    if (this.#stopped) return false
    if (outcome.kind === 'paused') {
      this.#status.paused('request', outcome.why)
      this.#hold({ kind: 'slow' })
    } else {
      this.#status.failing('request', outcome.why)
      this.#hold(outcome.wait)
    }
    // A search for the event to blame is not begun anew: it might never end under a rate limit.
    if (!work.searching) return false
    await new Promise<void>((resolve) => this.#waiters.push(resolve))
    return !this.#stopped
  }

  // ---- holding -----------------------------------------------------------------------------------

  /** Leases nothing for a while. Failures that come together count as one. */
  #hold(wait: Wait): void {
    this.#probing = true
    if (this.#held_until !== undefined || this.#stopped) return
    this.#held_until = this.#deps.clock.after(this.#waitOf(wait), () => {
      this.#held_until = undefined
      this.#goOn()
      this.wake()
    })
  }

  #waitOf(wait: Wait): number {
    if (wait.kind === 'slow') {
      this.#slow_waits += 1
      return ceilingOf(SLOW, this.#slow_waits) * (1 + this.#deps.random() * 0.1)
    }
    const own = this.#backoff.next()
    return wait.kind === 'named' ? Math.max(wait.ms, own) : own
  }

  #goOn(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** A delivery ended. */
  #ended(): void {
    if (this.#busy === 0) this.#onDrained?.()
    this.wake()
  }

  async #shutDown(grace_ms: number): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve
      if (this.#busy === 0) resolve()
    })
    const held = this.#held_until !== undefined
    this.#held_until?.cancel()
    this.#stopped = true
    this.#goOn()
    const timer = this.#deps.clock.after(held ? 0 : grace_ms, () => void this.#sender.close())
    await drained
    timer.cancel()
    await this.#sender.close()
    this.#status.stopped()
  }
}

const STOPPED: Outcome = { kind: 'retry', why: 'stopped', wait: { kind: 'backoff' } }

async function deliver(this: RequestDestination, work: Work): Promise<void> {
  await this.deliver(work)
}
