/**
 * Which objects contradict each other: an id that stands at two tenants (an object that moved, within the grace time of its old
 * place, or a reading that says so), and labels that two objects could carry (a clone for a recovery test). They are kept as
 * contested: their events are nobody's until somebody has looked, and all others go on.
 */
import type { Place } from '../config/findings.ts'
import { compileLabels } from '../rules/compile-labels.ts'
import { Owners } from '../rules/compile-owners.ts'
import type { LabelFormatModel, RulesModel, StreamModel, TenantModel } from '../rules/model.ts'
import { KINDS, type KeptObject, type KeptTenant } from './types.ts'

/** How labels are composed, and which streams carry them. */
export interface LabelRules {
  readonly streams: readonly StreamModel[]
  readonly label_formats: readonly LabelFormatModel[]
}

/** An object with its tenant. */
interface Stated {
  readonly tenant: KeptTenant
  readonly what: string
  readonly object: KeptObject
}

/** Alarms told of one reading. */
const ALARMS_MAX = 50

/** The tenants with their contested objects marked. */
export function contest(
  tenants: readonly KeptTenant[],
  rules: LabelRules,
): { readonly tenants: readonly KeptTenant[]; readonly alarms: readonly string[] } {
  const alarms: string[] = []
  const contested = new Set<KeptObject>()
  const all = tenants.flatMap((tenant) =>
    KINDS.flatMap(([key, what]) => tenant[key].map((object): Stated => ({ tenant, what, object }))),
  )
  const say = (one: Stated, other: Stated, why: string): void => {
    contested.add(one.object)
    contested.add(other.object)
    const text = ({ tenant, what, object }: Stated): string =>
      `${what} ${object.name} of ${tenant.name} (${object.id})`
    alarms.push(`${text(one)} and ${text(other)} ${why}: contested, their events are nobody's`)
  }
  const first = new Map<string, Stated>()
  for (const stated of all) {
    const there = first.get(stated.object.id)
    if (there === undefined) first.set(stated.object.id, stated)
    else if (there.tenant !== stated.tenant) say(there, stated, 'have one id')
  }
  const model = modelOf(tenants, contested, rules)
  for (const { first: one, second: other } of compileLabels(model, rules.streams, new Owners()).collisions) {
    const [a, b] = [all[one.place.line], all[other.place.line]]
    if (a !== undefined && b !== undefined) say(a, b, 'have labels that could be confused')
  }
  const more = alarms.length - ALARMS_MAX
  const told = more > 0 ? [...alarms.slice(0, ALARMS_MAX), `${more} more contradictions`] : alarms
  return { tenants: tenants.map((tenant) => marked(tenant, contested)), alarms: told }
}

function marked(tenant: KeptTenant, contested: ReadonlySet<KeptObject>): KeptTenant {
  const mark = <Kept extends KeptObject>(objects: readonly Kept[]): Kept[] =>
    objects.map((object) => (contested.has(object) ? { ...object, contested: true } : object))
  return {
    ...tenant,
    org_vdcs: mark(tenant.org_vdcs),
    data_center_groups: mark(tenant.data_center_groups),
    gateways: mark(tenant.gateways),
  }
}

/** As the rules' reader would make it; the line of an object's place is its number. */
function modelOf(
  tenants: readonly KeptTenant[],
  contested: ReadonlySet<KeptObject>,
  rules: LabelRules,
): RulesModel {
  let number = 0
  const objectOf = (object: KeptObject) => {
    const place: Place = { file: '', line: number++, column: 0 }
    const known = object.contested || contested.has(object)
    return { place, id: object.id, name: object.name, ...(known ? { contested: true } : {}) }
  }
  const nowhere: Place = { file: '', line: -1, column: 0 }
  const models = tenants.map((tenant): TenantModel => {
    return {
      place: nowhere,
      name: tenant.name,
      org: { place: nowhere, ...tenant.org },
      // In the order of `all`.
      org_vdcs: tenant.org_vdcs.map(objectOf),
      data_center_groups: tenant.data_center_groups.map(objectOf),
      gateways: tenant.gateways.map((one) => {
        return {
          ...objectOf(one),
          owner: one.owner,
          former: one.former.map(({ owner }) => owner),
          interfaces: [],
        }
      }),
      labels: [],
      nsx_projects: [],
      rule_ids: [],
      cf_organizations: [],
      rate_max: null,
      forwarders: [],
      inventory: true,
    }
  })
  return { tenants: models, provider: [], conditions: [], ...rules }
}
