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
import type { ConditionSet } from '../rules/conditions.ts'
import type { Editor } from '../rules/editor.ts'
import type { Ownership } from '../rules/ownership.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { Gate } from './gate.ts'
import { TenantRates } from './tenant-rates.ts'

/** A forwarder as the router sees it. */
export interface Target {
  readonly queue: ForwarderQueue
  /** Index of its condition, -1: takes everything. */
  readonly condition: number
  /** Neither gate nor editor: the usual case, asked first. */
  readonly plain: boolean
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

/** What a rule set looks like to the router: made beside what runs, in steps. */
export interface RouterTables {
  readonly rates: TenantRates
  /** Tenant of each owner. */
  readonly tenant_of: Int32Array
  /** Names of what owners were found by (`owner.by`), and per owner its place among them. */
  readonly found_by: readonly string[]
  readonly by_of: Int32Array
  /** Per tenant, then the provider's by what they see. */
  readonly tenants: readonly (readonly Target[])[]
  readonly provider_owned: readonly Target[]
  readonly provider_orphans: readonly Target[]
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
  const targets = yield* mapSteps(plan.forwarders, ({ condition, edit, sample, rate_max }, index): Target => {
    const open = sample === null && rate_max === null
    const gate = open ? null : new Gate(sample, rate_max, random, now)
    const editor = edit === -1 ? null : (editors[edit] ?? null)
    if (edit !== -1 && editor === null) throw new Error('a forwarder without its editor')
    const queue = queues[index] as ForwarderQueue
    return { queue, condition, plain: open && editor === null, gate, editor }
  })
  // One for all lists that a forwarder stands in: its rate is one.
  const target = (index: number): Target => targets[index] as Target
  const provider = plan.forwarders.flatMap(({ tenant, scope }, index) =>
    tenant === -1 ? [{ scope, index }] : [],
  )
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
    tenants: yield* mapSteps(plan.tenants, ({ forwarders }) => forwarders.map(target)),
    provider_owned: provider.filter(({ scope }) => scope !== 'orphans').map(({ index }) => target(index)),
    provider_orphans: provider.filter(({ scope }) => scope !== 'owned').map(({ index }) => target(index)),
    copies: copiesOf(plan),
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
  readonly #tenants: readonly (readonly Target[])[]
  readonly #provider_owned: readonly Target[]
  readonly #provider_orphans: readonly Target[]
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
    this.#tenants = tables.tenants
    this.#provider_owned = tables.provider_owned
    this.#provider_orphans = tables.provider_orphans
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
      add(this.#cells.tenants[tenant] as Float64Array, TenantCell.owned, 1)
      const seen = this.#seen
      seen[owner * 2] = view.received_at
      seen[owner * 2 + 1] = (seen[owner * 2 + 1] as number) + 1
      const targets = this.#tenants[tenant] as readonly Target[]
      if (this.#rates.limited && !this.#rates.admits(tenant, now)) this.#refuse(targets, view, owner)
      else this.#give(targets, view, owner, now)
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
      const targets = this.#tenants[tenant] as readonly Target[]
      // Conditions on the owner have another answer now.
      if (this.#has_conditions) this.#conditions.begin()
      if (this.#rates.limited && !this.#rates.admits(tenant, now)) this.#refuse(targets, view, as)
      else this.#give(targets, view, as, now)
    }
  }

  #give(targets: readonly Target[], view: EventView, owner: number, now: number): void {
    const ticket = this.ticket
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as Target
      const { queue, condition } = target
      if (condition !== -1 && !this.#conditions.holds(condition, view, owner)) continue
      if (target.plain) {
        if (ticket !== undefined) ticket.touch(queue)
        queue.append(view, owner)
      } else this.#giveSpecial(target, view, owner, now)
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
  #refuse(targets: readonly Target[], view: EventView, owner: number): void {
    for (let i = 0; i < targets.length; i++) {
      const { queue, condition } = targets[i] as Target
      if (condition === -1 || this.#conditions.holds(condition, view, owner)) queue.refuse('tenant_rate')
    }
  }
}

function copiesOf({ copies = [], owners }: RulesPlan): (Int32Array | undefined)[] | null {
  if (copies.length === 0) return null
  const lists = owners.map((): number[] => [])
  for (const { owner, as } of copies) lists[owner]?.push(as)
  return lists.map((list) => (list.length === 0 ? undefined : Int32Array.from(list)))
}
