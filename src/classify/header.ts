/**
 * The header scanner: one pass over the bytes of a frame that says which header form it has and where its
 * fields are. Strict first, then the leniencies that senders need (docs/parser-decisions.md lists them);
 * nothing is guessed: what is not found stays absent, and what no header claims is the message.
 */
import type { Buffer } from 'node:buffer'
import {
  ciscoStamp,
  type CiscoPrefix,
  colonTimeEnd,
  isNoHost,
  isRelayed,
  noneZEnd,
  octetCountEnd,
} from './header-odd.ts'
import { readRfc5424Fields, rfc5424TailFits } from './header-rfc5424.ts'
import { readTag } from './header-tag.ts'
import { isMsgModified } from './structured-data.ts'
import { bsdTimeEnd, digitsEnd, rfc3339End } from './time-scan.ts'
import { EventFlag, HeaderForm, type EventView } from './view.ts'

const SPACE = 0x20
const DASH = 0x2d
const COLON = 0x3a
const LESS = 0x3c
const GREATER = 0x3e
const OPEN = 0x5b
const CLOSE = 0x5d
const HOST_MAX = 255
/** How much of bracket text at a message's start is searched for `msgModified`. */
const BRACKET_MAX = 1024
/** The first byte of a byte order mark in UTF-8. */
export const MARK = 0xef
/** What the classifier sets: cleared before each scan; the rest is framing's. */
const OWN_FLAGS = EventFlag.invalid | EventFlag.cut_by_sender | EventFlag.complete_header

/** Fills `form`, `pri`, `version`, the header's spans, `msg_start` and the classifier's flags. */
export function scanHeader(view: EventView): void {
  const buf = view.buf
  const end = view.end
  clearHeader(view)
  let from = view.start
  if (isMark(buf, from, end)) {
    from += 3
    view.flags |= EventFlag.invalid
  }
  readFrom(view, buf, from, end)
  // Where RFC 5424 does not say what it means it is no part of the text either. A second one is text.
  const p = view.msg_start
  if (isMark(buf, p, end) && !(p >= view.start + 3 && isMark(buf, p - 3, end))) view.msg_start = p + 3
  if (view.msg_start < end && buf[view.msg_start] === OPEN && view.form !== HeaderForm.rfc5424) {
    if (bracketSaysModified(buf, view.msg_start, end)) view.flags |= EventFlag.cut_by_sender
  }
  if (view.pri >= 0 && view.pri <= 191 && view.time_start >= 0 && view.host_start >= 0) {
    view.flags |= EventFlag.complete_header
  }
}

/** A byte order mark, as UTF-8 has it. */
function isMark(buf: Buffer, p: number, end: number): boolean {
  return p + 3 <= end && buf[p] === MARK && buf[p + 1] === 0xbb && buf[p + 2] === 0xbf
}

/** A PRI and what follows it. */
function readFrom(view: EventView, buf: Buffer, start: number, end: number): void {
  let p = readPri(view, buf, start, end)
  if (p < end && buf[p] === SPACE && view.pri >= 0) {
    p = skipSpaces(buf, p, end)
    view.flags |= EventFlag.invalid
  }
  const c = p < end ? buf[p]! : 0
  if (c >= 0x30 && c <= 0x39) readFromDigit(view, buf, p, end)
  else if (c >= 0x41 && c <= 0x53) readBsd(view, buf, p, end)
  else readNone(view, buf, p, end)
}

function clearHeader(view: EventView): void {
  view.flags &= ~OWN_FLAGS
  view.form = HeaderForm.none
  view.pri = -1
  view.version = -1
  view.time_start = -1
  view.time_end = -1
  view.host_start = -1
  view.host_end = -1
  view.app_start = -1
  view.app_end = -1
  view.proc_start = -1
  view.proc_end = -1
  view.msgid_start = -1
  view.msgid_end = -1
  view.sd_start = -1
  view.sd_end = -1
}

