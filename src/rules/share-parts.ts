/**
 * Parts of conditions that several conditions have become conditions of their own, which are evaluated once an event:
 * a thousand forwarders may ask for the same half of their `where`. Named conditions always do, so that they are counted.
 */
import type { Condition } from './plan.ts'

export interface SharedParts {
  /** The conditions that were given, then parts. */
  readonly conditions: readonly Condition[]
  /** Inner conditions, the objects themselves, to their places in the list. */
  readonly shared: ReadonlyMap<Condition, number>
}

/** A part that costs less to ask than to remember stays where it is. */
export function shareParts(conditions: readonly Condition[]): SharedParts {
  const places = new Map(conditions.map((condition, index) => [JSON.stringify(condition), index]))
  const list: Condition[] = [...conditions]
  for (const [text, part] of partsOfSeveral(conditions))
    if (!places.has(text)) places.set(text, list.push(part) - 1)
  const shared = new Map<Condition, number>()
  const look = (condition: Condition): void => {
    for (const inner of innerOf(condition)) {
      const index = isCheap(inner) ? undefined : places.get(JSON.stringify(inner))
      if (index === undefined) look(inner)
      else shared.set(inner, index)
    }
  }
  for (const condition of list) look(condition)
  return { conditions: list, shared }
}

function innerOf(condition: Condition): readonly Condition[] {
  if (condition.op === 'not' || condition.op === 'use') return [condition.of]
  return condition.op === 'all' || condition.op === 'any' ? condition.of : []
}

function isCheap(condition: Condition): boolean {
  return condition.op === 'exists' || (condition.op === 'equals' && condition.field === 'stream')
}

/** What stands inside more than one condition, by its JSON. */
function partsOfSeveral(conditions: readonly Condition[]): ReadonlyMap<string, Condition> {
  const once = new Set<string>()
  const twice = new Map<string, Condition>()
  const look = (condition: Condition): void => {
    for (const inner of innerOf(condition)) part(inner)
  }
  const part = (condition: Condition): void => {
    if (isCheap(condition)) return
    const text = JSON.stringify(condition)
    if (once.has(text)) twice.set(text, condition)
    else {
      once.add(text)
      look(condition)
    }
  }
  for (const condition of conditions) look(condition)
  return twice
}
