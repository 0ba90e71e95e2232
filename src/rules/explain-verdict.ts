/** A condition with its verdict at every step, for one event: what was asked, what was found. Not for the hot path. */
import { type Asked, fieldValues, holdsFor, relation, shortName } from './explain-because.ts'
import type { Condition, ConditionField } from './plan.ts'

/** Values shown of one field. */
const VALUES_MAX = 16
/** Characters shown of one value. */
const VALUE_MAX = 1024

export type Verdict =
  | {
      readonly op: 'all' | 'any' | 'not' | 'use'
      readonly holds: boolean
      /** Of `use`: the condition's name. */
      readonly name?: string
      readonly of: readonly Verdict[]
    }
  | {
      readonly op: 'field'
      readonly holds: boolean
      /** As written in rules. */
      readonly field: string
      readonly asked: string
      /** Empty: the event has no such field. */
      readonly found: readonly string[]
      /** The field under its whole name. */
      readonly id: ConditionField
    }

/** The verdict of a condition and of everything in it. */
export function verdictOf(condition: Condition, asked: Asked): Verdict {
  const holds = holdsFor(condition, asked)
  if ('field' in condition) {
    const { field } = condition
    const words =
      condition.op === 'exists' ? `is ${condition.present ? 'there' : 'absent'}` : relation(condition, true)
    const found = fieldValues(field, asked)
      .slice(0, VALUES_MAX)
      .map((value) => (value.length > VALUE_MAX ? `${value.slice(0, VALUE_MAX)}…` : value))
    return { op: 'field', holds, field: shortName(field), asked: words, found, id: field }
  }
  if (condition.op === 'use')
    return { op: 'use', holds, name: condition.name, of: [verdictOf(condition.of, asked)] }
  if (condition.op === 'not') return { op: 'not', holds, of: [verdictOf(condition.of, asked)] }
  return { op: condition.op, holds, of: condition.of.map((inner) => verdictOf(inner, asked)) }
}
