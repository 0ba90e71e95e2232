/** Is every event in the file of its tenant and day, once, whatever tenants are called and the disk does? */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { armFaults } from '../../src/base/faults.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { FilePaths, safeName } from '../../src/forward/file-paths.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { BatchNames } from '../../src/queue/batch.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import type { FileOptions, ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { FileHands } from '../../src/worker/files.ts'
import { makeBatch, testNames } from '../support/batches.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'

const DAY_MS = 86_400_000
const FIRST_DAY = Date.parse('2026-01-02T00:00:00Z')
let folder = ''
const ends: (() => Promise<void>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logweir-paths-'))
})
afterEach(async () => {
  armFaults({})
  for (const end of ends.splice(0).reverse()) await end()
  rmSync(folder, { recursive: true, force: true })
})

const options = (over: Partial<FileOptions> = {}): FileOptions => ({
  size: 1_000_000,
  keep: 5,
  every: null,
  gzip: false,
  fsync: false,
  mode: 0o640,
  ...over,
})

function make(
  name: string,
  rotate: Partial<FileOptions> = {},
  over: Partial<ForwarderSettings> = {},
  deps: Partial<ForwardDeps> = {},
): { lane: FakeLane; path: string; stop: () => Promise<void> } {
  const path = join(folder, name)
  const settings = testSettings({
    type: 'file',
    to: { scheme: 'file', path },
    rotate: options(rotate),
    ...over,
  })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps(deps)))
  const stop = (): Promise<void> => destination.stop(1000)
  ends.push(stop)
  return { lane, path, stop }
}

/** Every file below the folder with its lines. */
function tree(): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[relative(folder, path)] = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  }
  return found
}

const settled = (lane: FakeLane, batches: number): Promise<void> =>
  lane.until(() => lane.settled.length === batches)

describe('tenants and days', () => {
  test.each(['original', 'json'] as const)(
    'each event is in the file of its own, in order: %s',
    async (format) => {
      const { lane } = make('{tenant}/fw-{date}.log', {}, { format })
      for (let b = 0; b < 6; b += 1) {
        lane.add(
          ...Array.from({ length: 30 }, (_, i) => ({
            text: `<14>seq=${b * 30 + i}`,
            owner: i % 3,
            stream: 0,
            received_at: FIRST_DAY + (b >= 3 ? DAY_MS : DAY_MS - 1),
          })),
        )
      }
      await settled(lane, 6)
      lane.check()
      expect(lane.held).toBe(0)
      const files = tree()
      const names = ['_orphans', 'tenant-1', 'tenant-2'].flatMap((tenant) =>
        ['2026-01-02', '2026-01-03'].map((date) => `${tenant}/fw-${date}.log`),
      )
      expect(Object.keys(files).sort()).toEqual(names.sort())
      const numbers = Object.values(files).map((lines) =>
        lines.map((line) => Number(/seq=(\d+)/.exec(line)?.[1])),
      )
      for (const one of numbers) expect(one).toEqual(one.toSorted((a, b) => a - b))
      expect(numbers.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 180 }, (_, n) => n))
      expect(files['tenant-2/fw-2026-01-02.log']?.length).toBe(30)
    },
  )

  test('one file that fails does not repeat the others', async () => {
    mkdirSync(join(folder, 'tenant-2'))
    writeFileSync(join(folder, 'tenant-2', 'out.log'), '')
    rmSync(join(folder, 'tenant-2', 'out.log'))
    // A folder stands where the file should be.
    mkdirSync(join(folder, 'tenant-2', 'out.log'))
    const { lane } = make('{tenant}/out.log')
    lane.add(
      { text: '<14>one', owner: 1, stream: 0 },
      { text: '<14>two', owner: 2, stream: 0 },
      { text: '<14>three', owner: 3, stream: 0 },
    )
    await expect.poll(() => lane.destination?.last_error).toContain('it is a folder')
    expect(lane.destination?.state).toBe('retrying')
    expect(lane.settled.length).toBe(0)
    rmSync(join(folder, 'tenant-2', 'out.log'), { recursive: true })
    await settled(lane, 1)
    expect(tree()).toEqual({
      'tenant-1/out.log': ['<14>one'],
      'tenant-2/out.log': ['<14>two'],
      'tenant-3/out.log': ['<14>three'],
    })
    lane.check()
  })

  test('a stop while one file fails gives everything back', async () => {
    mkdirSync(join(folder, 'tenant-2', 'out.log'), { recursive: true })
    const { lane, stop } = make('{tenant}/out.log', {}, { retry: { first: 3000, max: 3000 } })
    lane.add({ text: '<14>one', owner: 1, stream: 0 }, { text: '<14>two', owner: 2, stream: 0 })
    await expect.poll(() => lane.destination?.state).toBe('retrying')
    await stop()
    expect(lane.waiting).toBe(1)
    lane.check()
  })

  test('more tenants than files may be open', async () => {
    const { lane } = make('{tenant}.log')
    for (let round = 0; round < 3; round += 1)
      lane.add(...Array.from({ length: 100 }, (_, n) => ({ text: `<14>${round}`, owner: n + 1, stream: 0 })))
    await settled(lane, 3)
    const files = tree()
    expect(Object.keys(files).length).toBe(100)
    for (const lines of Object.values(files)) expect(lines).toEqual(['<14>0', '<14>1', '<14>2'])
    const open = readdirSync('/proc/self/fd').length
    expect(open).toBeLessThan(120)
  })
})

