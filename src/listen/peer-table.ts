/**
 * What is remembered of peers, in a table of bounded size (R33: sources can be forged without end). The oldest
 * goes first, unless it was seen since it was last considered; so a steady sender outlives a flood of forgeries.
 */

export interface Remembered {
  /** Seen since the table last considered dropping it. */
  recent: boolean
}

/** Entries spared in a row before one goes regardless. */
const SPARED_MAX = 8

export class PeerTable<T extends Remembered> {
  readonly #entries = new Map<string, T>()
  /** Stands before the oldest. Kept, because a new iterator walks over the places of all that went before. */
  #oldest: MapIterator<[string, T]> = this.#entries.entries()
  readonly #max: number

  constructor(max: number) {
    this.#max = Math.max(1, max)
  }

  get size(): number {
    return this.#entries.size
  }

  get(address: string): T | undefined {
    const entry = this.#entries.get(address)
    if (entry !== undefined) entry.recent = true
    return entry
  }

  set(address: string, entry: T): void {
    if (this.#entries.size >= this.#max && !this.#entries.has(address)) this.#evict()
    this.#entries.set(address, entry)
  }

  #evict(): void {
    let spared = 0
    for (;;) {
      const [address, entry] = this.#next()
      this.#entries.delete(address)
      if (!entry.recent || spared === SPARED_MAX) return
      // To the end of the order; it is met again only after all others.
      entry.recent = false
      this.#entries.set(address, entry)
      spared++
    }
  }

  #next(): [string, T] {
    const next = this.#oldest.next()
    if (next.done !== true) return next.value
    this.#oldest = this.#entries.entries()
    return this.#oldest.next().value as [string, T]
  }
}
