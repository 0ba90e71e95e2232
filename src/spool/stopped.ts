/** What operators do to the spool of a router that is stopped. The caller holds the lock of the data folder. */
import { readdirSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import type { SpoolRow } from '../queue/spool-port.ts'
import type { SpoolContext, SpoolNotice } from './context.ts'
import { parseWorkerName } from './names.ts'
import type { SpoolSettings } from './protocol.ts'
import { lstatOf } from './safe-files.ts'
import { openContext } from './service.ts'
import { WorkerSpool } from './worker-spool.ts'

const READ_BYTES = 1024 * 1024

/** Whether `key` (`acme/siem`) is meant by `selected`: a forwarder, or a tenant and so all of its forwarders. */
export function isSelected(key: string, selected: string): boolean {
  return key === selected || key.startsWith(`${selected}/`)
}

export interface Purged {
  readonly key: string
  readonly batches: number
  readonly events: number
  readonly bytes: number
}

/** Gives up everything that is on disk for the selected forwarders. */
export function purgeSpool(
  settings: SpoolSettings,
  selected: string,
  notice: (notice: SpoolNotice) => void,
): Purged[] {
  const purged = new Map<string, Purged>()
  eachChain(settings, selected, notice, (spool, key) => {
    const { batches, events, bytes } = spool.dropOldest(key, -1, Number.MAX_SAFE_INTEGER)
    const before = purged.get(key) ?? { key, batches: 0, events: 0, bytes: 0 }
    purged.set(key, {
      key,
      batches: before.batches + batches,
      events: before.events + events,
      bytes: before.bytes + bytes,
    })
  })
  return [...purged.values()]
}

/** Gives every batch of the selected forwarders to `take`, in order. They stay where they are. */
export function readSpool(
  settings: SpoolSettings,
  selected: string,
  notice: (notice: SpoolNotice) => void,
  take: (key: string, row: SpoolRow) => void,
): void {
  eachChain(settings, selected, notice, (spool, key) => {
    let after = -1
    for (let end = false; !end; ) {
      const result = spool.read(key, after, READ_BYTES)
      for (const row of result.rows) {
        after = row.sequence
        take(key, row)
      }
      end = result.end
    }
  })
}

/** Every selected chain of every worker, also of those that are no more. */
function eachChain(
  settings: SpoolSettings,
  selected: string,
  notice: (notice: SpoolNotice) => void,
  act: (spool: WorkerSpool, key: string) => void,
): void {
  if (lstatOf(settings.folder) === undefined) return
  const context: SpoolContext = openContext({ ...settings, sync: 'full' }, notice, systemClock)
  const workers = readdirSync(settings.folder)
    .map(parseWorkerName)
    .filter((worker) => worker !== undefined)
    .sort((a, b) => a - b)
  try {
    for (const worker of workers) {
      const spool = new WorkerSpool(settings.folder, worker, context)
      try {
        for (const { key } of spool.chains) if (isSelected(key, selected)) act(spool, key)
      } finally {
        spool.close()
      }
    }
  } finally {
    context.files.closeAll()
  }
}

/** Bytes of the files below the spool's folder, for quotas. */
export function spoolBytes(files: readonly { readonly file: string; readonly file_bytes: number }[]): number {
  const seen = new Map(files.map(({ file, file_bytes }) => [file, file_bytes]))
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0)
}
