/** The answer to "acme gets nothing": everything between its events and its destinations that the router knows, in their order. */
import { relation, shortName } from '../rules/explain-because.ts'
import type { Condition, RulesPlan } from '../rules/plan.ts'
import type { Ledger } from './ledger.ts'
import { objectName } from './owner-changes.ts'
import type { Supervisor } from './supervisor.ts'
import { targetText } from './target-text.ts'
import { describeUnknown, type UnknownLabelReport } from './unknown-labels.ts'
import { whyHints } from './why-hints.ts'

export interface Why {
  readonly tenant: string
  readonly generation: number
  /** Of the tenant: since the start, and since the rules that run were taken over. */
  readonly events: { readonly start: number; readonly generation: number }
  readonly objects: readonly WhyObject[]
  readonly forwarders: readonly WhyForwarder[]
  /** Labels that nobody owns and that are like one of the tenant's. */
  readonly unknown_labels: readonly (UnknownLabelReport & { readonly stream: string })[]
  readonly orphaned: Readonly<Record<string, number>>
  /** Events of streams that carry labels, by stream. */
  readonly labelled: Readonly<Record<string, number>>
  /** Sources whose events were orphans because it does not list their stream. */
  readonly unlisted: readonly {
    readonly source: string
    readonly streams: Readonly<Record<string, number>>
  }[]
  /** What is probably wrong, the first cause first; empty when nothing is. */
  readonly hints: readonly string[]
}

export interface WhyObject {
  /** `Org VDC acme-prod`; `labels` and `keys` for those without a name. */
  readonly object: string
  readonly by: string
  readonly events: number
  /** ISO time; null: never since the start. */
  readonly last: string | null
}

export interface WhyForwarder {
  readonly forwarder: string
  readonly to: string
  readonly state: string
  readonly last_error: string | null
  /** Under the rules that run: the tenant's events, those let in, and those that `where` rejected. */
  readonly asked: number
  readonly passed: number
  readonly rejected: number
  readonly where: string | null
  readonly sample: number | null
  readonly rate_max: number | null
  readonly delivered: number
  readonly dropped: Readonly<Record<string, number>>
  readonly held: number
}

/** Undefined: the rules that run have no such tenant. */
export async function why(supervisor: Supervisor, name: string): Promise<Why | undefined> {
  const { plan, seen, counters } = supervisor
  const tenant = plan.tenants.findIndex((one) => one.name === name)
  if (tenant < 0) return undefined
  const { ledger, unknown_labels, sources } = await supervisor.measure()
  const objects = objectsOf(supervisor, plan, tenant)
  const now = seen.tenants(plan)[tenant] ?? 0
  const labelled: Record<string, number> = {}
  for (const { streams } of sources)
    for (const [stream, events] of Object.entries(streams))
      if (plan.streams.find((one) => one.name === stream)?.label !== 'none')
        labelled[stream] = (labelled[stream] ?? 0) + events
  const answer = {
    tenant: name,
    generation: plan.generation,
    events: { start: objects.reduce((sum, { events }) => sum + events, 0), generation: now },
    objects,
    forwarders: (plan.tenants[tenant]?.forwarders ?? []).map((index) =>
      forwarderOf(plan, index, ledger, now, (key) => seen.passed(key, counters)),
    ),
    unknown_labels: Object.entries(describeUnknown(plan, unknown_labels)).flatMap(([stream, { last }]) =>
      last.filter(({ nearest }) => nearest?.tenant === name).map((label) => ({ ...label, stream })),
    ),
    orphaned: ledger.orphaned_reasons,
    labelled,
    unlisted: sources
      .filter(({ unlisted }) => Object.values(unlisted).some((events) => events > 0))
      .map(({ source, unlisted }) => ({ source: source ?? '(no source)', streams: unlisted })),
  }
  return { ...answer, hints: whyHints({ ...answer, rate_max: plan.tenants[tenant]?.rate_max ?? null }) }
}

function objectsOf({ seen }: Supervisor, plan: RulesPlan, tenant: number): WhyObject[] {
  const found = seen.owners(plan)
  return plan.owners.flatMap((owner, n): WhyObject[] => {
    if (owner.tenant !== tenant) return []
    const { at, events } = found[n] ?? { at: 0, events: 0 }
    const object = objectName(owner) ?? (owner.reason === 'literal' ? 'labels' : 'keys')
    return [{ object, by: owner.by, events, last: at === 0 ? null : new Date(at).toISOString() }]
  })
}

function forwarderOf(
  plan: RulesPlan,
  index: number,
  ledger: Ledger,
  asked: number,
  passed: (key: string) => number,
): WhyForwarder {
  const { key, condition, settings, sample, rate_max } = plan.forwarders[
    index
  ] as RulesPlan['forwarders'][number]
  const books = ledger.forwarders.find((one) => `${one.tenant}/${one.forwarder}` === key)
  const where = plan.conditions[condition]
  const let_in = passed(key)
  return {
    forwarder: key,
    to: targetText(settings.to),
    state: books?.state ?? 'stopped',
    last_error: books?.last_error ?? null,
    asked,
    passed: let_in,
    rejected: where === undefined ? 0 : Math.max(0, asked - let_in),
    where: where === undefined ? null : conditionText(where),
    sample,
    rate_max,
    delivered: books?.delivered ?? 0,
    dropped: Object.fromEntries(Object.entries(books?.dropped ?? {}).filter(([, events]) => events > 0)),
    held: books === undefined ? 0 : books.queued + books.spooled + books.in_flight,
  }
}

/** A condition as a sentence: `action is one of DROP, REJECT and not (source_ip is in 10.0.0.0/8)`. */
export function conditionText(condition: Condition): string {
  switch (condition.op) {
    case 'all':
    case 'any': {
      const of = condition.of.map((one) =>
        one.op === 'any' || one.op === 'all' ? `(${conditionText(one)})` : conditionText(one),
      )
      return of.join(condition.op === 'all' ? ' and ' : ' or ')
    }
    case 'not':
      return `not (${conditionText(condition.of)})`
    case 'use':
      return `${condition.name} (${conditionText(condition.of)})`
    case 'exists':
      return `${shortName(condition.field)} is ${condition.present ? 'there' : 'absent'}`
    default:
      return `${shortName(condition.field)} ${relation(condition, true)}`
  }
}
