/**
 * The part that NSX's distributed and gateway firewall lines share (LOG-FORMATS.md 1.2, 2.1): from the address family to
 * the end of the line, whose rest is the label. Read forward once, by position; nothing is searched for.
 */
import type { Buffer } from 'node:buffer'
import { digitsEnd } from './time-scan.ts'
import { Fw, type EventView } from './view.ts'

const SPACE = 0x20
const TAB = 0x09
const DASH = 0x2d
const SLASH = 0x2f

/** Forgets the firewall fields and the label of the event before. */
export function clearFlow(view: EventView): void {
  const fw = view.fw
  for (let slot = 0; slot < Fw.slots; slot += 2) fw[slot] = -1
  view.label_start = -1
  view.label_end = -1
}

export function skipBlanks(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && (buf[p] === SPACE || buf[p] === TAB)) p += 1
  return p
}

/** Offset of the blank behind a word, or the end. */
export function wordEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && buf[p] !== SPACE && buf[p] !== TAB) p += 1
  return p
}

/** `INET` or `INET6` with a blank behind it: its end, or 0. */
export function familyEnd(buf: Buffer, p: number, end: number): number {
  if (end - p < 6 || buf[p] !== 0x49 || buf[p + 1] !== 0x4e || buf[p + 2] !== 0x45 || buf[p + 3] !== 0x54)
    return 0
  if (buf[p + 4] === SPACE) return p + 4
  return buf[p + 4] === 0x36 && buf[p + 5] === SPACE ? p + 5 : 0
}

/** Reads from the family on; false when the line does not have this form (what was set is then garbage). */
export function readFlow(view: EventView, buf: Buffer, from: number, end: number): boolean {
  const fw = view.fw
  const family = familyEnd(buf, from, end)
  if (family === 0) return false
  fw[Fw.family] = from
  fw[Fw.family + 1] = family
  let p = skipBlanks(buf, family, end)
  let q = wordEnd(buf, p, end)
  const term = isTerm(buf, p, q)
  if (!term && !isReason(buf, p, q)) return false
  fw[Fw.event] = isReasonMatch(buf, p, q) ? p + 7 : p
  fw[Fw.event + 1] = q
  p = skipBlanks(buf, q, end)
  q = wordEnd(buf, p, end)
  if (isUpper(buf, p, q)) {
    fw[Fw.action] = p
    fw[Fw.action + 1] = q
    p = skipBlanks(buf, q, end)
    q = wordEnd(buf, p, end)
  } else if (!term) {
    return false
  }
  if (!readRule(fw, buf, p, q)) return false
  p = skipBlanks(buf, q, end)
  q = wordEnd(buf, p, end)
  if (!isDirection(buf, p, q)) return false
  fw[Fw.direction] = p
  fw[Fw.direction + 1] = q
  p = readProtocol(fw, buf, skipBlanks(buf, q, end), end)
  if (p === 0) return false
  const tcp = isTcp(buf, fw)
  if (term) p = readClose(fw, buf, p, end)
  p = readIcmp(fw, buf, p, end)
  p = readEndpoints(fw, buf, p, end)
  if (p === 0) return false
  p = skipBlanks(buf, p, end)
  if (term) p = readCounters(fw, buf, p, end)
  else if (tcp) p = readTcpFlags(fw, buf, p, end)
  setLabel(view, buf, p, end)
  return true
}

/** All that remains, trimmed; a label may hold blanks (DESIGN.md, "Whose event is it"). */
function setLabel(view: EventView, buf: Buffer, from: number, end: number): void {
  const p = skipBlanks(buf, from, end)
  let q = end
  while (q > p && (buf[q - 1] === SPACE || buf[q - 1] === TAB)) q -= 1
  if (q === p) return
  view.label_start = p
  view.label_end = q
}

function isTerm(buf: Buffer, p: number, q: number): boolean {
  return q - p === 4 && buf[p] === 0x54 && buf[p + 1] === 0x45 && buf[p + 2] === 0x52 && buf[p + 3] === 0x4d
}

