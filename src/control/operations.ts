/**
 * What operators do to a running router besides reloading it: pause and resume forwarders, test one, and drain the node.
 * Main decides and remembers; the workers are told.
 */
import type { Clock } from '../base/clock.ts'
import { errorText, LogweirError } from '../base/errors.ts'
import { parseDuration, quoted } from '../config/quantities.ts'
import type { Lost } from '../queue/disk-backlog.ts'
import type { Log } from './log.ts'
import { type Pause, PAUSE_MAX_MS, Pauses, REASON_MAX } from './pauses.ts'
import type { WorkerThread } from './thread.ts'
import type { ProbeAnswer } from '../worker/protocol.ts'

export interface OperationsDeps {
  /** The data folder. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  /** The workers that live. */
  readonly workers: () => readonly WorkerThread[]
  /** Whether the rules, or what lies on disk, know this `tenant/name`. */
  readonly knows: (key: string) => boolean
}

const TESTS_MAX = 4

/** Answer of a test. */
export interface TestAnswer {
  readonly forwarder: string
  readonly ok: boolean
  /** A paused forwarder can be tested; its own events still wait. */
  readonly paused: Pause | null
  readonly targets: NonNullable<ProbeAnswer>
}

/** Answer of a pause or its end. */
export interface PauseAnswer {
  readonly forwarder: string
  readonly state: 'paused' | 'resumed' | 'not paused'
  readonly pause: Pause | null
}

/** Answer of a purge. */
export interface PurgeAnswer {
  readonly forwarder: string
  readonly events: number
  readonly bytes: number
}

export class Operations {
  readonly #deps: OperationsDeps
  readonly #pauses: Pauses
  #testing = 0

  constructor(deps: OperationsDeps) {
    this.#deps = deps
    this.#pauses = new Pauses(deps.folder, deps.clock, deps.log, () => void this.#tellAll())
  }

  /** For the ledger. */
  pauseOf(key: string): Pause | null {
    return this.#pauses.get(key)
  }

  /** A worker must know before it makes a destination. */
  async tell(worker: WorkerThread): Promise<void> {
    await worker.ask({ type: 'pause', keys: this.#pauses.keys })
  }

  /**
   * Nothing more is given to the forwarder's destination, until `time` (`2h`) is over or it is resumed.
   * @throws {LogweirError} when there is no such forwarder, the time is none, or the disk does not take it.
   */
  async pause(key: string, time: string | undefined, reason: string | undefined): Promise<PauseAnswer> {
    if (!this.#deps.knows(key)) throw unknown(key)
    const for_ms = time === undefined ? null : millisecondsOf(time)
    if (reason !== undefined && reason.length > REASON_MAX) {
      throw wrong(`the reason has ${reason.length} characters`, `say it in ${REASON_MAX}`)
    }
    const pause = this.#pauses.pause(key, for_ms, reason ?? null)
    await this.#tellAll()
    this.#deps.log('info', `forwarder ${key} is paused by an operator`, { forwarder: key, ...pause })
    return { forwarder: key, state: 'paused', pause }
  }

  /** @throws {LogweirError} when there is no such forwarder or the disk does not take it. */
  async resume(key: string): Promise<PauseAnswer> {
    const pause = this.#pauses.get(key)
    if (pause === null && !this.#deps.knows(key)) throw unknown(key)
    if (!this.#pauses.resume(key)) {
      await this.#retry(key)
      return { forwarder: key, state: 'not paused', pause }
    }
    await this.#tellAll()
    await this.#retry(key)
    this.#deps.log('info', `forwarder ${key} is resumed by an operator`, { forwarder: key })
    return { forwarder: key, state: 'resumed', pause }
  }

  /**
   * Tries the way to the forwarder's destination, its other ones too, by one event. Takes a minute at most.
   * @throws {LogweirError} when there is no such forwarder, or too many are tested at once.
   */
  async test(key: string): Promise<TestAnswer> {
    // The first worker owns files.
    const [worker] = this.#deps.workers()
    if (worker === undefined || this.#testing >= TESTS_MAX)
      throw new LogweirError('LW_BUSY', 'too many tests run at once', 'try again in a minute', { exit: 1 })
    this.#testing += 1
    try {
      const targets = await worker.ask<ProbeAnswer>({ type: 'probe', key })
      if (targets === null) throw unknown(key)
      const ok = targets.every((target) => target.ok)
      // What waits for minutes after a failure need wait no longer.
      if (ok) await this.#retry(key)
      return { forwarder: key, ok, paused: this.pauseOf(key), targets }
    } finally {
      this.#testing -= 1
    }
  }

  /**
   * Gives up what the forwarder has on disk, counted as `purged`. What is in memory or in flight stays.
   * @throws {LogweirError} when there is no such forwarder.
   */
  async purge(key: string): Promise<PurgeAnswer> {
    const { events, bytes } = await this.giveUp(key)
    this.#deps.log('warn', `the spool of forwarder ${key} was purged by an operator`, {
      forwarder: key,
      events,
    })
    return { forwarder: key, events, bytes }
  }

  /** As {@link purge}, without a word. */
  async giveUp(key: string): Promise<Pick<PurgeAnswer, 'events' | 'bytes'>> {
    const answers = await Promise.all(
      this.#deps.workers().map((worker) => worker.ask<Lost | null>({ type: 'purge', key })),
    )
    const known = answers.filter((answer) => answer !== null)
    if (known.length === 0) throw unknown(key)
    const events = known.reduce((sum, answer) => sum + answer.events, 0)
    const bytes = known.reduce((sum, answer) => sum + answer.bytes, 0)
    return { events, bytes }
  }

  close(): void {
    this.#pauses.close()
  }

  async #retry(key: string): Promise<void> {
    await Promise.allSettled(this.#deps.workers().map((worker) => worker.ask({ type: 'retry', key })))
  }

  /** One that dies meanwhile is told when it starts again. */
  async #tellAll(): Promise<void> {
    const answers = await Promise.allSettled(this.#deps.workers().map((worker) => this.tell(worker)))
    for (const answer of answers) {
      if (answer.status === 'rejected')
        this.#deps.log('warn', `a worker was not told who is paused: ${errorText(answer.reason)}`)
    }
  }
}

function millisecondsOf(time: string): number {
  const read = parseDuration(time)
  if ('problem' in read) throw wrong(read.problem, read.hint)
  if (read.value < 1000 || read.value > PAUSE_MAX_MS)
    throw wrong(`${quoted(time)} is no time to pause for`, 'a second to 366 days; without one: until resumed')
  return read.value
}

function wrong(message: string, mend: string): LogweirError {
  return new LogweirError('LW_OPERATION', message, mend, { exit: 2 })
}

function unknown(key: string): LogweirError {
  return new LogweirError(
    'LW_NO_FORWARDER',
    `there is no forwarder ${quoted(key)}`,
    'write TENANT/NAME as `logweir status` shows it; the provider’s are provider/NAME',
    { exit: 1 },
  )
}
