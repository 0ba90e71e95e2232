/**
 * How fast a backlog on disk is sent: so many events a second more than come in. It shrinks at that rate whatever comes,
 * and what else needs the network, the destination, the disk and the processor keeps its share. Order stays: nothing
 * overtakes the backlog.
 */
export class CatchUp {
  /** Events a second. */
  readonly rate: number
  /** Events that may be taken; below 0 after a batch of more than there were. */
  #left = 0
  #at: number
  /** Events that had come in then, and that came in during the last second or so. */
  #seen: number
  #recent = 0

  /** `now`: monotonic milliseconds; `came`: events that came in so far. */
  constructor(rate: number, now: number, came: number) {
    this.rate = rate
    this.#at = now
    this.#seen = came
  }

  /** Milliseconds until the next batch from disk may be taken; 0: now. */
  wait(now: number, came: number): number {
    const passed = now - this.#at
    const more = came - this.#seen
    this.#at = now
    this.#seen = came
    if (passed > 1000) {
      // Nobody asked for a while, so nothing could be sent: what came in is part of the backlog.
      this.#recent = 0
      this.#left = Math.min(this.#left + this.rate, this.rate)
    } else {
      this.#recent = this.#recent * (1 - passed / 1000) + more
      this.#left = Math.min(this.#left + (this.rate * passed) / 1000 + more, this.rate + this.#recent)
    }
    return this.#left >= 0 ? 0 : Math.min(1000, Math.ceil((-this.#left / this.rate) * 1000))
  }

  took(events: number): void {
    this.#left -= events
  }
}
