/** Addresses and networks as text: read strictly, written one way, so that equal ones are equal texts. */
import { isIP } from 'node:net'

export interface Network {
  /** Canonical `address/prefix`, host bits cleared, IPv4-mapped IPv6 as IPv4. */
  readonly text: string
  /** The address had bits set behind its prefix: probably a typing error. */
  readonly host_bits: boolean
  readonly family: 4 | 6
}

/** `10.0.0.0/8`, `::1`, `fe80::/10`; a bare address is a network of one. Undefined when it is none. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([0-9A-Fa-f.:]{2,45})(?:\/([0-9]{1,3}))?$/.exec(text)
  const bytes = match === null ? undefined : addressBytes(match[1] ?? '')
  if (match === null || bytes === undefined) return undefined
  const written = (match[1] ?? '').includes(':') ? 128 : 32
  let prefix = match[2] === undefined ? written : Number(match[2])
  if (prefix > written) return undefined
  // A mapped network is IPv4's when its prefix reaches into the IPv4 part.
  if (written === 128 && bytes.length === 4) {
    if (prefix < 96) return undefined
    prefix -= 96
  }
  const cleared = bytes.map((byte, index) => byte & maskByte(prefix - index * 8))
  const host_bits = cleared.some((byte, index) => byte !== bytes[index])
  return { text: `${addressText(cleared)}/${prefix}`, host_bits, family: bytes.length === 4 ? 4 : 6 }
}

/** An address in its one canonical form (RFC 5952; IPv4-mapped as IPv4), or undefined. */
export function parseAddress(text: string): string | undefined {
  const bytes = addressBytes(text)
  return bytes === undefined ? undefined : addressText(bytes)
}

/** Length of a canonical network's prefix. */
export function prefixOf(network: string): number {
  return Number(network.split('/')[1])
}

/** Whether two canonical networks share an address: then one holds the other. */
export function overlap(a: string, b: string): boolean {
  const [wide, narrow] = prefixOf(a) <= prefixOf(b) ? [a, b] : [b, a]
  return parseNetwork(`${narrow.split('/')[0]}/${prefixOf(wide)}`)?.text === wide
}

/** Whether a canonical network lies within another. */
export function within(network: string, wide: string): boolean {
  return prefixOf(network) >= prefixOf(wide) && overlap(network, wide)
}

function maskByte(bits: number): number {
  if (bits >= 8) return 0xff
  return bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff
}

/** 4 or 16 bytes. Zones (`%eth0`) are refused: they name an interface of one machine. */
function addressBytes(text: string): number[] | undefined {
  const family = text.includes('%') ? 0 : isIP(text)
  if (family === 4) return text.split('.').map(Number)
  if (family !== 6) return undefined
  const [head = '', tail] = text.split('::')
  const front = groupBytes(head)
  const back = tail === undefined ? [] : groupBytes(tail)
  const bytes = [...front, ...Array.from({ length: 16 - front.length - back.length }, () => 0), ...back]
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  return mapped ? bytes.slice(12) : bytes
}

function groupBytes(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const number = Number.parseInt(group, 16)
    return [number >> 8, number & 0xff]
  })
}

function addressText(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from(
    { length: 8 },
    (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0),
  )
  const { start, length } = longestZeros(groups)
  const hex = groups.map((group) => group.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** The first of the longest runs of zero groups (RFC 5952 §4.2.3). */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
