/** How streams are recognised: data from the rules (`streams:`), read by the classifier. */

export interface StreamPlan {
  readonly name: string
  readonly grammar: 'none' | 'dfw' | 'gateway' | 'nsxv_edge'
  /** Any of these; within one, all of its keys. */
  readonly match: readonly StreamMatch[]
  /** Where the label stands: what the grammar leaves, a capture of the grammar, or nowhere. */
  readonly label: 'rest' | 'none' | { readonly capture: string }
  /** Names of label formats, for `explain`; the table's probes carry the work. */
  readonly label_formats: readonly string[]
}

/**
 * One way to recognise a stream; absent keys are not asked. Texts compare exactly unless said. An entry that asks for
 * `body` and `ruleset` only is tried when no entry of any stream that asks for more has matched: text that looks like
 * a firewall line does not take an event away from the program that wrote it.
 */
  /** Keys other than labels that may name the tenant; left out: none. */
  readonly keys?: readonly StreamKey[]
export interface StreamMatch {
  /** APP-NAME / TAG without `[pid]`, any of. */
/** A key that names a tenant without a label, and where it stands in the events of a stream. */
export interface StreamKey {
  readonly key: KeyKindName
  /** `project`, `organization`: any of these parameters of the element. The others are fields of the grammar. */
  readonly structured_data?: { readonly id: string; readonly params: readonly string[] }
}

/** `project`: NSX project or VPC; `interface`: of a gateway line; `organization`: of Cloud Foundry. */
export type KeyKindName = 'project' | 'interface' | 'rule_id' | 'organization'

  readonly program?: readonly string[]
  readonly msg_id?: readonly string[]
  /** A parameter of the structured data (any SD-ID named here) has this value. */
  readonly structured_data?: {
    readonly id: string
    readonly params: Readonly<Record<string, readonly string[]>>
  }
  /** The message begins with any of these, after blanks. */
  readonly message?: readonly string[]
  /** The message is wholly read by this grammar (anchored at its start). */
  readonly body?: 'dfw' | 'gateway' | 'nsxv_edge'
  /**
   * The rule set before a firewall line's rule id (`domain-c7/1002`) begins with any of these; without one it does not
   * match. Read by `body`, or by the stream's grammar where `body` is left out.
   */
  readonly ruleset?: readonly string[]
}
