/** Is memory that a destination takes for itself counted as the forwarder's and as everybody's, and given back? */
import { expect, test } from 'vitest'
import { ForwarderCell } from '../../../src/base/counters.ts'
import type { BatchNames } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const NAMES: BatchNames = {
  stream: () => 'other',
  owner: () => null,
  listener: () => 'l',
  source: () => null,
}
const IDENTITY = { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 }

function make(when_full: 'drop_oldest' | 'block'): {
  queue: ForwarderQueue
  budget: MemoryBudget
  cells: Float64Array
} {
  const cells = new Float64Array(ForwarderCell.size)
  const budget = new MemoryBudget(1 << 20)
  const limits = {
    batch_bytes: 4096,
    spill_after: 1000,
    memory_max: 65_536,
    disk_max: 0,
    when_full,
    spool: 'overflow' as const,
  }
  const queue = new ForwarderQueue(
    IDENTITY,
    PayloadForm.newline,
    NAMES,
    limits,
    {
      clock: new ManualClock(),
      budget,
      pool: new BufferPool({ max: 1 << 26, used: 0 }),
      opens: new OpenBatches(),
      disk: { client: new FakeSpool(), writing_max: 1 << 20, writing: 0 },
      cells,
      opened: () => undefined,
      watch: () => undefined,
    },
    0,
  )
  return { queue, budget, cells }
}

test('it counts as held, in `queued_bytes` too, and is gone when it is given back', () => {
  const { queue, budget, cells } = make('drop_oldest')
  queue.hold(10_000)
  queue.measure()
  expect(queue.held).toBe(10_000)
  expect(budget.used).toBe(10_000)
  expect(cells[ForwarderCell.queued_bytes]).toBe(10_000)
  // What is on its way makes no room by being spilled: the replay window does not shrink for it.
  expect(queue.replay_max).toBe(65_536)
  queue.hold(-10_000)
  queue.measure()
  expect(queue.held).toBe(0)
  expect(budget.used).toBe(0)
  expect(cells[ForwarderCell.queued_bytes]).toBe(0)
})

test('a stalled request fills the bound for all, and opens it again', () => {
  const { queue, budget } = make('drop_oldest')
  queue.hold(1 << 20)
  expect(budget.full).toBe(true)
  queue.hold(-(1 << 20))
  expect(budget.full).toBe(false)
})

test('with `when_full: block` it blocks as events do', () => {
  const { queue, budget } = make('block')
  queue.hold(65_536)
  expect(budget.full).toBe(true)
  queue.hold(-65_536)
  expect(budget.full).toBe(false)
})
