import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FileTurns, threadsOf } from '../../../src/forward/file-turns.ts'

/** Work that ends when it is told to, and what of it has begun. */
class Works {
  readonly begun: string[] = []
  readonly #ends = new Map<string, () => void>()

  start(turns: FileTurns, tenant: string, name: string): Promise<void> {
    return turns.take(tenant, () => {
      this.begun.push(name)
      return new Promise((done) => this.#ends.set(name, done))
    })
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.()
    await turn()
  }
}

test('one turn a tenant at a time, in order; another tenant does not wait for it', async () => {
  const [turns, works] = [new FileTurns(4), new Works()]
  for (const name of ['a1', 'a2', 'a3']) void works.start(turns, 'acme', name)
  void works.start(turns, 'globex', 'b1')
  await turn()
  expect(works.begun).toEqual(['a1', 'b1'])
  await works.end('a1')
  expect(works.begun).toEqual(['a1', 'b1', 'a2'])
  await works.end('b1')
  await works.end('a2')
  expect(works.begun).toEqual(['a1', 'b1', 'a2', 'a3'])
})

test('all together leave one thread free; who waits longest is next, and a turn is never lost', async () => {
  const [turns, works] = [new FileTurns(4), new Works()]
  const all = ['a', 'b', 'c', 'd', 'e']
  for (const name of all) void works.start(turns, name, name)
  await turn()
  expect(works.begun).toEqual(['a', 'b', 'c'])
  await works.end('b')
  expect(works.begun).toEqual(['a', 'b', 'c', 'd'])
  for (const name of ['a', 'c', 'd', 'e']) await works.end(name)
  expect(works.begun).toEqual(all)
  for (const name of ['x', 'y', 'z', 'w']) void works.start(turns, name, name)
  await turn()
  expect(works.begun.slice(5)).toEqual(['x', 'y', 'z'])
})

test('work that fails gives its turn back', async () => {
  const turns = new FileTurns(2)
  await expect(turns.take('acme', () => Promise.reject(new Error('the disk is full')))).rejects.toThrow(
    'full',
  )
  expect(await turns.take('acme', () => Promise.resolve(7))).toBe(7)
  expect(await turns.take('globex', () => Promise.resolve(8))).toBe(8)
})

test('as many threads as Node has', () => {
  expect(threadsOf({})).toBe(4)
  expect(threadsOf({ UV_THREADPOOL_SIZE: '16' })).toBe(16)
  expect(threadsOf({ UV_THREADPOOL_SIZE: 'many' })).toBe(4)
})
