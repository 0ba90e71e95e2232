/**
 * Cuts one connection's bytes into frames: octet counting and newline, mixed frame by frame (RFC 6587, RFC 5425
 * §4.3; docs/parser-decisions.md; R34 to R38). Frames do not depend on how the bytes were cut into chunks. A frame that
 * lies within a chunk is handed over in place; only an unfinished one is copied, and kept.
 *
 * A count is believed only before a complete PRI, in every mode: what is not a count is a line where lines are
 * allowed. After a counted frame only a PRI or another count may follow; anything else shows that the count was
 * wrong, and nothing after it can be trusted (R36).
 */
import type { Buffer } from 'node:buffer'
import { FrameFlag, type FrameFault, type FramerOptions, type FrameSink } from './frames.ts'
import { Held } from './held.ts'
import { CR, LF, Marks, NUL, SP } from './marks.ts'
import { COUNT_SHIFT, HEAD_MASK, hasLeadingZero, readStart, START_MAX, Start } from './start.ts'

const State = { start: 0, header: 1, line: 2, counted: 3, skipLine: 4, skipCount: 5, dead: 6 } as const
type State = (typeof State)[keyof typeof State]

const LESS = 0x3c
const TLS_HANDSHAKE = 0x16
/** Room for the CR of CR LF or the final LF of a counted frame, and one byte that proves a frame too long. */
const BEYOND_MAX = 2

/** See the module. */
export class Framer {
  /** Frames whose end was seen. While it stands still, `unfinished` speaks of one and the same frame. */
  completed = 0

  readonly #sink: FrameSink
  readonly #max: number
  readonly #newline: boolean
  /** Lines may occur: every mode but octet counting. */
  readonly #lines: boolean
  readonly #marks = new Marks()
  readonly #held: Held
  #state: State = State.start
  /** No byte was taken yet: a TLS handshake can only be seen here. */
  #fresh = true
  /** The last frame was a counted one. */
  #after_count = false
  /** Octets of the counted frame at hand, and how many of them are kept. */
  #count = 0
  #keep = 0
  /** Octets left to skip of a counted frame that is too long. */
  #skip = 0

  constructor(options: FramerOptions, sink: FrameSink) {
    this.#sink = sink
    this.#max = options.frame_max
    this.#newline = options.framing === 'newline'
    this.#lines = options.framing !== 'octet-counting'
    this.#held = new Held(Math.max(options.frame_max + BEYOND_MAX, START_MAX))
  }

  /** Whether a frame has begun and not ended. */
  get unfinished(): boolean {
    return this.#state !== State.start && this.#state !== State.dead
  }

  /** Bytes of memory kept for the unfinished frame. */
  get held_bytes(): number {
    return this.#held.capacity
  }

