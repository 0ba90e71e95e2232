/**
 * Where the next LF, NUL and CR of a chunk are. Each is looked for at most once past every position, so that
 * asking for every frame costs one pass of each byte over the chunk however many frames there are.
 */
import { Buffer } from 'node:buffer'
import { nativeCode } from '../base/native-code.ts'
import { nativeAddress, nativeInts } from '../base/native-memory.ts'

export const LF = 0x0a
export const CR = 0x0d
export const NUL = 0x00
export const SP = 0x20

/** Below this a loop over bytes is cheaper than a call of `indexOf` (about 25 ns each). */
const SHORT = 24

function find(chunk: Buffer, byte: number, from: number): number {
  const length = chunk.length
  if (length - from > SHORT) {
    const at = chunk.indexOf(byte, from)
    return at === -1 ? length : at
  }
  for (let i = from; i < length; i++) if (chunk[i] === byte) return i
  return length
}

/** Line ends of a chunk that are found at once; a chunk of 64 KiB with more has lines of less than 32 bytes. */
const LISTED_MAX = 2048
/** `lines.c` has the same numbers. */
const HAS_CR = 1 << 29
const HAS_NUL = 1 << 30
const COUNT = HAS_CR - 1

/** The line ends of the chunk at hand, for all connections of the thread: a chunk is done with before the next. */
let listed: Int32Array | undefined
let listed_at = -1

/** Fills {@link listed}; -1 when the chunk is not in native memory, or its line ends are too many. */
function listLines(chunk: Buffer): number {
  const code = nativeCode()
  if (code === null || chunk.buffer !== code.native.memory.buffer) return -1
  if (listed === undefined) {
    listed = nativeInts(LISTED_MAX)
    listed_at = nativeAddress(listed)
  }
  return listed_at < 0 ? -1 : code.lines(chunk.byteOffset, chunk.length, listed_at, LISTED_MAX)
}

/** See the module. A position equal to the chunk's length means: not in this chunk. */
export class Marks {
  #chunk: Buffer = Buffer.alloc(0)
  #lf = -1
  #nul = -1
  #cr = -1
  /** Line ends that are listed, and how many of them are passed; -1: none are. */
  #count = -1
  #passed = 0

  /** Starts over with another chunk. */
  use(chunk: Buffer): void {
    const found = listLines(chunk)
    this.#chunk = chunk
    this.#lf = -1
    this.#nul = found >= 0 && (found & HAS_NUL) === 0 ? chunk.length : -1
    this.#cr = found >= 0 && (found & HAS_CR) === 0 ? chunk.length : -1
    this.#count = found < 0 ? -1 : found & COUNT
    this.#passed = 0
  }

  /** The first LF at or after `from`. `from` never goes back within a chunk (for all three). */
  lf(from: number): number {
    if (this.#lf < from) this.#lf = this.#count < 0 ? find(this.#chunk, LF, from) : this.#nextListed(from)
    return this.#lf
  }

  #nextListed(from: number): number {
    const list = listed as Int32Array
    let passed = this.#passed
    while (passed < this.#count && (list[passed] as number) < from) passed++
    this.#passed = passed
    return passed < this.#count ? (list[passed] as number) : this.#chunk.length
  }

  nul(from: number): number {
    if (this.#nul < from) this.#nul = find(this.#chunk, NUL, from)
    return this.#nul
  }

  cr(from: number): number {
    if (this.#cr < from) this.#cr = find(this.#chunk, CR, from)
    return this.#cr
  }

  /** The first of the three at or after `from`. */
  control(from: number): number {
    const lf = this.lf(from)
    const nul = this.nul(from)
    const cr = this.cr(from)
    const first = lf < nul ? lf : nul
    return cr < first ? cr : first
  }
}
