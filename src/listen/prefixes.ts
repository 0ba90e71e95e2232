/** Networks and a number for each, found by the longest match: a look-up costs one probe per prefix length in use. */
import { isIP } from 'node:net'

const MAPPED = 0xffffn

interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** An IPv6 address that `isIP` has accepted, as a number. */
function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.split('::')
  const front = words(head)
  const back = tail === undefined ? [] : words(tail)
  const gap = Array.from({ length: 8 - front.length - back.length }, () => 0)
  let value = 0n
  for (const word of [...front, ...gap, ...back]) value = (value << 16n) | BigInt(word)
  return value
}

function words(part: string): number[] {
  if (part === '') return []
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const ipv4 = ipv4Value(group)
    return [ipv4 >>> 16, ipv4 & 0xffff]
  })
}

function ipv4Value(text: string): number {
  let value = 0
  for (const octet of text.split('.')) value = value * 256 + Number(octet)
  return value
}

/** An IPv4 (32 bits) or IPv6 (128 bits) address as a number; undefined for anything else. */
export function addressValue(text: string): bigint | undefined {
  const family = isIP(text)
  if (family === 4) return BigInt(ipv4Value(text))
  return family === 6 ? ipv6Value(text) : undefined
}

/** IPv4-mapped IPv6 is IPv4; the zone of a link-local address (`%eth0`) is left out. Undefined for anything else. */
function readAddress(text: string): Address | undefined {
  const zone = text.indexOf('%')
  const plain = zone === -1 ? text : text.slice(0, zone)
  const value = addressValue(plain)
  if (value === undefined) return undefined
  if (!plain.includes(':')) return { bits: 32, value }
  return value >> 32n === MAPPED ? { bits: 32, value: value & 0xffff_ffffn } : { bits: 128, value }
}

/** `::ffff:10.0.0.7` as `10.0.0.7`; everything else as it is. */
export function plainAddress(text: string): string {
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text
}

/** Networks of one prefix length, by their first bits. */
interface Level {
  readonly shift: bigint
  readonly values: Map<bigint, number>
}

/** See the module. */
export class PrefixTable {
  readonly #levels: Readonly<Record<32 | 128, Level[]>> = { 32: [], 128: [] }

  /** Adds `10.0.0.0/8` or a bare address. The first of two equal networks counts. False: not a network. */
  add(network: string, value: number): boolean {
    const slash = network.indexOf('/')
    const text = slash === -1 ? network : network.slice(0, slash)
    const address = readAddress(text)
    if (address === undefined) return false
    const written = text.includes(':') ? 128 : 32
    const given = slash === -1 ? written : Number(network.slice(slash + 1))
    const prefix = given - (written - address.bits)
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > address.bits) return false
    const level = this.#level(address.bits, prefix)
    const key = address.value >> level.shift
    if (!level.values.has(key)) level.values.set(key, value)
    return true
  }

  /** The number of the longest network that holds `address`, or -1. */
  find(address: string): number {
    const parsed = readAddress(address)
    if (parsed === undefined) return -1
    for (const { shift, values } of this.#levels[parsed.bits]) {
      const value = values.get(parsed.value >> shift)
      if (value !== undefined) return value
    }
    return -1
  }

  #level(bits: 32 | 128, prefix: number): Level {
    const levels = this.#levels[bits]
    const shift = BigInt(bits - prefix)
    const known = levels.find((level) => level.shift === shift)
    if (known !== undefined) return known
    const made = { shift, values: new Map<bigint, number>() }
    levels.push(made)
    levels.sort((a, b) => Number(a.shift - b.shift))
    return made
  }
}
