/** Token buckets of the tenants' `rate_max`: a second's worth may come at once. */
export class TenantRates {
  /** Some tenant has a limit: else nobody needs to ask. */
  readonly limited: boolean
  readonly #per_ms: Float64Array
  readonly #tokens: Float64Array
  readonly #at: Float64Array

  /** `rates` in events a second, null for no limit; `now` monotonic milliseconds. */
  constructor(rates: readonly (number | null)[], now: number) {
    this.limited = rates.some((rate) => rate !== null)
    this.#per_ms = Float64Array.from(rates, (rate) => (rate ?? 0) / 1000)
    this.#tokens = Float64Array.from(rates, (rate) => rate ?? 0)
    this.#at = new Float64Array(rates.length).fill(now)
  }

  /** Takes a token of the tenant's; false when there is none. */
  admits(tenant: number, now: number): boolean {
    const per_ms = this.#per_ms[tenant] as number
    if (per_ms === 0) return true
    const passed = now - (this.#at[tenant] as number)
    const tokens = Math.min(per_ms * 1000, (this.#tokens[tenant] as number) + passed * per_ms)
    this.#at[tenant] = now
    const admitted = tokens >= 1
    this.#tokens[tenant] = admitted ? tokens - 1 : tokens
    return admitted
  }
}
