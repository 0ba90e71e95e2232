/** Pieces that all text formats are made of; nothing here makes a string per event. */
import type { JsonBuffer } from '../../base/json-buffer.ts'

const LF = 0x0a
const CR = 0x0d
const HASH = 0x23
const NIL = 0x2d
const QUESTION = 0x3f

/**
 * A header field of RFC 5424: `source[start, end)` as PRINTUSASCII, at most `max` bytes. What is not printable
 * becomes `?`; an absent (start -1) or empty field is the NILVALUE.
 */
export function putField(out: JsonBuffer, source: Uint8Array, start: number, end: number, max: number): void {
  if (start < 0 || end <= start) return out.putByte(NIL)
  const stop = Math.min(end, start + max)
  out.ensure(stop - start)
  const bytes = out.bytes
  let n = out.length
  for (let p = start; p < stop; p += 1) {
    const c = source[p] ?? 0
    bytes[n++] = c > 0x20 && c < 0x7f ? c : QUESTION
  }
  out.length = n
}

/** The same for a text. */
export function putFieldText(out: JsonBuffer, text: string, max: number): void {
  const stop = Math.min(text.length, max)
  if (stop === 0) return out.putByte(NIL)
  for (let i = 0; i < stop; i += 1) {
    const c = text.charCodeAt(i)
    out.putByte(c > 0x20 && c < 0x7f ? c : QUESTION)
  }
}

/** ASCII as it is. */
export function putAscii(out: JsonBuffer, text: string): void {
  const count = text.length
  out.ensure(count)
  const bytes = out.bytes
  let n = out.length
  for (let i = 0; i < count; i += 1) bytes[n++] = text.charCodeAt(i)
  out.length = n
}

/** Small whole numbers divide several times faster than doubles. */
const SMALL = 1_000_000_000

/** `count` decimal digits with leading zeros; at most 18. */
export function putDigits(out: JsonBuffer, value: number, count: number): void {
  out.ensure(count)
  const { bytes } = out
  const start = out.length
  const high = Math.floor(value / SMALL)
  let rest = (value - high * SMALL) | 0
  let at = start + count
  const middle = at - 9 > start ? at - 9 : start
  while (at > middle) {
    const tenth = (rest / 10) | 0
    bytes[--at] = 0x30 + rest - tenth * 10
    rest = tenth
  }
  rest = high | 0
  while (at > start) {
    const tenth = (rest / 10) | 0
    bytes[--at] = 0x30 + rest - tenth * 10
    rest = tenth
  }
  out.length = start + count
}

/**
 * Replaces LF, CR and NUL from `from` on as rsyslog does (`#012`, `#015`, `#000`), so that newline framing holds
 * (R68). Costs a look at each byte when there is none.
 */
export function escapeControls(out: JsonBuffer, from: number): void {
  let count = 0
  const end = out.length
  for (let p = from; p < end; p += 1) if (isControl(out.bytes[p] ?? 0)) count += 1
  if (count === 0) return
  out.ensure(count * 3)
  const bytes = out.bytes
  let to = end + count * 3
  out.length = to
  for (let p = end - 1; p >= from; p -= 1) {
    const c = bytes[p] ?? 0
    if (!isControl(c)) {
      bytes[--to] = c
      continue
    }
    bytes[--to] = c === LF ? 0x32 : c === CR ? 0x35 : 0x30
    bytes[--to] = c === 0 ? 0x30 : 0x31
    bytes[--to] = 0x30
    bytes[--to] = HASH
  }
}

function isControl(c: number): boolean {
  return c === LF || c === CR || c === 0
}
