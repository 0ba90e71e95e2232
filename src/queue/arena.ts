/**
 * Pieces of one stretch of memory by powers of two from 4 KiB: a buddy allocator (Knuth, TAOCP 1, §2.5). A piece that is
 * given back joins with its other half when that is free too, so what is quiet becomes large again. Low addresses go first:
 * what was never touched costs nothing.
 */
import assert from 'node:assert/strict'

export const PIECE_MIN = 4096
/** A free piece of the largest size is found at once; larger ones nobody gets. */
const ORDERS = 12
const NONE = -1
/** What a block is that is in use, or only part of a larger one. */
const TAKEN = -1

export class Arena {
  readonly #from: number
  /** By block of {@link PIECE_MIN}: the order of the free piece that begins there, or {@link TAKEN}. */
  readonly #order: Int8Array
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** By order: the first free piece, as a block number. */
  readonly #first = new Int32Array(ORDERS).fill(NONE)
  #used = 0

  /** Manages `bytes` from address `from` on, above 0. */
  constructor(from: number, bytes: number) {
    const blocks = Math.floor(bytes / PIECE_MIN)
    this.#from = from
    this.#order = new Int8Array(blocks).fill(TAKEN)
    this.#next = new Int32Array(blocks).fill(NONE)
    this.#previous = new Int32Array(blocks).fill(NONE)
    const pieces: [block: number, order: number][] = []
    for (let block = 0; block < blocks; ) {
      let order = ORDERS - 1
      while (block % (1 << order) !== 0 || block + (1 << order) > blocks) order--
      pieces.push([block, order])
      block += 1 << order
    }
    // The last that is put in is the first that is taken out.
    for (const [block, order] of pieces.reverse()) this.#put(block, order)
  }

  /** Bytes that are in use. */
  get used(): number {
    return this.#used
  }

  /** What {@link take} gives for this many bytes. */
  static sizeOf(bytes: number): number {
    let size = PIECE_MIN
    while (size < bytes) size *= 2
    return size
  }

  /** The address of a piece of {@link sizeOf} `bytes`; 0 when there is none. */
  take(bytes: number): number {
    const wanted = orderOf(bytes)
    let order = wanted
    while (order < ORDERS && this.#first[order] === NONE) order++
    if (order >= ORDERS) return 0
    const block = this.#first[order] as number
    this.#remove(block, order)
    while (order > wanted) {
      order--
      this.#put(block + (1 << order), order)
    }
    this.#used += PIECE_MIN << wanted
    return this.#from + block * PIECE_MIN
  }

  /** Gives a piece back that {@link take} gave for as many bytes. */
  give(address: number, bytes: number): void {
    let order = orderOf(bytes)
    let block = (address - this.#from) / PIECE_MIN
    assert(Number.isInteger(block) && this.#order[block] === TAKEN, 'a piece was given back twice')
    this.#used -= PIECE_MIN << order
    for (; order < ORDERS - 1; order++) {
      const other = block ^ (1 << order)
      if (this.#order[other] !== order) break
      this.#remove(other, order)
      block = Math.min(block, other)
    }
    this.#put(block, order)
  }

  #put(block: number, order: number): void {
    const next = this.#first[order] as number
    this.#next[block] = next
    this.#previous[block] = NONE
    if (next !== NONE) this.#previous[next] = block
    this.#first[order] = block
    this.#order[block] = order
  }

  #remove(block: number, order: number): void {
    const next = this.#next[block] as number
    const previous = this.#previous[block] as number
    if (previous === NONE) this.#first[order] = next
    else this.#next[previous] = next
    if (next !== NONE) this.#previous[next] = previous
    this.#order[block] = TAKEN
  }
}

function orderOf(bytes: number): number {
  let order = 0
  while (PIECE_MIN << order < bytes) order++
  return order
}
