/** Structured data as JSON bytes. */
import { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../base/json-buffer.ts'
import { equalRange, sdNameEnd, sdValueEnd, structuredDataObject } from './structured-data.ts'

const SPACE = 0x20
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x5b
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
/** Names compared for repetition while writing; more go the slow way. */
const NAMES_MAX = 16
const names = new Int32Array(NAMES_MAX * 2)
const element_ids = new Int32Array(NAMES_MAX * 2)

/**
 * Writes well-formed structured data as an object. Straight from the bytes where it can be; escapes, names that repeat
 * (they are merged) and very many names go through an object.
 */
export function putStructuredData(target: JsonBuffer, buf: Buffer, start: number, end: number): void {
  const mark = target.length
  if (putDirect(target, buf, start, end)) return
  target.length = mark
  target.putRaw(Buffer.from(JSON.stringify(structuredDataObject(buf, start, end))))
}

function putDirect(target: JsonBuffer, buf: Buffer, start: number, end: number): boolean {
  let p = start
  let elements = 0
  target.putByte(OPEN_BRACE)
  while (p < end && buf[p] === OPEN) {
    const q = sdNameEnd(buf, p + 1, end)
    if (!remember(element_ids, elements, buf, p + 1, q)) return false
    if (elements > 0) target.putByte(COMMA)
    elements += 1
    target.putUtf8(buf, p + 1, q)
    target.putByte(COLON)
    p = putParams(target, buf, q, end)
    if (p === 0) return false
    p += 1
  }
  target.putByte(CLOSE_BRACE)
  return true
}

/** Returns the offset of the closing bracket, or 0: not this way. */
function putParams(target: JsonBuffer, buf: Buffer, from: number, end: number): number {
  let q = from
  let count = 0
  target.putByte(OPEN_BRACE)
  while (q < end && buf[q] === SPACE) {
    const name = q + 1
    q = sdNameEnd(buf, name, end)
    if (!remember(names, count, buf, name, q)) return 0
    if (count > 0) target.putByte(COMMA)
    count += 1
    target.putUtf8(buf, name, q)
    target.putByte(COLON)
    const value = q + 2
    q = Math.abs(sdValueEnd(buf, value, end))
    for (let i = value; i < q; i += 1) if (buf[i] === BACKSLASH) return 0
    target.putUtf8(buf, value, q)
    q += 1
  }
  target.putByte(CLOSE_BRACE)
  return q
}

/** False when the name stands there already, or there are too many. */
function remember(known: Int32Array, count: number, buf: Buffer, start: number, end: number): boolean {
  if (count >= NAMES_MAX) return false
  known[count * 2] = start
  known[count * 2 + 1] = end
  for (let i = 0; i < count; i += 1) {
    const other = known[i * 2]!
    if (known[i * 2 + 1]! - other === end - start && equalRange(buf, other, start, end - start)) return false
  }
  return true
}
