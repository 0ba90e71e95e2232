import { expect, test } from 'vitest'
import { ReplayWindow } from '../../../src/forward/replay-window.ts'
import { makeBatch } from '../../support/batches.ts'

const batch = (sequence: number): ReturnType<typeof makeBatch> =>
  makeBatch({ events: [{ text: 'x' }], sequence })
const NEVER = Number.NEGATIVE_INFINITY

function filled(count: number): ReplayWindow {
  const window = new ReplayWindow()
  for (let i = 0; i < count; i++) window.add(batch(i), 100, (i + 1) * 100, i * 10, undefined)
  return window
}

test('nothing leaves before the system has taken it, however old or far above the cap', () => {
  const window = filled(3)
  expect(window.shift(99, Number.POSITIVE_INFINITY, 0)).toBeUndefined()
  expect(window.shift(100, Number.POSITIVE_INFINITY, 0)?.batch.sequence).toBe(0)
  expect(window.shift(100, Number.POSITIVE_INFINITY, 0)).toBeUndefined()
})

test('at the cap the oldest leave, and only as many as must', () => {
  const window = filled(5)
  expect(window.shift(500, NEVER, 350)?.batch.sequence).toBe(0)
  expect(window.shift(500, NEVER, 350)?.batch.sequence).toBe(1)
  expect(window.shift(500, NEVER, 350)).toBeUndefined()
  expect(window.bytes).toBe(300)
})

test('age lets go in order', () => {
  const window = filled(5)
  const gone: number[] = []
  for (let item = window.shift(500, 20, 1e9); item !== undefined; item = window.shift(500, 20, 1e9))
    gone.push(item.batch.sequence)
  expect(gone).toEqual([0, 1, 2])
})

test('clear gives all, oldest first, and the window is empty', () => {
  const window = filled(200)
  for (let i = 0; i < 120; i++) window.shift(1e9, 1e9, 0)
  expect(window.clear().map((one) => one.sequence)).toEqual(Array.from({ length: 80 }, (_, i) => 120 + i))
  expect([window.length, window.bytes]).toEqual([0, 0])
  expect(window.shift(1e9, 1e9, 0)).toBeUndefined()
})
