/**
 * A forwarder's queue over the real spool against a plain list, with crashes and stops as commands. A crash leaves what lies on disk at
 * that moment. What a sender was told to be safe, or the spool said is written, comes out in a later life, in order, unless it was
 * delivered before or counted as dropped; nothing comes out twice in one life; a stop loses nothing.
 */
import { cpSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DROP_REASONS, ForwarderCell } from '../../src/base/counters.ts'
import { Ticket } from '../../src/queue/acknowledgement.ts'
import type { Batch } from '../../src/queue/batch.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { parseBatch, serialiseBatch } from '../../src/queue/batch-codec.ts'
import { ForwarderQueue, type QueueLimits } from '../../src/queue/forwarder-queue.ts'
import type { Destination } from '../../src/queue/lane.ts'
import { BufferPool, MemoryBudget } from '../../src/queue/memory.ts'
import { OpenBatches } from '../../src/queue/open-batches.ts'
import type {
  ChainState,
  SpoolClient,
  SpoolReadResult,
  SpoolRow,
  SpoolWriteOutcome,
} from '../../src/queue/spool-port.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { OpenSpool, TempFolder } from '../support/spools.ts'

const KEY = 'acme/siem'
const LIMITS: QueueLimits = {
  batch_bytes: 4096,
  spill_after: 1000,
  memory_max: 64 * 1024,
  disk_max: 1 << 30,
  when_full: 'drop_oldest',
  spool: 'overflow',
}
const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

/** Events of a batch by their numbers. */
function numbersOf(batch: Batch): number[] {
  const lines = batch.payload.toString('latin1', 0, batch.used).split('\n').slice(0, -1)
  return lines.map((line) => Number(line.split(' ')[0]))
}

/** The spool in this thread: an answer a turn of the loop, none after a crash. */
class NearSpool implements SpoolClient {
  readonly open: OpenSpool
  /** Events on disk by the number of their batch, as far as this side was told. */
  readonly said = new Map<number, readonly number[]>()
  /** Given up by an acknowledgement or a drop that a crash may undo. */
  readonly unsure = new Set<number>()
  /** Counted as dropped. */
  readonly dropped = new Set<number>()
  #dead = false

  constructor(folder: string) {
    this.open = new OpenSpool(folder)
  }

  die(): void {
    this.#dead = true
  }

  /** Nothing is answered to the dead. */
  async #turn(): Promise<void> {
    await turn()
    if (this.#dead) await new Promise(() => undefined)
  }

  recover(): Promise<readonly ChainState[]> {
    return Promise.resolve(this.open.spool.states())
  }

  async write(key: string, disk_max: number, row: SpoolRow): Promise<SpoolWriteOutcome> {
    const kept = { ...row, bytes: row.bytes.transfer() }
    await this.#turn()
    const numbers = numbersOf(parseBatch(kept.bytes.slice(0)))
    const result = this.open.spool.write(key, [kept], disk_max)
    if (result.outcome !== 'committed') return { outcome: result.outcome, reason: result.reason, row: kept }
    this.said.set(row.sequence, numbers)
    return { outcome: 'committed' }
  }

  async read(key: string, after: number, bytes: number): Promise<SpoolReadResult> {
    await this.#turn()
    return this.open.spool.read(key, after, bytes)
  }

  acknowledge(key: string, sequences: readonly number[]): void {
    if (this.#dead) return
    for (const sequence of sequences) this.#gone(sequence)
    this.open.spool.acknowledge(key, sequences)
  }

  async dropOldest(key: string, after: number, bytes: number): ReturnType<SpoolClient['dropOldest']> {
    await this.#turn()
    const lost = this.open.spool.dropOldest(key, after, bytes)
    for (const [sequence, numbers] of this.said) {
      if (sequence <= after || sequence > lost.through) continue
      for (const number of numbers) this.dropped.add(number)
      this.#gone(sequence)
    }
    return lost
  }

  #gone(sequence: number): void {
    for (const number of this.said.get(sequence) ?? []) this.unsure.add(number)
    this.said.delete(sequence)
  }

  tick(): void {
    this.open.spool.tick()
    this.unsure.clear()
  }

  stop(rows: readonly { readonly key: string; readonly row: SpoolRow }[]): Promise<void> {
    this.open.spool.stop(rows)
    this.unsure.clear()
    return Promise.resolve()
  }

  state(key: string): Promise<ChainState> {
    return Promise.resolve(this.open.spool.state(key))
  }
}

