/**
 * Names on disk. A forwarder key holds what operators and tenants like; a folder's name must be one path
 * piece, distinct also where case does not count, and bounded. So: lower-case letters, digits, `_`, `-` and inner
 * `.` stand for themselves, every other byte is `%` and two hex digits; what is too long is cut and ends with `~` and
 * part of its SHA-256, and then the folder holds the whole key in {@link KEY_FILE}.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

const ENCODED_MAX = 150
const CUT = 100
const HASH_DIGITS = 32
const SEQUENCE_DIGITS = 16

/** Holds a chain's key where the folder's name could not. */
export const KEY_FILE = 'key'
export const CURSORS_FILE = 'cursors.db'

/** The folder name of a forwarder key. */
export function encodeKey(key: string): string {
  let encoded = ''
  for (const byte of Buffer.from(key))
    encoded += isPlain(byte, encoded.length) ? String.fromCharCode(byte) : hex(byte)
  if (encoded === '') return '%'
  if (encoded.length <= ENCODED_MAX) return encoded
  return `${encoded.slice(0, CUT)}~${createHash('sha256').update(key).digest('hex').slice(0, HASH_DIGITS)}`
}

/** The key of a folder name; undefined when it was cut or was not made by {@link encodeKey}. */
export function decodeKey(name: string): string | undefined {
  if (name === '%') return ''
  const bytes: number[] = []
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code !== 0x25) {
      bytes.push(code & 0xff)
      continue
    }
    bytes.push(Number.parseInt(name.slice(at + 1, at + 3), 16))
    at += 2
  }
  const key = Buffer.from(bytes.map((byte) => (Number.isNaN(byte) ? 0 : byte))).toString()
  return encodeKey(key) === name ? key : undefined
}

/** Whether the folder's name alone does not tell the key. */
export function isCut(name: string): boolean {
  return name.includes('~')
}

/**
 * The name of a chain's file: the first sequence that it held. `shift` is what is added to the sequences inside:
 * above 0 in files of another worker that were put behind this one's.
 */
export function fileName(sequence: number, shift = 0, twin = 0): string {
  const number = String(sequence).padStart(SEQUENCE_DIGITS, '0')
  return `${number}${shift === 0 ? '' : `+${shift}`}${twin === 0 ? '' : `.${twin}`}.db`
}

/** What a file name of a chain says, or undefined when it is none. */
export function parseFileName(
  name: string,
): { readonly sequence: number; readonly shift: number } | undefined {
  if (!name.endsWith('.db')) return undefined
  const [stem = ''] = name.slice(0, -'.db'.length).split('.')
  const [number = '', shift = '0'] = stem.split('+')
  if (number.length !== SEQUENCE_DIGITS || !isDigits(number) || !isDigits(shift)) return undefined
  return { sequence: Number(number), shift: Number(shift) }
}

export function stopName(number: number): string {
  return `stop-${number}.db`
}

/** The number of a stop file's name, or undefined when it is none. */
export function parseStopName(name: string): number | undefined {
  if (!name.startsWith('stop-') || !name.endsWith('.db')) return undefined
  const number = name.slice('stop-'.length, -'.db'.length)
  return isDigits(number) ? Number(number) : undefined
}

/** The number of a worker's folder, or undefined when it is none. */
export function parseWorkerName(name: string): number | undefined {
  return isDigits(name) && String(Number(name)) === name ? Number(name) : undefined
}

function isDigits(text: string): boolean {
  if (text === '' || text.length > SEQUENCE_DIGITS) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

function isPlain(byte: number, at: number): boolean {
  if (byte >= 0x61 && byte <= 0x7a) return true
  if (byte >= 0x30 && byte <= 0x39) return true
  return byte === 0x2d || byte === 0x5f || (byte === 0x2e && at > 0)
}

function hex(byte: number): string {
  return `%${byte.toString(16).padStart(2, '0')}`
}
