/** Is every event in the file once, whole, whatever the disk does? */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { armFaults } from '../../src/base/faults.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { FileOptions, ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'

let folder = ''
const ends: (() => Promise<void>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logweir-file-'))
})
afterEach(async () => {
  armFaults({})
  for (const end of ends.splice(0).reverse()) await end()
  rmSync(folder, { recursive: true, force: true })
})

function make(
  name: string,
  over: Partial<ForwarderSettings> = {},
  idle = 60_000,
): { lane: FakeLane; destination: Destination; path: string } {
  const path = join(folder, name)
  const settings = testSettings({ type: 'file', to: { scheme: 'file', path }, ...over })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps({ idle })))
  ends.push(() => destination.stop(1000))
  return { lane, destination, path }
}

/** Rotation with what the tests leave out. */
function rotation(over: Partial<FileOptions>): FileOptions {
  return { size: 1_000_000, keep: 5, every: null, gzip: false, fsync: false, mode: 0o640, ...over }
}

const read = (path: string): string => readFileSync(path, 'utf8')

describe('a good disk', () => {
  test('a line an event, folders made, not readable for others', async () => {
    const { lane, path } = make('a/b/out.log')
    lane.add('<14>one', '<14>with\nnewline')
    lane.add('<14>three')
    await lane.until(() => lane.settled.length === 2)
    expect(read(path)).toBe('<14>one\n<14>with#012newline\n<14>three\n')
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(lane.bytes).toBe(read(path).length)
    lane.check()
  })

  test('json is the event JSON on one line', async () => {
    const { lane, path } = make('out.json', { format: 'json' })
    lane.add({ text: '<14>one\ntwo', owner: 1, stream: 0, received_at: 0 })
    await lane.until(() => lane.settled.length === 1)
    expect(read(path).trimEnd().includes('\n')).toBe(false)
    expect(JSON.parse(read(path))).toMatchObject({
      schema: 'logweir.event/1',
      received_at: '1970-01-01T00:00:00.000Z',
      listener: 'listener-1',
      peer: '192.0.2.1',
      stream: 'other',
      severity: 6,
      message: 'one\ntwo',
      tenant: 'tenant-1',
    })
  })

  test('rotates by size and keeps so many', async () => {
    const { lane, path } = make('out.log', { rotate: rotation({ size: 100, keep: 2 }) })
    for (let i = 0; i < 20; i++) {
      lane.add(`event ${String(i).padStart(2, '0')} ${'x'.repeat(40)}`)
      const settled = i + 1
      await lane.until(() => lane.settled.length === settled)
    }
    expect(readdirSync(folder).sort()).toEqual(['out.log', 'out.log.1', 'out.log.2'])
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(100)
    const kept = [`${path}.2`, `${path}.1`, path].map(read).join('').trimEnd().split('\n')
    const numbers = kept.map((line) => Number(line.slice(6, 8)))
    expect(numbers).toEqual(numbers.map((_, i) => 20 - numbers.length + i))
    expect(numbers.length).toBeGreaterThanOrEqual(3)
  })

  test('a file that somebody moved away is made anew', async () => {
    const { lane, path } = make('out.log', {}, 50)
    lane.add('one')
    await lane.until(() => lane.settled.length === 1)
    renameSync(path, `${path}.moved`)
    await expect
      .poll(
        async () => {
          lane.add('two')
          await lane.until(() => lane.waiting + lane.in_flight === 0)
          return existsSync(path)
        },
        { timeout: 5000, interval: 100 },
      )
      .toBe(true)
    expect(read(path).endsWith('two\n')).toBe(true)
  })

  test('a torn last line of a crash does not merge with the next', async () => {
    writeFileSync(join(folder, 'out.log'), 'whole\ntor')
    const { lane, path } = make('out.log')
    lane.add('next')
    await lane.until(() => lane.settled.length === 1)
    expect(read(path)).toBe('whole\ntor\nnext\n')
  })
})

describe('a bad disk', () => {
  test.each(['ENOSPC', 'EIO'])('%s: kept, said, and mended by itself', async (code) => {
    armFaults({ LOGWEIR_TEST: '1', LOGWEIR_FAULTS: `file.write=throw:${code}` })
    const { lane, destination, path } = make('out.log')
    lane.add('one')
    lane.add('two')
    await expect.poll(() => destination.state).toBe('retrying')
    expect(destination.last_error).toContain(path)
    expect(lane.settled.length).toBe(0)
    armFaults({})
    await lane.until(() => lane.settled.length === 2)
    expect(read(path)).toBe('one\ntwo\n')
    expect(destination.state).toBe('active')
    expect(destination.last_error).toBeNull()
    lane.check()
  })

  test('a link, a folder and a pipe are refused in words', async () => {
    symlinkSync('/dev/null', join(folder, 'link'))
    mkdirSync(join(folder, 'dir'))
    for (const [name, words] of [
      ['link', /symbolic link/],
      ['dir', /it is a folder/],
    ] as const) {
      const { lane, destination } = make(name)
      lane.add('one')
      await expect.poll(() => destination.last_error).toMatch(words)
      expect(lane.settled.length).toBe(0)
      await destination.stop(100)
      lane.check()
    }
  })

  test('a folder without permission', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may write everywhere')
    chmodSync(folder, 0o500)
    const { lane, destination } = make('out.log')
    lane.add('one')
    await expect.poll(() => destination.last_error).toMatch(/permission denied/)
    chmodSync(folder, 0o700)
    await lane.until(() => lane.settled.length === 1)
  })
})

test('a stop writes nothing more and gives everything back', async () => {
  const { lane, destination, path } = make('out.log')
  lane.add('one')
  await destination.stop(1000)
  lane.add('two')
  expect(read(path)).toBe('one\n')
  expect(lane.in_flight).toBe(0)
  expect(lane.waiting).toBe(1)
  lane.check()
})
