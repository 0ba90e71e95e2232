/**
 * The PROXY protocol's header, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): what a balancer writes before the
 * bytes of the sender it stands for. Pure: bytes in, one outcome out, however the bytes were cut into chunks.
 */
import { Buffer } from 'node:buffer'
import { isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from './prefixes.ts'

/** Version 1: `PROXY UNKNOWN` with two IPv6 addresses and ports, CR LF included (section 2.1). */
const V1_MAX = 107
/** Version 2 with its addresses and TLVs. Real ones have some hundred bytes; a client's certificate fits as well. */
export const PROXY_HEADER_MAX = 4096

const V1_WORD = Buffer.from('PROXY ', 'latin1')
/** Twelve bytes that no text begins with (section 2.2). */
export const V2_SIGNATURE: Buffer = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
/** Signature, version and command, family and transport, length of the rest. */
const V2_FIXED = 16

const LF = 0x0a
const CR = 0x0d

/** What a header says, or why it says nothing. `sender` is null where the balancer speaks for itself or cannot say. */
export type ProxyOutcome =
  | { readonly kind: 'more' }
  | { readonly kind: 'header'; readonly sender: string | null; readonly length: number }
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly detail: string }

const MORE: ProxyOutcome = { kind: 'more' }
const MISSING: ProxyOutcome = { kind: 'missing' }

/** Reads the header at the beginning of `bytes`; `length` of a header is where the sender's own bytes begin. Never throws. */
export function readProxyHeader(bytes: Buffer): ProxyOutcome {
  if (bytes.length === 0) return MORE
  if (beginsWith(bytes, V2_SIGNATURE)) return bytes.length < V2_FIXED ? MORE : readV2(bytes)
  return beginsWith(bytes, V1_WORD) ? readV1(bytes) : MISSING
}

/** `bytes` begins with `start`, or is a beginning of it. */
function beginsWith(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

// ---- version 1 -------------------------------------------------------------------------------------

function readV1(bytes: Buffer): ProxyOutcome {
  const lf = bytes.subarray(0, V1_MAX).indexOf(LF)
  if (lf === -1) return bytes.length < V1_MAX ? MORE : invalid(`no end within ${V1_MAX} bytes`)
  if (bytes[lf - 1] !== CR) return invalid('its line does not end with CR LF')
  const words = bytes.toString('latin1', V1_WORD.length, lf - 1).split(' ')
  const length = lf + 1
  // What follows UNKNOWN is to be ignored (section 2.1).
  if (words[0] === 'UNKNOWN') return { kind: 'header', sender: null, length }
  const [family, source = '', target = '', source_port = '', target_port = ''] = words
  if (family !== 'TCP4' && family !== 'TCP6') return invalid('neither TCP4, TCP6 nor UNKNOWN')
  const known = family === 'TCP4' ? isIPv4 : isIPv6
  if (words.length !== 5 || !known(source) || !known(target) || hasZone(source))
    return invalid(`not two addresses of ${family}`)
  if (!isPort(source_port) || !isPort(target_port)) return invalid('not two ports')
  const sender = family === 'TCP6' ? plainAddress(canonicalIpv6(source)) : source
  return { kind: 'header', sender, length }
}

/** Decimal, without leading zeros, at most 65535. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function hasZone(address: string): boolean {
  return address.includes('%')
}

/** As Node writes addresses of peers: the same sender is the same text by every way in. */
function canonicalIpv6(address: string): string {
  const host = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(host)
  if (mapped === null) return host
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)]
  return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

// ---- version 2 -------------------------------------------------------------------------------------

const LOCAL = 0x20
const PROXY = 0x21
/** Family and transport: only stream connections of IPv4 and IPv6 name a sender that `allow` can judge. */
const TCP4 = 0x11
const TCP6 = 0x21
/** Highest family (UNIX) and transport (datagram) that the specification has. */
const FAMILY_MAX = 3
const TRANSPORT_MAX = 2
const IPV4_BYTES = 12
const IPV6_BYTES = 36

function readV2(bytes: Buffer): ProxyOutcome {
  const command = bytes[12] ?? 0
  const kind = bytes[13] ?? 0
  const rest = bytes.readUInt16BE(14)
  const length = V2_FIXED + rest
  if (command !== LOCAL && command !== PROXY) return invalid(`version and command 0x${command.toString(16)}`)
  if (kind >> 4 > FAMILY_MAX || (kind & 15) > TRANSPORT_MAX) return invalid(`family 0x${kind.toString(16)}`)
  if (length > PROXY_HEADER_MAX) return invalid(`${length} bytes, more than ${PROXY_HEADER_MAX}`)
  const needed = addressBytes(kind)
  if (command === PROXY && rest < needed) return invalid(`${rest} bytes of addresses, not ${needed}`)
  if (bytes.length < length) return MORE
  // The balancer's own connection, a health check: its addresses are to be discarded (section 2.2).
  if (command === LOCAL) return { kind: 'header', sender: null, length }
  return { kind: 'header', sender: senderV2(bytes, kind), length }
}

function addressBytes(kind: number): number {
  return [0, IPV4_BYTES, IPV6_BYTES, 216][kind >> 4] ?? 0
}

/** Behind the addresses come TLVs, which say nothing about who the sender is: they are skipped. */
function senderV2(bytes: Buffer, kind: number): string | null {
  if (kind === TCP4) return bytes.subarray(V2_FIXED, V2_FIXED + 4).join('.')
  if (kind !== TCP6) return null
  const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(V2_FIXED + n * 2).toString(16))
  return plainAddress(canonicalIpv6(groups.join(':')))
}

function invalid(detail: string): ProxyOutcome {
  return { kind: 'invalid', detail }
}
