/** What is said between a pipeline worker and the spool thread, and between main and the thread. */
import type { MessagePort } from 'node:worker_threads'
import type { ChainState, SpoolReadResult, SpoolRow } from '../queue/spool-port.ts'
import type { SpoolNotice } from './context.ts'
import type { SpoolKey } from './keys.ts'
import type { SpoolSync } from './spool-file.ts'

/** `id` numbers requests and acknowledgements of one client, rising. */
export type SpoolRequest =
  | { readonly type: 'recover'; readonly id: number }
  | {
      readonly type: 'write'
      readonly id: number
      readonly key: string
      readonly disk_max: number
      readonly row: SpoolRow
    }
  | {
      readonly type: 'read'
      readonly id: number
      readonly key: string
      readonly after: number
      readonly bytes: number
    }
  | {
      readonly type: 'acknowledge'
      readonly id: number
      readonly key: string
      readonly sequences: readonly number[]
    }
  | {
      readonly type: 'drop'
      readonly id: number
      readonly key: string
      readonly after: number
      readonly bytes: number
    }
  | {
      readonly type: 'stop'
      readonly id: number
      readonly rows: readonly { readonly key: string; readonly row: SpoolRow }[]
    }
  | { readonly type: 'state'; readonly id: number; readonly key: string }

export interface DroppedRows {
  readonly events: number
  readonly bytes: number
  readonly batches: number
  readonly through: number
}

export type SpoolReply =
  | { readonly type: 'recovered'; readonly id: number; readonly chains: readonly ChainState[] }
  | {
      readonly type: 'written'
      readonly id: number
      readonly outcome: 'committed' | 'full' | 'error'
      readonly reason: string
    }
  | { readonly type: 'read'; readonly id: number; readonly result: SpoolReadResult }
  | { readonly type: 'dropped'; readonly id: number; readonly lost: DroppedRows }
  | { readonly type: 'stopped'; readonly id: number; readonly failed: string | null }
  | { readonly type: 'state'; readonly id: number; readonly state: ChainState }
  /** Acknowledgements up to this number are on disk. */
  | { readonly type: 'flushed'; readonly id: number }

/** What main decides about the spool; may change with a reload, but for `folder`. */
export interface SpoolSettings {
  /** The `spool` folder below the data folder. */
  readonly folder: string
  readonly disk_max: number
  readonly disk_free_min: number
  /** File bytes of all forwarders of one tenant, and of the provider; left out or null: no bound but theirs. */
  readonly tenant_disk_max?: number | null
  readonly provider_disk_max?: number | null
  readonly sync: SpoolSync
  /** What batches are encrypted with, the first, and what they may have been encrypted with; left out: not at all. */
  readonly keys?: readonly SpoolKey[]
  /** Batches are compressed with zstd. */
  readonly compress?: boolean
}

export type ToSpool =
  | { readonly type: 'attach'; readonly worker: number; readonly port: MessagePort }
  | { readonly type: 'settings'; readonly settings: SpoolSettings }
  /** Commits what waits, writes the cursors, closes every file and ends. */
  | { readonly type: 'close' }

export type FromSpool =
  | { readonly type: 'notice'; readonly notice: SpoolNotice }
  | { readonly type: 'closed' }
