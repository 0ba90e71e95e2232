/**
 * The spool against plain appends of the same batches with the same syncs, and against `dd conv=fdatasync`, which syncs
 * once: `node bench/spool.ts [--short]`.
 *
 * Both sides take the same batches in the same groups. The plain side writes each group to a file and calls `fdatasync`,
 * with a new file at 64 MiB; the spool commits each group in a transaction. A third row goes the whole way, over the port
 * and through the thread. Rounds alternate, so that a disk that changes its mood does so to both. Ends with 1 when a
 * ratio is below what is promised.
 */
import { execFileSync } from 'node:child_process'
import { Buffer } from 'node:buffer'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { systemClock } from '../src/base/clock.ts'
import { batchChecksum, serialiseBatch } from '../src/queue/batch-codec.ts'
import { Head } from '../src/queue/batch-format.ts'
import type { SpoolRow } from '../src/queue/spool-port.ts'
import { makeKey } from '../src/spool/keys.ts'
import { FILE_MAX, PAGE_SIZE, TURN_BYTES } from '../src/spool/limits.ts'
import { SpoolPortClient } from '../src/spool/port-client.ts'
import type { SpoolSettings } from '../src/spool/protocol.ts'
import { openContext } from '../src/spool/service.ts'
import { SpoolThread } from '../src/spool/spool-thread.ts'
import { WorkerSpool } from '../src/spool/worker-spool.ts'
import { makeBatch } from '../test/support/batches.ts'

const PROMISED = 0.3
/** As a router comes, beside `dd`; and draining beside spilling. */
const PROMISED_DD = 0.5
const PROMISED_DRAIN = 2
const KEY = 'acme/siem'
const EVENTS = 300
/** Batch bytes in one group: what a turn of the spool takes. */
const GROUP = TURN_BYTES
const MiB = 1024 * 1024

const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, journals: { type: 'boolean', default: false } },
})
const total = (values.short ? 96 : 512) * MiB
const rounds = values.short ? 3 : 5

/** Firewall lines of the usual length in a batch of the usual size. */
const keys = [makeKey(Buffer.alloc(32, 7))]
const template = new Uint8Array(
  serialiseBatch(makeBatch({ events: Array.from({ length: EVENTS }, (_, n) => ({ text: firewall(n) })) })),
)

interface Rate {
  /** MiB of batches a second. */
  readonly write: number
  readonly read: number
}

