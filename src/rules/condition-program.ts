/**
 * Conditions as programs: small integers in one array, run by a loop. A thousand tenants with five conditions each are five
 * thousand trees of functions otherwise, and an event meets five of them for the first time in a while: their memory, and
 * calls that the engine cannot foresee, cost more than what they ask. A program of a condition is a cache line or two.
 *
 * Each instruction asks one thing and says where to go on with either answer. What has no instruction is a function.
 */
import type { EventView } from '../classify/view.ts'
import { parseNetwork } from './cidr.ts'
import { FieldValues, NUMBER_MAX, type ValueField, valueField, wordOf } from './condition-values.ts'
import { CANONICAL_NUMBER, type Predicate } from './conditions-fields.ts'
import type { Condition } from './plan.ts'

const Op = {
  stream: 0,
  words: 1,
  ranges: 2,
  networks: 3,
  has_word: 4,
  has_number: 5,
  shared: 6,
  call: 7,
} as const
/** Where an answer leads when there is nothing more to ask. */
const HOLDS = -1
const FAILS = -2
/** Operation, where to go with yes and with no, then what is asked: a field or an index, a count, values. */
const YES = 1
const NO = 2
const WHAT = 3
const COUNT = 4
const VALUES = 5
/** So many values stand in a program; more are a function, which finds them by halving or hashing. */
const FEW = 8
/** The most that a number of an event can be: a bound from here on is none. */
const NO_BOUND = 999_999_999_999_999

interface Ask {
  readonly op: number
  readonly args: readonly number[]
}

interface Step extends Ask {
  readonly yes: Step | typeof HOLDS | typeof FAILS
  readonly no: Step | typeof HOLDS | typeof FAILS
}

type Target = Step | typeof HOLDS | typeof FAILS

export interface ProgramDeps {
  /** Names of streams, by number. */
  readonly streams: readonly string[]
  /** Inner conditions that are remembered for the event, by their index. */
  readonly shared: ReadonlyMap<Condition, number>
  /** Whether the remembered condition holds. */
  readonly holds: (index: number, view: EventView, owner: number) => boolean
  /** The function of a comparison that has no instruction. */
  readonly call: (condition: Condition) => Predicate
}

export class Programs {
  readonly #deps: ProgramDeps
  #code = new Int32Array(1024)
  #used = 0
  readonly #calls: Predicate[] = []
  readonly #values = new FieldValues()

  constructor(deps: ProgramDeps) {
    this.#deps = deps
  }

