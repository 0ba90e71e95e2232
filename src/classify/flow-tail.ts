/** What follows the addresses of a firewall line: counters or TCP flags, an annotation, then the label. */
import type { Buffer } from 'node:buffer'
import { digitsEnd } from './time-scan.ts'
import { Fw, type EventView } from './view.ts'

const SPACE = 0x20
const COMMA = 0x2c
const SLASH = 0x2f
const CLOSE_ROUND = 0x29
const UNDERSCORE = 0x5f
/** Characters of an id with its hyphens. */
const ID_LENGTH = 36

/** Place of each TCP flag letter in `FSRPAUEW`, from 1; 0 for every other byte. */
const FLAG_RANK = new Uint8Array(256)
for (let i = 0; i < 8; i += 1) FLAG_RANK['FSRPAUEW'.charCodeAt(i)] = i + 1

/** Reads the tail that begins at `from`: counters of a TERM line, flags of any other TCP line, an annotation, and all the rest, trimmed, as the label. */
export function readFlowTail(
  view: EventView,
  buf: Buffer,
  from: number,
  end: number,
  term: boolean,
  tcp: boolean,
): void {
  let p = from
  while (p < end && buf[p] === SPACE) p += 1
  if (p >= end) return
  if (term) p = readCounters(view.fw, buf, p, end)
  else if (tcp) p = readTcpFlags(view.fw, buf, p, end)
  while (p < end && buf[p] === SPACE) p += 1
  let q = end
  while (q > p && buf[q - 1] === SPACE) q -= 1
  if (q === p) return
  // Labels of Cloud Director are shorter than an annotation with an id, and few begin with `A`.
  if (buf[p] === 0x41 || q - p > ID_LENGTH + 2) p = readAnnotation(view.fw, buf, p, q)
  if (q === p) return
  view.label_start = p
  view.label_end = q
}

/** The same for lines with commas: flags, a comma, the label. */
export function readLabelTail(view: EventView, buf: Buffer, from: number, end: number, tcp: boolean): void {
  let p = from
  if (tcp) {
    let word = from
    while (word < end && buf[word] !== COMMA && buf[word] !== SPACE) word += 1
    if (word > from) p = readTcpFlags(view.fw, buf, from, word)
    while (p < end && (buf[p] === COMMA || buf[p] === SPACE)) p += 1
  }
  if (p < end) readFlowTail(view, buf, p, end, false, false)
}

/**
 * What a rule that looks into applications notes: `APP_DNS`, or `host.example(id)` of one that looks at names. Returns where
 * the label begins. An `APP_…` that stands alone may be a label set by hand as well: it is both.
 */
function readAnnotation(fw: Int32Array, buf: Buffer, from: number, end: number): number {
  let word = from
  while (word < end && buf[word] !== SPACE) word += 1
  const app = isApplication(buf, from, word)
  if (!app && !isNamed(buf, from, word)) return from
  fw[Fw.application] = from
  fw[Fw.application + 1] = word
  if (app && word === end) return from
  while (word < end && buf[word] === SPACE) word += 1
  return word
}

/** `APP_` and capitals, digits, `_`. */
function isApplication(buf: Buffer, start: number, end: number): boolean {
  if (end - start < 5 || buf[start] !== 0x41 || buf[start + 1] !== 0x50 || buf[start + 2] !== 0x50)
    return false
  if (buf[start + 3] !== UNDERSCORE) return false
  for (let p = start + 4; p < end; p += 1) {
    const c = buf[p]!
    if (!((c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c === UNDERSCORE)) return false
  }
  return true
}

/** `name(id)` with the 36 characters of an id. */
function isNamed(buf: Buffer, start: number, end: number): boolean {
  const open = end - ID_LENGTH - 2
  if (open <= start || buf[end - 1] !== CLOSE_ROUND || buf[open] !== 0x28) return false
  for (let p = open + 1; p < end - 1; p += 1) {
    const c = buf[p]!
    if (!((c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66) || c === 0x2d)) return false
  }
  return true
}

/** `packets_in/packets_out bytes_in/bytes_out`, if they are there in full. */
function readCounters(fw: Int32Array, buf: Buffer, p: number, end: number): number {
  const a = digitsEnd(buf, p, end)
  if (a === p || a >= end || buf[a] !== SLASH) return p
  const b = digitsEnd(buf, a + 1, end)
  if (b === a + 1 || b >= end || buf[b] !== SPACE) return p
  let bytes = b + 1
  while (bytes < end && buf[bytes] === SPACE) bytes += 1
  const c = digitsEnd(buf, bytes, end)
  if (c === bytes || c >= end || buf[c] !== SLASH) return p
  const d = digitsEnd(buf, c + 1, end)
  if (d === c + 1 || (d < end && buf[d] !== SPACE)) return p
  fw[Fw.packets_in] = p
  fw[Fw.packets_in + 1] = a
  fw[Fw.packets_out] = a + 1
  fw[Fw.packets_out + 1] = b
  fw[Fw.bytes_in] = bytes
  fw[Fw.bytes_in + 1] = c
  fw[Fw.bytes_out] = c + 1
  fw[Fw.bytes_out + 1] = d
  return d
}

/**
 * One word that is an ordered subset of `FSRPAUEW`, if it is there. A label of only such letters that stands alone is taken
 * for flags: the line does not tell them apart (docs/parser-decisions.md).
 */
function readTcpFlags(fw: Int32Array, buf: Buffer, from: number, end: number): number {
  let p = from
  let rank = 0
  while (p < end) {
    const c = buf[p]!
    if (c === SPACE) break
    const next = FLAG_RANK[c]!
    if (next <= rank) return from
    rank = next
    p += 1
  }
  fw[Fw.tcp_flags] = from
  fw[Fw.tcp_flags + 1] = p
  return p
}
