/**
 * The part of a thread's memory that WebAssembly sees: sockets are read into it, so that the scanner finds frames where
 * they arrived (`classify/quick`), and open batches stand in it (`queue/open-batches.ts`). Of fixed size, because growing
 * would detach every view over it; of what is never touched the system gives nothing. Addresses are offsets into it.
 */
import { Buffer } from 'node:buffer'

const PAGE = 65_536
/** The page behind what is read stays free: code loads sixteen bytes at a time. */
const ARENA_AT = 4 * PAGE
/** For open batches: sixteen thousand that hold a dozen events each. What does not fit is kept elsewhere, more slowly. */
const ARENA_BYTES = 64 * 1024 * 1024
const PAGES = (ARENA_AT + ARENA_BYTES) / PAGE
/** The first 16 KiB are the compiled code's own: constants and stack. */
export const SLOTS_AT = 16_384
const SCRATCH_AT = PAGE
const READ_AT = 2 * PAGE
/** What a read takes at most. */
export const READ_BYTES = PAGE

export interface NativeMemory {
  readonly memory: WebAssembly.Memory
  /** Where sockets are read to: {@link READ_BYTES}. */
  readonly read: Buffer
  /** Where a frame that came elsewhere is copied to. */
  readonly scratch: Buffer
  /** Where open batches stand. */
  readonly arena: Buffer
}

let native: NativeMemory | null | undefined
let slots_used = SLOTS_AT

/** This thread's, made at the first call; null where the machine grants none. */
export function nativeMemory(): NativeMemory | null {
  if (native === undefined) native = make()
  return native
}

function make(): NativeMemory | null {
  try {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES })
    return {
      memory,
      read: Buffer.from(memory.buffer, READ_AT, READ_BYTES),
      scratch: Buffer.from(memory.buffer, SCRATCH_AT, PAGE),
      arena: Buffer.from(memory.buffer, ARENA_AT, ARENA_BYTES),
    }
  } catch {
    return null
  }
}

/** Numbers in native memory, for good; in memory of their own where there is no room left. */
export function nativeInts(count: number): Int32Array {
  const bytes = count * Int32Array.BYTES_PER_ELEMENT
  const memory = nativeMemory()
  if (memory === null || slots_used + bytes > SCRATCH_AT) return new Int32Array(count)
  const ints = new Int32Array(memory.memory.buffer, slots_used, count)
  slots_used += bytes
  return ints
}

/** The address of what {@link nativeInts} gave, or -1 when it is not in native memory. */
export function nativeAddress(ints: Int32Array): number {
  return ints.buffer === native?.memory.buffer ? ints.byteOffset : -1
}
