/**
 * The instant that a header's time names, and instants as text. Times without a year (RFC 3164) or without a zone
 * are resolved against the receive time and the source's zone, never against the wall clock.
 */
import type { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../base/json-buffer.ts'
import { digitsEnd, monthAt, monthDays, twoDigits, yearAt } from './time-scan.ts'
import { HeaderForm, type EventView } from './view.ts'
import { LocalTime, localTimeKind, localToUtc } from './zone.ts'

const DAY_MS = 86_400_000
/** How far ahead of ours a sender's clock may be before a time without a year belongs to the year before. */
const AHEAD_MS = 31 * DAY_MS
const SPACE = 0x20

/** Milliseconds since the epoch of the header's time; NaN when there is none or it names no instant. */
export function timestampMs(view: EventView, zone: string): number {
  if (view.time_start < 0) return Number.NaN
  if (view.form !== HeaderForm.rfc3164) {
    const offset = rfc3339Offset(view)
    if (offset === Number.POSITIVE_INFINITY) return Number.NaN
    if (!Number.isNaN(offset)) return rfc3339Local(view) - offset
  }
  return localToUtc(zone, localMs(view, zone), view.received_at)
}

/** When an event happened, as far as it is known: what its header says, else when it was received. */
export function eventMs(view: EventView, zone: string): number {
  const ms = timestampMs(view, zone)
  return Number.isNaN(ms) ? view.received_at : ms
}

/**
 * Milliseconds that the sender's clock seems to be ahead of ours: the header's time less the receive time. Negative for
 * a clock that is behind and for an event that was long on its way; near whole hours where the source's `zone` is wrong. NaN
 * where nothing can be said: no time, or one that the zone's clocks show twice or never. Meant for samples,
 * not for every event.
 */
export function clockSkewMs(view: EventView, zone: string): number {
  if (timestampKind(view, zone) !== LocalTime.once) return Number.NaN
  return timestampMs(view, zone) - view.received_at
}

/**
 * Whether the clocks of `zone` show the header's time once, twice (`timestampMs` takes the one nearer to the receive
 * time) or never. Times that carry their own offset, and those that name no instant, are shown once.
 */
export function timestampKind(view: EventView, zone: string): LocalTime {
  if (zone === 'UTC' || view.time_start < 0) return LocalTime.once
  if (view.form !== HeaderForm.rfc3164 && !Number.isNaN(rfc3339Offset(view))) return LocalTime.once
  return localTimeKind(zone, localMs(view, zone))
}

/** The header's time as RFC 3339 in UTC with milliseconds (more digits are cut off), or null. */
export function timestampText(view: EventView, zone: string): string | null {
  return utcText(timestampMs(view, zone))
}

/** An instant as RFC 3339 in UTC with milliseconds; null for NaN and for years that four digits cannot name. */
export function utcText(ms: number): string | null {
  if (!(ms >= FIRST_MS && ms <= LAST_MS)) return null
  return new Date(ms).toISOString()
}

/** 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
const FIRST_MS = -62_167_219_200_000
const LAST_MS = 253_402_300_799_999

/** What the sender's clock showed, as if it were UTC; the year of a time without one needs the zone. */
function localMs(view: EventView, zone: string): number {
  return view.form === HeaderForm.rfc3164 ? bsdLocal(view, zone) : rfc3339Local(view)
}

/** The span must be what `rfc3339End` found. */
function rfc3339Local(view: EventView): number {
  const { buf, time_start: start, time_end: end } = view
  const day = dayOf(yearAt(buf, start), twoDigits(buf, start + 5), twoDigits(buf, start + 8))
  let ms = day * DAY_MS + clockMs(buf, start + 11)
  const p = start + 19
  if (p < end && buf[p] === 0x2e) ms += fractionMs(buf, p + 1, end)
  return ms
}

/** Milliseconds of the time's own offset; infinite when out of range (no instant), NaN when it has none. */
function rfc3339Offset(view: EventView): number {
  const { buf, time_end: end } = view
  let p = view.time_start + 19
  if (p < end && buf[p] === 0x2e) p = digitsEnd(buf, p + 1, end)
  if (p >= end) return Number.NaN
  const sign = buf[p]
  if (sign === 0x5a || sign === 0x7a) return 0
  const hours = twoDigits(buf, p + 1)
  const minutes = p + 3 >= end ? 0 : twoDigits(buf, buf[p + 3] === 0x3a ? p + 4 : p + 3)
  if (hours > 23 || minutes > 59) return Number.POSITIVE_INFINITY
  const offset = hours * 3_600_000 + minutes * 60_000
  return sign === 0x2d ? -offset : offset
}

/** Days since the epoch (proleptic Gregorian); NaN for a day that does not exist. */
function dayOf(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) return Number.NaN
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const of_era = shifted - era * 400
  const of_year = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  return era * 146_097 + of_era * 365 + Math.floor(of_era / 4) - Math.floor(of_era / 100) + of_year - 719_468
}

