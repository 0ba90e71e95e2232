/** Members of JSON objects that may all be absent: an object without any is not written at all. */
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { fieldNumber } from '../../classify/fields.ts'
import type { EventView } from '../../classify/view.ts'

const OPEN = 0x7b
const CLOSE = 0x7d
const QUOTE = 0x22

/** `,"name":` */
export function member(name: string): JsonPiece {
  return new JsonPiece(`,${JSON.stringify(name)}:`)
}

/** Begins the object of a member; every member of it begins with a comma. */
export function begin(out: JsonBuffer, name: JsonPiece): number {
  out.putPiece(name)
  return out.length
}

/**
 * Ends what {@link begin} began at `at`: its first comma becomes the brace, or all of it is taken back. Returns whether
 * anything is left.
 */
export function end(out: JsonBuffer, name: JsonPiece, at: number): boolean {
  if (out.length === at) {
    out.length = at - name.length
    return false
  }
  out.bytes[at] = OPEN
  out.putByte(CLOSE)
  return true
}

/** The same up to the opening quote of a text. */
export function textMember(name: string): JsonPiece {
  return new JsonPiece(`,${JSON.stringify(name)}:"`)
}

/**
 * A text member from a span of the event; nothing when it is absent. `name` ends with the opening quote; `plain` says
 * that nothing of the span needs escaping.
 */
export function putSpan(
  out: JsonBuffer,
  name: JsonPiece,
  view: EventView,
  start: number,
  stop: number,
  plain = false,
): void {
  if (start < 0) return
  if (plain) out.putSame(name, view.buf, start, stop)
  else {
    out.putPiece(name)
    out.putInner(view.buf, start, stop)
  }
  out.putByte(QUOTE)
}

/** A text member from a firewall field. */
export function putWord(
  out: JsonBuffer,
  name: JsonPiece,
  view: EventView,
  slot: number,
  plain = false,
): void {
  putSpan(out, name, view, view.fw[slot] as number, view.fw[slot + 1] as number, plain)
}

/** The same with ASCII letters in lower case. */
export function putLower(
  out: JsonBuffer,
  name: JsonPiece,
  view: EventView,
  slot: number,
  plain = false,
): void {
  const from = out.length
  putWord(out, name, view, slot, plain)
  const { bytes, length } = out
  for (let i = from + name.length; i < length; i += 1) {
    const c = bytes[i] as number
    if (c >= 0x41 && c <= 0x5a) bytes[i] = c | 0x20
  }
}

/** A number member from a firewall field. */
export function putCount(out: JsonBuffer, name: JsonPiece, view: EventView, slot: number): void {
  putKnown(out, name, fieldNumber(view, slot))
}

/** A number member; nothing below 0. */
export function putKnown(out: JsonBuffer, name: JsonPiece, value: number): void {
  if (value < 0) return
  out.putPiece(name)
  out.putNumber(value)
}

/** Whether a span holds this ASCII word, in capitals. */
export function isWord(view: EventView, slot: number, word: string): boolean {
  const start = view.fw[slot] as number
  if (start < 0 || (view.fw[slot + 1] as number) - start !== word.length) return false
  for (let i = 0; i < word.length; i += 1) if (view.buf[start + i] !== word.charCodeAt(i)) return false
  return true
}
