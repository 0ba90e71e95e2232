import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseBatch } from '../../../src/queue/batch-codec.ts'
import { FILE_MIN } from '../../../src/spool/limits.ts'
import { MiB, OpenSpool, row, TempFolder } from '../../support/spools.ts'

const KEY = 'acme/siem'
const ALL = 100 * MiB

function fill(open: OpenSpool, from: number, to: number, key = KEY): void {
  for (let sequence = from; sequence < to; sequence++) {
    expect(open.spool.write(key, [row(sequence, key)], ALL)).toEqual({ outcome: 'committed', count: 1 })
  }
}

function sequences(open: OpenSpool, after = -1, key = KEY): number[] {
  const { rows, end } = open.spool.read(key, after, ALL)
  expect(end).toBe(true)
  return rows.map(({ sequence, bytes }) => {
    expect(parseBatch(bytes).sequence).toBe(sequence)
    return sequence
  })
}

test('what was written is read back in order, and again after a reopening', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  fill(first, 0, 10)
  expect(sequences(first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(sequences(first, 6)).toEqual([7, 8, 9])
  first.close()
  using second = new OpenSpool(folder.path)
  expect(second.spool.states()).toMatchObject([{ key: KEY, batches: 10, events: 20, last_sequence: 9 }])
  expect(sequences(second)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(second.notices).toEqual([])
})

test('several rows go in one commit', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  expect(open.spool.write(KEY, [row(0), row(1), row(2)], ALL)).toEqual({ outcome: 'committed', count: 3 })
  expect(open.spool.state(KEY)).toMatchObject({ batches: 3, events: 6 })
})

test('a row that is on disk already counts as committed and is not doubled', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  fill(open, 0, 3)
  expect(open.spool.write(KEY, [row(1), row(3)], ALL)).toEqual({ outcome: 'committed', count: 1 })
  expect(open.spool.write(KEY, [row(3)], ALL)).toEqual({ outcome: 'committed', count: 1 })
  expect(sequences(open)).toEqual([0, 1, 2, 3])
})

test('a batch that was refused and comes back later is read in its place, also after a restart', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  fill(first, 0, 3)
  fill(first, 5, 8)
  first.spool.acknowledge(KEY, [0])
  fill(first, 4, 5)
  expect(sequences(first)).toEqual([1, 2, 4, 5, 6, 7])
  expect(sequences(first, 2)).toEqual([4, 5, 6, 7])
  first.close()
  using second = new OpenSpool(folder.path)
  expect(second.spool.states()).toMatchObject([{ batches: 6, events: 12 }])
  expect(sequences(second)).toEqual([1, 2, 4, 5, 6, 7])
})

test('a batch that comes back below what is acknowledged is not taken for acknowledged', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  fill(first, 5, 9)
  first.spool.acknowledge(KEY, [5, 6])
  first.spool.tick()
  fill(first, 4, 5)
  expect(sequences(first)).toEqual([4, 7, 8])
  // No tick: as if the process had died now.
  using copy = new TempFolder()
  cpSync(folder.path, copy.path, { recursive: true })
  first.close()
  using second = new OpenSpool(copy.path)
  expect(sequences(second)).toEqual([4, 7, 8])
})

test('acknowledged batches are not offered again, in any order of acknowledging', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  fill(first, 0, 6)
  first.spool.acknowledge(KEY, [3, 0, 4])
  expect(sequences(first)).toEqual([1, 2, 5])
  expect(first.spool.state(KEY)).toMatchObject({ batches: 3, events: 6 })
  first.close()
  using second = new OpenSpool(folder.path)
  expect(sequences(second)).toEqual([1, 2, 5])
  expect(second.spool.state(KEY)).toMatchObject({ batches: 3, events: 6 })
})

