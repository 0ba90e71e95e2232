/** Parameters of structured data as conditions read them: every occurrence, without the escapes of RFC 5424 §6.3.3. */
import { Buffer } from 'node:buffer'
import { equalBytes, sdNameEnd, sdValueEnd } from '../classify/structured-data.ts'
import type { EventView } from '../classify/view.ts'

export type SpanTest = (buf: Buffer, start: number, end: number) => boolean

export interface SdParameter {
  readonly id: Uint8Array
  readonly name: Uint8Array
}

const SPACE = 0x20
const OPEN = 0x5b
const BACKSLASH = 0x5c
const QUOTE = 0x22
const CLOSE = 0x5d

/** Values with escapes are read from here. */
let plain = Buffer.alloc(1024)

/** Calls `found` with where each value of the parameter stands, its escapes included; of every one when `wanted` is null. */
export function eachSdValue(
  view: EventView,
  wanted: SdParameter | null,
  found: (start: number, end: number) => void,
): void {
  if (view.sd_start < 0) return
  const { buf, sd_end: end } = view
  let p = view.sd_start
  while (p < end && buf[p] === OPEN) {
    let q = sdNameEnd(buf, p + 1, end)
    const ours = wanted === null || equalBytes(buf, p + 1, q, wanted.id)
    while (q < end && buf[q] === SPACE) {
      const name = q + 1
      q = sdNameEnd(buf, name, end)
      const value = q + 2
      const here = ours && (wanted === null || equalBytes(buf, name, q, wanted.name))
      q = Math.abs(sdValueEnd(buf, value, end))
      if (here && q > value) found(value, q)
      q += 1
    }
    p = q + 1
  }
}

/** Whether the test holds for a value of the parameter; false when there is none. */
export function someSdValue(view: EventView, wanted: SdParameter, test: SpanTest): boolean {
  if (view.sd_start < 0) return false
  const { buf, sd_end: end } = view
  let p = view.sd_start
  while (p < end && buf[p] === OPEN) {
    let q = sdNameEnd(buf, p + 1, end)
    const ours = equalBytes(buf, p + 1, q, wanted.id)
    while (q < end && buf[q] === SPACE) {
      const name = q + 1
      q = sdNameEnd(buf, name, end)
      const value = q + 2
      const here = ours && equalBytes(buf, name, q, wanted.name)
      q = Math.abs(sdValueEnd(buf, value, end))
      if (here && testValue(buf, value, q, test)) return true
      q += 1
    }
    p = q + 1
  }
  return false
}

function testValue(buf: Buffer, start: number, end: number, test: SpanTest): boolean {
  const escape = buf.indexOf(BACKSLASH, start)
  if (escape < 0 || escape >= end) return test(buf, start, end)
  if (plain.length < end - start) plain = Buffer.alloc((end - start) * 2)
  let length = 0
  for (let at = start; at < end; at += 1) {
    let byte = buf[at] as number
    const next = buf[at + 1]
    if (byte === BACKSLASH && at + 1 < end && (next === QUOTE || next === BACKSLASH || next === CLOSE)) {
      byte = next
      at += 1
    }
    plain[length] = byte
    length += 1
  }
  return test(plain, 0, length)
}
