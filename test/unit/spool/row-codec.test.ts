import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { parseBatch } from '../../../src/queue/batch-codec.ts'
import { makeKey, readSpoolKeys } from '../../../src/spool/keys.ts'
import { RowCodec, RowForm, UnknownSpoolKey } from '../../../src/spool/row-codec.ts'
import { MiB, OpenSpool, row, TempFolder } from '../../support/spools.ts'

const KEY = 'acme/siem'
const ALL = 100 * MiB
const FIRST = makeKey(Buffer.alloc(32, 1))
const SECOND = makeKey(Buffer.alloc(32, 2))
const SECRET = 'what nobody may read on the disk'

function place(batch: ArrayBuffer): { key: string; sequence: number; events: number; raw: number } {
  return { key: KEY, sequence: 7, events: 2, raw: batch.byteLength }
}

function filesOf(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
}

test.each([
  ['as it is', new RowCodec(), RowForm.plain],
  ['compressed', new RowCodec([], true), RowForm.zstd],
  ['encrypted', new RowCodec([FIRST]), RowForm.encrypted],
  ['compressed and encrypted', new RowCodec([FIRST], true), RowForm.zstd | RowForm.encrypted],
])('a batch comes back from its row: %s', (_, codec, form) => {
  const { bytes } = row(7, KEY, 2, 5000)
  const stored = codec.encode(place(bytes), bytes)
  expect(stored.form).toBe(form)
  expect(codec.decode(place(bytes), stored)).toEqual(bytes)
})

test('what does not shrink is stored as it is', () => {
  const bytes = new Uint8Array(randomBytes(4096)).buffer
  expect(new RowCodec([], true).encode(place(bytes), bytes).form).toBe(RowForm.plain)
})

test('an encrypted row that was changed or moved is damaged, and one under another key names that key', () => {
  const codec = new RowCodec([FIRST], true)
  const { bytes } = row(7)
  const stored = codec.encode(place(bytes), bytes)
  for (const at of [0, 20, stored.bytes.length - 1]) {
    const changed = Uint8Array.from(stored.bytes)
    changed[at] = (changed[at] as number) ^ 1
    expect(codec.decode(place(bytes), { ...stored, bytes: changed })).toBeUndefined()
  }
  expect(codec.decode({ ...place(bytes), sequence: 8 }, stored)).toBeUndefined()
  expect(codec.decode({ ...place(bytes), key: 'globex/siem' }, stored)).toBeUndefined()
  expect(codec.decode(place(bytes), { ...stored, bytes: new Uint8Array(3) })).toBeUndefined()
  expect(() => new RowCodec([SECOND]).decode(place(bytes), stored)).toThrow(UnknownSpoolKey)
  expect(() => new RowCodec().decode(place(bytes), stored)).toThrow(FIRST.id)
})

test('a compressed row that says it is shorter or longer than it is gives no more than it says', () => {
  const codec = new RowCodec([], true)
  const { bytes } = row(7, KEY, 2, 5000)
  const stored = codec.encode(place(bytes), bytes)
  expect(codec.decode({ ...place(bytes), raw: 100 }, stored)).toBeUndefined()
  expect(codec.decode({ ...place(bytes), raw: 2 ** 52 }, stored)).toBeUndefined()
  expect(codec.decode(place(bytes), { ...stored, bytes: randomBytes(50) })).toBeUndefined()
  expect(codec.decode(place(bytes), { ...stored, form: 9 })).toBeUndefined()
})

test('keys are read from a file, and nothing else is', () => {
  using folder = new TempFolder()
  const path = join(folder.path, 'keys')
  const hex = 'ab'.repeat(32)
  writeFileSync(path, `# rotated in spring\n${hex}\n\n${Buffer.alloc(32, 9).toString('base64')}\n`)
  expect(readSpoolKeys(path).map(({ secret }) => secret.length)).toEqual([32, 32])
  expect(readSpoolKeys(path)[0]?.id).toBe(makeKey(Buffer.from(hex, 'hex')).id)
  expect(readSpoolKeys(null)).toEqual([])
  for (const text of ['', '# none\n', 'a password\n', `${hex}00\n`, `${hex}\n`.repeat(65)]) {
    writeFileSync(path, text)
    expect(() => readSpoolKeys(path)).toThrow(/key/)
  }
  writeFileSync(path, `${hex.slice(2)}\n`)
  expect(() => readSpoolKeys(path)).toThrow(/line 1 of/)
  expect(() => readSpoolKeys(path)).not.toThrow(hex.slice(2))
  chmodSync(path, 0o600)
  expect(() => readSpoolKeys(join(folder.path, 'nowhere'))).toThrow(/cannot read/)
})

test('with a key nothing of an event is on the disk in clear, the stop file included', () => {
  using folder = new TempFolder()
  const open = new OpenSpool(folder.path, { keys: [FIRST], compress: true })
  const secret = (sequence: number): ReturnType<typeof row> => row(sequence, `${KEY}${SECRET}`)
  open.spool.write(KEY, [secret(0), secret(1)], ALL)
  open.spool.stop([{ key: KEY, row: secret(2) }])
  open.close()
  expect(filesOf(folder.path).filter((bytes) => bytes.includes(SECRET))).toEqual([])
  using again = new OpenSpool(folder.path, { keys: [FIRST] })
  expect(again.spool.read(KEY, -1, ALL).rows.map(({ sequence }) => sequence)).toEqual([0, 1, 2])
})

