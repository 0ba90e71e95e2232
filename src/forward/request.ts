/**
 * Delivery by request and answer, for every destination that acknowledges by status: leases batches, sends
 * several together, and does what the answer says. A failure that is not the events' own gives everything
 * back to the queue and holds the destination; while it is not well, one request at a time asks.
 */
import type { Buffer } from 'node:buffer'
import fastq, { type queueAsPromised } from 'fastq'
import type { Timer } from '../base/clock.ts'
import type { DeadLettersStatus, Destination, DestinationState, Lane } from '../queue/lane.ts'
import { Backoff, ceilingOf } from './backoff.ts'
import { Body, type BodyMaker, type BodyShape } from './body.ts'
import { DeadLetters } from './dead-letters.ts'
import type { EventEncoder } from './encode/batch-encoder.ts'
import { BACKOFF, type Confirmed, type Outcome, type Paused, type Retry, type Wait } from './outcome.ts'
import { RequestSize } from './request-size.ts'
import { inWords, Status } from './status.ts'
import type { ForwardDeps, ForwarderTarget } from './types.ts'
import type { Work } from './work.ts'

/** How a destination type sends. Secrets stay inside. */
export interface RequestSender {
  readonly encoder: EventEncoder
  readonly shape: BodyShape
  /** A body as it goes over the wire: memory of its own, so that `body` is free when this settles. */
  pack(body: Buffer): Promise<Buffer>
  /** Sends what {@link pack} made of `events` events. Never throws; after {@link close} it fails at once. */
  post(sent: Buffer, events: number): Promise<Outcome>
  /** Breaks off what is on its way. */
  close(): Promise<void>
}

