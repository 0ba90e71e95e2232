/**
 * What was written to a stream and is not settled: the syslog transports have no acknowledgement, so a
 * written batch stays in flight for a while and is written again when the connection breaks (R54).
 */
import type { Batch } from '../queue/batch.ts'
import type { DropReason } from '../base/counters.ts'

export type Dropped = Readonly<Partial<Record<DropReason, number>>>

/** A written batch. `end` is the stream position behind its last byte. */
interface Written {
  readonly batch: Batch
  readonly bytes: number
  readonly end: number
  readonly at: number
  readonly dropped: Dropped | undefined
}

/** Oldest first. Positions and times only rise. */
export class ReplayWindow {
  #items: (Written | undefined)[] = []
  #head = 0
  #bytes = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  /** Bytes as written, of all batches in it. */
  get bytes(): number {
    return this.#bytes
  }

  add(batch: Batch, bytes: number, end: number, at: number, dropped: Dropped | undefined): void {
    this.#items.push({ batch, bytes, end, at, dropped })
    this.#bytes += bytes
  }

  /**
   * The oldest batch, if it may be settled: the system has taken all of its bytes (`end` is at most `taken`) and it
   * is old enough (`at` is at most `before`) or the window holds more than `cap` bytes. Takes it out.
   */
  shift(
    taken: number,
    before: number,
    cap: number,
  ): { readonly batch: Batch; readonly dropped: Dropped | undefined } | undefined {
    const oldest = this.#items[this.#head]
    if (oldest === undefined || oldest.end > taken) return undefined
    if (oldest.at > before && this.#bytes <= cap) return undefined
    this.#drop(oldest)
    return oldest
  }

  /** Takes everything out, oldest first. */
  clear(): Batch[] {
    const all = this.#items.slice(this.#head).map((item) => (item as Written).batch)
    this.#items = []
    this.#head = 0
    this.#bytes = 0
    return all
  }

  #drop(oldest: Written): void {
    this.#items[this.#head] = undefined
    this.#head += 1
    this.#bytes -= oldest.bytes
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }
}
