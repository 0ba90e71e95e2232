/** What a `where` names that does not exist. The reader has checked everything else, value by value. */
import { meant } from '../config/nearest.ts'
import type { Findings } from './compile-checks.ts'
import type { ForwarderModel } from './model.ts'
import type { Condition, ConditionField } from './plan.ts'

/** Names that conditions may compare with; left out: not checked. */
export interface KnownNames {
  readonly stream?: readonly string[] | undefined
  readonly tenant?: readonly string[] | undefined
  readonly listener?: readonly string[] | undefined
  readonly source?: readonly string[] | undefined
  readonly site?: readonly string[] | undefined
}

/** `key`: `acme/siem`. */
export function checkWhere(
  key: string,
  forwarder: ForwarderModel,
  known: KnownNames,
  findings: Findings,
): void {
  if (forwarder.where === null) return
  for (const { field, values } of comparisons(forwarder.where)) {
    const names = namesOf(field, known)
    if (names === undefined) continue
    for (const value of values) {
      if (names.includes(value)) continue
      findings.error(
        forwarder.where_place,
        `forwarder "${key}": where: unknown ${field} "${value}"`,
        meant(value, names),
      )
    }
  }
}

function namesOf(field: ConditionField, known: KnownNames): readonly string[] | undefined {
  switch (field) {
    case 'stream':
    case 'tenant':
    case 'listener':
    case 'source':
    case 'site':
      return known[field]
    default:
      return undefined
  }
}

type Equality = Extract<Condition, { readonly op: 'equals' }>

/** All of a condition. */
export function* comparisons(condition: Condition): Generator<Equality> {
  if (condition.op === 'equals') yield condition
  else if (condition.op === 'not' || condition.op === 'use') yield* comparisons(condition.of)
  else if (condition.op === 'all' || condition.op === 'any')
    for (const inner of condition.of) yield* comparisons(inner)
}
