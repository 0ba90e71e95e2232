/**
 * A node that leaves a balancer. It says so first, so that nothing more is sent to it; then it closes its listeners and
 * delivers what it holds, from memory and disk.
 *
 *   (none) ──begin──► announced ──grace──► closing ──senders are gone──► emptying ──nothing is held──► drained
 *      ▲                                                                                                  │
 *      └─────────────────────────────── cancel, from wherever it is ──────────────────────────────────────┘
 *
 * It lasts as long as the process: a start takes events again. Reloads go on meanwhile, and open no listener: rules may
 * have to be mended for what is held to go.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { errorText, LogweirError } from '../base/errors.ts'
import { parseDuration, quoted } from '../config/quantities.ts'
import type { Settings } from '../config/types.ts'
import type { ForwarderLedger, Ledger } from './ledger.ts'
import type { Log } from './log.ts'
import type { Pause } from './pauses.ts'
import type { WorkerThread } from './thread.ts'

/** A sender that said nothing for so long after our goodbye is done. */
const QUIET_MS = 1000
/** How often is looked whether all is delivered. */
const LOOK_MS = 500
/** Longest time that a call may ask for before listeners close. */
const GRACE_MAX_MS = 3_600_000

type Phase = 'announced' | 'closing' | 'emptying' | 'drained'

export interface DrainDeps {
  readonly clock: Clock
  readonly log: Log
  readonly times: () => Settings['drain']
  /** The workers that live. */
  readonly workers: () => readonly WorkerThread[]
  /** Opens the listeners of the settings that run. */
  readonly open: () => Promise<void>
  readonly ledger: () => Promise<Ledger>
}

/** Where a drain is: part of the status. */
export interface DrainBrief {
  readonly state: Phase
  readonly since: string
  /** Events that are not delivered. */
  readonly left: number
}

/** What a forwarder has still. */
export interface DrainLeft
  extends Pick<
    ForwarderLedger,
    'tenant' | 'forwarder' | 'state' | 'queued' | 'spooled' | 'in_flight' | 'oldest_seconds' | 'last_error'
  > {
  readonly events: number
  readonly pause: Pause | null
}

/** Answer of `GET /api/v1/drain`, and of its beginning and end. */
export interface DrainAnswer {
  readonly state: 'none' | Phase
  readonly since: string | null
  /** Seconds until listeners close, while it is only announced. */
  readonly closes_in: number | null
  readonly left: number
  /** Forwarders that are not empty, those with most first. */
  readonly forwarders: readonly DrainLeft[]
}

export class Drain {
  readonly #deps: DrainDeps
  #phase: Phase | undefined
  #since = 0
  /** Monotonic ms at which listeners close. */
  #closes_at = 0
  #timer: Timer | undefined
  #closing: Promise<void> = Promise.resolve()
  #reopening: Promise<void> | undefined
  #closed = false
  #ended = false

  constructor(deps: DrainDeps) {
    this.#deps = deps
  }

  get active(): boolean {
    return this.#phase !== undefined
  }

