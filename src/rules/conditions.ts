/**
 * Conditions (`where`) as functions over the event view, made once when rules are loaded.
 *
 * What a comparison means: text is compared byte by byte, in its case. Fields that are numbers (ports, lengths,
 * counters, severity) are compared as numbers, so that `443` and `"443"` are equal, and so is `0443` in an event;
 * a *value* `"0443"` is no way to write a number and equals none. Addresses are compared as addresses, however they
 * are written. A comparison with an absent field is false, `not` is the plain complement. `address` and `port` are
 * either end: one that fits is enough, and so is one of a parameter of structured data that repeats.
 */
import type { EventView } from '../classify/view.ts'
import { Programs } from './condition-program.ts'
import { Address, type Network, parseAddress, parseAddressText, parseNetwork } from './cidr.ts'
import { bytesNumber } from './conditions-bytes.ts'
import {
  CANONICAL_NUMBER,
  type ConditionEnv,
  type FieldReader,
  fieldReader,
  type Predicate,
  type SpanReader,
} from './conditions-fields.ts'
import { type SpanTest, someSdValue } from './conditions-structured-data.ts'
import { spanTest, type TextOperator, textTest } from './conditions-text.ts'
import { networkTest } from './network-set.ts'
import type { Condition, RulesPlan } from './plan.ts'

/** Gives the function of another condition of the plan. */
type Shared = (index: number) => Predicate

const never: Predicate = () => false
/** Cells of a condition in a {@link ConditionSet}; a power of two keeps them in one cache line. */
const CELLS = 4
const NOT_MADE = -3
/** So few ranges are tried one after the other. */
const FEW_RANGES = 4

/** Makes the function of a condition. */
export function compileCondition(
  condition: Condition,
  plan: RulesPlan,
  env: ConditionEnv,
  shared?: Shared,
): Predicate {
  const inner = (one: Condition): Predicate => {
    const index = shared === undefined ? undefined : plan.shared.get(one)
    return index === undefined || shared === undefined
      ? compileCondition(one, plan, env, shared)
      : shared(index)
  }
  switch (condition.op) {
    case 'all':
    case 'any':
      return combine(condition.op, condition.of.map(inner))
    case 'use':
      return inner(condition.of)
    case 'not': {
      const asked = inner(condition.of)
      return (view, owner) => !asked(view, owner)
    }
    case 'exists': {
      const exists = compileExists(fieldReader(condition.field, plan, env))
      return condition.present ? exists : (view, owner) => !exists(view, owner)
    }
    case 'between':
      return compileBetween(fieldReader(condition.field, plan, env), condition.ranges)
    case 'network':
      return compileNetwork(fieldReader(condition.field, plan, env), condition.networks)
    case 'equals':
      if (condition.field === 'stream') return compileStream(condition.values, plan)
      return compileEquals(fieldReader(condition.field, plan, env), condition.values)
    default:
      return compileText(fieldReader(condition.field, plan, env), condition.op, condition.values)
  }
}

function combine(op: 'all' | 'any', of: readonly Predicate[]): Predicate {
  const [first, second] = of
  if (of.length === 1 && first !== undefined) return first
  if (of.length === 2 && first !== undefined && second !== undefined) {
    return op === 'all'
      ? (view, owner) => first(view, owner) && second(view, owner)
      : (view, owner) => first(view, owner) || second(view, owner)
  }
  const stop = op === 'any'
  return (view, owner) => {
    for (let at = 0; at < of.length; at++) if ((of[at] as Predicate)(view, owner) === stop) return stop
    return !stop
  }
}

/** The stream is asked by nearly every condition: one look into a table. */
function compileStream(values: readonly string[], plan: RulesPlan): Predicate {
  const wanted = Uint8Array.from(plan.streams, ({ name }) => (values.includes(name) ? 1 : 0))
  return (view) => wanted[view.stream] === 1
}

type BytesReader = Exclude<FieldReader, { readonly kind: 'text' | 'number' }>

