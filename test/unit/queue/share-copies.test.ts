import { expect, test } from 'vitest'
import { ForwarderCell } from '../../../src/base/counters.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget, MemoryShare } from '../../../src/queue/memory.ts'
import { heapMemory, OpenBatches } from '../../../src/queue/open-batches.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const MiB = 1024 * 1024
const KiB = 1024

test('R25: a disk that refused and then hangs: with the copies on their way a tenant keeps to its share', async () => {
  const share = new MemoryShare(2 * MiB)
  const client = new FakeSpool()
  client.writes = 'error'
  const clock = new ManualClock()
  const disk = { client, writing_max: 64 * MiB, writing: 0 }
  const budget = new MemoryBudget(64 * MiB)
  const pool = new BufferPool({ max: 64 * MiB, used: 0 })
  const opens = new OpenBatches(heapMemory(8 * MiB))
  const names = { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null }
  const queues = Array.from({ length: 8 }, (_, n) => {
    const cells = new Float64Array(ForwarderCell.size)
    const deps = {
      clock,
      budget,
      pool,
      opens,
      share,
      disk,
      cells,
      opened: () => undefined,
      watch: () => undefined,
    }
    const limits = {
      batch_bytes: 16 * KiB,
      spill_after: 0,
      memory_max: 4 * MiB,
      disk_max: 64 * MiB,
      when_full: 'drop_oldest',
      spool: 'overflow',
    } as const
    const identity = { epoch: 1, worker: 0, forwarder: `acme/${n}`, generation: 1 }
    return new ForwarderQueue(identity, PayloadForm.newline, names, limits, deps, 0)
  })
  const buf = Buffer.alloc(1000, 'x')
  const parts = { flags: 0, stream: 0, listener: 0, source: 0, peer: '127.0.0.1', received_at: 1 }
  for (let n = 0; n < 8000; n++) {
    queues[n % 8]?.append({ buf, start: 0, end: buf.length, ...parts }, 0)
    if (n % 100 === 0) await new Promise((done) => setImmediate(done))
  }
  expect(share.full).toBe(true)
  client.writes = 'commit'
  client.slow = true
  client.calls.length = 0
  clock.advance(1000)
  for (const queue of queues) queue.spill()
  // A copy of each is on its way, and a sixteenth of the share besides.
  expect(share.used).toBeLessThanOrEqual(share.max + share.max / 16 + 8 * 2 * 20 * KiB)
  expect(client.calls.filter((call) => call.startsWith('write')).length).toBeGreaterThanOrEqual(8)
})
