/**
 * A forwarder's queue over the real spool, one process after the other on the same disk, and what each said and did: a plain list of
 * numbers. A crash leaves what lies on disk at that moment, in the middle of a write or an acknowledgement too: where a fault point would kill
 * the process the disk is copied, and nothing that the process does from there on counts.
 */
import { cpSync } from 'node:fs'
import { expect, vi } from 'vitest'
import { armFaults, type FaultPoint } from '../../src/base/faults.ts'
import { DROP_REASONS, type DropReason, ForwarderCell } from '../../src/base/counters.ts'
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
import { ManualClock } from './manual-clock.ts'
import { OpenSpool, TempFolder } from './spools.ts'

const KEY = 'acme/siem'
const LIMITS: QueueLimits = {
  batch_bytes: 4096,
  spill_after: 1000,
  memory_max: 64 * 1024,
  disk_max: 1 << 30,
  when_full: 'drop_oldest',
  spool: 'overflow',
}
export const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

/** Events of a batch by their numbers. */
function numbersOf(batch: Batch): number[] {
  const lines = batch.payload.toString('latin1', 0, batch.used).split('\n').slice(0, -1)
  return lines.map((line) => Number(line.split(' ')[0]))
}

/** The spool in this thread: an answer a turn of the loop, none after a crash. */
export class NearSpool implements SpoolClient {
  readonly open: OpenSpool
  /** Events on disk by the number of their batch, as far as this side was told. */
  readonly said = new Map<number, readonly number[]>()
  /** Given up by an acknowledgement or a drop that a crash may undo. */
  readonly unsure = new Set<number>()
  /** Counted as dropped. */
  readonly dropped = new Set<number>()
  /** What a disk says to writes. */
  writes: 'commit' | 'full' | 'error' = 'commit'
  /** It refused a write. */
  refused = false
  readonly #delivered: ReadonlySet<number>
  #dead = false

  constructor(folder: string, delivered: ReadonlySet<number>) {
    this.open = new OpenSpool(folder)
    this.#delivered = delivered
  }

  die(): void {
    this.#dead = true
  }

