/** When an event happened: what its header says, else when it was received. */
import { rfc3339End, twoDigits } from '../../classify/time-scan.ts'
import { HeaderForm, type EventView } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'

/** Milliseconds since the epoch of event `n`, whose header `view` holds. */
export function eventTime(view: EventView, batch: Batch, n: number): number {
  if (view.time_start >= 0 && view.form !== HeaderForm.rfc3164) {
    const ms = rfc3339Ms(view.buf, view.time_start, view.time_end)
    if (!Number.isNaN(ms)) return ms
  }
  return batch.received_at(n)
}

let last_day = -1
let last_day_ms = 0

/** A strict RFC 3339 time in milliseconds; NaN when it is not one. */
function rfc3339Ms(buf: EventView['buf'], start: number, end: number): number {
  if (rfc3339End(buf, start, end) !== end) return Number.NaN
  const year = twoDigits(buf, start) * 100 + twoDigits(buf, start + 2)
  const month = twoDigits(buf, start + 5)
  const day = twoDigits(buf, start + 8)
  const key = (year * 100 + month) * 100 + day
  if (key !== last_day) {
    const date = new Date(0)
    date.setUTCFullYear(year, month - 1, day)
    last_day_ms = date.getTime()
    last_day = key
  }
  let ms = last_day_ms
  ms +=
    twoDigits(buf, start + 11) * 3_600_000 +
    twoDigits(buf, start + 14) * 60_000 +
    twoDigits(buf, start + 17) * 1000
  let p = start + 19
  if (buf[p] === 0x2e) {
    let scale = 100
    for (p += 1; (buf[p] ?? 0) >= 0x30 && (buf[p] ?? 0) <= 0x39; p += 1) {
      ms += Math.floor(scale) * ((buf[p] ?? 0) - 0x30)
      scale /= 10
    }
  }
  if (buf[p] === 0x5a) return ms
  const offset = twoDigits(buf, p + 1) * 3_600_000 + twoDigits(buf, p + 4) * 60_000
  return buf[p] === 0x2d ? ms + offset : ms - offset
}
