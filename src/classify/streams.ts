/** How streams are recognised: data from the rules (`streams:`), read by the classifier. */
import type { Grammar, HEADER_FORM_NAMES } from './view.ts'

/** A parser of messages. The first three read firewall lines; the others the inner fields of their family, lazily. */
export type GrammarName = Exclude<keyof typeof Grammar, 'none'>

/** Grammars of firewall lines, by name. */
export const FIREWALL_GRAMMARS: readonly string[] = ['dfw', 'gateway', 'nsxv_edge']

export interface StreamPlan {
  readonly name: string
  readonly grammar: 'none' | GrammarName
  /** Any of these; within one, all of its keys. */
  readonly match: readonly StreamMatch[]
  /** Where the label stands: what the grammar leaves, a capture of the grammar, or nowhere. */
  readonly label: 'rest' | 'none' | { readonly capture: string }
  /** Names of label formats, for `explain`; the table's probes carry the work. */
  readonly label_formats: readonly string[]
  /** Keys other than labels that may name the tenant; left out: none. */
  readonly keys?: readonly StreamKey[]
  /** Where inner fields of the grammar stand that it does not know by itself, by field; left out: none. */
  readonly captures?: Readonly<Record<string, CapturePlan>>
}

/** The value behind the first of `after` that is there, up to any character of `until` or the end. */
export interface CapturePlan {
  readonly after: readonly string[]
  /** The text of `after` belongs to the value. */
  readonly keep: boolean
  /** ASCII characters. */
  readonly until: string
}

/** A key that names a tenant without a label, and where it stands in the events of a stream. */
export interface StreamKey {
  readonly key: KeyKindName
  /** `project`, `organization`: any of these parameters of the element. The others are fields of the grammar. */
  readonly structured_data?: { readonly id: string; readonly params: readonly string[] }
}

/** `project`: NSX project or VPC; `interface`: of a gateway line; `organization`: of Cloud Foundry. */
export type KeyKindName = 'project' | 'interface' | 'rule_id' | 'organization'

/**
 * One way to recognise a stream; absent keys are not asked. Texts compare exactly unless said. An entry that asks for
 * `body`, `ruleset` and `contains` only is tried when no entry of any stream that asks for more has matched: text that
 * looks like a firewall line does not take an event away from the program that wrote it.
 */
export interface StreamMatch {
  /** APP-NAME / TAG without `[pid]`, any of. */
  readonly program?: readonly string[]
  readonly msg_id?: readonly string[]
  /** PROCID, or what stands in the tag's brackets, begins with any of these. */
  readonly proc_id?: readonly string[]
  /** The form of the header is any of these. */
  readonly header?: readonly (typeof HEADER_FORM_NAMES)[number][]
  /** An element with any of these ids is there, and its parameters have these values. */
  readonly structured_data?: {
    readonly id: readonly string[]
    readonly params: Readonly<Record<string, readonly string[]>>
  }
  /** The message begins with any of these, after blanks. */
  readonly message?: readonly string[]
  /** The first 512 bytes of the message hold any of these. */
  readonly contains?: readonly string[]
  /** The message is wholly read by this firewall grammar, or begins as this family's messages do. */
  readonly body?: GrammarName
  /**
   * The rule set before a firewall line's rule id (`domain-c7/1002`) begins with any of these; without one it does not
   * match. Read by `body`, or by the stream's grammar where `body` is left out.
   */
  readonly ruleset?: readonly string[]
}
