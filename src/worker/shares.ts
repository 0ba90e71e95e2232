/** Memory that the forwarders of one tenant, or of the provider, may hold together in this worker. */
import { tenantOf } from '../base/tenant.ts'
import type { Settings } from '../config/types.ts'
import { MemoryShare } from '../queue/memory.ts'

const PROVIDER = 'provider'

/** The share that a forwarder `tenant/name` has part in (R25: no tenant can use up the memory of all). */
export function memoryShares({ queue }: Pick<Settings, 'queue'>): (key: string) => MemoryShare {
  const shares = new Map<string, MemoryShare>()
  return (key) => {
    const tenant = tenantOf(key)
    const max = tenant === PROVIDER ? queue.provider_memory_max : queue.tenant_memory_max
    let share = shares.get(tenant)
    if (share === undefined) {
      share = new MemoryShare(max)
      shares.set(tenant, share)
    }
    return share
  }
}
