/**
 * Structured data of RFC 5424 §6.3: `scanStructuredData` finds where it ends (every event), the rest reads
 * parameters (a few streams) and makes an object (cold). The form is strict: VMware's unquoted look-alikes
 * are text (docs/parser-decisions.md).
 */
import { Buffer } from 'node:buffer'
import { isUtf8Range } from '../base/utf8.ts'

const SPACE = 0x20
const QUOTE = 0x22
const EQUALS = 0x3d
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d
const NAME_MAX = 32

/** Low bits of {@link scanStructuredData}'s answer. */
export const SdNote = {
  /** Readable, but a name is too long, an SD-ID repeats, or a value is not UTF-8 or has a backslash that escapes nothing. */
  flawed: 1,
  /** A parameter `msgModified`: the sender changed the event, usually by cutting it. */
  modified: 2,
} as const

/** SD-IDs compared for repetition; more elements than this are not looked at, so that the work stays linear. */
const IDS_MAX = 32
const ids = new Int32Array(IDS_MAX * 2)

/** The parameter by which ESXi says that it altered an event (docs/parser-decisions.md). */
const MSG_MODIFIED = Buffer.from('msgModified')

/** Whether `msgModified` stands at `p`. */
export function isMsgModified(buf: Buffer, p: number, end: number): boolean {
  if (end - p < MSG_MODIFIED.length) return false
  for (let i = 0; i < MSG_MODIFIED.length; i += 1) if (buf[p + i] !== MSG_MODIFIED[i]) return false
  return true
}

/**
 * Reads the elements that begin at `start` (a `[`). Returns 0 when they are not structured data, else the offset behind
 * the last `]` times 4, plus {@link SdNote} bits. What follows (a blank or the end) is the caller's to check.
 */
export function scanStructuredData(buf: Buffer, start: number, end: number): number {
  let p = start
  let notes = 0
  let elements = 0
  while (p < end && buf[p] === OPEN) {
    const id = p + 1
    let q = sdNameEnd(buf, id, end)
    if (q === id) return 0
    if (q - id > NAME_MAX || repeats(buf, id, q, elements)) notes |= SdNote.flawed
    elements += 1
    while (q < end && buf[q] === SPACE) {
      const name = q + 1
      q = sdNameEnd(buf, name, end)
      if (q === name || q + 1 >= end || buf[q] !== EQUALS || buf[q + 1] !== QUOTE) return 0
      if (q - name > NAME_MAX) notes |= SdNote.flawed
      if (q - name === 11 && isMsgModified(buf, name, q)) notes |= SdNote.modified
      const value = q + 2
      q = sdValueEnd(buf, value, end)
      if (q === 0) return 0
      if (q < 0) {
        q = -q
        if (!isUtf8Range(buf, value, q) || hasLoneBackslash(buf, value, q)) notes |= SdNote.flawed
      }
      q += 1
    }
    if (q >= end || buf[q] !== CLOSE) return 0
    p = q + 1
  }
  return p * 4 + notes
}

/** Offset behind an SD-NAME: printable ASCII without blank, `=`, `]` and `"`. */
export function sdNameEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end) {
    const c = buf[p]!
    if (c <= SPACE || c > 0x7e || c === EQUALS || c === CLOSE || c === QUOTE) break
    p += 1
  }
  return p
}

/** Offset of the quote that ends a value, negated when a byte is not ASCII or a backslash escapes nothing; 0 when it does not end as it must. */
export function sdValueEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  let sign = 1
  while (p < end) {
    const c = buf[p]!
    if (c === QUOTE) return p * sign
    if (c === CLOSE) return 0
    if (c === BACKSLASH && p + 1 < end && isEscaped(buf[p + 1]!)) p += 1
    else if (c > 0x7f || c === BACKSLASH) sign = -1
    p += 1
  }
  return 0
}

