/** From `shared` to copies: which owners' events go to which other tenants too. Whatever is not sure is not shared. */
import type { Findings } from './compile-checks.ts'
import type { Owners } from './compile-owners.ts'
import type { GroupModel, RulesModel, SharedModel, TenantModel } from './model.ts'
import type { CopyPlan } from './plan.ts'

interface Known {
  readonly tenant: number
  readonly group: GroupModel
}

/**
 * The copies of a rule set. To be called when all owners are known: those of copies are added. A copy has an owner of the tenant
 * that gets it, so that neither the name nor the organisation of the group's owner goes with it. What does not hold any more (a group,
 * an organisation, its part in the group) is a warning: Cloud Director changes while nobody looks, and nobody gets more by it.
 */
export function compileShared(model: RulesModel, owners: Owners, findings: Findings): CopyPlan[] {
  const { shared = [], tenants } = model
  if (shared.length === 0) return []
  const groups = new Map(
    tenants.flatMap(({ data_center_groups }, tenant) =>
      data_center_groups.map((group) => [group.id, { tenant, group }] as const),
    ),
  )
  const orgs = new Map<string, number[]>()
  for (const [index, { org }] of tenants.entries())
    if (org !== null) orgs.set(org.id, [...(orgs.get(org.id) ?? []), index])
  const known = owners.list.length
  const copies = new Map<string, CopyPlan>()
  for (const entry of shared) {
    const found = groups.get(entry.group)
    if (found === undefined) {
      findings.warning(
        entry.place,
        `shared: no tenant has the Data Center Group ${entry.group}`,
        'remove the entry',
      )
      continue
    }
    for (const to of receivers(entry, found, orgs, tenants, findings)) {
      for (let owner = 1; owner < known; owner++) {
        const one = owners.list[owner]
        if (one === undefined || one.tenant !== found.tenant || one.data_center_group?.id !== entry.group)
          continue
        const as = owners.index({ ...one, tenant: to })
        copies.set(`${owner} ${as}`, { owner, as })
      }
    }
  }
  return [...copies.values()]
}

/** Tenants that get copies, by index. */
function receivers(
  entry: SharedModel,
  { tenant, group }: Known,
  orgs: ReadonlyMap<string, readonly number[]>,
  tenants: readonly TenantModel[],
  findings: Findings,
): number[] {
  const name = group.name ?? group.id
  return entry.with.flatMap(({ id, place }) => {
    const complain = (message: string, hint: string): readonly number[] => {
      findings.warning(place, `shared: ${message}: it gets no copies`, hint)
      return []
    }
    const [to, more] = orgs.get(id) ?? []
    if (to === undefined)
      return complain(`no tenant has the organisation ${id}`, 'set `org.id` of the tenant')
    if (more !== undefined) return complain(`two tenants have the organisation ${id}`, 'keep one of them')
    if (to === tenant)
      return complain(`group ${name} is ${tenants[to]?.name ?? ''}'s own`, 'remove the entry')
    if (group.contested === true) return complain(`group ${name} is contested`, '')
    if (group.participants !== undefined && !group.participants.includes(id))
      return complain(`organisation ${id} takes no part in group ${name}`, 'Cloud Director says who does')
    return [to]
  })
}
