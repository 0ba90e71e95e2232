/**
 * Whose event it is: the one place that decides (router, `explain` and `parse` ask here).
 *
 * Fails closed. A label counts only by position in a stream that carries labels, in a frame with a complete header,
 * from a source that may send that stream, and only when its end is known to be its end: an event cut on the way
 * loses its tail, and what is left of a label may be another tenant's whole one.
 */
import { labelIsRead } from '../classify/quick/quick-scan.ts'
import { EventFlag, type EventView, Fw } from '../classify/view.ts'
import { LABEL_AMBIGUOUS, LabelTable } from './label-table.ts'
import type { RulesPlan } from './plan.ts'
import { type ScopedSource, TenantKeys } from './tenant-keys.ts'

/** Why nobody owns an event, as {@link Ownership.decide} returns it. */
export const Orphan = { no_label: -1, unknown_label: -2, ambiguous_label: -3, untrusted_source: -4 } as const
export type OrphanReason = keyof typeof Orphan

/** Names of {@link Orphan}, by `-code - 1`. */
export const ORPHAN_REASONS = ['no_label', 'unknown_label', 'ambiguous_label', 'untrusted_source'] as const

/** The reason of a negative answer of {@link Ownership.decide}. */
export function orphanReason(code: number): OrphanReason {
  return ORPHAN_REASONS[-code - 1] ?? 'no_label'
}

/**
 * Which streams each source may send: by source number (place plus 1), a byte per stream. Number 0 is a peer of no
 * source: trusted with everything when no sources are configured, else with nothing.
 */
export function sourceStreams(
  plan: Pick<RulesPlan, 'streams'>,
  sources: readonly { readonly streams: readonly string[] | null }[],
): Uint8Array[] {
  const none = new Uint8Array(plan.streams.length).fill(sources.length === 0 ? 1 : 0)
  const each = sources.map(({ streams }) =>
    Uint8Array.from(plan.streams, (stream) => (streams === null || streams.includes(stream.name) ? 1 : 0)),
  )
  return [none, ...each]
}

const CUT = EventFlag.truncated | EventFlag.cut_by_sender
const BLANK = 0x20

/** The ownership of a rule set under the sources of a configuration. */
export function ownershipOf(
  plan: RulesPlan,
  sources: readonly (ScopedSource & { readonly streams: readonly string[] | null })[],
): Ownership {
  const keys = plan.keys === null ? null : new TenantKeys(plan.keys, plan.owners, sources)
  return new Ownership(plan, new LabelTable(plan.labels), sourceStreams(plan, sources), keys)
}

export class Ownership {
  readonly #table: LabelTable
  /** Null when no tenant has keys other than labels. */
  readonly #keys: TenantKeys | null
  readonly #allowed: readonly Uint8Array[]
  /** Per stream: whether it carries labels. */
  readonly #labelled: Uint8Array
  /** The event decided last has a label that nobody owns, and a key that somebody does. */
  unknown_beside_key = false

  /** `sources` as made by {@link sourceStreams}. */
  constructor(
    plan: Pick<RulesPlan, 'streams'>,
    table: LabelTable,
    sources: readonly Uint8Array[],
    keys: TenantKeys | null = null,
  ) {
    this.#table = table
    this.#keys = keys
    this.#allowed = sources
    this.#labelled = Uint8Array.from(plan.streams, ({ label }) => (label === 'none' ? 0 : 1))
  }

  /** Index of the owner, above 0; else an {@link Orphan} code. */
  decide(view: EventView): number {
    return this.decideTrusted(view, this.trusts(view))
  }

  /** Whether the view's source may send its stream. */
  trusts(view: EventView): boolean {
    return this.#allowed[view.source]?.[view.stream] === 1
  }

  /** {@link Ownership.decide} with the question of the source answered by the caller. */
  decideTrusted(view: EventView, trusted: boolean): number {
    this.unknown_beside_key = false
    if (!trusted) return Orphan.untrusted_source
    const by_label = this.#byLabel(view)
    return this.#keys === null ? by_label : this.#withKeys(view, by_label, this.#keys)
  }

  /**
   * The label's word goes first; keys speak where it says nothing, and a key of another tenant makes the event nobody's.
   * Keys stand before the tail of an event, so one that was cut has them whole.
   */
  #withKeys(view: EventView, by_label: number, keys: TenantKeys): number {
    const by_key = keys.find(view)
    this.unknown_beside_key = by_key > 0 && by_label === Orphan.unknown_label
    if (by_key === 0 || by_label === Orphan.ambiguous_label) return by_label
    if ((view.flags & EventFlag.complete_header) === 0) return Orphan.untrusted_source
    if (by_key === LABEL_AMBIGUOUS) return Orphan.ambiguous_label
    if (by_label <= 0) return by_key
    return keys.sameTenant(by_label, by_key) ? by_label : Orphan.ambiguous_label
  }

  #byLabel(view: EventView): number {
    if (this.#labelled[view.stream] !== 1) return Orphan.no_label
    if (view.label_start < 0 || view.label_end <= view.label_start) return Orphan.no_label
    if ((view.flags & EventFlag.complete_header) === 0) return Orphan.untrusted_source
    if ((view.flags & CUT) !== 0 && isTail(view)) return Orphan.unknown_label
    const owner = this.#table.find(view.stream, view.buf, view.label_start, view.label_end, labelIsRead(view))
    if (owner > 0) return owner
    return owner === LABEL_AMBIGUOUS ? Orphan.ambiguous_label : Orphan.unknown_label
  }
}

/**
 * Whether nothing but blanks follows the label in its frame, or the bracket of `message repeated n times: [ … ]`: a label
 * may hold one itself, so of a cut event nobody knows which of its brackets that is.
 */
function isTail(view: EventView): boolean {
  if (view.fw[Fw.repeated]! >= 0) return true
  for (let at = view.label_end; at < view.end; at++) if (view.buf[at] !== BLANK) return false
  return true
}
