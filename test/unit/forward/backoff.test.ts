import { expect, test } from 'vitest'
import { Backoff, ceilingOf } from '../../../src/forward/backoff.ts'

const limits = { first: 200, max: 30_000 }

test('ceilings double up to the maximum and never overflow', () => {
  expect([1, 2, 3, 8, 9, 1000, Number.MAX_SAFE_INTEGER].map((n) => ceilingOf(limits, n))).toEqual([
    200, 400, 800, 25_600, 30_000, 30_000, 30_000,
  ])
})

test('waits are drawn from the whole of [0, ceiling)', () => {
  const low = new Backoff(limits, () => 0)
  const high = new Backoff(limits, () => 0.999999)
  expect([low.next(), low.next(), low.next()]).toEqual([0, 0, 0])
  expect([high.next(), high.next(), high.next()]).toEqual([199, 399, 799])
})

test('a success begins anew', () => {
  const backoff = new Backoff(limits, () => 0.5)
  backoff.next()
  backoff.next()
  backoff.reset()
  expect(backoff.failures).toBe(0)
  expect(backoff.next()).toBe(100)
})

test('a thousand forwarders do not knock together (R55)', () => {
  let state = 1
  const random = (): number => {
    state = (state * 16_807) % 2_147_483_647
    return state / 2_147_483_647
  }
  const seconds = new Map<number, number>()
  for (let i = 0; i < 1000; i++) {
    const backoff = new Backoff(limits, random)
    let wait = 0
    for (let n = 0; n < 12; n++) wait = backoff.next()
    const second = Math.floor(wait / 1000)
    seconds.set(second, (seconds.get(second) ?? 0) + 1)
  }
  expect(Math.max(...seconds.values())).toBeLessThanOrEqual(100)
})
