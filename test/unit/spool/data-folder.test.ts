import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LogweirError } from '../../../src/base/errors.ts'
import { nextEpoch } from '../../../src/spool/epoch.ts'
import { lockDataFolder } from '../../../src/spool/lock.ts'
import { ManualClock, TempFolder } from '../../support/spools.ts'

/** A process that takes the lock and holds it until its standard input ends. */
const HOLD = `
  import { lockDataFolder } from ${JSON.stringify(new URL('../../../src/spool/lock.ts', import.meta.url).href)}
  lockDataFolder(process.argv[1])
  console.log('locked')
  process.stdin.resume()
  process.stdin.on('end', () => process.exit(0))
`

function hold(data: string) {
  return spawn(process.execPath, ['--input-type=module', '-e', HOLD, data], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

function refusal(data: string): LogweirError {
  try {
    lockDataFolder(data).release()
  } catch (error) {
    if (error instanceof LogweirError) return error
    throw error
  }
  throw new Error('the lock was given')
}

test('R20: a second process is told who has the folder, and gets in when that one was killed', async () => {
  using folder = new TempFolder()
  const other = hold(folder.path)
  await once(other.stdout, 'data')
  const error = refusal(folder.path)
  expect(error.code).toBe('data_locked')
  expect(error.message).toContain(`process ${other.pid}`)
  other.kill('SIGKILL')
  await once(other, 'exit')
  const lock = lockDataFolder(folder.path)
  lock.release()
  lock.release()
  lockDataFolder(folder.path).release()
})

test('R20: the same process is refused as well, and that does not loosen the first lock', async () => {
  using folder = new TempFolder()
  const lock = lockDataFolder(folder.path)
  expect(refusal(folder.path).message).toContain(`process ${process.pid}`)
  const other = spawn(process.execPath, ['--input-type=module', '-e', HOLD, folder.path], {
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const [code] = (await once(other, 'exit')) as [number]
  expect(code).not.toBe(0)
  lock.release()
})

test('the data folder is made with rights for us alone', () => {
  using folder = new TempFolder()
  const data = join(folder.path, 'a', 'b')
  const lock = lockDataFolder(data)
  expect(statSync(data).mode & 0o777).toBe(0o700)
  expect(statSync(join(data, 'lock.db')).mode & 0o777).toBe(0o600)
  lock.release()
})

test('a lock file full of rubbish is no reason not to start', () => {
  using folder = new TempFolder()
  writeFileSync(join(folder.path, 'lock.db'), Buffer.alloc(5000, 'rubbish'))
  lockDataFolder(folder.path).release()
})

test('a data folder that is a file is one sentence with a mend', () => {
  using folder = new TempFolder()
  const data = join(folder.path, 'file')
  writeFileSync(data, '')
  const error = refusal(data)
  expect(error.message).toContain(data)
  expect(error.mend).not.toBe('')
})

test('epochs rise, also when the clock goes back', () => {
  using folder = new TempFolder()
  const clock = new ManualClock()
  const first = nextEpoch(folder.path, clock)
  expect(first).toBe(clock.wall())
  expect(nextEpoch(folder.path, clock)).toBe(first + 1)
  clock.now = -1_000_000
  expect(nextEpoch(folder.path, clock)).toBe(first + 2)
  clock.now = 1_000_000
  expect(nextEpoch(folder.path, clock)).toBe(clock.wall())
})

test.each(['', 'rubbish', '1e400', '-5', '9007199254740991', 'x'.repeat(1000)])(
  'an epoch file with %j is replaced',
  (text) => {
    using folder = new TempFolder()
    writeFileSync(join(folder.path, 'epoch'), text)
    const clock = new ManualClock()
    expect(nextEpoch(folder.path, clock)).toBe(clock.wall())
    expect(readFileSync(join(folder.path, 'epoch'), 'utf8')).toBe(`${clock.wall()}\n`)
  },
)

test('the epoch is not written through a link', () => {
  using folder = new TempFolder()
  const target = join(folder.path, 'target')
  symlinkSync(target, join(folder.path, 'epoch.new'))
  expect(() => nextEpoch(folder.path, new ManualClock())).toThrow(LogweirError)
  expect(existsSync(target)).toBe(false)
})

test('an epoch that cannot be written is one sentence', () => {
  using folder = new TempFolder()
  mkdirSync(join(folder.path, 'epoch.new'))
  expect(() => nextEpoch(folder.path, new ManualClock())).toThrow(/cannot write/)
})
