/** What a captured file holds, counted line by line in bounded memory: `logweir parse --stats`. */
import { timestampMs, utcText } from '../../classify/timestamp.ts'
import { EventFlag, type EventView, HEADER_FORM_NAMES } from '../../classify/view.ts'
import { type NearestLabel, nearestLabels } from '../../rules/nearest-label.ts'
import { orphanReason, type OrphanReason } from '../../rules/ownership.ts'
import type { RulesPlan } from '../../rules/plan.ts'
import { Tally } from './tally.ts'

/** Different labels counted for each stream, and programs of `other`. */
const TALLY_MAX = 512
/** Of them told. */
const TOLD_MAX = 10
/** Longer texts are counted by their beginning. */
const TEXT_MAX = 128

export type HeaderCounts = Readonly<Record<(typeof HEADER_FORM_NAMES)[number], number>>

export interface LabelStats {
  readonly label: string
  readonly lines: number
  /** Only with a configuration; null where no known label is like it. */
  readonly nearest?: NearestLabel | null
}

export interface StreamStats {
  readonly stream: string
  readonly lines: number
  readonly bytes: number
  readonly headers: HeaderCounts
  readonly invalid: number
  /** Longer than a line may be, or cut by the sender (`msgModified`). */
  readonly cut: number
  /** Lines with a label. */
  readonly labelled: number
  /** With a configuration: lines that a tenant owns, and why nobody owns the others. */
  readonly owned?: number
  readonly orphaned?: Readonly<Partial<Record<OrphanReason, number>>>
  /** The most frequent labels; with a configuration only those that nobody owns. */
  readonly labels: readonly LabelStats[]
  /** Labels were left out. */
  readonly more_labels: boolean
}

/** `parse --stats --json`. */
export interface CaptureReport {
  readonly schema: 'logweir.capture/1'
  readonly lines: number
  readonly bytes: number
  /** Time of the earliest and of the latest event that has one. */
  readonly from: string | null
  readonly to: string | null
  /** Most lines first; streams without lines are left out. */
  readonly streams: readonly StreamStats[]
  /** Programs of lines that no stream recognises. */
  readonly other_programs: readonly { readonly program: string; readonly lines: number }[]
  /** With a configuration: lines of each tenant, most first. */
  readonly tenants?: readonly { readonly tenant: string; readonly lines: number }[]
}

interface Counts {
  lines: number
  bytes: number
  readonly forms: Float64Array
  invalid: number
  cut: number
  labelled: number
  owned: number
  /** By `-code - 1`. */
  readonly orphaned: Float64Array
  readonly labels: Tally
}

const CUT = EventFlag.truncated | EventFlag.cut_by_sender
const UNKNOWN: OrphanReason = 'unknown_label'
const REASONS_MAX = 8

export class CaptureStats {
  readonly #streams: (Counts | undefined)[] = []
  readonly #tenants: Float64Array
  readonly #owners: Int32Array
  readonly #programs = new Tally(TALLY_MAX)
  #from = Number.POSITIVE_INFINITY
  #to = Number.NEGATIVE_INFINITY

  readonly #zone: string

  /** `plan` with a configuration only: then {@link add} must be told the owner. `zone`: IANA zone of the senders' clocks. */
  constructor(plan?: Pick<RulesPlan, 'owners' | 'tenants'>, zone = 'UTC') {
    this.#zone = zone
    this.#owners = Int32Array.from(plan?.owners ?? [], ({ tenant }) => tenant)
    this.#tenants = new Float64Array(plan?.tenants.length ?? 0)
  }

