/** Which rules events have met since the start, so that a dead one shows: `rules` of `status --json`, and metrics. */
import { ConditionCell, type Counters, FoundByCell, TenantCell } from '../base/counters.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { cell, type Ledger, sumBlocks } from './ledger.ts'

export interface RuleReport {
  /** Named conditions: events for which each was asked, and for which it held. */
  readonly conditions: readonly { readonly name: string; readonly asked: number; readonly held: number }[]
  /** Owned events by what their owner was found by: label formats, `literal`, kinds of keys. */
  readonly found_by: Readonly<Record<string, number>>
  /** What no event has met, of all that could have. */
  readonly unused: readonly UnusedRule[]
}

export interface UnusedRule {
  readonly what: 'forwarder' | 'condition' | 'found_by'
  readonly name: string
  /** Events that it saw in vain. */
  readonly seen: number
}

export function readRuleHits(workers: readonly Counters[], plan: RulesPlan, ledger: Ledger): RuleReport {
  const conditions = plan.named.map(({ name }) => {
    const cells = sumBlocks(workers, 'condition', name, ConditionCell.size)
    return { name, asked: cell(cells, ConditionCell.asked), held: cell(cells, ConditionCell.held) }
  })
  const found_by = Object.fromEntries(
    [...new Set(plan.owners.slice(1).map(({ by }) => by))].map((by) => [
      by,
      cell(sumBlocks(workers, 'found_by', by, FoundByCell.size), FoundByCell.events),
    ]),
  )
  const unused: UnusedRule[] = [
    ...unusedForwarders(workers, plan, ledger),
    ...conditions.flatMap(({ name, asked, held }) =>
      held === 0 ? [{ what: 'condition' as const, name, seen: asked }] : [],
    ),
    ...Object.entries(found_by).flatMap(([name, events]) =>
      events === 0 ? [{ what: 'found_by' as const, name, seen: ledger.owned }] : [],
    ),
  ]
  return { conditions, found_by, unused: unused.filter(({ seen }) => seen > 0) }
}

function unusedForwarders(workers: readonly Counters[], plan: RulesPlan, ledger: Ledger): UnusedRule[] {
  const enqueued = new Map(ledger.forwarders.map((one) => [`${one.tenant}/${one.forwarder}`, one.enqueued]))
  const owned = plan.tenants.map(({ name }) =>
    cell(sumBlocks(workers, 'tenant', name, TenantCell.size), TenantCell.owned),
  )
  const scopes = { all: ledger.received, owned: ledger.owned, orphans: ledger.orphaned }
  return plan.forwarders.flatMap(({ key, tenant, scope }): UnusedRule[] => {
    if ((enqueued.get(key) ?? 0) > 0) return []
    return [{ what: 'forwarder', name: key, seen: tenant === -1 ? scopes[scope] : (owned[tenant] ?? 0) }]
  })
}

/** Fewer events in vain say nothing yet. */
const SEEN_MIN = 1000
const LINES_MAX = 20

/** Dead rules as lines of `logweir status`. */
export function unusedLines({ unused }: RuleReport): string[] {
  const words = { forwarder: 'forwarder', condition: 'condition', found_by: 'label format' }
  const dead = unused.filter(({ seen }) => seen >= SEEN_MIN)
  const lines = dead
    .slice(0, LINES_MAX)
    .map(({ what, name, seen }) => `${words[what]} ${name}: none of ${seen} events`)
  return dead.length > LINES_MAX
    ? [...lines, `and ${dead.length - LINES_MAX} more that no event meets`]
    : lines
}
