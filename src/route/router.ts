/**
 * View in, forwarders out. Whose the event is comes from `rules/ownership.ts`; who gets it from the owner's
 * list of forwarders and the provider's. Per event there is no work per tenant.
 */
import { add, TenantCell, WorkerCell } from '../base/counters.ts'
import type { Random } from '../base/random.ts'
import { mapSteps, type Steps } from '../base/slices.ts'
import type { EventView } from '../classify/view.ts'
import type { Ticket } from '../queue/acknowledgement.ts'
import type { ForwarderQueue } from '../queue/forwarder-queue.ts'
import type { OpenBatches } from '../queue/open-batches.ts'
import type { ConditionSet } from '../rules/conditions.ts'
import type { Editor } from '../rules/editor.ts'
import type { Ownership } from '../rules/ownership.ts'
import type { ForwarderPlan, RulesPlan } from '../rules/plan.ts'
import { Gate } from './gate.ts'
import { TenantRates } from './tenant-rates.ts'

/** A forwarder as the router sees it. */
export interface Target {
  readonly queue: ForwarderQueue
  /** Null: everything passes. */
  readonly gate: Gate | null
  /** Null: events pass as they are. */
  readonly editor: Editor | null
}

/** What events meet on their way into a queue. */
export interface RouterRules {
  readonly ownership: Ownership
  readonly conditions: ConditionSet
  /** In the order of the plan. */
  readonly editors: readonly Editor[]
  readonly random: Random
}

export interface RouterCells {
  readonly worker: Float64Array
  /** One a tenant, in the order of the plan. */
  readonly tenants: readonly Float64Array[]
  /** Per owner: when its last event came (wall ms), and how many came. Left out: for the router alone. */
  readonly seen?: Float64Array
}

/**
 * Who may get an event: a list a tenant, then the provider's for owned events, then for orphans. One behind the other, and
 * conditions apart: most that are asked fail, and then nothing else of a forwarder is touched.
 */
export interface TargetLists {
  /** Where each list begins; one more for the end of the last. */
  readonly starts: Int32Array
  /** Index of the condition of each target, -1: takes everything. */
  readonly conditions: Int32Array
  /**
   * Number of the queue of each target among the open batches, where that is all there is to it; -1: look at the target. With
   * a thousand tenants what an event touches is in no cache: each object on its way costs as much as scanning its header.
   */
  readonly numbers: Int32Array
  readonly targets: readonly Target[]
}

/** What a rule set looks like to the router: made beside what runs, in steps. */
export interface RouterTables {
  readonly rates: TenantRates
  /** Tenant of each owner. */
  readonly tenant_of: Int32Array
  /** Names of what owners were found by (`owner.by`), and per owner its place among them. */
  readonly found_by: readonly string[]
  readonly by_of: Int32Array
  readonly lists: TargetLists
  readonly opens: OpenBatches | undefined
  /** Per owner: owners of the copies that other tenants get of its events; null when nothing is shared. */
  readonly copies: readonly (Int32Array | undefined)[] | null
}

/** Makes the tables for `queues` in the order of the plan; `now` is monotonic milliseconds. */
export function* routerTables(
  plan: RulesPlan,
  { editors, random }: Pick<RouterRules, 'editors' | 'random'>,
  queues: readonly ForwarderQueue[],
  now: number,
): Steps<RouterTables> {
  const targets = yield* mapSteps(plan.forwarders, ({ edit, sample, rate_max }, index): Target => {
    const gate = sample === null && rate_max === null ? null : new Gate(sample, rate_max, random, now)
    const editor = edit === -1 ? null : (editors[edit] ?? null)
    if (edit !== -1 && editor === null) throw new Error('a forwarder without its editor')
    return { queue: queues[index] as ForwarderQueue, gate, editor }
  })
  yield
  const found_by = [...new Set(plan.owners.map(({ by }) => by))]
  const places = new Map(found_by.map((by, place) => [by, place]))
  yield
  return {
    rates: new TenantRates(
      plan.tenants.map((tenant) => tenant.rate_max),
      now,
    ),
    tenant_of: Int32Array.from(yield* mapSteps(plan.owners, ({ tenant }) => tenant, 1000)),
    found_by,
    by_of: Int32Array.from(yield* mapSteps(plan.owners, ({ by }) => places.get(by) ?? 0, 1000)),
    lists: yield* targetLists(plan, targets),
    opens: queues[0]?.opens,
    copies: copiesOf(plan),
  }
}

