/**
 * The compiled rule set as plain data: made by main, cloned to every worker, saved as the last good
 * rules. Everything is referred to by index, so that the hot path compares numbers. The label table is in
 * shared memory. No functions here: workers make them from the conditions (`conditions.ts`).
 */
import type { InnerName } from '../classify/inner.ts'
import type { KeyKindName, StreamKey, StreamPlan } from '../classify/streams.ts'
import type { EditPlan } from './edit-plan.ts'
import type { ForwarderSettings } from './forwarder-settings.ts'

/** A rule set that a worker can prepare and take over. */
export interface RulesPlan {
  /** Counts from 1; every accepted reload adds one. */
  readonly generation: number
  /** Index 0 is `other`. */
  readonly streams: readonly StreamPlan[]
  readonly tenants: readonly TenantPlan[]
  /** What a label can name. Index 0 is a placeholder that means "nobody". */
  readonly owners: readonly OwnerPlan[]
  readonly labels: LabelTablePlan
  /** Null when no tenant has keys other than labels. */
  readonly keys: KeysPlan | null
  readonly forwarders: readonly ForwarderPlan[]
  /** Equal conditions are one entry. */
  readonly conditions: readonly Condition[]
  /** Inner conditions, the objects themselves, that are the same as a condition of the list: by its index. */
  readonly shared: ReadonlyMap<Condition, number>
  /** Of those, the ones with a name, for their counts. */
  readonly named: readonly { readonly name: string; readonly condition: number }[]
  /** Equal ones of one tenant are one entry. */
  readonly edits: readonly EditPlan[]
  /** Copies for tenants that an owner's events are shared with; left out: none. */
  readonly copies?: readonly CopyPlan[]
}

/** Each event of `owner` goes to the tenant of the owner `as` too, as if it were its own. Indices into owners. */
export interface CopyPlan {
  readonly owner: number
  readonly as: number
}

export interface TenantPlan {
  readonly name: string
  readonly org: { readonly id: string; readonly name: string | null } | null
  /** Events a second; null: no limit. Already divided by the number of workers. */
  readonly rate_max: number | null
  /** Indices into {@link RulesPlan.forwarders}. */
  readonly forwarders: readonly number[]
}

/** An Org VDC, Data Center Group, gateway or literal label, with the tenant it belongs to. */
export interface OwnerPlan {
  /** Index into {@link RulesPlan.tenants}; -1 for the placeholder. */
  readonly tenant: number
  readonly org_vdc: NamedId | null
  readonly data_center_group: NamedId | null
  readonly gateway: NamedId | null
  /** The label format that found it, `literal`, or the kind of key: `owner.by`. */
  readonly by: string
  /** How it was found: `label` (composed), `literal`, or the kind of key. */
  readonly reason: 'label' | 'literal' | KeyKindName
}

/**
 * Keys other than labels: projects, interfaces, organizations, rule ids. The table is a label table whose "streams" are
 * name spaces: those of {@link KEY_SPACES}, then one a scope of rule ids.
 */
export interface KeysPlan {
  readonly table: LabelTablePlan
  /** Where a rule id counts; its name space is its place behind {@link KEY_SPACES}. */
  readonly scopes: readonly RuleScope[]
  /** Per stream index: what to look for; undefined where nothing can be found. */
  readonly streams: readonly (readonly StreamKey[] | undefined)[]
}

/** Name spaces of keys, by number. */
export const KEY_SPACES = ['project', 'interface', 'organization'] as const

/** All sources of a site, or one source. */
export type RuleScope = { readonly site: string } | { readonly source: string }

export interface NamedId {
  readonly id: string
  readonly name: string | null
}

/**
 * The label table: every label variant of every tenant, in flat shared memory; see `label-table.ts`,
 * which alone reads and writes it. `probes` lists, per stream, how to cut the label before looking it up.
 */
export interface LabelTablePlan {
  readonly slots: SharedArrayBuffer
  readonly keys: SharedArrayBuffer
  readonly mask: number
  /** Per stream index: the look-ups to make, in order; the first hit wins. */
  readonly probes: readonly (readonly LabelProbe[])[]
}

