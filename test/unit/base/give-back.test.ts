import { expect, test } from 'vitest'
import { GiveBack } from '../../../src/base/give-back.ts'
import { ManualClock } from '../../support/manual-clock.ts'

test('memory is given back once, as soon as hardly anything comes', () => {
  const clock = new ManualClock()
  let events = 0
  let times = 0
  const give_back = new GiveBack(
    clock,
    () => events,
    () => undefined,
    () => {
      times += 1
    },
  )
  give_back.soon()
  for (let i = 0; i < 6; i++) {
    events += 10_000
    clock.advance(5000)
    expect(times).toBe(0)
  }
  events += 20
  clock.advance(5000)
  expect(times).toBe(1)
  clock.advance(60_000)
  expect(times).toBe(1)
  expect(clock.waiting).toBe(0)
})

test('a reload begins the wait anew, a stop ends it', () => {
  const clock = new ManualClock()
  let times = 0
  const give_back = new GiveBack(
    clock,
    () => 0,
    () => undefined,
    () => {
      times += 1
    },
  )
  give_back.soon()
  clock.advance(4000)
  give_back.soon()
  clock.advance(4000)
  expect(times).toBe(0)
  give_back.stop()
  clock.advance(60_000)
  expect(times).toBe(0)
  expect(clock.waiting).toBe(0)
})

test('what comes after a collection is told of it', () => {
  const clock = new ManualClock()
  const said: string[] = []
  const give_back = new GiveBack(
    clock,
    () => 0,
    () => said.push('done'),
    () => said.push('collected'),
  )
  give_back.soon()
  clock.advance(5000)
  expect(said).toEqual(['collected', 'done'])
})

test('a collection takes what nothing holds any more', () => {
  const clock = new ManualClock()
  const give_back = new GiveBack(clock, () => 0)
  let held: { readonly weight: readonly number[] } | null = { weight: Array.from({ length: 1000 }, Number) }
  const seen = new WeakRef(held)
  expect(held.weight).toHaveLength(1000)
  held = null
  give_back.soon()
  return new Promise<void>((done) => {
    setImmediate(() => {
      clock.advance(5000)
      expect(seen.deref()).toBeUndefined()
      done()
    })
  })
})
