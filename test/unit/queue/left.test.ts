/** A forwarder without a destination: what it holds is on disk only, in order, and is given out or given up as a whole. */
import { expect, test } from 'vitest'
import { DROP_REASONS, ForwarderCell } from '../../../src/base/counters.ts'
import type { Batch } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../../src/queue/forwarder-queue.ts'
import type { Destination } from '../../../src/queue/lane.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const KEY = 'acme/siem'
const BATCHES = 6
const DESTINATION: Destination = {
  wake: () => undefined,
  state: 'active',
  last_error: null,
  held_bytes: 0,
  stop: () => Promise.resolve(),
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

/** Six batches of one event, of which the destination had two and gave them back before it went. */
function left(spool: 'overflow' | 'always') {
  const disk = new FakeSpool()
  const cells = new Float64Array(ForwarderCell.size)
  const budget = new MemoryBudget(1 << 20)
  const queue = new ForwarderQueue(
    { epoch: 1, worker: 0, forwarder: KEY, generation: 1 },
    PayloadForm.newline,
    { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null },
    {
      batch_bytes: 4096,
      spill_after: 0,
      memory_max: 64 * 1024,
      disk_max: 1 << 20,
      when_full: 'drop_oldest',
      spool,
    },
    {
      clock: new ManualClock(),
      budget,
      pool: new BufferPool({ max: 1 << 26, used: 0 }),
      opens: new OpenBatches(),
      disk: { client: disk, writing_max: 1 << 20, writing: 0 },
      cells,
      opened: () => undefined,
      watch: () => undefined,
    },
    0,
  )
  const get = (at: number): number => cells[at] as number
  const append = (n: number): void => {
    const buf = Buffer.from(`${n} x`)
    const event = { start: 0, end: buf.length, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
    queue.append({ buf, peer: '', ...event }, 0)
    queue.sealOpen()
  }
  const leave = async (): Promise<void> => {
    queue.attach(DESTINATION)
    for (let n = 0; n < BATCHES; n++) append(n)
    await turn()
    const taken: Batch[] = []
    for (let tries = 0; taken.length < 2 && tries < 10; tries++) {
      const batch = queue.lease()
      if (batch === undefined) await turn()
      else taken.push(batch)
    }
    expect(taken.map(({ sequence }) => sequence)).toEqual([0, 1])
    for (const batch of taken) queue.giveBack(batch)
    queue.attach(undefined)
    for (let n = 0; n < 10; n++) {
      queue.spill()
      await turn()
    }
  }
  return { queue, disk, budget, get, leave }
}

test.each(['overflow', 'always'] as const)('%s: nothing of it is held in memory', async (spool) => {
  const { queue, disk, budget, get, leave } = left(spool)
  await leave()
  expect([get(ForwarderCell.queued), get(ForwarderCell.spooled)]).toEqual([0, BATCHES])
  expect(disk.sequences(KEY)).toEqual([0, 1, 2, 3, 4, 5])
  expect([queue.held, budget.used]).toEqual([0, 0])
  expect(queue.spill()).toBe(false)
})

test.each(['overflow', 'always'] as const)(
  '%s: another destination gets all of it, once, in order',
  async (spool) => {
    const { queue, disk, get, leave } = left(spool)
    await leave()
    queue.attach(DESTINATION)
    const order: number[] = []
    for (let idle = 0; idle < 5; ) {
      const batch = queue.lease()
      if (batch === undefined) {
        idle += 1
        await turn()
        continue
      }
      order.push(batch.sequence)
      queue.settle(batch)
    }
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
    expect([get(ForwarderCell.delivered), queue.empty, disk.sequences(KEY)]).toEqual([BATCHES, true, []])
  },
)

test.each(['overflow', 'always'] as const)('%s: a purge takes all of it', async (spool) => {
  const { queue, disk, get, leave } = left(spool)
  await leave()
  expect(await queue.purge()).toMatchObject({ batches: BATCHES, events: BATCHES })
  expect(get(ForwarderCell.dropped + DROP_REASONS.indexOf('purged'))).toBe(BATCHES)
  expect([queue.empty, disk.sequences(KEY)]).toEqual([true, []])
})
