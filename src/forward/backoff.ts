/**
 * Waiting times after failures: exponential with full jitter, so that a thousand forwarders whose common
 * destination comes back do not all knock in the same second (R55). Pure: chance is passed in.
 */
import type { Random } from '../base/random.ts'

export interface BackoffLimits {
  /** Milliseconds; the first waiting time is drawn from [0, first). */
  readonly first: number
  /** Milliseconds; no waiting time is longer. */
  readonly max: number
}

/** 2^30 times the smallest first step is years: more doublings change nothing and would overflow. */
const DOUBLINGS_MAX = 30

/** The ceiling of the waiting time after `failures` failures in a row (from 1), before jitter. */
export function ceilingOf(limits: BackoffLimits, failures: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), DOUBLINGS_MAX)
  return Math.min(limits.max, limits.first * 2 ** doublings)
}

export class Backoff {
  readonly #limits: BackoffLimits
  readonly #random: Random
  #failures = 0

  constructor(limits: BackoffLimits, random: Random) {
    this.#limits = limits
    this.#random = random
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures
  }

  /** Counts a failure; milliseconds to wait after it, in [0, ceiling). */
  next(): number {
    this.#failures += 1
    return Math.floor(this.#random() * ceilingOf(this.#limits, this.#failures))
  }

  /** A success: the next failure waits `first` again. */
  reset(): void {
    this.#failures = 0
  }
}
