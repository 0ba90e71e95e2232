/** What the first bytes of a frame say (docs/parser-decisions.md, R36, R37). Pure and bounded. */
import type { Buffer } from 'node:buffer'
import { SP } from './marks.ts'

/** Significant digits of a count; the largest is 9,999,999. */
const DIGITS_MAX = 7
/** Digits with leading zeros: loggen writes nine, a 32-bit number has ten. */
const DIGITS_WRITTEN_MAX = 10
/** A PRI is `<`, `-1` or one to three digits, `>`. */
const PRI_MAX = 5
/** With so many bytes at hand {@link readStart} never answers `more`. */
export const START_MAX: number = DIGITS_WRITTEN_MAX + 1 + PRI_MAX

/** Answers of {@link readStart} that are not a count. */
export const Start = {
  /** Not decided by the bytes at hand. */
  more: -1,
  /** Nothing that a standard knows: a line, where lines are allowed. */
  other: -2,
  /** A complete PRI: a line. */
  pri: -3,
  /** A TLS handshake record. */
  tls: -4,
} as const

/** A count is answered as one number: the count, and below it the length of digits and space. */
export const COUNT_SHIFT = 4
export const HEAD_MASK = 15

const LESS = 0x3c
const GREATER = 0x3e
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const TLS_HANDSHAKE = 0x16
const TLS_MAJOR = 0x03

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** Length of the PRI at `at`, `Start.more` or `Start.other`. */
function readPri(buf: Buffer, at: number, end: number): number {
  if (at >= end) return Start.more
  if (buf[at] !== LESS) return Start.other
  let i = at + 1
  if (i >= end) return Start.more
  if (buf[i] === MINUS) {
    if (i + 1 >= end) return Start.more
    if (buf[i + 1] !== ZERO + 1) return Start.other
    i += 2
  } else {
    const limit = i + 3
    while (i < limit && i < end && isDigit(buf[i] ?? 0)) i++
    if (i === at + 1) return Start.other
  }
  if (i >= end) return Start.more
  return buf[i] === GREATER ? i + 1 - at : Start.other
}

/**
 * A count is digits, one space and a complete PRI that the counted bytes hold. Without the PRI it is a line that
 * begins with a number (`2019 Mar 11 …`), and a count that ends inside the PRI is a lie.
 */
function readCount(buf: Buffer, at: number, end: number): number {
  let i = at
  let count = 0
  let digits = 0
  for (; i < end; i++) {
    const byte = buf[i] ?? 0
    if (!isDigit(byte)) break
    count = count * 10 + (byte - ZERO)
    if (count > 0) digits++
    if (digits > DIGITS_MAX || i - at >= DIGITS_WRITTEN_MAX) return Start.other
  }
  if (i >= end) return Start.more
  if (buf[i] !== SP) return Start.other
  const pri = readPri(buf, i + 1, end)
  if (pri < 0) return pri
  if (count < pri) return Start.other
  return (count << COUNT_SHIFT) | (i + 1 - at)
}

/** Reads the start of a frame at `at`; the bytes at hand end at `end`. A count, or one of {@link Start}. */
export function readStart(buf: Buffer, at: number, end: number): number {
  const byte = buf[at] ?? 0
  if (isDigit(byte)) return readCount(buf, at, end)
  if (byte === LESS) {
    const pri = readPri(buf, at, end)
    return pri < 0 ? pri : Start.pri
  }
  if (byte === TLS_HANDSHAKE) {
    if (at + 1 >= end) return Start.more
    return buf[at + 1] === TLS_MAJOR ? Start.tls : Start.other
  }
  return Start.other
}

/** Whether a count at `at` was written with leading zeros. */
export function hasLeadingZero(buf: Buffer, at: number): boolean {
  return buf[at] === ZERO
}
