/** The sender's own bytes. */
import type { JsonBuffer } from '../../base/json-buffer.ts'
import type { Batch } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'

export const originalEncoder: EventEncoder = {
  clean: false,
  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const start = batch.offset(n)
    out.putRawRange(batch.payload, start, start + batch.length(n))
    return true
  },
}
