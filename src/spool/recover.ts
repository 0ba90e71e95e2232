/** Reads again what was set aside, as far as it is sound: files whose key is known again, the good rows of damaged ones. */
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { errorText } from '../base/errors.ts'
import { parseBatch } from '../queue/batch-codec.ts'
import type { SpoolRow } from '../queue/spool-port.ts'
import { decodeKey } from './names.ts'
import { checkVersion, openForReading, type ReadFile } from './reading.ts'
import { type RowCodec, RowForm } from './row-codec.ts'
import { lstatOf, unlinkIfThere } from './safe-files.ts'
import { refusalOf, type Staging } from './staging.ts'

/** What became of one file of quarantine. */
export interface Recovered {
  readonly file: string
  batches: number
  events: number
  /** Rows that stay lost, as far as they can be told apart. */
  unsound: number
  /** Why what is left is left; null when nothing is. */
  reason: string | null
}

/** Behind the name of a file whose sound part was taken. */
const DONE = '.recovered'
const RAW_MAX = 256 * 1024 * 1024
const ZSTD_MAGIC = 0xfd2fb528

interface Stored {
  readonly key: unknown
  readonly sequence: unknown
  readonly events: number
  readonly raw: number
  readonly form: number
  readonly key_id: string | null
  readonly bytes: unknown
}

/** Forwarders that a row may belong to when nothing but its encryption tells. */
export type Candidates = readonly string[]

/**
 * Puts every sound batch of quarantine into `staging`. The files stay until {@link forget}, so that nothing is lost when
 * the staging fails.
 */
export function recoverQuarantine(
  folder: string,
  codec: RowCodec,
  known: Candidates,
  staging: Staging,
): Recovered[] {
  if (lstatOf(folder)?.isDirectory() !== true) return []
  const found: Recovered[] = []
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name)
    if (name.endsWith('-journal') || name.endsWith(DONE) || name.startsWith('cursors-')) continue
    if (lstatOf(path)?.isFile() !== true) continue
    const one: Recovered = { file: path, batches: 0, events: 0, unsound: 0, reason: null }
    found.push(one)
    try {
      if (name.includes('.batch.')) recoverBatch(path, one, staging)
      else recoverFile(path, one, codec, [...namedIn(name), ...known], staging)
    } catch (error) {
      one.reason = errorText(error)
    }
  }
  return found
}

/** After the staging was committed: what is wholly in the spool again goes, what is partly so is marked. */
export function forget(recovered: readonly Recovered[]): void {
  for (const { file, batches, unsound, reason } of recovered) {
    if (batches === 0 && (unsound > 0 || reason !== null)) continue
    if (unsound > 0 || reason !== null) {
      renameSync(file, `${file}${DONE}`)
      continue
    }
    unlinkIfThere(file)
    unlinkIfThere(`${file}-journal`)
  }
}

/** A batch that was set aside by itself. */
function recoverBatch(path: string, into: Recovered, staging: Staging): void {
  const bytes = readFileSync(path)
  const packed = bytes.length > 4 && bytes.readUInt32LE(0) === ZSTD_MAGIC
  const batch = packed ? zstdDecompressSync(bytes, { maxOutputLength: RAW_MAX }) : bytes
  take(new Uint8Array(batch).buffer, into, staging)
}

function recoverFile(
  path: string,
  into: Recovered,
  codec: RowCodec,
  candidates: Candidates,
  staging: Staging,
): void {
  const read = openForReading(path)
  try {
    checkVersion(read.version)
    const rows = new Rows(read)
    for (const id of rows.ids()) {
      const row = rows.at(id)
      const batch = row === undefined ? undefined : batchOf(row, codec, candidates)
      if (batch === undefined) into.unsound += 1
      else take(batch, into, staging)
    }
    if (rows.broken !== null) into.reason = rows.broken
    else if (into.unsound > 0) into.reason = `${into.unsound} batches are damaged`
  } finally {
    read.close()
  }
}

function take(bytes: ArrayBuffer, into: Recovered, staging: Staging): void {
  try {
    const batch = parseBatch(bytes.slice(0))
    const key = batch.identity.forwarder
    const refusal = refusalOf(batch, key)
    if (refusal !== undefined) throw new Error(refusal)
    const row: SpoolRow = { sequence: batch.sequence, events: batch.events, bytes }
    staging.add(key, row)
    into.batches += 1
    into.events += batch.events
  } catch (error) {
    into.unsound += 1
    into.reason = errorText(error)
  }
}

function batchOf(row: Stored, codec: RowCodec, candidates: Candidates): ArrayBuffer | undefined {
  const { sequence, events, raw, form, key_id, bytes } = row
  if (!(bytes instanceof Uint8Array) || typeof sequence !== 'number') return undefined
  const stored = { form, key_id, bytes }
  if ((form & RowForm.encrypted) === 0) return codec.decode({ key: '', sequence, events, raw }, stored)
  const keys = typeof row.key === 'string' ? [row.key] : candidates
  for (const key of new Set(keys)) {
    const batch = codec.decode({ key, sequence, events, raw }, stored)
    if (batch !== undefined) return batch
  }
  return undefined
}

/** Row by row from the front, and where that breaks off, from the back: a damaged page costs what is on it. */
class Rows {
  /** Why not all rows could be found; null when they were. */
  broken: string | null = null
  readonly #read: ReadFile
  readonly #columns: string

  constructor(read: ReadFile) {
    this.#read = read
    const form = read.version === 1 ? '0 AS form, NULL AS key_id, length(bytes) AS raw' : 'form, key_id, raw'
    const keyed = (read.db.pragma('table_info(batch)') as { name: string }[]).some(
      ({ name }) => name === 'key',
    )
    this.#columns = `${keyed ? 'key' : 'NULL AS key'}, sequence, events, ${form}, bytes`
  }

  ids(): number[] {
    const found = new Set<number>()
    for (const order of ['ASC', 'DESC']) {
      this.broken = null
      try {
        const ids = this.#read.db.prepare(`SELECT rowid AS id FROM batch NOT INDEXED ORDER BY rowid ${order}`)
        for (const row of ids.iterate() as Iterable<{ id: number }>) found.add(row.id)
        break
      } catch (error) {
        this.broken = errorText(error)
      }
    }
    return [...found].sort((a, b) => a - b)
  }

  at(id: number): Stored | undefined {
    try {
      const sql = `SELECT ${this.#columns} FROM batch NOT INDEXED WHERE rowid = ?`
      return this.#read.db.prepare(sql).get(id) as Stored | undefined
    } catch {
      return undefined
    }
  }
}

/** The forwarder that the name of a file that was set aside tells: `0-acme%2fsiem-0000000000000042.db.1`. */
function namedIn(name: string): string[] {
  const from = name.indexOf('-')
  const to = name.lastIndexOf('-')
  const key = from === -1 || to <= from ? undefined : decodeKey(name.slice(from + 1, to))
  return key === undefined ? [] : [key]
}