test('keys rotate: new files are under the first key, old ones are read as long as theirs is listed', () => {
  using folder = new TempFolder()
  const write = (keys: readonly (typeof FIRST)[], sequence: number): void => {
    using open = new OpenSpool(folder.path, { keys })
    expect(open.spool.write(KEY, [row(sequence)], ALL).outcome).toBe('committed')
  }
  write([], 0)
  write([FIRST], 1)
  write([SECOND, FIRST], 2)
  {
    using open = new OpenSpool(folder.path, { keys: [SECOND, FIRST] })
    const { rows } = open.spool.read(KEY, -1, ALL)
    expect(rows.map(({ sequence }) => sequence)).toEqual([0, 1, 2])
    expect(open.notices).toEqual([])
  }
  using open = new OpenSpool(folder.path, { keys: [SECOND] })
  const { rows, damaged } = open.spool.read(KEY, -1, ALL)
  expect(rows.map(({ sequence }) => sequence)).toEqual([0, 2])
  expect(damaged).toMatchObject([{ events: 2, batches: 1, reason: expect.stringContaining(FIRST.id) }])
  expect(open.notices).toMatchObject([{ event: 'quarantined', key: KEY, events: 2 }])
  expect(readdirSync(join(folder.path, 'spool', 'quarantine'))).toHaveLength(1)
})

test('compressed rows take less of the disk and count as many bytes as they hold', () => {
  using folder = new TempFolder()
  using plain = new OpenSpool(join(folder.path, 'plain'))
  using packed = new OpenSpool(join(folder.path, 'packed'), { compress: true })
  const rows = Array.from({ length: 20 }, (_, n) => row(n, KEY, 20, 60_000))
  for (const { spool } of [plain, packed]) expect(spool.write(KEY, rows, ALL)).toMatchObject({ count: 20 })
  const [a, b] = [plain.spool.state(KEY), packed.spool.state(KEY)]
  expect(b.bytes).toBe(a.bytes)
  expect(b.file_bytes).toBeLessThan(a.file_bytes / 2)
})

test('a row of 17 KB, as a compressed batch is, takes little more of the disk than itself', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path)
  const rows = Array.from({ length: 40 }, (_, n) => row(n, KEY, 2, 17_000))
  expect(open.spool.write(KEY, rows, ALL)).toMatchObject({ count: 40 })
  const { bytes, file_bytes } = open.spool.state(KEY)
  expect(file_bytes / bytes).toBeLessThan(1.5)
})

test('a file of version 1 is read and not written to', () => {
  using folder = new TempFolder()
  {
    using open = new OpenSpool(folder.path)
    open.spool.write(KEY, [row(0), row(1)], ALL)
  }
  const chain = join(folder.path, 'spool', '0', 'acme%2fsiem')
  const [name = ''] = readdirSync(chain)
  const db = new Database(join(chain, name))
  for (const column of ['raw', 'form', 'key_id', 'opened_at'])
    db.exec(`ALTER TABLE batch DROP COLUMN ${column}`)
  db.pragma('user_version = 1')
  db.close()
  using open = new OpenSpool(folder.path, { keys: [FIRST], compress: true })
  expect(open.spool.state(KEY)).toMatchObject({ batches: 2, events: 4 })
  open.spool.write(KEY, [row(2)], ALL)
  expect(readdirSync(chain).filter((file) => file.endsWith('.db'))).toHaveLength(2)
  const { rows } = open.spool.read(KEY, -1, ALL)
  expect(rows.map(({ bytes }) => parseBatch(bytes).sequence)).toEqual([0, 1, 2])
  expect(open.notices).toEqual([])
})

test('a file whose schema lost a bit is set aside and counted, never taken for empty', () => {
  using folder = new TempFolder()
  {
    using open = new OpenSpool(folder.path)
    open.spool.write(KEY, [row(0), row(1)], ALL)
  }
  const chain = join(folder.path, 'spool', '0', 'acme%2fsiem')
  const path = join(chain, readdirSync(chain)[0] ?? '')
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('PRIMARY KEY') + 'PRIMARY'.length] = 0xa0
  writeFileSync(path, bytes)
  using open = new OpenSpool(folder.path)
  expect(open.notices).toMatchObject([{ event: 'quarantined' }])
  expect(readdirSync(join(folder.path, 'spool', 'quarantine'))).toHaveLength(1)
})

test.each([
  ['compressed', { compress: true }],
  ['encrypted', { keys: [FIRST] }],
  ['both', { compress: true, keys: [FIRST] }],
])('what a row is made with, and read with, is given back at once: %s', (_, settings) => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path, settings)
  const { spool } = open
  const ROWS = 30
  /** Bytes that a call left behind. */
  const left = (act: () => unknown): number => {
    const before = process.memoryUsage().arrayBuffers
    act()
    return process.memoryUsage().arrayBuffers - before
  }
  let sum = 0
  for (let n = 0; n < ROWS; n++) {
    const made = row(n, KEY, 1, MiB / 2)
    sum += Math.max(
      0,
      left(() => expect(spool.write(KEY, [made], ALL)).toMatchObject({ outcome: 'committed' })),
    )
  }
  for (let n = 0; n < ROWS; n++) {
    const read = left(() => {
      const { rows } = spool.read(KEY, n - 1, 1)
      expect(rows.map(({ sequence }) => sequence)).toEqual([n])
      for (const { bytes } of rows) bytes.transfer(0)
    })
    sum += Math.max(0, read)
  }
  // Left to the collector it was half a mebibyte a row and more.
  expect(sum).toBeLessThan((ROWS * MiB) / 16)
})
