/** A trace for people, and as JSON with the keys of the interface first. */
import { isUtf8 } from 'node:buffer'
import type { Verdict } from '../../rules/explain-verdict.ts'
import { paint } from '../output.ts'
import { cell } from '../text-table.ts'
import { placeText } from './places.ts'
import type { Trace, TracedForwarder } from './tracer.ts'

const LABEL_WIDTH = 80
const SENT_WIDTH = 2000
/** Where the columns of what is told begin. */
const INDENT = ' '.repeat(12)

/** One event's story. `line`: its number. */
export function story(line: number, trace: Trace): string[] {
  return [headline(line, trace), ...readingLines(trace), ...forwarderLines(trace.forwarders)]
}

/** Whose it is, and what each forwarder does. */
export function shortStory(
  line: number,
  trace: Headline & { readonly forwarders: readonly Told[] },
): string[] {
  return [headline(line, trace), ...decisionLines(trace.forwarders)]
}

type Headline = Pick<Trace, 'stream' | 'header' | 'valid' | 'label' | 'tenant' | 'reason'>
type Told = Pick<TracedForwarder, 'tenant' | 'forwarder' | 'decision' | 'because'>

function headline(line: number, { stream, header, valid, label, tenant, reason }: Headline): string {
  const shown = label === null ? 'no label' : `label "${cell(label, LABEL_WIDTH)}"`
  const whose =
    tenant === null ? paint('yellow', `nobody's: ${reason}`) : paint('green', `${tenant}'s, by ${reason}`)
  const form = `${header === 'none' ? 'no' : header} header${valid ? '' : ', not valid'}`
  return `${line}: ${stream}, ${form}, ${shown}: ${whose}`
}

/** How it was read and whose it is: header, stream, label, owner. */
export function readingLines(trace: Trace): string[] {
  const { event, recognised, label, label_at, entry, nearest } = trace
  const lines = [row('header', headerText(event), '')]
  if (recognised !== null) lines.push(row('stream', matchText(recognised.match), placeText(recognised.place)))
  if (label !== null && label_at !== null)
    lines.push(row('label', `"${cell(label, LABEL_WIDTH)}" at bytes ${label_at[0]} to ${label_at[1]}`, ''))
  if (entry !== null) lines.push(row('owner', entryText(entry, trace.tenant ?? ''), placeText(entry.place)))
  if (nearest !== null) {
    const whose = `${nearest.tenant}'s ${nearest.object ?? 'label'}, ${nearest.by}`
    lines.push(
      row('nearest', `"${cell(nearest.label, LABEL_WIDTH)}" (${whose}): ${nearest.differs.text}`, ''),
    )
  }
  return lines
}

/** Decisions, and below each what was asked and what is sent. */
export function forwarderLines(forwarders: readonly TracedForwarder[]): string[] {
  const decisions = decisionLines(forwarders)
  return forwarders.flatMap((one, n) => {
    const place = placeText(one.place)
    return [
      `${decisions[n] ?? ''}${place === '' ? '' : `  ${paint('dim', place)}`}`,
      ...(one.where === undefined || one.where.op === 'field' ? [] : verdictLines(one.where)),
      ...gateLines(one),
      ...sentLines(one),
    ]
  })
}

/** One line a forwarder. */
export function decisionLines(forwarders: readonly Told[]): string[] {
  const names = forwarders.map((one) => `${one.tenant}/${one.forwarder}`)
  const width = Math.max(0, ...names.map((name) => name.length))
  return forwarders.map((one, n) => {
    const verdict = one.decision === 'forward' ? paint('green', 'forward') : paint('dim', 'skip   ')
    return `   ${verdict}  ${(names[n] ?? '').padEnd(width)}  ${one.because}`
  })
}

/** Each comparison with its verdict, as deep as it is nested. */
export function verdictLines(verdict: Verdict, depth = 0): string[] {
  const mark = verdict.holds ? paint('green', 'yes') : paint('yellow', 'no ')
  const lead = `${INDENT}${mark} ${'  '.repeat(depth)}`
  if (verdict.op === 'field') {
    const found = verdict.found.map((value) => JSON.stringify(cell(value, LABEL_WIDTH))).join(', ')
    return [`${lead}${verdict.field} ${verdict.asked}: ${found === '' ? 'absent' : found}`]
  }
  const name = verdict.op === 'use' ? `use ${verdict.name ?? ''}` : verdict.op
  return [`${lead}${name}`, ...verdict.of.flatMap((inner) => verdictLines(inner, depth + 1))]
}

