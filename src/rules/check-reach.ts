/** Forwarders that nothing can reach, and conditions that never hold: warnings, since nothing is sent wrong by them. */
import { FAMILIES } from '../classify/inner.ts'
import { FIREWALL_GRAMMARS } from '../classify/streams.ts'
import type { Finding, Place } from '../config/findings.ts'
import {
  type Contradiction,
  contradiction,
  deadWays,
  type Fact,
  type KnownStreams,
} from './condition-logic.ts'
import { comparisons } from './compile-where.ts'
import type { ForwarderModel, RulesModel, StreamModel, TenantModel } from './model.ts'
import type { Condition, ConditionField } from './plan.ts'
import { OTHER } from './read-streams.ts'
import { comparisonPlace } from './where-places.ts'

/** Findings told; a template of a thousand tenants has one mistake a thousand times. */
const TOLD_MAX = 50

/** Streams that a source may send; null: all. */
type SourceStreams = readonly { readonly streams: readonly string[] | null }[]

export function checkReach(model: RulesModel, sources: SourceStreams): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  const warn = (place: Place, message: string, hint: string): void => {
    const { file, line, column } = place
    const text = JSON.stringify([file, line, column, message])
    if (findings.length >= TOLD_MAX || seen.has(text)) return
    seen.add(text)
    findings.push({ level: 'warning', file, line, column, message, hint })
  }
  const trusted = trustedStreams(model, sources)
  const having = streamsHaving(model)
  const known = (possible: readonly string[]): KnownStreams => ({ possible, having })
  const judge = new Judge()
  const all = [OTHER, ...model.streams.map(({ name }) => name)]
  for (const { name, place, condition } of model.conditions) {
    const why = contradiction(condition, [], known(all))
    if (why !== undefined) warn(place, `condition "${name}" never holds: ${why.text}`, HINT)
  }
  const tell = (
    key: string,
    forwarder: ForwarderModel,
    given: readonly Fact[],
    streams: KnownStreams,
  ): void => {
    const { where } = forwarder
    // A stream that does not exist has been told of.
    if (where === null || !streamsExist(where, all)) return
    const at = ({ field }: Contradiction): Place => comparisonPlace(forwarder, field)
    const { why, dead } = judge.ask(where, given, streams)
    if (why !== undefined) return warn(at(why), `forwarder "${key}": nothing can reach it: ${why.text}`, HINT)
    for (const way of dead)
      warn(at(way), `forwarder "${key}": one way of its \`any\` never holds: ${way.text}`, HINT)
  }
  for (const tenant of model.tenants) {
    // Its labels or keys may be among what could not be read.
    if (tenant.broken === true) continue
    const own = ownStreams(tenant, model).filter((stream) => trusted.includes(stream))
    const [first] = tenant.forwarders
    // Without labels the tenant has been told of already.
    if (first !== undefined && own.length === 0 && ownStreams(tenant, model).length > 0) {
      const message = `tenant "${tenant.name}": nothing can reach its forwarders: no source may send a stream by which its events are known`
      warn(first.place, message, 'list such streams in `sources`, for example nsxt.dfw')
      continue
    }
    for (const forwarder of tenant.forwarders)
      tell(`${tenant.name}/${forwarder.name}`, forwarder, tenantFacts(tenant, model), known(own))
  }
  for (const forwarder of model.provider) {
    const key = `provider/${forwarder.name}`
    if (forwarder.scope === 'owned' && model.tenants.length === 0 && model.unread?.tenants !== true) {
      warn(
        forwarder.place,
        `forwarder "${key}": nothing can reach it: there are no tenants`,
        'add one, or remove `scope`',
      )
      continue
    }
    const streams =
      forwarder.scope === 'owned' ? trusted.filter((name) => labelled(model).includes(name)) : all
    tell(key, forwarder, scopeFacts(forwarder.scope), known(streams))
  }
  return findings
}

function streamsExist(where: Condition, all: readonly string[]): boolean {
  for (const { field, values } of comparisons(where))
    if (field === 'stream' && !values.every((name) => all.includes(name))) return false
  return true
}

interface Judged {
  readonly why: Contradiction | undefined
  readonly dead: readonly Contradiction[]
}

/** A thousand tenants with the same condition are one question, unless it asks whose the event is. */
class Judge {
  readonly #judged = new Map<string, Judged>()

