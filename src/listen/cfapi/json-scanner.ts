/**
 * JSON (RFC 8259) read from bytes: where values begin and end, without a string or an object for any of them. Every
 * byte is looked at once, nesting is bounded, and what is no JSON is told with its place. Bytes that are not UTF-8
 * pass as they are, like those of a syslog frame.
 */
import { Buffer } from 'node:buffer'
import { utf8Sequence } from '../../base/utf8.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
/** Lists and objects within each other. */
const DEPTH_MAX = 32
/** What a lone surrogate becomes. */
const REPLACEMENT = 0xfffd

/** Per byte of a string: 0 stands for itself, 1 control (not allowed), 2 backslash, 3 quote, 4 not ASCII. */
const KIND = new Uint8Array(256)
KIND.fill(1, 0, 0x20)
KIND.fill(4, 0x80)
KIND[BACKSLASH] = 2
KIND[QUOTE] = 3

/** What a letter behind a backslash stands for; `u` and what is no escape are 0. */
const ESCAPED = new Uint8Array(256)
for (const [letter, byte] of [
  ['"', 0x22],
  ['\\', 0x5c],
  ['/', 0x2f],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
] as const)
  ESCAPED[letter.charCodeAt(0)] = byte

/** The bytes are no JSON, or not of the form that was asked for. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
  /** Offset into the body. */
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

/** How a string is written; bits of {@link JsonScanner.style}. */
export const Style = { plain: 0, escapes: 1, wide: 2 } as const

const NOTHING = Buffer.alloc(0)
const NO_VIEW = new DataView(new ArrayBuffer(0))

/** A cursor. The last string, number or value read is described by the public fields. */
export class JsonScanner {
  buf: Buffer = NOTHING
  p = 0
  end = 0
  /** The last string without its quotes, or the last value as it is written. */
  start = 0
  stop = 0
  /** {@link Style} bits of the last string. */
  style = 0
  /** Of `buf`, for eight bytes at a time. */
  #view: DataView = NO_VIEW

  reset(buf: Buffer): void {
    this.buf = buf
    this.p = 0
    this.end = buf.length
    this.#view = new DataView(buf.buffer, buf.byteOffset, buf.length)
    // A byte order mark is not JSON, but some clients write it.
    if (buf.length >= 3 && buf[0] === 0xef && buf[1] === 0xbb && buf[2] === 0xbf) this.p = 3
  }

  /** The next byte that is not blank, -1 at the end. The cursor stands on it. */
  peek(): number {
    const { buf, end } = this
    let p = this.p
    while (p < end) {
      const c = buf[p]!
      if (c > 0x20) break
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
      p += 1
    }
    this.p = p
    return p < end ? buf[p]! : -1
  }

  fail(message: string): never {
    throw new JsonError(this.p >= this.end ? 'the body ends too early' : message, this.p)
  }

  /** Takes one byte that must come next. */
  expect(byte: number, what: string): void {
    if (this.peek() !== byte) this.fail(`expected ${what}`)
    this.p += 1
  }

  /** Takes the next byte if it is this one. */
  accept(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.p += 1
    return true
  }

  /** Reads a string. */
  string(): void {
    if (this.peek() !== QUOTE) this.fail('expected a string')
    const { buf, end } = this
    let p = this.p + 1
    let style = 0
    this.start = p
    for (;;) {
      p = this.#plainEnd(p)
      if (p >= end) break
      const kind = KIND[buf[p]!]!
      if (kind === 3) {
        this.stop = p
        this.style = style
        this.p = p + 1
        return
      }
      if (kind === 4) {
        style |= Style.wide
        p += 1
      } else if (kind === 2) {
        style |= Style.escapes
        p = this.#escape(p)
      } else {
        this.p = p
        this.fail('a string holds a control character')
      }
    }
    this.p = end
    this.fail('')
  }

