/** Facilities and severities (RFC 5424 §6.2.1) as senders write them in fields: numbers, or the usual names. */
import type { Buffer } from 'node:buffer'

const FACILITIES = (
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ')

const SEVERITIES: Readonly<Record<string, number>> = {
  emerg: 0,
  emergency: 0,
  panic: 0,
  alert: 1,
  crit: 2,
  critical: 2,
  err: 3,
  error: 3,
  warn: 4,
  warning: 4,
  notice: 5,
  info: 6,
  informational: 6,
  debug: 7,
}

const MAX = { pri: 191, facility: 23, severity: 7 } as const
const WORD_MAX = 16

/** The number that `buf[start, end)` means, -1 when it means none. */
export function codeOf(buf: Buffer, start: number, end: number, kind: keyof typeof MAX): number {
  if (end <= start || end - start > WORD_MAX) return -1
  let value = 0
  let p = start
  while (p < end && p - start < 4) {
    const digit = buf[p]! - 0x30
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
    p += 1
  }
  if (p === end) return value <= MAX[kind] ? value : -1
  if (p > start || kind === 'pri') return -1
  const word = buf.toString('latin1', start, end).toLowerCase()
  if (kind === 'facility') return FACILITIES.indexOf(word)
  return Object.hasOwn(SEVERITIES, word) ? (SEVERITIES[word] ?? -1) : -1
}