  get dead(): boolean {
    return this.#dead
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
    if (this.writes !== 'commit') this.refused = true
    if (this.writes !== 'commit') return { outcome: this.writes, reason: 'the disk of a test', row: kept }
    const numbers = numbersOf(parseBatch(kept.bytes.slice(0)))
    this.#maybe(numbers)
    const result = this.open.spool.write(key, [kept], disk_max)
    if (this.#dead) return new Promise(() => undefined)
    for (const number of numbers) this.unsure.delete(number)
    if (result.outcome !== 'committed') this.refused = true
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
    for (const sequence of sequences) {
      // What is given up, not delivered: the queue counts it.
      for (const number of this.said.get(sequence) ?? [])
        if (!this.#delivered.has(number)) this.dropped.add(number)
      this.#gone(sequence)
    }
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

  /** A crash now may find them, or not. */
  #maybe(numbers: readonly number[]): void {
    for (const number of numbers) this.unsure.add(number)
  }

  #gone(sequence: number): void {
    this.#maybe(this.said.get(sequence) ?? [])
    this.said.delete(sequence)
  }

  tick(): void {
    this.open.spool.tick()
    if (!this.#dead) this.unsure.clear()
  }

  stop(rows: readonly { readonly key: string; readonly row: SpoolRow }[]): Promise<void> {
    const numbers = rows.map(({ row }) => numbersOf(parseBatch(row.bytes.slice(0))))
    this.#maybe(numbers.flat())
    this.open.spool.stop(rows)
    if (this.#dead) return Promise.resolve()
    this.unsure.clear()
    for (const [n, { row }] of rows.entries()) this.said.set(row.sequence, numbers[n] as number[])
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
export class Life<C extends SpoolClient = NearSpool> {
  readonly clock = new ManualClock()
  readonly cells = new Float64Array(ForwarderCell.size)
  readonly client: C
  readonly queue: ForwarderQueue
  readonly leased: Batch[] = []
  /** In its order. */
  readonly delivered: number[] = []
  readonly #delivered: Set<number>
  readonly adopted: number
  came = 0
  /** Number of the first event that came. */
  began = 0

  constructor(
    client: C,
    limits: Partial<QueueLimits>,
    found: ChainState,
    delivered: Set<number> = new Set(),
  ) {
    this.client = client
    this.#delivered = delivered
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
    for (const number of numbersOf(batch)) {
      this.delivered.push(number)
      this.#delivered.add(number)
    }
    this.queue.settle(batch)
  }

  /** The newest first. */
  giveBack(count = this.leased.length): void {
    for (const batch of this.leased.splice(-count, count).toReversed()) this.queue.giveBack(batch)
  }

  /** Everything that came is somewhere, once. */
  balance(): void {
    const { queued, spooled, in_flight, delivered, enqueued } = ForwarderCell
    const get = (at: number): number => this.cells[at] as number
    expect(get(enqueued)).toBe(this.came + this.adopted)
    expect(get(delivered)).toBe(this.delivered.length)
    expect(get(queued) + get(spooled) + get(in_flight) + get(delivered) + this.dropped).toBe(get(enqueued))
  }

  droppedAs(reason: DropReason): number {
    return this.cells[ForwarderCell.dropped + DROP_REASONS.indexOf(reason)] as number
  }

  get dropped(): number {
    return DROP_REASONS.reduce((sum, _, n) => sum + (this.cells[ForwarderCell.dropped + n] as number), 0)
  }
}

export class World {
  folder = new TempFolder()
  readonly #limits: Partial<QueueLimits>
  /** The disk at the fault point that was waited for. */
  #moment: TempFolder | undefined
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
    const client = new NearSpool(this.folder.path, this.delivered)
    const life = new Life(client, this.#limits, client.open.spool.state(KEY), this.delivered)
    life.began = this.next
    return life
  }

  /** The process ends when it next comes to `point`. */
  crashAt(point: FaultPoint): void {
    armFaults({ LOGWEIR_TEST: '1', LOGWEIR_FAULTS: `${point}=kill@1` })
    vi.spyOn(process, 'kill').mockImplementation(() => {
      this.#moment ??= this.#copy()
      this.life.client.die()
      return true
    })
  }

  /** Whether it came there. */
  get ended(): boolean {
    return this.#moment !== undefined
  }

  #copy(): TempFolder {
    const folder = new TempFolder()
    cpSync(this.folder.path, folder.path, { recursive: true })
    return folder
  }

  #disarm(): void {
    armFaults({})
    vi.restoreAllMocks()
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
    // Nobody damaged anything.
    expect(this.life.droppedAs('spool_damaged')).toBe(0)
    expect(delivered).toEqual([...new Set(delivered)].sort((a, b) => a - b))
    for (const number of client.dropped) this.dropped.add(number)
  }

  #found(): number[] {
    const { rows, damaged } = this.life.client.open.spool.read(KEY, -1, 1 << 30)
    expect(damaged).toEqual([])
    return rows.flatMap(({ bytes }) => numbersOf(parseBatch(bytes)))
  }

  /** The process is gone; the next finds what lies on disk now. */
  crash(): void {
    this.#disarm()
    this.#book()
    const { client } = this.life
    client.die()
    const folder = this.#moment ?? this.#copy()
    this.#moment = undefined
    client.open.close()
    this.folder[Symbol.dispose]()
    this.folder = folder
    const { life } = this
    this.life = this.#begin()
    const found = this.#found()
    // Where nothing was given up, what is lost is what came last.
    if (life.dropped === 0 && !client.refused) {
      const last = Math.max(-1, ...found)
      for (let number = life.began; number < this.next; number++)
        expect(number > last || found.includes(number) || this.delivered.has(number)).toBe(true)
    }
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
    if (this.ended) return this.crash()
    const rows = life.queue.close().map((batch) => {
      const { sequence, events } = batch
      return { key: KEY, row: { sequence, events, bytes: serialiseBatch(batch) } }
    })
    await life.client.stop(rows)
    if (this.ended) return this.crash()
    this.#disarm()
    life.queue.stopped()
    life.balance()
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
    this.#disarm()
    life.client.writes = 'commit'
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
    life.balance()
    this.#book()
  }

  end(): void {
    this.#disarm()
    this.#moment?.[Symbol.dispose]()
    this.life.client.die()
    this.life.client.open.close()
    this.folder[Symbol.dispose]()
  }
}
