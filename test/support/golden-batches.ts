/**
 * What the golden files in `fixtures/golden/` hold. A file is never changed once it was released: a new
 * format version gets new files beside the old, which must parse for ever. Run this file to write those
 * that are missing: `node test/support/golden-batches.ts`.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { serialiseBatch } from '../../src/queue/batch-codec.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import type { Batch } from '../../src/queue/batch.ts'
import { makeBatch } from './batches.ts'

export interface GoldenBatch {
  readonly name: string
  readonly batch: () => Batch
}

const firewall =
  '<181>1 2026-03-01T10:00:00.000Z esx-01.example FIREWALL-PKTLOG - - - 6f3a6fd6 INET match PASS 1001 OUT 52 TCP ' +
  '192.0.2.10/51000->198.51.100.7/443 S acme-vdc'

export const goldenBatches: readonly GoldenBatch[] = [
  {
    name: 'batch-v1-newline.bin',
    batch: () =>
      makeBatch({
        sequence: 7,
        events: [
          { text: firewall },
          { text: 'two\nlines', owner: 2, stream: 3, peer: '2001:db8::1', source: 4 },
        ],
      }),
  },
  {
    name: 'batch-v1-counted.bin',
    batch: () =>
      makeBatch({
        form: PayloadForm.octet_counted,
        sequence: 2 ** 40,
        worker: 3,
        generation: 12,
        escape: false,
        events: [
          { text: firewall, flags: 5 },
          { text: '', owner: 0, stream: 0 },
        ],
      }),
  },
  {
    name: 'batch-v1-bare-split.bin',
    batch: () =>
      makeBatch({
        form: PayloadForm.bare,
        sequence: 9,
        first_position: 300,
        forwarder: 'globex/Größe',
        escape: false,
        events: [{ text: Buffer.from([0, 255, 10, 13]), received_at: 1_700_000_000_000.5, listener: 9 }],
      }),
  },
  { name: 'batch-v1-empty.bin', batch: () => makeBatch({ events: [] }) },
]

function writeMissing(): void {
  const folder = new URL('../../fixtures/golden/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  for (const { name, batch } of goldenBatches) {
    const file = new URL(name, folder)
    if (!existsSync(file)) writeFileSync(file, new Uint8Array(serialiseBatch(batch())))
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) writeMissing()
