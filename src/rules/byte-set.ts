/** Texts as bytes, asked for by an event's bytes: the work does not depend on how many texts there are. */
import { bytesEqual } from './conditions-bytes.ts'

const FNV = 0x811c9dc5
const FNV_PRIME = 0x01000193

function hash(buf: Uint8Array, start: number, end: number): number {
  let value = FNV
  for (let at = start; at < end; at++) value = Math.imul(value ^ (buf[at] as number), FNV_PRIME)
  return value ^ (value >>> 15)
}

/** A set of texts. */
export class ByteSet {
  readonly #texts: readonly Uint8Array[]
  /** Places in `texts` plus 1; 0: free. */
  readonly #slots: Int32Array
  readonly #mask: number

  constructor(texts: readonly Uint8Array[]) {
    this.#texts = texts
    let size = 16
    while (size < texts.length * 2) size *= 2
    this.#mask = size - 1
    this.#slots = new Int32Array(size)
    for (const [index, text] of texts.entries()) {
      let slot = hash(text, 0, text.length) & this.#mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask
      this.#slots[slot] = index + 1
    }
  }

  has(buf: Uint8Array, start: number, end: number): boolean {
    let slot = hash(buf, start, end) & this.#mask
    for (let index = this.#slots[slot] as number; index !== 0; index = this.#slots[slot] as number) {
      if (bytesEqual(buf, start, end, this.#texts[index - 1] as Uint8Array)) return true
      slot = (slot + 1) & this.#mask
    }
    return false
  }
}

/**
 * Many texts looked for at once (Aho and Corasick, 1975): each byte of the event is looked at once, however many texts
 * there are and whatever both are made of. One table: a row a state, a column a class of bytes.
 */
export class ByteFinder {
  /** Column of each byte; 0: in no text. */
  readonly #classes = new Uint16Array(256)
  readonly #columns: number
  readonly #next: Int32Array
  /** Per state: a text ends here. */
  readonly #final: Uint8Array

  constructor(texts: readonly Uint8Array[]) {
    let columns = 1
    for (const text of texts) {
      for (const byte of text) if (this.#classes[byte] === 0) this.#classes[byte] = columns++
    }
    this.#columns = columns
    const states = texts.reduce((sum, text) => sum + text.length, 1)
    this.#next = new Int32Array(states * columns)
    this.#final = new Uint8Array(states)
    this.#addTexts(texts)
    this.#addFailures()
  }

  #addTexts(texts: readonly Uint8Array[]): void {
    let states = 1
    for (const text of texts) {
      let state = 0
      for (const byte of text) {
        const cell = state * this.#columns + (this.#classes[byte] as number)
        if (this.#next[cell] === 0) this.#next[cell] = states++
        state = this.#next[cell] as number
      }
      this.#final[state] = 1
    }
  }

  /** Breadth first: where a state has no way on, it goes where its longest proper suffix would. */
  #addFailures(): void {
    const failure = new Int32Array(this.#final.length)
    const queue: number[] = []
    const columns = this.#columns
    for (let column = 0; column < columns; column++) {
      const child = this.#next[column] as number
      if (child !== 0) queue.push(child)
    }
    for (let head = 0; head < queue.length; head++) {
      const state = queue[head] as number
      const back = failure[state] as number
      if (this.#final[back] === 1) this.#final[state] = 1
      for (let column = 0; column < columns; column++) {
        const cell = state * columns + column
        const other = this.#next[back * columns + column] as number
        const child = this.#next[cell] as number
        if (child === 0) this.#next[cell] = other
        else {
          failure[child] = other
          queue.push(child)
        }
      }
    }
  }

  /** Whether any of the texts stands in the span. */
  in(buf: Uint8Array, start: number, end: number): boolean {
    const next = this.#next
    const classes = this.#classes
    const columns = this.#columns
    let state = 0
    for (let at = start; at < end; at++) {
      state = next[state * columns + (classes[buf[at] as number] as number)] as number
      if (this.#final[state] === 1) return true
    }
    return false
  }
}
