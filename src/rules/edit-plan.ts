/**
 * What a forwarder changes in its events before they enter a batch: plain data, made by the reader, compiled by
 * `editor.ts`. No encoder and no disk ever sees what was there before.
 */
import type { SdField } from './plan.ts'

export interface EditPlan {
  /** Hashes are equal within one scope and never across: the tenant's name, or `provider`. */
  readonly scope: string
  /** Names of hosts in header, structured data and message, and the sender's address, become hashes. */
  readonly hide_hosts: boolean
  readonly redact: readonly RedactPlan[]
  readonly set: readonly SetPlan[]
}

/** Where bytes of an event can be replaced. `body`: the message and the values of structured data. */
export type RedactField =
  | 'hostname'
  | 'app_name'
  | 'proc_id'
  | 'msg_id'
  | 'message'
  | 'label'
  | 'peer'
  | 'body'
  | 'firewall.rule_id'
  | 'firewall.source_ip'
  | 'firewall.destination_ip'
  | 'firewall.source_port'
  | 'firewall.destination_port'
  | SdField

export interface RedactPlan {
  readonly fields: readonly RedactField[]
  /** RE2 syntax: only what it matches within the fields; null: all of them. */
  readonly pattern: string | null
  readonly how: Replacement
}

export type Replacement =
  /** Null: what the kind of field has for nothing: `redacted`, `0.0.0.0`, `0`. */
  | { readonly kind: 'with'; readonly text: string | null }
  | { readonly kind: 'hash' }
  /** Characters kept at either end; the others become `*`. */
  | { readonly kind: 'keep'; readonly first: number; readonly last: number }
  /** Bits of an address that are kept; the others become 0. */
  | { readonly kind: 'network'; readonly ipv4: number; readonly ipv6: number }

export interface SetPlan {
  readonly field: 'facility' | 'severity' | 'hostname' | 'app_name' | 'proc_id' | 'msg_id'
  /** Of facility and severity the number. */
  readonly text: string
}
