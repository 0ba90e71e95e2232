/**
 * What stands in front of a header where only collectors, relays and network devices put it. Looked for when nothing else
 * fits, so none of it costs an ordinary event anything (docs/parser-decisions.md lists it).
 */
import type { Buffer } from 'node:buffer'
import { bsdTimeEnd, digitsEnd, rfc3339End, yearFirstEnd } from './time-scan.ts'

const SPACE = 0x20
const PERCENT = 0x25
const STAR = 0x2a
const COMMA = 0x2c
const DASH = 0x2d
const DOT = 0x2e
const COLON = 0x3a
const LESS = 0x3c
const GREATER = 0x3e
/** As in framing: more digits are no count. */
const COUNT_MAX = 7
/** The longest RFC 3339 time with its colon, generously. */
const TIME_MAX = 48
const WORD_MAX = 64
/** A message counter, a sequence number, a host. */
const WORDS_MAX = 3

/** Offset of the `<` behind an octet count that framing left there (`126 <14>1 …`), or 0: asks for a whole PRI. */
export function octetCountEnd(buf: Buffer, p: number, end: number): number {
  const digits = digitsEnd(buf, p, Math.min(end, p + COUNT_MAX + 1))
  if (digits === p || digits - p > COUNT_MAX || digits >= end || buf[digits] !== SPACE) return 0
  return priEnd(buf, digits + 1, end) === 0 ? 0 : digits + 1
}

/** Offset behind `<` one to three digits `>`, or 0. */
function priEnd(buf: Buffer, p: number, end: number): number {
  if (p >= end || buf[p] !== LESS) return 0
  const digits = digitsEnd(buf, p + 1, Math.min(end, p + 5))
  if (digits === p + 1 || digits - p > 4 || digits >= end || buf[digits] !== GREATER) return 0
  return digits + 1
}

/** Offset of the colon behind an RFC 3339 time (`2026-01-02T03:04:05Z: …`), or 0. */
export function colonTimeEnd(buf: Buffer, p: number, end: number): number {
  const last = Math.min(end, p + TIME_MAX)
  let q = p
  while (q < last && buf[q] !== SPACE) q += 1
  if (q === last && last < end) return 0
  return q > p && buf[q - 1] === COLON && rfc3339End(buf, p, q - 1) !== 0 ? q - 1 : 0
}

/** Offset behind `NoneZ` and before a blank: what ESXi writes for a time that it does not know. 0 when it is not there. */
export function noneZEnd(buf: Buffer, p: number, end: number): number {
  const fits =
    end - p >= 6 &&
    buf[p] === 0x4e &&
    buf[p + 1] === 0x6f &&
    buf[p + 2] === 0x6e &&
    buf[p + 3] === 0x65 &&
    buf[p + 4] === 0x5a &&
    buf[p + 5] === SPACE
  return fits ? p + 5 : 0
}

/** What {@link ciscoStamp} finds: offsets, `-1` where there is none. */
export interface CiscoPrefix {
  /** Message counter and sequence number, as they stand. */
  number_start: number
  number_end: number
  host_start: number
  host_end: number
  /** Where the time begins. */
  time_start: number
}

/**
 * `[:] [counter:] [sequence:] [host:] [*|.] time` of Cisco's devices, the time in BSD form, a year before it or not. Returns the
 * offset behind the time as `bsdTimeEnd` does, or 0.
 */
export function ciscoStamp(buf: Buffer, p: number, end: number, found: CiscoPrefix): number {
  found.number_start = -1
  found.number_end = -1
  found.host_start = -1
  found.host_end = -1
  let q = p
  if (q < end && buf[q] === COLON) q = skipSpaces(buf, q + 1, end)
  for (let word = 0; word < WORDS_MAX; word += 1) {
    const colon = colonWordEnd(buf, q, end)
    if (colon === 0) break
    if (digitsEnd(buf, q, colon) === colon) {
      if (found.number_start < 0) found.number_start = q
      found.number_end = colon
    } else if (found.number_start < 0) {
      return 0
    } else {
      found.host_start = q
      found.host_end = colon
      word = WORDS_MAX
    }
    q = skipSpaces(buf, colon + 1, end)
  }
  // The marks of a clock that is not set, or not in step.
  if (q < end && (buf[q] === STAR || buf[q] === DOT)) q += 1
  found.time_start = q
  const year_first = yearFirstEnd(buf, q, end)
  return year_first === 0 ? bsdTimeEnd(buf, q, end) : year_first
}

/** Offset of the colon and blank that end the word at `p`, or 0. */
function colonWordEnd(buf: Buffer, p: number, end: number): number {
  const last = Math.min(end, p + WORD_MAX)
  for (let q = p; q < last; q += 1) {
    const c = buf[q]!
    if (c <= SPACE) return 0
    if (c === COLON && q > p && q + 1 < end && buf[q + 1] === SPACE) return q
  }
  return 0
}

/** Whether the word `[p, q)` that stands where a host should is none: `%MNEMONIC`, `--`, or text that ends in a comma. */
export function isNoHost(buf: Buffer, p: number, q: number): boolean {
  if (buf[p] === PERCENT || buf[q - 1] === COMMA) return true
  return q - p > 1 && buf[p] === DASH && buf[p + 1] === DASH
}

/** A second header behind the first one: a relay's. The inner one stays in the message. */
export function isRelayed(buf: Buffer, from: number, end: number): boolean {
  const pri = priEnd(buf, from, end)
  const p = pri === 0 ? from : pri
  if (rfc3339End(buf, p, end) !== 0 || bsdTimeEnd(buf, p, end) !== 0) return true
  const digits = digitsEnd(buf, p, Math.min(end, p + 4))
  return digits > p && digits < end && buf[digits] === SPACE && rfc3339End(buf, digits + 1, end) !== 0
}

function skipSpaces(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && buf[p] === SPACE) p += 1
  return p
}
