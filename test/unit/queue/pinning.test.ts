/** Does what waits hold its own bytes only, and none of the buffers that it was read into (R64)? */
import { Buffer } from 'node:buffer'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ForwarderCell } from '../../../src/base/counters.ts'
import { Framer } from '../../../src/framing/framer.ts'
import type { BatchNames } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const READS = 100_000
const READ_BYTES = 65_536
const LINE = `<13>1 2026-05-15T19:41:25.001Z esx01 app - - - ${'x'.repeat(52)}`
const NAMES: BatchNames = {
  stream: () => 'other',
  owner: () => null,
  listener: () => 'l',
  source: () => null,
}

function makeQueue(): ForwarderQueue {
  const limits = {
    batch_bytes: 65_536,
    spill_after: 1000,
    memory_max: 1 << 30,
    disk_max: 0,
    when_full: 'drop_oldest' as const,
    spool: 'overflow' as const,
  }
  const budget = new MemoryBudget(1 << 30)
  const deps = {
    clock: new ManualClock(),
    budget,
    pool: new BufferPool(budget),
    opens: new OpenBatches(),
    disk: { client: new FakeSpool(), writing_max: 0, writing: 0 },
    cells: new Float64Array(ForwarderCell.size),
    opened: () => undefined,
    watch: () => undefined,
  }
  const identity = { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 }
  return new ForwarderQueue(identity, PayloadForm.newline, NAMES, limits, deps, 0)
}

test('R64: one small line of each of 100,000 reads waits: it costs less than 1 KiB, and no read buffer lives on', {
  timeout: 120_000,
}, () => {
  const queue = makeQueue()
  let taken = 0
  const framer = new Framer(
    { framing: 'newline', frame_max: READ_BYTES },
    {
      frame: (buf, start, end, flags) => {
        // The rest of each read is somebody else's, who is not queued.
        if (buf[start] !== 60) return
        taken += 1
        const event = {
          buf,
          start,
          end,
          flags,
          received_at: taken,
          stream: 0,
          listener: 0,
          source: 0,
          peer: '10.0.0.1',
        }
        queue.append(event, 0)
      },
      leadingZeros: () => undefined,
      fault: (reason) => {
        throw new Error(reason)
      },
    },
  )
  const line = Buffer.from(`${LINE}\n`)
  for (let n = 0; n < READS; n++) {
    // As it is after a read: one buffer of its own for all that came.
    const read = Buffer.allocUnsafeSlow(READ_BYTES)
    line.copy(read, 0)
    read.write('another one’s\n', line.length)
    framer.push(read.subarray(0, line.length + 16))
  }
  expect(taken).toBe(READS)
  collect()
  expect(queue.held / READS).toBeLessThan(1024)
  // 6 GiB, if any of it were held.
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(queue.held + 100 * 2 ** 20)
})
