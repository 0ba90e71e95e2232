/**
 * One SQLite file of batches. A chain's file holds one forwarder's, a stop file everybody's, told apart by key.
 * Rows are never changed or deleted: a file is written, sealed, read and unlinked. Each row carries the totals of the
 * file up to itself, so that a look at the last row counts the file, and a row that vanished shows as a jump.
 */
import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import Database from 'better-sqlite3'
import { errorCode } from '../base/errors.ts'
import { Head } from '../queue/batch-format.ts'
import { PAGE_SIZE } from './limits.ts'
import { freeScratch, type RowCodec, UnknownSpoolKey } from './row-codec.ts'
import { createFile, unlinkIfThere } from './safe-files.ts'
import type { SpoolRow } from '../queue/spool-port.ts'

/** `LWSP` */
export const APPLICATION_ID = 0x4c575350
export const SPOOL_VERSION = 2
/** Versions that this release reads; only the newest is written. Rows of version 1 are batches as they are. */
export const READABLE: readonly number[] = [1, 2]

export type SpoolSync = 'off' | 'normal' | 'full'

export interface Totals {
  readonly batches: number
  readonly events: number
  readonly bytes: number
}

/** A row without its batch. `after` are the file's (or key's) totals with this row. */
export interface RowHead {
  readonly sequence: number
  readonly events: number
  readonly size: number
  readonly after: Totals
  /** False when the columns do not carry their own sum: then only the batch itself can be believed. */
  readonly sound: boolean
}

interface StoredHead {
  readonly sequence: number
  readonly events: number
  readonly size: number
  readonly total_batches: number
  readonly total_events: number
  readonly total_bytes: number
  readonly sum: number
}

interface StoredBytes {
  readonly events: number
  readonly raw: number
  readonly form: number
  readonly key_id: string | null
  readonly bytes: unknown
}

type Params = (number | string | Buffer | null)[]

/** Bytes of a batch, however it is stored. */
const SIZE: Readonly<Record<number, string>> = { 1: 'length(bytes)', 2: 'raw' }
/** How the batch is stored, and when its first event came (wall, ms). */
const STORED: Readonly<Record<number, string>> = {
  1: 'events, length(bytes) AS raw, 0 AS form, NULL AS key_id, bytes',
  2: 'events, raw, form, key_id, bytes',
}
const TABLE = `
  events INTEGER NOT NULL, total_batches INTEGER NOT NULL, total_events INTEGER NOT NULL,
  total_bytes INTEGER NOT NULL, sum INTEGER NOT NULL, raw INTEGER NOT NULL, form INTEGER NOT NULL,
  key_id TEXT, opened_at REAL NOT NULL, bytes BLOB NOT NULL`
const COLUMNS_1 = ['sequence', 'events', 'total_batches', 'total_events', 'total_bytes', 'sum', 'bytes']
const COLUMNS_2 = ['raw', 'form', 'key_id', 'opened_at']
const WRITTEN = 'total_batches, total_events, total_bytes, sum, raw, form, key_id, opened_at, bytes'
const SYNCHRONOUS: Readonly<Record<SpoolSync, string>> = { off: 'OFF', normal: 'NORMAL', full: 'FULL' }

export const NO_TOTALS: Totals = { batches: 0, events: 0, bytes: 0 }

/** A file that is a spool of another program or a later release; never touched. */
export class SpoolRefused extends Error {
  readonly newer: boolean

  constructor(message: string, newer: boolean) {
    super(message)
    this.name = 'SpoolRefused'
    this.newer = newer
  }
}

export class SpoolFile {
  readonly path: string
  readonly keyed: boolean
  readonly #db: Database.Database
  readonly #codec: RowCodec
  #version = SPOOL_VERSION
  readonly #statements = new Map<string, Database.Statement<Params>>()