test('files are sealed at an eighth of the quota, and drained ones are gone', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  const quota = 4 * MiB
  for (let n = 0; n < 40; n++) open.spool.write(KEY, [row(n, KEY, 2, 60_000)], quota)
  const chain = join(open.folder, '0', 'acme%2fsiem')
  const files = readdirSync(chain).filter((name) => name.endsWith('.db'))
  expect(files.length).toBeGreaterThan(3)
  open.spool.acknowledge(
    KEY,
    Array.from({ length: 39 }, (_, n) => n),
  )
  expect(readdirSync(chain).filter((name) => name.endsWith('.db')).length).toBe(1)
  expect(sequences(open)).toEqual([39])
})

test('a drained file that nobody writes to any more goes as well', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  fill(open, 0, 1)
  open.spool.acknowledge(KEY, [0])
  for (let n = 0; n < 20; n++) open.spool.tick()
  expect(readdirSync(join(open.folder, '0', 'acme%2fsiem'))).toEqual([])
  expect(open.context.usage.total).toBe(0)
  expect(open.spool.state(KEY)).toMatchObject({ batches: 0, last_sequence: 0, file_bytes: 0 })
})

test('a quota refuses with its reason and keeps what is there', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  const quota = MiB
  let refused: unknown
  for (let n = 0; n < 40 && refused === undefined; n++) {
    const result = open.spool.write(KEY, [row(n, KEY, 2, 60_000)], quota)
    if (result.outcome !== 'committed') refused = result
  }
  expect(refused).toMatchObject({ outcome: 'full', reason: expect.stringContaining('disk_max') })
  expect(open.spool.state(KEY).file_bytes).toBeLessThanOrEqual(quota + FILE_MIN)
})

test('the whole spool’s quota and the free-space floor refuse as well', () => {
  using folder = new TempFolder()
  using small = new OpenSpool(folder.path, { disk_max: 100_000 })
  expect(small.spool.write(KEY, [row(0, KEY, 2, 200_000)], ALL)).toMatchObject({ outcome: 'full' })
  small.context.usage.limits = { disk_max: 1e15, disk_free_min: 1e18 }
  expect(small.spool.write(KEY, [row(0)], ALL)).toMatchObject({
    outcome: 'full',
    reason: expect.stringContaining('disk_free_min'),
  })
  small.context.usage.limits = { disk_max: 1e15, disk_free_min: 0 }
  expect(small.spool.write(KEY, [row(0)], ALL)).toMatchObject({ outcome: 'committed' })
})

test('dropping the oldest frees whole files and says what was lost', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  const quota = 4 * MiB
  for (let n = 0; n < 30; n++) open.spool.write(KEY, [row(n, KEY, 2, 60_000)], quota)
  const before = open.spool.state(KEY)
  const lost = open.spool.dropOldest(KEY, -1, 100_000)
  const after = open.spool.state(KEY)
  expect(lost.batches).toBeGreaterThan(0)
  expect(lost.events).toBe(lost.batches * 2)
  expect(after.batches).toBe(before.batches - lost.batches)
  expect(after.file_bytes).toBeLessThan(before.file_bytes)
  expect(sequences(open)[0]).toBe(lost.through + 1)
})

test('batches in flight are not dropped, and their file goes when they are acknowledged', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  const quota = 4 * MiB
  for (let n = 0; n < 30; n++) open.spool.write(KEY, [row(n, KEY, 2, 60_000)], quota)
  const lost = open.spool.dropOldest(KEY, 1, 100_000)
  expect(sequences(open)[0]).toBe(0)
  expect(sequences(open).slice(0, 3)).toEqual([0, 1, lost.through + 1])
  const before = open.spool.state(KEY).file_bytes
  open.spool.acknowledge(KEY, [0, 1])
  expect(open.spool.state(KEY).file_bytes).toBeLessThan(before)
})

