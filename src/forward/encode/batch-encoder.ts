/**
 * Batches to bytes of a stream, a file or datagrams: an encoder writes one event, the framing goes around it.
 * A batch whose payload is framed already passes untouched.
 */
import { Buffer } from 'node:buffer'
import { JsonBuffer } from '../../base/json-buffer.ts'
import type { Batch } from '../../queue/batch.ts'
import type { PayloadForm } from '../../queue/batch-format.ts'
import { escapeControls } from './text.ts'

export type Framing = 'newline' | 'octet-counting' | 'none'

/** Writes events one at a time. Encoders may keep what they learnt about a batch between two calls for it. */
export interface EventEncoder {
  /** The event's bytes can hold no LF, CR or NUL: newline framing need not look. */
  readonly clean: boolean
  /** Writes event `n` behind what `out` holds. False: it cannot be expressed; whatever was written is taken back. */
  encode(out: JsonBuffer, batch: Batch, n: number): boolean
}

export interface EncodedBatch {
  /** Its own memory (or the batch's payload): good until the batch is settled. */
  readonly bytes: Buffer
  /** Events that could not be expressed and are not in it. */
  readonly unencodable: number
}

const LF = 0x0a
const SPACE = 0x20
/** Shared by all encoders of the thread: used within one call only. */
const scratch = new JsonBuffer(65_536)
const SCRATCH_MAX = 4_194_304
const NOTHING = Buffer.alloc(0)

/** Frames events of one destination. */
export class BatchEncoder {
  readonly #encoder: EventEncoder
  readonly #framing: Framing
  /** Payloads of this form are what the wire wants; null: everything is encoded. */
  readonly #form: PayloadForm | null
  /** Told of an encoder that threw; the event counts as one that cannot be expressed. */
  readonly #threw: ((error: unknown) => void) | undefined
  /** Length of the last octet count, a good guess for the next. */
  #prefix = 4

  constructor(
    encoder: EventEncoder,
    framing: Framing,
    form: PayloadForm | null,
    threw?: (error: unknown) => void,
  ) {
    this.#threw = threw
    this.#encoder = encoder
    this.#framing = framing
    this.#form = form
  }

  /** Whether batches usually pass without being copied. */
  get passes(): boolean {
    return this.#form !== null
  }

  /** A whole batch. */
  encode(batch: Batch): EncodedBatch {
    if (batch.form === this.#form) return { bytes: batch.payload.subarray(0, batch.used), unencodable: 0 }
    const out = this.#begin()
    let unencodable = 0
    for (let n = 0; n < batch.events; n += 1) if (!this.put(out, batch, n)) unencodable += 1
    return { bytes: out.length === 0 ? NOTHING : out.copyOut(), unencodable }
  }

  /**
   * A whole batch without framing in between, for datagrams: event n is `bytes[ends[n - 1], ends[n])`; an event that
   * cannot be expressed is empty.
   */
  encodeApart(batch: Batch, ends: Uint32Array): Buffer {
    const out = this.#begin()
    for (let n = 0; n < batch.events; n += 1) {
      this.put(out, batch, n)
      ends[n] = out.length
    }
    return out.copyOut()
  }

  /** One event with its framing behind what `out` holds; false: nothing was written. */
  put(out: JsonBuffer, batch: Batch, n: number): boolean {
    const start = out.length
    const framing = this.#framing
    if (framing === 'octet-counting') {
      out.ensure(this.#prefix)
      out.length += this.#prefix
    }
    const body = out.length
    if (!this.#encode(out, batch, n) || out.length === body) {
      out.length = start
      return false
    }
    if (framing === 'newline') {
      if (!this.#encoder.clean) escapeControls(out, body)
      out.putByte(LF)
    } else if (framing === 'octet-counting') this.#count(out, start, out.length - body)
    return true
  }

  /** What throws in here would end the worker, and throw again with the next. */
  #encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    try {
      return this.#encoder.encode(out, batch, n)
    } catch (error) {
      this.#threw?.(error)
      return false
    }
  }

  /** Writes the count in front of `length` bytes that stand behind the guessed room (RFC 6587 section 3.4.1). */
  #count(out: JsonBuffer, start: number, length: number): void {
    let digits = 1
    for (let limit = 10; length >= limit; limit *= 10) digits += 1
    const prefix = digits + 1
    const guessed = this.#prefix
    if (prefix !== guessed) {
      out.ensure(prefix)
      out.bytes.copyWithin(start + prefix, start + guessed, start + guessed + length)
      out.length = start + prefix + length
      this.#prefix = prefix
    }
    let rest = length
    for (let i = start + digits - 1; i >= start; i -= 1) {
      const tenth = Math.floor(rest / 10)
      out.bytes[i] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    out.bytes[start + digits] = SPACE
  }

  #begin(): JsonBuffer {
    // One event of megabytes must not keep its memory for ever.
    if (scratch.bytes.length > SCRATCH_MAX) scratch.bytes = Buffer.allocUnsafeSlow(65_536)
    scratch.clear()
    return scratch
  }
}
