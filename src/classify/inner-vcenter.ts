/**
 * vCenter: events (`Event [id] [1-3] [time] [type] [severity] [user] [target] [chain] [text]`), lines of vpxd's log, the
 * appliance's and the single sign-on's audit. The text of an event may be cut by a newline or be split over several
 * messages: `complete` says whether all of it is here. Later parts have no type, user or target of their own.
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { readJsonAudit } from './inner-json-audit.ts'
import { type ParamSlots, readElement, readLooseElement } from './inner-sd.ts'
import { Vcenter } from './inner-slots.ts'
import { addInner, byteAt, findText, setInner, setRest, setWord, startsAt } from './inner-spans.ts'
import { isOriginator, type OriginatorSlots, readLogger, readOriginator } from './originator.ts'
import { digitsEnd } from './time-scan.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x5b
const CLOSE = 0x5d
const OPEN_BRACE = 0x7b

const bytes = (text: string): Buffer => Buffer.from(text)
const EVENT = bytes('Event [')
const BETWEEN = bytes('] [')
const ORIGINATOR_ID = bytes('Originator@6876')
/** What Log Insight's own forwarding makes of an event. */
const FORWARDED: ParamSlots = [
  { name: bytes('vc_event_type'), slot: Vcenter.event_type },
  { name: bytes('vc_username'), slot: Vcenter.user },
  { name: bytes('vc_vm_name'), slot: Vcenter.target },
  { name: bytes('sub'), slot: Vcenter.sub },
  { name: bytes('opID'), slot: Vcenter.op_id },
]
const FORWARDED_START = bytes('- - vcenter-server - - ')
const AUTHORIZATION = bytes('Authorization Result: ')
const AUTHENTICATION = bytes('User Password Authentication request for user : ')
const AUTHENTICATION_STATUS = bytes('Authentication Status : ')
const AUDIT_LOGGER = bytes('[auditlogger] ')
const SLOTS: OriginatorSlots = { ...Vcenter, level: Vcenter.severity }
/** The fields of an event in brackets, behind its id and part. */
const BRACKETS = [
  Vcenter.time,
  Vcenter.event_type,
  Vcenter.severity,
  Vcenter.user,
  Vcenter.target,
  Vcenter.chain_id,
] as const

/** Fills the fields of {@link Vcenter}. */
export function readVcenter(view: EventView): void {
  const { buf, end } = view
  if (view.app_start >= 0) setInner(view, Vcenter.program, view.app_start, view.app_end)
  readElement(view, ORIGINATOR_ID, FORWARDED)
  let p = skipBlanks(buf, view.msg_start, end)
  const fields = eventStart(buf, p, end)
  if (fields !== 0) return readEvent(view, p, fields, end)
  if (startsAt(buf, p, end, FORWARDED_START)) return readForwarded(view, p + FORWARDED_START.length, end)
  const stamp = innerTimeEnd(buf, p, end)
  if (stamp !== 0) {
    setInner(view, Vcenter.time, p, buf[stamp - 1] === COLON ? stamp - 1 : stamp)
    p = skipBlanks(buf, stamp, end)
  }
  const logger = readLogger(view, p, end, SLOTS)
  if (logger !== 0) p = readOriginator(view, logger, end, SLOTS) || logger
  else if (isOriginator(buf, p, end)) p = readOriginator(view, p, end, SLOTS) || p
  else p = readAudit(view, p, end)
  setRest(view, Vcenter.text, p, end)
}

/** Whether the message begins as only vCenter's do: for lines whose program is not known. */
export function isVcenter(view: EventView): boolean {
  const { buf, end } = view
  const p = skipBlanks(buf, view.msg_start, end)
  if (eventStart(buf, p, end) !== 0) return true
  if (startsAt(buf, p, end, FORWARDED_START)) return true
  const stamp = innerTimeEnd(buf, p, end)
  const q = stamp === 0 ? p : skipBlanks(buf, stamp, end)
  if (isVpxd(view, q, end)) return true
  const level = upperEnd(buf, q, end)
  return level > q && auditStart(buf, skipBlanks(buf, level, end), end)
}

const VPXD = bytes('vpxd[')

function isVpxd(view: EventView, p: number, end: number): boolean {
  const { buf } = view
  if (readLogger(view, p, end) === 0) return false
  return startsAt(buf, skipBlanks(buf, byteAt(buf, p, end, SPACE), end), end, VPXD)
}

function auditStart(buf: Buffer, p: number, end: number): boolean {
  return (
    startsAt(buf, p, end, AUTHORIZATION) ||
    startsAt(buf, p, end, AUTHENTICATION) ||
    startsAt(buf, p, end, AUTHENTICATION_STATUS)
  )
}

/** `Event [3481177] [1-1] `: where the part begins, or 0. */
function eventStart(buf: Buffer, p: number, end: number): number {
  if (!startsAt(buf, p, end, EVENT)) return 0
  const id = p + EVENT.length
  const stop = digitsEnd(buf, id, end)
  if (stop === id || !startsAt(buf, stop, end, BETWEEN)) return 0
  const part = stop + BETWEEN.length
  const dash = digitsEnd(buf, part, end)
  if (dash === part || dash >= end || buf[dash] !== 0x2d) return 0
  const parts = digitsEnd(buf, dash + 1, end)
  return parts > dash + 1 && parts < end && buf[parts] === CLOSE ? part : 0
}

