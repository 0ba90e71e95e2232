/**
 * Memory as an account. Everything that holds events is charged here in bytes of capacity (not of
 * content): open batches, queues, what is in flight, replay windows, copies on their way to the spool.
 */
import { Buffer } from 'node:buffer'
import type { Batch } from './batch.ts'

/** What a forwarder may still hold by the way when memory is short for all. */
export const PRESSED_BYTES = 65_536
/** Above this part of the bound every queue spills, not only the largest. */
const ALL_SPILL = 0.8
/** The part of a share by which copies on their way to the disk may pass it. */
const COPIES_BEYOND = 16

/** What several forwarders may hold together. */
export class MemoryShare {
  readonly max: number
  used = 0

  constructor(max: number) {
    this.max = max
  }

  get full(): boolean {
    return this.used >= this.max
  }

  get pressed(): boolean {
    return this.used > this.max * 0.6
  }

  /** So much beyond, that only one copy of each forwarder is on its way to the disk: copies make room, but are memory until they are written. */
  get over(): boolean {
    return this.used > this.max + this.max / COPIES_BEYOND
  }
}

/** Whether a queue should move to disk what waits in it, because its own, its tenant's or all memory is short. */
export function isShort(
  waiting: number,
  memory_max: number,
  { budget, share }: { readonly budget: MemoryBudget; readonly share?: MemoryShare | undefined },
): boolean {
  if (waiting > memory_max / 4) return true
  if (waiting <= PRESSED_BYTES) return false
  return share?.pressed === true || (budget.pressed && waiting >= budget.spill_floor)
}

/** The bound for all forwarders of one worker. */
export class MemoryBudget {
  readonly max: number
  #used = 0
  #full = false
  readonly #blockers = new Set<string>()
  readonly #behind = new Set<string>()
  readonly #listeners = new Set<() => void>()

  /** While memory is short, queues with less than this waiting are left alone: the largest spill first. */
  spill_floor = 0

  constructor(max: number) {
    this.max = max
  }

  /** Called a few times a second with what waits in each queue. */
  lookAt(queues: Iterable<{ readonly waiting: number }>): void {
    let largest = 0
    if (this.pressed && this.#used < this.max * ALL_SPILL) {
      for (const { waiting } of queues) largest = Math.max(largest, waiting)
    }
    this.spill_floor = largest / 2
  }

  get used(): number {
    return this.#used
  }

  /** True from the moment the bound is reached until a fifth of it is free again, or while somebody blocks. */
  get full(): boolean {
    return this.#full || this.#blockers.size > 0
  }

  /** Above this, queues spill before they are asked to. */
  get pressed(): boolean {
    return this.#used > this.max * 0.6
  }