export interface LabelProbe {
  /** Keys of different kinds never meet in the table. */
  readonly kind: number
  readonly part: 'whole' | 'prefix' | 'suffix'
  /** Bytes of a prefix or suffix; 0 for `whole`. */
  readonly length: number
  /** Labels of more bytes are not looked up: no key (or no name beside the lone part) can be that long. */
  readonly max: number
  /** Bytes must be equal; else ASCII letters match in either case. */
  readonly exact: boolean
  /** Name of the label format, or `literal`. */
  readonly by: string
}

export interface ForwarderPlan {
  /** Index into tenants; -1: the provider's. */
  readonly tenant: number
  /** `tenant/name`, `provider/name` for the provider's. Unique; names the queue and spool. */
  readonly key: string
  readonly name: string
  /** Provider forwarders: which events they see. Tenants' see their own tenant's (`owned`). */
  readonly scope: 'all' | 'owned' | 'orphans'
  /** Index into conditions; -1: takes everything in scope. */
  readonly condition: number
  /** Index into edits; -1: events pass as they are. */
  readonly edit: number
  /** Part of the events that is forwarded, above 0 and below 1; null: all. */
  readonly sample: number | null
  /** Events a second; null: no limit. Already divided by the number of workers. */
  readonly rate_max: number | null
  readonly settings: ForwarderSettings
}

/** `structured_data.ID NAME`: no name of structured data holds a blank, and both may hold dots. */
export type SdField = `structured_data.${string} ${string}`

/** A field that a condition can read, docs/rules.md's dotted name with the firewall aliases resolved. */
export type ConditionField =
  | SdField
  | InnerName
  | 'version'
  | 'timestamp'
  | 'received_at'
  | 'owner.by'
  | 'stream'
  | 'severity'
  | 'facility'
  | 'hostname'
  | 'app_name'
  | 'proc_id'
  | 'msg_id'
  | 'message'
  | 'label'
  | 'peer'
  | 'listener'
  | 'source'
  | 'site'
  | 'header'
  | 'valid'
  | 'truncated'
  | 'tenant'
  | 'firewall.event'
  | 'firewall.action'
  | 'firewall.direction'
  | 'firewall.protocol'
  | 'firewall.rule_id'
  | 'firewall.source_ip'
  | 'firewall.destination_ip'
  | 'firewall.address'
  | 'firewall.source_port'
  | 'firewall.destination_port'
  | 'firewall.port'
  | 'firewall.tcp_flags'
  | 'firewall.ip_version'
  | 'firewall.length'
  | 'firewall.close'
  | 'firewall.icmp_type'
  | 'firewall.icmp_code'
  | 'firewall.packets_in'
  | 'firewall.packets_out'
  | 'firewall.bytes_in'
  | 'firewall.bytes_out'
  | 'firewall.ruleset'
  | 'firewall.interface'
  | 'firewall.application'
  | 'firewall.repeated'
  | 'owner.org.id'
  | 'owner.org.name'
  | 'owner.org_vdc.id'
  | 'owner.org_vdc.name'
  | 'owner.data_center_group.id'
  | 'owner.data_center_group.name'
  | 'owner.gateway.id'
  | 'owner.gateway.name'

/** A compiled `where`: plain data, canonical (sorted), so that equal conditions have equal JSON. */
export type Condition =
  | { readonly op: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly op: 'not'; readonly of: Condition }
  /** A named condition, kept whole so that it is counted, shared and told by its name. */
  | { readonly op: 'use'; readonly name: string; readonly of: Condition }
  /** Any of the values; numbers and strings that look alike are equal. Strings compare exactly. */
  | { readonly op: 'equals'; readonly field: ConditionField; readonly values: readonly string[] }
  | {
      readonly op: 'contains' | 'starts_with' | 'ends_with'
      readonly field: ConditionField
      readonly values: readonly string[]
    }
  /** Any of the patterns (RE2 syntax) matches somewhere in the field. */
  | { readonly op: 'matches'; readonly field: ConditionField; readonly values: readonly string[] }
  /** Inclusive number ranges, any of. For severity 0 is emergency. */
  | {
      readonly op: 'between'
      readonly field: ConditionField
      readonly ranges: readonly (readonly [number, number])[]
    }
  /** Address in any of the CIDR networks (a bare address is /32 or /128). */
  | { readonly op: 'network'; readonly field: ConditionField; readonly networks: readonly string[] }
  | { readonly op: 'exists'; readonly field: ConditionField; readonly present: boolean }
