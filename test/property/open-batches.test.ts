/**
 * Does an open batch in flat memory, by compiled code or without it, become the batch that appending event by event
 * makes? Whatever the events are: any length, any sender, bytes to escape, in native memory or elsewhere.
 */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ForwarderCell } from '../../src/base/counters.ts'
import { nativeCode } from '../../src/base/native-code.ts'
import { nativeMemory } from '../../src/base/native-memory.ts'
import { type Appendable, Batch, type BatchNames } from '../../src/queue/batch.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../src/queue/forwarder-queue.ts'
import { BufferPool, MemoryBudget } from '../../src/queue/memory.ts'
import { heapMemory, OpenBatches, openMemory } from '../../src/queue/open-batches.ts'
import { FakeSpool } from '../support/fake-spool.ts'
import { ManualClock } from '../support/manual-clock.ts'

const NAMES: BatchNames = {
  stream: () => 'other',
  owner: () => null,
  listener: () => 'l',
  source: () => null,
}
const IDENTITY = { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 }
const CONTROL = 4
const BATCH_BYTES = 8192

const event = fc.record({
  text: fc.oneof(
    { weight: 6, arbitrary: fc.string({ minLength: 1, maxLength: 400, unit: 'binary' }) },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 12_000, unit: 'binary' }) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(9000), '\n'.repeat(5000), 'y'.repeat(30_000)) },
  ),
  flags: fc.constantFrom(0, 1, 8, 16, 17),
  owner: fc.integer({ min: 0, max: 0xffff_ffff }),
  stream: fc.integer({ min: 0, max: 63 }),
  listener: fc.integer({ min: 0, max: 0xffff }),
  source: fc.integer({ min: 0, max: 0xffff }),
  received_at: fc.constantFrom(1.8e12, 1.8e12 + 0.25, 0, -1, 4.2e12),
  sender: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 3 }) }),
  numbered: fc.boolean(),
  native: fc.boolean(),
})

interface Made {
  readonly event: Appendable
  readonly owner: number
}

let ids = 1
let last_sender = -1

/** The events one after the other where sockets put them, or in a buffer of their own. */
function* made(events: readonly (typeof event extends fc.Arbitrary<infer T> ? T : never)[]): Generator<Made> {
  const read = nativeMemory()?.read
  for (const { text, owner, sender, numbered, native, flags, ...rest } of events) {
    const bytes = Buffer.from(text, 'latin1')
    const control = bytes.some((c) => c === 10 || c === 13 || c === 0) ? CONTROL : 0
    if (sender !== last_sender) {
      ids += 1
      last_sender = sender
    }
    const peer_id = numbered ? ids : 0
    const peer = `192.0.2.${sender}`
    let buf: Buffer = Buffer.concat([Buffer.from('..'), bytes, Buffer.from('behind it')])
    let start = 2
    if (native && read !== undefined && bytes.length < read.length) {
      start = read.length - bytes.length
      bytes.copy(read, start)
      buf = read
    }
    yield {
      event: { buf, start, end: start + bytes.length, flags: flags | control, peer, peer_id, ...rest },
      owner,
    }
  }
}

function queueOver(opens: OpenBatches, form: PayloadForm): { queue: ForwarderQueue; cells: Float64Array } {
  const cells = new Float64Array(ForwarderCell.size)
  const limits = {
    batch_bytes: BATCH_BYTES,
    spill_after: 1000,
    memory_max: 1 << 26,
    disk_max: 1 << 26,
    when_full: 'drop_newest' as const,
    spool: 'overflow' as const,
  }
  const deps = {
    clock: new ManualClock(),
    budget: new MemoryBudget(1 << 26),
    pool: new BufferPool({ max: 1 << 26, used: 0 }),
    opens,
    disk: { client: new FakeSpool(), writing_max: 1 << 20, writing: 0 },
    cells,
    opened: () => undefined,
    watch: () => undefined,
  }
  return { queue: new ForwarderQueue(IDENTITY, form, NAMES, limits, deps, 0), cells }
}