/** A minute to ten: a used-up quota, or a person has to mend something. */
const SLOW = { first: 60_000, max: 600_000 } as const
/** So many events refused in a row, and none taken: then it is not the events. */
const REFUSED_MAX = 1000

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
  /** Events refused since one was taken. */
  #refused = 0
  readonly #maker: BodyMaker
  readonly #size: RequestSize
  readonly #dead: DeadLetters
  /** Works that were accepted and are not confirmed yet, and the bytes of their batches. */
  #unconfirmed = 0
  #unconfirmed_bytes = 0
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
    this.#dead = new DeadLetters(forwarder, deps, (why) => this.#status.lost('dead letters', why))
    this.#size = new RequestSize(forwarder.settings)
    this.#maker = {
      encoder: sender.encoder,
      shape: sender.shape,
      limits: this.#size,
      threw: (error) =>
        this.#status.lost('unencodable', `an event could not be written and is dropped: ${inWords(error)}`),
      hold: (bytes) => lane.hold(bytes),
    }
  }

  get state(): DestinationState {
    return this.#status.state
  }

  get last_error(): string | null {
    return this.#status.last_error
  }

  /** Bodies are told to the lane. */
  readonly held_bytes = 0

  get dead_letters(): DeadLettersStatus | null {
    return this.#dead.status
  }

  wake(): void {
    while (!this.#stopped && this.#held_until === undefined && this.#room) {
      const work = this.#size.lease(this.#lane)
      if (work === undefined) return
      void this.#queue.push(work).then(() => this.#ended())
    }
  }

  stop(grace_ms: number): Promise<void> {
    this.#stopping ??= this.#shutDown(grace_ms)
    return this.#stopping
  }

  /** Whether one more request may be sent. */
  get #room(): boolean {
    if (this.#probing) return this.#busy + this.#unconfirmed < 1
    const { queue } = this.#forwarder.settings
    const bytes_max = this.#deps.replayMax?.() ?? queue.memory_max / 2
    if (this.#unconfirmed > 0 && this.#unconfirmed_bytes >= bytes_max) return false
    return this.#busy < this.#queue.concurrency
  }

  get #busy(): number {
    return this.#queue.running() + this.#queue.length()
  }

  // ---- one delivery ------------------------------------------------------------------------------

  /** Works until everything of it is settled, given back, or accepted and waited for. */
  async deliver(work: Work): Promise<void> {
    const accepted: Promise<Confirmed>[] = []
    try {
      while (work.current !== undefined) if (!(await this.#step(work, accepted))) break
    } catch (error) {
      // Ours, not the destination's; the events are kept and the failure shows.
      this.#hold(BACKOFF)
      this.#status.failing('delivery', inWords(error))
    }
    if (accepted.length === 0) return this.#end(work, true)
    // The next request does not wait for this one's confirmation.
    const bytes = work.batches.reduce((sum, batch) => sum + batch.used, 0)
    this.#unconfirmed += 1
    this.#unconfirmed_bytes += bytes
    void Promise.all(accepted).then((all) => {
      this.#unconfirmed -= 1
      this.#unconfirmed_bytes -= bytes
      this.#confirmed(work, all)
      this.#ended()
    })
  }

  /** One that is not confirmed comes again as a whole: what of it was stored is stored twice. */
  #confirmed(work: Work, all: readonly Confirmed[]): void {
    const failed = all.find((one): one is Retry | Paused => one.kind !== 'delivered')
    if (failed === undefined) this.#wellAgain()
    else if (!this.#stopped) this.#failing(failed)
    this.#end(work, failed === undefined)
  }

  /** Settles what is done, if it is known to be, and gives the rest back. */
  #end(work: Work, done: boolean): void {
    if (done) this.#settle(work)
    for (const batch of work.abandon()) this.#lane.giveBack(batch)
  }

  /** One request of a work. False: the work is given up. */
  async #step(work: Work, accepted: Promise<Confirmed>[]): Promise<boolean> {
    const body = new Body(this.#maker)
    let held = 0
    let outcome: Outcome
    try {
      await body.build(work, this.#deps.clock)
      if (body.events === 0) work.done()
      this.#size.made(body)
      if (body.events === 0) outcome = { kind: 'delivered' }
      else if (this.#stopped) outcome = STOPPED
      else {
        const sent = await this.#sender.pack(body.out.written())
        body.free()
        held = sent.length
        this.#lane.hold(held)
        outcome = await this.#sender.post(sent, body.events)
      }
    } finally {
      body.free()
      if (held > 0) this.#lane.hold(-held)
    }
    const goes_on = body.events === 0 || (await this.#take(work, body, outcome, accepted))
    // Behind something unconfirmed nothing is done.
    if (accepted.length === 0) this.#settle(work)
    return goes_on
  }

  /** What an answer means for the work; false: it is given up. */
  async #take(work: Work, body: Body, outcome: Outcome, accepted: Promise<Confirmed>[]): Promise<boolean> {
    switch (outcome.kind) {
      case 'delivered':
        work.done()
        this.#refused = 0
        this.#wellAgain()
        return true
      case 'accepted':
        work.done()
        this.#refused = 0
        accepted.push(outcome.confirmed)
        return true
      case 'items': {
        for (const { n, why } of outcome.refused) await this.#reject(work, body.place(n), why, 'rejected')
        work.keep(outcome.later.map((n) => body.place(n)))
        if (outcome.refused.length + outcome.later.length < body.events) this.#refused = 0
        if (outcome.later.length > 0) return this.#failed(work, { ...outcome, kind: 'retry' })
        if (this.#refusesAll) return this.#refusedAll(work, outcome.why)
        this.#wellAgain()
        return true
      }
      case 'events': {
        if (outcome.too_large) this.#size.tooLong(body)
        const { at } = outcome
        if (at !== undefined && at < body.events && work.isolate(body.place(at))) return true
        if (work.split()) return true
        await this.#reject(work, body.place(0), outcome.why, outcome.too_large ? 'too_large' : 'rejected')
        work.done()
        return this.#refusesAll ? this.#refusedAll(work, outcome.why) : true
      }
      case 'retry':
      case 'paused':
        return this.#failed(work, outcome)
    }
  }

  #settle(work: Work): void {
    for (const { batch, dropped } of work.finished()) this.#lane.settle(batch, dropped)
  }

  /** A single event that the destination does not want: set aside with what it was answered, and dropped. */
  async #reject(work: Work, event: number, why: string, reason: 'rejected' | 'too_large'): Promise<void> {
    work.drop(event, reason)
    this.#refused += 1
    const { batch, n } = work.at(event)
    const where = await this.#dead.add(batch, n, reason, why)
    this.#status.lost(reason, `an event was refused and is dropped, ${where}: ${why}`)
  }

  get #refusesAll(): boolean {
    return this.#refused >= REFUSED_MAX
  }

  /** A wrong path or header is answered as bad events are: to drop all that come would mend nothing. */
  #refusedAll(work: Work, why: string): Promise<boolean> {
    const events = this.#refused
    this.#refused = 0
    return this.#failed(work, { kind: 'paused', why: `refuses every event, ${events} in a row: ${why}` })
  }

  #wellAgain(): void {
    this.#probing = false
    this.#slow_waits = 0
    this.#backoff.reset()
    this.#status.delivered()
    this.#size.taken()
  }

  /** Whether the work goes on after a wait; else it is given back. */
  async #failed(work: Work, outcome: Retry | Paused): Promise<boolean> {
    if (this.#stopped) return false
    this.#failing(outcome)
    // A search for the event to blame is not begun anew: it might never end under a rate limit.
    if (!work.searching) return false
    await new Promise<void>((resolve) => this.#waiters.push(resolve))
    return !this.#stopped
  }

  #failing(outcome: Retry | Paused): void {
    if (outcome.kind === 'paused') {
      this.#status.paused('request', outcome.why)
      this.#hold({ kind: 'slow' })
    } else {
      this.#status.failing('request', outcome.why)
      this.#hold(outcome.wait)
    }
  }

  // ---- holding -----------------------------------------------------------------------------------

  /** Leases nothing for a while. Failures that come together count as one. */
  #hold(wait: Wait): void {
    this.#probing = true
    if (this.#held_until !== undefined || this.#stopped) return
    this.#held_until = this.#deps.clock.after(this.#waitOf(wait), () => this.retryNow())
  }

  retryNow(): void {
    if (this.#stopped) return
    if (this.#held_until === undefined) {
      if (this.#busy + this.#unconfirmed === 0) this.#wellAgain()
      return
    }
    this.#held_until.cancel()
    this.#held_until = undefined
    this.#goOn()
    this.wake()
    if (this.#held_until === undefined && this.#busy + this.#unconfirmed === 0) this.#status.idle()
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
    if (this.#busy + this.#unconfirmed === 0) this.#onDrained?.()
    this.wake()
  }

  async #shutDown(grace_ms: number): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve
      if (this.#busy + this.#unconfirmed === 0) resolve()
    })
    const held = this.#held_until !== undefined
    this.#held_until?.cancel()
    this.#stopped = true
    this.#goOn()
    const timer = this.#deps.clock.after(held ? 0 : grace_ms, () => void this.#sender.close())
    await drained
    timer.cancel()
    await this.#sender.close()
    await this.#dead.close()
    this.#status.stopped()
  }
}

const STOPPED: Outcome = { kind: 'retry', why: 'stopped', wait: BACKOFF }

async function deliver(this: RequestDestination, work: Work): Promise<void> {
  await this.deliver(work)
}