/** A forwarder is one target in all lists that it stands in: its rate is one. */
function* targetLists(plan: RulesPlan, made: readonly Target[]): Steps<TargetLists> {
  const starts: number[] = []
  const conditions: number[] = []
  const numbers: number[] = []
  const targets: Target[] = []
  const add = (indices: readonly number[]): void => {
    starts.push(targets.length)
    for (const index of indices) {
      const target = made[index] as Target
      conditions.push((plan.forwarders[index] as ForwarderPlan).condition)
      numbers.push(target.gate === null && target.editor === null ? target.queue.number : -1)
      targets.push(target)
    }
  }
  yield* mapSteps(plan.tenants, ({ forwarders }) => add(forwarders))
  const provider = plan.forwarders.flatMap(({ tenant, scope }, index) =>
    tenant === -1 ? [{ scope, index }] : [],
  )
  add(provider.filter(({ scope }) => scope !== 'orphans').map(({ index }) => index))
  add(provider.filter(({ scope }) => scope !== 'owned').map(({ index }) => index))
  starts.push(targets.length)
  return {
    starts: Int32Array.from(starts),
    conditions: Int32Array.from(conditions),
    numbers: Int32Array.from(numbers),
    targets,
  }
}

export class Router {
  /** Set while a read of a sender that waits for its acknowledgement is taken in. */
  ticket: Ticket | undefined
  readonly #ownership: Ownership
  readonly #conditions: ConditionSet
  readonly #cells: RouterCells
  readonly #rates: TenantRates
  readonly #tenant_of: Int32Array
  readonly #starts: Int32Array
  readonly #condition_of: Int32Array
  readonly #number_of: Int32Array
  readonly #targets: readonly Target[]
  readonly #opens: OpenBatches | undefined
  /** Where each tenant's counters stand: the piece of memory, and the place in it. */
  readonly #cells_of: Int32Array
  readonly #slabs: readonly Float64Array[]
  /** Numbers of the provider's lists. */
  readonly #provider_owned: number
  readonly #provider_orphans: number
  readonly #has_conditions: boolean
  readonly #copies: readonly (Int32Array | undefined)[] | null
  /** Counts events, so that work on one is not taken for work on the next. */
  #event = 0

  /** As of {@link RouterTables}. */
  readonly found_by: readonly string[]
  readonly #by_of: Int32Array
  readonly #seen: Float64Array

  constructor(
    tables: RouterTables,
    { ownership, conditions }: Pick<RouterRules, 'ownership' | 'conditions'>,
    cells: RouterCells,
  ) {
    this.#ownership = ownership
    this.#conditions = conditions
    this.#cells = cells
    this.#rates = tables.rates
    this.#tenant_of = tables.tenant_of
    this.found_by = tables.found_by
    this.#seen = cells.seen ?? new Float64Array(tables.by_of.length * 2)
    this.#by_of = tables.by_of
    const { starts, conditions: condition_of, numbers, targets } = tables.lists
    this.#starts = starts
    this.#condition_of = condition_of
    this.#number_of = numbers
    this.#targets = targets
    this.#opens = tables.opens
    const { places, slabs } = placesOf(cells.tenants)
    this.#cells_of = places
    this.#slabs = slabs
    this.#provider_owned = starts.length - 3
    this.#provider_orphans = starts.length - 2
    this.#has_conditions = conditions.size > 0
    this.#copies = tables.copies
  }

