/**
 * One bucket of events for all connections of a peer (`rate_max`): opening more of them, or again, gives nothing more.
 * Bounded by the connections that are open and those that closed within the last two seconds: a bucket holds one second's
 * worth, so that one left alone for longer is full, and as good as a new one.
 */
import { type Bucket, newBucket } from './rates.ts'

/** Milliseconds after which a bucket that nobody draws from is full again. */
const FULL_AFTER_MS = 1000
/** Peers that left in one second and are remembered at most; more of them forget those of the second before sooner. */
const LEFT_MAX = 32_768

interface Shared {
  readonly bucket: Bucket
  connections: number
}

export class PeerRates {
  readonly #rate_max: number
  readonly #held = new Map<string, Shared>()
  /** Without a connection: who left lately, and who left before that. Forgotten all at once: a map that loses its first entries one by one gets slow. */
  #left = new Map<string, Shared>()
  #left_before = new Map<string, Shared>()
  #turned_at = Number.NEGATIVE_INFINITY

  constructor(rate_max: number) {
    this.#rate_max = rate_max
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.#held.size + this.#left.size + this.#left_before.size
  }

  /** The bucket that a connection from `address` draws from until it is given back by {@link release}. */
  acquire(address: string, now: number): Bucket {
    this.#turn(now)
    const known = this.#held.get(address) ?? this.#left.get(address) ?? this.#left_before.get(address)
    const shared = known ?? { bucket: newBucket(this.#rate_max, now), connections: 0 }
    if (shared.connections === 0) {
      this.#left.delete(address)
      this.#left_before.delete(address)
      this.#held.set(address, shared)
    }
    shared.connections++
    return shared.bucket
  }

  release(address: string, now: number): void {
    const shared = this.#held.get(address)
    if (shared === undefined) return
    shared.connections--
    if (shared.connections > 0) return
    this.#held.delete(address)
    this.#turn(now)
    this.#left.set(address, shared)
  }

  #turn(now: number): void {
    if (now - this.#turned_at < FULL_AFTER_MS && this.#left.size < LEFT_MAX) return
    this.#left_before = this.#left
    this.#left = new Map()
    this.#turned_at = now
  }
}
