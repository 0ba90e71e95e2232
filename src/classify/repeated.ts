/** `message repeated n times: [ … ]`, which rsyslog makes of equal lines: the line inside, and how often it came. */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { startsAt } from './inner-spans.ts'
import { digitsEnd } from './time-scan.ts'
import { type EventView, Fw } from './view.ts'

const SPACE = 0x20
const REPEATED = Buffer.from('message repeated ')
const TIMES = Buffer.from(' times: [')

/** Where the line inside begins, with its count set; 0 when this is none. `p` is at the message's first word. */
export function repeatedStart(view: EventView, p: number, end: number): number {
  const { buf } = view
  if (!startsAt(buf, p, end, REPEATED)) return 0
  const digits = p + REPEATED.length
  const times = digitsEnd(buf, digits, end)
  if (times === digits || !startsAt(buf, times, end, TIMES)) return 0
  view.fw[Fw.repeated] = digits
  view.fw[Fw.repeated + 1] = times
  return skipBlanks(buf, times + TIMES.length, end)
}

/** Where the line inside ends; 0 when its closing bracket is missing: cut there, the label may be cut as well. */
export function repeatedEnd(buf: Buffer, start: number, end: number): number {
  let last = end
  while (last > start && buf[last - 1] === SPACE) last -= 1
  if (last === start || buf[last - 1] !== 0x5d) return 0
  last -= 1
  return last
}
