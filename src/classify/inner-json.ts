/** Inner fields in the event JSON: an object under the family's key, every field of the family in it, absent ones null. */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../base/json-buffer.ts'
import { type Family, familyOf, findInner, type InnerField, type InnerKind, type InnerSpan } from './inner.ts'
import type { EventView } from './view.ts'

/** Digits that a number may have and still be exact. */
const DIGITS_MAX = 15

export type InnerValue = string | number | boolean | null

const span: InnerSpan = { buf: Buffer.alloc(0), start: 0, end: 0 }

/** The event's family as a key with its object; empty when the stream has none. */
export function innerObject(view: EventView): Readonly<Record<string, Readonly<Record<string, InnerValue>>>> {
  const family = familyOf(view.family)
  if (family === undefined) return {}
  const fields = family.fields.map((field) => [field.key, innerValue(view, field)])
  return { [family.name]: Object.fromEntries(fields) as Record<string, InnerValue> }
}

/** One field's value, null when it is absent or no value of its kind. */
export function innerValue(view: EventView, field: InnerField): InnerValue {
  if (!findInner(view, field, span)) return null
  if (field.kind === 'number') {
    const number = digits()
    return number < 0 ? null : number
  }
  if (field.kind === 'truth') return truth()
  return span.buf.toString('utf8', span.start, span.end)
}

interface FamilyPieces {
  readonly family: Family
  readonly open: JsonPiece
  readonly keys: readonly JsonPiece[]
}

const pieces = new Map<Family, FamilyPieces>()

function piecesOf(family: Family): FamilyPieces {
  let known = pieces.get(family)
  if (known === undefined) {
    const keys = family.fields.map(({ key }, n) => new JsonPiece(`${n === 0 ? '' : ','}"${key}":`))
    known = { family, open: new JsonPiece(`,"${family.name}":{`), keys }
    pieces.set(family, known)
  }
  return known
}

/** The same as bytes: `,"esxi":{…}`, or nothing. */
export function putInnerJson(view: EventView, target: JsonBuffer): void {
  const family = familyOf(view.family)
  if (family === undefined) return
  const { open, keys } = piecesOf(family)
  target.putPiece(open)
  for (let n = 0; n < keys.length; n += 1) {
    const field = family.fields[n] as InnerField
    target.putPiece(keys[n] as JsonPiece)
    if (findInner(view, field, span)) putValue(target, field.kind)
    else target.putNull()
  }
  target.putByte(0x7d)
}

function putValue(target: JsonBuffer, kind: InnerKind): void {
  const { buf, start, end } = span
  if (kind === 'number') {
    const number = digits()
    if (number < 0) target.putNull()
    else target.putNumber(number)
  } else if (kind === 'truth') {
    const value = truth()
    if (value === null) target.putNull()
    else target.putBoolean(value)
  } else target.putUtf8(buf, start, end)
}

function digits(): number {
  const { buf, start, end } = span
  if (end === start || end - start > DIGITS_MAX) return -1
  let value = 0
  for (let p = start; p < end; p += 1) {
    const digit = (buf[p] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** `true`, `false` in any case; anything else is none. */
function truth(): boolean | null {
  const text = span.buf.toString('latin1', span.start, span.end).toLowerCase()
  return text === 'true' ? true : text === 'false' ? false : null
}
