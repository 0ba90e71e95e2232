/** Which tenants an event's keys name, by asking each tenant for each key. */
import type { RulesModel, TenantModel } from './model.ts'

/** What an event says besides its label; only what its stream is asked for counts. */
export interface PlainKeys {
  /** Values of the parameters that hold projects. */
  readonly projects: readonly string[]
  /** UUID. */
  readonly interface: string | null
  readonly rule_id: string | null
  readonly organization: string | null
  /** The source that the peer is in. */
  readonly source: { readonly name: string; readonly site: string | null } | null
}

/** Names of all tenants that the keys name. */
export function keyTenants(model: RulesModel, streamName: string, keys: PlainKeys): ReadonlySet<string> {
  const stream = model.streams.find(({ name }) => name === streamName)
  const asked = new Set(stream?.keys?.map(({ key }) => key))
  const named = (tenant: TenantModel): boolean =>
    (asked.has('project') && tenant.nsx_projects.some(({ id }) => keys.projects.includes(id))) ||
    (asked.has('interface') && interfacesOf(tenant).includes(keys.interface?.toLowerCase() ?? '')) ||
    (asked.has('organization') &&
      tenant.cf_organizations.some(({ id }) => id === keys.organization?.toLowerCase())) ||
    (asked.has('rule_id') && hasRule(tenant, keys))
  return new Set(model.tenants.filter(named).map(({ name }) => name))
}

function interfacesOf({ gateways, org_vdcs, data_center_groups }: TenantModel): string[] {
  const parents = [...org_vdcs, ...data_center_groups]
  const doubtful = parents.filter(({ contested }) => contested === true).map(({ id }) => id)
  return gateways
    .filter(({ contested, owner }) => contested !== true && !doubtful.includes(owner ?? ''))
    .flatMap(({ interfaces }) => interfaces.map(({ id }) => id))
}

function hasRule({ rule_ids }: TenantModel, { rule_id, source }: PlainKeys): boolean {
  if (rule_id === null || source === null) return false
  return rule_ids.some(({ scope, ids }) => {
    const counts = 'site' in scope ? scope.site === source.site : scope.source === source.name
    return counts && ids.includes(rule_id)
  })
}
