/**
 * Cloud Director: lines of its diagnostic logs (`2026-02-03 04:05:06,789 | INFO     | thread | Class | text | context`), and what
 * the stream's definition says about audit events: no public line of those was found, so where their fields stand is data.
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { Vcd } from './inner-slots.ts'
import { addInner, findLastText, findText, setInner, setRest } from './inner-spans.ts'
import { digitsEnd } from './time-scan.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const BAR = Buffer.from(' | ')
/** How much of an audit event is searched for its fields. */
const LOOK = 8192

/** Fills the fields of {@link Vcd}. */
export function readVcd(view: EventView): void {
  const { buf, end } = view
  const p = skipBlanks(buf, view.msg_start, end)
  if (timeEnd(buf, p, end) === 0) setRest(view, Vcd.text, p, end)
  else readDiagnostics(view, p, end)
  for (const capture of view.captures) {
    for (const after of capture.after) {
      const at = findText(buf, p, Math.min(end, p + LOOK), after)
      if (at < 0) continue
      const start = capture.keep ? at : at + after.length
      let stop = at + after.length
      while (stop < end && capture.until[buf[stop] as number] === 0) stop += 1
      if (stop > start) addInner(view, capture.slot, start, stop)
      break
    }
  }
}

/** Whether the message begins as a diagnostic line does. */
export function isVcd(view: EventView): boolean {
  const p = skipBlanks(view.buf, view.msg_start, view.end)
  return timeEnd(view.buf, p, view.end) !== 0
}

/** `2026-02-03 04:05:06,789` with ` | ` behind it and a level of eight characters: where the time ends, or 0. */
function timeEnd(buf: Buffer, p: number, end: number): number {
  const stop = p + 23
  if (end - p < 37 || buf[p + 4] !== 0x2d || buf[p + 10] !== SPACE || buf[p + 19] !== 0x2c) return 0
  if (digitsEnd(buf, p, end) !== p + 4 || digitsEnd(buf, p + 20, end) !== stop) return 0
  if (buf[stop + 1] !== 0x7c || buf[stop + 12] !== 0x7c) return 0
  const level = buf[stop + 3] as number
  return level >= 0x41 && level <= 0x5a ? stop : 0
}

function readDiagnostics(view: EventView, p: number, end: number): void {
  const { buf } = view
  const stop = p + 23
  setInner(view, Vcd.time, p, stop)
  let from = stop + BAR.length
  for (const slot of [Vcd.level, Vcd.thread, Vcd.logger]) {
    const bar = findText(buf, from, end, BAR)
    setRest(view, slot, from, bar < 0 ? end : bar)
    if (bar < 0) return
    from = bar + BAR.length
  }
  // The pattern ends in `| %x%n`: what stands behind the last bar is the context, and may be empty.
  const last = findLastText(buf, from, end, BAR)
  const closed = last < 0 && end - from >= 2 && buf[end - 1] === 0x7c && buf[end - 2] === SPACE
  setRest(view, Vcd.text, from, last >= 0 ? last : closed ? end - 2 : end)
  if (last >= 0) setRest(view, Vcd.context, last + BAR.length, end)
}
