/** Gateway-firewall lines of NSX-T and NSX 4 edge nodes (docs/parser-decisions.md): `<VRF interface> INET …`. */
import type { Buffer } from 'node:buffer'
import { clearFlow, readFlow, skipBlanks } from './flow.ts'
import { repeatedEnd, repeatedStart } from './repeated.ts'
import { digitsEnd } from './time-scan.ts'
import { Fw, Grammar, type EventView } from './view.ts'

const SPACE = 0x20
/** Hex digits of one half of the interface's id. */
const HALF_MAX = 16

/**
 * Reads the message as a gateway line: fills the firewall fields and the label. `message repeated n times: […]`, which
 * rsyslog makes of equal lines, is looked into. False, with nothing set, when it is not one.
 */
export function readGateway(view: EventView): boolean {
  const buf = view.buf
  let end = view.end
  clearFlow(view)
  view.grammar = Grammar.none
  let p = skipBlanks(buf, view.msg_start, end)
  if (p < end && buf[p] === 0x6d) {
    p = repeatedStart(view, p, end)
    end = p === 0 ? 0 : repeatedEnd(buf, p, end)
    if (end === 0) {
      clearFlow(view)
      return false
    }
  }
  p = readInterface(view, buf, p, end)
  if (p === 0 || !readFlow(view, buf, p, end)) {
    clearFlow(view)
    return false
  }
  view.grammar = Grammar.gateway
  return true
}

/** `<VRF hi:lo>`; returns where the family begins, or 0. */
function readInterface(view: EventView, buf: Buffer, from: number, end: number): number {
  if (from >= end || buf[from] !== 0x3c) return 0
  const vrf = digitsEnd(buf, from + 1, end)
  if (vrf === from + 1 || vrf >= end || buf[vrf] !== SPACE) return 0
  const start = skipBlanks(buf, vrf, end)
  const colon = hexEnd(buf, start, end)
  if (colon === start || colon - start > HALF_MAX || colon >= end || buf[colon] !== 0x3a) return 0
  const close = hexEnd(buf, colon + 1, end)
  if (close === colon + 1 || close - colon - 1 > HALF_MAX || close >= end || buf[close] !== 0x3e) return 0
  view.fw[Fw.interface] = start
  view.fw[Fw.interface + 1] = close
  return skipBlanks(buf, close + 1, end)
}

function hexEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end) {
    const c = buf[p]!
    if (!((c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66))) break
    p += 1
  }
  return p
}
