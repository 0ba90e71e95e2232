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
  let p = from + 1
  let start = p
  let field = 0
  let odd = false
  while (p < end) {
    const c = buf[p]!
    if (c <= SPACE || c > 0x7e) {
      if (c !== SPACE) {
        odd = true
      } else if (p === start) {
        // More than one blank between fields.
        odd = true
        start = p + 1
      } else {
        if (setField(view, field, start, p - start === 1 && buf[start] === DASH ? -1 : p)) odd = true
        field += 1
        start = p + 1
        if (field === 4) break
      }
    }
    p += 1
  }
  if (field < 4 && start < end) {
    if (setField(view, field, start, end - start === 1 && buf[start] === DASH ? -1 : end)) odd = true
    start = end
  }
  while (start < end && buf[start] === SPACE) {
    odd = true
    start += 1
  }
  view.msg_start = end
  if (odd || start >= end) view.flags |= EventFlag.invalid
  if (start < end) readTail(view, buf, start, end)
}

/** Notes a field, unless it is nil (`end` -1); true when it is longer than the standard lets it be. */
function setField(view: EventView, field: number, start: number, end: number): boolean {
  if (end < 0) return false
  if (field === 0) {
    view.host_start = start
    view.host_end = end
    return end - start > HOST_MAX
  }
  if (field === 1) {
    view.app_start = start
    view.app_end = end
    return end - start > APP_MAX
  }
  if (field === 2) {
    view.proc_start = start
    view.proc_end = end
    return end - start > PROC_MAX
  }
  view.msgid_start = start
  view.msgid_end = end
  return end - start > MSGID_MAX
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