/** One value fits, of those that are there. */
function bytesPredicate(field: BytesReader, test: SpanTest): Predicate {
  if (field.kind === 'inner') {
    const { some } = field
    return (view) => some(view, test)
  }
  if (field.kind !== 'parameter') return spanPredicate(field.of, test)
  const { parameter } = field
  return (view) => someSdValue(view, parameter, test)
}

function spanPredicate(of: readonly SpanReader[], test: SpanTest): Predicate {
  const [first, second] = of
  if (first === undefined) return never
  const one: Predicate = (view) => {
    const start = first.start(view)
    return start >= 0 && test(view.buf, start, first.end(view))
  }
  if (second === undefined) return one
  return (view, owner) => {
    if (one(view, owner)) return true
    const start = second.start(view)
    return start >= 0 && test(view.buf, start, second.end(view))
  }
}

function compileExists(field: FieldReader): Predicate {
  if (field.kind === 'text') {
    const { read } = field
    return (view, owner) => read(view, owner) !== null
  }
  if (field.kind === 'number') {
    const { read } = field
    return (view) => read(view) >= 0
  }
  return bytesPredicate(field, isNumeric(field) ? (buf, s, e) => bytesNumber(buf, s, e) >= 0 : () => true)
}

/** Whether the bytes are a number, or absent. */
function isNumeric(field: BytesReader): boolean {
  return field.kind === 'number_span' || (field.kind === 'inner' && field.of === 'number')
}

function compileBetween(field: FieldReader, ranges: readonly (readonly [number, number])[]): Predicate {
  const inside = rangeTest(ranges)
  if (field.kind === 'text') return never
  if (field.kind === 'number') {
    const { read } = field
    return (view) => inside(read(view))
  }
  return bytesPredicate(field, (buf, start, end) => inside(bytesNumber(buf, start, end)))
}

/** Whether a number of 0 or more is in one of the ranges; many are sorted and found by halving. */
function rangeTest(ranges: readonly (readonly [number, number])[]): (value: number) => boolean {
  if (ranges.length > FEW_RANGES) return sortedRangeTest(ranges)
  const bounds = Float64Array.from(ranges.flat())
  return (value) => {
    for (let at = 0; at < bounds.length; at += 2) {
      if (value >= (bounds[at] as number) && value <= (bounds[at + 1] as number)) return value >= 0
    }
    return false
  }
}

function sortedRangeTest(ranges: readonly (readonly [number, number])[]): (value: number) => boolean {
  const lows: number[] = []
  const highs: number[] = []
  for (const [low, high] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = highs.length - 1
    if (last >= 0 && low <= (highs[last] as number)) highs[last] = Math.max(highs[last] as number, high)
    else {
      lows.push(low)
      highs.push(high)
    }
  }
  return (value) => {
    let low = 0
    let high = lows.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      if (value < (lows[middle] as number)) high = middle - 1
      else if (value > (highs[middle] as number)) low = middle + 1
      else return value >= 0
    }
    return false
  }
}

function compileNetwork(field: FieldReader, texts: readonly string[]): Predicate {
  const networks = texts.map(parseNetwork).filter((network): network is Network => network !== undefined)
  const address = new Address()
  const inside = networkTest(networks)
  if (field.kind === 'number') return never
  if (field.kind !== 'text') {
    return bytesPredicate(
      field,
      (buf, start, end) => parseAddress(buf, start, end, address) && inside(address),
    )
  }
  const { read } = field
  // All events of a connection share one text, so the last answer is nearly always this one.
  let last: string | null = null
  let verdict = false
  return (view, owner) => {
    const text = read(view, owner)
    if (text === last) return verdict
    last = text
    verdict = text !== null && parseAddressText(text, address) && inside(address)
    return verdict
  }
}

