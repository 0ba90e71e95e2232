/** One datagram is one frame (RFC 5426 §3.1): what of it is the event. */
import type { Buffer } from 'node:buffer'
import { FrameFlag } from '../framing/frames.ts'

const LF = 0x0a
const CR = 0x0d
const NUL = 0x00

/** Where the event ends: without one trailing LF, CR LF or NUL (R32). */
export function datagramEnd(message: Buffer): number {
  const end = message.length
  const last = end === 0 ? -1 : message[end - 1]
  if (last === NUL) return end - 1
  if (last !== LF) return end
  return end > 1 && message[end - 2] === CR ? end - 2 : end - 1
}

/** `FrameFlag.control` when LF, CR or NUL is left within `message[0, end)`. */
export function datagramFlags(message: Buffer, end: number): number {
  return holds(message, LF, end) || holds(message, CR, end) || holds(message, NUL, end)
    ? FrameFlag.control
    : 0
}

function holds(message: Buffer, byte: number, end: number): boolean {
  const at = message.indexOf(byte)
  return at !== -1 && at < end
}
