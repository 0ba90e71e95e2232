/** Memory that the forwarders of one tenant, or of the provider, may hold together in this worker. */
import type { Settings } from '../config/types.ts'
import { MemoryShare } from '../queue/memory.ts'

const PROVIDER = 'provider'

/** The share that a forwarder `tenant/name` has part in; undefined where there is no bound. */
export function memoryShares({ queue }: Settings): (key: string) => MemoryShare | undefined {
  const shares = new Map<string, MemoryShare>()
  return (key) => {
    const tenant = key.slice(0, Math.max(0, key.indexOf('/')))
    const max = tenant === PROVIDER ? queue.provider_memory_max : queue.tenant_memory_max
    if (max === null) return undefined
    let share = shares.get(tenant)
    if (share === undefined) {
      share = new MemoryShare(max)
      shares.set(tenant, share)
    }
    return share
  }
}