/** Letters and hyphens: `match`, `bad-offset`, `SpoofGuard`. */
function isReason(buf: Buffer, p: number, q: number): boolean {
  if (p === q) return false
  for (let i = p; i < q; i += 1) {
    const c = (buf[i] ?? 0) | 0x20
    if ((c < 0x61 || c > 0x7a) && buf[i] !== DASH) return false
  }
  return true
}

/** A gateway's `reason-match`, which is `match` to everybody else. */
function isReasonMatch(buf: Buffer, p: number, q: number): boolean {
  return q - p === 12 && buf[p] === 0x72 && buf[p + 6] === DASH && buf[p + 7] === 0x6d && buf[p + 11] === 0x68
}

function isUpper(buf: Buffer, p: number, q: number): boolean {
  if (p === q) return false
  for (let i = p; i < q; i += 1) {
    const c = buf[i] ?? 0
    if (c < 0x41 || c > 0x5a) return false
  }
  return true
}

/** `5096`, `mainrs/1024`, `domain-c7/1002`: split at the last slash. */
function readRule(fw: Int32Array, buf: Buffer, p: number, q: number): boolean {
  let digits = q
  while (digits > p) {
    const c = buf[digits - 1] ?? 0
    if (c < 0x30 || c > 0x39) break
    digits -= 1
  }
  if (digits === q) return false
  fw[Fw.rule_id] = digits
  fw[Fw.rule_id + 1] = q
  if (digits === p) return true
  if (buf[digits - 1] !== SLASH || digits - 1 === p) return false
  fw[Fw.ruleset] = p
  fw[Fw.ruleset + 1] = digits - 1
  return true
}

function isDirection(buf: Buffer, p: number, q: number): boolean {
  if (q - p === 2) return buf[p] === 0x49 && buf[p + 1] === 0x4e
  return q - p === 3 && buf[p] === 0x4f && buf[p + 1] === 0x55 && buf[p + 2] === 0x54
}

/** `[length] TCP|UDP|ICMP…|PROTO n`; returns where the next word begins, or 0. */
function readProtocol(fw: Int32Array, buf: Buffer, from: number, end: number): number {
  let p = from
  let q = digitsEnd(buf, p, end)
  if (q > p) {
    fw[Fw.length] = p
    fw[Fw.length + 1] = q
    p = skipBlanks(buf, q, end)
    if (p === q) return 0
  }
  q = wordEnd(buf, p, end)
  const c = buf[p]
  const count = q - p
  if (count === 3 && c === 0x54) {
    if (buf[p + 1] !== 0x43 || buf[p + 2] !== 0x50) return 0
  } else if (count === 3 && c === 0x55) {
    if (buf[p + 1] !== 0x44 || buf[p + 2] !== 0x50) return 0
  } else if (count >= 4 && count <= 6 && c === 0x49) {
    if (buf[p + 1] !== 0x43 || buf[p + 2] !== 0x4d || buf[p + 3] !== 0x50) return 0
  } else if (count === 5 && c === 0x50) {
    if (buf[p + 1] !== 0x52 || buf[p + 2] !== 0x4f || buf[p + 3] !== 0x54 || buf[p + 4] !== 0x4f) return 0
    p = skipBlanks(buf, q, end)
    q = wordEnd(buf, p, end)
    if (p === q || digitsEnd(buf, p, q) !== q) return 0
  } else {
    return 0
  }
  fw[Fw.protocol] = p
  fw[Fw.protocol + 1] = q
  return skipBlanks(buf, q, end)
}

function isTcp(buf: Buffer, fw: Int32Array): boolean {
  return buf[fw[Fw.protocol] ?? 0] === 0x54
}

/** `RST`, `FIN` or `TIMEOUT`, if it is there. */
function readClose(fw: Int32Array, buf: Buffer, p: number, end: number): number {
  const c = buf[p]
  if (c !== 0x52 && c !== 0x46 && c !== 0x54) return p
  const q = wordEnd(buf, p, end)
  const rst = q - p === 3 && c === 0x52 && buf[p + 1] === 0x53 && buf[p + 2] === 0x54
  const fin = q - p === 3 && c === 0x46 && buf[p + 1] === 0x49 && buf[p + 2] === 0x4e
  const timeout =
    q - p === 7 && c === 0x54 && buf[p + 1] === 0x49 && buf[p + 4] === 0x4f && buf[p + 6] === 0x54
  if (!rst && !fin && !timeout) return p
  fw[Fw.close] = p
  fw[Fw.close + 1] = q
  return skipBlanks(buf, q, end)
}

