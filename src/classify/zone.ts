/** Offsets of IANA zones, for times that carry none. */

/** The offset of a zone changes at most at quarters of an hour: one answer serves each. */
const QUARTER_MS = 900_000
const ZONES_MAX = 64
const formats = new Map<string, Intl.DateTimeFormat | null>()

let last_zone = ''
let last_quarter = 0
let last_offset = 0

/** Milliseconds that the clocks of `zone` are ahead of UTC at the instant `ms`; NaN for a zone that does not exist. */
export function zoneOffset(zone: string, ms: number): number {
  if (zone === 'UTC') return 0
  const quarter = Math.floor(ms / QUARTER_MS)
  if (zone === last_zone && quarter === last_quarter) return last_offset
  const format = formatOf(zone)
  if (format === null || !Number.isFinite(ms)) return Number.NaN
  last_zone = zone
  last_quarter = quarter
  last_offset = offsetOf(format, quarter * QUARTER_MS)
  return last_offset
}

/** The instant at which the clocks of `zone` show `local` (milliseconds as if it were UTC); in an overlap the first one. */
export function localToUtc(zone: string, local: number): number {
  if (zone === 'UTC') return local
  const early = local - zoneOffset(zone, local - 86_400_000)
  if (early + zoneOffset(zone, early) === local) return early
  const late = local - zoneOffset(zone, local + 86_400_000)
  // In a gap no instant shows it: the clock was not yet put forward.
  return late + zoneOffset(zone, late) === local ? late : early
}

function formatOf(zone: string): Intl.DateTimeFormat | null {
  let format = formats.get(zone)
  if (format === undefined) {
    if (formats.size >= ZONES_MAX) formats.clear()
    format = makeFormat(zone)
    formats.set(zone, format)
  }
  return format
}

function makeFormat(zone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  } catch {
    return null
  }
}

/** From `GMT`, `GMT+05:30` or `GMT-00:25:21`. */
function offsetOf(format: Intl.DateTimeFormat, ms: number): number {
  const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
  const [hours = '0', minutes = '0', seconds = '0'] = name.slice(4).split(':')
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  return name[3] === '-' ? -size : size
}