  ask(where: Condition, given: readonly Fact[], streams: KnownStreams): Judged {
    const text = JSON.stringify(where)
    const facts = /"field":"(tenant|owner\.)/.test(text) ? given : []
    const key = JSON.stringify([text, streams.possible, facts])
    let judged = this.#judged.get(key)
    if (judged === undefined) {
      const why = contradiction(where, facts, streams)
      judged = { why, dead: why === undefined ? deadWays(where, facts, streams) : [] }
      this.#judged.set(key, judged)
    }
    return judged
  }
}

const HINT = 'write `any` where one of them is enough, or remove it'

/** Streams of which a source's events are believed. */
function trustedStreams(model: RulesModel, sources: SourceStreams): string[] {
  const all = [OTHER, ...model.streams.map(({ name }) => name)]
  if (sources.length === 0) return all
  return all.filter((name) => sources.some(({ streams }) => streams === null || streams.includes(name)))
}

function labelled(model: RulesModel): string[] {
  return model.streams.filter(isLabelled).map(({ name }) => name)
}

function isLabelled({ label, keys = [] }: StreamModel): boolean {
  return label !== 'none' || keys.length > 0
}

/** Streams in which the tenant's labels or keys can stand. Copies of shared groups may come in any that has labels. */
function ownStreams(tenant: TenantModel, model: RulesModel): string[] {
  if (getsCopies(tenant, model)) return labelled(model)
  const formats = new Map(model.label_formats.map((format) => [format.name, format.of]))
  const objects = {
    org_vdc: tenant.org_vdcs.length,
    data_center_group: tenant.data_center_groups.length,
    gateway: tenant.gateways.length,
    org: tenant.org === null ? 0 : 1,
  }
  const keys = {
    project: tenant.nsx_projects.length,
    rule_id: tenant.rule_ids.length,
    organization: tenant.cf_organizations.length,
    interface: tenant.gateways.filter(({ interfaces }) => interfaces.length > 0).length,
  }
  const fits = ({ label, label_formats, keys: asked = [] }: StreamModel): boolean =>
    (label !== 'none' &&
      (tenant.labels.length > 0 || label_formats.some((name) => objects[formats.get(name) ?? 'org'] > 0))) ||
    asked.some(({ key }) => keys[key] > 0)
  return model.streams.filter(fits).map(({ name }) => name)
}

function getsCopies({ org }: TenantModel, { shared = [] }: RulesModel): boolean {
  return org !== null && shared.some((one) => one.with.some(({ id }) => id === org.id))
}

function tenantFacts(tenant: TenantModel, model: RulesModel): Fact[] {
  if (getsCopies(tenant, model)) return scopeFacts('owned')
  return [
    { leaf: { op: 'equals', field: 'tenant', values: [tenant.name] }, holds: true },
    ...scopeFacts('owned'),
  ]
}

/** Fields that only events have that somebody owns. */
const OWNER_FIELDS: readonly ConditionField[] = ['tenant', 'owner.by']
const NOT_OF_ORPHANS: readonly ConditionField[] = [
  ...OWNER_FIELDS,
  'owner.org.id',
  'owner.org.name',
  'owner.org_vdc.id',
  'owner.org_vdc.name',
  'owner.data_center_group.id',
  'owner.data_center_group.name',
  'owner.gateway.id',
  'owner.gateway.name',
]

function scopeFacts(scope: ForwarderModel['scope']): Fact[] {
  if (scope === 'all') return []
  const present = scope === 'owned'
  return (present ? OWNER_FIELDS : NOT_OF_ORPHANS).map((field) => ({
    leaf: { op: 'exists', field, present },
    holds: true,
  }))
}

/** By field: the streams whose events can have it. */
function streamsHaving({ streams }: RulesModel): KnownStreams['having'] {
  const of = (fits: (grammar: StreamModel['grammar']) => boolean): string[] =>
    streams.filter(({ grammar }) => fits(grammar)).map(({ name }) => name)
  const firewall = of((grammar) => FIREWALL_GRAMMARS.includes(grammar))
  const families = new Map<string, string[]>(
    FAMILIES.map(({ name }) => [name, of((grammar) => grammar === (name === 'edge' ? 'nsxv_edge' : name))]),
  )
  return (field) => {
    if (field.startsWith('firewall.') || field === 'label') return firewall
    return families.get(field.slice(0, Math.max(0, field.indexOf('.'))))
  }
}