  /** Events by what their owner was found by, in the order of {@link found_by}. Not for the hot path. */
  get found(): Float64Array {
    const found = new Float64Array(this.found_by.length)
    for (const [owner, by] of this.#by_of.entries())
      found[by] = (found[by] as number) + (this.#seen[owner * 2 + 1] as number)
    return found
  }

  /** Hands one classified event to everybody it is for. Returns what decided: an owner, or an orphan reason below 0. */
  route(view: EventView, now: number): number {
    const owner = this.#ownership.decide(view)
    this.#event += 1
    if (this.#has_conditions) this.#conditions.begin()
    if (owner > 0) {
      const tenant = this.#tenant_of[owner] as number
      add(this.#cells.worker, WorkerCell.owned, 1)
      const cells = this.#slabs[this.#cells_of[tenant * 2] as number] as Float64Array
      add(cells, (this.#cells_of[tenant * 2 + 1] as number) + TenantCell.owned, 1)
      const seen = this.#seen
      seen[owner * 2] = view.received_at
      seen[owner * 2 + 1] = (seen[owner * 2 + 1] as number) + 1
      if (this.#rates.limited && !this.#rates.admits(tenant, now)) this.#refuse(tenant, view, owner)
      else this.#give(tenant, view, owner, now)
      this.#give(this.#provider_owned, view, owner, now)
      if (this.#copies !== null) this.#share(this.#copies[owner], view, now)
    } else {
      add(this.#cells.worker, WorkerCell.orphaned - owner - 1, 1)
      this.#give(this.#provider_orphans, view, 0, now)
    }
    return owner
  }

  /** To tenants that the owner's group is shared with: each sees the event as one of its own, at its own rate. */
  #share(copies: Int32Array | undefined, view: EventView, now: number): void {
    if (copies === undefined) return
    for (let i = 0; i < copies.length; i++) {
      const as = copies[i] as number
      const tenant = this.#tenant_of[as] as number
      // Conditions on the owner have another answer now.
      if (this.#has_conditions) this.#conditions.begin()
      if (this.#rates.limited && !this.#rates.admits(tenant, now)) this.#refuse(tenant, view, as)
      else this.#give(tenant, view, as, now)
    }
  }

  /** To the targets of a list; a tenant's is that of its number. */
  #give(list: number, view: EventView, owner: number, now: number): void {
    const ticket = this.ticket
    const end = this.#starts[list + 1] as number
    for (let i = this.#starts[list] as number; i < end; i++) {
      const condition = this.#condition_of[i] as number
      if (condition !== -1 && !this.#conditions.holds(condition, view, owner)) continue
      const number = this.#number_of[i] as number
      if (number === -1 || ticket !== undefined)
        this.#giveSpecial(this.#targets[i] as Target, view, owner, now)
      else (this.#opens as OpenBatches).put(number, view, owner)
    }
  }

  /** Through the forwarder's gate and editor. What the gate refuses is dropped, and counted where it was headed. */
  #giveSpecial({ queue, gate, editor }: Target, view: EventView, owner: number, now: number): void {
    const reason = gate === null ? null : gate.refuses(now)
    if (reason !== null) return queue.refuse(reason)
    this.ticket?.touch(queue)
    queue.append(editor === null ? view : editor.edit(view, this.#event), owner)
  }

  /** Over the tenant's rate: what would have been forwarded is dropped, and counted where it was headed. */
  #refuse(list: number, view: EventView, owner: number): void {
    const end = this.#starts[list + 1] as number
    for (let i = this.#starts[list] as number; i < end; i++) {
      const condition = this.#condition_of[i] as number
      if (condition === -1 || this.#conditions.holds(condition, view, owner))
        (this.#targets[i] as Target).queue.refuse('tenant_rate')
    }
  }
}

/** Counters of tenants by number, without an object each: where they stand in which pieces of memory. */
function placesOf(blocks: readonly Float64Array[]): {
  readonly places: Int32Array
  readonly slabs: readonly Float64Array[]
} {
  const slabs = new Map<ArrayBufferLike, number>()
  const places = new Int32Array(blocks.length * 2)
  for (const [n, { buffer, byteOffset }] of blocks.entries()) {
    if (!slabs.has(buffer)) slabs.set(buffer, slabs.size)
    places[n * 2] = slabs.get(buffer) ?? 0
    places[n * 2 + 1] = byteOffset / 8
  }
  return { places, slabs: [...slabs.keys()].map((buffer) => new Float64Array(buffer)) }
}

function copiesOf({ copies = [], owners }: RulesPlan): (Int32Array | undefined)[] | null {
  if (copies.length === 0) return null
  const lists = owners.map((): number[] => [])
  for (const { owner, as } of copies) lists[owner]?.push(as)
  return lists.map((list) => (list.length === 0 ? undefined : Int32Array.from(list)))
}
