/**
 * Cuts one connection's bytes into RELP frames. Frames do not depend on how the bytes were cut into chunks. Data that
 * lies within a chunk is handed over in place; only what is unfinished is copied, and memory for it follows the bytes
 * received, never the announced length (R34). Every number and word is bounded; anything else ends it.
 */
import type { Buffer } from 'node:buffer'
import { FrameFlag } from '../framing/frames.ts'
import { Held } from '../framing/held.ts'
import { LF, Marks, SP } from '../framing/marks.ts'
import { RelpCommand } from './frames.ts'

const State = { txnr: 0, command: 1, length: 2, separator: 3, data: 4, trailer: 5, dead: 6 } as const
type State = (typeof State)[keyof typeof State]

const DIGITS_MAX = 9
const COMMAND_MAX = 32
/** Octets of data that a frame may announce; beyond `data_max` they are skipped. */
const LENGTH_MAX = 9_999_999
const TLS_HANDSHAKE = 0x16

const WORDS: readonly (readonly [RelpCommand, Uint8Array])[] = (
  ['open', 'syslog', 'close', 'rsp', 'serverclose'] as const
).map((word) => [RelpCommand[word], new TextEncoder().encode(word)])

/** Why no frame can be taken from a connection any more. */
export type RelpFault = 'relp_framing' | 'tls_on_plain'

/** Where frames go. Calls come during `push`, and may call {@link RelpReader.stop} but not `push`. */
export interface RelpSink {
  /**
   * `buf[start, end)` is valid during the call only. `flags`: bits of {@link FrameFlag}; `control` says that the data
   * holds LF, CR or NUL anywhere but in a last LF, CR LF or NUL, which the data still has.
   */
  relp(txnr: number, command: RelpCommand, buf: Buffer, start: number, end: number, flags: number): void
  fault(reason: RelpFault): void
}

/** See the module. */
export class RelpReader {
  /** Frames whose end was seen. */
  completed = 0

  readonly #sink: RelpSink
  readonly #max: number
  readonly #marks = new Marks()
  readonly #held: Held
  readonly #word = new Uint8Array(COMMAND_MAX)
  #word_length = 0
  #state: State = State.txnr
  #fresh = true
  #digits = 0
  #txnr = 0
  #command: RelpCommand = RelpCommand.other
  #length = 0
  /** Octets of the data that have not come. */
  #left = 0

  /** `data_max`: octets of data that are handed over; the rest of longer ones is skipped and `truncated` set. */
  constructor(data_max: number, sink: RelpSink) {
    this.#max = data_max
    this.#sink = sink
    this.#held = new Held(data_max)
  }

  /** Whether a frame has begun and not ended. */
  get unfinished(): boolean {
    return this.#state !== State.dead && (this.#state !== State.txnr || this.#digits > 0)
  }

  /** Bytes of memory kept for the unfinished frame. */
  get held_bytes(): number {
    return this.#held.capacity
  }

  /** Takes nothing more, and forgets what is unfinished. */
  stop(): void {
    this.#state = State.dead
    this.#held.clear()
  }

  /** Takes the next bytes of the connection. `chunk` is not kept. */
  push(chunk: Buffer): void {
    const { length } = chunk
    this.#marks.use(chunk)
    let pos = 0
    while (pos < length) {
      if (this.#state === State.data) pos = this.#data(chunk, pos)
      else if (this.#state === State.dead) return
      else {
        this.#head(chunk[pos] as number)
        pos += 1
      }
    }
  }

  /** One byte that is not data. */
  #head(byte: number): void {
    const digit = byte - 48
    switch (this.#state) {
      case State.txnr:
        if (digit >= 0 && digit <= 9 && this.#digits < DIGITS_MAX) {
          this.#txnr = this.#txnr * 10 + digit
          this.#digits += 1
          this.#fresh = false
        } else if (byte === SP && this.#digits > 0) {
          this.#state = State.command
          this.#word_length = 0
        } else this.#fail(byte)
        return
      case State.command:
        if (byte === SP && this.#word_length > 0) {
          this.#command = this.#named()
          this.#state = State.length
          this.#digits = 0
          this.#length = 0
        } else if (isLetter(byte) && this.#word_length < COMMAND_MAX) this.#word[this.#word_length++] = byte
        else this.#fail(byte)
        return
      case State.length:
        if (digit >= 0 && digit <= 9 && this.#digits < DIGITS_MAX) {
          this.#length = this.#length * 10 + digit
          this.#digits += 1
        } else if (this.#digits === 0 || this.#length > LENGTH_MAX) this.#fail(byte)
        else if (byte === SP) this.#begin()
        else if (byte === LF && this.#length === 0) this.#emptyFrame()
        else this.#fail(byte)
        return
      default:
        // Behind the data, or behind `0 SP`, which librelp writes nowhere and takes everywhere.
        if (byte === LF) this.#finish()
        else this.#fail(byte)
    }
  }

  #begin(): void {
    this.#left = this.#length
    this.#state = this.#length === 0 ? State.trailer : State.data
  }

  #emptyFrame(): void {
    this.#left = 0
    this.#finish()
  }

  /** Data: handed over in place when all of it and its LF are here. */
  #data(chunk: Buffer, pos: number): number {
    const { length } = chunk
    const end = pos + this.#left
    if (this.#left === this.#length && end < length) {
      if (chunk[end] !== LF) this.#fail(chunk[end] as number)
      else {
        const kept = Math.min(end, pos + this.#max)
        this.#emit(chunk, pos, kept, kept < end, this.#marks.control(pos))
      }
      return end + 1
    }
    const to = Math.min(end, length)
    const room = this.#max - this.#held.length
    const until = Math.min(to, pos + room)
    if (until > pos) this.#held.append(chunk, pos, until, this.#marks.control(pos))
    this.#left -= to - pos
    if (this.#left === 0) this.#state = State.trailer
    return to
  }

  /** A frame that came in pieces, or an empty one. */
  #finish(): void {
    const { bytes, length } = this.#held
    const cut = this.#length > length
    const control = this.#held.controlBefore(trimmed(bytes, 0, length)) ? 0 : length
    this.#emit(bytes, 0, length, cut, control)
    this.#held.clear()
  }

  /** `control`: place of the first LF, CR or NUL at or after `start`. */
  #emit(buf: Buffer, start: number, end: number, cut: boolean, control: number): void {
    const txnr = this.#txnr
    this.#state = State.txnr
    this.#digits = 0
    this.#txnr = 0
    this.completed += 1
    let flags = cut ? FrameFlag.truncated : 0
    if (control < trimmed(buf, start, end)) flags |= FrameFlag.control
    this.#sink.relp(txnr, this.#command, buf, start, end, flags)
  }

  #fail(byte: number): void {
    const tls = this.#fresh && byte === TLS_HANDSHAKE
    this.stop()
    this.#sink.fault(tls ? 'tls_on_plain' : 'relp_framing')
  }

  #named(): RelpCommand {
    const length = this.#word_length
    for (const [command, word] of WORDS) {
      if (word.length !== length) continue
      let i = 0
      while (i < length && word[i] === this.#word[i]) i += 1
      if (i === length) return command
    }
    return RelpCommand.other
  }
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/** Where the data ends without one last LF, CR LF or NUL. */
export function trimmed(buf: Uint8Array, start: number, end: number): number {
  const last = end > start ? buf[end - 1] : undefined
  if (last === 0) return end - 1
  if (last !== LF) return end
  return end - 1 > start && buf[end - 2] === 0x0d ? end - 2 : end - 1
}
