/**
 * Whether a condition can hold at all. Sound, not complete: what is called contradictory never holds for any event; of the
 * rest some may not either. The work is bounded, and what would take more counts as possible.
 */
import { overlap, within } from '../config/addresses.ts'
import { type Leaf, relation, shortName } from './explain-because.ts'
import type { Condition, ConditionField } from './plan.ts'

/** A comparison that must hold, or must not. */
export interface Fact {
  readonly leaf: Leaf
  readonly holds: boolean
}

/** Why a condition never holds, with the field that it is about. */
export interface Contradiction {
  readonly field: ConditionField
  readonly text: string
}

/** Which streams events can have, and which of them have a field. */
export interface KnownStreams {
  readonly possible: readonly string[]
  /** Undefined: any stream may. */
  readonly having: (field: ConditionField) => readonly string[] | undefined
}

/** Steps of one question. */
const STEPS_MAX = 2000

interface Parts {
  readonly facts: readonly Fact[]
  /** Of each, one must hold. */
  readonly choices: readonly (readonly Wanted[])[]
}

interface Wanted {
  readonly condition: Condition
  readonly holds: boolean
}

/** Why `condition` can not hold beside `given`; undefined when it may. */
export function contradiction(
  condition: Condition,
  given: readonly Fact[],
  streams: KnownStreams,
): Contradiction | undefined {
  return new Solver(streams).solve([{ condition, holds: true }], given)
}

/** The ways of every `any` that can never be what makes the condition hold, though another may. */
export function deadWays(
  condition: Condition,
  given: readonly Fact[],
  streams: KnownStreams,
): Contradiction[] {
  const { facts, choices } = partsOf({ condition, holds: true })
  const all = [...given, ...facts]
  return choices.flatMap((ways) =>
    ways.flatMap((way) => {
      const why = new Solver(streams).solve([way], all)
      if (why !== undefined) return [why]
      return way.holds ? deadWays(way.condition, all, streams) : []
    }),
  )
}

class Solver {
  readonly #streams: KnownStreams
  #steps = 0

  constructor(streams: KnownStreams) {
    this.#streams = streams
  }

  solve(wanted: readonly Wanted[], given: readonly Fact[]): Contradiction | undefined {
    const parts = wanted.map(partsOf)
    const facts = [...given, ...parts.flatMap((part) => part.facts)]
    return this.#choose(
      facts,
      parts.flatMap((part) => part.choices),
    )
  }

  #choose(facts: readonly Fact[], choices: readonly (readonly Wanted[])[]): Contradiction | undefined {
    this.#steps += 1
    if (this.#steps > STEPS_MAX) return undefined
    const why = factsContradict(facts, this.#streams)
    if (why !== undefined) return why
    const [first, ...rest] = choices
    if (first === undefined) return undefined
    let found: Contradiction | undefined
    for (const way of first) {
      const { facts: more, choices: further } = partsOf(way)
      const wrong = this.#choose([...facts, ...more], [...further, ...rest])
      if (wrong === undefined) return undefined
      found ??= wrong
    }
    return found
  }
}

/** A condition taken apart: what must hold, and what must hold one of. */
function partsOf({ condition, holds }: Wanted): Parts {
  if ('field' in condition) return { facts: [{ leaf: condition, holds }], choices: [] }
  if (condition.op === 'use') return partsOf({ condition: condition.of, holds })
  if (condition.op === 'not') return partsOf({ condition: condition.of, holds: !holds })
  const inner = condition.of.map((one): Wanted => ({ condition: one, holds }))
  if ((condition.op === 'all') !== holds) return { facts: [], choices: [inner] }
  const parts = inner.map(partsOf)
  return { facts: parts.flatMap((part) => part.facts), choices: parts.flatMap((part) => part.choices) }
}

function factsContradict(facts: readonly Fact[], streams: KnownStreams): Contradiction | undefined {
  const by_field = new Map<ConditionField, Fact[]>()
  for (const fact of facts) {
    const same = by_field.get(fact.leaf.field)
    if (same === undefined) by_field.set(fact.leaf.field, [fact])
    else same.push(fact)
  }
  for (const [field, own] of by_field) {
    if (!possible(field, own)) return { field, text: inWords(field, own) }
  }
  return streamsContradict(by_field, streams)
}

/** Fields of firewall lines, and of families of messages, stand in some streams only. */
function streamsContradict(
  by_field: ReadonlyMap<ConditionField, readonly Fact[]>,
  { possible: all, having }: KnownStreams,
): Contradiction | undefined {
  const asked = by_field.get('stream') ?? []
  const left = all.filter((stream) => asked.every((fact) => agrees(fact, stream)))
  if (left.length === 0 && asked.length > 0)
    return { field: 'stream', text: `no event that it sees has a stream that ${words(asked)}` }
  for (const [field, facts] of by_field) {
    const streams = having(field)
    if (streams === undefined || !facts.some(mustBeThere)) continue
    if (left.some((stream) => streams.includes(stream))) continue
    const where = asked.length > 0 ? `no event of ${left.join(', ')}` : 'no event that it sees'
    return { field, text: `${where} has ${shortName(field)}` }
  }
  return undefined
}

