/**
 * The bytes that take a field's place. They keep the field's form (an address stays an address, a number a number), so
 * that whoever reads the event again, our own encoders among them, finds its fields where they were.
 */
import { Buffer } from 'node:buffer'
import { Address, parseAddress, parseAddressText } from './cidr.ts'
import type { Replacement } from './edit-plan.ts'
import type { KeyedHash } from './keyed-hash.ts'

/** Writes what stands for `buf[start, end)` into `out` at `at`; returns where it ends. Writes at most {@link room} bytes. */
export interface Replacer {
  write(buf: Buffer, start: number, end: number, out: Buffer, at: number): number
  /** Bytes that it writes for so many at most. */
  room(length: number): number
}

export type FieldForm = 'text' | 'host' | 'address' | 'number'

const STAR = 0x2a
const HEX = Buffer.from('0123456789abcdef')
const REDACTED = Buffer.from('redacted')
/** The longest text of an address. */
const ADDRESS_ROOM = 45

export function makeReplacer(how: Replacement, form: FieldForm, hash: KeyedHash): Replacer {
  if (form === 'address') return addressReplacer(how, hash)
  switch (how.kind) {
    case 'hash':
      return form === 'host' ? hashed(Buffer.from('host-'), 4, hash) : hashed(Buffer.from('h'), 8, hash)
    case 'keep':
      return keeper(how.first, how.last)
    default: {
      const text = how.kind === 'with' ? how.text : null
      return constant(text === null ? (form === 'number' ? Buffer.from('0') : REDACTED) : Buffer.from(text))
    }
  }
}

function constant(text: Buffer): Replacer {
  return {
    write: (_buf, _start, _end, out, at) => at + text.copy(out, at),
    room: () => text.length,
  }
}

/** A number for a rule id: 15 digits at most are read as one. */
export function numberHash(hash: KeyedHash): Replacer {
  return {
    write(buf, start, end, out, at) {
      const bytes = hash.of(buf, start, end)
      // Ten digits from 5 bytes, without a leading zero.
      const value = 1_000_000_000 + (bytes.readUIntBE(0, 5) % 9_000_000_000)
      return at + out.write(String(value), at, 'latin1')
    },
    room: () => 10,
  }
}

function hashed(prefix: Buffer, bytes: number, hash: KeyedHash): Replacer {
  return {
    write(buf, start, end, out, at) {
      const made = hash.of(buf, start, end)
      let to = at + prefix.copy(out, at)
      for (let n = 0; n < bytes; n++) {
        const byte = made[n] as number
        out[to++] = HEX[byte >> 4] as number
        out[to++] = HEX[byte & 15] as number
      }
      return to
    },
    room: () => prefix.length + bytes * 2,
  }
}

/** Whether the byte begins a character of UTF-8, or stands for itself. */
function begins(byte: number): boolean {
  return (byte & 0xc0) !== 0x80
}

/** A value no longer than what is kept is hidden whole: it would be shown whole. */
function keeper(first: number, last: number): Replacer {
  return {
    write(buf, start, end, out, at) {
      let characters = 0
      for (let p = start; p < end; p++) if (p === start || begins(buf[p] as number)) characters += 1
      const whole = characters <= first + last
      let to = at
      let seen = 0
      let shown = false
      for (let p = start; p < end; p++) {
        const byte = buf[p] as number
        const next = p === start || begins(byte)
        if (next) {
          shown = !whole && (seen < first || seen >= characters - last)
          seen += 1
        }
        if (shown) out[to++] = byte
        else if (next) out[to++] = STAR
      }
      return to
    },
    room: (length) => length,
  }
}

const address = new Address()
const canonical = Buffer.alloc(17)

function addressReplacer(how: Replacement, hash: KeyedHash): Replacer {
  const given = how.kind === 'with' && how.text !== null ? Buffer.from(how.text) : null
  if (given !== null) return constant(given)
  return {
    write(buf, start, end, out, at) {
      const known = parseAddress(buf, start, end, address)
      const { words } = address
      if (!known) words.fill(0)
      else if (how.kind === 'hash') hashAddress(hash)
      else if (how.kind === 'network') cut(words, address.family === 4 ? 96 + how.ipv4 : how.ipv6)
      else words.fill(0)
      return known && address.family === 6 ? writeSix(words, out, at) : writeFour(words[3] as number, out, at)
    },
    room: () => ADDRESS_ROOM,
  }
}

/** Into networks that nobody routes: 240.0.0.0/4 and fd00::/8. */
function hashAddress(hash: KeyedHash): void {
  const { words, family } = address
  canonical[0] = family
  for (let word = 0; word < 4; word++) canonical.writeUInt32BE(words[word] as number, 1 + word * 4)
  const made = hash.of(canonical, 0, canonical.length)
  if (family === 4) {
    words[3] = (0xf0000000 | (made.readUInt32BE(0) & 0x0fffffff)) >>> 0
    return
  }
  words[0] = (0xfd000000 | (made.readUInt32BE(0) & 0x00ffffff)) >>> 0
  words[1] = made.readUInt32BE(4)
  words[2] = (made.readUInt16BE(8) << 16) >>> 0
  words[3] = 0
}

/** Keeps the first `bits` of 128. */
function cut(words: Uint32Array, bits: number): void {
  for (let word = 0; word < 4; word++) {
    const own = Math.min(32, Math.max(0, bits - word * 32))
    words[word] = own === 0 ? 0 : ((words[word] as number) & ((0xffffffff << (32 - own)) >>> 0)) >>> 0
  }
}

function writeFour(word: number, out: Buffer, from: number): number {
  let at = from
  for (let shift = 24; shift >= 0; shift -= 8) {
    at = writeDecimal((word >>> shift) & 0xff, out, at)
    if (shift > 0) out[at++] = 0x2e
  }
  return at
}

function writeDecimal(value: number, out: Buffer, from: number): number {
  let at = from
  if (value >= 100) out[at++] = 0x30 + Math.floor(value / 100)
  if (value >= 10) out[at++] = 0x30 + (Math.floor(value / 10) % 10)
  out[at++] = 0x30 + (value % 10)
  return at
}

/** Eight groups without `::`, except for the address of nothing. */
function writeSix(words: Uint32Array, out: Buffer, from: number): number {
  let at = from
  if (words.every((word) => word === 0)) {
    out[at++] = 0x3a
    out[at++] = 0x3a
    return at
  }
  for (let group = 0; group < 8; group++) {
    const value = ((words[group >> 1] as number) >>> (group % 2 === 0 ? 16 : 0)) & 0xffff
    if (group > 0) out[at++] = 0x3a
    let digits = value > 0xfff ? 4 : value > 0xff ? 3 : value > 0xf ? 2 : 1
    for (; digits > 0; digits--) out[at++] = HEX[(value >> ((digits - 1) * 4)) & 15] as number
  }
  return at
}

/** Whether a text is an address, for the reader. */
export function isAddress(text: string): boolean {
  return parseAddressText(text, new Address())
}
