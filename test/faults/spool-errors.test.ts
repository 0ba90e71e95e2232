/** What the system may answer to the spool, and what a disk may hold at start: the router lives, and says what it lost. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { armFaults } from '../../src/base/faults.ts'
import { BatchDamaged, parseBatch } from '../../src/queue/batch-codec.ts'
import { SPOOL_VERSION } from '../../src/spool/spool-file.ts'
import { buildChain, CHAIN, chainFiles, chance, damageSpool, KEY, patch } from '../support/spool-damage.ts'
import { MiB, OpenSpool, row, TempFolder } from '../support/spools.ts'

const ALL = 100 * MiB

afterEach(() => armFaults({}))

function arm(faults: string): void {
  armFaults({ LOGWEIR_TEST: '1', LOGWEIR_FAULTS: faults })
}

function sequences(open: OpenSpool, after = -1): number[] {
  return open.spool.read(KEY, after, ALL).rows.map(({ sequence }) => sequence)
}

const codes = ['EIO', 'ENOSPC', 'EROFS', 'EACCES', 'EDQUOT', 'EMFILE', 'SQLITE_IOERR_FSYNC', 'SQLITE_FULL']
const points = [
  'spool.open',
  'spool.write.before',
  'spool.write.after',
  'spool.commit.before',
  'spool.commit.after',
  'spool.seal',
]

test.each(codes.flatMap((code) => points.map((point) => [code, point])))(
  'R15: %s at %s brings batches back, costs none, and the next attempt goes through',
  (code, point) => {
    using folder = new TempFolder()
    using open = new OpenSpool(folder.path)
    let failed = 0
    for (let n = 0; n < 24; n++) {
      if (n === 3 || n === 12) arm(`${point}=throw:${code}@1`)
      const batch = row(n, KEY, 2, 30_000)
      let result = open.spool.write(KEY, [batch], 2 * MiB)
      if (result.outcome !== 'committed') {
        failed += 1
        expect(result).toMatchObject({ outcome: 'error', reason: expect.stringContaining(code) })
        arm('')
        result = open.spool.write(KEY, [batch], 2 * MiB)
      }
      expect(result.outcome).toBe('committed')
    }
    if (point.startsWith('spool.write') || point.startsWith('spool.commit')) expect(failed).toBe(2)
    arm('')
    expect([...new Set(sequences(open))]).toEqual(Array.from({ length: 24 }, (_, n) => n))
    expect(open.spool.state(KEY)).toMatchObject({ events: expect.any(Number) })
  },
)

test('R15: a read that the disk refuses is answered later, not as damage', () => {
  using folder = new TempFolder()
  buildChain(folder.path, 5)
  using open = new OpenSpool(folder.path)
  arm('spool.read=throw:EIO@1')
  expect(() => open.spool.read(KEY, -1, ALL)).toThrow('EIO')
  expect(sequences(open)).toEqual([0, 1, 2, 3, 4])
  expect(open.notices).toEqual([])
})

test.for([
  ['noticed before', 0, 'full'],
  ['met in the act', -1e15, 'error'],
] as const)(
  'R15: a full file system, %s: batches come back, and go through later',
  ([, floor, outcome], { skip }) => {
    using folder = new TempFolder()
    const mount = join(folder.path, 'small')
    mkdirSync(mount)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount], { stdio: 'pipe' })
    } catch {
      skip('this user may not mount a small file system')
    }
    try {
      writeFileSync(join(mount, 'ballast'), Buffer.alloc(4 * MiB))
      const open = new OpenSpool(mount, { disk_free_min: floor })
      let written = 0
      let refused: unknown
      for (let n = 0; n < 300 && refused === undefined; n++) {
        const result = open.spool.write(KEY, [row(n, KEY, 2, 60_000)], ALL)
        if (result.outcome === 'committed') written += 1
        else refused = result
      }
      expect(refused).toMatchObject({ outcome })
      expect(written).toBeGreaterThan(20)
      expect(sequences(open).length).toBe(written)
      unlinkSync(join(mount, 'ballast'))
      open.clock.now += 1000
      expect(open.spool.write(KEY, [row(written, KEY, 2, 60_000)], ALL).outcome).toBe('committed')
      expect(sequences(open)).toEqual(Array.from({ length: written + 1 }, (_, n) => n))
      open.close()
      using again = new OpenSpool(mount)
      expect(sequences(again).length).toBe(written + 1)
    } finally {
      execFileSync('umount', ['-l', mount])
    }
  },
)

test('R11, R12: of a thousand flipped bits none is delivered, and each costs at most its file', () => {
  using original = new TempFolder()
  buildChain(original.path, 24)
  const names = chainFiles(original.path)
  expect(names.length).toBeGreaterThan(2)
  const per_file = Math.ceil(24 / names.length) + 1
  const pick = chance(1)
  const texts = readBack(original.path)
  let set_aside = 0
  for (let run = 0; run < 1000; run++) {
    const name = names[pick(names.length)] as string
    const path = join(original.path, CHAIN, name)
    const size = statSync(path).size
    const at = pick(size)
    const flipped = readFileSync(path)
    flipped[at] = (flipped[at] as number) ^ (1 << pick(8))
    using folder = new TempFolder()
    cpSync(original.path, folder.path, { recursive: true })
    writeFileSync(join(folder.path, CHAIN, name), flipped)
    using open = new OpenSpool(folder.path)
    const { rows, damaged, end } = open.spool.read(KEY, -1, ALL)
    expect(end).toBe(true)
    for (const { sequence, bytes } of rows)
      expect(Buffer.from(bytes).equals(texts.get(sequence) as Buffer)).toBe(true)
    expect(rows.length).toBeGreaterThanOrEqual(24 - per_file)
    if (rows.length < 24) {
      set_aside += 1
      expect(damaged.length + open.notices.length).toBeGreaterThan(0)
    }
    expect(sequences(open, rows.at(-1)?.sequence)).toEqual([])
  }
  expect(set_aside).toBeGreaterThan(100)
})

function readBack(folder: string): Map<number, Buffer> {
  using open = new OpenSpool(folder)
  return new Map(
    open.spool.read(KEY, -1, ALL).rows.map(({ sequence, bytes }) => [sequence, Buffer.from(bytes)]),
  )
}

test('R13: none of 500 mutated spools stops the start, loops, or gives a wrong batch', () => {
  using original = new TempFolder()
  buildChain(original.path, 24)
  const texts = readBack(original.path).set(24, Buffer.from(row(24).bytes))
  {
    using open = new OpenSpool(original.path)
    open.spool.acknowledge(KEY, [0, 1, 5])
    open.spool.stop([{ key: KEY, row: row(24) }])
  }
  const pick = chance(2)
  for (let run = 0; run < 500; run++) {
    using folder = new TempFolder()
    cpSync(original.path, folder.path, { recursive: true })
    for (let times = 1 + pick(3); times > 0; times--) damageSpool(folder.path, pick)
    const open = new OpenSpool(folder.path)
    let after = -1
    for (let turn = 0; ; turn++) {
      expect(turn).toBeLessThan(100)
      const { rows, end } = open.spool.read(KEY, after, MiB)
      for (const { sequence, bytes } of rows) {
        expect(sequence).toBeGreaterThan(after)
        expect(() => parseBatch(bytes)).not.toThrow(BatchDamaged)
        expect(Buffer.from(bytes).equals(texts.get(sequence) as Buffer)).toBe(true)
        after = sequence
      }
      if (end) break
    }
    // A newest file that proves damaged when it is written costs one attempt: the batch comes back.
    const last = row(Math.max(100, after + 1))
    const attempts = [1, 2].map(() => open.spool.write(KEY, [last], ALL))
    expect(attempts[1]).toEqual({ outcome: 'committed', count: 1 })
    open.spool.tick()
    open.close()
  }
})

test('R19: a file of a later version is refused, told, not counted as damage, and not touched', () => {
  using folder = new TempFolder()
  buildChain(folder.path, 10)
  const name = chainFiles(folder.path)[0] as string
  const path = join(folder.path, CHAIN, name)
  patch(path, 60, Buffer.from([0, 0, 0, SPOOL_VERSION + 1]))
  unlinkSync(join(folder.path, 'spool', '0', 'cursors.db'))
  const before = readFileSync(path)
  const mtime = statSync(path).mtimeMs
  using open = new OpenSpool(folder.path)
  expect(open.notices.map(({ event }) => event)).toEqual(['refused'])
  expect(open.spool.read(KEY, -1, ALL).damaged).toEqual([])
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(statSync(path).mtimeMs).toBe(mtime)
})

test.each([
  ['behind its head', 100],
  ['from its first byte', 0],
])('R12: a file damaged %s is kept in quarantine, the rest is delivered, the lost are counted', (_, from) => {
  using folder = new TempFolder()
  buildChain(folder.path, 24)
  const path = join(folder.path, CHAIN, chainFiles(folder.path)[1] as string)
  new OpenSpool(folder.path).close()
  patch(path, from, Buffer.alloc(statSync(path).size - from, 'rubbish'))
  using open = new OpenSpool(folder.path)
  // Sealed files are not opened at start: the cursors know what they hold.
  expect(open.context.files.opened).toBeLessThanOrEqual(1)
  const { rows, damaged } = open.spool.read(KEY, -1, ALL)
  const lost = (24 - rows.length) * 2
  expect(lost).toBeGreaterThan(0)
  // Found at start, it was never counted as held; found while reading, it is told as lost.
  if (from > 0) expect(damaged.reduce((sum, { events }) => sum + events, 0)).toBe(lost)
  expect(open.notices).toMatchObject([{ event: 'quarantined', events: lost }])
  expect(readdirSync(join(folder.path, 'spool', 'quarantine'))).toHaveLength(1)
})

test('R21: folders are 0700 and files 0600', () => {
  using folder = new TempFolder()
  const open = new OpenSpool(folder.path)
  open.spool.write(KEY, [row(0)], ALL)
  open.spool.stop([{ key: KEY, row: row(1) }])
  const seen: string[] = []
  const look = (path: string): void => {
    const stats = statSync(path)
    expect([path, stats.mode & 0o777]).toEqual([path, stats.isDirectory() ? 0o700 : 0o600])
    seen.push(path)
    if (stats.isDirectory()) for (const name of readdirSync(path)) look(join(path, name))
  }
  look(join(folder.path, 'spool'))
  expect(seen.length).toBeGreaterThan(6)
  open.close()
})
