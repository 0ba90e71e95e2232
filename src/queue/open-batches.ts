/**
 * The open batches of a worker, in one stretch of memory: what an event touches on its way into a batch are a row here,
 * one line of the batch's head, the bytes it writes and its index entry. As objects, an open batch is twenty lines of
 * memory that are read one after the other, and with a thousand tenants none of them is in the processor's cache.
 *
 * A chunk holds one open batch: a head ({@link Head}), the payload behind it, and from the end down the index entries of
 * `batch-format.ts`. When the batch is sealed they are copied out, once and in order, and the chunk serves the next.
 *
 * What nobody needs to think about is done by `native/append.c`; everything else comes to {@link OpenBatch.takeSlowly} (`open-end.ts`).
 */
import { Buffer } from 'node:buffer'
import { ForwarderCell } from '../base/counters.ts'
import { nativeCode } from '../base/native-code.ts'
import { nativeMemory } from '../base/native-memory.ts'
import { Arena, PIECE_MIN } from './arena.ts'
import { type Appendable, type Batch, copyEvent } from './batch.ts'
import { Entry, PayloadForm } from './batch-format.ts'
import type { BufferPool } from './memory.ts'

/** Words of a chunk's head; `append.c` has the same numbers. */
const Head = {
  /** Bytes of the payload. */
  used: 0,
  events: 1,
  /** Bytes of the chunk. */
  size: 2,
  form: 3,
  /** Bytes at which the batch is full. */
  limit: 4,
  /** The last sender's number in the batch, in the upper half. */
  peer: 5,
  /** {@link Appendable.peer_id} of that sender; 0: none. */
  peer_id: 6,
} as const
const HEAD_BYTES = 64
/** What is written too much when sixteen bytes are copied at a time. */
const SLACK = 16
const ENTRY_WORDS = Entry.size / 4

/** Words of a queue's row. */
const Row = { at: 0, cells: 1, slab: 2, size: 4 } as const
const ROW_SHIFT = 2

/** What an open batch belongs to. */
export interface OpenBatch {
  /** An event that is counted as enqueued and needs thought: no open batch, no room, another sender, bytes to escape. */
  takeSlowly(event: Appendable, owner: number): void
  /** The batch is full: it ends. */
  sealOpen(): void
}

/** Memory that open batches stand in. */
export interface OpenMemory {
  readonly arena: Arena
  /** By address. */
  readonly bytes: Buffer
}

/** Enough for tests; a worker without native memory gets as much as one with it. */
const HEAP_BYTES = 1024 * 1024
const WORKER_BYTES = 64 * 1024 * 1024
/** Address 0 means none. */
const HEAP_FROM = PIECE_MIN

/** Outside of native memory. */
export function heapMemory(bytes = HEAP_BYTES): OpenMemory {
  return { arena: new Arena(HEAP_FROM, bytes), bytes: Buffer.from(new ArrayBuffer(HEAP_FROM + bytes)) }
}

let of_thread: OpenMemory | undefined

/** This thread's native memory, for all pipelines in it together; where there is none, as much of the heap. */
export function openMemory(): OpenMemory {
  if (of_thread !== undefined) return of_thread
  const memory = nativeMemory()
  of_thread =
    memory === null
      ? heapMemory(WORKER_BYTES)
      : {
          arena: new Arena(memory.arena.byteOffset, memory.arena.length),
          bytes: Buffer.from(memory.memory.buffer),
        }
  return of_thread
}

export class OpenBatches {
  readonly #arena: Arena
  readonly #bytes: Buffer
  readonly #ints: Int32Array
  readonly #doubles: Float64Array
  readonly #code: ReturnType<typeof nativeCode>
  /** A row a queue. */
  #rows = new Int32Array(Row.size * 64)
  readonly #queues: OpenBatch[] = []
  /** The pieces of memory that counters stand in. */
  readonly #slabs: Float64Array[] = []
  /** The buffer of the last event, and its address; -1: it is not in native memory. */
  #buf: Uint8Array | undefined
  #buf_at = -1

  constructor({ arena, bytes }: OpenMemory = heapMemory()) {
    this.#arena = arena
    this.#bytes = bytes
    this.#ints = new Int32Array(bytes.buffer)
    this.#doubles = new Float64Array(bytes.buffer)
    const code = nativeCode()
    this.#code = code?.native.memory.buffer === bytes.buffer ? code : null
  }

