/** What one reading of Cloud Director gave, and what is kept of all of them. Ids are bare lower-case hyphenated UUIDs. */

export interface ScannedOrg {
  readonly id: string
  readonly name: string
}

export interface ScannedVdc extends ScannedOrg {
  readonly org: string
}

export interface ScannedGroup extends ScannedOrg {
  /** The organisation that owns it. */
  readonly org: string
  /** Organisations with Org VDCs in it, the owner too. */
  readonly participants: readonly string[]
}

export interface ScannedGateway extends ScannedOrg {
  readonly org: string
  /** Org VDC or group that it is under. */
  readonly owner: string
}

/** A whole reading: all pages of all four collections. */
export interface Scan {
  readonly orgs: readonly ScannedOrg[]
  readonly vdcs: readonly ScannedVdc[]
  readonly groups: readonly ScannedGroup[]
  readonly gateways: readonly ScannedGateway[]
}

export interface KeptObject {
  readonly id: string
  readonly name: string
  /** Its labels contradict another object's. */
  readonly contested: boolean
  /** When it was missed first, RFC 3339; null while Cloud Director lists it. */
  readonly gone_since: string | null
}

export interface KeptGroup extends KeptObject {
  /** Other organisations that take part. */
  readonly participants: readonly string[]
}

export interface KeptGateway extends KeptObject {
  readonly owner: string
  readonly former: readonly { readonly owner: string; readonly since: string }[]
}

/** A tenant of the inventory: one file. */
export interface KeptTenant {
  /** Logweir's name: chosen once for an organisation, and its own for ever. */
  readonly name: string
  readonly org: ScannedOrg
  readonly gone: { readonly since: string; readonly stopped: boolean } | null
  readonly org_vdcs: readonly KeptObject[]
  readonly data_center_groups: readonly KeptGroup[]
  readonly gateways: readonly KeptGateway[]
}

/** A list of a tenant, with what people call its objects. */
export const KINDS = [
  ['org_vdcs', 'Org VDC'],
  ['data_center_groups', 'Data Center Group'],
  ['gateways', 'gateway'],
] as const
export type KindKey = (typeof KINDS)[number][0]