  /** Takes the next bytes of the connection. `chunk` is not kept. */
  push(chunk: Buffer): void {
    const length = chunk.length
    if (length === 1 && this.#pushByte(chunk[0] ?? 0)) return
    this.#marks.use(chunk)
    let pos = 0
    while (pos < length) {
      if (this.#state === State.start)
        pos = this.#newline ? this.#scanLines(chunk, pos) : this.#scan(chunk, pos)
      else if (this.#state === State.dead) return
      else pos = this.#resume(chunk, pos)
    }
  }

  /**
   * The connection ended. At `fin` an unfinished line or counted frame is delivered as truncated (R45); at `reset`
   * it is discarded and reported.
   */
  end(kind: 'fin' | 'reset'): void {
    const state = this.#state
    this.#state = State.dead
    const pending = state === State.header || state === State.line || state === State.counted
    if (pending && kind === 'reset') this.#sink.fault('reset')
    else if (state === State.header && !(this.#lines && !this.#after_count))
      this.#sink.fault('desynchronised')
    else if (pending) this.#deliverRest(state)
    this.#held.clear()
  }

  /** An unfinished frame that arrives byte by byte: no search, no loop. False: the general way has to look. */
  #pushByte(byte: number): boolean {
    if (byte === LF || byte === CR || byte === NUL) return false
    const held = this.#held
    if (this.#state === State.line) {
      if (held.length >= this.#max) return false
    } else if (this.#state !== State.counted || held.length + 1 >= this.#keep) return false
    held.appendByte(byte)
    return true
  }

  /** Auto and octet counting: frames from `from` on, as long as they lie within the chunk. */
  #scan(chunk: Buffer, from: number): number {
    const length = chunk.length
    let pos = from
    while (pos < length && this.#state === State.start) {
      const byte = chunk[pos] ?? 0
      if (byte === LESS && this.#lines && !this.#after_count) pos = this.#plainLines(chunk, pos)
      else if (byte === LF || byte === CR || byte === NUL || byte === SP) {
        this.#fresh = false
        pos++
      } else pos = this.#begin(chunk, pos)
    }
    return pos
  }

  #scanLines(chunk: Buffer, from: number): number {
    const length = chunk.length
    let pos = from
    if (this.#fresh && chunk[pos] === TLS_HANDSHAKE) pos = this.#begin(chunk, pos)
    while (pos < length && this.#state === State.start) pos = this.#plainLines(chunk, pos)
    return pos
  }

  /**
   * The line at `from` and, in the loop that nearly every byte of a newline sender passes, those after it that need
   * no thought: whole in the chunk, not too long, no NUL, no CR but that of CR LF.
   */
  #plainLines(chunk: Buffer, from: number): number {
    const { length } = chunk
    const marks = this.#marks
    const sink = this.#sink
    const max = this.#max
    const any = this.#newline
    const nul = marks.nul(from)
    let cr = marks.cr(from)
    let pos = from
    let frames = 0
    while (pos < length) {
      if (!any && chunk[pos] !== LESS) break
      const lf = marks.lf(pos)
      let end = lf
      if (cr < lf) end = cr
      if (nul < lf || end < lf - 1 || lf === length || end - pos > max || end === pos) break
      frames++
      sink.frame(chunk, pos, end, 0)
      pos = lf + 1
      if (cr < pos) cr = marks.cr(pos)
    }
    this.completed += frames
    if (pos === from) return this.#line(chunk, pos)
    this.#beginLine()
    this.#state = State.start
    return pos
  }

  /** A frame whose first bytes decide what it is. */
  #begin(chunk: Buffer, pos: number): number {
    const start = readStart(chunk, pos, chunk.length)
    if (start >= 0) return this.#counted(chunk, pos, start)
    if (start === Start.more) {
      this.#state = State.header
      this.#held.append(chunk, pos, chunk.length, chunk.length)
      return chunk.length
    }
    return this.#mayBeLine(start) ? this.#line(chunk, pos) : chunk.length
  }

  /** The bytes that decide came in several chunks. */
  #resumeHeader(chunk: Buffer, pos: number): number {
    const held = this.#held
    const before = held.length
    const to = Math.min(chunk.length, pos + START_MAX - before)
    held.append(chunk, pos, to, this.#marks.control(pos))
    const start = readStart(held.bytes, 0, held.length)
    if (start === Start.more) return to
    if (start < 0) {
      held.cutTo(before)
      if (!this.#mayBeLine(start)) return chunk.length
      this.#beginLine()
      return pos
    }
    this.#beginCounted(start, hasLeadingZero(held.bytes, 0))
    const head = start & HEAD_MASK
    const excess = Math.max(0, held.length - head - this.#keep)
    held.cutTo(held.length - excess)
    held.dropFront(head)
    return this.#continueCounted(chunk, to - excess)
  }

  /** Whether what is no count may be a line here; a fault where it may not. */
  #mayBeLine(start: number): boolean {
    if (start === Start.tls && this.#fresh) return this.#fault('tls_on_plain')
    if (!this.#lines || (this.#after_count && start !== Start.pri)) return this.#fault('desynchronised')
    return true
  }

  #fault(reason: FrameFault): false {
    this.#state = State.dead
    this.#held.clear()
    this.#sink.fault(reason)
    return false
  }

  #resume(chunk: Buffer, pos: number): number {
    switch (this.#state) {
      case State.header:
        return this.#resumeHeader(chunk, pos)
      case State.line:
        return this.#continueLine(chunk, pos)
      case State.counted:
        return this.#continueCounted(chunk, pos)
      case State.skipLine:
        return this.#skipLine(chunk, pos)
      default:
        return this.#skipCounted(chunk, pos)
    }
  }

  /** Where the line at `pos` ends: its LF or, in auto, NUL; the chunk's length when not in it. */
  #lineEnd(pos: number): number {
    const lf = this.#marks.lf(pos)
    if (this.#newline) return lf
    const nul = this.#marks.nul(pos)
    return nul < lf ? nul : lf
  }

  #beginLine(): void {
    this.#state = State.line
    this.#fresh = false
    this.#after_count = false
  }

  #line(chunk: Buffer, pos: number): number {
    const stop = this.#lineEnd(pos)
    this.#beginLine()
    if (stop === chunk.length) return this.#continueLine(chunk, pos)
    let end = stop
    if (end > pos && chunk[end - 1] === CR && chunk[stop] === LF) end--
    const marks = this.#marks
    const control = marks.cr(pos) < end || (this.#newline && marks.nul(pos) < end)
    this.#deliver(chunk, pos, end, control)
    return stop + 1
  }

  #continueLine(chunk: Buffer, pos: number): number {
    const held = this.#held
    const stop = this.#lineEnd(pos)
    const to = Math.min(stop, pos + this.#max + BEYOND_MAX - held.length)
    held.append(chunk, pos, to, this.#marks.control(pos))
    if (to < stop || (stop === chunk.length && held.length === this.#max + BEYOND_MAX)) {
      this.#handOver(held.bytes, 0, this.#max, held.controlBefore(this.#max), FrameFlag.truncated)
      this.#state = State.skipLine
      held.clear()
      return to
    }
    if (stop === chunk.length) return stop
    let end = held.length
    if (end > 0 && held.bytes[end - 1] === CR && chunk[stop] === LF) end--
    this.#deliverHeld(end)
    return stop + 1
  }

  #skipLine(chunk: Buffer, pos: number): number {
    const stop = this.#lineEnd(pos)
    if (stop === chunk.length) return stop
    this.#finish()
    return stop + 1
  }

  #beginCounted(start: number, leading_zero: boolean): void {
    this.#state = State.counted
    this.#fresh = false
    this.#after_count = true
    this.#count = start >>> COUNT_SHIFT
    this.#keep = this.#count <= this.#max + 1 ? this.#count : this.#max
    if (leading_zero) this.#sink.leadingZeros()
  }

  #counted(chunk: Buffer, pos: number, start: number): number {
    this.#beginCounted(start, hasLeadingZero(chunk, pos))
    const body = pos + (start & HEAD_MASK)
    const stop = body + this.#count
    if (this.#keep !== this.#count || stop > chunk.length) return this.#continueCounted(chunk, body)
    const end = chunk[stop - 1] === LF ? stop - 1 : stop
    this.#deliver(chunk, body, end, this.#marks.control(body) < end)
    return stop
  }

  #continueCounted(chunk: Buffer, pos: number): number {
    const held = this.#held
    const to = Math.min(chunk.length, pos + this.#keep - held.length)
    held.append(chunk, pos, to, this.#marks.control(pos))
    if (held.length < this.#keep) return to
    if (this.#keep === this.#count) {
      const end = held.bytes[held.length - 1] === LF ? held.length - 1 : held.length
      this.#deliverHeld(end)
      return to
    }
    this.#handOver(held.bytes, 0, this.#max, held.controlBefore(this.#max), FrameFlag.truncated)
    this.#state = State.skipCount
    this.#skip = this.#count - this.#max
    held.clear()
    return to
  }

  /** The rest of a counted frame that is too long is never looked at: a hostile `3 <` in it must forge nothing. */
  #skipCounted(chunk: Buffer, pos: number): number {
    const take = Math.min(chunk.length - pos, this.#skip)
    this.#skip -= take
    if (this.#skip === 0) this.#finish()
    return pos + take
  }

  #finish(): void {
    this.#state = State.start
    this.completed++
  }

  #deliver(buf: Buffer, start: number, end: number, control: boolean): void {
    this.#finish()
    if (end - start > this.#max) {
      const cut = start + this.#max
      this.#handOver(buf, start, cut, control && this.#marks.control(start) < cut, FrameFlag.truncated)
    } else if (end > start) this.#handOver(buf, start, end, control, 0)
  }

  #deliverHeld(end: number): void {
    const held = this.#held
    const cut = end > this.#max ? this.#max : end
    this.#finish()
    if (end > 0)
      this.#handOver(held.bytes, 0, cut, held.controlBefore(cut), cut < end ? FrameFlag.truncated : 0)
    held.clear()
  }

  /** What came of a frame before the connection ended. */
  #deliverRest(state: State): void {
    const held = this.#held
    let end = held.length
    if (state !== State.counted && end > 0 && held.bytes[end - 1] === CR) end--
    if (end > this.#max) end = this.#max
    if (end > 0) this.#handOver(held.bytes, 0, end, held.controlBefore(end), FrameFlag.truncated)
  }

  #handOver(buf: Buffer, start: number, end: number, control: boolean, flags: number): void {
    this.#sink.frame(buf, start, end, control ? flags | FrameFlag.control : flags)
  }
}