/** A backslash before anything but the three: it stands for itself, but should have been escaped. */
function hasLoneBackslash(buf: Buffer, start: number, end: number): boolean {
  for (let p = start; p < end; p += 1) {
    if (buf[p] !== BACKSLASH) continue
    if (!isEscaped(buf[p + 1]!)) return true
    p += 1
  }
  return false
}

function isEscaped(c: number): boolean {
  return c === QUOTE || c === BACKSLASH || c === CLOSE
}

function repeats(buf: Buffer, start: number, end: number, elements: number): boolean {
  if (elements >= IDS_MAX || end - start > NAME_MAX) return false
  ids[elements * 2] = start
  ids[elements * 2 + 1] = end
  for (let i = 0; i < elements; i += 1) {
    const other = ids[i * 2]!
    if (ids[i * 2 + 1]! - other === end - start && equalRange(buf, other, start, end - start)) return true
  }
  return false
}

/** Whether `count` bytes at `a` are those at `b`. */
export function equalRange(buf: Buffer, a: number, b: number, count: number): boolean {
  for (let i = 0; i < count; i += 1) if (buf[a + i] !== buf[b + i]) return false
  return true
}

/** A parameter's value, or several when it repeats. */
export type SdValue = string | string[]
export type SdObject = Record<string, Record<string, SdValue>>

/**
 * Well-formed structured data `buf[start, end)` as an object (without prototype, because names are the sender's). An SD-ID that
 * repeats is merged; a parameter that repeats holds a list.
 */
export function structuredDataObject(buf: Buffer, start: number, end: number): SdObject {
  const object = Object.create(null) as SdObject
  let p = start
  while (p < end && buf[p] === OPEN) {
    let q = sdNameEnd(buf, p + 1, end)
    const id = buf.toString('latin1', p + 1, q)
    const element = (object[id] ??= Object.create(null) as Record<string, SdValue>)
    while (q < end && buf[q] === SPACE) {
      const name = q + 1
      q = sdNameEnd(buf, name, end)
      const value = q + 2
      q = Math.abs(sdValueEnd(buf, value, end))
      addValue(element, buf.toString('latin1', name, value - 2), unescape(buf.toString('utf8', value, q)))
      q += 1
    }
    p = q + 1
  }
  return object
}

function addValue(element: Record<string, SdValue>, name: string, value: string): void {
  const known = element[name]
  if (known === undefined) element[name] = value
  else if (typeof known === 'string') element[name] = [known, value]
  else known.push(value)
}

/** `\"`, `\\` and `\]` lose their backslash; any other backslash is itself (RFC 5424 §6.3.3). */
function unescape(text: string): string {
  if (!text.includes('\\')) return text
  let out = ''
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '\\' && isEscaped(text.charCodeAt(i + 1))) i += 1
    out += text[i] ?? ''
  }
  return out
}

/**
 * The value of the parameter `name` of the element `id` in well-formed structured data: its start in `found[0]` and its
 * end in `found[1]`, escapes still in it; false when it is not there. `from` asks for a later one of that name.
 */
export function findSdParam(
  buf: Buffer,
  start: number,
  end: number,
  id: Uint8Array,
  name: Uint8Array,
  found: Int32Array,
): boolean {
  let p = start
  while (p < end && buf[p] === OPEN) {
    let q = sdNameEnd(buf, p + 1, end)
    const ours = equalBytes(buf, p + 1, q, id)
    while (q < end && buf[q] === SPACE) {
      const at = q + 1
      q = sdNameEnd(buf, at, end)
      const value = q + 2
      const here = ours && equalBytes(buf, at, q, name)
      q = Math.abs(sdValueEnd(buf, value, end))
      if (here) {
        found[0] = value
        found[1] = q
        return true
      }
      q += 1
    }
    p = q + 1
  }
  return false
}

/** Whether `buf[start, end)` is exactly `text`. */
export function equalBytes(buf: Buffer, start: number, end: number, text: Uint8Array): boolean {
  const count = text.length
  if (end - start !== count) return false
  for (let i = 0; i < count; i += 1) if (buf[start + i] !== text[i]) return false
  return true
}
