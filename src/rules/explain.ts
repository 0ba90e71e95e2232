/** Why an event goes where it goes, in words: the answer of `logweir explain`. Not for the hot path. */
import type { EventView } from '../classify/view.ts'
import type { ConditionEnv } from './conditions-fields.ts'
import type { ConditionSet } from './conditions.ts'
import { seenAs } from './copies.ts'
import { because } from './explain-because.ts'
import { type OrphanReason, orphanReason, type Ownership } from './ownership.ts'
import type { ForwarderPlan, OwnerPlan, RulesPlan } from './plan.ts'

/** `explain --json` without `line`. */
export interface Explanation {
  readonly stream: string
  readonly label: string | null
  readonly tenant: string | null
  readonly reason: OwnerPlan['reason'] | OrphanReason
  readonly forwarders: readonly ForwarderDecision[]
}

export interface ForwarderDecision {
  /** Tenant's name, `provider` for the provider's. */
  readonly tenant: string
  readonly forwarder: string
  readonly decision: 'forward' | 'skip'
  readonly because: string
}

export interface Explainer {
  readonly plan: RulesPlan
  readonly ownership: Ownership
  readonly conditions: ConditionSet
  readonly env: ConditionEnv
}

export interface ExplainOptions {
  /** Whether the source may send the event's stream; left out: as the view's source number says. */
  readonly trusted?: boolean
  /** Other tenants' forwarders too, which never see the event. Left out: yes. */
  readonly others?: boolean
}

/** Explains a classified event. */
export function explainEvent(
  view: EventView,
  explainer: Explainer,
  options: ExplainOptions = {},
): Explanation {
  const { plan, ownership, conditions } = explainer
  const owner = ownership.decideTrusted(view, options.trusted ?? ownership.trusts(view))
  const found = owner > 0 ? plan.owners[owner] : undefined
  const reason = found === undefined ? orphanReason(owner) : found.reason
  const tenant = found?.tenant ?? -1
  conditions.begin()
  const decisions = plan.forwarders
    .filter(
      ({ tenant: whose }) =>
        options.others !== false || whose === -1 || whose === tenant || seenAs(plan, owner, whose) > 0,
    )
    .map((forwarder) => decide(forwarder, view, Math.max(0, owner), reason, explainer))
  return {
    stream: plan.streams[view.stream]?.name ?? 'other',
    label: view.label_start < 0 ? null : view.buf.toString('utf8', view.label_start, view.label_end),
    tenant: plan.tenants[tenant]?.name ?? null,
    reason,
    forwarders: decisions,
  }
}

function decide(
  forwarder: ForwarderPlan,
  view: EventView,
  owner: number,
  reason: Explanation['reason'],
  { plan, conditions, env }: Explainer,
): ForwarderDecision {
  const name = plan.tenants[forwarder.tenant]?.name ?? 'provider'
  const answer = (decision: 'forward' | 'skip', why: string): ForwarderDecision => ({
    tenant: name,
    forwarder: forwarder.name,
    decision,
    because: why,
  })
  const tenant = owner > 0 ? (plan.owners[owner]?.tenant ?? -1) : -1
  const owned = plan.tenants[tenant]?.name
  const as = seenAs(plan, owner, forwarder.tenant)
  const is_copy = as > 0 && as !== owner
  const outside = is_copy ? undefined : outOfScope(forwarder, tenant, owned, reason)
  if (outside !== undefined) return answer('skip', outside)
  const condition = plan.conditions[forwarder.condition]
  if (condition === undefined)
    return answer(
      'forward',
      is_copy ? `a copy: ${owned}'s group is shared, no where` : inScope(forwarder, owned, reason),
    )
  // What conditions remember of the event was perhaps said of another owner.
  conditions.begin()
  const holds = conditions.holds(forwarder.condition, view, as)
  return answer(holds ? 'forward' : 'skip', because(condition, holds, view, as, plan, env))
}

/** Why the forwarder does not see the event at all; undefined when it does. */
function outOfScope(
  forwarder: ForwarderPlan,
  tenant: number,
  owned: string | undefined,
  reason: Explanation['reason'],
): string | undefined {
  if (forwarder.tenant >= 0) {
    if (forwarder.tenant === tenant) return undefined
    return owned === undefined ? `nobody owns the event: ${reason}` : `the event is ${owned}'s`
  }
  if (forwarder.scope === 'owned' && owned === undefined)
    return `scope: owned, and nobody owns the event: ${reason}`
  if (forwarder.scope === 'orphans' && owned !== undefined)
    return `scope: orphans, and the event is ${owned}'s`
  return undefined
}

function inScope(forwarder: ForwarderPlan, owned: string | undefined, reason: Explanation['reason']): string {
  if (forwarder.tenant === -1 && forwarder.scope === 'all') return 'scope: all, no where'
  return owned === undefined
    ? `scope: orphans, ${reason}, no where`
    : `the event is ${owned}'s by ${reason}, no where`
}
