/** Where else in an event its host is named. */
import type { Buffer } from 'node:buffer'
import { Address, parseAddress } from './cidr.ts'

const DOT = 0x2e
/** A shorter first word of a name is an ordinary word too often. */
const SHORT_MIN = 3
/** What overlaps an earlier comparison by no more is compared again. */
const NEAR = 16
const NAME_MAX = 256
const address = new Address()
/** Of the name at hand: how many bytes from each place on are as at its beginning. */
const repeats = new Uint16Array(NAME_MAX)

/** Letters, digits, `-` and `_`: a name does not begin or end beside one of them. */
function isWord(byte: number | undefined): boolean {
  if (byte === undefined) return false
  const lower = byte | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f
}

function same(a: number, b: number): boolean {
  if (a === b) return true
  const lower = a | 0x20
  return lower === (b | 0x20) && lower >= 0x61 && lower <= 0x7a
}

/**
 * Calls `found` for every place in `buf[from, to)` where the host of `buf[host, host_end)` is named: with its domain, or
 * its first word alone. Letters match in either case. Linear whatever the name is: what a comparison has seen of the text is
 * known by the name's own repeats (the Z algorithm), and is not looked at again for each place in it.
 */
export function eachName(
  buf: Buffer,
  from: number,
  to: number,
  host: number,
  host_end: number,
  found: (start: number, end: number) => void,
): void {
  const short_end = shortEnd(buf, host, host_end)
  const least = short_end - host
  // The text in [left, right) is as the name's beginning.
  let left = from
  let right = from
  let known = false
  for (let at = from; at + least <= to; at++) {
    if (!same(buf[at] as number, buf[host] as number)) continue
    if (at > from && isWord(buf[at - 1])) continue
    let length = 1
    if (right - at > NEAR && host_end - host <= NAME_MAX) {
      if (!known) findRepeats(buf, host, host_end)
      known = true
      length = Math.min(repeats[at - left] as number, right - at)
    }
    while (
      at + length < to &&
      host + length < host_end &&
      same(buf[at + length] as number, buf[host + length] as number)
    )
      length += 1
    if (at + length > right) {
      left = at
      right = at + length
    }
    const whole = length === host_end - host && (at + length >= to || !isWord(buf[at + length]))
    if (!whole && (length < least || (at + least < to && isWord(buf[at + least])))) continue
    const end = at + (whole ? length : least)
    found(at, end)
    at = end - 1
  }
}

/** Where the first word of a name ends; of an address, and of a short word, where it all does. */
function shortEnd(buf: Buffer, host: number, host_end: number): number {
  if (parseAddress(buf, host, host_end, address)) return host_end
  const dot = buf.indexOf(DOT, host)
  return dot < 0 || dot >= host_end || dot - host < SHORT_MIN ? host_end : dot
}

function findRepeats(buf: Buffer, host: number, host_end: number): void {
  const size = host_end - host
  repeats[0] = size
  for (let at = 1, left = 0, right = 0; at < size; at++) {
    let length = at < right ? Math.min(repeats[at - left] as number, right - at) : 0
    while (at + length < size && same(buf[host + at + length] as number, buf[host + length] as number))
      length += 1
    repeats[at] = length
    if (at + length > right) {
      left = at
      right = at + length
    }
  }
}
