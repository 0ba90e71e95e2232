/** What comes out of framing, and to whom. */
import type { Buffer } from 'node:buffer'

/** Bits of a frame's flags: the same as the event's of that name (`EventFlag`), which a test holds equal. */
export const FrameFlag = {
  /** Cut at `frame_max`, or the connection ended inside it. */
  truncated: 1,
  /** Holds LF, CR or NUL. */
  control: 4,
} as const

/** Why no frame can be taken from a connection any more, or (`reset`) why its last one was not. */
export type FrameFault = 'desynchronised' | 'tls_on_plain' | 'reset'

/** Where frames go. Calls come during `push` and `end`, and must not call the framer. */
export interface FrameSink {
  /** `buf[start, end)` is valid during the call only. `flags`: bits of {@link FrameFlag}. */
  frame(buf: Buffer, start: number, end: number, flags: number): void
  /** A count with leading zeros was believed. */
  leadingZeros(): void
  /** The framer takes nothing more; the connection is to be closed. */
  fault(reason: FrameFault): void
}

export interface FramerOptions {
  readonly framing: 'auto' | 'octet-counting' | 'newline'
  /** Bytes of a frame, at least 16; what is longer is delivered cut, its rest skipped. */
  readonly frame_max: number
}