/** `<PRI>`; returns the offset behind it, or where it stands when there is none. */
function readPri(view: EventView, buf: Buffer, start: number, end: number): number {
  if (start >= end || buf[start] !== LESS) {
    view.flags |= EventFlag.invalid
    return start
  }
  let p = start + 1
  const negative = p < end && buf[p] === DASH
  if (negative) p += 1
  const digits = p
  let value = 0
  while (p < end && p - digits < 3) {
    const d = buf[p]! - 0x30
    if (d < 0 || d > 9) break
    value = value * 10 + d
    p += 1
  }
  if (p >= end || buf[p] !== GREATER) {
    view.flags |= EventFlag.invalid
    return start
  }
  if (negative || p === digits) {
    view.flags |= EventFlag.invalid
    return p + 1
  }
  view.pri = value
  if (value > 191 || (buf[digits] === 0x30 && p - digits > 1)) view.flags |= EventFlag.invalid
  return p + 1
}

/** A version (RFC 5424) or an RFC 3339 time. */
function readFromDigit(view: EventView, buf: Buffer, p: number, end: number): void {
  const time = rfc3339End(buf, p, end)
  if (time !== 0) {
    readRfc3339(view, buf, p, time, end)
    return
  }
  const digits = digitsEnd(buf, p, p + 4 < end ? p + 4 : end)
  if (digits - p > 3 || digits >= end || buf[digits] !== SPACE) {
    readNone(view, buf, p, end)
    return
  }
  const from = skipSpaces(buf, digits, end)
  const nil = from < end && buf[from] === DASH && (from + 1 === end || buf[from + 1] === SPACE)
  const stamp = nil ? from + 1 : rfc3339End(buf, from, end)
  if (stamp === 0) {
    readNone(view, buf, p, end)
    return
  }
  view.version = 0
  for (let i = p; i < digits; i += 1) view.version = view.version * 10 + buf[i]! - 0x30
  if (from > digits + 1 || stamp < 0 || buf[p] === 0x30) view.flags |= EventFlag.invalid
  if (!nil) setTime(view, from, stamp)
  view.form = HeaderForm.rfc5424
  readRfc5424Fields(view, buf, stamp < 0 ? -stamp : stamp, end)
}

function setTime(view: EventView, start: number, end: number): void {
  view.time_start = start
  view.time_end = end < 0 ? -end : end
}

/** ESXi's form, the log-file forms, and RFC 5424 that lost its version digit. */
function readRfc3339(view: EventView, buf: Buffer, start: number, stamp: number, end: number): void {
  setTime(view, start, stamp)
  view.form = HeaderForm.rfc3339
  if (stamp < 0) view.flags |= EventFlag.invalid
  readBehindRfc3339(view, buf, view.time_end, end)
}

/** `from` is the offset behind the time, or behind what stands in its place. */
function readBehindRfc3339(view: EventView, buf: Buffer, from: number, end: number): void {
  const p = skipSpaces(buf, from, end)
  if (view.pri < 0 && isFileSeverity(buf, p, end)) {
    readFileSeverity(view, buf, p, end)
    return
  }
  const q = hostEnd(buf, p, end)
  const next = skipSpaces(buf, q, end)
  if (p === q || endsTag(buf, q) || (view.pri < 0 && !isHost(buf, p, q)) || !readTag(view, buf, next, end)) {
    if (q > p && endsTag(buf, q) && readTag(view, buf, p, end)) {
      view.flags |= EventFlag.invalid
      return
    }
    if (rfc5424TailFits(buf, p, end)) {
      view.form = HeaderForm.rfc5424
      view.flags |= EventFlag.invalid
      readRfc5424Fields(view, buf, from, end)
      return
    }
    if (view.pri < 0 || p === q || isFamily(buf, p, end) || isFamily(buf, next, end) || isNoHost(buf, p, q)) {
      readNoHost(view, buf, p, end)
      return
    }
    view.msg_start = next
    if (isRelayed(buf, next, end)) view.flags |= EventFlag.invalid
  }
  setHost(view, p, q)
}

/** Behind a time without a host and without a tag. A lone colon there ends the header of some senders. */
function readNoHost(view: EventView, buf: Buffer, p: number, end: number): void {
  view.flags |= EventFlag.invalid
  view.msg_start = p
  if (p + 1 < end && buf[p] === COLON && buf[p + 1] === SPACE) view.msg_start = skipSpaces(buf, p + 1, end)
}

