/** What a forwarder lets through of the events that are for it: a part by chance, and so many a second. */
import type { Random } from '../base/random.ts'
import type { DropReason } from '../base/counters.ts'

export class Gate {
  readonly #random: Random
  readonly #sample: number
  readonly #per_ms: number
  #tokens: number
  #at: number

  /** `sample`: the part, null for all; `rate_max` in events a second, null for no limit; `now` monotonic milliseconds. */
  constructor(sample: number | null, rate_max: number | null, random: Random, now: number) {
    this.#random = random
    this.#sample = sample ?? 1
    this.#per_ms = (rate_max ?? 0) / 1000
    this.#tokens = rate_max ?? 0
    this.#at = now
  }

  /** Null: the event passes; else why not. A second's worth may come at once. */
  refuses(now: number): DropReason | null {
    if (this.#sample < 1 && this.#random() >= this.#sample) return 'sampled'
    const per_ms = this.#per_ms
    if (per_ms === 0) return null
    this.#tokens = Math.min(per_ms * 1000, this.#tokens + (now - this.#at) * per_ms)
    this.#at = now
    if (this.#tokens < 1) return 'forwarder_rate'
    this.#tokens -= 1
    return null
  }
}
