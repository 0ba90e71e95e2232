/**
 * JSON written as bytes into one growing buffer: what the encoders use instead of objects and
 * `JSON.stringify`. The text is the one `JSON.stringify` writes, so both ways can be compared.
 */
import { Buffer } from 'node:buffer'
import { utf8Sequence } from './utf8.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const HEX = Buffer.from('0123456789abcdef')

/** Per byte: 0 copied as it is, 1 `\u00XX`, 2 part of a longer sequence, else the letter after a backslash. */
const KIND = new Uint8Array(256)
KIND.fill(1, 0, 0x20)
KIND.fill(2, 0x80)
KIND[0x08] = 0x62
KIND[0x09] = 0x74
KIND[0x0a] = 0x6e
KIND[0x0c] = 0x66
KIND[0x0d] = 0x72
KIND[QUOTE] = QUOTE
KIND[BACKSLASH] = BACKSLASH

const NOTHING = new DataView(new ArrayBuffer(0))

/** Copies shorter than this are faster byte by byte than through `set`. */
const SHORT = 24

/** A part of a body that is always the same, ready to be written four bytes at a time. */
export class JsonPiece {
  readonly length: number
  readonly words: Int32Array

  constructor(text: string) {
    const bytes = Buffer.from(text)
    const padded = Buffer.alloc((bytes.length + 3) & ~3)
    padded.set(bytes)
    this.length = bytes.length
    this.words = Int32Array.from({ length: padded.length / 4 }, (_, i) => padded.readInt32LE(i * 4))
  }
}

/** See the module. One is kept by its owner and cleared for each body; `bytes` changes when it grows. */
export class JsonBuffer {
  #bytes: Buffer
  #view: DataView
  /** What was read from last, with its view: most spans come from the same batch. */
  #source: Uint8Array | undefined
  #source_view: DataView = NOTHING
  length = 0

