/**
 * Notices that a destination's name has other addresses than the one that is connected to (R58): traffic follows the name, also
 * while the old machine still takes it. Looked at when there is something to send, now and then, without waiting. A name that
 * gives other addresses with each answer moves a connection at most every {@link AGAIN_MS}.
 */
import { isIP } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { Resolver } from './types.ts'

/** How often the resolver is asked, which keeps answers for their TTL. */
const LOOK_MS = 30_000
const AGAIN_MS = 300_000

export class NameWatch {
  readonly #resolver: Resolver
  readonly #clock: Clock
  #host = ''
  #address = ''
  #looked_at = 0
  #moved_at = Number.NEGATIVE_INFINITY
  #looking = false
  #changed = false

  constructor(resolver: Resolver, clock: Clock) {
    this.#resolver = resolver
    this.#clock = clock
  }

  /** The name has moved: connections should be made anew. */
  get changed(): boolean {
    return this.#changed
  }

  /** A connection was made to this address of the name. */
  connected(host: string, address: string): void {
    this.#host = isIP(host) === 0 ? host : ''
    this.#address = address
    this.#looked_at = this.#clock.monotonic()
    this.#changed = false
  }

  /** There is something to send. Cheap. */
  look(): void {
    if (this.#host === '' || this.#looking || this.#changed) return
    const now = this.#clock.monotonic()
    if (now - this.#looked_at < LOOK_MS || now - this.#moved_at < AGAIN_MS) return
    this.#looked_at = now
    this.#looking = true
    const [host, address] = [this.#host, this.#address]
    void this.#resolver.resolve(host).then(
      (addresses) => {
        this.#looking = false
        // Another connection may have been made meanwhile.
        if (host !== this.#host || address !== this.#address || addresses.includes(address)) return
        this.#moved_at = this.#clock.monotonic()
        this.#changed = true
      },
      () => {
        this.#looking = false
      },
    )
  }
}