  charge(bytes: number): void {
    this.#used += bytes
    if (this.#used >= this.max) this.#full = true
  }

  release(bytes: number): void {
    this.#used -= bytes
    if (!this.#full || this.#used > this.max * 0.8) return
    this.#full = false
    this.#tell()
  }

  /** `when_full: block`: while a forwarder of the provider has used up its share, nothing more is taken in. */
  block(key: string, blocks: boolean): void {
    if (blocks) this.#blockers.add(key)
    else if (this.#blockers.delete(key)) this.#tell()
  }

  /** An `always` forwarder has much that disk does not have: senders that can wait for the disk, wait. */
  behind(key: string, is_behind: boolean): void {
    if (is_behind) this.#behind.add(key)
    else if (this.#behind.delete(key) && this.#behind.size === 0) this.#tell()
  }

  /** Whether more may come from senders that are acknowledged when disk has their events. */
  get acknowledging(): boolean {
    return !this.full && this.#behind.size === 0
  }

  #tell(): void {
    if (this.full) return
    for (const act of [...this.#listeners]) act()
  }

  /** Calls `act` each time that room is there again. Returns the function that takes it back. */
  onRoom(act: () => void): () => void {
    this.#listeners.add(act)
    return () => this.#listeners.delete(act)
  }
}

const SMALLEST = 4096
const SMALLEST_INDEX = 512
/** A second's traffic of many tenants lies in flight and comes back at once: this much of it is kept. */
const KEEP_MAX = 64 * 1024 * 1024
/** Above this part of the bound nothing is kept: what comes from disk and goes there has other sizes, and needs room. */
const KEEP_PART = 0.5

/**
 * Payload buffers by powers of two from 4 KiB, used again when a batch is done. Each is its own ArrayBuffer.
 * What is kept unused is outside the budget but bounded by what the budget has free, so that both together stay
 * below it; {@link trim} gives it back when nothing comes any more.
 */
export class BufferPool {
  readonly #free: Buffer[][] = []
  readonly #free_index: Uint32Array<ArrayBuffer>[][] = []
  readonly #budget: Pick<MemoryBudget, 'max' | 'used'>
  #kept = 0

  constructor(budget: Pick<MemoryBudget, 'max' | 'used'>) {
    this.#budget = budget
  }

  /** Bytes kept unused. */
  get kept(): number {
    return this.#kept
  }

  /** Gives back what is kept beyond `keep` bytes. */
  trim(keep: number): void {
    for (const list of [...this.#free, ...this.#free_index]) {
      while (this.#kept > keep) {
        const bytes = list.pop()
        if (bytes === undefined) break
        this.#kept -= bytes.byteLength
        freeBytes(bytes.buffer)
      }
    }
  }

  /** What is kept goes when the budget needs its place: for `bytes` more, or for what was charged meanwhile. */
  makeWay(bytes = 0): void {
    const { max, used } = this.#budget
    const most = max * KEEP_PART - used - bytes
    if (this.#kept > 0 && this.#kept > most) this.trim(Math.max(0, most))
  }

  #keeps(bytes: number): boolean {
    const { max, used } = this.#budget
    return this.#kept + bytes <= KEEP_MAX && this.#kept + bytes + used <= max * KEEP_PART
  }

  /** A buffer of at least `bytes`, contents undefined. */
  take(bytes: number): Buffer {
    let size = SMALLEST
    let list = 0
    while (size < bytes) {
      size *= 2
      list += 1
    }
    const free = this.#free[list]?.pop()
    if (free !== undefined) {
      this.#kept -= size
      return free
    }
    this.makeWay(size)
    return Buffer.allocUnsafeSlow(size)
  }

  give(buffer: Buffer): void {
    const size = buffer.length
    // Views over other memory (batches read from disk) are not for the pool.
    if (size === 0 || size !== buffer.buffer.byteLength) return
    const list = Math.log2(size / SMALLEST)
    if (!Number.isInteger(list) || list < 0 || !this.#keeps(size)) {
      freeBytes(buffer.buffer)
      return
    }
    for (let missing = this.#free.length; missing <= list; missing++) this.#free.push([])
    ;(this.#free[list] as Buffer[]).push(buffer)
    this.#kept += size
  }

  /** The memory of a batch that is done with. What was read from disk is freed at once: it comes in every size. */
  giveBatch({ payload, index, borrowed, read_back }: Batch): void {
    if (read_back && !borrowed) freeBytes(payload.buffer)
    else if (!borrowed) this.give(payload)
    this.giveIndex(index)
  }

  /** Memory for the index of a batch: a power of two from 512 bytes, contents undefined. */
  takeIndex(bytes: number): Uint32Array<ArrayBuffer> {
    const list = Math.max(0, Math.ceil(Math.log2(bytes / SMALLEST_INDEX)))
    const free = this.#free_index[list]?.pop()
    if (free === undefined) return new Uint32Array((SMALLEST_INDEX << list) / 4)
    this.#kept -= free.byteLength
    return free
  }

  giveIndex(index: Uint32Array<ArrayBuffer>): void {
    if (index.byteLength === 0) return
    const list = Math.log2(index.byteLength / SMALLEST_INDEX)
    if (!Number.isInteger(list) || list < 0 || !this.#keeps(index.byteLength)) {
      freeBytes(index.buffer)
      return
    }
    for (let missing = this.#free_index.length; missing <= list; missing++) this.#free_index.push([])
    ;(this.#free_index[list] as Uint32Array<ArrayBuffer>[]).push(index)
    this.#kept += index.byteLength
  }

  /** Gives the batch an index of twice the size; the bytes that it is larger by. */
  doubleIndex(batch: Batch): number {
    const before = batch.index.byteLength
    this.giveIndex(batch.growIndex(this.takeIndex(before * 2)))
    return before
  }
}

/**
 * Gives memory back now. Left to the collector it would stay until that runs, which for bytes outside its heap is
 * a hundred megabytes later.
 */
export function freeBytes(bytes: ArrayBufferLike): void {
  if (bytes instanceof ArrayBuffer && !bytes.detached) bytes.transfer(0)
}
