/**
 * The router in the main thread: loads configuration and rules, runs the spool thread and the workers, reloads
 * in two phases, keeps the books, stops in order. No event passes through here.
 */
import { hostname } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { Counters } from '../base/counters.ts'
import { errorText, LogweirError } from '../base/errors.ts'
import { GiveBack } from '../base/give-back.ts'
import type { Finding } from '../config/findings.ts'
import type { Settings } from '../config/types.ts'
import type { FilesStamp } from '../rules/files-stamp.ts'
import type { RulesPlan } from '../rules/plan.ts'
import type { RulesText } from '../rules/read.ts'
import { saveLastGood } from '../rules/saved.ts'
import { adoptSpools } from '../spool/adopt.ts'
import { nextEpoch } from '../spool/epoch.ts'
import { giveFreedPagesBack } from '../spool/freed-pages.ts'
import { type DataLock, lockDataFolder } from '../spool/lock.ts'
import type { ListeningAnswer, MeasureAnswer, StopAnswer } from '../worker/protocol.ts'
import { compare } from './changes.ts'
import { DeathCount } from './deaths.ts'
import { Drain } from './drain.ts'
import { giveRules } from './give-rules.ts'
import { closeBooks, readLedger } from './ledger.ts'
import type { Loaded } from './load.ts'
import { loadAside } from './load-aside.ts'
import type { Log } from './log.ts'
import { gather, type Measure } from './measure.ts'
import { Operations } from './operations.ts'
import { failure, type Reload, ReloadBook, type ReloadCause } from './reload-book.ts'
import { type Ready, readiness } from './readiness.ts'
import { Removed } from './removed.ts'
import { spoolSettings } from './spool-settings.ts'
import { SpoolHandle } from './spool-thread.ts'
import { rulesForStart, type StartLoaded } from './start-load.ts'
import { LastSeen } from './last-seen.ts'
import { WorkerThread } from './thread.ts'
import { holdingYoungSpace } from './young-space.ts'

/** Milliseconds that a graceful stop lets destinations finish. */
const STOP_GRACE_MS = 3000

export interface SupervisorOptions {
  /** Path of logweir.yaml. */
  readonly file: string
  readonly env: NodeJS.ProcessEnv
  readonly log: Log
  /** Called when the router cannot go on (three deaths in a minute). */
  readonly failed: (reason: string) => void
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #log: Log
  #settings: Settings
  /** The rules that run, undivided. */
  #plan: RulesPlan
  readonly #lock: DataLock
  readonly operations: Operations
  readonly drain: Drain
  readonly #removed: Removed
  readonly #spool: SpoolHandle
  readonly #counters: Counters[]
  readonly #workers: (WorkerThread | undefined)[]
  readonly #deaths = new DeathCount(3, 60_000)
  /** No event passes here: there is nothing to wait for. */
  readonly #give_back = new GiveBack(systemClock, () => 0, giveFreedPagesBack)
  #listening: ListeningAnswer['listeners'] = []
  #listen_started = false
  #stopping = false
  /** Of the worker that was started last. */
  #epoch = 0
  #measuring: Promise<unknown> = Promise.resolve()
  #busy: Promise<unknown> = Promise.resolve()
  readonly seen = new LastSeen()
  readonly #reloads = new ReloadBook()
  /** The files as they were when they were last read. */
  #stamp: FilesStamp
  /** Why the last good rules run instead of those in the folder; empty when they do not. */
  #alarm: readonly Finding[]

