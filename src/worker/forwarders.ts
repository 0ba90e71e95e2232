/**
 * The queues and destinations of a worker over all generations of the rules. A queue lives as long as
 * the worker: a forwarder that leaves the rules drains, then its queue is parked, and used again if the name
 * comes back. A destination lives as long as its settings.
 */
import type { Clock } from '../base/clock.ts'
import type { Steps } from '../base/slices.ts'
import type { Counters } from '../base/counters.ts'
import type { Settings } from '../config/types.ts'
import { payloadForm } from '../forward/create.ts'
import type { BatchIdentity, BatchNames } from '../queue/batch.ts'
import { PayloadForm } from '../queue/batch-format.ts'
import type { DiskPort } from '../queue/disk-backlog.ts'
import { ForwarderQueue, type QueueLimits } from '../queue/forwarder-queue.ts'
import type { DeadLettersStatus, Destination } from '../queue/lane.ts'
import type { BufferPool, MemoryBudget, MemoryShare } from '../queue/memory.ts'
import type { OpenBatches } from '../queue/open-batches.ts'
import type { ChainState, SpoolRow } from '../queue/spool-port.ts'
import { serialiseBatch } from '../queue/batch-codec.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import type { ForwarderPlan, RulesPlan } from '../rules/plan.ts'

/** How long a forwarder that left the rules, or changed, may go on sending what it has. */
const REMOVED_GRACE_MS = 30_000
const CHANGED_GRACE_MS = 2_000

export interface ForwardersDeps {
  readonly clock: Clock
  readonly budget: MemoryBudget
  readonly pool: BufferPool
  readonly opens: OpenBatches
  /** What all forwarders of one tenant may hold together. */
  readonly shareOf?: (key: string) => MemoryShare | undefined
  readonly disk: DiskPort
  readonly counters: Counters
  readonly opened: (queue: ForwarderQueue) => void
  readonly watch: (queue: ForwarderQueue) => void
  readonly makeDestination: (plan: ForwarderPlan, queue: ForwarderQueue) => Destination
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void
}

interface Held {
  readonly queue: ForwarderQueue
  /** What the destination was made with; null: it has left the rules, or there never was one. */
  settings: ForwarderSettings | null
  /** In the rules now. */
  active: boolean
  /** Set while an old destination stops: a new one waits for it. */
  stopping: Promise<void> | undefined
  /** Number of the last commit that had it; 0: none yet. */
  commit: number
}

/** A forwarder of rules that are not taken over yet. */
interface Entry {
  readonly plan: ForwarderPlan
  readonly held: Held
  readonly identity: BatchIdentity
  readonly limits: QueueLimits
  readonly form: PayloadForm
  /** Id of the tenant's organisation. */
  readonly org: string | null
  /** Its settings are not those that its destination was made with. */
  readonly changed: boolean
}

/** See {@link Forwarders.preparing}. */
export interface PreparedForwarders {
  readonly entries: readonly Entry[]
  /** In the order of the plan. */
  readonly queues: readonly ForwarderQueue[]
}

export class Forwarders {
  readonly #deps: ForwardersDeps
  readonly #held = new Map<string, Held>()
  /** Made for a rule set that was not taken over, perhaps: the next one has them. Nothing else knows them. */
  readonly #spare = new Map<string, Held>()
  #paused: ReadonlySet<string> = new Set()
  #commits = 0
  /** Of the last commit, for {@link settling}. */
  readonly #unsettled: { readonly plan: ForwarderPlan; readonly held: Held }[] = []
  readonly #left: { readonly key: string; readonly held: Held }[] = []

  constructor(deps: ForwardersDeps) {
    this.#deps = deps
  }

  get queues(): Iterable<ForwarderQueue> {
    return this.#queues()
  }

  *#queues(): Generator<ForwarderQueue> {
    for (const { queue } of this.#held.values()) yield queue
  }

  queueOf(key: string): ForwarderQueue | undefined {
    return this.#held.get(key)?.queue
  }

  /** By operators: exactly these stand still. One that no longer does goes on at once. */
  pause(keys: ReadonlySet<string>): void {
    this.#paused = keys
    for (const [key, { queue }] of this.#held) {
      const was = queue.paused
      queue.paused = keys.has(key)
      if (was && !queue.paused) queue.destination?.wake()
    }
  }

