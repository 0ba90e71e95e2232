import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ForwarderCell } from '../../../src/base/counters.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { CatchUp } from '../../../src/queue/catch-up.ts'
import { ForwarderQueue } from '../../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import type { QueueLimits } from '../../../src/queue/queue-deps.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const BATCH = 300

/** Events taken in `seconds` by a destination that takes whatever it gets, while `live` come in each second. */
function taken(rate: number, live: number, seconds: number): number {
  const bound = new CatchUp(rate, 0, 0)
  let sent = 0
  for (let now = 0; now <= seconds * 1000; ) {
    const wait = bound.wait(now, Math.trunc((live * now) / 1000))
    if (wait === 0) {
      bound.took(BATCH)
      sent += BATCH
    }
    now += Math.max(1, wait)
  }
  return sent
}

test('a backlog shrinks at the rate, whatever comes in beside it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.nat(100_000), (rate, live) => {
      const sent = taken(rate, live, 20)
      const due = (rate + live) * 20
      // A destination that is asked once a millisecond takes 300,000 events a second at most.
      fc.pre(due < 20 * 250_000)
      // A wait ends a second late at most, and with a batch too many.
      expect(sent).toBeLessThanOrEqual(due + BATCH)
      expect(sent).toBeGreaterThanOrEqual(due - rate - live - BATCH)
    }),
    { numRuns: 60 },
  )
})

test('what came in while nothing could be sent is backlog, and gives no right to a burst', () => {
  const bound = new CatchUp(1000, 0, 0)
  for (let now = 0, came = 0; now < 60_000; now += 5000, came += 500_000) {
    let burst = 0
    while (bound.wait(now, came) === 0) {
      bound.took(BATCH)
      burst += BATCH
    }
    expect(burst).toBeLessThanOrEqual(1000 + BATCH)
  }
})

test('a queue gives out what lies on disk at the rate and in order, then the rest; without a rate all at once', async () => {
  const clock = new ManualClock()
  const cells = new Float64Array(ForwarderCell.size)
  const limits: QueueLimits = {
    batch_bytes: 4096,
    spill_after: 0,
    memory_max: 1 << 20,
    disk_max: 1 << 30,
    when_full: 'drop_oldest',
    spool: 'overflow',
  }
  const identity = { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 }
  const names = { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null }
  const form = PayloadForm.newline
  const queue = new ForwarderQueue(
    identity,
    form,
    names,
    { ...limits, catch_up_max: 10 },
    {
      clock,
      budget: new MemoryBudget(1 << 24),
      pool: new BufferPool({ max: 1 << 26, used: 0 }),
      opens: new OpenBatches(),
      disk: { client: new FakeSpool(), writing_max: 1 << 20, writing: 0 },
      cells,
      opened: () => undefined,
      watch: () => undefined,
    },
    0,
  )
  let sequence = 0
  const put = (): void => {
    const buf = Buffer.from(String(sequence++))
    const event = { start: 0, end: buf.length, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
    queue.append({ buf, peer: '127.0.0.1', ...event }, 0)
    queue.sealOpen()
  }
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done))
  const seen: number[] = []
  let woken = 0
  const take = async (): Promise<void> => {
    for (let dry = 0; dry < 3; dry++) {
      for (let next = queue.lease(); next !== undefined; next = queue.lease()) {
        seen.push(Number(next.payload.toString('latin1', 0, next.used)))
        queue.settle(next)
      }
      await turn()
    }
  }
  for (let n = 0; n < 100; n++) put()
  clock.advance(1000)
  queue.spill()
  await turn()
  expect(cells[ForwarderCell.spooled]).toBe(100)
  queue.attach({ wake: () => (woken += 1), state: 'delivering', last_error: null, held_bytes: 0 } as never)

  await take()
  const first = seen.length
  expect(first).toBeLessThan(15)
  for (let second = 0; second < 5; second++) {
    const before = woken
    put()
    clock.advance(1000)
    expect(woken).toBeGreaterThan(before)
    await take()
  }
  // Ten a second, and as many as came in.
  expect(seen.length - first).toBeGreaterThan(44)
  expect(seen.length - first).toBeLessThan(56)
  queue.renew(identity, form, names, limits)
  await take()
  expect(seen).toEqual(Array.from({ length: sequence }, (_, n) => n))
  await queue.purge()
  queue.close()
  expect(clock.waiting).toBe(0)
})
