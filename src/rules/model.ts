/**
 * The rule set as read: all files merged, every value checked by itself and normalised, each with its
 * place, but nothing checked across entries yet. `read.ts` makes it, `compile.ts` turns it into a
 * {@link RulesPlan} or says why not.
 */
import type { StreamPlan } from '../classify/streams.ts'
import type { Place } from '../config/findings.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { EditPlan } from './edit-plan.ts'
import type { ForwarderSettings } from './forwarder-settings.ts'
import type { Condition, RuleScope } from './plan.ts'

export interface RulesModel {
  readonly tenants: readonly TenantModel[]
  readonly provider: readonly ForwarderModel[]
  /** Shipped ones replaced by the operator's of the same name; in order. */
  readonly streams: readonly StreamModel[]
  readonly label_formats: readonly LabelFormatModel[]
  readonly conditions: readonly NamedConditionModel[]
  /** Left out: nothing is shared. */
  readonly shared?: readonly SharedModel[]
  /** There when mistakes kept parts from being read: to be checked only, never to be run. */
  readonly unread?: Unread
}

/** What a rule set with mistakes may lack, so that nobody complains of what would be there without them. */
export interface Unread {
  /** Tenants, or parts of them ({@link TenantModel.broken}). */
  readonly tenants: boolean
  /** Names of tenants. */
  readonly names: boolean
  /** Streams and label formats. */
  readonly streams: boolean
}

/** Who gets copies of a Data Center Group's events. */
export interface SharedModel {
  readonly place: Place
  /** Bare id of the group. */
  readonly group: string
  /** Bare ids of organisations. */
  readonly with: readonly { readonly place: Place; readonly id: string }[]
}

export interface NamedConditionModel {
  readonly place: Place
  readonly name: string
  readonly condition: Condition
}

export interface TenantModel {
  readonly place: Place
  readonly name: string
  readonly org: IdName | null
  readonly org_vdcs: readonly IdName[]
  readonly data_center_groups: readonly GroupModel[]
  readonly gateways: readonly GatewayModel[]
  readonly labels: readonly { readonly place: Place; readonly text: string }[]
  /** NSX projects and VPCs, as they stand in structured data. */
  readonly nsx_projects: readonly KeyModel[]
  readonly rule_ids: readonly RuleIdsModel[]
  /** Bare lower-case hyphenated UUIDs. */
  readonly cf_organizations: readonly KeyModel[]
  readonly rate_max: number | null
  readonly forwarders: readonly ForwarderModel[]
  /** The entry as it was put together, as that of a forwarder. */
  readonly source?: { readonly value: unknown; readonly path: Path; readonly report: Report }
  /** What is its own is known from Cloud Director. */
  readonly inventory?: boolean
  /** Parts of it had mistakes and are left out. */
  readonly broken?: boolean
}

/** Ids are bare lower-case hyphenated UUIDs: URNs are taken apart while reading. */
export interface IdName {
  readonly place: Place
  readonly id: string
  readonly name: string | null
  /** Labels of it belong to nobody. */
  readonly contested?: boolean
}

export interface GroupModel extends IdName {
  /** Bare ids of the organisations that take part in it; left out: not known. */
  readonly participants?: readonly string[]
}

export interface GatewayModel extends IdName {
  /** Name or id of an Org VDC or group of the same tenant; null when left out. */
  readonly owner: string | null
  /** Owners before it moved, by id. */
  readonly former?: readonly string[]
  /** Its interfaces on edge nodes: bare lower-case hyphenated UUIDs. */
  readonly interfaces: readonly KeyModel[]
}

export interface KeyModel {
  readonly place: Place
  readonly id: string
}

/** Rule ids are unique in one NSX manager only, so they count for the senders that it manages. */
export interface RuleIdsModel {
  readonly place: Place
  readonly scope: RuleScope
  /** Digits without leading zeros. */
  readonly ids: readonly string[]
}

export interface ForwarderModel {
  readonly place: Place
  readonly name: string
  readonly scope: 'all' | 'owned' | 'orphans'
  /** Null: everything in scope. */
  readonly where: Condition | null
  readonly where_place: Place
  /** The entry as it was put together: `report.origin([...path, …])` says where each value of it stands. */
  readonly source?: { readonly value: unknown; readonly path: Path; readonly report: Report }
  /** Null: events pass as they are. */
  readonly edit: EditPlan | null
  readonly sample: number | null
  readonly rate_max: number | null
  readonly settings: ForwarderSettings
  /** Name that forwarders of several tenants have which send to one destination on purpose. */
  readonly shared_destination?: string
}

export interface StreamModel extends StreamPlan {
  readonly place: Place
  /** Of each entry of `match`; the rules' reader says them. */
  readonly match_places?: readonly Place[]
  /** Fingerprint of the shipped one whose place it takes. */
  readonly replaces?: string
}

export interface LabelFormatModel {
  readonly place: Place
  readonly name: string
  /** Fingerprint of the shipped one whose place it takes. */
  readonly replaces?: string
  /** Whose label it is; a gateway's first part may `of: owner` take the parent's id. */
  readonly of: 'org_vdc' | 'data_center_group' | 'gateway' | 'org'
  readonly parts: readonly LabelPartModel[]
  readonly separators: readonly string[]
  readonly case: 'any' | 'keep'
  /** Characters after which the composed label is cut; null: not cut. */
  readonly cut: number | null
}

export interface LabelPartModel {
  /** `owner_id`: of the gateway's owner (Org VDC or group). */
  readonly take: 'name' | 'id' | 'owner_id' | 'owner_name'
  /** Characters taken from the start, after hyphens were removed if they are; null: all. */
  readonly first: number | null
  /** Characters taken from the end instead; null: not. Never with `first`. */
  readonly last: number | null
  /** Names: what becomes of blanks inside them; a text takes the place of each. */
  readonly blanks: readonly ('keep' | 'remove' | '_' | '-')[]
  /** Names: what becomes of characters that are not ASCII. */
  readonly non_ascii: readonly ('keep' | 'remove' | '?' | '_')[]
  readonly hyphens: readonly ('keep' | 'remove')[]
  /** This part identifies by itself at its place in the label. */
  readonly alone: boolean
}
