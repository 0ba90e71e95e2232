/** The texts of NSX managers that have fields: audit records, commands of the shell, NSX-V's system events. */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { Nsx } from './inner-slots.ts'
import { addInner, byteAt, findLastText, findText, setInner, setRest, startsAt } from './inner-spans.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const EQUALS = 0x3d
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const bytes = (text: string): Buffer => Buffer.from(text)
const named = (slots: Readonly<Record<string, number>>): { name: Buffer; slot: number }[] =>
  Object.entries(slots).map(([name, slot]) => ({ name: bytes(name), slot }))

const AUDIT_KEYS = named({
  UserName: Nsx.user,
  ModuleName: Nsx.module,
  Operation: Nsx.operation,
  'Operation status': Nsx.status,
  'Old value': Nsx.old_value,
  'New value': Nsx.new_value,
  Src: Nsx.source,
})
const USER_NAME = bytes('UserName=')
const MODULE_NAME = bytes('ModuleName=')
const SOURCE = bytes('Src=')
const CMD = bytes('CMD: ')
const DURATION = bytes(' (duration: ')
const STATUS = bytes('Operation status: ')
const SYSTEM_EVENT = bytes('[SystemEvent] ')
const SYSTEM_KEYS = named({
  Severity: Nsx.severity,
  'Event Source': Nsx.event_source,
  Code: Nsx.event_code,
  Module: Nsx.module,
})
const END_OF_VALUE = bytes("', ")
/** How far into a message NSX-V's marker is looked for. */
const LOOK = 512
/** Longer names are no key of an audit record. */
const KEY_MAX = 32

/** `UserName="admin", ModuleName="AAA", …`; false when the text is none. */
export function readAudit(view: EventView, from: number, end: number): boolean {
  const { buf } = view
  if (
    !startsAt(buf, from, end, USER_NAME) &&
    !startsAt(buf, from, end, MODULE_NAME) &&
    !startsAt(buf, from, end, SOURCE)
  )
    return false
  let p = from
  while (p < end) {
    const key = p
    const equals = byteAt(buf, key, Math.min(end, key + KEY_MAX), EQUALS)
    if (equals >= end || buf[equals] !== EQUALS) return true
    const slot = slotOf(buf, key, equals, AUDIT_KEYS)
    p = readValue(view, equals + 1, end, slot)
    while (p < end && (buf[p] === COMMA || buf[p] === SPACE)) p += 1
  }
  return true
}

function slotOf(buf: Buffer, start: number, end: number, keys: typeof AUDIT_KEYS): number {
  for (const { name, slot } of keys)
    if (name.length === end - start && startsAt(buf, start, end, name)) return slot
  return -1
}

/** A quoted value, a bracketed one or a word; returns the offset behind it. */
function readValue(view: EventView, from: number, end: number, slot: number): number {
  const { buf } = view
  let start = from
  let stop: number
  let next: number
  if (buf[from] === QUOTE) {
    start = from + 1
    stop = byteAt(buf, start, end, QUOTE)
    next = stop + 1
  } else {
    stop =
      buf[from] === OPEN || buf[from] === OPEN_BRACE
        ? nestedEnd(buf, from, end)
        : byteAt(buf, from, end, COMMA)
    next = stop
  }
  // What the manager knows of the user from its session counts before what the text says.
  if (slot >= 0) addInner(view, slot, start, stop)
  return next
}

/** Behind the bracket that closes the one at `from`, strings skipped; `end` when the value was cut. */
function nestedEnd(buf: Buffer, from: number, end: number): number {
  let depth = 0
  let quoted = false
  for (let p = from; p < end; p += 1) {
    const c = buf[p]
    if (quoted) {
      if (c === BACKSLASH) p += 1
      else if (c === QUOTE) quoted = false
    } else if (c === QUOTE) quoted = true
    else if (c === OPEN || c === OPEN_BRACE) depth += 1
    else if (c === CLOSE || c === CLOSE_BRACE) {
      depth -= 1
      if (depth === 0) return p + 1
    }
  }
  return end
}

/** `CMD: get firewall status (duration: 0.365s), Operation status: CMD_EXECUTED`; false when the text is none. */
export function readCommand(view: EventView, from: number, end: number): boolean {
  const { buf } = view
  if (!startsAt(buf, from, end, CMD)) return false
  const status = findLastText(buf, from, end, STATUS)
  if (status >= 0) setRest(view, Nsx.status, status + STATUS.length, end)
  const stop = status < 0 ? end : status
  const duration = findLastText(buf, from, stop, DURATION)
  setRest(view, Nsx.command, from + CMD.length, duration < 0 ? withoutComma(buf, from, stop) : duration)
  if (duration >= 0) {
    const digits = duration + DURATION.length
    setInner(view, Nsx.duration, digits, byteAt(buf, digits, stop, 0x29))
  }
  return true
}

function withoutComma(buf: Buffer, from: number, to: number): number {
  let end = to
  while (end > from && (buf[end - 1] === SPACE || buf[end - 1] === COMMA)) end -= 1
  return end
}

/** `… [SystemEvent] Time:'…', Severity:'High', Event Source:'…', Code:'250024', Event Message:'…', Module:'…'`. */
export function readSystemEvent(view: EventView, from: number, end: number): void {
  const { buf } = view
  const marker = findText(buf, from, Math.min(end, from + LOOK), SYSTEM_EVENT)
  if (marker < 0) return
  let p = marker + SYSTEM_EVENT.length
  while (p < end) {
    p = skipBlanks(buf, p, end)
    const colon = byteAt(buf, p, Math.min(end, p + KEY_MAX), 0x3a)
    if (colon + 1 >= end || buf[colon] !== 0x3a || buf[colon + 1] !== 0x27) return
    const value = colon + 2
    const found = findText(buf, value, end, END_OF_VALUE)
    let stop = found < 0 ? end : found
    // The last value may lack its closing quote.
    if (found < 0 && buf[end - 1] === 0x27) stop = end - 1
    const slot = slotOf(buf, p, colon, SYSTEM_KEYS)
    if (slot >= 0) addInner(view, slot, value, stop)
    p = found < 0 ? end : found + END_OF_VALUE.length
  }
}
