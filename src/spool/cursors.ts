/**
 * What need not be offered again, per worker and file, and what sealed files hold, so that a start does not
 * open them. Written in groups a few times a second, and at stop. Losing it costs duplicates and a slower start, never an
 * event: that is why sealed files need not be written, and why this may be set aside when it is damaged.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import Database from 'better-sqlite3'
import { faultPoint } from '../base/faults.ts'
import { CURSORS_FILE } from './names.ts'
import { createFile, lstatOf } from './safe-files.ts'
import { APPLICATION_ID, SpoolRefused, type SpoolSync, type Totals } from './spool-file.ts'

/** Of this file alone: the batches' files have their own. */
const CURSORS_VERSION = 1

/** What is remembered of one file (and key, in a stop file). */
export interface CursorRecord {
  readonly key: string
  readonly file: string
  /** Every row up to here is acknowledged, in the file's own numbers; -1: none. */
  readonly through: number
  /** Acknowledged above {@link through}. */
  readonly out: readonly number[]
  /** Totals of the acknowledged rows. */
  readonly acked: Totals
  /** Of a sealed file: its range, totals and size; null while it may still grow. */
  readonly sealed: {
    readonly first: number
    readonly last: number
    readonly totals: Totals
    readonly size: number
  } | null
}

interface StoredRecord {
  readonly key: string
  readonly file: string
  readonly body: string
  readonly sum: number
}

const SYNCHRONOUS: Readonly<Record<SpoolSync, string>> = { off: 'OFF', normal: 'NORMAL', full: 'FULL' }

export class Cursors {
  readonly path: string
  readonly #db: Database.Database
  readonly #put: Database.Statement<[string, string, string, number]>
  readonly #drop: Database.Statement<[string, string]>

  /** @throws what SQLite says; `isDamage` tells whether another file may take its place. */
  constructor(folder: string, sync: SpoolSync) {
    this.path = join(folder, CURSORS_FILE)
    const found = lstatOf(this.path)
    if (found === undefined) createFile(this.path)
    else if (!found.isFile()) throw new SpoolRefused('not a regular file', false)
    this.#db = new Database(this.path, { fileMustExist: true, timeout: 0 })
    try {
      this.#prepare(sync)
      this.#put = this.#db.prepare('INSERT OR REPLACE INTO cursor (key, file, body, sum) VALUES (?, ?, ?, ?)')
      this.#drop = this.#db.prepare('DELETE FROM cursor WHERE key = ? AND file = ?')
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  #prepare(sync: SpoolSync): void {
    this.#db.pragma('locking_mode = EXCLUSIVE')
    this.#db.pragma('journal_mode = PERSIST')
    this.#db.pragma('cache_size = -512')
    this.#db.pragma(`synchronous = ${SYNCHRONOUS[sync]}`)
    const application = Number(this.#db.pragma('application_id', { simple: true }))
    const version = Number(this.#db.pragma('user_version', { simple: true }))
    if (application === 0 && version === 0) {
      this.#db.pragma(`application_id = ${APPLICATION_ID}`)
      this.#db.pragma(`user_version = ${CURSORS_VERSION}`)
      const columns = 'key TEXT NOT NULL, file TEXT NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL'
      this.#db.exec(`CREATE TABLE cursor (${columns}, PRIMARY KEY (key, file)) WITHOUT ROWID`)
    } else if (application !== APPLICATION_ID || version !== CURSORS_VERSION) {
      throw new SpoolRefused(`cursors of version ${version} are not known`, version > CURSORS_VERSION)
    }
  }

  /** Everything that is remembered and carries its sum. */
  load(): CursorRecord[] {
    const rows = this.#db.prepare('SELECT key, file, body, sum FROM cursor').all() as StoredRecord[]
    const records: CursorRecord[] = []
    for (const row of rows) {
      const record = parseCursor(row)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** Writes all in one transaction. */
  write(
    records: readonly CursorRecord[],
    gone: readonly { readonly key: string; readonly file: string }[],
  ): void {
    faultPoint('spool.ack.before')
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const { key, file } of gone) this.#drop.run(key, file)
      for (const { key, file, ...rest } of records) {
        const body = JSON.stringify(rest)
        this.#put.run(key, file, body, recordSum(key, file, body))
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    faultPoint('spool.ack.after')
  }

  close(): void {
    try {
      this.#db.pragma('journal_mode = DELETE')
    } catch {
      // The next start finds the journal and what it says.
    }
    this.#db.close()
  }
}

/** A row of the cursors; undefined when it does not carry its sum. */
export function parseCursor(row: unknown): CursorRecord | undefined {
  const { key, file, body, sum } = row as StoredRecord
  return sum === recordSum(key, file, body) ? parseRecord(key, file, body) : undefined
}

function recordSum(key: string, file: string, body: string): number {
  return crc32(`${key}\0${file}\0${body}`)
}

/** The sum holds, so the text is ours; only its form is looked at. */
function parseRecord(key: string, file: string, body: string): CursorRecord | undefined {
  try {
    const rest = JSON.parse(body) as Omit<CursorRecord, 'key' | 'file'>
    return { ...rest, key, file }
  } catch {
    return undefined
  }
}
