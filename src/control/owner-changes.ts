/** Which objects of Cloud Director change hands at a reload: what an operator must see before anything else. */
import { labelKeys } from '../rules/label-table.ts'
import type { OwnerPlan, RulesPlan } from '../rules/plan.ts'

export interface OwnerChanges {
  readonly added: readonly OwnedObject[]
  readonly removed: readonly OwnedObject[]
  readonly moved: readonly { readonly object: string; readonly from: string; readonly to: string }[]
}

export interface OwnedObject {
  readonly object: string
  readonly tenant: string
}

/** `Org VDC acme-prod`; null for an owner that is no object: a literal label or a key. */
export function objectName({ gateway, data_center_group, org_vdc }: OwnerPlan): string | null {
  if (gateway !== null) return `gateway ${gateway.name ?? gateway.id}`
  if (data_center_group !== null) return `Data Center Group ${data_center_group.name ?? data_center_group.id}`
  return org_vdc === null ? null : `Org VDC ${org_vdc.name ?? org_vdc.id}`
}

/** What an owner is, whatever it is called: survives a renaming and another order. */
export function objectId({ gateway, data_center_group, org_vdc }: OwnerPlan): string | null {
  return (gateway ?? data_center_group ?? org_vdc)?.id ?? null
}

export function ownerChanges(before: RulesPlan, after: RulesPlan): OwnerChanges {
  const was = objectsOf(before)
  const is = objectsOf(after)
  const added: OwnedObject[] = []
  const removed: OwnedObject[] = []
  const moved: { object: string; from: string; to: string }[] = []
  for (const [id, { object, tenant }] of is) {
    const other = was.get(id)
    if (other === undefined) added.push({ object, tenant })
    else if (other.tenant !== tenant) moved.push({ object, from: other.tenant, to: tenant })
  }
  for (const [id, one] of was) if (!is.has(id)) removed.push(one)
  return { added, removed, moved }
}

function objectsOf(plan: RulesPlan): Map<string, OwnedObject> {
  const objects = new Map<string, OwnedObject>()
  const tenantOf = (owner: OwnerPlan | undefined): string => plan.tenants[owner?.tenant ?? -1]?.name ?? ''
  for (const owner of plan.owners.slice(1)) {
    const id = objectId(owner)
    if (id !== null) objects.set(id, { object: objectName(owner) ?? id, tenant: tenantOf(owner) })
  }
  for (const { words, at, length, owner } of labelKeys(plan.labels)) {
    const known = plan.owners[owner]
    if (known?.reason !== 'literal') continue
    const bytes = Uint8Array.from({ length }, (_, i) => (words[at + (i >> 2)] as number) >>> ((i & 3) * 8))
    const object = `label ${JSON.stringify(Buffer.from(bytes).toString())}`
    objects.set(object, { object, tenant: tenantOf(known) })
  }
  return objects
}
