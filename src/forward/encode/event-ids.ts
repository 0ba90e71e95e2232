/** Identities of events as JSON texts, without making a text for each. */
import { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../../base/json-buffer.ts'
import type { Batch } from '../../queue/batch.ts'

const QUOTE = 0x22

export class EventIds {
  #batch: Batch | undefined
  /** Everything of an identity but the position, which comes last; with the opening quote. */
  #prefix = Buffer.alloc(0)

  /** Writes the identity of event `n` with its quotes. */
  put(out: JsonBuffer, batch: Batch, n: number): void {
    if (batch !== this.#batch) {
      const id = JSON.stringify(batch.eventId(0))
      this.#prefix = Buffer.from(id.slice(0, id.lastIndexOf('/') + 1))
      this.#batch = batch
    }
    out.putRaw(this.#prefix)
    out.putNumber(batch.first_position + n)
    out.putByte(QUOTE)
  }
}
