/**
 * The part that NSX's distributed and gateway firewall lines share (docs/parser-decisions.md): from the address family to
 * the end of the line, whose rest is the label. Read forward once, by position; nothing is searched for. Each step
 * returns where the next word begins, or 0 when the line does not have this form.
 */
import type { Buffer } from 'node:buffer'
import { readFlowTail } from './flow-tail.ts'
import { Fw, type EventView } from './view.ts'

const SPACE = 0x20
const DASH = 0x2d
const DOT = 0x2e
const SLASH = 0x2f

/** Forgets the firewall fields and the label of the event before. */
export function clearFlow(view: EventView): void {
  const fw = view.fw
  for (let slot = 0; slot < Fw.slots; slot += 2) fw[slot] = -1
  view.label_start = -1
  view.label_end = -1
}

/** `INET` or `INET6` with a blank behind it: its end, or 0. */
export function familyEnd(buf: Buffer, p: number, end: number): number {
  if (end - p < 6 || buf[p] !== 0x49 || buf[p + 1] !== 0x4e || buf[p + 2] !== 0x45 || buf[p + 3] !== 0x54)
    return 0
  if (buf[p + 4] === SPACE) return p + 4
  return buf[p + 4] === 0x36 && buf[p + 5] === SPACE ? p + 5 : 0
}

/** Skips blanks; there is nearly always exactly one. */
export function skipBlanks(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && buf[p] === SPACE) p += 1
  return p
}

/** Reads from the family on; false when the line does not have this form (what was set is then garbage). */
export function readFlow(view: EventView, buf: Buffer, from: number, end: number): boolean {
  const fw = view.fw
  const family = familyEnd(buf, from, end)
  if (family === 0) return false
  fw[Fw.family] = from
  fw[Fw.family + 1] = family
  let p = family + 1
  if (p < end && buf[p] === SPACE) p = skipBlanks(buf, p, end)
  const term =
    end - p > 4 && buf[p] === 0x54 && buf[p + 1] === 0x45 && buf[p + 2] === 0x52 && buf[p + 4] === SPACE
  p = readVerdict(fw, buf, p, end, term)
  if (p === 0) return false
  p = readRule(fw, buf, p, end)
  if (p === 0) return false
  p = readProtocol(fw, buf, p, end)
  if (p === 0) return false
  const tcp = buf[fw[Fw.protocol]!] === 0x54
  p = readCloseOrIcmp(fw, buf, p, end, term)
  p = readAddress(fw, buf, p, end, Fw.source_ip, Fw.source_port)
  if (p === 0 || end - p < 3 || buf[p] !== DASH || buf[p + 1] !== 0x3e) return false
  p = readAddress(fw, buf, p + 2, end, Fw.destination_ip, Fw.destination_port)
  if (p === 0 || (p < end && buf[p] !== SPACE)) return false
  if (p < end) readFlowTail(view, buf, p + 1, end, term, tcp)
  return true
}

/** `match DROP`, `bad-offset PASS`, `TERM`, `TERM PASS`. A gateway's `reason-match` is `match` to everybody else. */
function readVerdict(fw: Int32Array, buf: Buffer, from: number, end: number, term: boolean): number {
  let p = from
  let hyphen = 0
  while (p < end) {
    const c = buf[p]!
    if (c === SPACE) break
    if (c === DASH) hyphen = p
    else if ((c | 0x20) < 0x61 || (c | 0x20) > 0x7a) return 0
    p += 1
  }
  if (p === from) return 0
  const prefixed = hyphen === from + 6 && p === from + 12 && buf[from] === 0x72 && buf[hyphen + 1] === 0x6d
  fw[Fw.event] = prefixed ? hyphen + 1 : from
  fw[Fw.event + 1] = p
  p += 1
  if (p < end && buf[p] === SPACE) p = skipBlanks(buf, p, end)
  const action = p
  while (p < end) {
    const c = buf[p]!
    if (c < 0x41 || c > 0x5a) break
    p += 1
  }
  // Older TERM lines have no action: what stands there is the rule.
  if (p === action || p >= end || buf[p] !== SPACE) return term ? action : 0
  fw[Fw.action] = action
  fw[Fw.action + 1] = p
  p += 1
  return p < end && buf[p] === SPACE ? skipBlanks(buf, p, end) : p
}

/** `5096 IN`, `mainrs/1024 OUT`, `domain-c7/1002 IN`: the rule, split at its last slash, and the direction. */
function readRule(fw: Int32Array, buf: Buffer, from: number, end: number): number {
  let p = from
  let digits = from
  let numeric = true
  while (p < end) {
    const c = buf[p]!
    if (c < 0x30 || c > 0x39) {
      if (c === SPACE) break
      numeric = c === SLASH
      if (numeric) digits = p + 1
    }
    p += 1
  }
  if (!numeric || p === digits || digits === from + 1) return 0
  fw[Fw.rule_id] = digits
  fw[Fw.rule_id + 1] = p
  if (digits > from) {
    fw[Fw.ruleset] = from
    fw[Fw.ruleset + 1] = digits - 1
  }
  p += 1
  if (p < end && buf[p] === SPACE) p = skipBlanks(buf, p, end)
  if (end - p < 4) return 0
  let q = p + 2
  if (buf[p] === 0x4f && buf[p + 1] === 0x55 && buf[p + 2] === 0x54) q = p + 3
  else if (buf[p] !== 0x49 || buf[p + 1] !== 0x4e) return 0
  if (q >= end || buf[q] !== SPACE) return 0
  fw[Fw.direction] = p
  fw[Fw.direction + 1] = q
  q += 1
  return q < end && buf[q] === SPACE ? skipBlanks(buf, q, end) : q
}

