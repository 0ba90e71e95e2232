/** The rate of `send`, held by the clock: a late wake-up is made up for, a stall is not repaid with a burst. */

/** Milliseconds of messages that may be sent at once. */
const BURST_MS = 100

export class Pace {
  readonly #per_ms: number
  /** When the next message is due, in milliseconds of the caller's clock. */
  #next: number

  /** `rate`: messages a second. `now`: monotonic milliseconds. */
  constructor(rate: number, now: number) {
    this.#per_ms = rate / 1000
    this.#next = now
  }

  /** How many messages may go out now, of `wanted`; they are counted as sent. */
  take(wanted: number, now: number): number {
    if (now < this.#next) return 0
    this.#next = Math.max(this.#next, now - BURST_MS)
    const due = 1 + Math.floor((now - this.#next) * this.#per_ms)
    const taken = Math.min(wanted, due)
    this.#next += taken / this.#per_ms
    return taken
  }

  /** Milliseconds until a message may go out again. */
  wait(now: number): number {
    return Math.max(0, this.#next - now)
  }
}
