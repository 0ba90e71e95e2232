/** Token buckets of the tenants' `rate_max`: a second's worth may come at once. */

/** Numbers of a tenant's bucket, side by side: what it gets a millisecond, what is in it, and as of when. */
const Bucket = { per_ms: 0, tokens: 1, at: 2, size: 4 } as const

export class TenantRates {
  /** Some tenant has a limit: else nobody needs to ask. */
  readonly limited: boolean
  readonly #buckets: Float64Array

  /** `rates` in events a second, null for no limit; `now` monotonic milliseconds. */
  constructor(rates: readonly (number | null)[], now: number) {
    this.limited = rates.some((rate) => rate !== null)
    this.#buckets = Float64Array.from(rates.flatMap((rate) => [(rate ?? 0) / 1000, rate ?? 0, now, 0]))
  }

  /** Takes a token of the tenant's; false when there is none. */
  admits(tenant: number, now: number): boolean {
    const buckets = this.#buckets
    const bucket = tenant * Bucket.size
    const per_ms = buckets[bucket] as number
    if (per_ms === 0) return true
    const passed = now - (buckets[bucket + Bucket.at] as number)
    const tokens = Math.min(per_ms * 1000, (buckets[bucket + Bucket.tokens] as number) + passed * per_ms)
    buckets[bucket + Bucket.at] = now
    const admitted = tokens >= 1
    buckets[bucket + Bucket.tokens] = admitted ? tokens - 1 : tokens
    return admitted
  }
}
