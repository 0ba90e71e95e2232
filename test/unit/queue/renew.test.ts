/** New rules for a queue with an open batch: nothing is sealed at the switch, and no batch holds events of two rule sets. */
import { expect, test } from 'vitest'
import { ForwarderCell } from '../../../src/base/counters.ts'
import type { Batch, BatchNames } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue, type QueueLimits } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const LIMITS: QueueLimits = {
  batch_bytes: 4096,
  spill_after: 1000,
  memory_max: 64 * 1024,
  disk_max: 1 << 20,
  when_full: 'drop_oldest',
  spool: 'overflow',
}
const names = (stream: string): BatchNames => ({
  stream: () => stream,
  owner: () => null,
  listener: () => 'l',
  source: () => null,
})
const identity = (generation: number) => ({ epoch: 1, worker: 0, forwarder: 'acme/siem', generation })

function make() {
  const cells = new Float64Array(ForwarderCell.size)
  const deps = {
    clock: new ManualClock(),
    budget: new MemoryBudget(1 << 20),
    pool: new BufferPool({ max: 1 << 26, used: 0 }),
    opens: new OpenBatches(),
    disk: { client: new FakeSpool(), writing_max: 1 << 20, writing: 0 },
    cells,
    opened: () => undefined,
    watch: () => undefined,
  }
  const queue = new ForwarderQueue(identity(1), PayloadForm.newline, names('first'), LIMITS, deps, 0)
  const append = (text: string): void => {
    const buf = Buffer.from(text)
    const event = { start: 0, end: buf.length, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
    queue.append({ buf, peer: '', ...event }, 0)
  }
  const renew = (generation: number, name: string): void =>
    queue.renew(identity(generation), PayloadForm.newline, names(name), LIMITS)
  const taken = (): string[] => {
    const lines: string[] = []
    for (let batch = queue.lease(); batch !== undefined; batch = queue.lease()) lines.push(told(batch))
    return lines
  }
  return { queue, append, renew, taken, cells }
}

function told(batch: Batch): string {
  const { identity: own, names: of } = batch
  return `${batch.sequence} ${own.generation} ${of.stream(0)} ${batch.payload.toString('utf8', 0, batch.used).trim()}`
}

test('what was open stays open until the next event, the next tick or the end, and goes first', () => {
  const { queue, append, renew, taken, cells } = make()
  append('a')
  renew(2, 'second')
  expect([queue.lease(), queue.empty]).toEqual([undefined, false])
  expect(queue.opened_mono).toBeDefined()
  append('b')
  expect(taken()).toEqual(['0 1 first a'])
  queue.sealOpen()
  expect(taken()).toEqual(['1 2 second b'])
  append('c')
  renew(3, 'third')
  queue.sealOpen()
  expect(taken()).toEqual(['2 2 second c'])
  expect(cells[ForwarderCell.queued]).toBe(0)
})

test('two reloads with an event between them', () => {
  const { queue, append, renew, taken } = make()
  append('a')
  renew(2, 'second')
  renew(3, 'third')
  append('b')
  renew(4, 'fourth')
  append('c')
  expect(queue.close().map(told)).toEqual(['0 1 first a', '1 3 third b', '2 4 fourth c'])
  expect(taken()).toEqual([])
})

test('a destination of other rules gets nothing', () => {
  const { queue, append, taken } = make()
  append('a')
  queue.sealOpen()
  queue.changing = true
  expect(taken()).toEqual([])
  queue.changing = false
  expect(taken()).toEqual(['0 1 first a'])
})