/** `hh:mm:ss` at `p`; NaN when out of range, a leap second included: no instant of ours is one. */
function clockMs(buf: Buffer, p: number): number {
  const hour = twoDigits(buf, p)
  const minute = twoDigits(buf, p + 3)
  const second = twoDigits(buf, p + 6)
  if (hour > 23 || minute > 59 || second > 59) return Number.NaN
  return hour * 3_600_000 + minute * 60_000 + second * 1000
}

function fractionMs(buf: Buffer, from: number, end: number): number {
  let ms = 0
  for (let place = 0, scale = 100; place < 3 && from + place < end; place += 1, scale /= 10) {
    const digit = buf[from + place]! - 0x30
    if (digit < 0 || digit > 9) break
    ms += digit * scale
  }
  return ms
}

/** The span must be what `bsdTimeEnd` found, with a year before it or not. */
function bsdLocal(view: EventView, zone: string): number {
  const { buf, time_end: end } = view
  let start = view.time_start
  let year = -1
  if (monthAt(buf, start) === 0) {
    year = yearAt(buf, start)
    start += 5
  }
  const month = monthAt(buf, start)
  let p = start + 4
  if (buf[p] === SPACE) p += 1
  const digits = digitsEnd(buf, p, end) - p
  const day = digits === 2 ? twoDigits(buf, p) : buf[p]! - 0x30
  p += digits + 1
  if (digitsEnd(buf, p, end) - p === 4) {
    year = yearAt(buf, p)
    p += 5
  }
  let clock = clockMs(buf, p)
  if (p + 8 < end) clock += fractionMs(buf, p + 9, end)
  if (year >= 0) return dayOf(year, month, day) * DAY_MS + clock
  return resolveYear(month, day, clock, view.received_at, zone)
}

/**
 * The latest such time that is not more than a month ahead of the receive time: a line of December that comes in January is of
 * the old year, one of January that comes in December from a wrong clock is of the new one. As if it were UTC.
 */
function resolveYear(month: number, day: number, clock: number, received: number, zone: string): number {
  if (!(received > 0 && received <= LAST_MS)) return Number.NaN
  const year = new Date(received).getUTCFullYear() + 1
  for (let back = 0; back < 3; back += 1) {
    const local = dayOf(year - back, month, day) * DAY_MS + clock
    if (localToUtc(zone, local, received) <= received + AHEAD_MS) return local
  }
  return Number.NaN
}

/** Writes {@link utcText} as a JSON string or `null`, without making a text. */
export function putUtc(target: JsonBuffer, ms: number): void {
  if (!(ms >= FIRST_MS && ms <= LAST_MS)) {
    target.putNull()
    return
  }
  target.ensure(26)
  const out = target.bytes
  const n = target.length
  const day = Math.floor(ms / DAY_MS)
  putDate(out, n + 1, day)
  const rest = Math.floor(ms - day * DAY_MS) | 0
  const seconds = (rest / 1000) | 0
  const minutes = (seconds / 60) | 0
  const hours = (minutes / 60) | 0
  const millis = rest - seconds * 1000
  out[n] = 0x22
  out[n + 11] = 0x54
  putTwo(out, n + 12, hours)
  out[n + 14] = 0x3a
  putTwo(out, n + 15, minutes - hours * 60)
  out[n + 17] = 0x3a
  putTwo(out, n + 18, seconds - minutes * 60)
  out[n + 20] = 0x2e
  out[n + 21] = 0x30 + ((millis / 100) | 0)
  putTwo(out, n + 22, millis % 100)
  out[n + 24] = 0x5a
  out[n + 25] = 0x22
  target.length = n + 26
}

/** `YYYY-MM-DD` of a day since the epoch, in the years 0 to 9999; years begin in March while counting. */
function putDate(out: Buffer, p: number, day: number): void {
  // One era of 400 years more, so that nothing is negative.
  const shifted = day + 719_468 + 146_097
  const era = (shifted / 146_097) | 0
  const of_era = shifted - era * 146_097
  const year_of_era =
    ((of_era - ((of_era / 1460) | 0) + ((of_era / 36_524) | 0) - ((of_era / 146_096) | 0)) / 365) | 0
  const of_year = of_era - (365 * year_of_era + ((year_of_era / 4) | 0) - ((year_of_era / 100) | 0))
  const fifth = ((5 * of_year + 2) / 153) | 0
  const month = fifth < 10 ? fifth + 3 : fifth - 9
  const year = (era - 1) * 400 + year_of_era + (month <= 2 ? 1 : 0)
  const century = (year / 100) | 0
  putTwo(out, p, century)
  putTwo(out, p + 2, year - century * 100)
  out[p + 4] = 0x2d
  putTwo(out, p + 5, month)
  out[p + 7] = 0x2d
  putTwo(out, p + 8, of_year - (((153 * fifth + 2) / 5) | 0) + 1)
}

function putTwo(out: Buffer, p: number, value: number): void {
  const tens = (value / 10) | 0
  out[p] = 0x30 + tens
  out[p + 1] = 0x30 + value - tens * 10
}
