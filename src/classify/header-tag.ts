/** The tag of BSD-style headers: `prog:`, `prog:[`, `prog[pid]:`, `prog[pid]`, `prog[]:` and `prog :`. */
import type { Buffer } from 'node:buffer'
import { HeaderForm, type EventView } from './view.ts'

const SPACE = 0x20
const QUOTE = 0x22
const PERCENT = 0x25
const COLON = 0x3a
const OPEN = 0x5b
const CLOSE = 0x5d
const BRACE = 0x7b
/** Longer words are no program names; RFC 3164 §4.1.3 says 32. */
const TAG_MAX = 128

/**
 * Reads a tag at `p` into `app` and `proc` and sets `msg_start` behind it and one blank. False, with nothing set, when
 * the word there is no tag: no colon and no bracket (RFC 3164 would let any blank end a tag, which makes the
 * first word of every text one), or what begins JSON or one of Cisco's messages (`%FACILITY-5-NAME:`).
 */
export function readTag(view: EventView, buf: Buffer, p: number, end: number): boolean {
  const last = end - p > TAG_MAX ? p + TAG_MAX : end
  let q = p
  let c = 0
  while (q < last) {
    c = buf[q]!
    if (c === COLON || c === SPACE || c === OPEN || c < 0x21) break
    q += 1
  }
  if (q === p || q >= last || beginsText(buf[p]!)) return false
  if (c === COLON) {
    if (q + 1 < end && buf[q + 1] !== SPACE && buf[q + 1] !== OPEN) return false
    setTag(view, p, q, -1, -1, q + 1, end, buf)
    return true
  }
  if (c === SPACE) {
    if (q + 1 >= end || buf[q + 1] !== COLON || (q + 2 < end && buf[q + 2] !== SPACE)) return false
    setTag(view, p, q, -1, -1, q + 2, end, buf)
    return true
  }
  return c === OPEN && readBracketed(view, buf, p, q, end)
}

function beginsText(c: number): boolean {
  return c === PERCENT || c === QUOTE || c === BRACE
}

/** `[pid]` behind the name, with or without a colon. */
function readBracketed(view: EventView, buf: Buffer, p: number, open: number, end: number): boolean {
  const last = end - open > TAG_MAX ? open + TAG_MAX : end
  let close = open + 1
  while (close < last) {
    const c = buf[close]!
    if (c === CLOSE) break
    if (c <= SPACE || c === OPEN) return false
    close += 1
  }
  if (close >= last) return false
  let next = close + 1
  if (next < end && buf[next] === COLON) next += 1
  // In a line of a log file, `word prog[pid] text` may as well be the text.
  else if (view.pri < 0 && view.form === HeaderForm.rfc3339) return false
  else if (next < end && buf[next] !== SPACE) return false
  setTag(view, p, open, open + 1, close, next, end, buf)
  return true
}

function setTag(
  view: EventView,
  app: number,
  app_end: number,
  proc: number,
  proc_end: number,
  next: number,
  end: number,
  buf: Buffer,
): void {
  view.app_start = app
  view.app_end = app_end
  view.proc_start = proc
  view.proc_end = proc_end
  view.msg_start = next < end && buf[next] === SPACE ? next + 1 : next
}
