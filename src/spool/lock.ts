/**
 * One process a data folder. The lock is SQLite's own on `lock.db`, which the system drops with the process, however it
 * ends; the pid beside it is for the message only.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import { createFile, FOLDER_MODE, lstatOf, unlinkIfThere, writeWhole } from './safe-files.ts'

export interface DataLock {
  /** Lets another process in. Safe twice. */
  release(): void
}

/** Takes the lock of a data folder, making the folder when it is not there. */
export function lockDataFolder(data: string): DataLock {
  const path = join(data, 'lock.db')
  const pid_path = join(data, 'lock.pid')
  try {
    mkdirSync(data, { recursive: true, mode: FOLDER_MODE })
    // Only when it is not there: closing any descriptor of the file would drop this process's locks on it.
    if (lstatOf(path) === undefined) createLock(path)
    const db = takeLock(path)
    writeWhole(pid_path, `${process.pid}\n`)
    return lockOf(db, pid_path)
  } catch (error) {
    throw explained(data, pid_path, error)
  }
}

/**
 * Keeps a router from starting on a data folder that is looked at, and changes nothing there. Several may look.
 * @throws {LogweirError} `data_locked` when one runs.
 */
export function shareDataFolder(data: string): DataLock {
  const path = join(data, 'lock.db')
  try {
    // Where no router ever ran there is nothing to keep.
    if (lstatOf(path) === undefined) return { release: () => undefined }
    const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
    try {
      db.exec('BEGIN')
      db.prepare('SELECT count(*) FROM sqlite_master').get()
    } catch (error) {
      db.close()
      throw error
    }
    return { release: () => db.close() }
  } catch (error) {
    throw explained(data, join(data, 'lock.pid'), error)
  }
}

function takeLock(path: string): Database.Database {
  for (let first = true; ; first = false) {
    const db = new Database(path, { fileMustExist: true, timeout: 0 })
    try {
      db.exec('BEGIN EXCLUSIVE')
      return db
    } catch (error) {
      db.close()
      // The file holds nothing: whatever somebody wrote into it, another does as well.
      if (!first || errorCode(error) !== 'SQLITE_NOTADB') throw error
      unlinkIfThere(path)
      createLock(path)
    }
  }
}

function lockOf(db: Database.Database, pid_path: string): DataLock {
  let held = true
  return {
    release(): void {
      if (!held) return
      held = false
      unlinkIfThere(pid_path)
      db.close()
    },
  }
}

function createLock(path: string): void {
  try {
    createFile(path)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

function explained(data: string, pid_path: string, error: unknown): LogweirError {
  const code = errorCode(error) ?? ''
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    const who = holder(pid_path)
    const message = `the data folder ${data} is in use by ${who}`
    return new LogweirError(
      'data_locked',
      message,
      'Stop that process, or give this one another `data` folder.',
      { cause: error },
    )
  }
  const message = `cannot lock the data folder ${data}: ${errorText(error)}`
  const mend = `Make ${data} a folder that the user who runs Logweir can write.`
  return new LogweirError('data_unwritable', message, mend, { cause: error })
}

function holder(pid_path: string): string {
  try {
    const pid = Number(readFileSync(pid_path, 'latin1').trim())
    if (Number.isSafeInteger(pid) && pid > 0) return `another Logweir, process ${pid}`
  } catch {
    // The other process has the lock and has not said its number yet.
  }
  return 'another Logweir'
}