const IDLE: Destination = {
  wake: () => undefined,
  state: 'active',
  last_error: null,
  held_bytes: 0,
  stop: () => Promise.resolve(),
}

/** One process: its queue, and what it delivered. */
class Life {
  readonly clock = new ManualClock()
  readonly cells = new Float64Array(ForwarderCell.size)
  readonly client: NearSpool
  readonly queue: ForwarderQueue
  readonly leased: Batch[] = []
  readonly delivered: number[] = []
  readonly adopted: number
  came = 0

  constructor(client: NearSpool, limits: Partial<QueueLimits>, found: ChainState) {
    this.client = client
    const names = { stream: () => 'other', owner: () => null, listener: () => 'l', source: () => null }
    this.queue = new ForwarderQueue(
      { epoch: 1, worker: 0, forwarder: KEY, generation: 1 },
      PayloadForm.newline,
      names,
      { ...LIMITS, ...limits },
      {
        clock: this.clock,
        budget: new MemoryBudget(1 << 20),
        pool: new BufferPool({ max: 1 << 26, used: 0 }),
        opens: new OpenBatches(),
        disk: { client, writing_max: 1 << 20, writing: 0 },
        cells: this.cells,
        opened: () => undefined,
        watch: () => undefined,
      },
      found.last_sequence + 1,
    )
    this.adopted = found.events
    this.queue.adopt(found.batches, found.events, found.bytes)
    this.queue.attach(IDLE)
  }

  append(number: number, size: number): void {
    this.came += 1
    const buf = Buffer.from(`${number} `.padEnd(size, 'x'))
    const received_at = this.clock.wall()
    const parts = { flags: 0, received_at, stream: 0, listener: 0, source: 0, peer: '127.0.0.1' }
    this.queue.append({ buf, start: 0, end: buf.length, ...parts }, 0)
  }

  lease(): boolean {
    const batch = this.queue.lease()
    if (batch !== undefined) this.leased.push(batch)
    return batch !== undefined
  }

  settle(): void {
    const batch = this.leased.shift()
    if (batch === undefined) return
    this.delivered.push(...numbersOf(batch))
    this.queue.settle(batch)
  }

  /** The newest first. */
  giveBack(count = this.leased.length): void {
    for (const batch of this.leased.splice(-count, count).toReversed()) this.queue.giveBack(batch)
  }

  get dropped(): number {
    return DROP_REASONS.reduce((sum, _, n) => sum + (this.cells[ForwarderCell.dropped + n] as number), 0)
  }
}

class World {
  folder = new TempFolder()
  readonly #limits: Partial<QueueLimits>
  life: Life
  next = 0
  /** By all lives. */
  readonly delivered = new Set<number>()
  /** What a sender was told to be safe. */
  readonly safe = new Set<number>()
  readonly dropped = new Set<number>()

  constructor(limits: Partial<QueueLimits>) {
    this.#limits = limits
    this.life = this.#begin()
  }

  #begin(): Life {
    const client = new NearSpool(this.folder.path)
    return new Life(client, this.#limits, client.open.spool.state(KEY))
  }

  /** A sender's read; it is told when its events are safe. */
  append(events: number, size: number): void {
    const ticket = new Ticket()
    const numbers = Array.from({ length: events }, () => this.next++)
    ticket.touch(this.life.queue)
    for (const number of numbers) this.life.append(number, size)
    const { spool } = this.life.queue.limits
    ticket.end((kept) => {
      if (kept && spool === 'always') for (const number of numbers) this.safe.add(number)
    })
  }