  /** Listeners are closed or closing, and nobody else may open them. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Begins, or shortens the time of one that is only announced. `time`: until listeners close; left out: `drain.grace`.
   * @throws {LogweirError} when it is no time.
   */
  async begin(time: string | undefined): Promise<DrainAnswer> {
    const { clock, log, times } = this.#deps
    const grace = time === undefined ? times().grace : millisecondsOf(time)
    // One that is being cancelled still has its phase: this one comes after it.
    await this.#reopening?.catch(() => undefined)
    const closes_at = clock.monotonic() + grace
    if (this.#phase === undefined) {
      this.#phase = 'announced'
      this.#since = clock.wall()
      this.#arm(closes_at)
      log('info', 'draining: /readyz says so; listeners close after the grace time', { grace })
    } else if (this.#phase === 'announced' && closes_at < this.#closes_at) this.#arm(closes_at)
    return this.status()
  }

  /**
   * Takes events again. @throws {LogweirError} when a listener cannot be opened: then all stay closed.
   */
  async cancel(): Promise<DrainAnswer> {
    if (this.#phase === 'announced') {
      this.#timer?.cancel()
      this.#phase = undefined
      this.#deps.log('info', 'the drain is cancelled before any listener was closed')
    } else if (this.#phase !== undefined) {
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined
      })
      await this.#reopening
    }
    return this.status()
  }

  /** For the status; null: it takes events. */
  brief(ledger: Ledger): DrainBrief | null {
    const { state, left } = this.#answer(ledger)
    return state === 'none' ? null : { state, since: new Date(this.#since).toISOString(), left }
  }

  async status(): Promise<DrainAnswer> {
    return this.#answer(await this.#deps.ledger())
  }

  /** The router stops. */
  end(): void {
    this.#ended = true
    this.#timer?.cancel()
  }

  #answer(ledger: Ledger): DrainAnswer {
    const forwarders = ledger.forwarders
      .map(leftOf)
      .filter(({ events }) => events > 0)
      .sort((a, b) => b.events - a.events)
    const left = forwarders.reduce((sum, { events }) => sum + events, 0)
    const phase = this.#phase === 'emptying' && left === 0 ? 'drained' : this.#phase
    const announced = phase === 'announced'
    return {
      state: phase ?? 'none',
      since: phase === undefined ? null : new Date(this.#since).toISOString(),
      closes_in: announced ? Math.max(0, this.#closes_at - this.#deps.clock.monotonic()) / 1000 : null,
      left,
      forwarders,
    }
  }

  #arm(closes_at: number): void {
    this.#timer?.cancel()
    this.#closes_at = closes_at
    const { clock } = this.#deps
    this.#timer = clock.after(Math.max(0, closes_at - clock.monotonic()), () => {
      this.#closing = this.#close()
    })
  }

  async #close(): Promise<void> {
    const { log, times } = this.#deps
    this.#phase = 'closing'
    this.#closed = true
    log('info', 'draining: listeners close, senders may finish')
    const grace = times().close
    await this.#closeListeners(grace, Math.min(QUIET_MS, grace))
    this.#phase = 'emptying'
    log('info', 'draining: listeners are closed; what is held is delivered')
    this.#look()
  }

  /** One that dies meanwhile has no listener any more, and opens none when it starts again. */
  async #closeListeners(grace: number, quiet: number): Promise<void> {
    const { workers, log } = this.#deps
    const answers = await Promise.allSettled(
      workers().map((worker) => worker.ask({ type: 'close', grace, quiet })),
    )
    for (const answer of answers) {
      if (answer.status === 'rejected' && !this.#ended)
        log('warn', `a worker did not close its listeners: ${errorText(answer.reason)}`)
    }
  }

  #look(): void {
    if (this.#ended || this.#phase !== 'emptying') return
    this.#timer = this.#deps.clock.after(LOOK_MS, () => {
      void this.status().then(
        ({ state }) => {
          if (state !== 'drained' || this.#phase !== 'emptying') return this.#look()
          this.#phase = 'drained'
          this.#deps.log('info', 'drained: nothing is held, and nothing is taken')
        },
        () => this.#look(),
      )
    })
  }

  async #reopen(): Promise<void> {
    const { workers, open, log } = this.#deps
    await this.#closing
    this.#timer?.cancel()
    this.#closed = false
    try {
      await Promise.all(workers().map((worker) => worker.ask({ type: 'reopen' })))
      await open()
    } catch (error) {
      this.#closed = true
      await this.#closeListeners(0, 0)
      this.#phase = 'emptying'
      this.#look()
      throw notOpened(error)
    }
    this.#phase = undefined
    log('info', 'the drain is cancelled: listeners are open again')
  }
}

function leftOf(one: ForwarderLedger): DrainLeft {
  const { tenant, forwarder, state, queued, spooled, in_flight, oldest_seconds, last_error, pause } = one
  const events = queued + spooled + in_flight
  return { tenant, forwarder, state, events, queued, spooled, in_flight, oldest_seconds, last_error, pause }
}

function millisecondsOf(time: string): number {
  const read = parseDuration(time)
  const problem = 'problem' in read ? read : undefined
  if (problem !== undefined)
    throw new LogweirError('LW_OPERATION', problem.problem, problem.hint, { exit: 2 })
  const { value } = read as { readonly value: number }
  if (value <= GRACE_MAX_MS) return value
  throw new LogweirError('LW_OPERATION', `${quoted(time)} is too long to wait`, '0s to 1h', { exit: 2 })
}

function notOpened(error: unknown): LogweirError {
  const mend = error instanceof LogweirError ? error.mend : ''
  const message = `the drain is not cancelled, a listener cannot be opened: ${errorText(error)}`
  return new LogweirError('LW_DRAIN_OPEN', message, mend === '' ? 'mend that and cancel again' : mend, {
    cause: error,
    exit: 1,
  })
}
