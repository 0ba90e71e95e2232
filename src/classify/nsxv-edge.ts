/**
 * Firewall and NAT lines of an NSX-V edge (docs/parser-decisions.md): `[id]: ACTION_RULEIDIN=… OUT=… SRC=…`. The label is
 * the bracketed id. Keys repeat (the outer and the inner LEN): the first counts.
 */
import type { Buffer } from 'node:buffer'
import { clearFlow } from './flow.ts'
import { repeatedEnd, repeatedStart } from './repeated.ts'
import { digitsEnd } from './time-scan.ts'
import { Fw, Grammar, type EventView } from './view.ts'

const SPACE = 0x20
const CLOSE = 0x5d
const EQUALS = 0x3d
const LABEL_MAX = 64

/** Reads the message as an edge line. False, with nothing set, when its fixed beginning is not there. */
export function readNsxvEdge(view: EventView): boolean {
  const buf = view.buf
  let end = view.end
  clearFlow(view)
  view.grammar = Grammar.none
  let open = skipSpace(buf, view.msg_start, end)
  if (open < end && buf[open] === 0x6d) {
    open = repeatedStart(view, open, end)
    end = open === 0 ? 0 : repeatedEnd(buf, open, end)
  }
  const close = open >= end || buf[open] !== 0x5b ? 0 : bracketEnd(buf, open + 1, end)
  const colon = close !== 0 && close + 1 < end && buf[close + 1] === 0x3a
  const fields = colon ? readVerdict(view, buf, skipSpace(buf, close + 2, end), end) : 0
  if (fields === 0) {
    clearFlow(view)
    return false
  }
  view.label_start = open + 1
  view.label_end = close
  readFields(view, buf, fields, end)
  view.grammar = Grammar.nsxv_edge
  return true
}

/** Blanks and line ends: some relays break these lines. */
function skipSpace(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && (buf[p] ?? 0) <= SPACE) p += 1
  return p
}

function bracketEnd(buf: Buffer, from: number, end: number): number {
  const last = end - from > LABEL_MAX ? from + LABEL_MAX + 1 : end
  for (let p = from; p < last; p += 1) {
    const c = buf[p] ?? 0
    if (c === CLOSE) return p === from ? 0 : p
    if (c <= SPACE || c === 0x5b) return 0
  }
  return 0
}

/** `DROP_131073` or `DNAT_`, to which `IN=` is glued; returns where `IN=` begins, or 0. */
function readVerdict(view: EventView, buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && (buf[p] ?? 0) >= 0x41 && (buf[p] ?? 0) <= 0x5a) p += 1
  if (p === from || p >= end || buf[p] !== 0x5f) return 0
  const digits = p + 1
  const q = digitsEnd(buf, digits, end)
  if (end - q < 3 || buf[q] !== 0x49 || buf[q + 1] !== 0x4e || buf[q + 2] !== EQUALS) return 0
  const fw = view.fw
  fw[Fw.action] = from
  fw[Fw.action + 1] = p
  if (q > digits) {
    fw[Fw.rule_id] = digits
    fw[Fw.rule_id + 1] = q
  }
  return q
}

/** `KEY=value` words and flag words, in any order. */
function readFields(view: EventView, buf: Buffer, from: number, end: number): void {
  const fw = view.fw
  let p = from
  while (p < end) {
    p = skipSpace(buf, p, end)
    let q = p
    let equals = 0
    while (q < end && (buf[q] ?? 0) > SPACE) {
      if (equals === 0 && buf[q] === EQUALS) equals = q
      q += 1
    }
    if (equals > p) {
      const slot = slotOf(buf, p, equals)
      if (slot >= 0 && q > equals + 1 && (fw[slot] ?? 0) < 0) {
        fw[slot] = equals + 1
        fw[slot + 1] = q
      }
    } else if (isTcpFlag(buf, p, q)) {
      // Flag words stand side by side: one span holds them all.
      if ((fw[Fw.tcp_flags] ?? 0) < 0) fw[Fw.tcp_flags] = p
      fw[Fw.tcp_flags + 1] = q
    }
    p = q
  }
}

function slotOf(buf: Buffer, p: number, q: number): number {
  if (q - p < 3) return -1
  const key = ((buf[p] ?? 0) << 16) | ((buf[p + 1] ?? 0) << 8) | (buf[p + 2] ?? 0)
  if (q - p === 3) {
    switch (key) {
      case 0x535243:
        return Fw.source_ip
      case 0x445354:
        return Fw.destination_ip
      case 0x4c454e:
        return Fw.length
      case 0x535054:
        return Fw.source_port
      case 0x445054:
        return Fw.destination_port
      default:
        return -1
    }
  }
  const fourth = buf[p + 3] ?? 0
  if (q - p === 4 && key === 0x545950 && fourth === 0x45) return Fw.icmp_type
  if (q - p === 4 && key === 0x434f44 && fourth === 0x45) return Fw.icmp_code
  if (q - p === 5 && key === 0x50524f && fourth === 0x54 && buf[p + 4] === 0x4f) return Fw.protocol
  return -1
}

/** `SYN ACK FIN RST PSH URG ECE CWR`. */
function isTcpFlag(buf: Buffer, p: number, q: number): boolean {
  if (q - p !== 3) return false
  switch (((buf[p] ?? 0) << 16) | ((buf[p + 1] ?? 0) << 8) | (buf[p + 2] ?? 0)) {
    case 0x53594e:
    case 0x41434b:
    case 0x46494e:
    case 0x525354:
    case 0x505348:
    case 0x555247:
    case 0x454345:
    case 0x435752:
      return true
    default:
      return false
  }
}
