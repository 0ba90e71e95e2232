/** Which objects of a tenant a label format speaks of, and what is known once one is found. */
import type { Place } from '../config/findings.ts'
import type { LabelSubject } from './label-variants.ts'
import type { GatewayModel, IdName, LabelFormatModel, TenantModel } from './model.ts'
import type { NamedId } from './plan.ts'

/** The part of an owner that a label tells. */
export interface Known {
  readonly org_vdc: NamedId | null
  readonly data_center_group: NamedId | null
  readonly gateway: NamedId | null
}

export interface Subject {
  /** What the label is composed from. */
  readonly from: LabelSubject
  /** Known when the label tells the object. */
  readonly known: Known
  /** Known when the label tells the object's owner only. */
  readonly owner: Known
  /** What it is, or what its label tells of the owner, contradicts another object: nobody's. */
  readonly contested: { readonly object: boolean; readonly owner: boolean }
  readonly place: Place
  /** For people: `gateway acme-gw1`. */
  readonly text: string
}

/** An Org VDC or group that can own gateways. */
interface Parent {
  readonly object: IdName
  readonly known: Known
  readonly text: string
}

const SURE = { object: false, owner: false }

export const NOTHING: Known = { org_vdc: null, data_center_group: null, gateway: null }

/** A gateway without `owner` is looked for under each Org VDC and group of its tenant, up to this many. */
const PARENTS_MAX = 16

const named = ({ id, name }: IdName): NamedId => ({ id, name })

export function parentsOf(tenant: TenantModel): Parent[] {
  const vdcs = tenant.org_vdcs.map((object) => ({
    object,
    known: { ...NOTHING, org_vdc: named(object) },
    text: `Org VDC ${object.name ?? object.id}`,
  }))
  const groups = tenant.data_center_groups.map((object) => ({
    object,
    known: { ...NOTHING, data_center_group: named(object) },
    text: `group ${object.name ?? object.id}`,
  }))
  return [...vdcs, ...groups]
}

/** The Org VDCs and groups that a gateway can be under; none when its `owner` names nothing of the tenant. */
export function gatewayParents(tenant: TenantModel, gateway: GatewayModel): Parent[] {
  const parents = parentsOf(tenant)
  if (gateway.owner === null) return parents.length > PARENTS_MAX ? [] : parents
  const owner = gateway.owner.toLowerCase()
  const byId = parents.filter(({ object }) => object.id === owner)
  return byId.length > 0 ? byId : parents.filter(({ object }) => object.name === gateway.owner)
}

/** All objects of the tenant that the format is `of`. */
export function formatSubjects(tenant: TenantModel, format: LabelFormatModel): Subject[] {
  if (format.of === 'gateway') return gatewaySubjects(tenant)
  if (format.of === 'org') return orgSubjects(tenant)
  const kind = format.of
  return parentsOf(tenant)
    .filter(({ known }) => known[kind] !== null)
    .map(({ object, known, text }) => ({
      from: {
        name: object.name,
        id: object.id,
        owner_id: tenant.org?.id ?? null,
        owner_name: tenant.org?.name ?? null,
      },
      known,
      owner: NOTHING,
      contested: { object: object.contested === true, owner: false },
      place: object.place,
      text,
    }))
}

function orgSubjects({ org }: TenantModel): Subject[] {
  if (org === null) return []
  const from = { name: org.name, id: org.id, owner_id: null, owner_name: null }
  const text = `org ${org.name ?? org.id}`
  return [{ from, known: NOTHING, owner: NOTHING, contested: SURE, place: org.place, text }]
}

/**
 * Gateways under each parent they can have, and each parent by itself: where the parent's part identifies alone, it
 * does so for gateways that the rules do not list, too.
 */
function gatewaySubjects(tenant: TenantModel): Subject[] {
  const gateways = tenant.gateways.flatMap((gateway) => {
    const text = `gateway ${gateway.name ?? gateway.id}`
    const former = parentsOf(tenant).filter(({ object }) => gateway.former?.includes(object.id) === true)
    const parents = [...gatewayParents(tenant, gateway), ...former]
    const alone = { object: null, known: NOTHING }
    return (parents.length === 0 ? [alone] : parents).map(({ object, known }) => ({
      from: {
        name: gateway.name,
        id: gateway.id,
        owner_id: object?.id ?? null,
        owner_name: object?.name ?? null,
      },
      known: { ...known, gateway: named(gateway) },
      owner: known,
      contested: {
        object: gateway.contested === true || object?.contested === true,
        owner: object?.contested === true,
      },
      place: gateway.place,
      text,
    }))
  })
  const parents = parentsOf(tenant).map(({ object, known, text }) => ({
    from: { name: null, id: null, owner_id: object.id, owner_name: object.name },
    known,
    owner: known,
    contested: { object: object.contested === true, owner: object.contested === true },
    place: object.place,
    text,
  }))
  return [...parents, ...gateways]
}
