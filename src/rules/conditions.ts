/**
 * Conditions (`where`) as functions over the event view, made once when rules are loaded.
 *
 * What a comparison means: text is compared byte by byte, in its case. Fields that are numbers (ports, lengths,
 * counters, severity) are compared as numbers, so that `443` and `"443"` are equal, and so is `0443` in an event;
 * a *value* `"0443"` is no way to write a number and equals none. Addresses are compared as addresses, however they
 * are written. A comparison with an absent field is false, `not` is the plain complement. `address` and `port` are
 * either end: one that fits is enough.
 */
import type { EventView } from '../classify/view.ts'
import { Address, inNetworks, type Network, parseAddress, parseAddressText, parseNetwork } from './cidr.ts'
import {
  bytesContain,
  bytesEnd,
  bytesEqual,
  bytesNumber,
  bytesStart,
  type Needle,
  needle,
} from './conditions-bytes.ts'
import {
  type ConditionEnv,
  type FieldReader,
  fieldReader,
  type SpanReader,
  type TextReader,
} from './conditions-fields.ts'
import type { Condition, RulesPlan } from './plan.ts'

/** Whether the condition holds for an event of an owner (0 or less: nobody's). Makes no garbage, keeps nothing. */
export type Predicate = (view: EventView, owner: number) => boolean

type SpanTest = (buf: Uint8Array, start: number, end: number) => boolean

const never: Predicate = () => false
const CANONICAL_NUMBER = /^(0|[1-9][0-9]{0,14})$/

/** Makes the function of a condition. */
export function compileCondition(condition: Condition, plan: RulesPlan, env: ConditionEnv): Predicate {
  switch (condition.op) {
    case 'all':
    case 'any':
      return combine(
        condition.op,
        condition.of.map((inner) => compileCondition(inner, plan, env)),
      )
    case 'not': {
      const inner = compileCondition(condition.of, plan, env)
      return (view, owner) => !inner(view, owner)
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

/** One span fits, of the present ones. */
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
  return spanPredicate(
    field.of,
    field.kind === 'number_span' ? (buf, s, e) => bytesNumber(buf, s, e) >= 0 : () => true,
  )
}

function compileBetween(field: FieldReader, ranges: readonly (readonly [number, number])[]): Predicate {
  const bounds = Float64Array.from(ranges.flat())
  const inside = (value: number): boolean => {
    for (let at = 0; at < bounds.length; at += 2) {
      if (value >= (bounds[at] as number) && value <= (bounds[at + 1] as number)) return value >= 0
    }
    return false
  }
  if (field.kind === 'text') return never
  if (field.kind === 'number') {
    const { read } = field
    return (view) => inside(read(view))
  }
  return spanPredicate(field.of, (buf, start, end) => inside(bytesNumber(buf, start, end)))
}

function compileNetwork(field: FieldReader, texts: readonly string[]): Predicate {
  const networks = texts.map(parseNetwork).filter((network): network is Network => network !== undefined)
  const address = new Address()
  if (field.kind === 'number') return never
  if (field.kind !== 'text') {
    return spanPredicate(
      field.of,
      (buf, start, end) => parseAddress(buf, start, end, address) && inNetworks(address, networks),
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
    verdict = text !== null && parseAddressText(text, address) && inNetworks(address, networks)
    return verdict
  }
}

function compileEquals(field: FieldReader, values: readonly string[]): Predicate {
  switch (field.kind) {
    case 'text':
      return textPredicate(field.read, values, (text, value) => text === value)
    case 'span':
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

function textPredicate(
  read: TextReader,
  values: readonly string[],
  fits: (text: string, value: string) => boolean,
): Predicate {
  return (view, owner) => {
    const text = read(view, owner)
    if (text === null) return false
    for (let at = 0; at < values.length; at++) if (fits(text, values[at] as string)) return true
    return false
  }
}

const textTests = {
  equals: (text: string, value: string) => text === value,
  contains: (text: string, value: string) => text.includes(value),
  starts_with: (text: string, value: string) => text.startsWith(value),
  ends_with: (text: string, value: string) => text.endsWith(value),
}

const spanTests = {
  equals: (buf: Uint8Array, start: number, end: number, value: Needle) =>
    bytesEqual(buf, start, end, value.bytes),
  contains: bytesContain,
  starts_with: (buf: Uint8Array, start: number, end: number, value: Needle) =>
    bytesStart(buf, start, end, value.bytes),
  ends_with: (buf: Uint8Array, start: number, end: number, value: Needle) =>
    bytesEnd(buf, start, end, value.bytes),
}

function compileText(field: FieldReader, op: keyof typeof textTests, values: readonly string[]): Predicate {
  if (field.kind === 'text') return textPredicate(field.read, values, textTests[op])
  if (field.kind === 'number') {
    const { read } = field
    const fits = textTests[op]
    return textPredicate((view) => SMALL_NUMBERS[read(view)] ?? null, values, fits)
  }
  const needles = values.map(needle)
  const test = spanTests[op]
  return spanPredicate(field.of, (buf, start, end) => {
    for (let at = 0; at < needles.length; at++) if (test(buf, start, end, needles[at] as Needle)) return true
    return false
  })
}

/** Texts of severities, facilities and IP versions. */
const SMALL_NUMBERS = Array.from({ length: 24 }, (_, value) => String(value))

/**
 * The conditions of a rule set, each evaluated at most once an event: equal conditions of a thousand forwarders are
 * one entry of the plan, and its verdict is kept until the next {@link ConditionSet.begin}.
 */
export class ConditionSet {
  readonly #predicates: readonly Predicate[]
  /** Number of the event that the verdict is of, times two, plus the verdict. */
  readonly #verdicts: Int32Array
  #event = 2

  constructor(plan: RulesPlan, env: ConditionEnv) {
    this.#predicates = plan.conditions.map((condition) => compileCondition(condition, plan, env))
    this.#verdicts = new Int32Array(plan.conditions.length)
  }

  /** A new event: verdicts so far are void. */
  begin(): void {
    this.#event += 2
    if (this.#event < 0x7ffffffc) return
    this.#verdicts.fill(0)
    this.#event = 2
  }

  /** Whether condition `index` of the plan holds. `view` and `owner` must be the same until the next `begin`. */
  holds(index: number, view: EventView, owner: number): boolean {
    const known = this.#verdicts[index] as number
    if ((known & ~1) === this.#event) return (known & 1) === 1
    const verdict = (this.#predicates[index] as Predicate)(view, owner)
    this.#verdicts[index] = this.#event | (verdict ? 1 : 0)
    return verdict
  }
}