  constructor(capacity = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(64, capacity))
    this.#view = viewOf(this.#bytes)
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  set bytes(bytes: Buffer) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }

  /** Forgets what was written; the memory stays. */
  clear(): void {
    this.length = 0
    this.#source = undefined
  }

  /** Makes room for `more` bytes. */
  ensure(more: number): void {
    const need = this.length + more
    if (need <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(need, this.bytes.length * 2))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  putByte(byte: number): void {
    this.ensure(1)
    this.bytes[this.length] = byte
    this.length += 1
  }

  /** Bytes that are JSON already (prepared keys, numbers, encoded parts). */
  putRaw(source: Uint8Array): void {
    this.putRawRange(source, 0, source.length)
  }

  putPiece(piece: JsonPiece): void {
    const words = piece.words
    const count = words.length
    this.ensure(count * 4)
    const view = this.#view
    let n = this.length
    for (let i = 0; i < count; i += 1, n += 4) view.setInt32(n, words[i]!, true)
    // The padding behind the piece is written over by what follows.
    this.length += piece.length
  }

  /** `source[start, end)` as it is. */
  putRawRange(source: Uint8Array, start: number, end: number): void {
    const count = end - start
    this.ensure(count)
    const out = this.bytes
    let n = this.length
    if (count < SHORT) for (let i = start; i < end; i += 1) out[n++] = source[i]!
    else if (source instanceof Buffer) source.copy(out, n, start, end)
    else out.set(start === 0 && end === source.length ? source : source.subarray(start, end), n)
    this.length += count
  }

  putNull(): void {
    this.putPiece(NULL)
  }

  putBoolean(value: boolean): void {
    this.putPiece(value ? TRUE : FALSE)
  }

  /** A number as JSON writes it; what is not finite becomes `null`. */
  putNumber(value: number): void {
    if (value < 0 || value > 0x7fffffff || !Number.isInteger(value)) {
      this.putRaw(Buffer.from(Number.isFinite(value) ? String(value) : 'null'))
      return
    }
    let digits = 1
    for (let limit = 10; digits < 10 && value >= limit; limit *= 10) digits += 1
    this.ensure(digits)
    const out = this.bytes
    let rest = value | 0
    for (let i = this.length + digits - 1; i >= this.length; i -= 1) {
      const tenth = (rest / 10) | 0
      out[i] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    this.length += digits
  }

  /** `source[start, end)`, UTF-8, as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
  putUtf8(source: Uint8Array, start: number, end: number): void {
    this.putByte(QUOTE)
    this.putInner(source, start, end)
    this.putByte(QUOTE)
  }

  /**
   * The same without quotes, for a string that is open. Eight bytes at a time are looked at, and what stands for itself
   * is copied as a whole. Returns whether all of it did: then any part may be written again by {@link putSame}.
   */
  putInner(source: Uint8Array, start: number, end: number): boolean {
    this.ensure(end - start + 8)
    const from = this.#viewOfSource(source)
    let p = start
    let plain = true
    while (p < end) {
      let q = p
      for (; q + 8 <= end; q += 8) {
        const low = from.getInt32(q, true)
        const high = from.getInt32(q + 4, true)
        if (((special(low) | special(high)) & 0x80808080) !== 0) break
      }
      if (q > p) this.putRawRange(source, p, q)
      p = q
      const stop = q + 8 < end ? q + 8 : end
      let out = this.#bytes
      let n = this.length
      while (p < stop) {
        const c = source[p]!
        if (KIND[c] === 0) {
          out[n++] = c
          p += 1
          continue
        }
        plain = false
        this.length = n
        this.ensure(end - p + 16)
        p = this.#putSpecial(source, p, end)
        out = this.#bytes
        n = this.length
      }
      this.length = n
    }
    return plain
  }

  /** Whether all of `source[start, end)` stands for itself in a JSON string: then {@link putSame} may write any part of it. */
  isPlain(source: Uint8Array, start: number, end: number): boolean {
    const from = this.#viewOfSource(source)
    let p = start
    for (; p + 8 <= end; p += 8) {
      if (((special(from.getInt32(p, true)) | special(from.getInt32(p + 4, true))) & 0x80808080) !== 0)
        return false
    }
    for (; p < end; p += 1) if (KIND[source[p]!] !== 0) return false
    return true
  }

  /**
   * A piece, then `source[start, end)` as it is, of which {@link putInner} or {@link isPlain} said that nothing of it needs escaping: all
   * of it four bytes at a time.
   */
  putSame(piece: JsonPiece, source: Uint8Array, start: number, end: number): void {
    const { words } = piece
    const count = words.length
    const length = end - start
    this.ensure(count * 4 + length + 4)
    const to = this.#view
    let n = this.length
    // The bytes too many are written over by what follows.
    for (let i = 0, at = n; i < count; i += 1, at += 4) to.setInt32(at, words[i]!, true)
    n += piece.length
    if (end + 4 > source.length) {
      this.length = n
      this.putRawRange(source, start, end)
      return
    }
    const from = this.#viewOfSource(source)
    this.length = n + length
    for (let p = start; p < end; p += 4, n += 4) to.setInt32(n, from.getInt32(p, true), true)
  }

  /** A text as a JSON string with its quotes. */
  putText(text: string): void {
    const count = text.length
    this.ensure(count + 2)
    const out = this.bytes
    let n = this.length
    out[n++] = QUOTE
    for (let i = 0; i < count; i += 1) {
      const c = text.charCodeAt(i)
      if (c > 0x7f || KIND[c] !== 0) {
        this.putRaw(Buffer.from(JSON.stringify(text)))
        return
      }
      out[n++] = c
    }
    out[n++] = QUOTE
    this.length = n
  }

  /** What was written, without a copy: good until the next write or `clear`. */
  written(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  /** A copy of what was written, which the buffer no longer touches. */
  copyOut(): Buffer {
    return Buffer.from(this.written())
  }

  #viewOfSource(source: Uint8Array): DataView {
    if (source !== this.#source) {
      this.#source = source
      this.#source_view = viewOf(source)
    }
    return this.#source_view
  }

  /** Escapes or replaces what starts at `p`; room for it was made. Returns where to go on. */
  #putSpecial(source: Uint8Array, p: number, end: number): number {
    const out = this.bytes
    let n = this.length
    const c = source[p]!
    const kind = KIND[c]!
    let next = p + 1
    if (kind === 2) {
      const sequence = utf8Sequence(source, p, end)
      if (sequence > 0) {
        next = p + sequence
        for (let i = p; i < next; i += 1) out[n++] = source[i]!
      } else {
        next = p - sequence
        out[n++] = 0xef
        out[n++] = 0xbf
        out[n++] = 0xbd
      }
    } else {
      out[n++] = BACKSLASH
      if (kind === 1) {
        out[n++] = 0x75
        out[n++] = 0x30
        out[n++] = 0x30
        out[n++] = HEX[c >> 4]!
        out[n++] = HEX[c & 15]!
      } else {
        out[n++] = kind
      }
    }
    this.length = n
    return next
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * The top bit of each byte of four: set where one may not stand for itself, which is below 0x20, `"`, `\` or above
 * 0x7f. A borrow reaches only bytes behind one that is special itself.
 */
function special(word: number): number {
  return ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101) | word
}

const NULL = new JsonPiece('null')
const TRUE = new JsonPiece('true')
const FALSE = new JsonPiece('false')
