/**
 * A number for each start of the router, unique and rising in one data folder: wall-clock milliseconds, or one more than
 * the last when the clock went back. Event identities begin with it.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { errorText, LogweirError } from '../base/errors.ts'
import { FILE_MODE, lstatOf, syncFolder } from './safe-files.ts'

const DIGITS_MAX = 16

/** The epoch of this start; remembered before it is given. Throws when the data folder cannot be written. */
export function nextEpoch(data: string, clock: Clock = systemClock): number {
  const path = join(data, 'epoch')
  const epoch = Math.max(Math.trunc(clock.wall()), lastEpoch(path) + 1)
  try {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
    const file = openSync(`${path}.new`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, FILE_MODE)
    try {
      writeSync(file, `${epoch}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(`${path}.new`, path)
    syncFolder(data)
  } catch (error) {
    const message = `cannot write ${path}: ${errorText(error)}`
    throw new LogweirError(
      'data_unwritable',
      message,
      `Make ${data} writable for the user that runs Logweir.`,
      { cause: error },
    )
  }
  return epoch
}

/** -1 when there was none, or when the file holds anything else than a number. */
function lastEpoch(path: string): number {
  if (lstatOf(path)?.isFile() !== true) return -1
  const text = readFileSync(path, 'latin1').trim()
  const last = text.length <= DIGITS_MAX ? Number(text) : Number.NaN
  return Number.isSafeInteger(last) && last < Number.MAX_SAFE_INTEGER ? last : -1
}
