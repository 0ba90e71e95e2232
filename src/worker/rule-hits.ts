/** Which rules are alive: named conditions that were asked and held, and what events' owners were found by. */
import { add, ConditionCell, type CounterKind, type Counters, FoundByCell } from '../base/counters.ts'
import type { Router } from '../route/router.ts'
import type { ConditionSet } from '../rules/conditions.ts'
import type { RulesPlan } from '../rules/plan.ts'

/** The blocks that the hits of a rule set need. */
export function ruleBlocks({ named, owners }: RulesPlan): { kind: CounterKind; name: string }[] {
  return [
    ...named.map(({ name }) => ({ kind: 'condition' as const, name })),
    ...[...new Set(owners.map(({ by }) => by))].map((name) => ({ kind: 'found_by' as const, name })),
  ]
}

/**
 * Moves what one generation of the rules has counted into the counters: the path of events adds to plain arrays, and
 * names are looked up here.
 */
export class RuleHits {
  readonly #conditions: ConditionSet
  readonly #router: Router
  readonly #named: readonly { readonly condition: number; readonly cells: Float64Array }[]
  readonly #found: readonly Float64Array[]
  readonly #moved: Float64Array
  readonly #moved_found: Float64Array

  constructor(plan: RulesPlan, conditions: ConditionSet, router: Router, counters: Counters) {
    this.#conditions = conditions
    this.#router = router
    this.#named = plan.named.map(({ name, condition }) => ({
      condition,
      cells: counters.block('condition', name),
    }))
    this.#found = router.found_by.map((by) => counters.block('found_by', by))
    this.#moved = new Float64Array(this.#named.length * 2)
    // A worker that starts again goes on with what was counted, and moved, before.
    this.#moved_found = router.found
  }

  flush(): void {
    for (const [n, { condition, cells }] of this.#named.entries()) {
      const asked = this.#conditions.asked(condition)
      const held = this.#conditions.held(condition)
      add(cells, ConditionCell.asked, asked - (this.#moved[n * 2] as number))
      add(cells, ConditionCell.held, held - (this.#moved[n * 2 + 1] as number))
      this.#moved[n * 2] = asked
      this.#moved[n * 2 + 1] = held
    }
    const found = this.#router.found
    for (const [n, cells] of this.#found.entries()) {
      const events = found[n] as number
      add(cells, FoundByCell.events, events - (this.#moved_found[n] as number))
      this.#moved_found[n] = events
    }
  }
}
