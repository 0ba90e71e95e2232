/** Runs a framer over chunks and writes down what came out. */
import { Buffer } from 'node:buffer'
import { Framer } from '../../src/framing/framer.ts'
import type { FramerOptions } from '../../src/framing/frames.ts'

export interface Framed {
  readonly frames: string[]
  readonly flags: number[]
  readonly faults: string[]
  leading_zeros: number
}

export type Framing = FramerOptions['framing']

/** A framer whose frames are kept as latin1 text. */
export function framerFor(framing: Framing, frame_max = 65_536): { framer: Framer; out: Framed } {
  const out: Framed = { frames: [], flags: [], faults: [], leading_zeros: 0 }
  const framer = new Framer(
    { framing, frame_max },
    {
      frame: (buf, start, end, flags) => {
        out.frames.push(buf.toString('latin1', start, end))
        out.flags.push(flags)
      },
      leadingZeros: () => {
        out.leading_zeros++
      },
      fault: (reason) => {
        out.faults.push(reason)
      },
    },
  )
  return { framer, out }
}

/** What becomes of `chunks` and the end of the connection. */
export function frameAll(
  chunks: readonly (string | Buffer)[],
  options: { framing?: Framing; frame_max?: number; end?: 'fin' | 'reset' | 'none' } = {},
): Framed {
  const { framer, out } = framerFor(options.framing ?? 'auto', options.frame_max)
  for (const chunk of chunks) framer.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
  const end = options.end ?? 'fin'
  if (end !== 'none') framer.end(end)
  return out
}

/** One chunk a byte. */
export function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte))
}
