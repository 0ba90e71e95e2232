/** What lies in the spool of a data folder, counted without changing anything in it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorText } from '../base/errors.ts'
import { Head } from '../queue/batch-format.ts'
import { type CursorRecord, parseCursor } from './cursors.ts'
import { CURSORS_FILE, KEY_FILE, parseFileName, parseStopName, parseWorkerName } from './names.ts'
import { checkVersion, openForReading, type ReadFile } from './reading.ts'
import { lstatOf, sizeOf } from './safe-files.ts'
import { keyOf } from './worker-folder.ts'

/** One forwarder's part of one file. Counts are of what is not delivered yet. */
export interface FileSurvey {
  readonly key: string
  readonly worker: number
  /** Below the spool's folder. */
  readonly file: string
  batches: number
  events: number
  bytes: number
  /** Of the whole file. */
  readonly file_bytes: number
  /** When the oldest event came, wall ms; null when nothing is left. */
  oldest_at: number | null
  /** Ids of the keys that it is encrypted with. */
  readonly keys: string[]
  /** Why it cannot be read; null when it can. */
  problem: string | null
}

export interface Survey {
  readonly files: readonly FileSurvey[]
  readonly quarantine: { readonly files: number; readonly bytes: number }
}

interface StoredRow {
  readonly sequence: number
  readonly events: number
  readonly size: number
  readonly key_id: string | null
  readonly opened_at: unknown
}

const COLUMNS: Readonly<Record<number, string>> = {
  1: `sequence, events, length(bytes) AS size, NULL AS key_id, substr(bytes, ${Head.opened_at + 1}, 8) AS opened_at`,
  2: 'sequence, events, raw AS size, key_id, opened_at',
}

/** Counts everything below `data/spool`. What cannot be read is told in its entry; nothing throws. */
export function surveySpool(data: string): Survey {
  const spool = join(data, 'spool')
  const files: FileSurvey[] = []
  for (const name of namesIn(spool)) {
    const worker = parseWorkerName(name)
    if (worker !== undefined) surveyWorker(spool, worker, files)
  }
  const aside = namesIn(join(spool, 'quarantine')).map((name) => sizeOf(join(spool, 'quarantine', name)))
  return {
    files,
    quarantine: { files: aside.length, bytes: aside.reduce((sum, size) => sum + size, 0) },
  }
}

function surveyWorker(spool: string, worker: number, files: FileSurvey[]): void {
  const folder = join(spool, String(worker))
  const records = cursorsOf(folder)
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    if (parseStopName(name) !== undefined) {
      surveyStop(path, `${worker}/${name}`, worker, records, files)
      continue
    }
    if (lstatOf(path)?.isDirectory() !== true) continue
    const key = keyOf(name, path)
    if (key === undefined) continue
    for (const file of namesIn(path)) {
      if (file === KEY_FILE || parseFileName(file) === undefined) continue
      const one = entry(key, worker, `${worker}/${name}/${file}`, sizeOf(join(path, file)))
      files.push(one)
      reading(join(path, file), one, (read) => count(read, one, '', [], records.get(`${file}\0${key}`)))
    }
  }
}

function surveyStop(
  path: string,
  file: string,
  worker: number,
  records: ReadonlyMap<string, CursorRecord>,
  files: FileSurvey[],
): void {
  const unread = entry('', worker, file, sizeOf(path))
  reading(path, unread, ({ db, ...rest }) => {
    const keys = db.prepare('SELECT DISTINCT key FROM batch ORDER BY key').all() as { key: unknown }[]
    for (const key of keys.map((row) => String(row.key))) {
      const one = entry(key, worker, file, unread.file_bytes)
      count(
        { db, ...rest },
        one,
        'key = ? AND ',
        [key],
        records.get(`${file.slice(file.indexOf('/') + 1)}\0${key}`),
      )
      files.push(one)
    }
  })
  if (unread.problem !== null) files.push(unread)
}

function count(
  { db, version }: ReadFile,
  into: FileSurvey,
  where: string,
  params: readonly string[],
  record: CursorRecord | undefined,
): void {
  checkVersion(version)
  const out = new Set(record?.out)
  const sql = `SELECT ${COLUMNS[version]} FROM batch WHERE ${where}sequence > ? ORDER BY sequence`
  for (const row of db.prepare(sql).iterate(...params, record?.through ?? -1) as Iterable<StoredRow>) {
    if (out.has(row.sequence)) continue
    into.oldest_at ??= openedAt(row.opened_at)
    into.batches += 1
    into.events += row.events
    into.bytes += row.size
    if (row.key_id !== null && !into.keys.includes(row.key_id)) into.keys.push(row.key_id)
  }
}

function openedAt(stored: unknown): number | null {
  if (typeof stored === 'number') return stored
  if (!(stored instanceof Uint8Array) || stored.length < 8) return null
  return new DataView(stored.buffer, stored.byteOffset).getFloat64(0, true)
}

function reading(path: string, into: FileSurvey, act: (read: ReadFile) => void): void {
  try {
    const read = openForReading(path)
    try {
      act(read)
    } finally {
      read.close()
    }
  } catch (error) {
    into.problem = errorText(error)
  }
}

/** What is acknowledged, by file and key. Cursors that cannot be read say nothing: then all of it is counted. */
function cursorsOf(folder: string): Map<string, CursorRecord> {
  const found = new Map<string, CursorRecord>()
  try {
    if (lstatOf(join(folder, CURSORS_FILE)) === undefined) return found
    const read = openForReading(join(folder, CURSORS_FILE))
    try {
      for (const row of read.db.prepare('SELECT key, file, body, sum FROM cursor').all()) {
        const record = parseCursor(row)
        if (record !== undefined) found.set(`${record.file}\0${record.key}`, record)
      }
    } finally {
      read.close()
    }
  } catch {
    // As if they were lost: a start would send more than what is left, and that is what is counted.
  }
  return found
}

function entry(key: string, worker: number, file: string, file_bytes: number): FileSurvey {
  const none = { batches: 0, events: 0, bytes: 0, oldest_at: null, problem: null }
  return { key, worker, file, file_bytes, ...none, keys: [] }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.endsWith('-journal'))
      .sort()
  } catch {
    return []
  }
}
