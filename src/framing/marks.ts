/**
 * Where the next LF, NUL and CR of a chunk are. Each is looked for at most once past every position, so that
 * asking for every frame costs one pass of each byte over the chunk however many frames there are.
 */
import { Buffer } from 'node:buffer'

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

/** See the module. A position equal to the chunk's length means: not in this chunk. */
export class Marks {
  #chunk: Buffer = Buffer.alloc(0)
  #lf = -1
  #nul = -1
  #cr = -1

  /** Starts over with another chunk. */
  use(chunk: Buffer): void {
    this.#chunk = chunk
    this.#lf = -1
    this.#nul = -1
    this.#cr = -1
  }

  /** The first LF at or after `from`. `from` never goes back within a chunk (for all three). */
  lf(from: number): number {
    if (this.#lf < from) this.#lf = find(this.#chunk, LF, from)
    return this.#lf
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
