/**
 * Finds where a time ends, over bytes, without making one: the hot half of `timestamp.ts`. All return the
 * offset behind the time, negated when it is only nearly in the standard's form (the header is then marked
 * invalid), and 0 when there is none. A time is followed by a blank or by the end of the frame.
 */
import type { Buffer } from 'node:buffer'

const SPACE = 0x20
const COLON = 0x3a

/** The number that two digits at `p` make, or -1. */
export function twoDigits(buf: Buffer, p: number): number {
  const tens = buf[p]! - 0x30
  const ones = buf[p + 1]! - 0x30
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) return -1
  return tens * 10 + ones
}

/** The year that the four digits at `p` make. */
export function yearAt(buf: Buffer, p: number): number {
  return buf[p]! * 1000 + buf[p + 1]! * 100 + buf[p + 2]! * 10 + buf[p + 3]! - 53328
}

/** Negative when one of two bytes is no digit. */
function off(a: number, b: number): number {
  return (a - 0x30) | (0x39 - a) | (b - 0x30) | (0x39 - b)
}

/** Days of a month, 1–12; `year` decides February. */
export function monthDays(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Offset behind a run of digits. */
export function digitsEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end) {
    const c = buf[p]!
    if (c < 0x30 || c > 0x39) break
    p += 1
  }
  return p
}

/**
 * RFC 3339 as RFC 5424 §6.2.3 narrows it. Nearly so: lower-case `t` and `z`, a blank zone, one without colon or minutes,
 * more than six digits of a second, numbers out of range.
 */
export function rfc3339End(buf: Buffer, p: number, end: number): number {
  if (end - p < 19) return 0
  if (buf[p + 4] !== 0x2d || buf[p + 7] !== 0x2d || buf[p + 13] !== COLON || buf[p + 16] !== COLON) return 0
  const t = buf[p + 10]
  if (t !== 0x54 && t !== 0x74) return 0
  const odd =
    off(buf[p]!, buf[p + 1]!) |
    off(buf[p + 2]!, buf[p + 3]!) |
    off(buf[p + 5]!, buf[p + 6]!) |
    off(buf[p + 8]!, buf[p + 9]!) |
    off(buf[p + 11]!, buf[p + 12]!) |
    off(buf[p + 14]!, buf[p + 15]!) |
    off(buf[p + 17]!, buf[p + 18]!)
  if (odd < 0) return 0
  const month = buf[p + 5]! * 10 + buf[p + 6]! - 528
  const day = buf[p + 8]! * 10 + buf[p + 9]! - 528
  const hour = buf[p + 11]! * 10 + buf[p + 12]! - 528
  let strict =
    t === 0x54 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    hour <= 23 &&
    buf[p + 14]! < 0x36 &&
    buf[p + 17]! < 0x36
  if (day > 28 && day > monthDays(yearAt(buf, p), month)) strict = false
  let q = p + 19
  if (q < end && buf[q] === 0x2e) {
    const fraction = q + 1
    q = digitsEnd(buf, fraction, end)
    if (q === fraction) return 0
    if (q - fraction > 6) strict = false
  }
  return zoneEnd(buf, q, end, strict)
}

function zoneEnd(buf: Buffer, p: number, end: number, strict: boolean): number {
  let q = p
  let good = strict
  const c = q < end ? buf[q]! : SPACE
  if (c === 0x5a) {
    q += 1
  } else if (c === 0x7a) {
    q += 1
    good = false
  } else if (c === 0x2b || c === 0x2d) {
    if (end - q === 3 || (end - q > 3 && buf[q + 3] === SPACE)) return twoDigits(buf, q + 1) < 0 ? 0 : -q - 3
    if (end - q < 5) return 0
    const colon = buf[q + 3] === COLON
    if (colon && end - q < 6) return 0
    const hours = twoDigits(buf, q + 1)
    const minutes = twoDigits(buf, colon ? q + 4 : q + 3)
    if ((hours | minutes) < 0) return 0
    if (!colon || hours > 23 || minutes > 59) good = false
    q += colon ? 6 : 5
  } else {
    good = false
  }
  if (q < end && buf[q] !== SPACE) return 0
  return good ? q : -q
}

/** 1–12 for `Jan` … `Dec` at `p` (three bytes must be there), also where the last two letters are capitals; else 0. */
export function monthAt(buf: Buffer, p: number): number {
  switch ((buf[p]! << 16) | (buf[p + 1]! << 8) | buf[p + 2]! | 0x2020) {
    case 0x4a616e:
      return 1
    case 0x466562:
      return 2
    case 0x4d6172:
      return 3
    case 0x417072:
      return 4
    case 0x4d6179:
      return 5
    case 0x4a756e:
      return 6
    case 0x4a756c:
      return 7
    case 0x417567:
      return 8
    case 0x536570:
      return 9
    case 0x4f6374:
      return 10
    case 0x4e6f76:
      return 11
    case 0x446563:
      return 12
    default:
      return 0
  }
}

/**
 * `Mmm dd hh:mm:ss` of RFC 3164 §4.1.2. Nearly so: a month in capitals, a day `1` or `01` for ` 1`, a year before the clock, a
 * fraction of a second, numbers out of range, a colon behind it.
 */
export function bsdTimeEnd(buf: Buffer, p: number, end: number): number {
  if (end - p < 14 || buf[p + 3] !== SPACE) return 0
  const month = monthAt(buf, p)
  if (month === 0) return 0
  let q = p + 4
  const padded = buf[q] === SPACE
  if (padded) q += 1
  const digits = digitsEnd(buf, q, Math.min(end, q + 2)) - q
  if (digits === 0 || (padded && digits === 2)) return 0
  const day = digits === 2 ? twoDigits(buf, q) : buf[q]! - 0x30
  // Capitals lack the bit that makes letters small.
  let strict = (buf[p + 1]! & buf[p + 2]! & 0x20) !== 0
  if (day < (padded ? 1 : 10) || day > monthDays(2000, month)) strict = false
  q += digits
  if (q >= end || buf[q] !== SPACE) return 0
  q += 1
  if (q + 4 < end && buf[q + 4] === SPACE && digitsEnd(buf, q, q + 4) === q + 4) {
    q += 5
    strict = false
  }
  return clockEnd(buf, q, end, strict)
}

function clockEnd(buf: Buffer, p: number, end: number, strict: boolean): number {
  if (end - p < 8 || buf[p + 2] !== COLON || buf[p + 5] !== COLON) return 0
  const hour = twoDigits(buf, p)
  const minute = twoDigits(buf, p + 3)
  const second = twoDigits(buf, p + 6)
  if ((hour | minute | second) < 0) return 0
  let good = strict && hour <= 23 && minute <= 59 && second <= 59
  let q = p + 8
  if (q < end && buf[q] === 0x2e) {
    const fraction = q + 1
    q = digitsEnd(buf, fraction, end)
    if (q === fraction) return 0
    good = false
  }
  if (q < end && buf[q] !== SPACE) {
    if (buf[q] !== COLON || (q + 1 < end && buf[q + 1] !== SPACE)) return 0
    good = false
  }
  return good ? q : -q
}

/** The same with the year before the month, as NX-OS writes it: never strict. */
export function yearFirstEnd(buf: Buffer, p: number, end: number): number {
  if (end - p < 19 || buf[p + 4] !== SPACE || digitsEnd(buf, p, p + 5) !== p + 4) return 0
  return -Math.abs(bsdTimeEnd(buf, p + 5, end))
}
