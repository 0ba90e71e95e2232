/** Keys of the spool: a file with one a line. The first encrypts; the others only read what was written with them. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { errorText, LogweirError } from '../base/errors.ts'

/** One key of AES-256. */
export interface SpoolKey {
  /** Names it in rows: 16 hex digits of a hash, from which nothing about the key can be learned. */
  readonly id: string
  readonly secret: Uint8Array
}

const KEY_BYTES = 32
const KEYS_MAX = 64
const FILE_MAX = 64 * 1024
const HEX = /^[0-9a-fA-F]{64}$/
const BASE64 = /^[A-Za-z0-9+/]{43}=?$/
const MEND = 'write one key a line, the one to encrypt with first, each from `openssl rand -hex 32`'

/**
 * The keys of a file; empty when there is none (null).
 * @throws {LogweirError} when it cannot be read or holds anything else. No part of it is ever in the message.
 */
export function readSpoolKeys(path: string | null): readonly SpoolKey[] {
  if (path === null) return []
  const keys: SpoolKey[] = []
  for (const [at, line] of readText(path).split('\n').entries()) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const secret = HEX.test(text)
      ? Buffer.from(text, 'hex')
      : Buffer.from(BASE64.test(text) ? text : '', 'base64')
    if (secret.length !== KEY_BYTES)
      throw wrong(`line ${at + 1} of ${path} is not a key of 32 bytes, in hex or base64`)
    keys.push(makeKey(secret))
  }
  if (keys.length === 0) throw wrong(`${path} holds no key`)
  if (keys.length > KEYS_MAX) throw wrong(`${path} holds more than ${KEYS_MAX} keys`)
  return keys
}

export function makeKey(secret: Uint8Array): SpoolKey {
  const id = createHash('sha256').update('logweir spool key').update(secret).digest('hex').slice(0, 16)
  return { id, secret: new Uint8Array(secret) }
}

function readText(path: string): string {
  try {
    if (statSync(path).size > FILE_MAX) throw new Error('it is too large')
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw wrong(`cannot read the keys of the spool in ${path}: ${errorText(error)}`)
  }
}

function wrong(message: string): LogweirError {
  return new LogweirError('LW_SPOOL_KEY_FILE', message, MEND, { exit: 2 })
}
