/** An encoder whose events each end with a line end. */
import type { EventEncoder } from './batch-encoder.ts'

const LF = 0x0a

export function withLineEnd(encoder: EventEncoder): EventEncoder {
  return {
    clean: encoder.clean,
    encode(out, batch, n) {
      if (!encoder.encode(out, batch, n)) return false
      out.putByte(LF)
      return true
    },
  }
}