  /** Takes over what disk holds from before: queues without a destination, until the rules name them. */
  recover(chains: readonly ChainState[], identity: Omit<BatchIdentity, 'forwarder'>): void {
    const known = new Set(chains.map((chain) => chain.key))
    // Books of a worker that died, about chains that were drained before they knew.
    const drained = this.#deps.counters
      .names('forwarder')
      .filter((key) => !known.has(key))
      .map(emptyChain)
    for (const chain of [...chains, ...drained]) {
      const queue = this.#makeQueue(
        { ...identity, forwarder: chain.key },
        parkedLimits(),
        chain.last_sequence + 1,
      )
      queue.adopt(chain.batches, chain.events, chain.bytes)
      this.#held.set(chain.key, { queue, settings: null, active: false, stopping: undefined, commit: 1 })
    }
  }

  /** Makes what a rule set needs, beside what runs: a reload of thousands must be cheap at the switch. */
  *preparing(
    plan: RulesPlan,
    settings: Settings,
    identity: Omit<BatchIdentity, 'forwarder'>,
  ): Steps<PreparedForwarders> {
    const entries: Entry[] = []
    for (const forwarder of plan.forwarders) {
      const own = { ...identity, forwarder: forwarder.key }
      const held = this.#held.get(forwarder.key) ?? this.#spare.get(forwarder.key) ?? this.#newlyHeld(own)
      entries.push({
        plan: forwarder,
        held,
        identity: own,
        limits: queueLimits(forwarder.settings, settings),
        form: payloadForm(forwarder.settings),
        org: plan.tenants[forwarder.tenant]?.org?.id ?? null,
        changed: !equal(held.settings, forwarder.settings),
      })
      yield
    }
    return { entries, queues: entries.map(({ held }) => held.queue) }
  }

  /** Takes a rule set over between two frames. What need not be done at once is left to {@link settling}. */
  commit({ entries }: PreparedForwarders, names: BatchNames): void {
    this.#commits += 1
    for (const { plan, held, identity, limits, form, org, changed } of entries) {
      const { queue } = held
      if (held.commit === 0) {
        this.#held.set(plan.key, held)
        this.#spare.delete(plan.key)
        queue.paused = this.#paused.has(plan.key)
      }
      held.commit = this.#commits
      queue.renew(identity, form, names, limits, org)
      held.active = true
      held.settings = plan.settings
      if (!changed) continue
      queue.changing = true
      this.#unsettled.push({ plan, held })
    }
    for (const [key, held] of this.#held) {
      if (!held.active || held.commit === this.#commits) continue
      held.active = false
      held.settings = null
      this.#left.push({ key, held })
    }
  }

  /** After {@link commit}: new destinations in the place of old ones, and the end of those that left. */
  *settling(): Steps<void> {
    for (const { key, held } of this.#left.splice(0)) {
      if (!held.active) this.#remove(key, held)
      yield
    }
    for (const { plan, held } of this.#unsettled.splice(0)) {
      if (held.active) this.#replace(plan, held)
      yield
    }
  }

  #newlyHeld(identity: BatchIdentity): Held {
    const queue = this.#makeQueue(identity, parkedLimits(), 0)
    const held = { queue, settings: null, active: false, stopping: undefined, commit: 0 }
    this.#spare.set(identity.forwarder, held)
    return held
  }

  #makeQueue(identity: BatchIdentity, limits: QueueLimits, next_sequence: number): ForwarderQueue {
    const { clock, budget, pool, opens, disk, counters, opened, watch } = this.#deps
    const cells = counters.block('forwarder', identity.forwarder)
    const share = this.#deps.shareOf?.(identity.forwarder)
    const deps = { clock, budget, pool, opens, disk, share, cells, opened, watch }
    const queue = new ForwarderQueue(identity, PayloadForm.bare, NO_NAMES, limits, deps, next_sequence)
    queue.paused = this.#paused.has(identity.forwarder)
    return queue
  }

  /** A new destination once the old one has given everything back. */
  #replace(plan: ForwarderPlan, held: Held): void {
    const { settings } = plan
    const attach = (): void => {
      held.stopping = undefined
      held.queue.changing = false
      // Changed or removed once more while the old destination was stopping; or changed back, and made already.
      if (equal(held.settings, settings) && held.active && held.queue.destination === undefined)
        held.queue.attach(this.#deps.makeDestination(plan, held.queue))
    }
    const old = held.queue.destination
    if (held.stopping !== undefined) held.stopping = held.stopping.then(attach)
    else if (old === undefined) attach()
    else held.stopping = this.#stopDestination(held.queue, old, CHANGED_GRACE_MS).then(attach)
  }

  #remove(key: string, held: Held): void {
    held.queue.park()
    const old = held.queue.destination
    this.#deps.log('info', `forwarder ${key} left the rules: it drains, then its spool is kept`, {
      forwarder: key,
    })
    if (old !== undefined) {
      held.stopping = this.#stopDestination(held.queue, old, REMOVED_GRACE_MS).then(() => {
        held.stopping = undefined
        held.queue.spill()
      })
    }
  }

  async #stopDestination(queue: ForwarderQueue, destination: Destination, grace: number): Promise<void> {
    await destination.stop(grace)
    if (queue.destination === destination) queue.attach(undefined)
  }

  /** Stops every destination and takes out what only memory has, for the stop file. */
  async stop(
    grace: number,
    written: () => Promise<void>,
  ): Promise<{ readonly key: string; readonly row: SpoolRow }[]> {
    for (const { queue } of this.#held.values()) queue.sealOpen()
    await Promise.all(
      [...this.#held.values()].map(async (held) => {
        held.active = false
        await held.stopping
        await held.queue.destination?.stop(grace)
      }),
    )
    await written()
    const rows: { key: string; row: SpoolRow }[] = []
    for (const { queue } of this.#held.values()) {
      for (const batch of queue.close()) {
        rows.push({
          key: queue.key,
          row: { sequence: batch.sequence, events: batch.events, bytes: serialiseBatch(batch) },
        })
      }
    }
    return rows
  }

  /** The rows of {@link stop} are on disk. */
  stopped(): void {
    for (const { queue } of this.#held.values()) queue.stopped()
  }

  /** The rows of {@link stop} could not be written: they are lost, and counted so. */
  lost(): void {
    for (const { queue } of this.#held.values()) queue.abandon('spool_error')
  }

  /** Where each destination set refused events aside, if it did. */
  deadLetters(): Record<string, DeadLettersStatus> {
    const found: Record<string, DeadLettersStatus> = {}
    for (const [key, { queue }] of this.#held) {
      const letters = queue.destination?.dead_letters ?? null
      if (letters !== null) found[key] = letters
    }
    return found
  }

  /** The last error of each destination that has one. */
  lastErrors(): Record<string, string> {
    const errors: Record<string, string> = {}
    for (const [key, { queue }] of this.#held) {
      const error = queue.destination?.last_error
      if (error !== null && error !== undefined) errors[key] = error
    }
    return errors
  }
}

/** Main sends settings anew only where they differ, so most are the same object. */
function equal(held: ForwarderSettings | null, settings: ForwarderSettings): boolean {
  return held === settings || (held !== null && JSON.stringify(held) === JSON.stringify(settings))
}

/** A forwarder's share of memory is at least a few batches: less could not work. */
function queueLimits(forwarder: ForwarderSettings, settings: Settings): QueueLimits {
  return {
    batch_bytes: settings.batch.bytes,
    spill_after: settings.queue.spill_after,
    memory_max: Math.max(forwarder.queue.memory_max, settings.batch.bytes * 4),
    disk_max: forwarder.queue.disk_max,
    max_age: forwarder.queue.max_age,
    catch_up_max: forwarder.queue.catch_up_max,
    when_full: forwarder.queue.when_full,
    spool: forwarder.spool,
  }
}

function emptyChain(key: string): ChainState {
  return { key, batches: 0, events: 0, bytes: 0, file_bytes: 0, last_sequence: -1 }
}

function parkedLimits(): QueueLimits {
  const when_full = 'drop_newest' as const
  return {
    batch_bytes: 65_536,
    spill_after: 0,
    memory_max: 1 << 20,
    disk_max: 0,
    max_age: null,
    when_full,
    spool: 'overflow',
  }
}

const NO_NAMES: BatchNames = {
  stream: () => 'other',
  owner: () => null,
  listener: () => '',
  source: () => null,
}