  /** Counts a classified event. `owner`: as `Ownership` decides; 0 when there is no configuration. */
  add(view: EventView, owner: number): void {
    const counts = (this.#streams[view.stream] ??= empty())
    counts.lines += 1
    counts.bytes += view.end - view.start
    counts.forms[view.form]! += 1
    if ((view.flags & EventFlag.invalid) !== 0) counts.invalid += 1
    if ((view.flags & CUT) !== 0) counts.cut += 1
    if (view.label_start >= 0 && view.label_end > view.label_start) counts.labelled += 1
    this.#addTime(view)
    if (view.stream === 0) this.#programs.add(programOf(view))
    if (owner > 0) {
      counts.owned += 1
      this.#tenants[this.#owners[owner]!]! += 1
    } else if (owner < 0) {
      counts.orphaned[-owner - 1]! += 1
      if (orphanReason(owner) === UNKNOWN) counts.labels.add(labelOf(view))
    } else if (view.label_start >= 0 && view.label_end > view.label_start) {
      counts.labels.add(labelOf(view))
    }
  }

  #addTime(view: EventView): void {
    if (view.time_start < 0) return
    const time = timestampMs(view, this.#zone)
    if (time < this.#from) this.#from = time
    if (time > this.#to) this.#to = time
  }

  /** What was counted. With a configuration `plan` is that of the whole rule set, for the nearest labels. */
  report(streams: RulesPlan['streams'], plan: RulesPlan | undefined): CaptureReport {
    const all = this.#streams.flatMap((counts, stream) =>
      counts === undefined ? [] : [streamStats(counts, stream, streams[stream]?.name ?? 'other', plan)],
    )
    const programs = this.#programs.top(TOLD_MAX)
    const tenants = plan?.tenants.map(({ name }, n) => ({ tenant: name, lines: this.#tenants[n] ?? 0 }))
    return {
      schema: 'logweir.capture/1',
      lines: sum(all, ({ lines }) => lines),
      bytes: sum(all, ({ bytes }) => bytes),
      from: Number.isFinite(this.#from) ? utcText(this.#from) : null,
      to: Number.isFinite(this.#to) ? utcText(this.#to) : null,
      streams: all.toSorted((a, b) => b.lines - a.lines),
      other_programs: programs.map(({ text, count }) => ({ program: text, lines: count })),
      ...(tenants === undefined
        ? {}
        : { tenants: tenants.filter(({ lines }) => lines > 0).toSorted((a, b) => b.lines - a.lines) }),
    }
  }
}

function empty(): Counts {
  return {
    lines: 0,
    bytes: 0,
    forms: new Float64Array(HEADER_FORM_NAMES.length),
    invalid: 0,
    cut: 0,
    labelled: 0,
    owned: 0,
    orphaned: new Float64Array(REASONS_MAX),
    labels: new Tally(TALLY_MAX),
  }
}

function streamStats(counts: Counts, stream: number, name: string, plan: RulesPlan | undefined): StreamStats {
  const { lines, bytes, forms, invalid, cut, labelled, owned, orphaned, labels } = counts
  const told = labels.top(TOLD_MAX)
  const near =
    plan === undefined
      ? []
      : nearestLabels(
          plan,
          stream,
          told.map(({ text }) => text),
        )
  const headers = Object.fromEntries(
    HEADER_FORM_NAMES.map((form, n) => [form, forms[n] ?? 0]),
  ) as HeaderCounts
  const reasons = Array.from(orphaned, (count, n) => [orphanReason(-n - 1), count] as const)
  return {
    stream: name,
    lines,
    bytes,
    headers,
    invalid,
    cut,
    labelled,
    ...(plan === undefined
      ? {}
      : { owned, orphaned: Object.fromEntries(reasons.filter(([, count]) => count > 0)) }),
    labels: told.map(({ text, count }, n) => ({
      label: text,
      lines: count,
      ...(plan === undefined ? {} : { nearest: near[n] ?? null }),
    })),
    more_labels: !labels.exact || labels.size > told.length,
  }
}

function labelOf({ buf, label_start, label_end }: EventView): string {
  return buf.toString('utf8', label_start, Math.min(label_end, label_start + TEXT_MAX))
}

function programOf({ buf, app_start, app_end }: EventView): string {
  return app_start < 0 ? '' : buf.toString('utf8', app_start, Math.min(app_end, app_start + TEXT_MAX))
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
