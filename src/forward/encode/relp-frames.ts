/** A batch as RELP frames. The numbers belong to one session, so that this is done anew each time a batch is sent. */
import { Buffer } from 'node:buffer'
import type { Batch } from '../../queue/batch.ts'
import { DATA_MAX, nextTxnr, writeNumber } from '../../relp/frames.ts'
import type { BatchEncoder } from './batch-encoder.ts'

const WORD = Buffer.from(' syslog ')
/** Number, word, length, space and LF. */
const AROUND = 9 + WORD.length + 9 + 2
const SPACE = 0x20
const LF = 0x0a

export interface RelpFrames {
  readonly bytes: Buffer
  /** Transactions in it, numbered from `first` on. */
  readonly count: number
  readonly first: number
  /** The number after the last. */
  readonly next: number
  /** Events that are not in it. */
  readonly unencodable: number
  readonly too_large: number
}

/** `first`: the number of the first transaction. */
export function relpFrames(batch: Batch, encoder: BatchEncoder, first: number): RelpFrames {
  const { events } = batch
  const ends = encoder.passes ? undefined : new Uint32Array(events)
  const source = ends === undefined ? batch.payload : encoder.encodeApart(batch, ends)
  const total = ends === undefined ? batch.used : source.length
  const bytes = Buffer.allocUnsafe(total + events * AROUND)
  const made = { count: 0, first, next: first, unencodable: 0, too_large: 0 }
  let at = 0
  for (let n = 0; n < events; n++) {
    const from = ends === undefined ? batch.offset(n) : n === 0 ? 0 : (ends[n - 1] as number)
    const to = ends === undefined ? from + batch.length(n) : (ends[n] as number)
    const length = to - from
    if (length === 0) {
      made.unencodable += 1
      continue
    }
    if (length > DATA_MAX) {
      made.too_large += 1
      continue
    }
    at = writeNumber(bytes, at, made.next)
    at += WORD.copy(bytes, at)
    at = writeNumber(bytes, at, length)
    bytes[at++] = SPACE
    at += source.copy(bytes, at, from, to)
    bytes[at++] = LF
    made.count += 1
    made.next = nextTxnr(made.next)
  }
  return { ...made, bytes: bytes.subarray(0, at) }
}
