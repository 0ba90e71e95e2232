/** RFC 5424 §6.2–6.4 behind the time: HOSTNAME, APP-NAME, PROCID, MSGID, structured data, message. */
import type { Buffer } from 'node:buffer'
import { isUtf8Range } from '../base/utf8.ts'
import { scanStructuredData, SdNote } from './structured-data.ts'
import { digitsEnd } from './time-scan.ts'
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
  let p = from
  let odd = false
  for (let field = 0; field < 4; field += 1) {
    const start = fieldStart(view, buf, p, end)
    p = start
    while (p < end) {
      const c = buf[p]!
      if (c <= SPACE || c > 0x7e) {
        if (c === SPACE) break
        odd = true
      }
      p += 1
    }
    if (p > start && (p - start > 1 || buf[start] !== DASH)) setField(view, field, start, p)
  }
  if (odd) view.flags |= EventFlag.invalid
  view.msg_start = end
  p = fieldStart(view, buf, p, end)
  if (p < end) readTail(view, buf, p, end)
}

/** Skips the one blank between fields. None or more than one is nearly right. */
function fieldStart(view: EventView, buf: Buffer, from: number, end: number): number {
  let p = from + 1
  if (p < end && buf[p] !== SPACE) return p
  view.flags |= EventFlag.invalid
  if (p >= end) return end
  while (p < end && buf[p] === SPACE) p += 1
  return p
}

function setField(view: EventView, field: number, start: number, end: number): void {
  let max = MSGID_MAX
  if (field === 0) {
    view.host_start = start
    view.host_end = end
    max = HOST_MAX
  } else if (field === 1) {
    view.app_start = start
    view.app_end = end
    max = APP_MAX
  } else if (field === 2) {
    view.proc_start = start
    view.proc_end = end
    max = PROC_MAX
  } else {
    view.msgid_start = start
    view.msgid_end = end
  }
  if (end - start > max) view.flags |= EventFlag.invalid
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

/**
 * Whether what follows a time is RFC 5424 from HOSTNAME on: four words, then well-formed structured data, or `-` behind a PROCID
 * that is nil or a number (any text can hold a lone `-` as its fifth word).
 */
export function rfc5424TailFits(buf: Buffer, from: number, end: number): boolean {
  let p = from
  let numeric = false
  for (let field = 0; field < 4; field += 1) {
    const start = p
    while (p < end && buf[p] !== SPACE) p += 1
    if (p === start || p >= end) return false
    if (field === 2) numeric = digitsEnd(buf, start, p) === p || (p - start === 1 && buf[start] === DASH)
    while (p < end && buf[p] === SPACE) p += 1
  }
  if (p >= end) return false
  if (buf[p] === DASH) return numeric && (p + 1 === end || buf[p + 1] === SPACE)
  if (buf[p] !== OPEN) return false
  const scanned = scanStructuredData(buf, p, end)
  const close = scanned >>> 2
  return scanned !== 0 && (close === end || buf[close] === SPACE)
}