/** `[length] TCP|UDP|ICMP…|PROTO n`. */
function readProtocol(fw: Int32Array, buf: Buffer, from: number, end: number): number {
  let p = from
  if (end - p < 6) return 0
  let c = buf[p]!
  if (c >= 0x30 && c <= 0x39) {
    while (c >= 0x30 && c <= 0x39) {
      p += 1
      c = p < end ? buf[p]! : 0
    }
    if (c !== SPACE) return 0
    fw[Fw.length] = from
    fw[Fw.length + 1] = p
    p += 1
    if (p < end && buf[p] === SPACE) p = skipBlanks(buf, p, end)
    if (end - p < 6) return 0
    c = buf[p]!
  }
  let q = p + 3
  if (c === 0x54) {
    if (buf[p + 1] !== 0x43 || buf[p + 2] !== 0x50) return 0
  } else if (c === 0x55) {
    if (buf[p + 1] !== 0x44 || buf[p + 2] !== 0x50) return 0
  } else if (c === 0x49) {
    if (buf[p + 1] !== 0x43 || buf[p + 2] !== 0x4d || buf[p + 3] !== 0x50) return 0
    // ICMPv6's spelling is not known: `ICMP6` and `ICMPv6` are taken as they are.
    q = p + 4
    while (q < end && q < p + 6 && buf[q] !== SPACE) q += 1
  } else {
    if (
      c !== 0x50 ||
      buf[p + 1] !== 0x52 ||
      buf[p + 3] !== 0x54 ||
      buf[p + 4] !== 0x4f ||
      buf[p + 5] !== SPACE
    )
      return 0
    p = skipBlanks(buf, p + 5, end)
    q = p
    while (isDigit(buf, q, end)) q += 1
    if (q === p) return 0
  }
  if (q >= end || buf[q] !== SPACE) return 0
  fw[Fw.protocol] = p
  fw[Fw.protocol + 1] = q
  q += 1
  return q < end && buf[q] === SPACE ? skipBlanks(buf, q, end) : q
}

function isDigit(buf: Buffer, p: number, end: number): boolean {
  if (p >= end) return false
  const c = buf[p]!
  return c >= 0x30 && c <= 0x39
}

/** `RST`, `FIN` or `TIMEOUT` of a TERM line, or two lone numbers, ICMP's type and code, if they are there. */
function readCloseOrIcmp(fw: Int32Array, buf: Buffer, p: number, end: number, term: boolean): number {
  if (end - p < 8) return p
  const c = buf[p]!
  if (c >= 0x30 && c <= 0x39) {
    // Nearly always an address: then its first dot or colon ends this.
    let q = p + 1
    while (q < end && buf[q]! >= 0x30 && buf[q]! <= 0x39) q += 1
    return q < end && buf[q] === SPACE ? readIcmp(fw, buf, p, q, end) : p
  }
  if (!term) return p
  let q = 0
  if (c === 0x52 && buf[p + 1] === 0x53 && buf[p + 2] === 0x54) q = p + 3
  else if (c === 0x46 && buf[p + 1] === 0x49 && buf[p + 2] === 0x4e) q = p + 3
  else if (
    c === 0x54 &&
    buf[p + 1] === 0x49 &&
    buf[p + 2] === 0x4d &&
    buf[p + 4] === 0x4f &&
    buf[p + 6] === 0x54
  )
    q = p + 7
  if (q === 0 || buf[q] !== SPACE) return p
  fw[Fw.close] = p
  fw[Fw.close + 1] = q
  return skipBlanks(buf, q, end)
}

function readIcmp(fw: Int32Array, buf: Buffer, type: number, type_end: number, end: number): number {
  const code = skipBlanks(buf, type_end, end)
  let q = code
  while (isDigit(buf, q, end)) q += 1
  if (q === code || q >= end || buf[q] !== SPACE) return type
  fw[Fw.icmp_type] = type
  fw[Fw.icmp_type + 1] = type_end
  fw[Fw.icmp_code] = code
  fw[Fw.icmp_code + 1] = q
  return skipBlanks(buf, q, end)
}

/** `address[/port]`; returns where it ends, or 0. */
function readAddress(
  fw: Int32Array,
  buf: Buffer,
  from: number,
  end: number,
  ip: number,
  port: number,
): number {
  let p = from
  while (p < end) {
    const c = buf[p]!
    // 0–9 and `:`, `.`, hex letters of either case.
    if ((c < 0x30 || c > 0x3a) && c !== DOT && ((c | 0x20) < 0x61 || (c | 0x20) > 0x66)) break
    p += 1
  }
  if (p === from) return 0
  fw[ip] = from
  fw[ip + 1] = p
  if (p >= end || buf[p] !== SLASH) return p
  p += 1
  fw[port] = p
  while (p < end) {
    const c = buf[p]!
    if (c < 0x30 || c > 0x39) break
    p += 1
  }
  fw[port + 1] = p
  return buf[p - 1] === SLASH ? 0 : p
}
