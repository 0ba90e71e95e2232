/**
 * A disk that refuses some batches and takes later ones: those stay copies of what memory holds. When room is made,
 * the copies may go, but not what they are copies of, nor what stands before them.
 */
import { expect, test } from 'vitest'
import { DROP_REASONS, ForwarderCell } from '../../../src/base/counters.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import type { SpoolClient, SpoolRow, SpoolWriteOutcome } from '../../../src/queue/spool-port.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

test('copies that are dropped with the oldest are written again, and nothing is passed over', async () => {
  const spool = new FakeSpool()
  const answers = new Map<number, 'error' | 'full'>()
  const write = (key: string, disk_max: number, row: SpoolRow): Promise<SpoolWriteOutcome> => {
    const outcome = answers.get(row.sequence)
    if (outcome === undefined) return spool.write(key, disk_max, row)
    return Promise.resolve({ outcome, reason: 'said so', row })
  }
  const client: SpoolClient = {
    recover: () => spool.recover(),
    write,
    read: (key, after, bytes) => spool.read(key, after, bytes),
    acknowledge: (key, sequences) => spool.acknowledge(key, sequences),
    dropOldest: (key, after, bytes) => spool.dropOldest(key, after, bytes),
    stop: (rows) => spool.stop(rows),
    state: (key) => spool.state(key),
  }
  const cells = new Float64Array(ForwarderCell.size)
  const clock = new ManualClock()
  const queue = new ForwarderQueue(
    { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 },
    PayloadForm.newline,
    { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null },
    {
      batch_bytes: 4096,
      spill_after: 0,
      memory_max: 1 << 20,
      disk_max: 1 << 20,
      when_full: 'drop_oldest',
      spool: 'overflow',
    },
    {
      clock,
      budget: new MemoryBudget(1 << 24),
      pool: new BufferPool({ max: 1 << 26, used: 0 }),
      opens: new OpenBatches(),
      disk: { client, writing_max: 1 << 20, writing: 0 },
      cells,
      opened: () => undefined,
      watch: () => undefined,
    },
    0,
  )
  const batch = (text: string): void => {
    const buf = Buffer.from(text)
    const event = { start: 0, end: buf.length, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
    queue.append({ buf, peer: '127.0.0.1', ...event }, 0)
    queue.sealOpen()
  }
  const spill = async (): Promise<void> => {
    clock.advance(1000)
    queue.spill()
    await turn()
  }

  batch('0')
  await spill()
  expect(cells[ForwarderCell.spooled]).toBe(1)
  // 1 and 2 come back, 3 and 4 are taken; 5 finds the share used up, and the oldest has to go.
  answers.set(1, 'error').set(2, 'error').set(5, 'full')
  for (const text of ['1', '2', '3', '4', '5']) batch(text)
  await spill()
  await turn()
  answers.clear()
  await spill()
  await spill()

  const seen: string[] = []
  for (let rounds = 0; rounds < 20; rounds++) {
    for (let next = queue.lease(); next !== undefined; next = queue.lease()) {
      seen.push(next.payload.toString('latin1', 0, next.used).trim())
      queue.settle(next)
    }
    await turn()
  }
  expect(seen).toEqual(['1', '2', '3', '4', '5'])
  const dropped = DROP_REASONS.map((reason, n) => [reason, cells[ForwarderCell.dropped + n]] as const)
  expect(dropped.filter(([, events]) => events !== 0)).toEqual([['queue_full', 1]])
  expect(cells[ForwarderCell.delivered]).toBe(5)
  expect(cells[ForwarderCell.spooled]).toBe(0)
})
