/** Cuts bytes into lines with bounded memory: for commands that read files and standard input. */
import { Buffer } from 'node:buffer'

const LF = 0x0a
const CR = 0x0d

/** Where lines go: `buf[start, end)` without LF or CR LF, valid during the call only. `cut`: it was longer. */
export type OnLine = (buf: Buffer, start: number, end: number, cut: boolean) => void

/**
 * See the module. A line longer than `max` bytes is handed over cut, its rest skipped; empty lines are lines. Splitting
 * does not depend on how the bytes were cut into chunks.
 */
export class LineSplitter {
  readonly #max: number
  readonly #on_line: OnLine
  #held: Buffer = Buffer.allocUnsafe(4096)
  #length = 0
  /** The line at hand is longer than `max`, was handed over, and its end has not been seen. */
  #skipping = false

  constructor(max: number, onLine: OnLine) {
    this.#max = max
    this.#on_line = onLine
  }

  push(chunk: Buffer): void {
    let from = 0
    while (from < chunk.length) {
      const lf = chunk.indexOf(LF, from)
      if (lf < 0) {
        this.#keep(chunk, from, chunk.length)
        return
      }
      if (this.#skipping) this.#skipping = false
      else if (this.#length === 0) this.#hand(chunk, from, lf)
      else {
        this.#keep(chunk, from, lf)
        this.#handHeld()
        this.#skipping = false
      }
      from = lf + 1
    }
  }

  /** The input ended: a last line without LF is a line. */
  end(): void {
    if (this.#length > 0) this.#handHeld()
    this.#skipping = false
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    if (this.#skipping) return
    // One byte more than the limit, for the CR of CR LF; two more prove that the line is too long.
    const room = this.#max + 2 - this.#length
    const count = Math.min(to - from, room)
    if (this.#length + count > this.#held.length) this.#grow(this.#length + count)
    chunk.copy(this.#held, this.#length, from, from + count)
    this.#length += count
    if (this.#length < this.#max + 2) return
    this.#on_line(this.#held, 0, this.#max, true)
    this.#length = 0
    this.#skipping = true
  }

  #grow(need: number): void {
    const grown = Buffer.allocUnsafe(Math.max(need, this.#held.length * 2))
    this.#held.copy(grown, 0, 0, this.#length)
    this.#held = grown
  }

  #handHeld(): void {
    if (!this.#skipping) this.#hand(this.#held, 0, this.#length)
    this.#length = 0
  }

  #hand(buf: Buffer, start: number, stop: number): void {
    const end = stop > start && buf[stop - 1] === CR ? stop - 1 : stop
    const cut = end - start > this.#max
    this.#on_line(buf, start, cut ? start + this.#max : end, cut)
  }
}
