/** Words, names and times as an RFC 5424 frame can hold them. */
import type { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { equalBytes } from '../../classify/structured-data.ts'
import { rfc3339End } from '../../classify/time-scan.ts'
import { isNameByte, sdIdEnd } from './field-roles.ts'
import type { Values } from './values.ts'

/** A host of RFC 5424; longer ones and longer programs are cut, and then stand among the fields as well. */
export const WORD_MAX = 255
const PARAM_NAME_MAX = 32
const SPACE = 0x20
const DASH = 0x2d

/** Printable ASCII without blanks, at most {@link WORD_MAX}; false when that is not all of it. */
export function putWord(out: JsonBuffer, buf: Buffer, start: number, end: number): boolean {
  if (end <= start) {
    out.putByte(DASH)
    return true
  }
  const stop = Math.min(end, start + WORD_MAX)
  let whole = stop === end
  for (let p = start; p < stop; p += 1) {
    const c = buf[p]!
    const fits = c > SPACE && c < 0x7f
    whole &&= fits
    out.putByte(fits ? c : 0x3f)
  }
  return whole
}

/** An SD-NAME: what may not stand in one becomes `_`. */
export function putName(out: JsonBuffer, buf: Buffer, start: number, end: number): void {
  const stop = Math.min(end, start + PARAM_NAME_MAX)
  if (stop <= start) out.putByte(0x5f)
  for (let p = start; p < stop; p += 1) out.putByte(isNameByte(buf[p]!) ? buf[p]! : 0x5f)
}

/** Whether the current value begins with this SD-ID and the one byte between it and the parameter. */
export function startsWith(values: Values, id: Buffer): boolean {
  const { buf, start, end } = values
  if (sdIdEnd(buf, start, end) !== start + id.length) return false
  return equalBytes(buf, start, start + id.length, id)
}

/** RFC 3339 with a zone, as RFC 5424 wants it. */
export function isWholeTime(buf: Buffer, start: number, end: number): boolean {
  if (end - start < 20 || end - start > 40 || rfc3339End(buf, start, end) !== end) return false
  const last = buf[end - 1]
  return last === 0x5a || buf[end - 6] === 0x2b || buf[end - 6] === DASH
}
