/**
 * Does a forwarder's queue agree with a plain list? Random histories of events, time, a disk that commits, is full
 * or fails, and a destination that takes, delivers and gives back. After each step the ledger balances; at the end
 * every event was delivered or counted as dropped, once, in order.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DROP_REASONS, ForwarderCell } from '../../src/base/counters.ts'
import type { Batch } from '../../src/queue/batch.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { ForwarderQueue, type QueueLimits } from '../../src/queue/forwarder-queue.ts'
import type { Destination } from '../../src/queue/lane.ts'
import { BufferPool, MemoryBudget } from '../../src/queue/memory.ts'
import { OpenBatches } from '../../src/queue/open-batches.ts'
import { FakeSpool } from '../support/fake-spool.ts'
import { ManualClock } from '../support/manual-clock.ts'

const LIMITS: QueueLimits = {
  batch_bytes: 4096,
  spill_after: 1000,
  memory_max: 64 * 1024,
  disk_max: 256 * 1024,
  when_full: 'drop_oldest',
  spool: 'overflow',
}

type Step =
  | { readonly do: 'append'; readonly events: number; readonly size: number }
  | { readonly do: 'seal' | 'lease' | 'settle' | 'back' | 'spill' | 'yield' }
  | { readonly do: 'leave' | 'join' | 'purge' }
  | { readonly do: 'time'; readonly ms: number }
  | { readonly do: 'disk'; readonly writes: 'commit' | 'full' | 'error' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      events: fc.integer({ min: 1, max: 30 }),
      size: fc.integer({ min: 1, max: 2000 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'seal',
        'lease',
        'lease',
        'settle',
        'settle',
        'back',
        'spill',
        'yield',
      ) as fc.Arbitrary<'seal'>,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('leave', 'leave', 'join', 'join', 'purge') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 1500 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('disk' as const),
      writes: fc.constantFrom('commit', 'full', 'error'),
    }),
  },
)

const IDLE: Destination = {
  wake: () => undefined,
  state: 'active',
  last_error: null,
  held_bytes: 0,
  stop: () => Promise.resolve(),
}

class Rig {
  readonly clock = new ManualClock()
  readonly spool = new FakeSpool()
  readonly cells = new Float64Array(ForwarderCell.size)
  readonly budget = new MemoryBudget(1 << 20)
  readonly queue: ForwarderQueue
  readonly leased: Batch[] = []
  readonly delivered: number[] = []
  next = 0

  constructor(limits: Partial<QueueLimits>) {
    const names = { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null }
    this.queue = new ForwarderQueue(
      { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 },
      PayloadForm.newline,
      names,
      { ...LIMITS, ...limits },
      {
        clock: this.clock,
        budget: this.budget,
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

  append(events: number, size: number): void {
    for (let n = 0; n < events; n++) {
      const buf = Buffer.from(`${this.next} `.padEnd(size, 'x'))
      this.next += 1
      this.queue.append(
        {
          buf,
          start: 0,
          end: buf.length,
          flags: 0,
          received_at: this.clock.wall(),
          stream: 0,
          listener: 0,
          source: 0,
          peer: '127.0.0.1',
        },
        0,
      )
    }
  }

  settle(batch: Batch): void {
    const lines = batch.payload.toString('latin1', 0, batch.used).split('\n').slice(0, -1)
    this.delivered.push(...lines.map((line) => Number(line.split(' ')[0])))
    this.queue.settle(batch)
  }

  async act(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        return this.append(step.events, step.size)
      case 'seal':
        return this.queue.sealOpen()
      case 'lease': {
        // Nobody takes anything without a destination.
        const batch = this.queue.destination === undefined ? undefined : this.queue.lease()
        if (batch !== undefined) this.leased.push(batch)
        return
      }
      case 'settle': {
        const batch = this.leased.shift()
        if (batch !== undefined) this.settle(batch)
        return
      }
      case 'back': {
        const batch = this.leased.pop()
        if (batch !== undefined) this.queue.giveBack(batch)
        return
      }
      case 'spill':
        this.queue.spill()
        return
      case 'leave':
        for (const batch of this.leased.splice(0)) this.queue.giveBack(batch)
        this.queue.attach(undefined)
        return
      case 'join':
        this.queue.attach(IDLE)
        return
      case 'purge':
        await this.queue.purge()
        return
      case 'time':
        this.clock.advance(step.ms)
        this.queue.spill()
        return
      case 'disk':
        this.spool.writes = step.writes
        return
      case 'yield':
        return turn()
    }
  }

  get(at: number): number {
    return this.cells[at] as number
  }

  get dropped(): number {
    return DROP_REASONS.reduce((sum, _, n) => sum + this.get(ForwarderCell.dropped + n), 0)
  }

  balance(): void {
    const parts =
      this.get(ForwarderCell.queued) + this.get(ForwarderCell.spooled) + this.get(ForwarderCell.in_flight)
    // `queued` counts what is in memory; the open batch is in it.
    expect(this.get(ForwarderCell.enqueued)).toBe(this.next)
    expect(parts + this.get(ForwarderCell.delivered) + this.dropped).toBe(this.next)
    expect(this.get(ForwarderCell.queued)).toBeGreaterThanOrEqual(0)
    expect(this.get(ForwarderCell.spooled)).toBeGreaterThanOrEqual(0)
    expect(this.get(ForwarderCell.in_flight)).toBe(this.leased.reduce((sum, batch) => sum + batch.events, 0))
  }

  /** The destination takes everything, the disk works. */
  async drain(): Promise<void> {
    this.spool.writes = 'commit'
    this.queue.attach(IDLE)
    for (const batch of this.leased.splice(0)) this.queue.giveBack(batch)
    this.queue.sealOpen()
    for (let idle = 0; idle < 20; ) {
      const batch = this.queue.lease()
      if (batch === undefined) {
        idle += 1
        this.clock.advance(600)
        this.queue.spill()
        await turn()
        continue
      }
      idle = 0
      this.settle(batch)
    }
  }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

async function history(limits: Partial<QueueLimits>, steps: readonly Step[]): Promise<Rig> {
  const rig = new Rig(limits)
  for (const one of steps) {
    await rig.act(one)
    rig.balance()
  }
  await rig.drain()
  rig.balance()
  return rig
}

for (const spool of ['overflow', 'always'] as const) {
  for (const when_full of ['drop_oldest', 'drop_newest'] as const) {
    test(`every event is delivered once and in order, or counted as dropped (${spool}, ${when_full})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
          const rig = await history({ spool, when_full }, steps)
          expect(rig.queue.empty).toBe(true)
          expect(rig.delivered).toEqual([...rig.delivered].sort((a, b) => a - b))
          expect(new Set(rig.delivered).size).toBe(rig.delivered.length)
          expect(rig.delivered.length + rig.dropped).toBe(rig.next)
          expect(rig.queue.held).toBe(0)
          expect(rig.budget.used).toBe(0)
        }),
        { numRuns: 300 },
      )
    })
  }
}

test('with room on disk nothing is dropped, however slow the destination', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const healthy = steps.filter((one) => one.do !== 'disk' && one.do !== 'purge')
      const rig = new Rig({ memory_max: 1 << 22, disk_max: 1 << 30 })
      for (const one of healthy) await rig.act(one)
      await rig.drain()
      expect(rig.dropped).toBe(0)
      expect(rig.delivered.length).toBe(rig.next)
    }),
    { numRuns: 200 },
  )
})
