/** RFC 5424 §6.2–6.4 behind the time: HOSTNAME, APP-NAME, PROCID, MSGID, structured data, message. */
import type { Buffer } from 'node:buffer'
import { isUtf8Range } from '../base/utf8.ts'
import { scanStructuredData, SdNote } from './structured-data.ts'
import { EventFlag, type EventView } from './view.ts'

const SPACE = 0x20
const DASH = 0x2d
const OPEN = 0x5b
const HOST_MAX = 255
const APP_MAX = 48
const PROC_MAX = 128
const MSGID_MAX = 32

/** Reads the fields; `from` is the offset behind TIMESTAMP. Fields that are missing leave the rest absent and the message empty. */
export function readRfc5424Fields(view: EventView, buf: Buffer, from: number, end: number): void {
  view.msg_start = end
  let p = fieldStart(view, buf, from, end)
  let q = fieldEnd(view, buf, p, end, HOST_MAX)
  if (q - p !== 1 || buf[p] !== DASH) {
    if (p >= end) return
    view.host_start = p
    view.host_end = q
  }
  p = fieldStart(view, buf, q, end)
  q = fieldEnd(view, buf, p, end, APP_MAX)
  if (q - p !== 1 || buf[p] !== DASH) {
    if (p >= end) return
    view.app_start = p
    view.app_end = q
  }
  p = fieldStart(view, buf, q, end)
  q = fieldEnd(view, buf, p, end, PROC_MAX)
  if (q - p !== 1 || buf[p] !== DASH) {
    if (p >= end) return
    view.proc_start = p
    view.proc_end = q
  }
  p = fieldStart(view, buf, q, end)
  q = fieldEnd(view, buf, p, end, MSGID_MAX)
  if (q - p !== 1 || buf[p] !== DASH) {
    if (p >= end) return
    view.msgid_start = p
    view.msgid_end = q
  }
  p = fieldStart(view, buf, q, end)
  if (p < end) readTail(view, buf, p, end)
}

/** Structured data and the message. What is not structured data where it should stand belongs to the message. */
function readTail(view: EventView, buf: Buffer, p: number, end: number): void {
  let next = p
  if (buf[p] === DASH && (p + 1 === end || buf[p + 1] === SPACE)) {
    next = p + 1
  } else {
    const scanned = buf[p] === OPEN ? scanStructuredData(buf, p, end) : 0
    const close = scanned >>> 2
    if (scanned === 0 || (close < end && buf[close] !== SPACE)) {
      view.flags |= EventFlag.invalid
      view.msg_start = p
      return
    }
    view.sd_start = p
    view.sd_end = close
    if ((scanned & SdNote.flawed) !== 0) view.flags |= EventFlag.invalid
    if ((scanned & SdNote.modified) !== 0) view.flags |= EventFlag.cut_by_sender
    next = close
  }
  if (next < end) next += 1
  if (next + 3 <= end && buf[next] === 0xef && buf[next + 1] === 0xbb && buf[next + 2] === 0xbf) {
    next += 3
    if (!isUtf8Range(buf, next, end)) view.flags |= EventFlag.invalid
  }
  view.msg_start = next
}

/** Skips the one blank between fields; none or more than one is lenient. */
function fieldStart(view: EventView, buf: Buffer, from: number, end: number): number {
  let p = from + 1
  if (p >= end) {
    view.flags |= EventFlag.invalid
    return end
  }
  if (buf[p] === SPACE) {
    view.flags |= EventFlag.invalid
    while (p < end && buf[p] === SPACE) p += 1
  }
  return p
}

/** Offset of the blank behind a field. Too long, or not printable US-ASCII: kept, but invalid. */
function fieldEnd(view: EventView, buf: Buffer, from: number, end: number, max: number): number {
  let p = from
  let odd = false
  while (p < end) {
    const c = buf[p] ?? 0
    if (c <= SPACE || c > 0x7e) {
      if (c === SPACE) break
      odd = true
    }
    p += 1
  }
  if (odd || p - from > max) view.flags |= EventFlag.invalid
  return p
}

/** Whether what follows a time is RFC 5424 from HOSTNAME on: four words, then `-` or well-formed structured data. */
export function rfc5424TailFits(buf: Buffer, from: number, end: number): boolean {
  let p = from
  for (let field = 0; field < 4; field += 1) {
    const start = p
    while (p < end && buf[p] !== SPACE) p += 1
    if (p === start || p >= end) return false
    while (p < end && buf[p] === SPACE) p += 1
  }
  if (p >= end) return false
  if (buf[p] === DASH) return p + 1 === end || buf[p + 1] === SPACE
  if (buf[p] !== OPEN) return false
  const scanned = scanStructuredData(buf, p, end)
  const close = scanned >>> 2
  return scanned !== 0 && (close === end || buf[close] === SPACE)
}
