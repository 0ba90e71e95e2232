/**
 * From the rule set as read to the plan that workers run: everything checked across entries, everything that the
 * hot path touches turned into indices. Pure; complains about everything at once.
 */
import type { StreamPlan } from '../classify/streams.ts'
import type { Finding } from '../config/findings.ts'
import { checkModel, Findings } from './compile-checks.ts'
import { checkFiles } from './compile-files.ts'
import { markContested } from './compile-contested.ts'
import { compileKeys } from './compile-keys.ts'
import { compileLabels } from './compile-labels.ts'
import { Owners } from './compile-owners.ts'
import { compileShared } from './compile-shared.ts'
import type { EditPlan } from './edit-plan.ts'
import { shareParts } from './share-parts.ts'
import type { ForwarderModel, RulesModel, StreamModel } from './model.ts'
import type { Condition, ForwarderPlan, RulesPlan, TenantPlan } from './plan.ts'

/** What the configuration says about rules. */
export interface CompileLimits {
  readonly forwarders_per_tenant: number
  /** Left out: not checked. */
  readonly connections_per_tenant?: number
  /** Names that `where` may compare with; left out: not checked. */
  readonly listeners?: readonly string[]
  readonly sources?: readonly { readonly name: string; readonly site: string | null }[]
}

export interface Compiled {
  /** There when no finding is an error. */
  readonly plan?: RulesPlan
  readonly findings: readonly Finding[]
}

const OTHER: StreamPlan = { name: 'other', grammar: 'none', match: [], label: 'none', label_formats: [] }

/** Compiles a rule set. `generation` counts accepted ones from 1. */
export function compileRules(read: RulesModel, generation: number, limits: CompileLimits): Compiled {
  const model = markContested(read)
  const findings = new Findings()
  const { unread } = model
  const streams = [OTHER, ...model.streams.map(streamPlan)]
  checkModel(model, limits, knownNames(model, streams, limits), findings)
  if (model.unread === undefined) checkFiles(model, findings)
  const owners = new Owners()
  const { labels, reachable, findings: confusables } = compileLabels(model, streams, owners)
  findings.list.push(...confusables)
  const { keys, reachable: by_key } = compileKeys(model, streams, limits.sources, owners, findings)
  for (const [index, { name, place, inventory, broken }] of model.tenants.entries()) {
    if (reachable.has(index) || by_key.has(index)) continue
    // An organisation without Org VDCs, or one that is gone; or its labels could not be read.
    if (inventory === true || broken === true || unread?.streams === true) continue
    const hint = 'add `org_vdcs`, `data_center_groups`, `gateways` or `labels`'
    findings.warning(place, `tenant "${name}" has no label, so no event can be its own`, hint)
  }
  // Who has a group, or an organisation, is known when all tenants are.
  const copies = unread?.tenants === true ? [] : compileShared(model, owners, findings)
  if (unread !== undefined || findings.list.some(({ level }) => level === 'error'))
    return { findings: findings.list }
  const conditions = new Distinct<Condition>()
  const edits = new Distinct<EditPlan>()
  const named = model.conditions.map(({ name, condition }) => ({
    name,
    condition: conditions.index({ op: 'use', name, of: condition }),
  }))
  const forwarders: ForwarderPlan[] = []
  const tenants = model.tenants.map(({ name, org, rate_max, forwarders: own }, tenant): TenantPlan => {
    const indices = own.map(
      (forwarder) => forwarders.push(forwarderPlan(forwarder, tenant, name, { conditions, edits })) - 1,
    )
    return { name, org: org === null ? null : { id: org.id, name: org.name }, rate_max, forwarders: indices }
  })
  for (const forwarder of model.provider)
    forwarders.push(forwarderPlan(forwarder, -1, 'provider', { conditions, edits }))
  const plan: RulesPlan = {
    generation,
    streams,
    tenants,
    owners: owners.list,
    labels,
    keys,
    forwarders,
    ...shareParts(conditions.list),
    named,
    edits: edits.list,
    ...(copies.length === 0 ? {} : { copies }),
  }
  return { plan, findings: findings.list }
}

function streamPlan({
  place: _place,
  match_places: _places,
  replaces: _replaces,
  keys = [],
  ...plan
}: StreamModel): StreamPlan {
  return { ...plan, keys }
}

function knownNames(
  model: RulesModel,
  streams: readonly StreamPlan[],
  { listeners, sources }: CompileLimits,
) {
  return {
    // The reader has looked for streams.
    stream: model.unread !== undefined ? undefined : streams.map(({ name }) => name),
    tenant: model.unread?.names === true ? undefined : model.tenants.map(({ name }) => name),
    listener: listeners,
    source: sources?.map(({ name }) => name),
    site: sources?.flatMap(({ site }) => site ?? []),
  }
}

/** Equal ones get one index. */
class Distinct<Plan> {
  readonly list: Plan[] = []
  readonly #indices = new Map<string, number>()

  index(plan: Plan | null): number {
    if (plan === null) return -1
    const text = JSON.stringify(plan)
    let index = this.#indices.get(text)
    if (index === undefined) {
      index = this.list.push(plan) - 1
      this.#indices.set(text, index)
    }
    return index
  }
}

function forwarderPlan(
  forwarder: ForwarderModel,
  tenant: number,
  owner: string,
  { conditions, edits }: { readonly conditions: Distinct<Condition>; readonly edits: Distinct<EditPlan> },
): ForwarderPlan {
  const { name, scope, where, edit, sample, rate_max, settings } = forwarder
  return {
    tenant,
    key: `${owner}/${name}`,
    name,
    scope,
    condition: conditions.index(where),
    edit: edits.index(edit),
    sample,
    rate_max,
    settings,
  }
}
