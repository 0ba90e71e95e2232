/** The spans of a classified view, and what none of them holds. */
import { Buffer } from 'node:buffer'
import { type EventView, Fw, Grammar } from '../../src/classify/view.ts'

export type Span = readonly [start: number, end: number]

/** Of the header and the message, relative to the frame. */
export function headerSpans(view: EventView): Span[] {
  const spans: Span[] = [
    [view.time_start, view.time_end],
    [view.host_start, view.host_end],
    [view.app_start, view.app_end],
    [view.proc_start, view.proc_end],
    [view.msgid_start, view.msgid_end],
    [view.sd_start, view.sd_end],
    [view.msg_start, view.end],
  ]
  return relative(view, spans)
}

/** Those, the label and the firewall fields. */
export function viewSpans(view: EventView): Span[] {
  const spans: Span[] = view.grammar === Grammar.none ? [] : [[view.label_start, view.label_end]]
  if (view.grammar !== Grammar.none)
    for (let slot = 0; slot < Fw.slots; slot += 2) spans.push([view.fw[slot] ?? -1, view.fw[slot + 1] ?? -1])
  return [...headerSpans(view), ...relative(view, spans)]
}

function relative({ start }: EventView, spans: readonly Span[]): Span[] {
  return spans.filter(([from]) => from !== -1).map(([from, to]) => [from - start, to - start])
}

/** What stands outside all fields by design: PRI, version or count, nil fields, blanks, the marks of tags and times. */
const MARKS = /^(?:<-?\d{0,3}>|\d{1,7}(?= )|[A-Z][a-z]\(\d+\)\+?|NoneZ|\xef\xbb\xbf|[[\]:*. -])*$/

/** The bytes of the frame that neither a field nor the message holds, marks aside; empty when nothing is lost. */
export function lostText(view: EventView): string {
  const rest = Buffer.from(view.buf.subarray(view.start, view.end))
  for (const [start, end] of headerSpans(view)) rest.fill(0x20, start, end)
  const text = rest.toString('latin1')
  return MARKS.test(text) ? '' : text
}
