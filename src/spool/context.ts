/** What all chains of the spool share, and what it tells the operator. */
import type { Clock } from '../base/clock.ts'
import type { OpenFiles } from './open-files.ts'
import type { Quarantine } from './quarantine.ts'
import type { DiskUsage } from './usage.ts'

/** Something that an operator should read in the log. */
export interface SpoolNotice {
  readonly level: 'info' | 'warn' | 'error'
  /** Closed set, for counters. */
  readonly event: 'quarantined' | 'refused' | 'ignored' | 'missing' | 'disk_error' | 'adopted'
  readonly message: string
  /** Forwarder, where one is concerned. */
  readonly key: string | null
  /** Events that are known to be lost by it. */
  readonly events: number
}

export interface SpoolContext {
  readonly clock: Clock
  readonly files: OpenFiles
  readonly usage: DiskUsage
  readonly quarantine: Quarantine
  readonly notice: (notice: SpoolNotice) => void
}
