/**
 * One pipeline worker: listeners push frames in at the top, destinations pull batches at the bottom. The only
 * place that knows all the stages. Runs in a worker thread (`entry.ts`) and, in tests, wherever it is made.
 */
import type { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import {
  add,
  Counters,
  type CounterGrant,
  ForwarderCell,
  ListenerCell,
  ORPHAN_REASONS,
  WorkerCell,
} from '../base/counters.ts'
import type { Random } from '../base/random.ts'
import { inSlices, mapSteps, type Steps } from '../base/slices.ts'
import { Classifier } from '../classify/classifier.ts'
import { EventFlag, EventView } from '../classify/view.ts'
import type { Settings } from '../config/types.ts'
import { refusal } from '../forward/address-guard.ts'
import { createDestination } from '../forward/create.ts'
import { probe } from '../forward/probe.ts'
import type { ForwardDeps } from '../forward/types.ts'
import type { Intake, Origin } from '../listen/types.ts'
import { Ticket } from '../queue/acknowledgement.ts'
import type { OwnerName } from '../queue/batch.ts'
import { BufferPool, MemoryBudget } from '../queue/memory.ts'
import type { ForwarderQueue } from '../queue/forwarder-queue.ts'
import { OpenBatches, openMemory } from '../queue/open-batches.ts'
import type { Destination } from '../queue/lane.ts'
import type { Lost } from '../queue/disk-backlog.ts'
import type { SpoolClient } from '../queue/spool-port.ts'
import { Router, routerTables } from '../route/router.ts'
import { ConditionSet } from '../rules/conditions.ts'
import { makeEditors } from '../rules/editor.ts'
import { type Ownership, ownershipOf } from '../rules/ownership.ts'
import type { ForwarderPlan, RulesPlan } from '../rules/plan.ts'
import type { FileHands } from './files.ts'
import { Forwarders, type PreparedForwarders } from './forwarders.ts'
import { Listeners } from './listeners.ts'
import { PlanNames } from './names.ts'
import type { ListeningAnswer, LogLevel, MeasureAnswer, ProbeAnswer, StopAnswer } from './protocol.ts'
import { SourceCounts } from './source-counts.ts'
import { RuleHits } from './rule-hits.ts'
import { watchSpool } from './spool-health.ts'
import { memoryShares } from './shares.ts'
import { Ticker } from './ticker.ts'
import { UnknownLabels } from './unknown-labels.ts'

/** Memory that the pool keeps when nothing is on its way any more. */
const POOL_IDLE_BYTES = 1024 * 1024
/** Numbers of senders go round after so many changes: no batch stays open for as long. */
const PEER_IDS = 0x3fff_ffff
/** Copies on their way to the spool, all forwarders together. */
const WRITING_MAX = 16 * 1024 * 1024

export interface PipelineDeps {
  readonly index: number
  readonly workers: number
  readonly epoch: number
  readonly hostname: string
  readonly clock: Clock
  readonly random: Random
  readonly spool: SpoolClient
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void
  readonly files: FileHands
  /** Counters that this worker had to make itself: main reads them too. */
  readonly granted: (grant: CounterGrant) => void
}

/** A generation of the rules, ready to run. */
interface Generation {
  readonly plan: RulesPlan
  readonly settings: Settings
  readonly classifier: Classifier
  readonly ownership: Ownership
  readonly forwarders: PreparedForwarders
  readonly names: PlanNames
  readonly cells: Float64Array
  readonly listener_cells: Float64Array[]
  readonly sources: SourceCounts
  readonly router: Router
  readonly hits: RuleHits
}

export class Pipeline implements Intake {
  readonly #deps: PipelineDeps
  readonly #view = new EventView()
  readonly #counters = new Counters()
  readonly #unknown = new UnknownLabels()
  #cells: Float64Array = new Float64Array(WorkerCell.size)
  #listener_cells: Float64Array[] = []
  #sources: SourceCounts | undefined
  #classifier = new Classifier([])
  #router: Router | undefined
  #hits: RuleHits | undefined
  #plan: RulesPlan | undefined
  #ownership: Ownership | undefined
  #prepared: Generation | undefined
  #budget: MemoryBudget | undefined
  #forwarders: Forwarders | undefined
  #paused: ReadonlySet<string> = new Set()
  /** Of the start: what destinations are made with. */
  #settings: Settings | undefined
  #ticker: Ticker | undefined
  readonly #disk: { readonly client: SpoolClient; readonly writing_max: number; writing: number }
  readonly #listeners: Listeners
  /** Wall clock of the read at hand, 0 between reads. */
  #now = 0
  #now_mono = 0
  /** Another number for every change of sender: batches see by it whether theirs is the last one. */
  #peer = ''
  #peer_id = 0

  constructor(deps: PipelineDeps) {
    this.#deps = deps
    const client = watchSpool(deps.spool, deps.clock, {
      failed_at: (wall) => {
        this.#cells[WorkerCell.spool_failed_at] = wall
      },
      log: deps.log,
    })
    this.#disk = { client, writing_max: WRITING_MAX, writing: 0 }
    this.#listeners = new Listeners({
      intake: this,
      clock: deps.clock,
      workers: deps.workers,
      counters: this.#counters,
      log: deps.log,
    })
  }

  // ---- control -----------------------------------------------------------------------------------

  /** Counters that main made, before the rules that need them. */
  adopt(grant: CounterGrant): void {
    this.#counters.adopt(grant)
  }

  /** Phase one: makes everything that the rule set needs, beside what runs and in slices. */
  async prepare(settings: Settings, plan: RulesPlan, seen?: SharedArrayBuffer): Promise<void> {
    this.#prepared = undefined
    const { clock, epoch, index } = this.#deps
    const sliced = <Result>(steps: Steps<Result>): Promise<Result> => inSlices(steps, clock)
    const identity = { epoch, worker: index, generation: plan.generation }
    if (this.#forwarders === undefined) await this.#start(settings, identity)
    const forwarders = await sliced((this.#forwarders as Forwarders).preparing(plan, settings, identity))
    this.#prepared = await sliced(this.#generation(settings, plan, forwarders, seen))
  }

  *#generation(
    settings: Settings,
    plan: RulesPlan,
    forwarders: PreparedForwarders,
    memory: SharedArrayBuffer | undefined,
  ): Steps<Generation> {
    const counters = this.#counters
    const { random, clock } = this.#deps
    const classifier = new Classifier(plan.streams)
    const env = {
      listeners: settings.listeners.map((listener) => listener.name),
      sources: settings.sources.map(({ name, site, zone }) => ({ name, site, zone })),
    }
    const { key } = settings.redaction
    if (key === null && plan.edits.length > 0) throw new Error('redaction without a key')
    const read = (view: EventView, stream: number): void => classifier.read(view, stream)
    yield
    const ownership = ownershipOf(plan, settings.sources)
    yield
    const conditions = new ConditionSet(plan, env)
    yield
    const editors = makeEditors({ plan, env, key: key ?? '', read })
    yield
    const worker = counters.block('worker', 'worker')
    const tenants = yield* mapSteps(plan.tenants, ({ name }) => counters.block('tenant', name))
    const rules = { ownership, conditions, editors, random }
    const tables = yield* routerTables(plan, rules, forwarders.queues, clock.monotonic())
    const seen = memory === undefined ? {} : { seen: new Float64Array(memory) }
    const router = new Router(tables, rules, { worker, tenants, ...seen })
    yield
    return {
      plan,
      settings,
      classifier,
      ownership,
      forwarders,
      names: new PlanNames(plan, settings),
      cells: worker,
      listener_cells: settings.listeners.map(({ name }) => counters.block('listener', name)),
      sources: new SourceCounts(counters, settings.sources),
      router,
      hits: new RuleHits(plan, conditions, router, counters),
    }
  }

  discard(): void {
    this.#prepared = undefined
  }

  /** Phase two, between two frames: from here on every event sees the new generation only. */
  async commit(): Promise<void> {
    const next = this.#prepared
    if (next === undefined) throw new Error('commit without prepare')
    this.#prepared = undefined
    const { plan, settings } = next
    const forwarders = this.#forwarders as Forwarders
    // Origins carry numbers of listeners and sources: those of other settings must be gone before the switch.
    await this.#listeners.retire(settings)
    // From here to the settling nothing waits: that is "between two frames".
    forwarders.commit(next.forwarders, next.names)
    this.#cells = next.cells
    this.#listener_cells = next.listener_cells
    this.#sources = next.sources
    this.#classifier = next.classifier
    this.#ownership = next.ownership
    this.#unknown.renumber(streamNames(this.#plan), streamNames(plan))
    this.#plan = plan
    this.#hits?.flush()
    this.#router = next.router
    this.#hits = next.hits
    this.#listeners.configure(settings)
    await inSlices(forwarders.settling(), this.#deps.clock)
  }

  /** Of the first rules: memory, clockwork, and what the disk holds from before. */
  async #start(
    settings: Settings,
    identity: { epoch: number; worker: number; generation: number },
  ): Promise<void> {
    const { clock, spool } = this.#deps
    this.#settings = settings
    const chains = await spool.recover()
    this.#deps.granted(
      this.#counters.allocate(chains.map(({ key }) => ({ kind: 'forwarder' as const, name: key }))),
    )
    const budget = new MemoryBudget(settings.queue.memory_max)
    const pool = new BufferPool(budget)
    const ticker = new Ticker(
      clock,
      settings.batch.age,
      () => pool.trim(POOL_IDLE_BYTES),
      (queues) => budget.lookAt(queues),
    )
    this.#budget = budget
    this.#ticker = ticker
    this.#forwarders = new Forwarders({
      clock,
      budget,
      pool,
      opens: new OpenBatches(openMemory()),
      shareOf: memoryShares(settings),
      disk: this.#disk,
      counters: this.#counters,
      opened: ticker.opened,
      watch: ticker.watch,
      makeDestination: (plan, queue) => this.#makeDestination(plan, queue, settings),
      log: this.#deps.log,
    })
    this.#forwarders.pause(this.#paused)
    this.#forwarders.recover(chains, identity)
  }

  #makeDestination(plan: ForwarderPlan, queue: ForwarderQueue, settings: Settings): Destination {
    const cells = this.#counters.block('forwarder', plan.key)
    const certificateEnds = (at: number): void => {
      cells[ForwarderCell.certificate_ends_at] = at
    }
    // What was known of another destination of this name is over.
    certificateEnds(0)
    const deps = { ...this.#forwardDeps(settings, plan.key), certificateEnds }
    return createDestination(plan, queue, { ...deps, replayMax: () => queue.replay_max })
  }

  #forwardDeps(settings: Settings, forwarder: string): ForwardDeps {
    const { clock, random, hostname, workers, log, files } = this.#deps
    return {
      openFile: files.open,
      refuses: (aim) => refusal(forwarder, aim, this.#listeners.own()),
      dead_letters: join(settings.data, 'dead-letters'),
      secrets: join(settings.data, 'secrets'),
      env: process.env,
      clock,
      random,
      hostname,
      workers,
      idle: settings.limits.forwarder_idle,
      streams: () => this.#plan?.streams ?? [],
      log: {
        info: (fields, message) => log('info', message, fields),
        warn: (fields, message) => log('warn', message, fields),
        error: (fields, message) => log('error', message, fields),
      },
    }
  }

  /** Opens or changes the listeners to what the committed settings say. */
  async listen(ports: Readonly<Record<string, number>>): Promise<ListeningAnswer> {
    return { listeners: await this.#listeners.apply(ports) }
  }

  /** The node is drained: nothing more is taken; what is here is delivered as ever. */
  close(grace: number, quiet: number): Promise<void> {
    return this.#listeners.close(grace, quiet)
  }

  reopen(): void {
    this.#listeners.reopen()
  }

  /** All forwarders that operators paused. */
  pause(keys: readonly string[]): void {
    this.#paused = new Set(keys)
    this.#forwarders?.pause(this.#paused)
  }

  /** An operator knows that the forwarder's destination is well. */
  retry(key: string): void {
    this.#forwarders?.queueOf(key)?.destination?.retryNow?.()
  }

  /** `spool purge`: null when there is no such forwarder. */
  async purge(key: string): Promise<Lost | null> {
    return (await this.#forwarders?.queueOf(key)?.purge()) ?? null
  }

  /** `forwarder test`, beside what runs: the forwarder's own queue and destination know nothing of it. */
  async probe(key: string): Promise<ProbeAnswer> {
    const plan = this.#plan
    const forwarder = plan?.forwarders.find((one) => one.key === key)
    if (plan === undefined || forwarder === undefined || this.#settings === undefined) return null
    const { epoch, index, clock } = this.#deps
    const identity = { epoch, worker: index, forwarder: key, generation: plan.generation }
    const event = { tenant: ownerOf(plan.tenants[forwarder.tenant]), identity, wall: clock.wall() }
    const { settings } = forwarder
    const deps = this.#forwardDeps(this.#settings, key)
    const targets = [settings.to, ...settings.failover]
    return Promise.all(
      targets.map((to) => probe({ key, settings: { ...settings, to, failover: [] } }, event, deps)),
    )
  }

  /** Events so far, also of a worker before this one. */
  get received(): number {
    return this.#cells[WorkerCell.received] ?? 0
  }

  /** Brings the gauges in shared memory up to date. */
  measure(): MeasureAnswer {
    for (const queue of this.#forwarders?.queues ?? []) queue.measure()
    this.#hits?.flush()
    this.#cells[WorkerCell.memory_used] = this.#budget?.used ?? 0
    this.#counters.publish()
    return {
      last_errors: this.#forwarders?.lastErrors() ?? {},
      dead_letters: this.#forwarders?.deadLetters() ?? {},
      worst_clocks: this.#sources?.worstClocks() ?? {},
      unknown_labels: this.#unknown.list(streamNames(this.#plan)),
      listeners: this.#listeners.addresses(),
      unknown_requests: this.#listeners.unknownRequests(),
    }
  }

  /** Graceful stop: takes nothing more, delivers for `grace` ms, then everything unsent goes to disk. */
  async stop(grace: number): Promise<StopAnswer> {
    await this.#listeners.stop(Math.min(grace, 1000))
    const forwarders = this.#forwarders
    if (forwarders === undefined) return { spooled_events: 0, failed: null }
    const rows = await forwarders.stop(grace, () => this.#written(grace))
    this.#ticker?.stop()
    const spooled_events = rows.reduce((sum, { row }) => sum + row.events, 0)
    try {
      if (rows.length > 0) await this.#deps.spool.stop(rows)
      forwarders.stopped()
      this.measure()
      return { spooled_events, failed: null }
    } catch (error) {
      forwarders.lost()
      this.measure()
      return { spooled_events: 0, failed: `${spooled_events} events are lost: ${String(error)}` }
    }
  }

  /** Waits until nothing is on its way to the disk. */
  async #written(grace: number): Promise<void> {
    const until = this.#deps.clock.monotonic() + Math.max(grace, 5000)
    while (this.#disk.writing > 0 && this.#deps.clock.monotonic() < until) {
      await new Promise<void>((done) => this.#deps.clock.after(5, done))
    }
  }

  // ---- the hot path ------------------------------------------------------------------------------

  get accepting(): boolean {
    return this.#budget?.full !== true
  }

  onResume(act: () => void): () => void {
    return this.#budget?.onRoom(act) ?? (() => undefined)
  }

  frame(origin: Origin, buf: Buffer, start: number, end: number, flags: number): void {
    if (this.#now === 0) {
      this.#now = this.#deps.clock.wall()
      this.#now_mono = this.#deps.clock.monotonic()
    }
    const view = this.#view
    view.buf = buf
    view.start = start
    view.end = end
    view.flags = flags
    view.received_at = this.#now
    view.listener = origin.listener
    if (origin.peer !== this.#peer) this.#another(origin.peer)
    view.peer = origin.peer
    view.peer_id = this.#peer_id
    view.source = origin.source
    this.#classifier.classify(view)
    if ((view.flags & EventFlag.pri_assumed) !== 0) view.flags &= ~EventFlag.complete_header
    const cells = this.#cells
    add(cells, WorkerCell.received, 1)
    add(cells, WorkerCell.received_bytes, end - start)
    add(this.#listener_cells[origin.listener] as Float64Array, ListenerCell.received + view.stream, 1)
    ;(this.#sources as SourceCounts).count(view, this.#now_mono)
    const decision = (this.#router as Router).route(view, this.#now_mono)
    if (decision === UNKNOWN_LABEL || this.#ownership?.unknown_beside_key === true) this.#unknown.note(view)
  }

  #another(peer: string): void {
    this.#peer = peer
    this.#peer_id = (this.#peer_id % PEER_IDS) + 1
  }

  readDone(_origin: Origin): void {
    this.#now = 0
  }

  get acknowledging(): boolean {
    return this.#budget?.acknowledging !== false
  }

  expectAcknowledgement(): void {
    if (this.#router !== undefined) this.#router.ticket = new Ticket()
  }

  acknowledge(origin: Origin, done: (kept: boolean) => void): void {
    this.readDone(origin)
    const ticket = this.#router?.ticket
    if (this.#router !== undefined) this.#router.ticket = undefined
    if (ticket === undefined) done(true)
    else ticket.end(done)
  }
}

/** Whose an event of `forwarder test` is said to be. */
function ownerOf(tenant: RulesPlan['tenants'][number] | undefined): OwnerName | null {
  if (tenant === undefined) return null
  const owner = { org: tenant.org, org_vdc: null, data_center_group: null, gateway: null, by: 'probe' }
  return { tenant: tenant.name, owner }
}

function streamNames(plan: RulesPlan | undefined): string[] {
  return plan?.streams.map(({ name }) => name) ?? []
}

const UNKNOWN_LABEL = -1 - ORPHAN_REASONS.indexOf('unknown_label')