function readEvent(view: EventView, start: number, part: number, end: number): void {
  const { buf } = view
  const dash = digitsEnd(buf, part, end)
  const close = digitsEnd(buf, dash + 1, end)
  setInner(view, Vcenter.event_id, start + EVENT.length, part - BETWEEN.length)
  setInner(view, Vcenter.part, part, dash)
  setInner(view, Vcenter.parts, dash + 1, close)
  const single = close - dash === 2 && buf[dash + 1] === 0x31
  const text = readBrackets(view, close + 1, end)
  if (text === 0) {
    setWord(view, Vcenter.complete, 'false')
    setRest(view, Vcenter.text, close + 1, end)
    return
  }
  let stop = end
  while (stop > text && (buf[stop - 1] as number) <= SPACE) stop -= 1
  const closed = stop > text && buf[stop - 1] === CLOSE
  setWord(view, Vcenter.complete, single && closed ? 'true' : 'false')
  setInner(view, Vcenter.text, text, closed && single ? stop - 1 : stop)
}

/** ` [time] [type] [severity] [user] [target] [chain] [text`: where the text begins; 0, with nothing set, when it is not so. */
function readBrackets(view: EventView, from: number, end: number): number {
  const { buf } = view
  let p = skipBlanks(buf, from, end)
  for (const slot of BRACKETS) {
    const close = p < end && buf[p] === OPEN ? findText(buf, p + 1, end, BETWEEN) : -1
    if (close < 0) {
      for (const other of BRACKETS) setInner(view, other, -1, -1)
      return 0
    }
    setInner(view, slot, p + 1, close)
    p = close + 2
  }
  // An empty user or target is nobody's.
  for (const slot of BRACKETS) if (view.inner[slot] === view.inner[slot + 1]) setInner(view, slot, -1, -1)
  return p + 1
}

function readForwarded(view: EventView, p: number, end: number): void {
  const close = readLooseElement(view, p, end, ORIGINATOR_ID, FORWARDED)
  let q = close === 0 ? p : close
  // Further elements (`[meta sequenceId="…"]`) follow without a blank.
  while (q < end && view.buf[q] === OPEN) q = byteAt(view.buf, q, end, CLOSE) + 1
  setRest(view, Vcenter.text, Math.min(q, end), end)
}

/**
 * The time that a service writes itself, with its zone or without, `,` or `:` before the milliseconds, and perhaps a colon
 * behind: where it ends, or 0.
 */
function innerTimeEnd(buf: Buffer, p: number, end: number): number {
  if (end - p < 19 || digitsEnd(buf, p, end) !== p + 4 || buf[p + 4] !== 0x2d) return 0
  const stop = byteAt(buf, p, Math.min(end, p + 40), SPACE)
  if (stop - p >= 19 && buf[p + 10] === 0x54 && buf[p + 13] === COLON) return stop
  return 0
}

function upperEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && (buf[p] as number) >= 0x41 && (buf[p] as number) <= 0x5a) p += 1
  return p
}

/** `INFO Authorization Result: User=…, priv=…, authorized=True`; `INFO websso[…] … [auditlogger] {json}`. Returns where the text begins. */
function readAudit(view: EventView, from: number, end: number): number {
  const { buf } = view
  const level = upperEnd(buf, from, end)
  let p = from
  if (level > from && level < end && buf[level] === SPACE) {
    setInner(view, Vcenter.severity, from, level)
    p = skipBlanks(buf, level, end)
  }
  if (startsAt(buf, p, end, AUTHORIZATION)) readAuthorization(view, p + AUTHORIZATION.length, end)
  else if (startsAt(buf, p, end, AUTHENTICATION)) setRest(view, Vcenter.user, p + AUTHENTICATION.length, end)
  const logger = findText(buf, p, Math.min(end, p + 512), AUDIT_LOGGER)
  const json = logger < 0 ? p : logger + AUDIT_LOGGER.length
  if (json < end && buf[json] === OPEN_BRACE) readJsonAudit(view, json, end)
  return p
}

const PAIRS = [
  { name: bytes('User='), slot: Vcenter.user },
  { name: bytes('priv='), slot: Vcenter.privilege },
  { name: bytes('authorized='), slot: Vcenter.authorized },
] as const

function readAuthorization(view: EventView, from: number, end: number): void {
  const { buf } = view
  let p = from
  while (p < end) {
    p = skipBlanks(buf, p, end)
    const stop = byteAt(buf, p, end, COMMA)
    const known = PAIRS.find(({ name }) => startsAt(buf, p, stop, name))
    if (known !== undefined) addInner(view, known.slot, p + known.name.length, trimmed(buf, p, stop))
    p = stop + 1
  }
}

function trimmed(buf: Buffer, from: number, to: number): number {
  let end = to
  while (end > from && (buf[end - 1] as number) <= SPACE) end -= 1
  return end
}