  /** Behind the bytes from `from` on that stand for themselves. */
  #plainEnd(from: number): number {
    const { buf, end } = this
    const view = this.#view
    let p = from
    for (; p + 8 <= end; p += 8) {
      const marks = special(view.getInt32(p, true)) | special(view.getInt32(p + 4, true))
      if ((marks & 0x80808080) !== 0) break
    }
    while (p < end && KIND[buf[p]!] === 0) p += 1
    return p
  }

  /** Reads a key and its colon; the cursor stands before the value. */
  key(): void {
    this.string()
    this.expect(COLON, 'a colon')
  }

  /** Whether another entry comes behind the last one of a list or object, whose end is taken. */
  another(close: number): boolean {
    const c = this.peek()
    this.p += 1
    if (c === COMMA) return true
    if (c === close) return false
    this.p -= 1
    return this.fail(close === CLOSE ? 'expected a comma or ]' : 'expected a comma or }')
  }

  /** Reads a number and gives its value. */
  number(): number {
    this.peek()
    const { buf } = this
    const start = this.p
    let p = start
    if (buf[p] === 0x2d) p += 1
    const first = p
    let value = 0
    while (isDigit(buf[p])) {
      value = value * 10 + buf[p]! - 0x30
      p += 1
    }
    this.p = p
    if (p === first || (buf[first] === 0x30 && p - first > 1)) this.fail('expected a value')
    let simple = p - first <= 15
    if (buf[p] === 0x2e) {
      simple = false
      p = this.#digits(p + 1)
    }
    if (buf[p] === 0x65 || buf[p] === 0x45) {
      simple = false
      p += 1
      if (buf[p] === 0x2b || buf[p] === 0x2d) p += 1
      p = this.#digits(p)
    }
    this.start = start
    this.stop = p
    this.p = p
    if (!simple) return Number(buf.toString('latin1', start, p))
    return first === start ? value : -value
  }

  /** Reads any value; `start` and `stop` are where it is written, a string's without quotes. */
  value(): void {
    const c = this.peek()
    if (c === QUOTE) return this.string()
    this.style = Style.plain
    const start = this.p
    if (c === OPEN || c === OPEN_BRACE) this.#nested()
    else if (c === 0x74) this.#word('true')
    else if (c === 0x66) this.#word('false')
    else if (c === 0x6e) this.#word('null')
    else this.number()
    this.start = start
    this.stop = this.p
    this.style = Style.wide
  }

  /** Takes `null` if it comes next. */
  acceptNull(): boolean {
    if (this.peek() !== 0x6e) return false
    this.#word('null')
    return true
  }

  /** A list or object with all that is in it, without recursion. */
  #nested(): void {
    const closers: number[] = []
    let close = 0
    do {
      const c = this.peek()
      if (c === OPEN || c === OPEN_BRACE) {
        if (closers.length >= DEPTH_MAX) this.fail('lists and objects are nested too deeply')
        close = c + 2
        closers.push(close)
        this.p += 1
        if (!this.accept(close)) {
          if (close === CLOSE_BRACE) this.key()
          continue
        }
        closers.pop()
      } else this.value()
      close = closers.at(-1) ?? 0
      while (close !== 0) {
        if (this.another(close)) {
          if (close === CLOSE_BRACE) this.key()
          break
        }
        closers.pop()
        close = closers.at(-1) ?? 0
      }
    } while (closers.length > 0)
  }

  #word(word: string): void {
    const { buf, end } = this
    for (let i = 0; i < word.length; i += 1) {
      if (this.p >= end || buf[this.p] !== word.charCodeAt(i)) this.fail('expected a value')
      this.p += 1
    }
  }

  #digits(from: number): number {
    const { buf } = this
    let p = from
    while (isDigit(buf[p])) p += 1
    this.p = p
    if (p === from) this.fail('expected a digit')
    return p
  }

  /** Checks the escape at `p`; gives the offset behind it. */
  #escape(p: number): number {
    const { buf, end } = this
    const letter = p + 1 < end ? buf[p + 1]! : 0
    if (ESCAPED[letter] !== 0) return p + 2
    this.p = p
    if (letter !== 0x75) this.fail('a backslash escapes nothing')
    if (hexAt(buf, p + 2, end) < 0) this.fail('\\u lacks four hex digits')
    return p + 6
  }
}

/**
 * The top bit of each byte of four: set where one may not stand for itself, which is below 0x20, `"`, `\\` or above
 * 0x7f. A borrow reaches only bytes behind one that is special itself.
 */
function special(word: number): number {
  return ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101) | word
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39
}

/** Four hex digits at `p`, or -1. */
function hexAt(buf: Buffer, p: number, end: number): number {
  if (p + 4 > end) return -1
  let value = 0
  for (let i = p; i < p + 4; i += 1) {
    const c = buf[i]! | 0x20
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : c >= 0x61 && c <= 0x66 ? c - 0x57 : -1
    // `| 0x20` makes digits of some control characters.
    if (digit < 0 || buf[i]! < 0x30) return -1
    value = value * 16 + digit
  }
  return value
}

/** Writes the string `buf[start, stop)`, as a scanner found it, without its escapes to `out` at `at`; gives its end. */
export function unescapeTo(out: Buffer, at: number, buf: Buffer, start: number, stop: number): number {
  let n = at
  let p = start
  while (p < stop) {
    const c = buf[p]!
    if (c !== BACKSLASH) {
      out[n++] = c
      p += 1
      continue
    }
    const simple = ESCAPED[buf[p + 1]!]!
    if (simple !== 0) {
      out[n++] = simple
      p += 2
      continue
    }
    let code = hexAt(buf, p + 2, stop)
    p += 6
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = code <= 0xdbff && buf[p] === BACKSLASH && buf[p + 1] === 0x75 ? hexAt(buf, p + 2, stop) : -1
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00)
        p += 6
      } else code = REPLACEMENT
    }
    n = putCodePoint(out, n, code)
  }
  return n
}

function putCodePoint(out: Buffer, at: number, code: number): number {
  let n = at
  if (code < 0x80) out[n++] = code
  else if (code < 0x800) {
    out[n++] = 0xc0 | (code >> 6)
    out[n++] = 0x80 | (code & 63)
  } else if (code < 0x10000) {
    out[n++] = 0xe0 | (code >> 12)
    out[n++] = 0x80 | ((code >> 6) & 63)
    out[n++] = 0x80 | (code & 63)
  } else {
    out[n++] = 0xf0 | (code >> 18)
    out[n++] = 0x80 | ((code >> 12) & 63)
    out[n++] = 0x80 | ((code >> 6) & 63)
    out[n++] = 0x80 | (code & 63)
  }
  return n
}

/**
 * The byte offset of a position counted in UTF-16 units, from `start`; past the end: -1. Positions are counted as
 * Java and JavaScript count them; no document says how (ASCII texts do not care).
 */
export function utf16Offset(buf: Buffer, start: number, stop: number, units: number): number {
  let p = start
  let left = units
  while (left > 0 && p < stop) {
    if (buf[p]! < 0x80) {
      p += 1
      left -= 1
      continue
    }
    const length = utf8Sequence(buf, p, stop)
    p += Math.abs(length)
    left -= length === 4 ? 2 : 1
  }
  return left > 0 ? -1 : p
}