describe('names that mean harm', () => {
  test.each([
    ['../../etc/passwd', '%2E./../etc/passwd'],
    ['..', '%2E.'],
    ['.', '%2E'],
    ['', '%'],
    ['a/b', 'a%2Fb'],
    ['a\u0000b', 'a%00b'],
    ['a\nb', 'a%0Ab'],
    ['{date}', '%7Bdate%7D'],
    ['$&$1', '%24%26%241'],
    ['Ünï', '%C3%9Cn%C3%AF'],
    ['acme-1.x_Y', 'acme-1.x_Y'],
  ])('%j stays within its place', (name, expected) => {
    expect(safeName(name)).toBe(expected.replaceAll('/', '%2F'))
    const names: BatchNames = {
      ...testNames,
      owner: () => ({
        tenant: name,
        owner: { org: null, org_vdc: null, data_center_group: null, gateway: null, by: 'x' },
      }),
    }
    const batch = makeBatch({
      events: [{ text: 'x', received_at: FIRST_DAY }],
      form: PayloadForm.bare,
      escape: false,
      names,
    })
    const path = new FilePaths('/out/{tenant}/{date}/x.log').pathOf(batch, 0)
    expect(path).toMatch(/^\/out\/[^/]+\/2026-01-02\/x\.log$/)
    expect(join(path)).toBe(path)
  })

  test('times that no calendar has', () => {
    const events = [Number.NaN, -8.64e15, 8.64e15, 1e300, -1].map((received_at) => ({
      text: 'x',
      received_at,
    }))
    const batch = makeBatch({ events, form: PayloadForm.bare, escape: false })
    const paths = new FilePaths('{date}')
    for (let n = 0; n < events.length; n += 1) expect(paths.pathOf(batch, n)).toMatch(/^[+-]?\d+-\d\d-\d\d$/)
  })
})

describe('files put aside', () => {
  /** A wall clock that a test moves. */
  const moving = (): { clock: Clock; at: { ms: number } } => {
    const at = { ms: FIRST_DAY + 1000 }
    return { at, clock: { ...systemClock, wall: () => at.ms } }
  }

  test('by time: each day its own; a clock that goes back changes nothing', async () => {
    const { clock, at } = moving()
    const { lane } = make('out.log', { every: DAY_MS }, {}, { clock })
    const steps = ['one', 'two', 'three', 'four']
    const jumps = [0, DAY_MS, -DAY_MS, 2 * DAY_MS]
    for (const [n, text] of steps.entries()) {
      at.ms += jumps[n] ?? 0
      lane.add(`<14>${text}`)
      await settled(lane, n + 1)
    }
    expect(tree()).toEqual({
      'out.log.2': ['<14>one'],
      'out.log.1': ['<14>two', '<14>three'],
      'out.log': ['<14>four'],
    })
    lane.check()
  })

  test('by time also what was there before the start', async () => {
    const path = join(folder, 'out.log')
    writeFileSync(path, 'old\n')
    utimesSync(path, (FIRST_DAY - DAY_MS) / 1000, (FIRST_DAY - DAY_MS) / 1000)
    const { clock } = moving()
    const { lane } = make('out.log', { every: DAY_MS }, {}, { clock })
    lane.add('<14>new')
    await settled(lane, 1)
    expect(tree()).toEqual({ 'out.log.1': ['old'], 'out.log': ['<14>new'] })
  })

  test('compressed, and only so many kept', async () => {
    const { lane, path } = make('out.log', { size: 200, keep: 3, gzip: true })
    const lines = Array.from({ length: 12 }, (_, n) => `<14>seq=${n} ${'x'.repeat(100)}`)
    for (const [n, line] of lines.entries()) {
      lane.add(line)
      await settled(lane, n + 1)
    }
    await expect
      .poll(() => readdirSync(folder).sort())
      .toEqual(['out.log', 'out.log.1.gz', 'out.log.2.gz', 'out.log.3.gz'])
    const text = ['.3.gz', '.2.gz', '.1.gz']
      .map((end) => gunzipSync(readFileSync(path + end)).toString())
      .join('')
    expect((text + readFileSync(path, 'utf8')).trimEnd().split('\n')).toEqual(lines.slice(8))
    expect(statSync(`${path}.1.gz`).mode & 0o777).toBe(0o640)
    lane.check()
  })

  test('what a crash left half compressed is in nobody’s way', async () => {
    writeFileSync(join(folder, 'out.log'), `${'y'.repeat(150)}\n`)
    writeFileSync(join(folder, 'out.log.1'), 'older\n')
    writeFileSync(join(folder, 'out.log.1.gz.part'), 'half')
    const { lane, path } = make('out.log', { size: 160, gzip: true })
    lane.add('<14>new line of some length')
    await settled(lane, 1)
    await expect.poll(() => existsSync(`${path}.1`)).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(['out.log', 'out.log.1.gz', 'out.log.2'])
    expect(gunzipSync(readFileSync(`${path}.1.gz`)).toString()).toBe(`${'y'.repeat(150)}\n`)
  })
})

