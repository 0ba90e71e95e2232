/** Does `send --rate` keep to the clock? */
import { expect, test } from 'vitest'
import { Pace } from '../../../src/cli/send/pace.ts'

/** Sends for `ms`, waking only when the pace says so, late by `late`. */
function run(rate: number, ms: number, late: number): number {
  const pace = new Pace(rate, 0)
  let now = 0
  let sent = 0
  while (now < ms) {
    sent += pace.take(1_000_000, now)
    now += Math.max(1, pace.wait(now)) + late
  }
  return sent
}

test.each([0.5, 1, 10, 333, 5000, 200_000])('%d a second is what goes out', (rate) => {
  const sent = run(rate, 10_000, 0)
  expect(sent).toBeGreaterThanOrEqual(rate * 10 * 0.99)
  expect(sent).toBeLessThanOrEqual(rate * 10 + 1)
})

test('waking late is made up for', () => {
  expect(run(5000, 10_000, 20)).toBeGreaterThan(49_000)
})

test('a stall is not repaid with a burst', () => {
  const pace = new Pace(1000, 0)
  expect(pace.take(1_000_000, 0)).toBe(1)
  expect(pace.take(1_000_000, 60_000)).toBeLessThanOrEqual(101)
})

test('never more than are wanted, and those count', () => {
  const pace = new Pace(1000, 0)
  expect(pace.take(3, 50)).toBe(3)
  expect(pace.take(3, 50)).toBe(3)
  expect(pace.wait(0)).toBeGreaterThan(0)
  expect(pace.take(3, 0)).toBe(0)
})
