/**
 * How much the spool may still take: each chain's quota, the whole spool's, and the floor of free space that
 * belongs to the rest of the machine. Counts file bytes, because deleted rows free none.
 */
import { statfsSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { tenantOf } from '../base/tenant.ts'
import { FREE_SPACE_MS, PAGE_SIZE } from './limits.ts'

export interface UsageLimits {
  readonly disk_max: number
  readonly disk_free_min: number
  readonly tenant_disk_max?: number | null
  readonly provider_disk_max?: number | null
}

const PROVIDER = 'provider'

export class DiskUsage {
  /** File bytes of all chains, stop files and quarantine. */
  total = 0
  limits: UsageLimits
  readonly #folder: string
  readonly #clock: Clock
  #free = 0
  #asked_at = Number.NEGATIVE_INFINITY
  #total_then = 0

  constructor(folder: string, limits: UsageLimits, clock: Clock) {
    this.#folder = folder
    this.limits = limits
    this.#clock = clock
  }

  /** Gives the file bytes of each worker's chains of a tenant. */
  readonly #sums = new Set<(tenant: string) => number>()

  /** Makes a worker's chains count in the shares of their tenants. */
  counts(sum: (tenant: string) => number): void {
    this.#sums.add(sum)
  }

  /** Why `bytes` more must not be written for this forwarder, because of all forwarders of its tenant together. */
  shareRefusal(key: string, bytes: number): string | undefined {
    const tenant = tenantOf(key)
    const provider = tenant === PROVIDER
    const max = (provider ? this.limits.provider_disk_max : this.limits.tenant_disk_max) ?? null
    if (max === null) return undefined
    let used = diskCost(bytes)
    for (const sum of this.#sums) used += sum(tenant)
    const name = provider ? 'provider_disk_max' : 'tenant_disk_max'
    return used > max ? `the spool's ${name} of ${max} bytes is used up` : undefined
  }

  /** Why `bytes` more must not be written to a chain that has `chain_bytes`; undefined when they may. */
  refusal(chain_bytes: number, disk_max: number, bytes: number): string | undefined {
    const cost = diskCost(bytes)
    if (chain_bytes + cost > disk_max) return `the forwarder's disk_max of ${disk_max} bytes is used up`
    const { disk_max: all, disk_free_min: floor } = this.limits
    if (this.total + cost > all) return `the spool's disk_max of ${all} bytes is used up`
    if (this.free() - cost < floor)
      return `less than disk_free_min of ${floor} bytes would be left free on the disk`
    return undefined
  }

  /** Free bytes for an unprivileged process: the file system's word, at most a second old, less what was written since. */
  free(): number {
    const now = this.#clock.monotonic()
    if (now - this.#asked_at >= FREE_SPACE_MS) {
      const { bavail, bsize } = statfsSync(this.#folder)
      this.#free = bavail * bsize
      this.#asked_at = now
      this.#total_then = this.total
    }
    return this.#free - Math.max(0, this.total - this.#total_then)
  }

  /** Makes the next question go to the file system. */
  forget(): void {
    this.#asked_at = Number.NEGATIVE_INFINITY
  }
}

/** What a batch takes in a file, at most: its overflow pages are whole. */
export function diskCost(bytes: number): number {
  return Math.ceil((bytes + 256) / PAGE_SIZE) * PAGE_SIZE
}
