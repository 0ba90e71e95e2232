/** From the configuration to what the spool is told. */
import { join } from 'node:path'
import type { Settings } from '../config/types.ts'
import { readSpoolKeys } from '../spool/keys.ts'
import type { SpoolSettings } from '../spool/protocol.ts'

/** @throws {LogweirError} when `spool.key_file` cannot be read or is none. */
export function spoolSettings(settings: Settings): SpoolSettings {
  const { disk_max, disk_free_min, sync, compression, key_file } = settings.spool
  return {
    folder: join(settings.data, 'spool'),
    disk_max,
    disk_free_min,
    sync,
    keys: readSpoolKeys(key_file),
    compress: compression === 'zstd',
  }
}
