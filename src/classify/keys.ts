/** Keys of events other than labels, as bytes: what `rules/tenant-keys.ts` looks up. */
import type { Buffer } from 'node:buffer'
import { equalBytes, equalRange, sdNameEnd, sdValueEnd } from './structured-data.ts'

const SPACE = 0x20
const COLON = 0x3a
const ZERO = 0x30
const OPEN = 0x5b
/** Hex digits of one half of an interface's id. */
const HALF = 16

/** What {@link onlySdValue} answers. */
export const OnlyValue = { none: 0, one: 1, several: -1 } as const

/**
 * The value of parameter `name` of element `id` in well-formed structured data `buf[start, end)`, escapes still in it: its
 * span in `found`. Where the parameter repeats with another value there is none that can be believed: `several`.
 */
export function onlySdValue(
  buf: Buffer,
  start: number,
  end: number,
  id: Uint8Array,
  name: Uint8Array,
  found: Int32Array,
): number {
  let answer: number = OnlyValue.none
  let p = start
  while (p < end && buf[p] === OPEN) {
    let q = sdNameEnd(buf, p + 1, end)
    const ours = equalBytes(buf, p + 1, q, id)
    while (q < end && buf[q] === SPACE) {
      const at = q + 1
      q = sdNameEnd(buf, at, end)
      const value = q + 2
      const here = ours && equalBytes(buf, at, q, name)
      q = Math.abs(sdValueEnd(buf, value, end))
      // Cannot be in well-formed structured data; without this it would be an endless loop.
      if (q === 0) return answer
      if (here) {
        const size = q - value
        if (answer === OnlyValue.none) {
          found[0] = value
          found[1] = q
          answer = OnlyValue.one
        } else if (found[1]! - found[0]! !== size || !equalRange(buf, found[0]!, value, size)) {
          return OnlyValue.several
        }
      }
      q += 1
    }
    p = q + 1
  }
  return answer
}

/**
 * Writes the 32 hex digits of an interface `hi:lo` (as the gateway grammar marks it) to `into`: halves that lack leading
 * zeros get them. False when it is not of that form.
 */
export function interfaceDigits(buf: Buffer, start: number, end: number, into: Buffer): boolean {
  const colon = buf.indexOf(COLON, start)
  if (colon <= start || colon >= end - 1 || colon - start > HALF || end - colon - 1 > HALF) return false
  into.fill(ZERO, 0, 2 * HALF)
  buf.copy(into, HALF - (colon - start), start, colon)
  buf.copy(into, 2 * HALF - (end - colon - 1), colon + 1, end)
  return true
}