/** `Mmm dd hh:mm:ss` and what follows it. */
function readBsd(view: EventView, buf: Buffer, start: number, end: number): void {
  const stamp = bsdTimeEnd(buf, start, end)
  if (stamp === 0) {
    readNone(view, buf, start, end)
    return
  }
  setTime(view, start, stamp)
  view.form = HeaderForm.rfc3164
  if (stamp < 0) view.flags |= EventFlag.invalid
  readBehindBsd(view, buf, view.time_end, end)
}

function readBehindBsd(view: EventView, buf: Buffer, from: number, end: number): void {
  if (from < end && buf[from] === COLON) {
    readBehindColon(view, buf, from, end)
    return
  }
  const p = skipSpaces(buf, from, end)
  if (p > from + 1) view.flags |= EventFlag.invalid
  const q = hostEnd(buf, p, end)
  if (p === q || isFamily(buf, p, end) || (q - p === 1 && buf[p] === COLON) || isNoHost(buf, p, q)) {
    readNoHost(view, buf, p, end)
    return
  }
  if (endsTag(buf, q) && readTag(view, buf, p, end)) {
    view.flags |= EventFlag.invalid
    return
  }
  const next = q < end ? q + 1 : end
  if (isFamily(buf, next, end)) {
    view.msg_start = p
    view.flags |= EventFlag.invalid
    return
  }
  if (!readTag(view, buf, next, end) && !readFarTag(view, buf, next, end)) {
    view.msg_start = next
    if (isRelayed(buf, next, end)) view.flags |= EventFlag.invalid
  }
  setHost(view, p, q)
}

/** A tag behind more than one blank. */
function readFarTag(view: EventView, buf: Buffer, next: number, end: number): boolean {
  if (next >= end || buf[next] !== SPACE || !readTag(view, buf, skipSpaces(buf, next, end), end)) return false
  view.flags |= EventFlag.invalid
  return true
}

/** No time where one should be: only `name[…]:` is a tag here, because a bare `word:` begins any text. */
function readNone(view: EventView, buf: Buffer, p: number, end: number): void {
  view.flags |= EventFlag.invalid
  if (readOdd(view, buf, p, end)) return
  view.msg_start = p
  const q = hostEnd(buf, p, end)
  if (q - p > 3 && buf[q - 1] === COLON && buf[q - 2] === CLOSE && readTag(view, buf, p, end)) return
  // Blanks behind a PRI are the message's when nothing else claims them.
  while (view.msg_start > view.start && buf[view.msg_start - 1] === SPACE) view.msg_start -= 1
}

const cisco: CiscoPrefix = { number_start: -1, number_end: -1, host_start: -1, host_end: -1, time_start: -1 }

/** The forms of header-odd.ts. False, with nothing set, when it is none of them. */
function readOdd(view: EventView, buf: Buffer, p: number, end: number): boolean {
  const c = p < end ? buf[p]! : 0
  if (c === 0x4e) {
    const from = noneZEnd(buf, p, end)
    if (from === 0) return false
    view.form = HeaderForm.rfc3339
    readBehindRfc3339(view, buf, from, end)
    return true
  }
  if (c < 0x2a || c > COLON) return false
  const counted = p === view.start ? octetCountEnd(buf, p, end) : 0
  if (counted !== 0) {
    readFrom(view, buf, counted, end)
    return true
  }
  // Without a PRI it is a log file's line, and those begin their text so.
  const time = c === COLON ? p + 1 : p
  const colon = view.pri >= 0 ? colonTimeEnd(buf, time, end) : 0
  if (colon !== 0) {
    setTime(view, time, colon)
    view.form = HeaderForm.rfc3339
    readBehindColon(view, buf, colon, end)
    return true
  }
  return readCisco(view, buf, p, end)
}

/** The colon behind a time, or a host before it, says that no host follows. */
function readBehindColon(view: EventView, buf: Buffer, colon: number, end: number): void {
  view.msg_start = skipSpaces(buf, colon < end ? colon + 1 : end, end)
  readTag(view, buf, view.msg_start, end)
}

