/**
 * When each Org VDC, group, gateway, label and key was last met, for `logweir why`. Workers write into memory that main
 * made, a cell pair an owner; what they wrote is told apart by name when other rules number their owners anew.
 */
import { type Counters, ForwarderCell } from '../base/counters.ts'
import type { OwnerPlan, RulesPlan } from '../rules/plan.ts'
import { objectId } from './owner-changes.ts'

/** Cells of an owner: wall ms of its last event, 0: none; and its events. */
export const SEEN_CELLS = 2

export interface Seen {
  readonly at: number
  readonly events: number
}

const NEVER: Seen = { at: 0, events: 0 }

export class LastSeen {
  readonly #memories = new WeakMap<RulesPlan, SharedArrayBuffer[]>()
  /** Of rules that are gone, by name. */
  #before = new Map<string, Seen>()
  /** What each forwarder had enqueued when the rules that run began. */
  #enqueued = new Map<string, number>()

  /** The memory of a worker for a rule set: the same again for a worker that starts again. */
  memory(worker: number, plan: RulesPlan): SharedArrayBuffer {
    const memories = this.#memories.get(plan) ?? []
    this.#memories.set(plan, memories)
    const memory = (memories[worker] ??= new SharedArrayBuffer(plan.owners.length * SEEN_CELLS * 8))
    return memory
  }

  /** `plan` runs from now on, `old` no more. Names that it does not have are forgotten. */
  begin(plan: RulesPlan, workers: readonly Counters[], old?: RulesPlan): void {
    const kept = new Set(plan.owners.map((owner) => nameOf(owner, plan)))
    const sums = old === undefined ? this.#before : this.#read(old)
    this.#before = new Map([...sums].filter(([name]) => kept.has(name)))
    this.#enqueued = new Map(plan.forwarders.map(({ key }) => [key, enqueued(workers, key)]))
  }

  /** By owner of the plan that runs, since the start of the router. */
  owners(plan: RulesPlan): Seen[] {
    const sums = this.#read(plan)
    return plan.owners.map((owner) => sums.get(nameOf(owner, plan)) ?? NEVER)
  }

  /** Events of each tenant under the rules that run. */
  tenants(plan: RulesPlan): number[] {
    const sums = plan.tenants.map(() => 0)
    for (const [n, { events }] of this.#cells(plan).entries()) {
      const tenant = plan.owners[n]?.tenant ?? -1
      if (tenant >= 0) sums[tenant] = (sums[tenant] ?? 0) + events
    }
    return sums
  }

  /** Events that a forwarder has let in under the rules that run. */
  passed(key: string, workers: readonly Counters[]): number {
    return enqueued(workers, key) - (this.#enqueued.get(key) ?? 0)
  }

  #read(plan: RulesPlan): Map<string, Seen> {
    const sums = new Map(this.#before)
    for (const [n, { at, events }] of this.#cells(plan).entries()) {
      const name = nameOf(plan.owners[n] as OwnerPlan, plan)
      const other = sums.get(name) ?? NEVER
      if (events > 0) sums.set(name, { at: Math.max(at, other.at), events: events + other.events })
    }
    return sums
  }

  #cells(plan: RulesPlan): Seen[] {
    const memories = (this.#memories.get(plan) ?? []).map((memory) => new Float64Array(memory))
    return plan.owners.map((_, n) => ({
      at: Math.max(0, ...memories.map((cells) => cells[n * SEEN_CELLS] ?? 0)),
      events: memories.reduce((sum, cells) => sum + (cells[n * SEEN_CELLS + 1] ?? 0), 0),
    }))
  }
}

/** The same for the same object of the same customer, however the rules number it. */
function nameOf(owner: OwnerPlan, plan: RulesPlan): string {
  const tenant = plan.tenants[owner.tenant]
  return JSON.stringify([tenant?.name, tenant?.org?.id, objectId(owner), owner.by])
}

function enqueued(workers: readonly Counters[], key: string): number {
  return workers.reduce((sum, one) => sum + (one.find('forwarder', key)?.[ForwarderCell.enqueued] ?? 0), 0)
}
