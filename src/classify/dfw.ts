/** Distributed-firewall lines of NSX-T, NSX 4 and NSX-V (LOG-FORMATS.md 1.2, 3.2): `[filter] INET …`. */
import type { Buffer } from 'node:buffer'
import { clearFlow, familyEnd, readFlow, skipBlanks, wordEnd } from './flow.ts'
import { Fw, Grammar, type EventView } from './view.ts'

const FILTER_MAX = 10

/**
 * Reads the message as a DFW line: fills the firewall fields and the label. False, with nothing set, when it is not
 * one from its first word to the last fixed field.
 */
export function readDfw(view: EventView): boolean {
  const buf = view.buf
  const end = view.end
  clearFlow(view)
  view.grammar = Grammar.none
  let p = skipBlanks(buf, view.msg_start, end)
  if (familyEnd(buf, p, end) === 0) {
    const q = wordEnd(buf, p, end)
    if (!isFilter(buf, p, q)) return false
    view.fw[Fw.filter] = p
    view.fw[Fw.filter + 1] = q
    p = skipBlanks(buf, q, end)
  }
  if (!readFlow(view, buf, p, end)) {
    clearFlow(view)
    return false
  }
  view.grammar = Grammar.dfw
  return true
}

/** Eight hex digits, or a decimal number of up to ten. */
function isFilter(buf: Buffer, p: number, q: number): boolean {
  const count = q - p
  if (count === 0 || count > FILTER_MAX) return false
  let decimal = true
  for (let i = p; i < q; i += 1) {
    const c = buf[i] ?? 0
    if (c >= 0x30 && c <= 0x39) continue
    if ((c | 0x20) < 0x61 || (c | 0x20) > 0x66) return false
    decimal = false
  }
  return decimal || count === 8
}
