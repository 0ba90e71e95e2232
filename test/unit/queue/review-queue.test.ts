/** Histories that a reviewer suspected: each ended with events stuck, lost without a count, or the intake shut for good. */
import { expect, test } from 'vitest'
import { DROP_REASONS, ForwarderCell } from '../../../src/base/counters.ts'
import type { Batch, BatchNames } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue, type QueueLimits } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { heapMemory, OpenBatches } from '../../../src/queue/open-batches.ts'
import type { SpoolClient } from '../../../src/queue/spool-port.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const LIMITS: QueueLimits = {
  batch_bytes: 4096,
  spill_after: 0,
  memory_max: 64 * 1024,
  disk_max: 1 << 20,
  when_full: 'drop_oldest',
  spool: 'overflow',
}
const NAMES: BatchNames = {
  stream: () => 'other',
  owner: () => null,
  listener: () => 'l',
  source: () => null,
}
const IDENTITY = { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 }

function make(over: Partial<QueueLimits>, client: SpoolClient = new FakeSpool(), opens = new OpenBatches()) {
  const cells = new Float64Array(ForwarderCell.size)
  const budget = new MemoryBudget(1 << 20)
  const clock = new ManualClock()
  const limits = { ...LIMITS, ...over }
  const queue = new ForwarderQueue(
    IDENTITY,
    PayloadForm.newline,
    NAMES,
    limits,
    {
      clock,
      budget,
      pool: new BufferPool({ max: 1 << 26, used: 0 }),
      opens,
      disk: { client, writing_max: 1 << 20, writing: 0 },
      cells,
      opened: () => undefined,
      watch: () => undefined,
    },
    0,
  )
  const append = (text: string, peer = '127.0.0.1'): void => {
    const buf = Buffer.from(text)
    const event = { start: 0, end: buf.length, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
    queue.append({ buf, peer, ...event }, 0)
  }
  const get = (at: number): number => cells[at] as number
  const dropped = (): number => DROP_REASONS.reduce((sum, _, n) => sum + get(ForwarderCell.dropped + n), 0)
  const held = (): number =>
    get(ForwarderCell.queued) + get(ForwarderCell.spooled) + get(ForwarderCell.in_flight)
  return { queue, cells, budget, clock, limits, append, get, dropped, held }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

test('more senders in one batch than it can number: the full batch is sealed, not forgotten', async () => {
  const { queue, append, get } = make(
    { batch_bytes: 1 << 20, memory_max: 1 << 24 },
    new FakeSpool(),
    new OpenBatches(heapMemory(1 << 24)),
  )
  for (let n = 0; n <= 65_535; n++) append('x', String(n))
  queue.sealOpen()
  let events = 0
  for (let batch = queue.lease(); batch !== undefined; batch = queue.lease()) {
    events += batch.events
    queue.settle(batch)
  }
  await turn()
  expect(events).toBe(65_536)
  expect(get(ForwarderCell.delivered)).toBe(65_536)
  expect(queue.held).toBe(0)
})

test('room made on disk while a read is on its way back: nothing is counted twice or left lying', async () => {
  const spool = new FakeSpool()
  let answers: (() => void)[] = []
  let late = false
  /** As the real one: the disk was read, and the answer still lies in the port when the next request is made. */
  const client: SpoolClient = new Proxy(spool, {
    get: (target, name: keyof FakeSpool) => {
      if (name !== 'read') return (target[name] as () => unknown).bind?.(target) ?? target[name]
      return async (key: string, after: number, bytes: number) => {
        const result = await target.read(key, after, bytes)
        if (late) await new Promise<void>((resolve) => answers.push(resolve))
        return result
      }
    },
  })
  const rig = make({ disk_max: 2 << 20, memory_max: 1 << 20 }, client)
  for (let n = 0; n < 400; n++) {
    rig.append(`${n} `.padEnd(4000, 'x'))
    rig.queue.sealOpen()
    rig.queue.spill()
    await turn()
  }
  expect(rig.get(ForwarderCell.spooled)).toBe(400)
  late = true
  expect(rig.queue.lease()).toBeUndefined()
  await turn()
  expect(answers).toHaveLength(1)
  spool.writes = 'full'
  rig.append('one more')
  rig.queue.sealOpen()
  rig.queue.spill()
  await turn()
  late = false
  for (const go of answers.splice(0)) go()
  answers = []
  spool.writes = 'commit'
  let delivered = 0
  for (let idle = 0; idle < 20; ) {
    const batch: Batch | undefined = rig.queue.lease()
    if (batch === undefined) {
      idle += 1
      rig.clock.advance(600)
      rig.queue.spill()
      await turn()
      continue
    }
    idle = 0
    delivered += batch.events
    rig.queue.settle(batch)
  }
  expect(delivered + rig.dropped()).toBe(401)
  expect(rig.held()).toBe(0)
  expect(spool.sequences('acme/siem')).toEqual([])
})

test('a forwarder that no longer blocks lets the intake go on', () => {
  const { queue, budget, append, limits } = make({ when_full: 'block', memory_max: 8192, spill_after: 1e9 })
  for (let n = 0; n < 40; n++) append('y'.repeat(1000))
  expect(budget.full).toBe(true)
  queue.renew(IDENTITY, PayloadForm.newline, NAMES, { ...limits, when_full: 'drop_oldest' })
  expect(budget.full).toBe(false)
})

test('one that begins to block while it is full blocks', () => {
  const { queue, budget, append, limits } = make({
    when_full: 'drop_newest',
    memory_max: 8192,
    spill_after: 1e9,
  })
  for (let n = 0; n < 40; n++) append('y'.repeat(1000))
  expect(budget.full).toBe(false)
  queue.renew(IDENTITY, PayloadForm.newline, NAMES, { ...limits, when_full: 'block' })
  expect(budget.full).toBe(true)
})

test('damage whose count of events is too low leaves no events that nobody has', async () => {
  const spool = new FakeSpool()
  const client: SpoolClient = new Proxy(spool, {
    get: (target, name: keyof FakeSpool) => {
      if (name !== 'read') return (target[name] as () => unknown).bind?.(target) ?? target[name]
      // The file is gone with what it held; how many events that was is no longer known.
      return () =>
        Promise.resolve({ rows: [], damaged: [{ events: 1, batches: 2, reason: 'gone' }], end: true })
    },
  })
  const rig = make({}, client)
  for (let n = 0; n < 2; n++) {
    for (let event = 0; event < 5; event++) rig.append('z'.repeat(500))
    rig.queue.sealOpen()
    rig.queue.spill()
    await turn()
  }
  expect(rig.get(ForwarderCell.spooled)).toBe(10)
  rig.queue.lease()
  await turn()
  expect(rig.held()).toBe(0)
  expect(rig.dropped()).toBe(10)
})

test('addresses of senders that are all different count as memory', async () => {
  const { queue, append } = make({ batch_bytes: 1 << 20, memory_max: 1 << 22, spill_after: 1e9 })
  for (let n = 0; n < 4000; n++) append('x', `2001:db8::${n}`)
  queue.sealOpen()
  expect(queue.held).toBeGreaterThan(4000 * 100)
  const batch = queue.lease()
  if (batch !== undefined) queue.settle(batch)
  await turn()
  expect(queue.held).toBe(0)
})

test('a name given to another organisation does not bring it what lies there of the first', async () => {
  const spool = new FakeSpool()
  const { queue, append, get, held, dropped, limits } = make({}, spool)
  const names = (id: string): BatchNames => ({
    ...NAMES,
    owner: () => ({
      tenant: 'acme',
      owner: { org: { id, name: null }, org_vdc: null, data_center_group: null, gateway: null, by: 'label' },
    }),
  })
  const as = (id: string, generation: number): void =>
    queue.renew({ ...IDENTITY, generation }, PayloadForm.newline, names(id), limits, id)
  as('first', 1)
  append('on disk')
  queue.sealOpen()
  queue.spill()
  await turn()
  append('given back')
  queue.sealOpen()
  append('in memory')
  queue.sealOpen()
  append('in the open batch')
  as('second', 2)
  append('its own')
  queue.sealOpen()
  const texts: string[] = []
  for (let idle = 0; idle < 5; ) {
    const batch = queue.lease()
    if (batch === undefined) {
      idle += 1
      await turn()
      continue
    }
    texts.push(batch.payload.toString('latin1', 0, batch.used))
    queue.settle(batch)
  }
  expect(texts).toEqual(['its own\n'])
  expect(get(ForwarderCell.delivered)).toBe(1)
  expect(dropped()).toBe(4)
  expect(held()).toBe(0)
  expect(spool.sequences('acme/siem')).toEqual([])
  expect(queue.held).toBe(0)
})
