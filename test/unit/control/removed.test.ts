/** Is what a removed forwarder holds kept for its time, over restarts and jumps of the clock too, and given up then? */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Ledger } from '../../../src/control/ledger.ts'
import { readRemovals, Removed } from '../../../src/control/removed.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const KEY = 'acme/siem'

/** A router that holds `held` events of each forwarder. */
function setUp(folder: string, keep: number | null = 7 * DAY, clock = new ManualClock()) {
  const held = new Map<string, number>()
  const rules = new Set<string>()
  const said: string[] = []
  const purged: string[] = []
  const options = { keep, purges: true }
  const removed = new Removed({
    folder,
    clock,
    log: (level, message) => said.push(`${level} ${message}`),
    keep: () => options.keep,
    rules: () => rules,
    ledger: () =>
      Promise.resolve({
        forwarders: [...held].map(([key, spooled]) => ({
          tenant: key.split('/')[0],
          forwarder: key.split('/')[1],
          queued: 0,
          spooled,
          in_flight: 0,
          oldest_seconds: 60,
        })),
      } as unknown as Ledger),
    purge: (key) => {
      if (rules.has(key)) return Promise.resolve(undefined)
      purged.push(key)
      const events = options.purges ? (held.get(key) ?? 0) : 0
      if (options.purges) held.set(key, 0)
      return Promise.resolve({ events, bytes: events * 100 })
    },
  })
  /** Moves time on as a running router has it: timers fire, and what they began ends. */
  const run = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= DAY / 2) {
      clock.advance(Math.min(left, DAY / 2))
      await new Promise((done) => setImmediate(done))
    }
  }
  return { removed, clock, held, rules, said, purged, options, run }
}

test('what left the rules is kept for its time and then given up, said with tenant, count and age', async () => {
  const { removed, clock, held, rules, said, purged, run } = setUp(tempFolder({}))
  rules.add(KEY).add('acme/other')
  held.set(KEY, 5).set('acme/other', 5)
  await removed.look()
  expect([removed.get(KEY), clock.waiting]).toEqual([null, 0])
  rules.delete(KEY)
  await removed.look()
  expect(removed.get(KEY)).toEqual({ since: '2026-01-02T03:04:05.678Z', purged_in: (7 * DAY) / 1000 })
  await run(7 * DAY - HOUR)
  expect([purged, removed.get(KEY)?.purged_in]).toEqual([[], HOUR / 1000])
  await run(HOUR)
  expect(purged).toEqual([KEY])
  expect(said).toEqual([`warn forwarder ${KEY} left the rules: its spool is purged (spool.removed_keep)`])
  await run(HOUR)
  // Empty: nothing is waited for any more, and the other one was never touched.
  expect([removed.get(KEY), clock.waiting, held.get('acme/other')]).toEqual([null, 0, 5])
})

test('its name in the rules again, it is kept, and its time begins anew when it leaves again', async () => {
  const { removed, held, rules, purged, run } = setUp(tempFolder({}))
  held.set(KEY, 5)
  await removed.look()
  await run(6 * DAY)
  // There and away again before anybody looked.
  rules.add(KEY)
  const looked = removed.look()
  rules.delete(KEY)
  await looked
  expect(removed.get(KEY)?.purged_in).toBe((7 * DAY) / 1000)
  await run(6 * DAY)
  expect(purged).toEqual([])
  rules.add(KEY)
  await removed.look()
  await run(30 * DAY)
  expect([purged, held.get(KEY)]).toEqual([[], 5])
})

test('what it still delivers in its grace time needs no keeping', async () => {
  const { removed, held, clock, run } = setUp(tempFolder({}))
  held.set(KEY, 5)
  await removed.look()
  held.set(KEY, 0)
  await run(HOUR)
  expect([removed.get(KEY), clock.waiting]).toEqual([null, 0])
})

