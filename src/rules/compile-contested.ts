/** Objects that two tenants have, where the inventory is one side: contested at both, so that neither gets the other's events. */
import type { IdName, RulesModel, TenantModel } from './model.ts'

/** The model with such objects marked; the same one where there are none. Between tenants that people wrote it stays an error. */
export function markContested(model: RulesModel): RulesModel {
  const first = new Map<string, TenantModel>()
  const twice = new Set<string>()
  for (const tenant of model.tenants) {
    for (const { id } of [...tenant.org_vdcs, ...tenant.data_center_groups, ...tenant.gateways]) {
      const there = first.get(id)
      if (there === undefined) first.set(id, tenant)
      else if (there !== tenant && (there.inventory === true || tenant.inventory === true)) twice.add(id)
    }
  }
  if (twice.size === 0) return model
  const mark = <Item extends IdName>(objects: readonly Item[]): readonly Item[] =>
    objects.map((one) => (twice.has(one.id) ? { ...one, contested: true } : one))
  const tenants = model.tenants.map((tenant) => ({
    ...tenant,
    org_vdcs: mark(tenant.org_vdcs),
    data_center_groups: mark(tenant.data_center_groups),
    gateways: mark(tenant.gateways),
  }))
  return { ...model, tenants }
}
