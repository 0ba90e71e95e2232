/**
 * What a RELP connection owes its sender: one answer a transaction, in the order received, each only when the read
 * that brought it is safe. Transactions are numbers in one ring, reads are counts of them: nothing is made an event.
 */
import { Buffer } from 'node:buffer'
import { ANSWER_BYTES, writeAnswer } from '../relp/frames.ts'

const RING_MIN = 64

interface Read {
  /** Transactions that came with it. */
  readonly count: number
  safe: boolean
}

export class RelpAnswers {
  #ring = new Int32Array(RING_MIN)
  #head = 0
  #owed = 0
  /** Of those, the ones of the read at hand. */
  #reading = 0
  #reads: Read[] = []

  /** Transactions that are not answered. */
  get owed(): number {
    return this.#owed
  }

  /** A transaction came; `known` false: it gets 500 in its turn. */
  add(txnr: number, known: boolean): void {
    if (this.#owed === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#owed) & (this.#ring.length - 1)] = known ? txnr : -txnr
    this.#owed += 1
    this.#reading += 1
  }

  /** The read is over. Call what it gives when its events are safe; undefined when it brought no transaction. */
  endRead(): (() => void) | undefined {
    if (this.#reading === 0) return undefined
    const read: Read = { count: this.#reading, safe: false }
    this.#reading = 0
    this.#reads.push(read)
    return () => {
      read.safe = true
    }
  }

  /** The answers that may be sent now, in order; they count as sent. Undefined when there are none. */
  take(): Buffer | undefined {
    let reads = 0
    let count = 0
    for (; reads < this.#reads.length; reads++) {
      const read = this.#reads[reads] as Read
      if (!read.safe) break
      count += read.count
    }
    if (count === 0) return undefined
    this.#reads = this.#reads.slice(reads)
    const answers = Buffer.allocUnsafe(count * ANSWER_BYTES)
    const mask = this.#ring.length - 1
    let end = 0
    for (let i = 0; i < count; i++) {
      end = writeAnswer(answers, end, this.#ring[(this.#head + i) & mask] as number)
    }
    this.#head = (this.#head + count) & mask
    this.#owed -= count
    return answers.subarray(0, end)
  }

  #grow(): void {
    const { length } = this.#ring
    const ring = new Int32Array(length * 2)
    for (let i = 0; i < length; i++) ring[i] = this.#ring[(this.#head + i) & (length - 1)] as number
    this.#ring = ring
    this.#head = 0
  }
}