test('the time is kept over a stop, and over a kill but for the last minutes', async () => {
  const folder = tempFolder({})
  const first = setUp(folder)
  first.held.set(KEY, 5)
  await first.removed.look()
  await first.run(4 * DAY)
  first.removed.close()
  expect(statSync(join(folder, 'removed.json')).mode & 0o777).toBe(0o600)
  expect(readRemovals(folder, 7 * DAY).get(KEY)?.purged_in).toBe((3 * DAY) / 1000)
  // The second one is killed: it closes nothing.
  const second = setUp(folder)
  second.held.set(KEY, 5)
  await second.removed.look()
  await second.run(2 * DAY)
  const third = setUp(folder)
  const left = third.removed.get(KEY)
  expect(left?.since).toBe('2026-01-02T03:04:05.678Z')
  expect(left?.purged_in).toBeGreaterThanOrEqual(DAY / 1000)
  expect(left?.purged_in).toBeLessThan(DAY / 1000 + 600)
  third.held.set(KEY, 5)
  await third.removed.look()
  await third.run(DAY + HOUR)
  expect(third.purged).toEqual([KEY])
})

test('R65: no jump of the wall clock gives anything up early, while it runs or over a restart', async () => {
  const folder = tempFolder({})
  const first = setUp(folder)
  first.held.set(KEY, 5)
  await first.removed.look()
  for (const jump of [10 * 365 * DAY, -20 * 365 * DAY, 365 * DAY]) {
    first.clock.jump(jump)
    await first.run(DAY)
  }
  expect([first.purged, first.removed.get(KEY)?.purged_in]).toEqual([[], (4 * DAY) / 1000])
  first.removed.close()
  // The machine wakes up in another year, or in 1970.
  for (const wall of ['2051-01-01T00:00:00Z', '1970-01-01T00:00:00Z']) {
    const next = setUp(folder, 7 * DAY, new ManualClock(Date.parse(wall)))
    next.held.set(KEY, 5)
    await next.removed.look()
    expect([next.purged, next.removed.get(KEY)?.purged_in]).toEqual([[], (4 * DAY) / 1000])
    next.removed.close()
  }
  const last = setUp(folder)
  last.held.set(KEY, 5)
  await last.removed.look()
  await last.run(4 * DAY)
  expect(last.purged).toEqual([KEY])
})

test('off keeps for ever; another time counts from when it left', async () => {
  const { removed, held, purged, options, run } = setUp(tempFolder({}), null)
  held.set(KEY, 5)
  await removed.look()
  await run(9 * DAY)
  expect([purged, removed.get(KEY)?.purged_in]).toEqual([[], null])
  options.keep = 19 * DAY
  expect(removed.get(KEY)?.purged_in).toBe((10 * DAY) / 1000)
  options.keep = 3 * DAY
  await removed.look()
  expect(purged).toEqual([KEY])
})

test('what cannot be given up at once is tried again every minute, not all the time', async () => {
  const { removed, clock, held, purged, options } = setUp(tempFolder({}), 1000)
  options.purges = false
  held.set(KEY, 5)
  await removed.look()
  for (let n = 0; n < 61; n++) {
    clock.advance(1000)
    await new Promise((done) => setImmediate(done))
  }
  expect(purged.length).toBe(2)
  expect(clock.waiting).toBe(1)
})

test.each([
  '',
  '{',
  '{"version":1}',
  '{"version":2,"removed":{}}',
  `{"version":1,"removed":{"${KEY}":{"ran_ms":-1}}}`,
])('a file that is not ours begins the time anew: %s', async (text) => {
  const folder = tempFolder({})
  writeFileSync(join(folder, 'removed.json'), text)
  const { removed, held, said, purged, run } = setUp(folder)
  expect(said).toEqual([expect.stringContaining('the time of what left the rules begins anew')])
  expect(readFileSync(join(folder, 'removed.json.damaged'), 'utf8')).toBe(text)
  held.set(KEY, 5)
  await removed.look()
  await run(6 * DAY)
  expect(purged).toEqual([])
  removed.close()
  expect(readRemovals(folder, 7 * DAY).get(KEY)?.purged_in).toBe(DAY / 1000)
})