  /** Adds the program of a condition; returns where it begins. */
  add(condition: Condition): number {
    // Its own program, though it may be remembered as a part of others.
    const first = this.#inner(condition, HOLDS, FAILS)
    const begin = this.#used
    if (typeof first === 'number') return first
    const steps = inOrder(first)
    const places = new Map<Step, number>()
    for (const step of steps) {
      places.set(step, this.#used)
      this.#used += WHAT + step.args.length
    }
    this.#grow()
    const place = (target: Target): number =>
      typeof target === 'number' ? target : (places.get(target) as number)
    for (const step of steps)
      this.#code.set([step.op, place(step.yes), place(step.no), ...step.args], places.get(step))
    return begin
  }

  #grow(): void {
    if (this.#used <= this.#code.length) return
    const more = new Int32Array(Math.max(this.#used, this.#code.length * 2))
    more.set(this.#code)
    this.#code = more
  }

  #build(condition: Condition, yes: Target, no: Target): Target {
    const index = this.#deps.shared.get(condition)
    if (index !== undefined) return { op: Op.shared, args: [index], yes, no }
    return this.#inner(condition, yes, no)
  }

  #inner(condition: Condition, yes: Target, no: Target): Target {
    switch (condition.op) {
      case 'all':
        return inTurn(condition.of).reduceRight<Target>((next, one) => this.#build(one, next, no), yes)
      case 'any':
        return inTurn(condition.of).reduceRight<Target>((next, one) => this.#build(one, yes, next), no)
      case 'not':
        return this.#build(condition.of, no, yes)
      case 'use':
        return this.#build(condition.of, yes, no)
      default: {
        const asks = this.#asks(condition)
        if (asks !== undefined)
          return asks.reduceRight<Target>((next, ask) => ({ ...ask, yes, no: next }), no)
        const call = this.#calls.push(this.#deps.call(condition)) - 1
        return { op: Op.call, args: [call], yes, no }
      }
    }
  }

  /** Instructions of which one must say yes; undefined: there are none for this. */
  #asks(condition: Condition): Ask[] | undefined {
    if (condition.op === 'equals' && condition.field === 'stream') return [this.#stream(condition.values)]
    if (!('field' in condition)) return undefined
    const field = valueField(condition.field)
    if (field === undefined) return undefined
    const values = valuesOf(condition, field)
    return values === undefined
      ? undefined
      : field.of.map((one) => ({ op: values.op, args: [one, ...values.args] }))
  }

  #stream(names: readonly string[]): Ask {
    const masks = [0, 0]
    for (const [n, name] of this.#deps.streams.entries())
      if (names.includes(name)) masks[n >> 5] = (masks[n >> 5] ?? 0) | (1 << (n & 31))
    return { op: Op.stream, args: masks }
  }

  /** Runs the program at `begin` for the event with that number (not 0). */
  run(begin: number, view: EventView, owner: number, event: number): boolean {
    const code = this.#code
    const values = this.#values
    let at = begin
    while (at >= 0) {
      let holds = false
      const what = code[at + WHAT] as number
      switch (code[at]) {
        case Op.stream:
          holds = (((code[at + WHAT + (view.stream >> 5)] as number) >>> (view.stream & 31)) & 1) === 1
          break
        case Op.words:
          if (values.of[what] !== event) values.read(what, view, event)
          holds = this.#isWord(at, what)
          break
        case Op.ranges:
          if (values.of[what] !== event) values.read(what, view, event)
          holds = this.#inRange(at, values.numbers[what] as number)
          break
        case Op.networks:
          if (values.of[what] !== event) values.read(what, view, event)
          holds = values.sizes[what] === 4 && this.#inNetwork(at, values.lows[what] as number)
          break
        case Op.has_word:
          if (values.of[what] !== event) values.read(what, view, event)
          holds = (values.sizes[what] as number) >= 0
          break
        case Op.has_number:
          if (values.of[what] !== event) values.read(what, view, event)
          holds = (values.numbers[what] as number) >= 0
          break
        case Op.shared:
          holds = this.#deps.holds(what, view, owner)
          break
        default:
          holds = (this.#calls[what] as Predicate)(view, owner)
      }
      at = code[at + (holds ? YES : NO)] as number
    }
    return at === HOLDS
  }

  #isWord(at: number, field: number): boolean {
    const code = this.#code
    const { sizes, lows, highs } = this.#values
    const end = at + VALUES + (code[at + COUNT] as number) * 3
    for (let value = at + VALUES; value < end; value += 3) {
      if (code[value] !== sizes[field] || code[value + 1] !== lows[field]) continue
      if ((sizes[field] as number) <= 4 || code[value + 2] === highs[field]) return true
    }
    return false
  }

  #inRange(at: number, number: number): boolean {
    const code = this.#code
    const end = at + VALUES + (code[at + COUNT] as number) * 2
    for (let value = at + VALUES; value < end; value += 2)
      if (number >= (code[value] as number) && number <= (code[value + 1] as number)) return true
    return false
  }

  #inNetwork(at: number, address: number): boolean {
    const code = this.#code
    const end = at + VALUES + (code[at + COUNT] as number) * 2
    for (let value = at + VALUES; value < end; value += 2)
      if ((address & (code[value] as number)) === code[value + 1]) return true
    return false
  }

  /** Numbers of events begin anew. */
  forget(): void {
    this.#values.forget()
  }
}

/** What is cheap to ask goes first; what is remembered, nested or named keeps its place behind. */
function inTurn(of: readonly Condition[]): readonly Condition[] {
  const cost = (condition: Condition): number => {
    if (!('field' in condition)) return 4
    if (condition.field === 'stream') return 0
    const kind = valueField(condition.field)?.kind
    if (kind === undefined) return 3
    return kind === 'address' ? 2 : 1
  }
  return of.toSorted((a, b) => cost(a) - cost(b))
}

/** Steps as they are met, the next one of a chain behind the one before. */
function inOrder(first: Step): Step[] {
  const found = new Set<Step>()
  const look = (step: Target): void => {
    if (typeof step === 'number' || found.has(step)) return
    found.add(step)
    look(step.yes)
    look(step.no)
  }
  look(first)
  return [...found]
}

/** The instruction of a comparison and its values behind the field; undefined: there is none. */
function valuesOf(condition: Condition & { readonly field: unknown }, { kind }: ValueField): Ask | undefined {
  switch (condition.op) {
    case 'equals':
      if (kind === 'word') return wordValues(condition.values)
      if (kind === 'number') return rangeValues(condition.values.filter(isNumber).map(onlyNumber))
      return kind === 'address' ? networkValues(condition.values) : undefined
    case 'between':
      return kind === 'number' ? rangeValues(condition.ranges) : undefined
    case 'network':
      return kind === 'address' ? networkValues(condition.networks) : undefined
    case 'exists':
      if (!condition.present || kind === 'address') return undefined
      return { op: kind === 'word' ? Op.has_word : Op.has_number, args: [] }
    default:
      return undefined
  }
}

const isNumber = (text: string): boolean => CANONICAL_NUMBER.test(text)
const onlyNumber = (text: string): readonly [number, number] => [Number(text), Number(text)]

function wordValues(texts: readonly string[]): Ask | undefined {
  const words = texts.map(wordOf)
  if (texts.length > FEW || words.includes(undefined)) return undefined
  const args = words.flatMap((word) => (word === undefined ? [] : [word.length, word.low, word.high]))
  return { op: Op.words, args: [texts.length, ...args] }
}

function rangeValues(ranges: readonly (readonly [number, number])[]): Ask | undefined {
  const args: number[] = [ranges.length]
  for (const [low, high] of ranges) {
    const from = Math.max(0, low)
    const to = high >= NO_BOUND ? NUMBER_MAX : high
    if (!Number.isInteger(from) || from >= NUMBER_MAX) return undefined
    if (!Number.isInteger(to) || (to >= NUMBER_MAX && high < NO_BOUND)) return undefined
    args.push(from, to)
  }
  return ranges.length > FEW ? undefined : { op: Op.ranges, args }
}

function networkValues(texts: readonly string[]): Ask | undefined {
  if (texts.length > FEW) return undefined
  const args: number[] = [texts.length]
  for (const text of texts) {
    const network = parseNetwork(text)
    if (network?.family !== 4) return undefined
    const mask = network.masks[3] as number
    args.push(mask | 0, ((network.words[3] as number) & mask) | 0)
  }
  return { op: Op.networks, args }
}
