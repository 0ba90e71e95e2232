/**
 * What a start costs with much on disk: `node bench/spool-start.ts [--short]`. Fills a spool of 100 forwarders (10 GiB;
 * `--short`: 512 MiB), closes it, and opens it again as a start does. Ends with 1 above 2 s, or when a file was opened that
 * the cursors tell everything about.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { batchChecksum, serialiseBatch } from '../src/queue/batch-codec.ts'
import { Head } from '../src/queue/batch-format.ts'
import type { SpoolRow } from '../src/queue/spool-port.ts'
import { openContext } from '../src/spool/service.ts'
import { WorkerSpool } from '../src/spool/worker-spool.ts'
import { makeBatch } from '../test/support/batches.ts'

const PROMISED_MS = 2000
const CHAINS = 100
const EVENTS = 300
const ROWS = 60
const MiB = 1024 * 1024

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } })
const total = (values.short ? 512 : 10 * 1024) * MiB
const text = 'x'.repeat(217)
const template = new Uint8Array(
  serialiseBatch(makeBatch({ events: Array.from({ length: EVENTS }, (_, n) => ({ text: `${n} ${text}` })) })),
)

const folder = mkdtempSync(join(process.env['LOGWEIR_BENCH_DIR'] ?? tmpdir(), 'logweir-bench-'))
try {
  const settings = { folder: join(folder, 'spool'), disk_max: 1e15, disk_free_min: 0, sync: 'off' } as const
  fill(settings)
  const started = performance.now()
  const context = openContext(settings, (notice) => console.error(notice.message), systemClock)
  const worker = new WorkerSpool(settings.folder, 0, context)
  const states = worker.states()
  const took = performance.now() - started
  const bytes = states.reduce((sum, state) => sum + state.bytes, 0)
  const files = worker.chains.reduce((sum, chain) => sum + chain.segments.length, 0)
  console.log(
    `start with ${(bytes / MiB / 1024).toFixed(2)} GiB of ${states.length} forwarders in ${files} files: ` +
      `${took.toFixed(0)} ms, ${context.files.opened} files opened, which were not sealed`,
  )
  if (took > PROMISED_MS || context.files.opened > CHAINS || bytes < total) {
    console.error(`${PROMISED_MS} ms, and only files that may still grow, are promised`)
    process.exitCode = 1
  }
  worker.close()
  context.files.closeAll()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function fill(settings: Parameters<typeof openContext>[0]): void {
  const context = openContext(settings, () => undefined, systemClock)
  const worker = new WorkerSpool(settings.folder, 0, context)
  let sequence = 0
  for (let written = 0; written < total; sequence += ROWS) {
    for (let chain = 0; chain < CHAINS && written < total; chain++) {
      let rows = Array.from({ length: ROWS }, (_, n) => batchRow(sequence + n))
      written += ROWS * template.length
      while (rows.length > 0) {
        const result = worker.write(`tenant-${chain}/siem`, rows, 1e15)
        if (result.outcome !== 'committed') throw new Error(result.reason)
        rows = rows.slice(result.count)
      }
    }
  }
  worker.close()
  context.files.closeAll()
}

function batchRow(sequence: number): SpoolRow {
  const bytes = template.slice()
  const head = new DataView(bytes.buffer)
  head.setFloat64(Head.sequence, sequence, true)
  head.setUint32(Head.checksum, batchChecksum(bytes), true)
  return { sequence, events: EVENTS, bytes: bytes.buffer }
}
