/** A condition's verdict in words, with the value that decided: `where.action: PASS is not one of DROP, REJECT`. */
import type { EventView } from '../classify/view.ts'
import { type ConditionEnv, fieldReader } from './conditions-fields.ts'
import { compileCondition } from './conditions.ts'
import { someSdValue, type SpanTest } from './conditions-structured-data.ts'
import type { Condition, ConditionField, RulesPlan } from './plan.ts'

/** Longer values are shown cut. */
const VALUE_MAX = 80
/** Longer lists are shown cut. */
const LIST_MAX = 8

/** One event, and what it is asked by. */
export interface Asked {
  readonly view: EventView
  readonly owner: number
  readonly plan: RulesPlan
  readonly env: ConditionEnv
}

/** Why the condition holds, or does not. Several reasons are joined with `; `. */
export function because(
  condition: Condition,
  holds: boolean,
  view: EventView,
  owner: number,
  plan: RulesPlan,
  env: ConditionEnv,
): string {
  return reasons(condition, holds, { view, owner, plan, env }).join('; ')
}

export function holdsFor(condition: Condition, { view, owner, plan, env }: Asked): boolean {
  return compileCondition(condition, plan, env)(view, owner)
}

function reasons(condition: Condition, holds: boolean, asked: Asked): string[] {
  if ('field' in condition)
    return [`where.${shortName(condition.field)}: ${verdict(condition, holds, asked)}`]
  if (condition.op === 'use')
    return reasons(condition.of, holds, asked).map((text) => `${condition.name}: ${text}`)
  if (condition.op === 'not') return reasons(condition.of, !holds, asked).map((text) => `not: ${text}`)
  // What decides: all of `all` when it holds, its first failure when not; the first success of `any`, else all.
  const decisive = condition.of.filter((inner) => holdsFor(inner, asked) === holds)
  const every = (condition.op === 'all') === holds
  const told = every ? condition.of : decisive.slice(0, 1)
  return told.length === 0 ? ['where: nothing asked'] : told.flatMap((inner) => reasons(inner, holds, asked))
}

export type Leaf = Extract<Condition, { readonly field: ConditionField }>

function verdict(leaf: Leaf, holds: boolean, asked: Asked): string {
  const values = fieldValues(leaf.field, asked)
  if (values.length === 0) return 'is absent'
  const found = values.map(show).join(' and ')
  return leaf.op === 'exists' ? `is there (${found})` : `${found} ${relation(leaf, holds)}`
}

/** What a comparison asks, in words: `is one of DROP, REJECT`. */
export function relation(leaf: Exclude<Leaf, { readonly op: 'exists' }>, holds: boolean): string {
  switch (leaf.op) {
    case 'equals':
      return `${holds ? 'is' : 'is not'} ${oneOf(leaf.values)}`
    case 'network':
      return `${holds ? 'is in' : 'is not in'} ${list(leaf.networks)}`
    case 'between':
      return `${holds ? 'is' : 'is not'} ${leaf.ranges.length > 1 ? 'in one of ' : ''}${leaf.ranges.slice(0, LIST_MAX).map(range).join(', ')}`
    case 'contains':
      return `${holds ? 'contains' : 'does not contain'} ${oneOf(leaf.values)}`
    case 'starts_with':
      return `${holds ? 'starts with' : 'does not start with'} ${oneOf(leaf.values)}`
    case 'ends_with':
      return `${holds ? 'ends with' : 'does not end with'} ${oneOf(leaf.values)}`
    case 'matches':
      return `${holds ? 'matches' : 'does not match'} ${oneOf(leaf.values)}`
  }
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? show(values[0] ?? '') : `one of ${list(values)}`
}

function list(values: readonly string[]): string {
  const shown = values.slice(0, LIST_MAX).map(show).join(', ')
  return values.length > LIST_MAX ? `${shown} and ${values.length - LIST_MAX} more` : shown
}

function range([from, to]: readonly [number, number]): string {
  if (from === to) return String(from)
  return to === Number.MAX_SAFE_INTEGER ? `${from} or more` : `${from}-${to}`
}

/** Quoted when it is empty, long, or holds blanks or control characters. */
function show(value: string): string {
  const cut = value.length > VALUE_MAX ? `${value.slice(0, VALUE_MAX)}…` : value
  return /^[\x21-\x7e]+$/.test(cut) ? cut : JSON.stringify(cut)
}

/** As written in rules: the firewall fields stand alone. */
export function shortName(field: ConditionField): string {
  return field.startsWith('firewall.') ? field.slice('firewall.'.length) : field.replace(' ', '.')
}

/** The field's values as texts: none when absent, two for either end, several of a parameter that repeats. */
export function fieldValues(field: ConditionField, { view, owner, plan, env }: Asked): string[] {
  const reader = fieldReader(field, plan, env)
  if (reader.kind === 'text') return [reader.read(view, owner)].filter((text) => text !== null)
  if (reader.kind === 'number') return reader.read(view) < 0 ? [] : [String(reader.read(view))]
  if (reader.kind === 'parameter' || reader.kind === 'inner') {
    const values: string[] = []
    const keep: SpanTest = (buf, start, end) => {
      values.push(buf.toString('utf8', start, end))
      return false
    }
    if (reader.kind === 'inner') reader.some(view, keep)
    else someSdValue(view, reader.parameter, keep)
    return values
  }
  return reader.of
    .filter((span) => span.start(view) >= 0)
    .map((span) => view.buf.toString('utf8', span.start(view), span.end(view)))
}