test('a graceful stop is one file, read back behind what was on disk', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  fill(first, 0, 3)
  first.spool.stop([
    { key: KEY, row: row(4) },
    { key: 'globex/siem', row: row(7, 'globex/siem') },
    { key: KEY, row: row(3) },
  ])
  first.close()
  expect(existsSync(join(first.folder, '0', 'stop-1.db'))).toBe(true)
  const second = new OpenSpool(folder.path)
  expect(
    second.spool.states().map(({ key, batches, last_sequence }) => [key, batches, last_sequence]),
  ).toEqual([
    [KEY, 5, 4],
    ['globex/siem', 1, 7],
  ])
  fill(second, 5, 7)
  expect(sequences(second)).toEqual([0, 1, 2, 3, 4, 5, 6])
  second.spool.acknowledge(KEY, [3, 4])
  second.close()
  using third = new OpenSpool(folder.path)
  expect(sequences(third)).toEqual([0, 1, 2, 5, 6])
  third.spool.acknowledge('globex/siem', [7])
  expect(existsSync(join(third.folder, '0', 'stop-1.db'))).toBe(false)
})

test('at most so many files are open, whatever is asked for', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  for (let n = 0; n < 100; n++) fill(open, 0, 1, `tenant-${n}/siem`)
  expect(open.context.files.open).toBeLessThanOrEqual(64)
  for (let n = 0; n < 100; n++) expect(sequences(open, -1, `tenant-${n}/siem`)).toEqual([0])
})

test('R14: opening two gigabytes opens as many files as two megabytes do, and reads no batch', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  const chain = join(first.folder, '0', 'acme%2fsiem')
  fill(first, 0, 1)
  first.close()
  // Each file is a real one with one batch, and a hole up to the size of a full one.
  const [name = ''] = readdirSync(chain)
  const one = readFileSync(join(chain, name))
  unlinkSync(join(chain, name))
  const shifted = (n: number): string => join(chain, `${String(n).padStart(16, '0')}+${n}.db`)
  for (let n = 0; n < 32; n++) {
    writeFileSync(shifted(n), one, { mode: 0o600 })
    truncateSync(shifted(n), 64 * MiB)
  }
  // The first start after the files came from elsewhere learns what they hold from their last rows.
  const second = new OpenSpool(folder.path)
  expect(second.context.files.opened).toBe(32)
  expect(second.spool.state(KEY)).toMatchObject({ batches: 32, events: 64, file_bytes: 32 * 64 * MiB })
  second.close()
  // Every later one knows.
  using third = new OpenSpool(folder.path)
  expect(third.context.files.opened).toBe(0)
  expect(third.spool.state(KEY)).toMatchObject({ batches: 32, events: 64, last_sequence: 31 })
  expect(third.spool.read(KEY, 29, ALL).rows.map(({ sequence }) => sequence)).toEqual([30, 31])
  expect(third.context.files.opened).toBe(2)
})

test('a start looks at the newest file only, however many there are', () => {
  using folder = new TempFolder()
  const first = new OpenSpool(folder.path)
  for (let n = 0; n < 60; n++) first.spool.write(KEY, [row(n, KEY, 2, 60_000)], 16 * MiB)
  first.close()
  using second = new OpenSpool(folder.path)
  expect(second.context.files.opened).toBe(1)
  expect(second.spool.state(KEY)).toMatchObject({ batches: 60, events: 120, last_sequence: 59 })
})

test('a file that is gone after part of it was read: lost is what was not read, to the batch and event', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  fill(open, 0, 10)
  expect(open.spool.read(KEY, -1, 1).rows.length).toBe(1)
  const { rows } = open.spool.read(KEY, 0, row(1).bytes.byteLength * 2)
  const last = rows.at(-1)?.sequence as number
  const chain = join(folder.path, 'spool', '0', 'acme%2fsiem')
  for (const name of readdirSync(chain)) unlinkSync(join(chain, name))
  open.context.files.closeAll()
  open.spool.acknowledge(KEY, [0])
  const { damaged } = open.spool.read(KEY, last, ALL)
  expect(damaged).toMatchObject([{ after: last, through: 9, batches: 9 - last, events: (9 - last) * 2 }])
})
