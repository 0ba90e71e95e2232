import { expect, test } from 'vitest'
import { parseBatch, serialiseBatch } from '../../../src/queue/batch-codec.ts'
import { BufferPool, freeBytes } from '../../../src/queue/memory.ts'
import { makeBatch } from '../../support/batches.ts'

test('a buffer that is given back is used again; what is more than the pool keeps goes back to the system at once', () => {
  const pool = new BufferPool({ max: 16_384, used: 0 })
  const [one, two, three] = [pool.take(4096), pool.take(5000), pool.take(100)]
  pool.give(one)
  pool.give(two)
  pool.give(three)
  expect(two.buffer).toMatchObject({ byteLength: 0 })
  expect(pool.take(4096)).toBe(three)
  expect(pool.take(4096)).toBe(one)
  const index = pool.takeIndex(16_384)
  pool.giveIndex(index)
  expect(index.byteLength).toBe(0)
})

test('what is kept goes when the budget needs its place for memory of another size', () => {
  const pool = new BufferPool({ max: 32_768, used: 8192 })
  const small = pool.take(4096)
  pool.give(small)
  expect(pool.kept).toBe(4096)
  pool.take(8192)
  expect(pool.kept).toBe(0)
  expect(small.buffer.byteLength).toBe(0)
})

test('what is kept goes when the budget was charged for memory that is not of the pool', () => {
  const budget = { max: 32_768, used: 0 }
  const pool = new BufferPool(budget)
  const buffers = [pool.take(4096), pool.take(4096), pool.take(4096)]
  for (const buffer of buffers) pool.give(buffer)
  expect(pool.kept).toBe(12_288)
  budget.used = 10_000
  pool.makeWay()
  expect(pool.kept).toBeLessThanOrEqual(32_768 / 2 - 10_000)
  expect(buffers.filter(({ buffer }) => buffer.byteLength > 0)).toHaveLength(1)
})

test('the memory of a batch that was read from disk is freed when it is done with, unless somebody still reads it', () => {
  const pool = new BufferPool({ max: 1 << 20, used: 0 })
  for (const borrowed of [false, true]) {
    const bytes = serialiseBatch(makeBatch({ events: [{ text: 'one' }] }))
    const batch = parseBatch(bytes)
    batch.read_back = true
    batch.borrowed = borrowed
    pool.giveBatch(batch)
    expect(bytes.detached).toBe(!borrowed)
  }
  // One that was not read from disk may be a view over memory of others.
  const bytes = serialiseBatch(makeBatch({ events: [{ text: 'one' }] }))
  pool.giveBatch(parseBatch(bytes))
  expect(bytes.detached).toBe(false)
})

test('views over memory of others are left alone', () => {
  const whole = Buffer.alloc(8192)
  new BufferPool({ max: 1 << 26, used: 0 }).give(whole.subarray(0, 4096))
  expect(whole.length).toBe(8192)
})

test('memory can be given back twice, and shared memory never is', () => {
  const bytes = new ArrayBuffer(8)
  freeBytes(bytes)
  freeBytes(bytes)
  expect(bytes.byteLength).toBe(0)
  const shared = new SharedArrayBuffer(8)
  freeBytes(shared)
  expect(shared.byteLength).toBe(8)
})
