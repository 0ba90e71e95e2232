/**
 * A rule set on its way from main to a worker, in parts: reading the clone of thousands of forwarders in one piece holds
 * a thread up for longer than events may wait. Settings of forwarders, nine tenths of it all, come only where they are
 * not what the worker has already.
 */
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import type { Condition, CopyPlan, ForwarderPlan, RulesPlan } from '../rules/plan.ts'

type Lists = 'tenants' | 'owners' | 'edits'

/** `settings` null: as in the rules that run. */
export type ForwarderPart = Omit<ForwarderPlan, 'settings'> & { readonly settings: ForwarderSettings | null }

export type PlanPart =
  | { readonly [List in Lists]: { readonly list: List; readonly items: RulesPlan[List] } }[Lists]
  | { readonly list: 'forwarders'; readonly items: readonly ForwarderPart[] }
  | { readonly list: 'copies'; readonly items: readonly CopyPlan[] }
  | {
      readonly list: 'conditions'
      readonly items: readonly Condition[]
      /** Of the plan's `shared`, what stands inside these: the very objects. */
      readonly shared: readonly (readonly [Condition, number])[]
    }

/** What is left of a plan without its parts. */
export type PlanRest = Omit<RulesPlan, Lists | 'forwarders' | 'copies' | 'conditions' | 'shared'>

/** Entries of a part: a fifth of a millisecond to read. */
const ENTRIES: Readonly<Record<Lists | 'forwarders' | 'copies', number>> = {
  tenants: 128,
  owners: 128,
  forwarders: 32,
  edits: 32,
  copies: 1024,
}
/** Characters of conditions as JSON. */
const CONDITION_CHARACTERS = 8192

export function planRest(plan: RulesPlan): PlanRest {
  const { generation, streams, labels, keys, named } = plan
  return { generation, streams, labels, keys, named }
}

/** `before`: the rules that the worker runs, undefined for a new one. Both divided alike. */
export function* planParts(plan: RulesPlan, before: RulesPlan | undefined): Generator<PlanPart> {
  for (const items of groups(plan.tenants, ENTRIES.tenants)) yield { list: 'tenants', items }
  for (const items of groups(plan.owners, ENTRIES.owners)) yield { list: 'owners', items }
  const known = new Map(before?.forwarders.map(({ key, settings }) => [key, settings]))
  for (const group of groups(plan.forwarders, ENTRIES.forwarders))
    yield { list: 'forwarders', items: group.map((forwarder) => forwarderPart(forwarder, known)) }
  for (const items of groups(plan.edits, ENTRIES.edits)) yield { list: 'edits', items }
  for (const items of groups(plan.copies ?? [], ENTRIES.copies)) yield { list: 'copies', items }
  yield* conditionParts(plan)
}

function forwarderPart(
  forwarder: ForwarderPlan,
  known: ReadonlyMap<string, ForwarderSettings>,
): ForwarderPart {
  const before = known.get(forwarder.key)
  const same = before !== undefined && JSON.stringify(before) === JSON.stringify(forwarder.settings)
  return same ? { ...forwarder, settings: null } : forwarder
}

function* groups<Item>(list: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size)
}

function* conditionParts({ conditions, shared }: RulesPlan): Generator<PlanPart> {
  let items: Condition[] = []
  let size = 0
  for (const condition of conditions) {
    items.push(condition)
    size += JSON.stringify(condition).length
    if (size < CONDITION_CHARACTERS) continue
    yield { list: 'conditions', items, shared: sharedIn(items, shared) }
    items = []
    size = 0
  }
  if (items.length > 0) yield { list: 'conditions', items, shared: sharedIn(items, shared) }
}

function sharedIn(items: readonly Condition[], shared: RulesPlan['shared']): [Condition, number][] {
  const found = new Map<Condition, number>()
  const look = (condition: Condition): void => {
    const index = shared.get(condition)
    if (index !== undefined) found.set(condition, index)
    const { op } = condition
    if (op === 'not' || op === 'use') look(condition.of)
    else if (op === 'all' || op === 'any') for (const inner of condition.of) look(inner)
  }
  if (shared.size > 0) for (const condition of items) look(condition)
  return [...found]
}

/** The parts that have come, until the rest of the plan does. */
export class PlanInbox {
  #plan = empty()
  /** Settings of the forwarders of the rules that run, and of those that come. */
  #running = new Map<string, ForwarderSettings>()
  #coming = new Map<string, ForwarderSettings>()

  clear(): void {
    this.#plan = empty()
    this.#coming = new Map()
  }

  add(part: PlanPart): void {
    const plan = this.#plan
    if (part.list === 'forwarders') {
      for (const forwarder of part.items) plan.forwarders.push(this.#complete(forwarder))
      return
    }
    if (part.list === 'conditions')
      for (const [condition, index] of part.shared) plan.shared.set(condition, index)
    const into: unknown[] = plan[part.list]
    for (const item of part.items) into.push(item)
  }

  #complete(forwarder: ForwarderPart): ForwarderPlan {
    const settings = forwarder.settings ?? this.#running.get(forwarder.key)
    if (settings === undefined) throw new Error(`forwarder ${forwarder.key} came without settings`)
    this.#coming.set(forwarder.key, settings)
    return Object.assign(forwarder, { settings })
  }

  take(rest: PlanRest): RulesPlan {
    const { copies, ...lists } = this.#plan
    this.#plan = empty()
    return { ...rest, ...lists, ...(copies.length === 0 ? {} : { copies }) }
  }

  /** What came runs now. */
  committed(): void {
    this.#running = this.#coming
    this.#coming = new Map()
  }
}

function empty() {
  return {
    tenants: [] as RulesPlan['tenants'][number][],
    owners: [] as RulesPlan['owners'][number][],
    forwarders: [] as ForwarderPlan[],
    edits: [] as RulesPlan['edits'][number][],
    copies: [] as CopyPlan[],
    conditions: [] as Condition[],
    shared: new Map<Condition, number>(),
  }
}
