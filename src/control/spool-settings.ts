/** From the configuration to what the spool is told. */
import { join } from 'node:path'
import type { Settings } from '../config/types.ts'
import { readSpoolKeys } from '../spool/keys.ts'
import type { SpoolSettings } from '../spool/protocol.ts'

/** Memory is a total for all workers: each has its part. */
export function dividedQueue({ queue, workers }: Settings): Settings['queue'] {
  const { memory_max, tenant_memory_max, provider_memory_max } = queue
  return {
    ...queue,
    memory_max: memory_max / workers,
    tenant_memory_max: tenant_memory_max / workers,
    provider_memory_max: provider_memory_max / workers,
  }
}

/** @throws {LogweirError} when `spool.key_file` cannot be read or is none. */
export function spoolSettings(settings: Settings): SpoolSettings {
  const { disk_max, disk_free_min, tenant_disk_max, provider_disk_max, sync, compression, key_file } =
    settings.spool
  return {
    folder: join(settings.data, 'spool'),
    disk_max,
    disk_free_min,
    tenant_disk_max,
    provider_disk_max,
    sync,
    keys: readSpoolKeys(key_file),
    compress: compression === 'zstd',
  }
}
