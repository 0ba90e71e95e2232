/**
 * The prefix that vSphere's daemons write: `info hostd[2099656] [Originator@6876 sub=Vimsvc.ha-eventmgr opID=… user=…] text`.
 * Outside RFC 5424 its values are unquoted and may hold blanks, brackets and colons (`sub=Proxy Req 81133`,
 * `sub=vmomi.soapStub[33]`): a value goes on to the next ` word=` or to the bracket that closes.
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { lowerEnd, setInner, startsAt, wordEnd } from './inner-spans.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const QUOTE = 0x22
const APOSTROPHE = 0x27
const EQUALS = 0x3d
const OPEN = 0x5b
const CLOSE = 0x5d

const ORIGINATOR = Buffer.from('[Originator@6876')
const LEVELS = [
  'verbose',
  'info',
  'warning',
  'error',
  'trivia',
  'panic',
  'warn',
  'debug',
  'section',
  'none',
].map((level) => Buffer.from(level))

const LEVEL_MIN = Math.min(...LEVELS.map(({ length }) => length))
const LEVEL_MAX = Math.max(...LEVELS.map(({ length }) => length))

/** Slots of the fields that the prefix has; each family has its own. */
export interface OriginatorSlots {
  readonly program: number
  readonly thread: number
  readonly level: number
  readonly sub: number
  readonly op_id: number
  readonly session: number
  readonly user: number
}

/** `info hostd[2099656]` at `p`: offset behind the bracket and blanks, or 0. With `slots` the fields are set. */
export function readLogger(view: EventView, p: number, end: number, slots?: OriginatorSlots): number {
  const { buf } = view
  const level = lowerEnd(buf, p, end)
  if (level >= end || buf[level] !== SPACE || !isLevel(buf, p, level)) return 0
  const name = skipBlanks(buf, level, end)
  const open = wordEnd(buf, name, end)
  if (open === name || open >= end || buf[open] !== OPEN) return 0
  const close = wordEnd(buf, open + 1, end)
  if (close === open + 1 || close >= end || buf[close] !== CLOSE) return 0
  if (slots !== undefined) {
    setInner(view, slots.level, p, level)
    setInner(view, slots.program, name, open)
    setInner(view, slots.thread, open + 1, close)
  }
  return skipBlanks(buf, close + 1, end)
}

function isLevel(buf: Uint8Array, start: number, end: number): boolean {
  if (end - start < LEVEL_MIN || end - start > LEVEL_MAX) return false
  for (const level of LEVELS)
    if (level.length === end - start && startsAt(buf, start, end, level)) return true
  return false
}

/** Whether `[Originator@6876` stands at `p`. */
export function isOriginator(buf: Uint8Array, p: number, end: number): boolean {
  return startsAt(buf, p, end, ORIGINATOR)
}

/** Reads `[Originator@6876 …]` at `p`: offset behind the bracket and blanks, or 0 when it is not there or does not close. */
export function readOriginator(view: EventView, p: number, end: number, slots: OriginatorSlots): number {
  const { buf } = view
  if (!isOriginator(buf, p, end)) return 0
  const close = closingBracket(buf, p, end)
  if (close === 0) return 0
  readPairs(view, p + ORIGINATOR.length, close, slots)
  return skipBlanks(buf, close + 1, end)
}

/** ESXi 5.x: `[77381B90 error 'Default' opID=…] text`. */
export function readOldLogger(view: EventView, p: number, end: number, slots: OriginatorSlots): number {
  const { buf } = view
  if (p >= end || buf[p] !== OPEN) return 0
  const thread = wordEnd(buf, p + 1, end)
  if (thread === p + 1 || thread >= end || buf[thread] !== SPACE) return 0
  const level = lowerEnd(buf, thread + 1, end)
  if (level >= end || buf[level] !== SPACE || !isLevel(buf, thread + 1, level)) return 0
  const close = closingBracket(buf, p, end)
  if (close === 0) return 0
  setInner(view, slots.thread, p + 1, thread)
  setInner(view, slots.level, thread + 1, level)
  let q = level + 1
  if (buf[q] === APOSTROPHE) {
    const from = q + 1
    q = from
    while (q < close && buf[q] !== APOSTROPHE) q += 1
    setInner(view, slots.sub, from, q)
    q += 1
  }
  readPairs(view, q, close, slots)
  return skipBlanks(buf, close + 1, end)
}

/** The bracket that closes the one at `open`: pairs inside are skipped; where they do not pair, the first with a blank behind. 0: none. */
function closingBracket(buf: Uint8Array, open: number, end: number): number {
  let depth = 0
  let first = 0
  for (let p = open; p < end; p += 1) {
    if (buf[p] === OPEN) depth += 1
    else if (buf[p] === CLOSE) {
      depth -= 1
      if (depth === 0) return p
      if (first === 0 && buf[p + 1] === SPACE) first = p
    }
  }
  return first
}

/** ` name=value` in `buf[from, end)`, each value up to the next. */
function readPairs(view: EventView, from: number, end: number, slots: OriginatorSlots): void {
  const { buf } = view
  let slot = -1
  let start = 0
  let p = from
  while (p < end) {
    while (p < end && buf[p] === SPACE) p += 1
    const word = p
    const name = wordEnd(buf, p, end)
    if (name > word && name < end && buf[name] === EQUALS) {
      setValue(view, slot, start, word)
      slot = slotOf(buf, word, name, slots)
      start = name + 1
      p = start
    }
    while (p < end && buf[p] !== SPACE) p += 1
  }
  setValue(view, slot, start, end)
}

/** Without quotes, single or doubled, and blanks at its ends. */
function setValue(view: EventView, slot: number, from: number, to: number): void {
  if (slot < 0) return
  let start = from
  let end = to
  while (end > start && ends(view.buf[end - 1])) end -= 1
  while (start < end && ends(view.buf[start])) start += 1
  setInner(view, slot, start, end)
}

function ends(c: number | undefined): boolean {
  return c === SPACE || c === QUOTE
}

/** The slot of the parameter named `buf[start, end)`; -1: another name. */
export function slotOf(buf: Uint8Array, start: number, end: number, slots: OriginatorSlots): number {
  const a = buf[start]
  const b = buf[start + 1]
  if (end - start === 3 && a === 0x73 && buf[start + 2] === 0x62) return b === 0x75 ? slots.sub : -1
  if (end - start === 3 && a === 0x73 && b === 0x69) return buf[start + 2] === 0x64 ? slots.session : -1
  if (end - start !== 4) return -1
  if (a === 0x6f && b === 0x70 && buf[start + 2] === 0x49) return slots.op_id
  return a === 0x75 && b === 0x73 && buf[start + 3] === 0x72 ? slots.user : -1
}