  /** What a life said and did before it ended. */
  #book(): void {
    const { delivered, client } = this.life
    expect(delivered).toEqual([...new Set(delivered)].sort((a, b) => a - b))
    for (const number of delivered) this.delivered.add(number)
    for (const number of client.dropped) this.dropped.add(number)
  }

  #found(): number[] {
    const { rows, damaged } = this.life.client.open.spool.read(KEY, -1, 1 << 30)
    expect(damaged).toEqual([])
    return rows.flatMap(({ bytes }) => numbersOf(parseBatch(bytes)))
  }

  /** The process is gone; the next finds what lies on disk now. */
  crash(): void {
    this.#book()
    const { client } = this.life
    client.die()
    const folder = new TempFolder()
    cpSync(this.folder.path, folder.path, { recursive: true })
    client.open.close()
    this.folder[Symbol.dispose]()
    this.folder = folder
    this.life = this.#begin()
    const found = this.#found()
    const said = [...client.said.values()].flat()
    for (const number of said) expect(found).toContain(number)
    for (const number of this.safe) {
      if (!this.delivered.has(number) && !this.dropped.has(number)) expect(found).toContain(number)
    }
    for (const number of found) expect(said.includes(number) || client.unsure.has(number)).toBe(true)
    // As a new process knows it.
    for (const row of this.life.client.open.spool.read(KEY, -1, 1 << 30).rows)
      this.life.client.said.set(row.sequence, numbersOf(parseBatch(row.bytes)))
  }

  /** In order: what only memory has goes to the stop file. */
  async stop(): Promise<void> {
    const { life } = this
    life.giveBack()
    await this.rest()
    const rows = life.queue.close().map((batch) => {
      const { sequence, events } = batch
      const numbers = numbersOf(batch)
      life.client.said.set(sequence, numbers)
      return { key: KEY, row: { sequence, events, bytes: serialiseBatch(batch) } }
    })
    await life.client.stop(rows)
    life.queue.stopped()
    this.#book()
    life.client.die()
    life.client.open.close()
    this.life = this.#begin()
    const said = [...life.client.said.values()].flat()
    expect(life.came + life.adopted).toBe(life.delivered.length + life.dropped + said.length)
    expect(this.#found()).toEqual(said.toSorted((a, b) => a - b))
    for (const [sequence, numbers] of life.client.said) this.life.client.said.set(sequence, numbers)
  }

  /** Writes and reads under way end. */
  async rest(): Promise<void> {
    for (let n = 0; n < 6; n++) await turn()
  }

  /** The destination takes everything. */
  async drain(): Promise<void> {
    const { life } = this
    life.giveBack()
    life.queue.sealOpen()
    for (let idle = 0; idle < 12; ) {
      if (life.lease()) {
        idle = 0
        life.settle()
        continue
      }
      idle += 1
      life.clock.advance(600)
      life.queue.spill()
      await turn()
    }
    expect(life.queue.empty).toBe(true)
    this.#book()
  }

  end(): void {
    this.life.client.die()
    this.life.client.open.close()
    this.folder[Symbol.dispose]()
  }
}

type Step =
  | { readonly do: 'append'; readonly events: number; readonly size: number }
  | { readonly do: 'lease' | 'settle' | 'back' | 'spill' | 'yield' | 'tick' | 'crash' | 'stop' | 'full' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      events: fc.integer({ min: 1, max: 20 }),
      size: fc.integer({ min: 8, max: 2000 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'lease',
        'lease',
        'settle',
        'settle',
        'back',
        'spill',
        'spill',
        'yield',
        'yield',
        'tick',
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('crash', 'crash', 'stop', 'full') }) },
)

async function act(world: World, one: Step): Promise<void> {
  const { life } = world
  switch (one.do) {
    case 'append':
      return world.append(one.events, one.size)
    case 'lease':
      life.lease()
      return
    case 'settle':
      return life.settle()
    case 'back':
      return life.giveBack(1)
    case 'spill':
      life.clock.advance(1100)
      life.queue.sealOpen()
      life.queue.spill()
      return
    case 'yield':
      return turn()
    case 'tick':
      return life.client.tick()
    case 'crash':
      return world.crash()
    case 'stop':
      return world.stop()
    case 'full':
      // More than memory takes, at once.
      for (let n = 0; n < 8; n++) world.append(5, 1900)
      return
  }
}

const RUNS = Number(process.env['LOGWEIR_MODEL_RUNS'] ?? 60)

for (const spool of ['overflow', 'always'] as const) {
  test(`through crashes and stops: what is safe comes out, in order, once a life (${spool})`, async () => {
    let crashes = 0
    let told = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const world = new World({ spool })
        try {
          for (const one of steps) {
            await act(world, one)
            if (one.do === 'crash') crashes += 1
          }
          await world.rest()
          told += world.safe.size
          const { said } = world.life.client
          const owed = [...said.values()].flat()
          await world.drain()
          for (const number of owed)
            expect(world.delivered.has(number) || world.dropped.has(number)).toBe(true)
          for (const number of world.safe)
            expect(world.delivered.has(number) || world.dropped.has(number)).toBe(true)
        } finally {
          world.end()
        }
      }),
      { numRuns: RUNS },
    )
    expect(crashes).toBeGreaterThan(RUNS / 10)
    if (spool === 'always') expect(told).toBeGreaterThan(RUNS)
  })
}
