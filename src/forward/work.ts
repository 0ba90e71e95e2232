/**
 * Batches that are delivered together, as ranges of their events still to do. Ranges are worked through from
 * the left, so what lies before the current one is done; a range that a destination refuses is split until the
 * event that is to blame stands alone (R57). Pure bookkeeping.
 */
import type { DropReason } from '../base/counters.ts'
import type { Batch } from '../queue/batch.ts'
import type { Dropped } from './replay-window.ts'

/** Events [from, to), counted over all batches of the work. */
export interface Range {
  readonly from: number
  readonly to: number
}

export interface Finished {
  readonly batch: Batch
  readonly dropped: Dropped | undefined
}

export class Work {
  readonly batches: readonly Batch[]
  /** Number of the first event of each batch, and of what follows the last. */
  readonly #starts: number[] = [0]
  /** The last is the current one. */
  readonly #todo: Range[] = []
  readonly #dropped: (Partial<Record<DropReason, number>> | undefined)[]
  /** Batches before this one are finished and were handed out. */
  #finished = 0
  #split = false
  /** Events that are dropped, or done before others of their range. */
  readonly #gone = new Set<number>()

  constructor(batches: readonly Batch[]) {
    this.batches = batches
    this.#dropped = batches.map(() => undefined)
    let events = 0
    for (const batch of batches) {
      events += batch.events
      this.#starts.push(events)
    }
    if (events > 0) this.#todo.push({ from: 0, to: events })
  }

  /** What to send next. */
  get current(): Range | undefined {
    return this.#todo.at(-1)
  }

  /** A range was split, and a give-back would begin the search anew. */
  get searching(): boolean {
    return this.#split && this.#todo.length > 0
  }

  /**
   * Calls `visit` with batch, position and number of the current range's events that are still to do, from event `from`
   * on, until it returns false. Returns whether it never did.
   */
  visit(from: number, visit: (batch: Batch, n: number, event: number) => boolean): boolean {
    const range = this.current
    if (range === undefined) return true
    const holes = this.#gone.size > 0
    let at = from
    let b = this.#batchOf(at)
    while (at < range.to) {
      const batch = this.batches[b] as Batch
      const start = this.#starts[b] as number
      const stop = Math.min(range.to, this.#starts[b + 1] as number)
      for (; at < stop; at += 1) {
        if (holes && this.#gone.has(at)) continue
        if (!visit(batch, at - start, at)) return false
      }
      b += 1
    }
    return true
  }

  /** The current range ends at `to`; the rest of it comes next. */
  shorten(to: number): void {
    const range = this.current
    if (range === undefined || to >= range.to || to <= range.from) return
    this.#todo.pop()
    this.#todo.push({ from: to, to: range.to }, { from: range.from, to })
  }

  /** The current range is delivered (its dropped events aside). */
  done(): void {
    this.#todo.pop()
  }

  /** The current range was refused: its halves come next. False when it is a single event. */
  split(): boolean {
    const range = this.current
    if (range === undefined || range.to - range.from < 2) return false
    const middle = range.from + ((range.to - range.from) >> 1)
    this.#split = true
    this.shorten(middle)
    return true
  }

  /** The current range was refused, and event `at` of it is to blame: it comes alone. False when it is so already. */
  isolate(at: number): boolean {
    const range = this.current
    if (range === undefined || range.to - range.from < 2 || at < range.from || at >= range.to) return false
    this.#split = true
    this.#todo.pop()
    for (const [from, to] of [
      [at + 1, range.to],
      [at, at + 1],
      [range.from, at],
    ] as const)
      if (from < to) this.#todo.push({ from, to })
    return true
  }

  /** Of the current range only these events, rising, are still to do: together, as far as a request holds them. */
  keep(events: readonly number[]): void {
    const range = this.current
    if (range === undefined) return
    this.#todo.pop()
    const [first] = events
    const last = events.at(-1)
    if (first === undefined || last === undefined) return
    let next = 0
    for (let event = first; event <= last; event += 1) {
      if (events[next] === event) next += 1
      else this.#gone.add(event)
    }
    this.#split = true
    this.#todo.push({ from: first, to: last + 1 })
  }

  /** Event `event` with its batch. */
  at(event: number): { readonly batch: Batch; readonly n: number } {
    const b = this.#batchOf(event)
    return { batch: this.batches[b] as Batch, n: event - (this.#starts[b] as number) }
  }

  /** Counts an event as dropped, once however often it is met again. */
  drop(event: number, reason: DropReason): void {
    if (this.#gone.has(event)) return
    this.#gone.add(event)
    const b = this.#batchOf(event)
    const counts = (this.#dropped[b] ??= {})
    counts[reason] = (counts[reason] ?? 0) + 1
  }

  /** Batches that were finished since the last call, in order. */
  finished(): Finished[] {
    const reached = this.current?.from ?? this.#starts[this.batches.length] ?? 0
    const found: Finished[] = []
    while (this.#finished < this.batches.length && (this.#starts[this.#finished + 1] as number) <= reached) {
      found.push({ batch: this.batches[this.#finished] as Batch, dropped: this.#dropped[this.#finished] })
      this.#finished += 1
    }
    return found
  }

  /** Batches that are not finished, in order. Ends the work. */
  abandon(): readonly Batch[] {
    this.#todo.length = 0
    const left = this.batches.slice(this.#finished)
    this.#finished = this.batches.length
    return left
  }

  #batchOf(event: number): number {
    let b = 0
    while (b + 1 < this.batches.length && (this.#starts[b + 1] as number) <= event) b += 1
    return b
  }
}
