/** What follows the addresses of a firewall line: counters or TCP flags, then the label. */
import type { Buffer } from 'node:buffer'
import { digitsEnd } from './time-scan.ts'
import { Fw, type EventView } from './view.ts'

const SPACE = 0x20
const SLASH = 0x2f

/** Place of each TCP flag letter in `FSRPAUEW`, from 1; 0 for every other byte. */
const FLAG_RANK = new Uint8Array(256)
for (let i = 0; i < 8; i += 1) FLAG_RANK['FSRPAUEW'.charCodeAt(i)] = i + 1

/** Reads the tail that begins at `from`: counters of a TERM line, flags of any other TCP line, and all the rest, trimmed, as the label. */
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
  view.label_start = p
  view.label_end = q
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