async function inFolder<T>(act: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(process.env['LOGWEIR_BENCH_DIR'] ?? tmpdir(), 'logweir-bench-'))
  try {
    return await act(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function plainAppends(folder: string): Rate {
  const length = template.length
  const per_group = Math.max(1, Math.floor(GROUP / length))
  let file = -1
  let size = 0
  let written = 0
  const started = performance.now()
  while (written < total) {
    if (file === -1 || size + per_group * length > FILE_MAX) {
      if (file !== -1) closeSync(file)
      file = openSync(join(folder, `${written}.bin`), 'wx')
      size = 0
    }
    for (let n = 0; n < per_group; n++) {
      size += writeSync(file, new Uint8Array(batchRow(written / length + n).bytes))
    }
    written += per_group * length
    fdatasyncSync(file)
  }
  closeSync(file)
  return { write: rate(written, started), read: 0 }
}

/** The same bytes by `dd`, from a file that is in the page cache, with one sync at the end. MiB a second; 0: no dd. */
function dd(folder: string): number {
  const [source, target] = [join(folder, 'source'), join(folder, 'target')]
  const file = openSync(source, 'wx')
  for (let n = 0; n * template.length < total; n++) writeSync(file, new Uint8Array(batchRow(n).bytes))
  fdatasyncSync(file)
  closeSync(file)
  const started = performance.now()
  execFileSync('dd', [`if=${source}`, `of=${target}`, 'bs=1M', 'conv=fdatasync', 'status=none'])
  return rate(total, started)
}

/** The spool in this thread: what SQLite and our own book-keeping cost. */
function spool(folder: string, sync: SpoolSettings['sync']): Rate {
  const settings = { folder: join(folder, 'spool'), disk_max: 1e15, disk_free_min: 0, sync }
  const context = openContext(settings, () => undefined, systemClock)
  const worker = new WorkerSpool(settings.folder, 0, context)
  const per_group = Math.max(1, Math.floor(GROUP / template.length))
  let sequence = 0
  const started = performance.now()
  while (sequence * template.length < total) {
    let rows = Array.from({ length: per_group }, (_, n) => batchRow(sequence + n))
    sequence += per_group
    while (rows.length > 0) {
      const result = worker.write(KEY, rows, 1e15)
      if (result.outcome !== 'committed') throw new Error(result.reason)
      rows = rows.slice(result.count)
    }
  }
  const write = rate(sequence * template.length, started)
  const read = drain(worker)
  worker.close()
  context.files.closeAll()
  return { write, read }
}

function drain(worker: WorkerSpool): number {
  const started = performance.now()
  let after = -1
  let bytes = 0
  for (;;) {
    const { rows, end } = worker.read(KEY, after, MiB)
    for (const row of rows) bytes += row.bytes.byteLength
    after = rows.at(-1)?.sequence ?? after
    worker.acknowledge(
      KEY,
      rows.map((row) => row.sequence),
    )
    if (end) return rate(bytes, started)
  }
}

/** The whole way: port, copy, thread, group commit, with at most 16 MiB on the way as in a worker. */
async function thread(
  folder: string,
  sync: SpoolSettings['sync'],
  form: Pick<SpoolSettings, 'keys' | 'compress'> = {},
): Promise<Rate> {
  const settings = { ...form, folder: join(folder, 'spool'), disk_max: 1e15, disk_free_min: 0, sync }
  const host = new SpoolThread(settings, { notice: () => undefined, died: (reason) => console.error(reason) })
  const client = new SpoolPortClient(host.attach(0))
  await client.recover()
  const count = Math.ceil(total / template.length)
  const window = Math.ceil((16 * MiB) / template.length)
  const started = performance.now()
  const waiting: Promise<unknown>[] = []
  for (let n = 0; n < count; n++) {
    waiting.push(client.write(KEY, 1e15, batchRow(n)))
    if (n >= window) await waiting[n - window]
  }
  await Promise.all(waiting)
  const write = rate(count * template.length, started)
  const read_started = performance.now()
  let after = -1
  for (let end = false; !end; ) {
    const result = await client.read(KEY, after, MiB)
    after = result.rows.at(-1)?.sequence ?? after
    client.acknowledge(
      KEY,
      result.rows.map((row) => row.sequence),
    )
    end = result.end
  }
  const read = rate(count * template.length, read_started)
  client.close()
  await host.close()
  return { write, read }
}

/** The same inserts under each journal mode, without our book-keeping: the figures behind the choice. */
function journal(folder: string, mode: string, sync: string, page: number): Rate {
  const bytes = template
  const per_group = Math.max(1, Math.floor(GROUP / bytes.length))
  let db: Database.Database | undefined
  let insert: Database.Statement | undefined
  let size = 0
  let sequence = 0
  const started = performance.now()
  while (sequence * bytes.length < total) {
    if (db === undefined || size + per_group * bytes.length > FILE_MAX) {
      db?.close()
      db = new Database(join(folder, `${sequence}.db`))
      db.pragma(`page_size = ${page}`)
      db.pragma('locking_mode = EXCLUSIVE')
      db.pragma(`journal_mode = ${mode}`)
      db.pragma(`synchronous = ${sync}`)
      db.pragma('cache_spill = OFF')
      db.exec('CREATE TABLE batch (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL)')
      insert = db.prepare('INSERT INTO batch VALUES (?, ?)')
      size = 0
    }
    db.exec('BEGIN')
    for (let n = 0; n < per_group; n++) insert?.run(sequence, Buffer.from(batchRow(sequence++).bytes))
    db.exec('COMMIT')
    size += per_group * bytes.length
  }
  db?.close()
  return { write: rate(sequence * bytes.length, started), read: 0 }
}

/** Batch `sequence`: the same events under another number. Both sides pay for making it. */
function batchRow(sequence: number): SpoolRow {
  const bytes = template.slice()
  const head = new DataView(bytes.buffer)
  head.setFloat64(Head.sequence, sequence, true)
  head.setUint32(Head.checksum, batchChecksum(bytes), true)
  return { sequence, events: EVENTS, bytes: bytes.buffer }
}

function firewall(n: number): string {
  return (
    `<181>1 2026-03-01T10:00:00.${String(n % 1000).padStart(3, '0')}Z esx-01.example.net FIREWALL-PKTLOG - - - ` +
    `6f3a6fd6 INET match PASS 1001 OUT 52 TCP 192.0.2.${n % 250}/51000->198.51.100.7/443 S ` +
    'acme-vdc-7f6c1f6e-1234-4abc-9d2e-3f4a5b6c7d8e padding-to-the-usual-length'
  )
}

function rate(bytes: number, started: number): number {
  return bytes / MiB / ((performance.now() - started) / 1000)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

interface Row {
  readonly name: string
  /** What a router does that nobody configured. */
  readonly usual: boolean
  readonly run: (folder: string) => Rate | Promise<Rate>
  readonly writes: number[]
  readonly ratios: number[]
  readonly dd_ratios: number[]
  readonly reads: number[]
}

function candidate(name: string, run: Row['run'], usual = false): Row {
  return { name, run, usual, writes: [], ratios: [], dd_ratios: [], reads: [] }
}

const journals = [
  ['PERSIST', 'FULL', 32_768],
  ['PERSIST', 'NORMAL', 32_768],
  ['TRUNCATE', 'FULL', 32_768],
  ['WAL', 'FULL', 32_768],
  ['WAL', 'NORMAL', 32_768],
  ['PERSIST', 'FULL', 4096],
  ['PERSIST', 'FULL', 65_536],
  ['WAL', 'FULL', 4096],
] as const

const rows: Row[] = values.journals
  ? journals.map(([mode, sync, page]) =>
      candidate(`${mode}, synchronous ${sync}, pages of ${page / 1024} KiB`, (folder) =>
        journal(folder, mode, sync, page),
      ),
    )
  : [
      candidate('spool, sync: full', (folder) => spool(folder, 'full')),
      candidate('spool, sync: normal', (folder) => spool(folder, 'normal')),
      candidate('spool and thread, sync: full', (folder) => thread(folder, 'full')),
      candidate('spool and thread, sync: normal', (folder) => thread(folder, 'normal')),
      candidate('the same, zstd', (folder) => thread(folder, 'normal', { compress: true }), true),
      candidate('the same, zstd and encrypted', (folder) =>
        thread(folder, 'normal', { compress: true, keys }),
      ),
    ]

const plains: number[] = []
const dds: number[] = []
for (let round = 0; round < rounds; round++) {
  for (const row of rows) {
    const by_dd = await inFolder(dd)
    const plain = (await inFolder(plainAppends)).write
    const { write, read } = await inFolder(row.run)
    plains.push(plain)
    row.writes.push(write)
    row.ratios.push(write / plain)
    row.dd_ratios.push(write / by_dd)
    dds.push(by_dd)
    row.reads.push(read)
  }
}

console.log(
  `${Math.round(total / MiB)} MiB a run in batches of ${Math.round(template.length / 1024)} KiB, a sync every ` +
    `${GROUP / MiB} MiB, pages of ${PAGE_SIZE / 1024} KiB, median of ${rounds}`,
)
console.log(`dd conv=fdatasync: ${median(dds).toFixed(0)} MiB/s`)
console.log(`plain appends with fdatasync: ${median(plains).toFixed(0)} MiB/s`)
for (const { name, writes, ratios, dd_ratios, reads } of rows) {
  const drained =
    median(reads) > 0
      ? `, drains ${median(reads).toFixed(0)} MiB/s (${median(drains(writes, reads)).toFixed(2)} × its writes)`
      : ''
  const beside = `${median(ratios).toFixed(2)} of plain appends, ${median(dd_ratios).toFixed(2)} of dd`
  console.log(`${name}: ${median(writes).toFixed(0)} MiB/s, ${beside}${drained}`)
}

function drains(writes: readonly number[], reads: readonly number[]): number[] {
  return reads.map((read, n) => read / (writes[n] ?? Number.NaN))
}

function promise(what: string, found: number, promised: number): void {
  if (found >= promised) return
  console.error(`${what}: ${found.toFixed(2)}; ${promised} is promised`)
  process.exitCode = 1
}

if (!values.journals) {
  for (const { name, usual, ratios, dd_ratios, writes, reads } of rows) {
    promise(`${name}, beside plain appends`, median(ratios), PROMISED)
    // A short run is over before the disk is warm, and its machine does other things.
    if (!usual || values.short) continue
    promise(`${name}, beside dd`, median(dd_ratios), PROMISED_DD)
    promise(`${name}, draining beside spilling`, median(drains(writes, reads)), PROMISED_DRAIN)
  }
}
