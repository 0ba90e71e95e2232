/** Which spool a command means: a running router's, or the data folder of one that is stopped. */
import { LogweirError } from '../../base/errors.ts'
import type { Settings } from '../../config/types.ts'
import type { SpoolNotice } from '../../spool/context.ts'
import { type DataLock, lockDataFolder, shareDataFolder } from '../../spool/lock.ts'
import { readSettings } from '../config-file.ts'
import { say } from '../output.ts'

export interface SpoolOptions {
  readonly router: { readonly config?: string; readonly admin?: string }
  readonly json: boolean
}

export interface StoppedRouter {
  readonly settings: Settings
  readonly lock: DataLock
}

/** The stopped router of the configuration, kept from starting; undefined when it runs, or another is asked for. */
export async function stoppedRouter(options: SpoolOptions): Promise<StoppedRouter | undefined> {
  if (options.router.admin !== undefined) return undefined
  const settings = await readSettings(options.router.config)
  try {
    return { settings, lock: shareDataFolder(settings.data) }
  } catch (error) {
    if (error instanceof LogweirError && error.code === 'data_locked') return undefined
    throw error
  }
}

/** The data folder for this process alone. @throws {LogweirError} when a router runs on it. */
export async function lockedRouter(options: SpoolOptions): Promise<StoppedRouter> {
  if (options.router.admin !== undefined) {
    throw new LogweirError(
      'LW_USAGE',
      '--admin names a running router, and this needs one that is stopped',
      'name its configuration with `--config FILE`',
    )
  }
  const settings = await readSettings(options.router.config)
  return { settings, lock: lockDataFolder(settings.data) }
}

/** What the spool reports, for people. */
export function tell({ level, message }: SpoolNotice): void {
  say(`${level}: ${message}`)
}
