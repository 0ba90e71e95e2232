/** Samples and rates of rules, at random, and as they read: what must be dropped of what the rules deliver. */
import fc from 'fast-check'
import type { ForwarderModel, RulesModel } from '../../src/rules/model.ts'

/** Steps and rates whose products have no rounding. */
const rate = fc.option(fc.constantFrom(1, 1, 1, 2), { nil: null, freq: 2 })
const sample = fc.option(fc.constantFrom(0.25, 0.5, 0.75), { nil: null, freq: 2 })

/** What every event's chance is, and milliseconds between events. */
export interface Luck {
  readonly chance: number
  readonly steps: readonly number[]
}

export const luck: fc.Arbitrary<Luck> = fc.record({
  chance: fc.constantFrom(0, 0.3, 0.5, 0.9),
  steps: fc.array(fc.constantFrom(0, 0, 0, 0, 250, 500, 1000, 5000), { minLength: 1, maxLength: 4 }),
})

/** The rule set with limits on some of its forwarders and tenants. */
export function limited(own: RulesModel): fc.Arbitrary<RulesModel> {
  const forwarders = own.tenants.flatMap((one) => one.forwarders).length + own.provider.length
  const all = fc.array(fc.record({ sample, rate_max: rate }), {
    minLength: forwarders,
    maxLength: forwarders,
  })
  const tenants = fc.array(rate, { minLength: own.tenants.length, maxLength: own.tenants.length })
  return fc.tuple(all, tenants).map(([limits, rates]) => {
    let next = 0
    const set = (one: ForwarderModel): ForwarderModel => ({ ...one, ...limits[next++] })
    return {
      ...own,
      tenants: own.tenants.map((one, index) => ({
        ...one,
        rate_max: rates[index] ?? null,
        forwarders: one.forwarders.map(set),
      })),
      provider: own.provider.map(set),
    }
  })
}

/** Says of each delivery whether it is dropped instead; a second's worth may come at once. */
export class PlainLimits {
  readonly #own: RulesModel
  readonly #chance: number
  /** Thousandths of events that may still come, as of when. */
  readonly #left = new Map<string, { left: number; at: number }>()

  constructor(own: RulesModel, chance: number) {
    this.#own = own
    this.#chance = chance
  }

  /**
   * `key: reason` for those of the forwarders, which the rules name for an event, that do not get it. `as`: tenants that see it as their own, in
   * order, each with its forwarders among them.
   */
  dropped(as: readonly string[], forwarders: readonly string[], now: number): string[] {
    const of = (name: string): string[] => forwarders.filter((key) => key.startsWith(`${name}/`))
    const tenants = as.flatMap((name) => {
      const rate_max = this.#own.tenants.find((one) => one.name === name)?.rate_max ?? null
      const over = rate_max !== null && !this.#takes(name, rate_max, now)
      return over ? of(name).map((key) => `${key}: tenant_rate`) : this.#gates(of(name), now)
    })
    return [...tenants, ...this.#gates(of('provider'), now)].toSorted()
  }

  #gates(keys: readonly string[], now: number): string[] {
    return keys.flatMap((key) => {
      const { sample: part, rate_max } = this.#forwarder(key)
      if (part !== null && this.#chance >= part) return [`${key}: sampled`]
      return rate_max === null || this.#takes(key, rate_max, now) ? [] : [`${key}: forwarder_rate`]
    })
  }

  #forwarder(key: string): ForwarderModel {
    const [owner, name] = key.split('/')
    const list =
      owner === 'provider'
        ? this.#own.provider
        : this.#own.tenants.find((one) => one.name === owner)?.forwarders
    const found = list?.find((one) => one.name === name)
    if (found === undefined) throw new Error(`no forwarder ${key}`)
    return found
  }

  #takes(name: string, rate_max: number, now: number): boolean {
    const bucket = this.#left.get(name) ?? { left: rate_max * 1000, at: 0 }
    bucket.left = Math.min(rate_max * 1000, bucket.left + (now - bucket.at) * rate_max)
    bucket.at = now
    this.#left.set(name, bucket)
    if (bucket.left < 1000) return false
    bucket.left -= 1000
    return true
  }
}
