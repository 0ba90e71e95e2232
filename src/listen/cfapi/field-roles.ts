/**
 * What a field's name says that it is: a part of the syslog header, or a parameter of structured data. The names that
 * Log Insight's agents write are not documented but for a few (`msgid`, `pri_severity`), so the usual spellings of
 * other senders are known as well. Letter case does not matter, and `-` and `.` are `_`.
 */
import { Buffer } from 'node:buffer'

/** Parts of a header; `none`: anything else. */
export const Role = {
  none: 0,
  host: 1,
  app: 2,
  proc: 3,
  msg_id: 4,
  pri: 5,
  facility: 6,
  severity: 7,
  /** A severity beside a facility, else a PRI. */
  priority: 8,
  time: 9,
  message: 10,
  /** Known roles end here; what follows is a parameter that NSX writes, without its SD-ID. */
  nsx: 11,
} as const
export type Role = (typeof Role)[keyof typeof Role]
export const ROLES = 12

const NAMES: Readonly<Record<string, Role>> = {
  hostname: Role.host,
  host: Role.host,
  host_name: Role.host,
  syslog_hostname: Role.host,
  appname: Role.app,
  app_name: Role.app,
  program: Role.app,
  programname: Role.app,
  syslog_appname: Role.app,
  procid: Role.proc,
  proc_id: Role.proc,
  pid: Role.proc,
  process_id: Role.proc,
  msgid: Role.msg_id,
  msg_id: Role.msg_id,
  message_id: Role.msg_id,
  pri: Role.pri,
  prival: Role.pri,
  pri_facility: Role.facility,
  facility: Role.facility,
  syslog_facility: Role.facility,
  pri_severity: Role.severity,
  severity: Role.severity,
  syslog_severity: Role.severity,
  priority: Role.priority,
  timestamp: Role.time,
  timestamp_: Role.time,
  message: Role.message,
  msg: Role.message,
  comp: Role.nsx,
  subcomp: Role.nsx,
  s2comp: Role.nsx,
  level: Role.nsx,
  errorcode: Role.nsx,
  reqid: Role.nsx,
  entid: Role.nsx,
  tid: Role.nsx,
  username: Role.nsx,
  audit: Role.nsx,
  update: Role.nsx,
  splitid: Role.nsx,
  splitindex: Role.nsx,
}

/** As NSX spells its parameters: senders may have lowered their letters. */
const NSX_NAMES = ['errorCode', 'reqId', 'entId', 'splitId', 'splitIndex'].map((name) => Buffer.from(name))

const NAME_MAX = 15
const SLOTS = 256
const keys: (Buffer | undefined)[] = Array.from({ length: SLOTS })
const roles = new Uint8Array(SLOTS)

/** Lower case, and `-` and `.` as `_`; other bytes as they are. */
const FOLD = new Uint8Array(256)
for (let c = 0; c < 256; c += 1)
  FOLD[c] = c >= 0x41 && c <= 0x5a ? c + 0x20 : c === 0x2d || c === 0x2e ? 0x5f : c

for (const [name, role] of Object.entries(NAMES)) {
  const bytes = Buffer.from(name)
  let slot = hash(bytes, 0, bytes.length)
  while (keys[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1)
  keys[slot] = bytes
  roles[slot] = role
}

function hash(buf: Buffer, start: number, end: number): number {
  let value = 0
  for (let i = start; i < end; i += 1) value = (Math.imul(value, 31) + FOLD[buf[i]!]!) | 0
  return (value ^ (value >>> 8)) & (SLOTS - 1)
}

/** The role that the name `buf[start, end)` has. */
export function roleOf(buf: Buffer, start: number, end: number): Role {
  if (end - start > NAME_MAX || end - start < 3) return Role.none
  let slot = hash(buf, start, end)
  for (let key = keys[slot]; key !== undefined; key = keys[slot]) {
    if (foldedEqual(key, buf, start, end)) return roles[slot] as Role
    slot = (slot + 1) & (SLOTS - 1)
  }
  return Role.none
}

/** Whether `buf[start, end)` is `key`, which is folded already. */
export function foldedEqual(key: Buffer, buf: Buffer, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0; i < key.length; i += 1) if (FOLD[buf[start + i]!] !== key[i]) return false
  return true
}

/** The name as NSX spells it; undefined: as it is. */
export function nsxName(buf: Buffer, start: number, end: number): Buffer | undefined {
  for (const name of NSX_NAMES) {
    if (name.length !== end - start) continue
    let same = true
    for (let i = 0; same && i < name.length; i += 1) same = FOLD[buf[start + i]!] === FOLD[name[i]!]
    if (same) return name
  }
  return undefined
}

const AT = 0x40
const DOT = 0x2e
const ID_MAX = 32

/**
 * Where the SD-ID in a name of the form `id@number.parameter` (also `_`, `:`, `/` before the parameter) ends, 0 when
 * it has no such form. The parameter begins one byte later.
 */
export function sdIdEnd(buf: Buffer, start: number, end: number): number {
  let p = start
  while (p < end && isNameByte(buf[p]!) && buf[p] !== AT) p += 1
  if (p === start || p >= end || buf[p] !== AT) return 0
  p += 1
  const number = p
  while (p < end && ((buf[p]! >= 0x30 && buf[p]! <= 0x39) || buf[p] === DOT)) p += 1
  // The dot before a parameter is not the number's.
  if (p > number && buf[p - 1] === DOT) p -= 1
  const c = p < end ? buf[p]! : 0
  if (p === number || (c !== DOT && c !== 0x5f && c !== 0x3a && c !== 0x2f)) return 0
  if (p - start > ID_MAX || end - p - 1 > ID_MAX || p + 1 >= end) return 0
  for (let i = p + 1; i < end; i += 1) if (!isNameByte(buf[i]!)) return 0
  return p
}

/** A byte that SD-NAME allows (RFC 5424 §6.3.2). */
export function isNameByte(c: number): boolean {
  return c > 0x20 && c < 0x7f && c !== 0x3d && c !== 0x5d && c !== 0x22
}
