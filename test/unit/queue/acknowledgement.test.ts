/** When is a sender told that its events are safe? */
import { expect, test } from 'vitest'
import { ForwarderCell } from '../../../src/base/counters.ts'
import { Ticket } from '../../../src/queue/acknowledgement.ts'
import type { BatchNames } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue, type QueueLimits } from '../../../src/queue/forwarder-queue.ts'
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

function rig() {
  const spool = new FakeSpool()
  const budget = new MemoryBudget(1 << 22)
  const clock = new ManualClock()
  const queue = (name: string, over: Partial<QueueLimits> = {}) => {
    const limits: QueueLimits = {
      batch_bytes: 4096,
      spill_after: 1000,
      memory_max: 64 * 1024,
      disk_max: 1 << 20,
      when_full: 'drop_newest',
      spool: 'always',
      ...over,
    }
    const disk = { client: spool, writing_max: 1 << 20, writing: 0 }
    const none = (): undefined => undefined
    const cells = new Float64Array(ForwarderCell.size)
    const pool = new BufferPool({ max: 1 << 26, used: 0 })
    const opens = new OpenBatches()
    const deps = { clock, budget, pool, opens, disk, cells, opened: none, watch: none }
    const identity = { epoch: 1, worker: 0, forwarder: name, generation: 1 }
    const made = new ForwarderQueue(identity, PayloadForm.newline, NAMES, limits, deps, 0)
    return Object.assign(made, { cells })
  }
  return { spool, budget, clock, queue }
}

function append(queue: ForwarderQueue, text: string, ticket?: Ticket): void {
  const buf = Buffer.from(text)
  const event = { start: 0, end: buf.length, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
  ticket?.touch(queue)
  queue.append({ buf, peer: '127.0.0.1', ...event }, 0)
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

/** What was told, in order. */
function listen(ticket: Ticket): boolean[] {
  const told: boolean[] = []
  ticket.end((kept) => told.push(kept))
  return told
}

test('nothing took it, or only forwarders that do not write first: told at once, and no batch is sealed early', () => {
  const { queue } = rig()
  expect(listen(new Ticket())).toEqual([true])
  const overflow = queue('a/overflow', { spool: 'overflow' })
  const ticket = new Ticket()
  append(overflow, 'x', ticket)
  expect(listen(ticket)).toEqual([true])
  expect(overflow.opened_mono).toBeDefined()
})

test('told when the last `always` forwarder has committed, once, also over several batches of one read', async () => {
  const { spool, queue } = rig()
  spool.slow = true
  const [one, two, other] = [queue('a/one'), queue('a/two'), queue('a/other')]
  append(other, 'of somebody who is not answered')
  const ticket = new Ticket()
  for (let n = 0; n < 3; n++) append(one, 'x'.repeat(3000), ticket)
  append(two, 'y', ticket)
  const told = listen(ticket)
  expect(other.opened_mono).toBeDefined()
  for (const expected of [[], [], [], [true]]) {
    spool.release(1)
    await turn()
    expect(told).toEqual(expected)
  }
  expect(one.cells[ForwarderCell.enqueued]).toBe(3)
})

test('while disk works, reads are gathered into the next write; age ends that too', async () => {
  const { spool, queue } = rig()
  spool.slow = true
  const one = queue('a/one')
  const told = Array.from({ length: 4 }, (_, n) => {
    const ticket = new Ticket()
    append(one, `read ${n}`, ticket)
    return listen(ticket)
  })
  const writes = (): number => spool.calls.filter((call) => call.startsWith('write')).length
  expect(writes()).toBe(1)
  spool.release()
  await turn()
  expect(told).toEqual([[true], [], [], []])
  expect(writes()).toBe(2)
  const late = new Ticket()
  append(one, 'late', late)
  const told_late = listen(late)
  one.sealOpen()
  spool.release()
  await turn()
  expect([...told, told_late]).toEqual([[true], [true], [true], [true], [true]])
  expect(writes()).toBe(3)
})

test('events that were in the open batch before the read do not keep a ticket from its answer', async () => {
  const { queue } = rig()
  const one = queue('a/one')
  append(one, 'before')
  const ticket = new Ticket()
  append(one, 'mine', ticket)
  const told = listen(ticket)
  append(one, 'after')
  await turn()
  expect(told).toEqual([true])
  expect(one.opened_mono).toBeDefined()
})

test.each(['full', 'error'] as const)(
  'a spool that is %s withholds the answer until it takes the batch',
  async (writes) => {
    const { spool, queue, clock } = rig()
    const one = queue('a/one')
    spool.writes = writes
    const ticket = new Ticket()
    append(one, 'x', ticket)
    const told = listen(ticket)
    for (let n = 0; n < 5; n++) {
      await turn()
      clock.advance(1000)
      one.spill()
    }
    expect(told).toEqual([])
    spool.writes = 'commit'
    clock.advance(1000)
    one.spill()
    await turn()
    expect(told).toEqual([true])
  },
)

test('an event that is dropped because memory is full is never acknowledged', async () => {
  const { spool, queue } = rig()
  spool.writes = 'full'
  const newest = queue('a/newest')
  for (let n = 0; n < 40; n++) append(newest, 'x'.repeat(2000))
  const ticket = new Ticket()
  append(newest, 'x'.repeat(2000), ticket)
  expect(listen(ticket)).toEqual([false])

  const oldest = queue('a/oldest', { when_full: 'drop_oldest' })
  const early = new Ticket()
  append(oldest, 'y', early)
  const told = listen(early)
  await turn()
  for (let n = 0; n < 60; n++) append(oldest, 'x'.repeat(2000))
  await turn()
  expect(told).toEqual([false])
})

test('senders that can wait are held up while the disk is behind, and let go when it has caught up', async () => {
  const { spool, queue, budget } = rig()
  let resumed = 0
  budget.onRoom(() => resumed++)
  spool.slow = true
  const one = queue('a/one')
  expect(budget.acknowledging).toBe(true)
  for (let n = 0; n < 12; n++) append(one, 'x'.repeat(2000))
  expect(budget.acknowledging).toBe(false)
  expect(budget.full).toBe(false)
  for (let n = 0; n < 10; n++) {
    spool.release()
    await turn()
  }
  expect(budget.acknowledging).toBe(true)
  expect(resumed).toBe(1)
})

test('delivered counts as safe, when a reload changed `always` to `overflow` meanwhile', async () => {
  const { spool, queue } = rig()
  spool.writes = 'full'
  const one = queue('a/one')
  const ticket = new Ticket()
  append(one, 'x', ticket)
  const told = listen(ticket)
  await turn()
  one.renew({ epoch: 1, worker: 0, forwarder: 'a/one', generation: 2 }, PayloadForm.newline, NAMES, {
    ...one.limits,
    spool: 'overflow',
  })
  const batch = one.lease()
  expect(batch?.events).toBe(1)
  if (batch !== undefined) one.settle(batch)
  await turn()
  expect(told).toEqual([true])
})
