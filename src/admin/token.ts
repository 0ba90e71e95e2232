/** The operator's token: made at first start, mode 0600, read by the commands by themselves. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, LogweirError } from '../base/errors.ts'

const FILE = 'admin.token'

/** Reads the token, or makes it. @throws {LogweirError} naming the file. */
export function operatorToken(data: string): string {
  const path = join(data, FILE)
  if (existsSync(path)) return readOperatorToken(data)
  const token = randomBytes(24).toString('base64url')
  try {
    const fd = openSync(path, 'wx', 0o600)
    writeSync(fd, `${token}\n`)
    fsyncSync(fd)
    closeSync(fd)
    return token
  } catch (error) {
    throw new LogweirError(
      'LW_ADMIN_TOKEN',
      `cannot write ${path}: ${errorText(error)}`,
      'make the data folder writable',
    )
  }
}

/** The token that a running router made. @throws {LogweirError} naming the file. */
export function readOperatorToken(data: string): string {
  const path = join(data, FILE)
  try {
    const token = readFileSync(path, 'utf8').trim()
    if (token !== '') return token
    throw new Error('it is empty')
  } catch (error) {
    const mend = 'run this as the user that runs the router, or remove the file and start the router again'
    throw new LogweirError(
      'LW_ADMIN_TOKEN',
      `cannot read the operator token ${path}: ${errorText(error)}`,
      mend,
    )
  }
}

/** Compares in constant time. */
export function sameToken(given: string, token: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(token)
  return a.length === b.length && timingSafeEqual(a, b)
}
