/** `drop_oldest` gives up what came first of all that is not in flight: given back, read ahead, on disk, in memory. */
import { expect, test } from 'vitest'
import { DROP_REASONS, ForwarderCell } from '../../../src/base/counters.ts'
import type { Batch } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { ForwarderQueue, type QueueLimits } from '../../../src/queue/forwarder-queue.ts'
import type { Destination } from '../../../src/queue/lane.ts'
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
const NAMES = { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null }
const IDLE: Destination = {
  wake: () => undefined,
  state: 'retrying',
  last_error: null,
  held_bytes: 0,
  stop: () => Promise.resolve(),
}
const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

class Rig {
  readonly spool = new FakeSpool()
  readonly clock = new ManualClock()
  readonly cells = new Float64Array(ForwarderCell.size)
  readonly queue: ForwarderQueue
  came = 0

  constructor(limits: Partial<QueueLimits> = {}) {
    this.queue = new ForwarderQueue(
      { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 },
      PayloadForm.newline,
      NAMES,
      { ...LIMITS, ...limits },
      {
        clock: this.clock,
        budget: new MemoryBudget(1 << 22),
        pool: new BufferPool({ max: 1 << 26, used: 0 }),
        opens: new OpenBatches(),
        disk: { client: this.spool, writing_max: 1 << 20, writing: 0 },
        cells: this.cells,
        opened: () => undefined,
        watch: () => undefined,
      },
      0,
    )
    this.queue.attach(IDLE)
  }

  /** A batch of one event. */
  one(): void {
    const buf = Buffer.from(`${this.came} `.padEnd(2000, 'x'))
    const parts = { flags: 0, received_at: 1, stream: 0, listener: 0, source: 0, peer: '127.0.0.1' }
    this.came += 1
    this.queue.append({ buf, start: 0, end: buf.length, ...parts }, 0)
    this.queue.sealOpen()
  }

  /** On disk. */
  async spilled(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      this.one()
      this.clock.advance(1100)
      this.queue.spill()
      await turn()
    }
  }

  async next(): Promise<Batch> {
    for (let tries = 0; tries < 10; tries++) {
      const batch = this.queue.lease()
      if (batch !== undefined) return batch
      await turn()
    }
    throw new Error('nothing to lease')
  }

  /** What is left comes out; numbers of events. */
  async drain(): Promise<number[]> {
    const kept: number[] = []
    this.spool.writes = 'commit'
    for (let idle = 0; idle < 12; ) {
      const batch = this.queue.lease()
      if (batch === undefined) {
        idle += 1
        this.clock.advance(600)
        this.queue.spill()
        await turn()
        continue
      }
      idle = 0
      kept.push(Number.parseInt(batch.payload.toString('latin1', 0, 12), 10))
      this.queue.settle(batch)
    }
    expect(this.queue.empty).toBe(true)
    expect(this.queue.held).toBe(0)
    expect(kept.length + this.dropped).toBe(this.came)
    return kept
  }

  get dropped(): number {
    return DROP_REASONS.reduce((sum, _, n) => sum + (this.cells[ForwarderCell.dropped + n] as number), 0)
  }

  /** What is kept are the last ones, without a hole. */
  async keptAreTheLast(): Promise<void> {
    expect(this.dropped).toBeGreaterThan(0)
    const kept = await this.drain()
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => this.came - kept.length + n))
    expect(kept.length).toBeGreaterThan(0)
  }
}

test('memory is full and the disk takes nothing: what a destination gave back goes first', async () => {
  const rig = new Rig()
  rig.spool.writes = 'error'
  for (let n = 0; n < 5; n++) rig.one()
  const leased = [await rig.next(), await rig.next(), await rig.next()]
  for (const batch of leased.toReversed()) rig.queue.giveBack(batch)
  while (rig.dropped < 10) rig.one()
  await rig.keptAreTheLast()
})

test('the disk is full: what was given back and what was read ahead goes before what lies there', async () => {
  const rig = new Rig({ disk_max: 256 * 1024 })
  await rig.spilled(60)
  const leased = [await rig.next(), await rig.next(), await rig.next()]
  for (const batch of leased.toReversed()) rig.queue.giveBack(batch)
  await rig.spilled(200)
  await rig.keptAreTheLast()
})

test('what was given back and disk has needs no memory: nothing is dropped while the disk has room', async () => {
  for (const when_full of ['drop_oldest', 'drop_newest'] as const) {
    const rig = new Rig({ when_full })
    await rig.spilled(40)
    const leased: Batch[] = []
    // All that it may hold.
    for (let n = 0; n < 15; n++) leased.push(await rig.next())
    for (const batch of leased.toReversed()) rig.queue.giveBack(batch)
    // No disk acts while these come.
    for (let n = 0; n < 10; n++) rig.one()
    expect([when_full, rig.dropped]).toEqual([when_full, 0])
    expect(await rig.drain()).toEqual(Array.from({ length: 50 }, (_, n) => n))
  }
})

test('the disk is full and keeps up: room on it is used at once, and memory drops nothing meanwhile', async () => {
  const rig = new Rig({ disk_max: 256 * 1024 })
  for (let n = 0; n < 600; n++) {
    rig.one()
    await turn()
  }
  await rig.keptAreTheLast()
})
