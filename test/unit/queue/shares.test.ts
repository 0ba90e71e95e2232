import { expect, test } from 'vitest'
import { unwanted } from '../../../src/queue/foreign.ts'
import { isShort, MemoryBudget, MemoryShare } from '../../../src/queue/memory.ts'
import { memoryShares } from '../../../src/worker/shares.ts'
import { makeBatch } from '../../support/batches.ts'

const MiB = 1024 * 1024

test('while memory is short the largest queues spill first; nearly full, all do', () => {
  const budget = new MemoryBudget(100 * MiB)
  const queues = [{ waiting: 40 * MiB }, { waiting: 25 * MiB }, { waiting: 5 * MiB }]
  budget.charge(50 * MiB)
  budget.lookAt(queues)
  const short = (): boolean[] => queues.map(({ waiting }) => isShort(waiting, 200 * MiB, { budget }))
  expect(short()).toEqual([false, false, false])
  budget.charge(20 * MiB)
  budget.lookAt(queues)
  expect(short()).toEqual([true, true, false])
  budget.charge(15 * MiB)
  budget.lookAt(queues)
  expect(short()).toEqual([true, true, true])
})

test('a queue spills when the share of its tenant is short, whatever all have', () => {
  const budget = new MemoryBudget(100 * MiB)
  const share = new MemoryShare(10 * MiB)
  share.used = 7 * MiB
  expect(isShort(MiB, 200 * MiB, { budget, share })).toBe(true)
  expect(isShort(1000, 200 * MiB, { budget, share })).toBe(false)
  expect(share.full).toBe(false)
  share.used = 10 * MiB
  expect(share.full).toBe(true)
})

test('forwarders of one tenant have one share, other tenants another, the provider its own', () => {
  const queue = { memory_max: 8 * MiB, spill_after: 1, tenant_memory_max: MiB, provider_memory_max: 4 * MiB }
  const shareOf = memoryShares({ queue })
  expect(shareOf('acme/a').max).toBe(MiB)
  expect(shareOf('provider/a')).toBe(shareOf('provider/b'))
  expect(shareOf('provider/a').max).toBe(4 * MiB)
  expect(shareOf('acme/a')).toBe(shareOf('acme/b'))
  expect(shareOf('acme/a')).not.toBe(shareOf('globex/a'))
})

test('a batch is given up when its youngest event is older than max_age', () => {
  const batch = makeBatch({
    sequence: 1,
    events: [
      { text: 'a', received_at: 1000 },
      { text: 'b', received_at: 5000 },
    ],
  })
  expect(unwanted(batch, null, 2000, 6000)).toBeUndefined()
  expect(unwanted(batch, null, 2000, 7001)).toBe('expired')
  expect(unwanted(batch, null, undefined, 1e15)).toBeUndefined()
})