function compileEquals(field: FieldReader, values: readonly string[]): Predicate {
  switch (field.kind === 'inner' ? INNER_KINDS[field.of] : field.kind) {
    case 'text':
    case 'span':
    case 'parameter':
      return compileText(field, 'equals', values)
    case 'number':
    case 'number_span': {
      const ranges = values
        .filter((value) => CANONICAL_NUMBER.test(value))
        .map((value) => [Number(value), Number(value)] as const)
      return compileBetween(field, ranges)
    }
    case 'address': {
      const networks = values.filter((value) => parseNetwork(value) !== undefined)
      const others = values.filter((value) => parseNetwork(value) === undefined)
      const byAddress = compileNetwork(field, networks)
      return others.length === 0
        ? byAddress
        : combine('any', [byAddress, compileText(field, 'equals', others)])
    }
  }
}

/** Inner fields are compared as other fields of their kind are. */
const INNER_KINDS = { text: 'span', truth: 'span', number: 'number_span', address: 'address' } as const

function compileText(field: FieldReader, op: TextOperator, values: readonly string[]): Predicate {
  if (field.kind === 'text' || field.kind === 'number') {
    const test = textTest(op, values)
    if (field.kind === 'number') {
      const { read } = field
      return (view) => {
        const text = SMALL_NUMBERS[read(view)]
        return text !== undefined && test(text)
      }
    }
    const { read } = field
    return (view, owner) => {
      const text = read(view, owner)
      return text !== null && test(text)
    }
  }
  return bytesPredicate(field, spanTest(op, values))
}

/** Texts of severities, facilities and IP versions. */
const SMALL_NUMBERS = Array.from({ length: 24 }, (_, value) => String(value))

/**
 * The conditions of a rule set, each evaluated at most once an event: equal conditions of a thousand forwarders are
 * one entry of the plan, and its verdict is kept until the next {@link ConditionSet.begin}.
 */
export class ConditionSet {
  /** Where the program of each begins, made when it is first asked: a reload must not hold up the events that come meanwhile. */
  readonly #begins: Int32Array
  readonly #programs: Programs
  readonly #conditions: readonly Condition[]
  /** Of each: number of the event that the verdict is of, times two, plus the verdict; events asked; events held. */
  readonly #cells: Float64Array
  #event = 2

  constructor(plan: RulesPlan, env: ConditionEnv) {
    const { conditions, shared } = plan
    this.#conditions = conditions
    this.#cells = new Float64Array(conditions.length * CELLS)
    this.#begins = new Int32Array(conditions.length).fill(NOT_MADE)
    this.#programs = new Programs({
      streams: plan.streams.map(({ name }) => name),
      shared,
      holds: (index, view, owner) => this.holds(index, view, owner),
      call: (condition) => compileCondition(condition, plan, env),
    })
  }

  /** How many there are. */
  get size(): number {
    return this.#conditions.length
  }

  /** A new event: verdicts so far are void. */
  begin(): void {
    this.#event += 2
    if (this.#event < 0x7ffffffc) return
    for (let at = 0; at < this.#cells.length; at += CELLS) this.#cells[at] = 0
    this.#programs.forget()
    this.#event = 2
  }

  /** Whether condition `index` of the plan holds. `view` and `owner` must be the same until the next `begin`. */
  holds(index: number, view: EventView, owner: number): boolean {
    const cells = this.#cells
    const at = index * CELLS
    const known = cells[at] as number
    const event = this.#event
    if (known === event) return false
    if (known === event + 1) return true
    let begin = this.#begins[index] as number
    if (begin === NOT_MADE) begin = this.#make(index)
    const verdict = this.#programs.run(begin, view, owner, event)
    cells[at] = event + (verdict ? 1 : 0)
    cells[at + 1] = (cells[at + 1] as number) + 1
    if (verdict) cells[at + 2] = (cells[at + 2] as number) + 1
    return verdict
  }

  #make(index: number): number {
    const begin = this.#programs.add(this.#conditions[index] as Condition)
    this.#begins[index] = begin
    return begin
  }

  /** Events for which condition `index` was asked, and for which it held, since this set was made. */
  asked(index: number): number {
    return this.#cells[index * CELLS + 1] ?? 0
  }

  held(index: number): number {
    return this.#cells[index * CELLS + 2] ?? 0
  }
}