  private constructor(path: string, keyed: boolean, sync: SpoolSync, codec: RowCodec) {
    this.path = path
    this.#codec = codec
    this.keyed = keyed
    this.#db = new Database(path, { fileMustExist: true, timeout: 0 })
    try {
      this.#db.pragma('locking_mode = EXCLUSIVE')
      this.#db.pragma(`page_size = ${PAGE_SIZE}`)
      this.#db.pragma('trusted_schema = OFF')
      this.#db.pragma('cell_size_check = ON')
      this.#db.pragma('cache_size = -512')
      // A commit of several megabytes must not be cut into several syncs. A stop file may be larger than memory allows.
      this.#db.pragma(`cache_spill = ${keyed ? 'ON' : 'OFF'}`)
      this.#db.pragma('journal_size_limit = 1048576')
      this.#db.pragma(`synchronous = ${SYNCHRONOUS[sync]}`)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Makes a new file, with its first transaction open: tables and first rows are committed together. */
  static create(path: string, keyed: boolean, sync: SpoolSync, codec: RowCodec): SpoolFile {
    createFile(path)
    const file = SpoolFile.#made(path, keyed, sync, codec)
    try {
      file.#db.pragma('journal_mode = PERSIST')
      file.begin()
      file.#db.pragma(`application_id = ${APPLICATION_ID}`)
      file.#db.pragma(`user_version = ${SPOOL_VERSION}`)
      if (keyed) {
        file.#db.exec(`CREATE TABLE batch (key TEXT NOT NULL, sequence INTEGER NOT NULL, ${TABLE})`)
        file.#db.exec('CREATE UNIQUE INDEX batch_order ON batch (key, sequence)')
      } else file.#db.exec(`CREATE TABLE batch (sequence INTEGER PRIMARY KEY, ${TABLE})`)
      return file
    } catch (error) {
      file.abandon()
      unlinkIfThere(path)
      throw error
    }
  }

  static #made(path: string, keyed: boolean, sync: SpoolSync, codec: RowCodec): SpoolFile {
    try {
      return new SpoolFile(path, keyed, sync, codec)
    } catch (error) {
      unlinkIfThere(path)
      throw error
    }
  }

  /** Opens a file that is there; a transaction that a crash left is rolled back by SQLite. */
  static open(path: string, keyed: boolean, sync: SpoolSync, codec: RowCodec): SpoolFile {
    const file = new SpoolFile(path, keyed, sync, codec)
    try {
      file.#check()
      file.#db.pragma('journal_mode = PERSIST')
      return file
    } catch (error) {
      file.abandon()
      throw error
    }
  }

  begin(): void {
    if (!this.#db.inTransaction) this.#db.exec('BEGIN IMMEDIATE')
  }

  commit(): void {
    this.#db.exec('COMMIT')
  }

  rollback(): void {
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
  }

  /** Adds a row behind all others of its key; gives the totals with it. */
  append(key: string, row: SpoolRow, before: Totals): Totals {
    const size = row.bytes.byteLength
    const after = {
      batches: before.batches + 1,
      events: before.events + row.events,
      bytes: before.bytes + size,
    }
    const sum = headSum(row.sequence, row.events, size, after)
    const place = { key, sequence: row.sequence, events: row.events, raw: size }
    const { form, key_id, bytes } = this.#codec.encode(place, row.bytes)
    const totals = [after.batches, after.events, after.bytes, sum]
    const stored = [size, form, key_id, openedAt(row.bytes), asBuffer(bytes)]
    const names = `${this.keyed ? 'key, ' : ''}sequence, events, ${WRITTEN}`
    const marks = this.keyed ? '?,?,?,?,?,?,?,?,?,?,?,?' : '?,?,?,?,?,?,?,?,?,?,?'
    const insert = this.#statement(`INSERT INTO batch (${names}) VALUES (${marks})`)
    insert.run(...this.#prefix(key), row.sequence, row.events, ...totals, ...stored)
    if (bytes.buffer !== row.bytes) freeScratch(bytes)
    return after
  }

  /**
   * Adds a row before others of the file, which only happens when a batch was refused, came back and is written again
   * after its successors: the totals of those are made right again.
   */
  insert(key: string, row: SpoolRow): void {
    const before = this.before(key, row.sequence)?.after ?? NO_TOTALS
    const later: RowHead[] = []
    for (let head = this.next(key, row.sequence); head !== undefined; head = this.next(key, head.sequence)) {
      later.push(head)
    }
    this.append(key, row, before)
    const where = this.keyed ? 'key = ? AND sequence = ?' : 'sequence = ?'
    const update = `UPDATE batch SET total_batches = ?, total_events = ?, total_bytes = ?, sum = ? WHERE ${where}`
    for (const { sequence, events, size, after } of later) {
      const totals = {
        batches: after.batches + 1,
        events: after.events + row.events,
        bytes: after.bytes + row.bytes.byteLength,
      }
      const sum = headSum(sequence, events, size, totals)
      const values = [totals.batches, totals.events, totals.bytes, sum]
      this.#statement(update).run(...values, ...this.#prefix(key), sequence)
    }
  }

  first(key: string): RowHead | undefined {
    return this.#head(`${this.#where('1')} ORDER BY sequence LIMIT 1`, this.#prefix(key))
  }

  last(key: string): RowHead | undefined {
    return this.#head(`${this.#where('1')} ORDER BY sequence DESC LIMIT 1`, this.#prefix(key))
  }

  /** The row that follows `after`. */
  next(key: string, after: number): RowHead | undefined {
    return this.#head(`${this.#where('sequence > ?')} ORDER BY sequence LIMIT 1`, [
      ...this.#prefix(key),
      after,
    ])
  }

  /** The last row below `sequence`. */
  before(key: string, sequence: number): RowHead | undefined {
    const where = `${this.#where('sequence < ?')} ORDER BY sequence DESC LIMIT 1`
    return this.#head(where, [...this.#prefix(key), sequence])
  }

  at(key: string, sequence: number): RowHead | undefined {
    return this.#head(this.#where('sequence = ?'), [...this.#prefix(key), sequence])
  }

  /** The stored batch in a buffer of its own, or undefined when the row is not there. */
  bytes(key: string, sequence: number): ArrayBuffer | undefined {
    const columns = STORED[this.#version] as string
    const statement = this.#statement(`SELECT ${columns} FROM batch WHERE ${this.#where('sequence = ?')}`)
    const row = statement.get(...this.#prefix(key), sequence) as StoredBytes | undefined
    if (row === undefined) return undefined
    // A damaged type code may turn the blob into anything that SQLite knows.
    const { events, raw, form, key_id, bytes } = row
    if (!(bytes instanceof Uint8Array)) return new ArrayBuffer(0)
    const place = { key, sequence, events, raw }
    const batch = this.#codec.decode(place, { form, key_id, bytes })
    if (batch !== bytes.buffer) freeScratch(bytes)
    return batch ?? new ArrayBuffer(0)
  }

  /** The row's bytes as they are stored: for quarantine, which must not hold in clear what was encrypted. */
  stored(key: string, sequence: number): Uint8Array | undefined {
    const statement = this.#statement(`SELECT bytes FROM batch WHERE ${this.#where('sequence = ?')}`)
    const row = statement.get(...this.#prefix(key), sequence) as { bytes: unknown } | undefined
    return row?.bytes instanceof Uint8Array ? row.bytes : undefined
  }

  /** Whether rows may be added: of this release's version, and under the key that rows are written with now. */
  get continues(): boolean {
    if (this.#version !== SPOOL_VERSION) return false
    const sql = 'SELECT key_id FROM batch ORDER BY sequence DESC LIMIT 1'
    const row = this.#statement(sql).get() as { key_id: unknown } | undefined
    return row === undefined || row.key_id === (this.#codec.current?.id ?? null)
  }

  /** Counted one by one: for a file whose last row does not carry its sum. */
  count(key: string): Totals {
    const sql = `SELECT count(*) AS batches, sum(events) AS events, sum(${SIZE[this.#version]}) AS bytes FROM batch`
    const statement = this.#statement(`${sql} WHERE ${this.#where('1')}`)
    const row = statement.get(...this.#prefix(key)) as {
      batches: number
      events: number | null
      bytes: number | null
    }
    return { batches: row.batches, events: row.events ?? 0, bytes: row.bytes ?? 0 }
  }

  /** Keys of a stop file. */
  keys(): string[] {
    const rows = this.#statement('SELECT DISTINCT key FROM batch ORDER BY key').all() as { key: unknown }[]
    return rows.map(({ key }) => String(key))
  }

  /** Closes and leaves no journal behind. */
  close(): void {
    try {
      this.rollback()
      this.#db.pragma('journal_mode = DELETE')
    } catch {
      // The journal stays, and tells the next opener what to roll back.
    }
    this.abandon()
  }

  /** Closes after an error: nothing is tried again on this handle. */
  abandon(): void {
    this.#statements.clear()
    try {
      this.#db.close()
    } catch {
      // A handle that cannot be closed is not used again either way.
    }
  }

  #check(): void {
    const application = Number(this.#db.pragma('application_id', { simple: true }))
    if (application !== APPLICATION_ID) throw new SpoolRefused('not a spool file', false)
    const version = Number(this.#db.pragma('user_version', { simple: true }))
    if (!READABLE.includes(version))
      throw new SpoolRefused(`spool version ${version} is not known`, version > SPOOL_VERSION)
    this.#version = version
    this.#checkColumns()
  }

  /** A flipped bit in the text of the schema would make other columns of the same rows, and no error: all would seem gone. */
  #checkColumns(): void {
    const columns = this.#db.pragma('table_info(batch)') as { name: string; type: string; pk: number }[]
    const names = columns.map(({ name }) => name)
    const sequence = columns.find(({ name }) => name === 'sequence')
    const numbered = this.keyed || (sequence?.type === 'INTEGER' && sequence.pk === 1)
    const expected = this.#version === 1 ? COLUMNS_1 : [...COLUMNS_1, ...COLUMNS_2]
    if (numbered && expected.every((name) => names.includes(name))) return
    throw Object.assign(new Error('its table is not as it was made'), { code: 'SQLITE_CORRUPT' })
  }

  #where(condition: string): string {
    return this.keyed ? `key = ? AND ${condition}` : condition
  }

  #prefix(key: string): Params {
    return this.keyed ? [key] : []
  }

  get #columns(): string {
    return `sequence, events, ${SIZE[this.#version]} AS size, total_batches, total_events, total_bytes, sum`
  }

  #head(where: string, params: Params): RowHead | undefined {
    const row = this.#statement(`SELECT ${this.#columns} FROM batch WHERE ${where}`).get(...params) as
      | StoredHead
      | undefined
    if (row === undefined) return undefined
    const after = { batches: row.total_batches, events: row.total_events, bytes: row.total_bytes }
    const { sequence, events, size } = row
    return { sequence, events, size, after, sound: headSum(sequence, events, size, after) === row.sum }
  }

  #statement(sql: string): Database.Statement<Params> {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare<Params>(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

function openedAt(batch: ArrayBuffer): number {
  return batch.byteLength < Head.size ? 0 : new DataView(batch).getFloat64(Head.opened_at, true)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const summed = new Float64Array(6)
const summed_bytes = new Uint8Array(summed.buffer)

function headSum(sequence: number, events: number, size: number, after: Totals): number {
  summed[0] = sequence
  summed[1] = events
  summed[2] = size
  summed[3] = after.batches
  summed[4] = after.events
  summed[5] = after.bytes
  return crc32(summed_bytes)
}

/** Whether the file itself is at fault, rather than the disk or the moment. */
export function isDamage(error: unknown): boolean {
  if (error instanceof SpoolRefused) return !error.newer
  if (error instanceof UnknownSpoolKey) return true
  const code = errorCode(error) ?? ''
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return true
  // A table that is not there or not as it was made: the schema page is damaged.
  return code === 'SQLITE_ERROR' || code === 'SQLITE_IOERR_SHORT_READ' || code === 'SQLITE_MISMATCH'
}

/** Whether the file is gone: nothing is left to set aside. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT'
}
