/**
 * IP addresses and CIDR networks as numbers. Addresses are parsed from bytes into a reused array, so that a
 * `where` with networks makes no garbage per event. IPv4-mapped IPv6 (`::ffff:a.b.c.d`) counts as IPv4.
 */

/** A parsed address: `family` 4 or 6 (0: not an address) and four 32-bit words; IPv4 uses the last one. */
export class Address {
  family: 0 | 4 | 6 = 0
  readonly words: Uint32Array = new Uint32Array(4)
}

export interface Network {
  readonly family: 4 | 6
  readonly words: Uint32Array
  readonly masks: Uint32Array
}

const COLON = 0x3a
const DOT = 0x2e
const PERCENT = 0x25
const NOT_HEX = -1

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NOT_HEX
}

/** Four decimal octets without leading zeros (an octal reading elsewhere would differ); -1 when it is not that. */
function parseDotted(buf: Uint8Array, start: number, end: number): number {
  let value = 0
  let octet = -1
  let dots = 0
  for (let at = start; at < end; at++) {
    const byte = buf[at] ?? 0
    if (byte === DOT) {
      if (octet < 0 || dots === 3) return -1
      value = value * 256 + octet
      octet = -1
      dots++
    } else {
      const digit = byte - 0x30
      if (digit < 0 || digit > 9 || octet === 0) return -1
      octet = octet < 0 ? digit : octet * 10 + digit
      if (octet > 255) return -1
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1
}

const groups = new Uint16Array(8)

/** Reads the hexadecimal groups of an IPv6 address into `groups`; false when it is none. */
function parseGroups(buf: Uint8Array, start: number, end: number): boolean {
  let count = 0
  let gap = -1
  let at = start
  if (buf[at] === COLON) {
    if (at + 1 >= end || buf[at + 1] !== COLON) return false
    gap = 0
    at += 2
  }
  while (at < end) {
    if (count === 8) return false
    let value = 0
    const from = at
    for (; at < end; at++) {
      const digit = hexValue(buf[at] ?? 0)
      if (digit === NOT_HEX) break
      value = value * 16 + digit
    }
    if (at < end && buf[at] === DOT) {
      const dotted = count > 6 ? -1 : parseDotted(buf, from, end)
      if (dotted < 0) return false
      groups[count++] = dotted >>> 16
      groups[count++] = dotted & 0xffff
      break
    }
    if (at === from || at - from > 4) return false
    groups[count++] = value
    if (at === end) break
    if (buf[at++] !== COLON || at === end) return false
    if (buf[at] === COLON) {
      if (gap >= 0) return false
      gap = count
      at++
    }
  }
  if (gap < 0) return count === 8
  if (count === 8) return false
  groups.copyWithin(8 - (count - gap), gap, count)
  groups.fill(0, gap, 8 - (count - gap))
  return true
}

/** Reads the address in `buf[start, end)` into `into`; a zone (`%eth0`) is left out. False, and family 0, when it is none. */
export function parseAddress(buf: Uint8Array, start: number, end: number, into: Address): boolean {
  into.family = 0
  if (end - start < 2 || end - start > 64) return false
  const words = into.words
  const dotted = parseDotted(buf, start, end)
  if (dotted >= 0) {
    words[0] = words[1] = words[2] = 0
    words[3] = dotted
    into.family = 4
    return true
  }
  const zone = buf.indexOf(PERCENT, start)
  if (!parseGroups(buf, start, zone > start && zone < end ? zone : end)) return false
  for (let word = 0; word < 4; word++) {
    words[word] = (((groups[word * 2] ?? 0) << 16) | (groups[word * 2 + 1] ?? 0)) >>> 0
  }
  into.family = words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? 4 : 6
  if (into.family === 4) words[2] = 0
  return true
}

const ascii = new TextEncoder()

/** {@link parseAddress} of a text; for load time and for one look-up a connection, not per event. */
export function parseAddressText(text: string, into: Address): boolean {
  const bytes = ascii.encode(text)
  return parseAddress(bytes, 0, bytes.length, into)
}

/** Reads `a.b.c.d/n`, `IPv6/n` or a bare address (all bits); undefined when it is none. Host bits are ignored. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = new Address()
  if (!parseAddressText(slash < 0 ? text : text.slice(0, slash), address) || address.family === 0)
    return undefined
  const mapped = address.family === 4 && text.includes(':')
  const size = address.family === 4 && !mapped ? 32 : 128
  const written = slash < 0 ? String(size) : text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(written)) return undefined
  const bits = Number(written)
  if (bits > size || (mapped && bits < 96)) return undefined
  // IPv4 stands in the last word, so its bits begin after the first 96.
  const total = size === 32 ? bits + 96 : bits
  const masks = new Uint32Array(4)
  const words = new Uint32Array(4)
  for (let word = 0; word < 4; word++) {
    const own = Math.min(32, Math.max(0, total - word * 32))
    masks[word] = own === 0 ? 0 : (0xffffffff << (32 - own)) >>> 0
    words[word] = ((address.words[word] ?? 0) & (masks[word] ?? 0)) >>> 0
  }
  return { family: address.family, words, masks }
}

/** Whether the address lies in the network; an address of the other family never does. */
export function inNetwork(address: Address, network: Network): boolean {
  if (address.family !== network.family) return false
  const { words, masks } = network
  for (let word = 3; word >= 0; word--) {
    if (((address.words[word] ?? 0) & (masks[word] ?? 0)) >>> 0 !== words[word]) return false
  }
  return true
}

/** Whether the address lies in any of the networks. */
export function inNetworks(address: Address, networks: readonly Network[]): boolean {
  for (let at = 0; at < networks.length; at++) {
    const network = networks[at]
    if (network !== undefined && inNetwork(address, network)) return true
  }
  return false
}
