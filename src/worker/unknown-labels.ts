/** The last labels that nobody owns, per stream: so that a wrong assumption about labels shows at once. */
import { Buffer } from 'node:buffer'
import type { EventView } from '../classify/view.ts'

const KEPT = 5
const BYTES_MAX = 64

interface Kept {
  readonly bytes: Buffer
  readonly lengths: number[]
  next: number
}

export class UnknownLabels {
  readonly #streams: Kept[] = []

  /** Keeps the label's bytes; costs a copy, on the path of orphans only. */
  note(view: EventView): void {
    while (this.#streams.length <= view.stream) {
      this.#streams.push({ bytes: Buffer.alloc(KEPT * BYTES_MAX), lengths: [], next: 0 })
    }
    const kept = this.#streams[view.stream] as Kept
    const length = Math.min(BYTES_MAX, view.label_end - view.label_start)
    view.buf.copy(kept.bytes, kept.next * BYTES_MAX, view.label_start, view.label_start + length)
    kept.lengths[kept.next] = length
    kept.next = (kept.next + 1) % KEPT
  }

  /** Per stream name, each value once. */
  list(names: readonly string[]): Record<string, string[]> {
    const list: Record<string, string[]> = {}
    for (const [stream, { bytes, lengths }] of this.#streams.entries()) {
      const labels = lengths.map((length, n) => bytes.toString('utf8', n * BYTES_MAX, n * BYTES_MAX + length))
      if (labels.length > 0) list[names[stream] ?? 'other'] = [...new Set(labels)]
    }
    return list
  }
}