test('the mode is what is asked for, whatever the process takes away', async () => {
  const before = process.umask(0o077)
  ends.push(async () => void process.umask(before))
  const { lane, path } = make('out.log', { mode: 0o644 })
  lane.add('<14>one')
  await settled(lane, 1)
  expect(statSync(path).mode & 0o777).toBe(0o644)
  // One that somebody changed stays as they want it.
  chmodSync(path, 0o600)
  await lane.destination?.stop(1000)
  const again = make('out.log', { mode: 0o644 })
  again.lane.add('<14>two')
  await settled(again.lane, 1)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('with fsync, what the disk does not confirm is no delivery and is written again once', async () => {
  armFaults({ LOGWEIR_TEST: '1', LOGWEIR_FAULTS: 'file.sync=throw:EIO@1' })
  const { lane, path } = make('out.log', { fsync: true })
  lane.add('<14>one', '<14>two')
  await settled(lane, 1)
  expect(lane.returned.length).toBe(1)
  expect(readFileSync(path, 'utf8')).toBe('<14>one\n<14>two\n')
  lane.check()
})

test('what cannot be taken back comes twice, one group of it, behind a whole line', async () => {
  const faults = 'file.sync=throw:EIO@1,file.take_back=throw:EIO@1'
  armFaults({ LOGWEIR_TEST: '1', LOGWEIR_FAULTS: faults })
  const { lane, path } = make('out.log', { fsync: true, size: 100_000_000 })
  const batches = Array.from({ length: 40 }, (_, n) => [`<14>a ${n} ${'x'.repeat(50_000)}`, `<14>b ${n}`])
  for (const batch of batches) lane.add(...batch)
  await settled(lane, batches.length)
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const wanted = batches.flat()
  const twice = lines.slice(0, lines.length - wanted.length).filter((line) => line !== '')
  // All of it stands there in order, behind a part of it.
  expect(lines.slice(-wanted.length)).toEqual(wanted)
  expect(twice).toEqual(wanted.slice(0, twice.length))
  expect(twice.length).toBeGreaterThan(0)
  expect(twice.join('\n').length).toBeLessThanOrEqual(1_048_576 + 50_100)
  lane.check()
})

describe('one worker writes for all', () => {
  test('files of past days are closed, and two destinations of one file do not tear it', async () => {
    const hands = new FileHands(true, systemClock)
    const many = Array.from({ length: 200 }, (_, n) => hands.open(join(folder, `${n}.log`), options()))
    for (const [n, sink] of many.entries()) await sink.write([Buffer.from(`${n}\n`)])
    expect(many.filter(({ open }) => open).length).toBeLessThanOrEqual(64)
    const one = join(folder, 'shared.log')
    const [a, b] = [hands.open(one, options({ size: 4096 })), hands.open(one, options({ size: 4096 }))]
    const line = (name: string, n: number): Buffer => Buffer.from(`${name}${n} ${'x'.repeat(90)}\n`)
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => [a.write([line('a', n)]), b.write([line('b', n)])]).flat(),
    )
    await a.close()
    const lines = ['.1', ''].flatMap((end) =>
      existsSync(one + end) ? readFileSync(one + end, 'utf8').split('\n') : [],
    )
    expect(lines.filter((text) => /^[ab]\d+ x{90}$/.test(text)).length).toBe(80)
    for (const sink of many) await sink.close()
  })
})