function readCisco(view: EventView, buf: Buffer, p: number, end: number): boolean {
  const stamp = ciscoStamp(buf, p, end, cisco)
  if (stamp === 0) return false
  setTime(view, cisco.time_start, stamp)
  view.form = HeaderForm.rfc3164
  // The only field that can keep the number, so that nothing of the line is lost.
  view.msgid_start = cisco.number_start
  view.msgid_end = cisco.number_end
  if (cisco.host_start < 0) {
    readBehindBsd(view, buf, view.time_end, end)
    return true
  }
  setHost(view, cisco.host_start, cisco.host_end)
  readBehindColon(view, buf, view.time_end, end)
  return true
}

/** A lone `-` is the NILVALUE: a relay that did not know. */
function setHost(view: EventView, start: number, end: number): void {
  if (end - start === 1 && view.buf[start] === DASH) {
    view.flags |= EventFlag.invalid
    return
  }
  view.host_start = start
  view.host_end = end
  if (end - start > HOST_MAX) view.flags |= EventFlag.invalid
}

function skipSpaces(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && buf[p] === SPACE) p += 1
  return p
}

function hostEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && buf[p] !== SPACE) p += 1
  return p
}

/** In a line of a log file the word behind the time is no host for sure: `cpu0:33011)WARNING:` stands there as well. */
function isHost(buf: Buffer, start: number, end: number): boolean {
  let colons = 0
  for (let p = start; p < end; p += 1) {
    const c = buf[p]!
    if (c === 0x3a) colons += 1
    else if (c === 0x28 || c === 0x29 || c === OPEN || c === 0x3d) return false
  }
  return colons !== 1
}

/** A token that ends in `:` or `]` is no host but a tag. */
function endsTag(buf: Buffer, q: number): boolean {
  const last = buf[q - 1]
  return last === 0x3a || last === CLOSE
}

/** `INET ` or `INET6 `: a firewall body, before which a lone word is a filter and no host. */
function isFamily(buf: Buffer, p: number, end: number): boolean {
  if (end - p < 5 || buf[p] !== 0x49 || buf[p + 1] !== 0x4e || buf[p + 2] !== 0x45 || buf[p + 3] !== 0x54)
    return false
  return buf[p + 4] === SPACE || (buf[p + 4] === 0x36 && p + 5 < end && buf[p + 5] === SPACE)
}

/** ESXi 8's file form: `Em Al Cr Er Wa No In Db`, `(`. */
function isFileSeverity(buf: Buffer, p: number, end: number): boolean {
  if (end - p < 5 || buf[p + 2] !== 0x28) return false
  switch ((buf[p]! << 8) | buf[p + 1]!) {
    case 0x456d:
    case 0x416c:
    case 0x4372:
    case 0x4572:
    case 0x5761:
    case 0x4e6f:
    case 0x496e:
    case 0x4462:
      return true
    default:
      return false
  }
}

/** `No(13) PROG[pid]: …`, with `+` behind the bracket of a continuation. The number is the line's PRI. */
function readFileSeverity(view: EventView, buf: Buffer, p: number, end: number): void {
  view.flags |= EventFlag.invalid
  view.msg_start = p
  const digits = p + 3
  const q = digitsEnd(buf, digits, end)
  if (q === digits || q - digits > 3 || q >= end || buf[q] !== 0x29) return
  view.pri = 0
  for (let i = digits; i < q; i += 1) view.pri = view.pri * 10 + buf[i]! - 0x30
  let next = q + 1
  if (next < end && buf[next] === 0x2b) next += 1
  next = skipSpaces(buf, next, end)
  if (!readTag(view, buf, next, end)) view.msg_start = next
}

function bracketSaysModified(buf: Buffer, start: number, end: number): boolean {
  const last = end - start > BRACKET_MAX ? start + BRACKET_MAX : end
  for (let p = start + 1; p < last && buf[p] !== CLOSE; p += 1) {
    if (buf[p] === 0x6d && isMsgModified(buf, p, last)) return true
  }
  return false
}
