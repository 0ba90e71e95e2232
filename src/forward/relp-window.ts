/**
 * What was sent over RELP and not answered for. Answers may come in any order. A batch is over when each of its events
 * was answered; what was refused in it is judged by what comes later: is anything accepted after it, the refusal was
 * about the event, else the receiver may be in trouble, and nothing is given up.
 */
import type { Batch } from '../queue/batch.ts'
import { TXNR_MAX } from '../relp/frames.ts'
import type { RelpFrames } from './encode/relp-frames.ts'

interface Sent {
  readonly batch: Batch
  readonly frames: Omit<RelpFrames, 'bytes'>
  readonly bytes: number
  readonly answered: Uint8Array
  left: number
  refused: number
  /** Answers of the session when the last refusal in it came. */
  refused_at: number
}

/** A batch that is done with. */
export interface Answered {
  readonly batch: Batch
  readonly rejected: number
  readonly unencodable: number
  readonly too_large: number
}

export class RelpWindow {
  #sent: Sent[] = []
  #bytes = 0
  #answers = 0
  #accepted_at = 0
  #unanswered = 0

  /** Bytes of what is not over. */
  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#sent.length === 0
  }

  /** Transactions that wait for an answer. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** Something was refused, nothing accepted after it, and no answer is missing. */
  get refused(): boolean {
    return this.#unanswered === 0 && this.#sent.length > 0
  }

  add(batch: Batch, frames: RelpFrames): void {
    const { bytes, ...numbers } = frames
    const { length } = bytes
    const answered = new Uint8Array(frames.count)
    const left = frames.count
    this.#sent.push({
      batch,
      frames: numbers,
      bytes: length,
      answered,
      left,
      refused: 0,
      refused_at: 0,
    })
    this.#bytes += length
    this.#unanswered += frames.count
  }

  /** An answer came; false: to a transaction that waits for none. */
  answer(txnr: number, accepted: boolean): boolean {
    for (const sent of this.#sent) {
      const { first, count } = sent.frames
      // Numbers begin at 1 again after the largest.
      const place = txnr >= first ? txnr - first : txnr + TXNR_MAX - first
      if (place >= count) continue
      if (sent.answered[place] === 1) return false
      sent.answered[place] = 1
      sent.left -= 1
      this.#unanswered -= 1
      this.#answers += 1
      if (accepted) this.#accepted_at = this.#answers
      else {
        sent.refused += 1
        sent.refused_at = this.#answers
      }
      return true
    }
    return false
  }

  /** Takes out a batch that is over, the oldest first. */
  shift(): Answered | undefined {
    const at = this.#sent.findIndex(
      (sent) => sent.left === 0 && (sent.refused === 0 || this.#accepted_at > sent.refused_at),
    )
    if (at === -1) return undefined
    const [sent] = this.#sent.splice(at, 1) as [Sent]
    this.#bytes -= sent.bytes
    const { unencodable, too_large } = sent.frames
    return { batch: sent.batch, rejected: sent.refused, unencodable, too_large }
  }

  /** The session is over: everything that is not, oldest first. */
  clear(): Batch[] {
    const batches = this.#sent.map(({ batch }) => batch)
    this.#sent = []
    this.#bytes = 0
    this.#answers = 0
    this.#accepted_at = 0
    this.#unanswered = 0
    return batches
  }
}
