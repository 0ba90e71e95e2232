/** The labels that nobody owns, per stream: how many, and the last few, so that a wrong assumption shows at once. */
import { Buffer } from 'node:buffer'
import { EventFlag, type EventView } from '../classify/view.ts'

/** Different labels kept for each stream. */
const KEPT = 8
/** Bytes kept of a label; VCD's have 32. */
const BYTES_MAX = 128
const CUT = EventFlag.truncated | EventFlag.cut_by_sender

/** A label that nobody owns, as it was seen. */
export interface UnknownLabel {
  /** UTF-8 text of its first 128 bytes. */
  readonly label: string
  /** Events with it since it was kept. */
  readonly events: number
  /** The event was cut: this may be what is left of a known label. */
  readonly cut: boolean
}

/** What is known of a stream's unknown labels. */
export interface UnknownStream {
  /** Events since the worker started. */
  readonly events: number
  /** The last ones, the newest first. */
  readonly last: readonly UnknownLabel[]
}

interface Kept {
  readonly bytes: Buffer
  readonly lengths: Int32Array
  readonly events: Float64Array
  readonly cut: Uint8Array
  /** When each was last seen: the stream's own count of events. */
  readonly seen: Float64Array
  total: number
}

export class UnknownLabels {
  #streams: (Kept | undefined)[] = []

  /** Keeps the label's bytes; costs a comparison with those kept, on the path of orphans only. */
  note(view: EventView): void {
    const kept = (this.#streams[view.stream] ??= empty())
    kept.total += 1
    const length = Math.min(BYTES_MAX, view.label_end - view.label_start)
    const end = view.label_start + length
    let oldest = 0
    for (let slot = 0; slot < KEPT; slot++) {
      const from = slot * BYTES_MAX
      const known = kept.lengths[slot]!
      if (known === length && equal(kept.bytes, from, view.buf, view.label_start, end)) {
        kept.events[slot]! += 1
        kept.seen[slot] = kept.total
        return
      }
      if (kept.seen[slot]! < kept.seen[oldest]!) oldest = slot
    }
    view.buf.copy(kept.bytes, oldest * BYTES_MAX, view.label_start, end)
    kept.lengths[oldest] = length
    kept.events[oldest] = 1
    kept.cut[oldest] = (view.flags & CUT) === 0 ? 0 : 1
    kept.seen[oldest] = kept.total
  }

  /** Other rules: streams may have other numbers, and what was unknown may be known. Counts go on by stream name. */
  renumber(before: readonly string[], after: readonly string[]): void {
    // The list may have holes, which `entries` shows and `map` skips.
    const totals = new Map<string, number>()
    for (const [stream, kept] of this.#streams.entries()) totals.set(before[stream] ?? '', kept?.total ?? 0)
    this.#streams = after.map((name) => {
      const total = totals.get(name) ?? 0
      return total === 0 ? undefined : { ...empty(), total }
    })
  }

  /** By stream name; streams without unknown labels are left out. */
  list(names: readonly string[]): Record<string, UnknownStream> {
    const list: Record<string, UnknownStream> = {}
    for (const [stream, kept] of this.#streams.entries()) {
      if (kept === undefined) continue
      const slots = [...kept.lengths.keys()].filter((slot) => kept.seen[slot]! > 0)
      const newest = slots.toSorted((a, b) => kept.seen[b]! - kept.seen[a]!)
      const last = newest.map((slot): UnknownLabel => {
        const from = slot * BYTES_MAX
        const label = kept.bytes.toString('utf8', from, from + kept.lengths[slot]!)
        return { label, events: kept.events[slot]!, cut: kept.cut[slot] === 1 }
      })
      list[names[stream] ?? 'other'] = { events: kept.total, last }
    }
    return list
  }
}

function empty(): Kept {
  return {
    bytes: Buffer.alloc(KEPT * BYTES_MAX),
    lengths: new Int32Array(KEPT),
    events: new Float64Array(KEPT),
    cut: new Uint8Array(KEPT),
    seen: new Float64Array(KEPT),
    total: 0,
  }
}

function equal(kept: Buffer, at: number, buf: Buffer, start: number, end: number): boolean {
  while (start < end) if (kept[at++] !== buf[start++]) return false
  return true
}
