/** Counts deaths of threads: too many within a time mean that going on is no use. */
export class DeathCount {
  readonly #max: number
  readonly #window_ms: number
  #at: number[] = []

  constructor(max: number, window_ms: number) {
    this.#max = max
    this.#window_ms = window_ms
  }

  /** Adds one at monotonic `now`; true when there were `max` within the window. */
  add(now: number): boolean {
    this.#at = [...this.#at.filter((at) => now - at < this.#window_ms), now]
    return this.#at.length >= this.#max
  }
}