function gateLines({ decision, sample, rate_max }: TracedForwarder): string[] {
  if (decision === 'skip') return []
  return [
    ...(sample === undefined
      ? []
      : [`${INDENT}of such events ${Number((sample * 100).toFixed(4))}% are sent, by chance`]),
    ...(rate_max === undefined ? [] : [`${INDENT}at most ${rate_max} a second are sent`]),
  ]
}

function sentLines({ sends }: TracedForwarder): string[] {
  if (sends === undefined) return []
  if (sends === null) return [`${INDENT}the format cannot express it: dropped as unencodable`]
  return sends
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((text, n) => `${INDENT}${n === 0 ? 'sends' : '     '} ${cell(text, SENT_WIDTH)}`)
}

function row(what: string, text: string, place: string): string {
  return `   ${paint('dim', what.padEnd(7))}  ${text}${place === '' ? '' : `  ${paint('dim', place)}`}`
}

function headerText({
  facility,
  severity,
  timestamp,
  hostname,
  app_name,
  proc_id,
  msg_id,
}: Trace['event']): string {
  const parts = [
    facility === null ? 'no priority' : `facility ${facility}, severity ${severity}`,
    timestamp ?? 'no time',
    hostname === null ? 'no host' : `host ${cell(hostname, LABEL_WIDTH)}`,
    app_name === null ? 'no program' : `program ${cell(app_name, LABEL_WIDTH)}`,
    ...(proc_id === null ? [] : [`process ${cell(proc_id, LABEL_WIDTH)}`]),
    ...(msg_id === null ? [] : [`message id ${cell(msg_id, LABEL_WIDTH)}`]),
  ]
  return parts.join(', ')
}

function matchText(match: object): string {
  const parts = Object.entries(match).map(([key, value]) => `${key} ${JSON.stringify(value)}`)
  return `recognised by ${cell(parts.join(' and '), SENT_WIDTH)}`
}

function entryText(entry: NonNullable<Trace['entry']>, tenant: string): string {
  const { by, part, text, object } = entry
  const how =
    part === undefined
      ? ''
      : part === 'whole'
        ? ' (the whole label)'
        : ` (${part} "${cell(text ?? '', LABEL_WIDTH)}")`
  return `${by}${how}: ${object === null ? tenant : `${object} of ${tenant}`}`
}

/** One object a line: the keys of the interface, then the rest of the story. */
export function storyJson(line: number, trace: Trace): string {
  const {
    stream,
    label,
    tenant,
    reason,
    forwarders,
    header,
    valid,
    recognised,
    label_at,
    entry,
    nearest,
    event,
  } = trace
  const at = (place: TracedForwarder['place']): string | null => placeText(place) || null
  return JSON.stringify({
    line,
    stream,
    header,
    valid,
    label,
    tenant,
    reason,
    forwarders: forwarders.map((one) => ({
      tenant: one.tenant,
      forwarder: one.forwarder,
      decision: one.decision,
      because: one.because,
      at: at(one.place),
      ...(one.where === undefined ? {} : { where: plain(one.where) }),
      ...(one.sample === undefined ? {} : { sample: one.sample }),
      ...(one.rate_max === undefined ? {} : { rate_max: one.rate_max }),
      ...sentJson(one.sends),
    })),
    recognised: recognised === null ? null : { by: recognised.match, at: at(recognised.place) },
    label_at,
    entry: entry === null ? null : { ...entry, place: undefined, at: at(entry.place) },
    ...(nearest === null ? {} : { nearest }),
    event,
  })
}

function plain(verdict: Verdict): object {
  if (verdict.op !== 'field') return { ...verdict, of: verdict.of.map(plain) }
  const { holds, field, asked, found } = verdict
  return { holds, field, asked, found }
}

/** Bytes that are no text are told as base64. */
function sentJson(sends: Buffer | null | undefined): object {
  if (sends === undefined) return {}
  if (sends === null) return { sends: null }
  return isUtf8(sends) ? { sends: sends.toString('utf8') } : { sends_base64: sends.toString('base64') }
}