  private constructor(
    options: SupervisorOptions,
    loaded: { settings: Settings; plan: RulesPlan; alarm: readonly Finding[]; stamp: FilesStamp },
    lock: DataLock,
  ) {
    this.#options = options
    this.#log = options.log
    this.#settings = loaded.settings
    this.#plan = loaded.plan
    this.#alarm = loaded.alarm
    this.#stamp = loaded.stamp
    this.#lock = lock
    this.#spool = new SpoolHandle(loaded.settings, this.#log, (reason) => this.#spoolDied(reason))
    this.#counters = Array.from({ length: loaded.settings.workers }, () => new Counters())
    this.#workers = Array.from({ length: loaded.settings.workers }, () => undefined)
    const workers = (): WorkerThread[] => this.#running().filter((worker) => !worker.ended)
    this.drain = new Drain({
      clock: systemClock,
      log: options.log,
      times: () => this.#settings.drain,
      workers,
      open: () => this.#alone(() => this.#listen()),
      ledger: async () => (await this.measure()).ledger,
    })
    this.#removed = new Removed({
      folder: loaded.settings.data,
      clock: systemClock,
      log: options.log,
      keep: () => this.#settings.spool.removed_keep,
      ledger: async () => (await this.measure()).ledger,
      rules: () => this.#ruled(),
      // Alone: no reload brings it back meanwhile.
      purge: (key) =>
        this.#alone(async () => (this.#ruled().has(key) ? undefined : this.operations.giveUp(key))),
    })
    this.operations = new Operations({
      folder: loaded.settings.data,
      clock: systemClock,
      log: options.log,
      workers,
      knows: (key) => this.#counters.some((counters) => counters.find('forwarder', key) !== undefined),
    })
  }

  /**
   * Locks the data folder, settles on the rules to run, starts all threads and opens the listeners.
   * @throws {LogweirError} in one sentence when something that a start needs is not there.
   */
  static async start(options: SupervisorOptions, files: StartLoaded): Promise<Supervisor> {
    const lock = lockDataFolder(files.settings.data)
    try {
      adoptSpools(
        files.settings.data,
        files.settings.workers,
        ({ level, message, event, events }) => options.log(level, message, { event, events }),
        spoolSettings(files.settings),
      )
      const loaded = await rulesForStart(options.file, files, options.env, options.log)
      const supervisor = new Supervisor(options, { ...loaded, stamp: files.stamp }, lock)
      try {
        await supervisor.#startAll()
      } catch (error) {
        await supervisor.#endThreads()
        throw error
      }
      return supervisor
    } catch (error) {
      lock.release()
      throw error
    }
  }

  get settings(): Settings {
    return this.#settings
  }

  get plan(): RulesPlan {
    return this.#plan
  }

  get listening(): ListeningAnswer['listeners'] {
    return this.drain.closed ? [] : this.#listening
  }

  get counters(): readonly Counters[] {
    return this.#counters
  }

  get reloads(): Readonly<ReloadBook> {
    return this.#reloads
  }

  /** What a change of files is measured by. */
  get stamp(): FilesStamp {
    return this.#stamp
  }

  /** Empty while the rules of the folder run. */
  get alarm(): readonly Finding[] {
    return this.#alarm
  }

  ready(): Ready {
    return readiness({
      stopping: this.#stopping,
      draining: this.drain.active,
      listening: this.#listen_started,
      workers_live: this.#workers.every((worker) => worker?.ended === false),
      spool_lives: this.#spool.alive,
      counters: this.#counters,
      data: this.#settings.data,
    })
  }

  // ---- start -------------------------------------------------------------------------------------

  async #startAll(): Promise<void> {
    for (let index = 0; index < this.#settings.workers; index++) await this.#spawn(index)
    await Promise.all(this.#workers.map((_, index) => this.#prepare(index, this.#settings, this.#plan)))
    await this.#all((worker) => worker.ask({ type: 'commit' }))
    this.seen.begin(this.#plan, this.#counters)
    await this.#listen()
    this.#listen_started = true
    void this.#removed.look()
    this.#give_back.soon()
  }

  async #spawn(index: number): Promise<WorkerThread> {
    const { workers, data } = this.#settings
    // Worker 0 owns file destinations: the others send their batches there.
    const files = index === 0 ? null : new MessageChannel()
    const thread = new WorkerThread(
      {
        index,
        workers,
        epoch: this.#nextEpoch(data),
        hostname: hostname(),
        spool: this.#spool.connect(index),
        files: files?.port1 ?? null,
      },
      {
        log: this.#log,
        granted: (grant) => this.#counters[index]?.adopt(grant),
        gaveBack: giveFreedPagesBack,
        died: (reason) => this.#workerDied(index, reason),
      },
    )
    this.#workers[index] = thread
    if (files !== null) this.#workers[0]?.give({ type: 'files', port: files.port2 })
    if (index === 0) this.#giveFilePorts(thread)
    return thread
  }

  /** A disk that is full must not keep a worker from starting again: then its epoch is remembered by the clock only. */
  #nextEpoch(data: string): number {
    try {
      this.#epoch = nextEpoch(data)
    } catch (error) {
      if (this.#epoch === 0) throw error
      this.#epoch = Math.max(this.#epoch + 1, Date.now())
      this.#log('error', errorText(error))
    }
    return this.#epoch
  }

  /** A new worker 0 gets new lines to the others. */
  #giveFilePorts(owner: WorkerThread): void {
    for (const other of this.#workers.slice(1)) {
      if (other === undefined || other.ended) continue
      const { port1, port2 } = new MessageChannel()
      owner.give({ type: 'files', port: port1 })
      other.give({ type: 'files', port: port2 })
    }
  }

  /** `before`: the rules that the worker runs. */
  async #prepare(index: number, settings: Settings, plan: RulesPlan, before?: RulesPlan): Promise<void> {
    const counters = this.#counters[index] as Counters
    const worker = this.#workers[index] as WorkerThread
    await this.operations.tell(worker)
    await giveRules(worker, { settings, plan, counters, seen: this.seen.memory(index, plan), before })
  }

  async #listen(): Promise<void> {
    for (const worker of this.#workers) await this.#listenOne(worker as WorkerThread)
  }

  /** The first worker says what `port: 0` became; the others, and those that start again, take the same. */
  async #listenOne(worker: WorkerThread): Promise<void> {
    if (this.drain.closed) return
    const ports = Object.fromEntries(this.#listening.map(({ name, port }) => [name, port]))
    const { listeners } = await worker.ask<ListeningAnswer>({ type: 'listen', ports })
    if (!this.drain.closed) this.#listening = listeners
  }

  #ruled(): Set<string> {
    return new Set(this.#plan.forwarders.map(({ key }) => key))
  }

  #running(): WorkerThread[] {
    return this.#workers.filter((worker) => worker !== undefined)
  }

  #all<T>(act: (worker: WorkerThread) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#workers.map((worker) => act(worker as WorkerThread)))
  }

  // ---- reload ------------------------------------------------------------------------------------

  /** Reads everything again and takes it over if all of it is right; otherwise nothing changes. */
  async reload(by: ReloadCause): Promise<Reload> {
    const reload = await this.#alone(() => holdingYoungSpace(() => this.#reload()))
    if (!this.#stopping) this.#give_back.soon()
    // One that the stop cut short is no refusal.
    if (!this.#stopping) this.#reloads.note(reload, by, Date.now(), this.#log)
    return reload
  }

  async #reload(): Promise<Reload> {
    const loaded = await this.#load()
    const { settings, plan, findings } = loaded
    this.#stamp = loaded.stamp
    if (this.#stopping || settings === undefined || plan === undefined) return this.#rejected(findings)
    const kept = { ...settings, workers: this.#settings.workers, data: this.#settings.data }
    try {
      await Promise.all(this.#workers.map((_, index) => this.#prepare(index, kept, plan, this.#plan)))
    } catch (error) {
      await this.#all((worker) => worker.ask({ type: 'discard' })).catch(() => undefined)
      return this.#rejected([...findings, failure(settings.file, 'workers could not prepare', error)])
    }
    const old = this.#plan
    const changes = compare(this.#plan, plan, this.#settings, settings)
    this.#settings = kept
    this.#plan = plan
    this.#alarm = []
    await Promise.all(this.#workers.map((_, index) => this.#commit(index)))
    void this.#removed.look()
    this.seen.begin(plan, this.#counters, old)
    await this.#listenAgain()
    await this.#save(loaded.files)
    return { outcome: 'accepted', generation: plan.generation, findings, changes }
  }

  /** Whatever keeps the thread from loading (no memory for what the files became) is one more finding. */
  async #load(): Promise<Loaded> {
    const { file, env } = this.#options
    try {
      return await loadAside(file, this.#plan.generation + 1, env)
    } catch (error) {
      const finding = failure(file, 'configuration and rules could not be loaded', error)
      return { settings: undefined, plan: undefined, findings: [finding], files: [], stamp: this.#stamp }
    }
  }

  /** The rules run in any case: that they could not be saved is an alarm. */
  async #save(files: readonly RulesText[]): Promise<void> {
    try {
      await saveLastGood(this.#settings.data, files, Date.now())
    } catch (error) {
      this.#log('error', errorText(error), { mend: error instanceof LogweirError ? error.mend : '' })
    }
  }

  #rejected(findings: readonly Finding[]): Reload {
    return { outcome: 'rejected', generation: this.#plan.generation, findings, changes: null }
  }

  /** A worker that cannot take over what it has prepared starts again, and then with the new rules. */
  async #commit(index: number): Promise<void> {
    const worker = this.#workers[index] as WorkerThread
    try {
      await worker.ask({ type: 'commit' })
    } catch (error) {
      this.#log('error', `worker ${index} did not take the new rules over: ${errorText(error)}`)
      if (!worker.ended) await worker.kill()
    }
  }

  /** The rules run already: a port that cannot be opened is an alarm, not a reason to go back. */
  async #listenAgain(): Promise<void> {
    try {
      await this.#listen()
    } catch (error) {
      const mend = error instanceof LogweirError ? error.mend : ''
      this.#log('error', `a listener could not be opened after the reload: ${errorText(error)}`, { mend })
    }
  }

  // ---- deaths ------------------------------------------------------------------------------------

  #workerDied(index: number, reason: string): void {
    closeBooks(this.#counters[index] as Counters)
    if (this.#stopping) return
    this.#log('error', `worker ${index} died and is started again`, { reason })
    if (!this.#mayGoOn(`worker ${index}: ${reason}`)) return
    void this.#alone(() => this.#startAgain(index)).catch((error: unknown) => {
      this.#log('error', `worker ${index} could not be started: ${errorText(error)}`)
      // Ends as another death: tried again, until there are too many.
      void this.#workers[index]?.kill()
    })
  }

  async #startAgain(index: number): Promise<void> {
    if (this.#stopping) return
    const worker = await this.#spawn(index)
    await this.#prepare(index, this.#settings, this.#plan)
    await worker.ask({ type: 'commit' })
    await this.#listenOne(worker)
    this.#log('info', `worker ${index} runs again`)
  }

  /** At once, also while something else goes on or the router stops: that may wait for the spool's answer. */
  #spoolDied(reason: string): void {
    this.#log('error', 'the spool thread died and is started again', { reason })
    const goesOn = this.#mayGoOn(`spool thread: ${reason}`)
    if (goesOn) this.#spool.restart()
    for (const [index, worker] of this.#workers.entries()) {
      if (worker === undefined || worker.ended) continue
      if (goesOn) worker.give({ type: 'spool', port: this.#spool.connect(index) })
      else worker.tell({ type: 'spool_lost', reason })
    }
  }

  #mayGoOn(reason: string): boolean {
    if (!this.#deaths.add(performance.now())) return true
    this.#log('error', 'three threads died within a minute: the router ends', { reason })
    this.#options.failed(reason)
    return false
  }

  // ---- books -------------------------------------------------------------------------------------

  /** The ledger with gauges brought up to date, and what only workers know. */
  measure(): Promise<Measure> {
    // One at a time: who reads the published counters must not meet a worker that publishes for somebody else.
    const run = this.#measuring.then(() => this.#measure())
    this.#measuring = run.catch(() => undefined)
    return run
  }

  async #measure(): Promise<Measure> {
    const answers = await Promise.all(
      this.#running().map((worker) => worker.ask<MeasureAnswer>({ type: 'measure' }).catch(() => undefined)),
    )
    const pauseOf = (key: string) => this.operations.pauseOf(key)
    const removalOf = (key: string) => this.#removed.get(key)
    return gather(answers, {
      counters: this.#counters,
      settings: this.#settings,
      plan: this.#plan,
      operated: { pauseOf, removalOf },
    })
  }

  // ---- stop --------------------------------------------------------------------------------------

  /** Stops in order, left to right. Returns false when something was lost. Safe twice. */
  stop(): Promise<boolean> {
    if (this.#stopping) return this.#busy.then(() => true)
    this.#stopping = true
    this.drain.end()
    return this.#alone(() => this.#stop())
  }

  async #stop(): Promise<boolean> {
    const answers = await Promise.all(
      this.#running().map((worker) =>
        worker.ask<StopAnswer>({ type: 'stop', grace: STOP_GRACE_MS }).catch((error: unknown) => ({
          spooled_events: 0,
          failed: errorText(error),
        })),
      ),
    )
    const spooled = answers.reduce((sum, answer) => sum + answer.spooled_events, 0)
    const failures = answers.flatMap(({ failed }) => (failed === null ? [] : [failed]))
    for (const failure of failures) this.#log('error', `stop: ${failure}`)
    const ledger = readLedger(this.#counters, Date.now(), {})
    await this.#endThreads()
    this.#lock.release()
    const { received, owned, orphaned, imbalance } = ledger
    this.#log(imbalance === 0 ? 'info' : 'error', 'stopped', {
      received,
      owned,
      orphaned,
      spooled,
      imbalance,
    })
    return failures.length === 0
  }

  async #endThreads(): Promise<void> {
    this.#stopping = true
    this.#give_back.stop()
    this.operations.close()
    this.#removed.close()
    this.drain.end()
    await Promise.all(this.#running().map((worker) => worker.end()))
    await this.#spool.end()
  }

  /** One thing at a time: reloads, restarts and the stop wait for each other. */
  #alone<T>(act: () => Promise<T>): Promise<T> {
    const run = this.#busy.then(act, act)
    this.#busy = run.catch(() => undefined)
    return run
  }
}
