/** The report of `logweir parse --stats` for people. */
import { HEADER_FORM_NAMES } from '../../classify/view.ts'
import { paint } from '../output.ts'
import { cell, table } from '../text-table.ts'
import { cutBySenderLine, unknownLabelLines } from '../unknown-labels.ts'
import type { CaptureReport, StreamStats } from './capture-stats.ts'

const LABEL_WIDTH = 60

/** Lines for a terminal. `name`: what was read. */
export function captureLines(name: string, report: CaptureReport): string[] {
  const { lines, bytes, from, to, streams, tenants } = report
  const when = from === null || to === null ? '' : `, ${from} to ${to}`
  const owned = tenants !== undefined
  return [
    `${name}: ${lines} lines, ${sizeText(bytes)}${when}`,
    '',
    ...table(head(owned), [...streams.map((one) => row(one, lines)), totals(streams, lines, owned)]),
    ...hints(report),
    ...tenantLines(report),
  ]
}

function head(owned: boolean): string[] {
  return [
    'stream',
    'lines',
    'share',
    ...HEADER_FORM_NAMES,
    'invalid',
    'cut',
    'labels',
    ...(owned ? ['owned', 'unknown'] : []),
  ]
}

function row(one: StreamStats, all: number): string[] {
  const { stream, lines, headers, invalid, cut, labelled, owned, orphaned } = one
  const numbers = [...HEADER_FORM_NAMES.map((form) => headers[form]), invalid, cut, labelled]
  const whose = owned === undefined ? [] : [owned, orphaned?.unknown_label ?? 0]
  return [stream, String(lines), share(lines, all), ...[...numbers, ...whose].map(String)]
}

function totals(streams: readonly StreamStats[], all: number, owned: boolean): string[] {
  const sum = (of: (one: StreamStats) => number): string =>
    String(streams.reduce((total, one) => total + of(one), 0))
  return [
    'total',
    String(all),
    share(all, all),
    ...HEADER_FORM_NAMES.map((form) => sum(({ headers }) => headers[form])),
    sum(({ invalid }) => invalid),
    sum(({ cut }) => cut),
    sum(({ labelled }) => labelled),
    ...(owned ? [sum((one) => one.owned ?? 0), sum((one) => one.orphaned?.unknown_label ?? 0)] : []),
  ]
}

function share(part: number, all: number): string {
  return all === 0 ? '-' : `${((100 * part) / all).toFixed(1)} %`
}

function hints({ streams, other_programs, tenants }: CaptureReport): string[] {
  const lines = streams.flatMap((one) => (tenants === undefined ? seenLabels(one) : unknownLabels(one)))
  const cut = streams.reduce((total, one) => total + one.cut, 0)
  if (cut > 0) lines.push(cutBySenderLine(cut))
  if (other_programs.length > 0) {
    const programs = other_programs.map(
      ({ program, lines: count }) => `${cell(program, 40) || '(none)'} ${count}`,
    )
    lines.push(`other: lines that no stream recognises, by program: ${programs.join(', ')}`)
  }
  return lines.length === 0 ? [] : ['', ...lines.map((line) => paint('yellow', line))]
}

function unknownLabels({ stream, orphaned, labels }: StreamStats): string[] {
  const events = orphaned?.unknown_label ?? 0
  if (events === 0) return []
  const last = labels.map(({ label, lines, nearest = null }) => ({
    label,
    events: lines,
    cut: false,
    nearest,
  }))
  return unknownLabelLines({ [stream]: { events, last } }, 'line', 'most of them')
}

/** Without a configuration nobody knows whose a label is: what there is shows whether any was found. */
function seenLabels({ stream, labels, more_labels }: StreamStats): string[] {
  if (labels.length === 0) return []
  const shown = labels.map(({ label, lines }) => `"${cell(label, LABEL_WIDTH)}" ${lines}`)
  return [`${stream}: labels: ${shown.join(', ')}${more_labels ? ' and more' : ''}`]
}

function tenantLines({ tenants }: CaptureReport): string[] {
  if (tenants === undefined || tenants.length === 0) return []
  const shown = tenants.slice(0, 20).map(({ tenant, lines }) => `${tenant} ${lines}`)
  const more = tenants.length > shown.length ? ` and ${tenants.length - shown.length} more` : ''
  return ['', `lines of tenants: ${shown.join(', ')}${more}`]
}

function sizeText(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`
  if (bytes < 10_000_000) return `${(bytes / 1e3).toFixed(0)} kB`
  return bytes < 10_000_000_000 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
