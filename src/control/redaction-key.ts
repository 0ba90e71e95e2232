/** The key of hashes in redacted events: the configuration's, or one that is drawn at first need (mode 0600). */
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, LogweirError } from '../base/errors.ts'
import type { Settings } from '../config/types.ts'

const FILE = 'redaction.key'

/**
 * The key. As long as it stays, equal values have equal hashes, over restarts too.
 * @throws {LogweirError} naming the file.
 */
export function redactionKey({ redaction, data }: Pick<Settings, 'redaction' | 'data'>): string {
  if (redaction.key !== null) return redaction.key
  const path = join(data, FILE)
  try {
    return existsSync(path) ? readKey(path) : makeKey(path)
  } catch (error) {
    const message = `the key for redacted values, ${path}: ${errorText(error)}`
    throw new LogweirError(
      'LW_REDACTION_KEY',
      message,
      'make the data folder writable, or set `redaction.key`',
      {
        cause: error,
      },
    )
  }
}

function readKey(path: string): string {
  const key = readFileSync(path, 'utf8').trim()
  // A cut key would hash on, with everybody guessing it.
  if (!/^[0-9a-f]{64}$/.test(key))
    throw new Error('is not whole: put the old file back, or remove it for new hashes')
  return key
}

function makeKey(path: string): string {
  const key = randomBytes(32).toString('hex')
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, `${key}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return key
}
