/** Times as text, written as bytes: UTC, from milliseconds since the epoch. */
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { putAscii, putDigits } from './text.ts'

const DAY_MS = 86_400_000
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const
/** What a Date can hold; a stamp beyond it is nonsense and becomes the epoch. */
const STAMP_MAX = 8.64e15

let day = Number.NaN
let day_iso = ''
let day_bsd = ''

function useDay(ms: number): number {
  const at = Number.isFinite(ms) && Math.abs(ms) <= STAMP_MAX ? ms : 0
  const number = Math.floor(at / DAY_MS)
  if (number !== day) {
    const date = new Date(number * DAY_MS)
    day = number
    day_iso = `${date.toISOString().slice(0, -14)}T`
    day_bsd = `${MONTHS[date.getUTCMonth()] ?? 'Jan'} ${String(date.getUTCDate()).padStart(2, ' ')} `
  }
  return Math.floor(at - number * DAY_MS)
}

/** RFC 5424 section 6.2.3: `2026-01-02T03:04:05.678Z`. */
export function putIsoStamp(out: JsonBuffer, ms: number): void {
  const rest = useDay(ms)
  putAscii(out, day_iso)
  putClock(out, rest)
  out.putByte(0x2e)
  putDigits(out, rest % 1000, 3)
  out.putByte(0x5a)
}

/** RFC 3164 section 4.1.2: `Jan  2 03:04:05`. */
export function putBsdStamp(out: JsonBuffer, ms: number): void {
  const rest = useDay(ms)
  putAscii(out, day_bsd)
  putClock(out, rest)
}

function putClock(out: JsonBuffer, ms_of_day: number): void {
  const seconds = Math.floor(ms_of_day / 1000)
  putDigits(out, Math.floor(seconds / 3600), 2)
  out.putByte(0x3a)
  putDigits(out, Math.floor(seconds / 60) % 60, 2)
  out.putByte(0x3a)
  putDigits(out, seconds % 60, 2)
}