  /** A queue with its counters; its number. */
  register(queue: OpenBatch, cells: Float64Array): number {
    const number = this.#queues.push(queue) - 1
    if (number * Row.size >= this.#rows.length) {
      const rows = new Int32Array(this.#rows.length * 2)
      rows.set(this.#rows)
      this.#rows = rows
    }
    let slab = this.#slabs.findIndex((one) => one.buffer === cells.buffer)
    if (slab === -1) slab = this.#slabs.push(new Float64Array(cells.buffer)) - 1
    this.#rows[number * Row.size + Row.cells] = cells.byteOffset / 8
    this.#rows[number * Row.size + Row.slab] = slab
    return number
  }

  /** Takes one event for a queue. The hot path. */
  put(number: number, event: Appendable, owner: number): void {
    const row = number << ROW_SHIFT
    const rows = this.#rows
    const cells = this.#slabs[rows[row + Row.slab] as number] as Float64Array
    const base = rows[row + Row.cells] as number
    const at = rows[row + Row.at] as number
    cells[base + ForwarderCell.enqueued] = (cells[base + ForwarderCell.enqueued] as number) + 1
    const { buf, start } = event
    if (buf !== this.#buf) this.#look(buf)
    if (at === 0 || this.#buf_at < 0 || this.#code === null)
      return (this.#queues[number] as OpenBatch).takeSlowly(event, owner)
    const taken = this.#code.append(
      at,
      this.#buf_at + start,
      event.end - start,
      event.flags,
      owner,
      event.stream,
      event.listener | (event.source << 16),
      event.peer_id ?? 0,
      event.received_at,
    )
    if (taken < 0) return (this.#queues[number] as OpenBatch).takeSlowly(event, owner)
    cells[base + ForwarderCell.queued] = (cells[base + ForwarderCell.queued] as number) + 1
    if (taken > 0) (this.#queues[number] as OpenBatch).sealOpen()
  }

  #look(buf: Uint8Array): void {
    this.#buf = buf
    this.#buf_at = this.#code !== null && buf.buffer === this.#ints.buffer ? buf.byteOffset : -1
  }

  // ---- everything but the hot path ---------------------------------------------------------------

  /** Opens `batch` for a queue in a chunk of at least `bytes`; false when there is no room. */
  open(number: number, batch: Batch, bytes: number, limit: number): boolean {
    const at = this.#arena.take(bytes)
    if (at === 0) return false
    const head = at >> 2
    this.#ints.fill(0, head, head + HEAD_BYTES / 4)
    batch.chunk_at = at
    batch.chunk_bytes = Arena.sizeOf(bytes)
    this.#ints[head + Head.size] = batch.chunk_bytes
    this.#ints[head + Head.form] = batch.form
    this.#ints[head + Head.limit] = limit
    this.#rows[number * Row.size + Row.at] = at
    return true
  }

  /** What the queue has open gets nothing more. */
  leave(number: number): void {
    this.#rows[number * Row.size + Row.at] = 0
  }

  /** Bytes of the payload so far, of the batch in the chunk at `at`. */
  used(at: number): number {
    return this.#ints[(at >> 2) + Head.used] as number
  }

  events(at: number): number {
    return this.#ints[(at >> 2) + Head.events] as number
  }

  /** Receive time of the first event. */
  oldest(at: number): number {
    const end = at + (this.#ints[(at >> 2) + Head.size] as number)
    return this.#doubles[(end - Entry.size + Entry.received_at) / 8] as number
  }

  /** Bytes of a chunk that has room for `room` more bytes of payload and one more event. */
  needs(at: number, room: number): number {
    return chunkBytes(this.used(at) + room, this.events(at) + 1)
  }

  /** Moves the batch that a queue has open to a chunk of at least `bytes`; false when there is no room. */
  grow(number: number, batch: Batch, bytes: number): boolean {
    const { chunk_at: old, chunk_bytes: before } = batch
    const at = this.#arena.take(bytes)
    if (at === 0) return false
    const size = Arena.sizeOf(bytes)
    const index = this.events(old) * Entry.size
    this.#bytes.copy(this.#bytes, at, old, old + HEAD_BYTES + this.used(old))
    this.#bytes.copy(this.#bytes, at + size - index, old + before - index, old + before)
    this.#ints[(at >> 2) + Head.size] = size
    this.#rows[number * Row.size + Row.at] = at
    batch.chunk_at = at
    batch.chunk_bytes = size
    this.#arena.give(old, before)
    return true
  }

  /** What `append.c` does, for an event that has room. `peer` is its sender's number in the batch. */
  append(at: number, event: Appendable, owner: number, escape: boolean, peer: number): void {
    const ints = this.#ints
    const head = at >> 2
    const payload = at + HEAD_BYTES
    const used = ints[head + Head.used] as number
    const events = ints[head + Head.events] as number
    const form = ints[head + Head.form] as PayloadForm
    const entry = head + ((ints[head + Head.size] as number) - Entry.size * (events + 1)) / 4
    ints[head + Head.peer] = peer << 16
    ints[head + Head.peer_id] = event.peer_id ?? 0
    const { start, end } = copyEvent(this.#bytes, payload + used, form, event, escape)
    ints[entry] = start - payload
    ints[entry + 1] = end - start
    this.#doubles[(entry + 2) / 2] = event.received_at
    ints[entry + 4] = owner
    ints[entry + 5] = event.stream | (peer << 16)
    ints[entry + 6] = event.listener | (event.source << 16)
    ints[entry + 7] = event.flags
    ints[head + Head.used] = end + (form === PayloadForm.newline ? 1 : 0) - payload
    ints[head + Head.events] = events + 1
  }

  /** Copies the batch out of its chunk, which is free again, into memory of the pool. */
  close(batch: Batch, pool: BufferPool): void {
    const { chunk_at: at, chunk_bytes: size } = batch
    const used = this.used(at)
    const events = this.events(at)
    batch.chunk_at = 0
    batch.chunk_bytes = 0
    if (events > 0) {
      const payload = pool.take(used)
      this.#bytes.copy(payload, 0, at + HEAD_BYTES, at + HEAD_BYTES + used)
      const index = pool.takeIndex(events * Entry.size)
      this.#copyIndex(index, at + size, events)
      batch.fill(payload, used, index, events)
    }
    this.#arena.give(at, size)
  }

  /** Entries stand from the end down; a sealed batch has them in order. */
  #copyIndex(to: Uint32Array, end: number, events: number): void {
    const from = this.#ints
    for (let n = 0, at = end / 4 - ENTRY_WORDS; n < events; n++, at -= ENTRY_WORDS) {
      const entry = n * ENTRY_WORDS
      for (let word = 0; word < ENTRY_WORDS; word++) to[entry + word] = from[at + word] as number
    }
  }
}

/** Bytes of a chunk that holds so many bytes of payload and so many events. */
export function chunkBytes(payload: number, events: number): number {
  return HEAD_BYTES + payload + SLACK + events * Entry.size
}
