/** Spools in temporary folders, with a clock that tests move, and rows to put in. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialiseBatch } from '../../src/queue/batch-codec.ts'
import type { SpoolRow } from '../../src/queue/spool-port.ts'
import type { SpoolContext, SpoolNotice } from '../../src/spool/context.ts'
import { openContext } from '../../src/spool/service.ts'
import type { SpoolSettings } from '../../src/spool/protocol.ts'
import { WorkerSpool } from '../../src/spool/worker-spool.ts'
import { makeBatch } from './batches.ts'

export const MiB = 1024 * 1024

/** A folder that is gone after `use`. */
export class TempFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'logweir-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export class ManualClock {
  now = 0
  readonly wall = (): number => 1_700_000_000_000 + this.now
  readonly monotonic = (): number => this.now
  readonly after = (): { cancel(): void } => ({ cancel: () => undefined })
}

/** One worker's spool, opened in this thread. */
export class OpenSpool implements Disposable {
  readonly folder: string
  readonly notices: SpoolNotice[] = []
  readonly clock = new ManualClock()
  readonly context: SpoolContext
  readonly spool: WorkerSpool

  constructor(folder: string, settings: Partial<SpoolSettings> = {}, worker = 0) {
    this.folder = join(folder, 'spool')
    const whole = { folder: this.folder, disk_max: 1e12, disk_free_min: 0, sync: 'off', ...settings } as const
    this.context = openContext(whole, (notice) => this.notices.push(notice), this.clock)
    this.spool = new WorkerSpool(this.folder, worker, this.context)
  }

  close(): void {
    this.spool.close()
    this.context.files.closeAll()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A row whose batch holds `events` events, about `bytes` bytes long. */
export function row(sequence: number, key = 'acme/siem', events = 2, bytes = 200): SpoolRow {
  const text = `${key} ${sequence} ${'x'.repeat(Math.max(0, Math.floor(bytes / events) - 40))}`
  const batch = makeBatch({
    sequence,
    forwarder: key,
    events: Array.from({ length: events }, () => ({ text })),
  })
  return { sequence, events, bytes: serialiseBatch(batch) }
}