/** Whether some value, or none, does all that is asked of one field. */
function possible(field: ConditionField, facts: readonly Fact[]): boolean {
  const there = facts.some(mustBeThere)
  const absent = facts.some(({ leaf, holds }) => leaf.op === 'exists' && leaf.present !== holds)
  if (there && absent) return false
  if (absent) return true
  if (facts.length === 1) return true
  const texts = new Map(facts.map((fact) => [JSON.stringify(fact.leaf), fact]))
  if (facts.some((fact) => texts.get(JSON.stringify(fact.leaf))?.holds !== fact.holds)) return false
  return !there || hasMany(field) || oneValue(facts)
}

/** Either end, a parameter or a field that repeats: one value may do one thing and another the other. */
function hasMany(field: ConditionField): boolean {
  const many = field === 'firewall.address' || field === 'firewall.port'
  return many || field.startsWith('structured_data.') || /^(esxi|vcenter|nsx|vcd|cf|edge)\./.test(field)
}

/** A comparison holds for no absent field. */
function mustBeThere({ leaf, holds }: Fact): boolean {
  return leaf.op === 'exists' ? leaf.present === holds : holds
}

function oneValue(facts: readonly Fact[]): boolean {
  const equal = facts.find(({ leaf, holds }) => holds && leaf.op === 'equals')?.leaf
  if (equal?.op === 'equals') return equal.values.some((value) => facts.every((fact) => agrees(fact, value)))
  return rangesMeet(facts) && networksMeet(facts) && startsMeet(facts)
}

/** Whether a value does what is asked, as far as that is known: patterns are not tried. */
function agrees({ leaf, holds }: Fact, value: string): boolean {
  return leaf.op === 'matches' || leaf.op === 'exists' || allows(leaf, value) === holds
}

function allows(leaf: Exclude<Leaf, { readonly op: 'matches' | 'exists' }>, value: string): boolean {
  switch (leaf.op) {
    case 'equals':
      return leaf.values.includes(value)
    case 'contains':
      return leaf.values.some((part) => value.includes(part))
    case 'starts_with':
      return leaf.values.some((part) => value.startsWith(part))
    case 'ends_with':
      return leaf.values.some((part) => value.endsWith(part))
    case 'between':
      return (
        /^[0-9]+$/.test(value) &&
        leaf.ranges.some(([from, to]) => from <= Number(value) && Number(value) <= to)
      )
    case 'network':
      return leaf.networks.some((network) => within(wide(value), wide(network)))
  }
}

type Range = readonly [number, number]

function rangesMeet(facts: readonly Fact[]): boolean {
  let left: readonly Range[] | undefined
  for (const { leaf, holds } of facts) {
    if (leaf.op !== 'between' || !holds) continue
    const { ranges } = leaf
    left =
      left === undefined
        ? ranges
        : left.flatMap(([a, b]) => ranges.map(([from, to]): Range => [Math.max(a, from), Math.min(b, to)]))
    left = left.filter(([from, to]) => from <= to)
  }
  for (const { leaf, holds } of facts) {
    if (leaf.op !== 'between' || holds || left === undefined) continue
    for (const [from, to] of leaf.ranges)
      left = left
        .flatMap(([a, b]): Range[] => [
          [a, Math.min(b, from - 1)],
          [Math.max(a, to + 1), b],
        ])
        .filter(([low, high]) => low <= high)
  }
  return left === undefined || left.length > 0
}

/** Networks hold each other or are apart, so that those of two facts meet where one of each does. */
function networksMeet(facts: readonly Fact[]): boolean {
  let left: readonly string[] | undefined
  for (const { leaf, holds } of facts) {
    if (leaf.op !== 'network' || !holds) continue
    const networks = leaf.networks.map(wide)
    left =
      left === undefined
        ? networks
        : left.flatMap((one) =>
            networks
              .filter((other) => overlap(one, other))
              .map((other) => (within(other, one) ? other : one)),
          )
  }
  if (left === undefined) return true
  const out = facts.flatMap(({ leaf, holds }) =>
    leaf.op === 'network' && !holds ? leaf.networks.map(wide) : [],
  )
  return left.some((one) => !out.some((other) => within(one, other)))
}

/** `10.0.0.1` as `10.0.0.1/32`. */
function wide(network: string): string {
  return network.includes('/') ? network : `${network}/${network.includes(':') ? 128 : 32}`
}

function startsMeet(facts: readonly Fact[]): boolean {
  const starts = facts.flatMap(({ leaf, holds }) => (holds && leaf.op === 'starts_with' ? [leaf.values] : []))
  const [first = [], ...rest] = starts
  const fits = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a)
  return (
    starts.length < 2 || first.some((one) => rest.every((others) => others.some((other) => fits(one, other))))
  )
}

function inWords(field: ConditionField, facts: readonly Fact[]): string {
  return `${shortName(field)} never ${words(facts)}`
}

/** `is DROP and is PASS`. */
function words(facts: readonly Fact[]): string {
  const there = facts.filter((fact) => fact.leaf.op === 'exists' && mustBeThere(fact))
  const absent = facts.some(({ leaf, holds }) => leaf.op === 'exists' && leaf.present !== holds)
  // That a value is there says nothing beside what it is.
  const telling =
    absent || there.length === facts.length ? facts : facts.filter((fact) => !there.includes(fact))
  const each = telling.map(({ leaf, holds }) =>
    leaf.op === 'exists' ? (leaf.present === holds ? 'is there' : 'is absent') : relation(leaf, holds),
  )
  return [...new Set(each)].join(' and ')
}