/** What events become one by one, each behind a line that names its index entry. */
function shown(batch: Batch): string[] {
  return Array.from({ length: batch.events }, (_, n) =>
    [
      batch.payload.toString('latin1', batch.offset(n), batch.offset(n) + batch.length(n)),
      batch.owner(n),
      batch.stream(n),
      batch.listener(n),
      batch.source(n),
      batch.flags(n),
      batch.received_at(n),
      batch.peer(n),
    ].join('|'),
  )
}

function expected(list: Iterable<Made>, form: PayloadForm): { lines: string[]; bytes: Buffer } {
  const batch = new Batch(form, IDENTITY, NAMES, Buffer.allocUnsafe(131_072))
  for (const { event: one, owner } of list)
    batch.append(one, owner, form === PayloadForm.newline && (one.flags & CONTROL) !== 0)
  return { lines: shown(batch), bytes: batch.payload.subarray(0, batch.used) }
}

const forms = fc.constantFrom(PayloadForm.bare, PayloadForm.newline, PayloadForm.octet_counted)

test.each([
  ['compiled', () => new OpenBatches(openMemory())],
  ['without compiled code', () => new OpenBatches(heapMemory(1 << 20))],
  ['with next to no memory for open batches', () => new OpenBatches(heapMemory(8192))],
])('%s: the same batches', (_, make) => {
  fc.assert(
    fc.property(forms, fc.array(event, { minLength: 1, maxLength: 60 }), (form, events) => {
      // Each is appended at once, because the next may overwrite what was read.
      const { queue, cells } = queueOver(make(), form)
      const oracle: string[] = []
      const bytes: Buffer[] = []
      for (const one of made(events)) {
        const { lines, bytes: its } = expected([one], form)
        oracle.push(...lines)
        bytes.push(its)
        queue.append(one.event, one.owner)
      }
      queue.sealOpen()
      const found: string[] = []
      const payload: Buffer[] = []
      for (let batch = queue.lease(); batch !== undefined; batch = queue.lease()) {
        found.push(...shown(batch))
        payload.push(Buffer.from(batch.payload.subarray(0, batch.used)))
        if (batch.events > 1) expect(batch.used).toBeLessThanOrEqual(BATCH_BYTES)
        queue.settle(batch)
      }
      expect(found).toEqual(oracle)
      expect(Buffer.concat(payload).equals(Buffer.concat(bytes))).toBe(true)
      expect(cells[ForwarderCell.enqueued]).toBe(events.length)
      expect(cells[ForwarderCell.delivered]).toBe(events.length)
      expect(queue.held).toBe(0)
    }),
    { numRuns: 150 },
  )
})

test('the compiled code is here', () => {
  expect(nativeCode()).not.toBe(null)
})

test('many queues at once never see each other’s bytes', () => {
  const opens = new OpenBatches(openMemory())
  const queues = Array.from({ length: 40 }, () => queueOver(opens, PayloadForm.newline))
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          to: fc.nat({ max: 39 }),
          size: fc.integer({ min: 1, max: 700 }),
          seal: fc.integer({ min: 0, max: 9 }),
        }),
        { maxLength: 400 },
      ),
      (steps) => {
        const read = nativeMemory()?.read ?? Buffer.alloc(65_536)
        const wanted = queues.map(() => 0)
        for (const { to, size, seal } of steps) {
          const text = `${to}:`.padEnd(size + 3, String.fromCharCode(97 + (to % 26)))
          read.write(text, 100, 'latin1')
          const one: Appendable = {
            buf: read,
            start: 100,
            end: 100 + text.length,
            flags: 0,
            received_at: 1,
            stream: 0,
            listener: 0,
            source: 0,
            peer: 'p',
            peer_id: 7,
          }
          queues[to]?.queue.append(one, to)
          wanted[to] = (wanted[to] ?? 0) + 1
          if (seal === 0) queues[to]?.queue.sealOpen()
        }
        for (const [n, { queue }] of queues.entries()) {
          queue.sealOpen()
          let events = 0
          const own = new RegExp(`^(${n}:${String.fromCharCode(97 + (n % 26))}*\\n)*$`)
          for (let batch = queue.lease(); batch !== undefined; batch = queue.lease()) {
            expect(batch.payload.toString('latin1', 0, batch.used)).toMatch(own)
            events += batch.events
            queue.settle(batch)
          }
          expect(events).toBe(wanted[n])
        }
      },
    ),
    { numRuns: 100 },
  )
})
