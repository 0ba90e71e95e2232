/** What is known of each source: summed over workers, in the form of `status --json`. */
import { type Counters, FORMS_MAX, REFUSE_REASONS, SourceCell, STREAMS_MAX } from '../base/counters.ts'
import { HEADER_FORM_NAMES } from '../classify/view.ts'
import type { SourceSettings } from '../config/types.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { cell, readReasons, sumBlocks } from './ledger.ts'

/** docs/operations.md, `sources` of `status --json`. */
export interface SourceLedger {
  /** Null: peers of no source. */
  readonly source: string | null
  readonly site: string | null
  readonly received: number
  /** RFC 3339 in UTC, up to a second before the last event; null: none yet. */
  readonly last_seen: string | null
  /** Events by stream; streams without events are left out, here and below. */
  readonly streams: Readonly<Record<string, number>>
  /** Events of streams that the source does not list: orphans (`untrusted_source`). */
  readonly unlisted: Readonly<Record<string, number>>
  readonly headers: Readonly<Record<string, number>>
  readonly refused: Readonly<Record<string, number>>
  readonly invalid: number
  readonly truncated: number
  readonly cut_by_sender: number
  /** How far senders' clocks are ahead of ours, lately, and the peer that is farthest off; null: not known. */
  readonly clock_skew: { readonly least: number; readonly most: number; readonly peer: string | null } | null
}

/** All sources of the configuration, and the peers of none where there were any. `worst_clocks`: peers by source. */
export function readSources(
  workers: readonly Counters[],
  sources: readonly SourceSettings[],
  streams: RulesPlan['streams'],
  worst_clocks: Readonly<Record<string, string>>,
): SourceLedger[] {
  const names = streams.map(({ name }) => name)
  const nobody = readSource(workers, undefined, names, worst_clocks)
  const listed = sources.map((source) => readSource(workers, source, names, worst_clocks))
  const counts = nobody.received > 0 || Object.keys(nobody.refused).length > 0
  return sources.length === 0 || counts ? [...listed, nobody] : listed
}

function readSource(
  workers: readonly Counters[],
  settings: SourceSettings | undefined,
  streams: readonly string[],
  worst_clocks: Readonly<Record<string, string>>,
): SourceLedger {
  const name = settings?.name ?? ''
  const cells = sumBlocks(workers, 'source', name, SourceCell.size)
  const received = (form: number, stream: number): number =>
    cell(cells, SourceCell.received + form * STREAMS_MAX + stream)
  const by_stream = tally(streams, (stream) => sum(FORMS_MAX, (form) => received(form, stream)))
  const by_form = tally(HEADER_FORM_NAMES, (form) => sum(STREAMS_MAX, (stream) => received(form, stream)))
  const last = latest(workers, name)
  const allowed = settings?.streams
  return {
    source: settings?.name ?? null,
    site: settings?.site ?? null,
    received: Object.values(by_form).reduce((total, events) => total + events, 0),
    last_seen: last === 0 ? null : new Date(last).toISOString(),
    streams: by_stream,
    unlisted: Object.fromEntries(
      Object.entries(by_stream).filter(([stream]) => allowed?.includes(stream) === false),
    ),
    headers: by_form,
    refused: readReasons(cells, SourceCell.refused, REFUSE_REASONS),
    invalid: cell(cells, SourceCell.invalid),
    truncated: cell(cells, SourceCell.truncated),
    cut_by_sender: cell(cells, SourceCell.cut_by_sender),
    clock_skew: skewOf(workers, name, worst_clocks[name] ?? null),
  }
}

function tally(names: readonly string[], count: (place: number) => number): Record<string, number> {
  const counts = names.map((name, place) => [name, count(place)] as const)
  return Object.fromEntries(counts.filter(([, events]) => events > 0))
}

function sum(places: number, count: (place: number) => number): number {
  let total = 0
  for (let place = 0; place < places; place++) total += count(place)
  return total
}

/** Blocks of workers that have seen events of the source at all: gauges are no sums. */
function blocks(workers: readonly Counters[], name: string, at: number): Float64Array[] {
  return workers.flatMap((counters) => {
    const block = counters.published('source', name)
    return block !== undefined && cell(block, at) > 0 ? [block] : []
  })
}

function latest(workers: readonly Counters[], name: string): number {
  const at = SourceCell.last_seen_at
  return Math.max(0, ...blocks(workers, name, at).map((block) => cell(block, at)))
}

function skewOf(workers: readonly Counters[], name: string, peer: string | null): SourceLedger['clock_skew'] {
  const seen = blocks(workers, name, SourceCell.skew_at)
  if (seen.length === 0) return null
  const least = Math.min(...seen.map((block) => cell(block, SourceCell.skew_least)))
  const most = Math.max(...seen.map((block) => cell(block, SourceCell.skew_most)))
  return { least: least / 1000, most: most / 1000, peer }
}
