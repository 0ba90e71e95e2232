/**
 * What is counted of each source: which streams it sends in which form of header, what is cut or broken, when it was
 * last seen, and how its senders' clocks go. One count an event; everything else is looked at once a second a source.
 */
import { add, type Counters, SourceCell, STREAMS_MAX, WorkerCell } from '../base/counters.ts'
import { clockSkewMs } from '../classify/timestamp.ts'
import { EventFlag, type EventView } from '../classify/view.ts'
import type { SourceSettings } from '../config/types.ts'

/** Milliseconds between events of a source whose time is compared with ours. */
const SAMPLE_MS = 1000
/** The least and the most of the last one to two of these: one late event does not stay for good. */
const WINDOW_MS = 30_000
const MARKED = EventFlag.truncated | EventFlag.cut_by_sender | EventFlag.invalid

/** Names of the counters' blocks, by source number: 0 is for peers of no source. */
export function sourceNames(sources: readonly Pick<SourceSettings, 'name'>[]): string[] {
  return ['', ...sources.map(({ name }) => name)]
}

interface Span {
  least: number
  most: number
  /** Sender whose clock was farthest off, and by how much. */
  worst: number
  peer: string
}

/** Clocks of one source. */
class Skew {
  #now: Span = empty()
  #before: Span = empty()
  #began = 0

  note(skew: number, peer: string, now: number, cells: Float64Array): void {
    if (now - this.#began >= WINDOW_MS) {
      this.#before = now - this.#began >= 2 * WINDOW_MS ? empty() : this.#now
      this.#now = empty()
      this.#began = now
    }
    const span = this.#now
    span.least = Math.min(span.least, skew)
    span.most = Math.max(span.most, skew)
    if (Math.abs(skew) >= span.worst) {
      span.worst = Math.abs(skew)
      span.peer = peer
    }
    cells[SourceCell.skew_least] = Math.min(span.least, this.#before.least)
    cells[SourceCell.skew_most] = Math.max(span.most, this.#before.most)
  }

  get peer(): string {
    return this.#before.worst > this.#now.worst ? this.#before.peer : this.#now.peer
  }
}

function empty(): Span {
  return { least: Number.POSITIVE_INFINITY, most: Number.NEGATIVE_INFINITY, worst: -1, peer: '' }
}

export class SourceCounts {
  readonly #names: readonly string[]
  readonly #zones: readonly string[]
  /** By source number. */
  readonly #cells: readonly Float64Array[]
  readonly #skews: readonly Skew[]
  /** Monotonic milliseconds when the next event is looked at. */
  readonly #due: Float64Array
  readonly #worker: Float64Array

  constructor(counters: Counters, sources: readonly SourceSettings[]) {
    this.#names = sourceNames(sources)
    this.#zones = ['UTC', ...sources.map(({ zone }) => zone)]
    this.#cells = this.#names.map((name) => counters.block('source', name))
    this.#skews = this.#names.map(() => new Skew())
    this.#due = new Float64Array(this.#names.length)
    this.#worker = counters.block('worker', 'worker')
  }

  /** Counts a classified event; `now` is monotonic, in milliseconds. */
  count(view: EventView, now: number): void {
    const { source } = view
    const cells = this.#cells[source] as Float64Array
    add(cells, SourceCell.received + view.form * STREAMS_MAX + view.stream, 1)
    if ((view.flags & MARKED) !== 0) this.#mark(cells, view.flags)
    if (now >= (this.#due[source] as number)) this.#sample(view, cells, now)
  }

  /** Per source: the peer whose clock was farthest off lately. */
  worstClocks(): Record<string, string> {
    const known = this.#names.map((name, n) => [name, this.#skews[n]?.peer ?? ''] as const)
    return Object.fromEntries(known.filter(([, peer]) => peer !== ''))
  }

  #mark(cells: Float64Array, flags: number): void {
    if ((flags & EventFlag.truncated) !== 0) add(cells, SourceCell.truncated, 1)
    if ((flags & EventFlag.invalid) !== 0) add(cells, SourceCell.invalid, 1)
    if ((flags & EventFlag.cut_by_sender) === 0) return
    add(cells, SourceCell.cut_by_sender, 1)
    add(this.#worker, WorkerCell.sender_cut, 1)
  }

  #sample(view: EventView, cells: Float64Array, now: number): void {
    this.#due[view.source] = now + SAMPLE_MS
    cells[SourceCell.last_seen_at] = view.received_at
    const skew = clockSkewMs(view, this.#zones[view.source] ?? 'UTC')
    if (Number.isNaN(skew)) return
    cells[SourceCell.skew_at] = view.received_at
    this.#skews[view.source]?.note(skew, view.peer, now, cells)
  }
}
