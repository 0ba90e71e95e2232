/**
 * Offsets of IANA zones, for times that carry none. The platform's database is asked once a zone and year, a week at a time;
 * what it says is kept, so that an event costs no question.
 */

const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
const SECOND_MS = 1000
/** Years that are kept; times outside them ask each time, so that stamps without sense cannot fill the memory. */
const YEAR_MIN = 1970
const YEAR_MAX = 2099
/** Zones stand in the configuration; a list that is longer than this begins anew. */
const ZONES_MAX = 64

/** How often the clocks of a zone show a local time. */
export const LocalTime = {
  once: 0,
  /** Twice: clocks were put back over it. */
  repeated: 1,
  /** Never: clocks were put forward over it. */
  skipped: 2,
} as const
export type LocalTime = (typeof LocalTime)[keyof typeof LocalTime]

/** Offsets in `[from, to)`: `first` until `at[0]`, then `offsets[0]` until `at[1]`, and so on. */
interface Span {
  readonly from: number
  readonly to: number
  readonly first: number
  readonly at: readonly number[]
  readonly offsets: readonly number[]
}

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** By year. */
  readonly spans: Map<number, Span>
}

const zones = new Map<string, Zone | null>()
const NOWHERE: Span = { from: 0, to: 0, first: 0, at: [], offsets: [] }
let last_zone = ''
let last: Span = NOWHERE

/** Milliseconds that the clocks of `zone` are ahead of UTC at the instant `ms`; NaN for a zone that does not exist. */
export function zoneOffset(zone: string, ms: number): number {
  if (zone === 'UTC') return 0
  if (zone !== last_zone || !(ms >= last.from && ms < last.to)) {
    const known = zoneOf(zone)
    if (known === null || !(Math.abs(ms) <= 8.64e15)) return Number.NaN
    const year = new Date(ms).getUTCFullYear()
    if (year < YEAR_MIN || year > YEAR_MAX) return offsetOf(known.format, ms)
    last = spanOf(known, year)
    last_zone = zone
  }
  const { at, offsets } = last
  let offset = last.first
  for (let i = 0; i < at.length && ms >= at[i]!; i += 1) offset = offsets[i]!
  return offset
}

/**
 * The instant at which the clocks of `zone` show `local` (milliseconds as if it were UTC). Where they show it twice, the
 * one nearer to `near`; where they never show it, as if they had not been put forward yet.
 */
export function localToUtc(zone: string, local: number, near: number): number {
  if (zone === 'UTC') return local
  const early = earlyOf(zone, local)
  const late = lateOf(zone, local)
  if (late === early || !shows(zone, late, local)) return early
  return shows(zone, early, local) && Math.abs(near - early) <= Math.abs(near - late) ? early : late
}

/** Whether the clocks of `zone` show `local` once, twice or never. */
export function localTimeKind(zone: string, local: number): LocalTime {
  if (zone === 'UTC') return LocalTime.once
  const early = earlyOf(zone, local)
  const late = lateOf(zone, local)
  if (late === early || Number.isNaN(early)) return LocalTime.once
  if (!shows(zone, early, local)) return shows(zone, late, local) ? LocalTime.once : LocalTime.skipped
  return shows(zone, late, local) ? LocalTime.repeated : LocalTime.once
}

/** By the offset before a change that may be near, and by the one behind it. */
function earlyOf(zone: string, local: number): number {
  return local - zoneOffset(zone, local - DAY_MS)
}

function lateOf(zone: string, local: number): number {
  return local - zoneOffset(zone, local + DAY_MS)
}

function shows(zone: string, ms: number, local: number): boolean {
  return ms + zoneOffset(zone, ms) === local
}

function zoneOf(name: string): Zone | null {
  let zone = zones.get(name)
  if (zone === undefined) {
    if (zones.size >= ZONES_MAX) zones.clear()
    zone = makeZone(name)
    zones.set(name, zone)
  }
  return zone
}

function makeZone(name: string): Zone | null {
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
    return { format, spans: new Map() }
  } catch {
    return null
  }
}

function spanOf(zone: Zone, year: number): Span {
  let span = zone.spans.get(year)
  if (span === undefined) {
    span = readYear(zone.format, year)
    zone.spans.set(year, span)
  }
  return span
}

/** Two changes within a week would be missed; no zone has done that since 1970. */
function readYear(format: Intl.DateTimeFormat, year: number): Span {
  const from = Date.UTC(year, 0, 1)
  const to = Date.UTC(year + 1, 0, 1)
  const first = offsetOf(format, from)
  const at: number[] = []
  const offsets: number[] = []
  let offset = first
  for (let ms = from; ms < to; ms += WEEK_MS) {
    const end = Math.min(ms + WEEK_MS, to - SECOND_MS)
    const next = offsetOf(format, end)
    if (next === offset) continue
    at.push(changeIn(format, ms, end, offset))
    offsets.push(next)
    offset = next
  }
  return { from, to, first, at, offsets }
}

/** The first second of `(low, high]` whose offset is not `before`. */
function changeIn(format: Intl.DateTimeFormat, low: number, high: number, before: number): number {
  let [same, changed] = [low, high]
  while (changed - same > SECOND_MS) {
    const middle = same + Math.floor((changed - same) / 2 / SECOND_MS) * SECOND_MS
    if (offsetOf(format, middle) === before) same = middle
    else changed = middle
  }
  return changed
}

/** From `GMT`, `GMT+05:30` or `GMT-00:25:21`. */
function offsetOf(format: Intl.DateTimeFormat, ms: number): number {
  const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
  const [hours = '0', minutes = '0', seconds = '0'] = name.slice(4).split(':')
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  return name[3] === '-' ? -size : size
}
