/** A spool file opened to look at it: nothing of it changes, also when a crash left a transaction to roll back. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { lstatOf, readStart, SIZE_BELIEVED } from './safe-files.ts'
import { APPLICATION_ID, READABLE, SpoolRefused } from './spool-file.ts'

export interface ReadFile {
  readonly db: Database.Database
  readonly version: number
  close(): void
}

/**
 * Opens a file for reading only. With an unfinished transaction beside it, a copy is rolled back and read, unless the
 * file is too large for one.
 * @throws what SQLite or the system says, and {@link SpoolRefused} for what is not ours.
 */
export function openForReading(path: string, journal = `${path}-journal`): ReadFile {
  const { size } = readStart(path, 1)
  const hot = lstatOf(journal)?.isFile() === true && (readStart(journal, 1).start[0] ?? 0) !== 0
  if (!hot)
    return checked(new Database(path, { readonly: true, fileMustExist: true, timeout: 0 }), () => undefined)
  // With holes it is small, and its copy is not.
  if (size > SIZE_BELIEVED)
    throw new SpoolRefused(`a crash left a transaction, and ${size} bytes are too many for a copy`, false)
  const folder = mkdtempSync(join(tmpdir(), 'logweir-spool-'))
  const gone = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const copy = join(folder, 'copy.db')
    copyFileSync(path, copy)
    copyFileSync(journal, `${copy}-journal`)
    return checked(new Database(copy, { fileMustExist: true, timeout: 0 }), gone)
  } catch (error) {
    gone()
    throw error
  }
}

function checked(db: Database.Database, gone: () => void): ReadFile {
  const close = (): void => {
    db.close()
    gone()
  }
  try {
    db.pragma('trusted_schema = OFF')
    db.pragma('cell_size_check = ON')
    const version = Number(db.pragma('user_version', { simple: true }))
    if (Number(db.pragma('application_id', { simple: true })) !== APPLICATION_ID) {
      throw new SpoolRefused('not a spool file', false)
    }
    return { db, version, close }
  } catch (error) {
    close()
    throw error
  }
}

/** @throws {SpoolRefused} when rows of this version are not known. */
export function checkVersion(version: number): void {
  if (!READABLE.includes(version)) throw new SpoolRefused(`spool version ${version} is not known`, true)
}
