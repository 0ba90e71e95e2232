/** Do pauses end when they should, over restarts and jumps of the clock too, and never because a file is broken? */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Pauses } from '../../../src/control/pauses.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const HOUR = 3_600_000

function setUp(folder: string, clock = new ManualClock()) {
  const said: string[] = []
  let changed = 0
  const log = (level: string, message: string): number => said.push(`${level} ${message}`)
  const pauses = new Pauses(folder, clock, log, () => (changed += 1))
  return { pauses, clock, said, changes: () => changed }
}

test('one with a time ends by itself, one without stays', () => {
  const { pauses, clock, changes } = setUp(tempFolder({}))
  pauses.pause('acme/siem', 2 * HOUR, 'upgrade')
  pauses.pause('acme/archive', null, null)
  expect(pauses.get('acme/siem')).toEqual({
    since: '2026-01-02T03:04:05.678Z',
    until: '2026-01-02T05:04:05.678Z',
    reason: 'upgrade',
  })
  clock.advance(2 * HOUR - 1)
  expect(pauses.keys).toEqual(['acme/siem', 'acme/archive'])
  clock.advance(1)
  expect([pauses.keys, changes()]).toEqual([['acme/archive'], 1])
  clock.advance(1000 * HOUR)
  expect(pauses.keys).toEqual(['acme/archive'])
  expect(pauses.resume('acme/archive')).toBe(true)
  expect(pauses.resume('acme/archive')).toBe(false)
  expect(clock.waiting).toBe(0)
})

test('a pause of weeks does not end at once for want of a longer timer', () => {
  const { pauses, clock } = setUp(tempFolder({}))
  pauses.pause('acme/siem', 60 * 24 * HOUR, null)
  clock.advance(60 * 24 * HOUR - 1)
  expect(pauses.keys).toEqual(['acme/siem'])
  clock.advance(1)
  expect(pauses.keys).toEqual([])
})

test('R65: jumps of the wall clock neither end nor lengthen a pause', () => {
  const { pauses, clock } = setUp(tempFolder({}))
  pauses.pause('acme/siem', HOUR, null)
  clock.jump(24 * HOUR)
  clock.advance(HOUR - 1)
  expect(pauses.keys).toEqual(['acme/siem'])
  clock.jump(-48 * HOUR)
  clock.advance(1)
  expect(pauses.keys).toEqual([])
})

test('a restart takes over what is left of it, and no more than it was after the clock went back', () => {
  const folder = tempFolder({})
  const first = setUp(folder)
  first.pauses.pause('acme/siem', 2 * HOUR, 'why')
  first.pauses.pause('acme/archive', null, null)
  first.pauses.close()
  first.clock.advance(HOUR)
  const second = setUp(folder, first.clock)
  expect(second.pauses.get('acme/siem')?.reason).toBe('why')
  second.pauses.close()
  first.clock.jump(-1000 * HOUR)
  const third = setUp(folder, first.clock)
  first.clock.advance(2 * HOUR)
  expect([third.pauses.keys, third.changes()]).toEqual([['acme/archive'], 1])
  first.clock.jump(2000 * HOUR)
  expect(setUp(folder, first.clock).pauses.keys).toEqual(['acme/archive'])
})

test('one that was over before the start is not taken over', () => {
  const folder = tempFolder({})
  const { pauses, clock } = setUp(folder)
  pauses.pause('acme/siem', HOUR, null)
  pauses.close()
  clock.advance(HOUR)
  const again = setUp(folder, clock)
  expect([again.pauses.keys, again.said]).toEqual([[], ['info forwarder acme/siem: its pause is over']])
})

test('a file that nobody can read pauses nobody, is said and kept', () => {
  for (const text of [
    '',
    '{',
    '[]',
    '{"version":2,"paused":{}}',
    '{"version":1,"paused":{"a/b":{"since":1}}}',
  ]) {
    const folder = tempFolder({ 'paused.json': text })
    const { pauses, said } = setUp(folder)
    expect([pauses.keys, said.length]).toEqual([[], 1])
    expect(said[0]).toContain('cannot be read')
    expect(readFileSync(join(folder, 'paused.json.damaged'), 'utf8')).toBe(text)
  }
})

test('what the disk does not take is no pause; the file is ours alone', () => {
  const folder = tempFolder({})
  const { pauses } = setUp(folder)
  pauses.pause('acme/siem', null, null)
  expect(statSync(join(folder, 'paused.json')).mode & 0o777).toBe(0o600)
  const gone = setUp(join(folder, 'not there'))
  expect(() => gone.pauses.pause('acme/siem', null, null)).toThrow('nothing was changed')
  expect(gone.pauses.keys).toEqual([])
  writeFileSync(join(folder, 'paused.json.new'), 'left of a crash')
  expect(setUp(folder).pauses.keys).toEqual(['acme/siem'])
})