/** `type code`, two lone numbers, if they are there. */
function readIcmp(fw: Int32Array, buf: Buffer, p: number, end: number): number {
  const q = digitsEnd(buf, p, end)
  if (q === p || q >= end || buf[q] !== SPACE) return p
  const code = skipBlanks(buf, q, end)
  const code_end = digitsEnd(buf, code, end)
  if (code_end === code || code_end >= end || buf[code_end] !== SPACE) return p
  fw[Fw.icmp_type] = p
  fw[Fw.icmp_type + 1] = q
  fw[Fw.icmp_code] = code
  fw[Fw.icmp_code + 1] = code_end
  return skipBlanks(buf, code_end, end)
}

/** `src[/port]->dst[/port]` with a blank or the end behind it; returns where it ends, or 0. */
function readEndpoints(fw: Int32Array, buf: Buffer, from: number, end: number): number {
  let p = readAddress(fw, buf, from, end, Fw.source_ip, Fw.source_port)
  if (p === 0 || end - p < 2 || buf[p] !== DASH || buf[p + 1] !== 0x3e) return 0
  p = readAddress(fw, buf, p + 2, end, Fw.destination_ip, Fw.destination_port)
  if (p === 0 || (p < end && buf[p] !== SPACE && buf[p] !== TAB)) return 0
  return p
}

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
    const c = buf[p] ?? 0
    // Digits and `:`, `.`, hex letters of either case.
    if (!((c >= 0x30 && c <= 0x3a) || c === 0x2e || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66))) break
    p += 1
  }
  if (p === from) return 0
  fw[ip] = from
  fw[ip + 1] = p
  if (p >= end || buf[p] !== SLASH) return p
  const q = digitsEnd(buf, p + 1, end)
  if (q === p + 1) return 0
  fw[port] = p + 1
  fw[port + 1] = q
  return q
}

/** `packets_in/packets_out bytes_in/bytes_out`, if they are there in full. */
function readCounters(fw: Int32Array, buf: Buffer, p: number, end: number): number {
  const a = digitsEnd(buf, p, end)
  if (a === p || a >= end || buf[a] !== SLASH) return p
  const b = digitsEnd(buf, a + 1, end)
  if (b === a + 1 || b >= end || buf[b] !== SPACE) return p
  const bytes = skipBlanks(buf, b, end)
  const c = digitsEnd(buf, bytes, end)
  if (c === bytes || c >= end || buf[c] !== SLASH) return p
  const d = digitsEnd(buf, c + 1, end)
  if (d === c + 1 || (d < end && buf[d] !== SPACE && buf[d] !== TAB)) return p
  fw[Fw.packets_in] = p
  fw[Fw.packets_in + 1] = a
  fw[Fw.packets_out] = a + 1
  fw[Fw.packets_out + 1] = b
  fw[Fw.bytes_in] = bytes
  fw[Fw.bytes_in + 1] = c
  fw[Fw.bytes_out] = c + 1
  fw[Fw.bytes_out + 1] = d
  return d
}

/** One word that is an ordered subset of `FSRPAUEW`, if it is there. A label of only such letters is taken for it (LOG-FORMATS.md 1.4). */
function readTcpFlags(fw: Int32Array, buf: Buffer, p: number, end: number): number {
  const q = wordEnd(buf, p, end)
  if (q === p || q - p > 8) return p
  let rank = 0
  for (let i = p; i < q; i += 1) {
    const next = flagRank(buf[i] ?? 0)
    if (next <= rank) return p
    rank = next
  }
  fw[Fw.tcp_flags] = p
  fw[Fw.tcp_flags + 1] = q
  return q
}

function flagRank(c: number): number {
  switch (c) {
    case 0x46:
      return 1
    case 0x53:
      return 2
    case 0x52:
      return 3
    case 0x50:
      return 4
    case 0x41:
      return 5
    case 0x55:
      return 6
    case 0x45:
      return 7
    case 0x57:
      return 8
    default:
      return 0
  }
}
