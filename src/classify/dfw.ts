/** Distributed-firewall lines of NSX-T, NSX 4 and NSX-V (docs/parser-decisions.md): `[filter] INET …`. */
import type { Buffer } from 'node:buffer'
import { readDfwComma } from './dfw-comma.ts'
import { clearFlow, familyEnd, readFlow, skipBlanks } from './flow.ts'
import { repeatedEnd, repeatedStart } from './repeated.ts'
import { type EventView, Fw, Grammar } from './view.ts'

const SPACE = 0x20
const FILTER_MAX = 10

/**
 * Reads the message as a DFW line, perhaps a repeated one: fills the firewall fields and the label. False, with nothing set,
 * when it is not one from its first word to the last fixed field.
 */
export function readDfw(view: EventView): boolean {
  const buf = view.buf
  let end = view.end
  clearFlow(view)
  view.grammar = Grammar.none
  let p = view.msg_start
  if (p < end && buf[p] === SPACE) p = skipBlanks(buf, p, end)
  if (p < end && buf[p] === 0x6d) {
    p = repeatedStart(view, p, end)
    end = p === 0 ? 0 : repeatedEnd(buf, p, end)
    if (end === 0) {
      clearFlow(view)
      return false
    }
  }
  if (familyEnd(buf, p, end) === 0) {
    const q = filterEnd(buf, p, end)
    if (q === 0) return readComma(view, p, end)
    view.fw[Fw.filter] = p
    view.fw[Fw.filter + 1] = q
    p = q + 1
    if (p < end && buf[p] === SPACE) p = skipBlanks(buf, p, end)
  }
  if (!readFlow(view, buf, p, end)) {
    clearFlow(view)
    return false
  }
  view.grammar = Grammar.dfw
  return true
}

function readComma(view: EventView, p: number, end: number): boolean {
  if (readDfwComma(view, p, end)) {
    view.grammar = Grammar.dfw
    return true
  }
  clearFlow(view)
  return false
}

/** Eight hex digits, or a decimal number of up to ten, with a blank behind: its end, or 0. */
function filterEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  let decimal = true
  while (p < end && p <= from + FILTER_MAX) {
    const c = buf[p]!
    if (c < 0x30 || c > 0x39) {
      if (c === SPACE) break
      if ((c | 0x20) < 0x61 || (c | 0x20) > 0x66) return 0
      decimal = false
    }
    p += 1
  }
  if (p === from || p >= end || buf[p] !== SPACE) return 0
  return decimal || p === from + 8 ? p : 0
}
