/**
 * The last good rules on disk: copies of the rules files as they were read, so that secrets stay the references
 * that they are (`{ env }`, `{ file }`) and a start with broken rules goes through the reader like every start.
 *
 * `data/last-good/` holds one folder a saved set (`<sha-256 of its content>/manifest.json` and a file for each rules
 * file) and `current`, a file with the name of the folder in force. A set is complete and synced before `current` is
 * replaced by renaming, so that a crash leaves either the old set or the new one.
 */
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import { faultPoint } from '../base/faults.ts'

/** A rules file as it was read. */
export interface SavedFile {
  /** Absolute; paths inside the text are relative to its folder. */
  readonly path: string
  readonly text: string
}

interface Manifest {
  readonly version: 1
  readonly saved_at: string
  readonly files: readonly { readonly path: string; readonly sha256: string }[]
}

export interface LastGood {
  /** When it was saved, RFC 3339. */
  readonly saved_at: string
  readonly files: readonly SavedFile[]
}

const FOLDER = 'last-good'
const CURRENT = 'current'
const FILES_MAX = 10_000
/** Names that the folder's sets have; nothing else in it is touched. */
const SET_NAME = /^[0-9a-f]{64}$/

/**
 * Saves the files of an accepted rule set. The set in force before stays until the new one is.
 * Throws a {@link LogweirError} `LW_LAST_GOOD_WRITE` when the disk refuses. `now` is wall-clock milliseconds.
 */
export async function saveLastGood(dataDir: string, files: readonly SavedFile[], now: number): Promise<void> {
  const folder = join(dataDir, FOLDER)
  const name = setName(files)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if ((await readCurrent(folder)) !== name || !(await isWhole(folder, name))) {
      await writeSet(folder, name, files, now)
      faultPoint('rules.save')
      await replace(folder, CURRENT, `${name}\n`)
    }
    await removeOthers(folder, name)
  } catch (cause) {
    const message = `the accepted rules could not be saved in ${folder}: ${errorText(cause)}`
    throw new LogweirError('LW_LAST_GOOD_WRITE', message, 'make the data folder writable and reload', {
      cause,
    })
  }
}

/**
 * The rules files saved last, null when none were. Throws a {@link LogweirError} `LW_LAST_GOOD_DAMAGED` when what is
 * there cannot be believed: a wrong rule set would be worse than none.
 */
export async function readLastGood(dataDir: string): Promise<LastGood | null> {
  const folder = join(dataDir, FOLDER)
  const name = await readCurrent(folder)
  if (name === null) return null
  try {
    return await readSet(join(folder, name))
  } catch (cause) {
    const message = `the last good rules in ${join(folder, name)} cannot be used: ${errorText(cause)}`
    throw new LogweirError('LW_LAST_GOOD_DAMAGED', message, 'mend the rules; nothing can stand in for them', {
      cause,
    })
  }
}

function setName(files: readonly SavedFile[]): string {
  const hash = createHash('sha256')
  for (const { path, text } of files) hash.update(JSON.stringify([path, text]))
  return hash.digest('hex')
}

function fileName(index: number): string {
  return `${String(index).padStart(5, '0')}.yaml`
}

async function writeSet(
  folder: string,
  name: string,
  files: readonly SavedFile[],
  now: number,
): Promise<void> {
  const making = join(folder, `making-${randomBytes(8).toString('hex')}`)
  await mkdir(making, { mode: 0o700 })
  for (const [index, { text }] of files.entries()) await writeSynced(join(making, fileName(index)), text)
  const manifest: Manifest = {
    version: 1,
    saved_at: new Date(now).toISOString(),
    files: files.map(({ path, text }) => ({ path, sha256: sha256(text) })),
  }
  await writeSynced(join(making, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await syncFolder(making)
  // A set of this name that is not whole is left from a crash.
  await rm(join(folder, name), { recursive: true, force: true })
  await rename(making, join(folder, name))
  await syncFolder(folder)
}

async function readSet(path: string): Promise<LastGood> {
  const manifest = parseManifest(await readText(join(path, 'manifest.json')))
  const files: SavedFile[] = []
  for (const [index, { path: original, sha256: expected }] of manifest.files.entries()) {
    const text = await readText(join(path, fileName(index)))
    if (sha256(text) !== expected) throw new Error(`${fileName(index)} is not what was saved`)
    files.push({ path: original, text })
  }
  return { saved_at: manifest.saved_at, files }
}

function parseManifest(text: string): Manifest {
  const value: unknown = JSON.parse(text)
  if (!isRecord(value) || value['version'] !== 1) throw new Error('its manifest is of another version')
  const { saved_at, files } = value
  if (typeof saved_at !== 'string' || !Array.isArray(files) || files.length > FILES_MAX) {
    throw new Error('its manifest is not whole')
  }
  return {
    version: 1,
    saved_at,
    files: files.map((entry: unknown) => {
      if (!isRecord(entry)) throw new Error('its manifest is not whole')
      const { path, sha256: sum } = entry
      if (typeof path !== 'string' || typeof sum !== 'string') throw new Error('its manifest is not whole')
      return { path, sha256: sum }
    }),
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

async function isWhole(folder: string, name: string): Promise<boolean> {
  return readSet(join(folder, name)).then(
    () => true,
    () => false,
  )
}

async function readCurrent(folder: string): Promise<string | null> {
  try {
    const name = (await readText(join(folder, CURRENT))).trim()
    return SET_NAME.test(name) ? name : null
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NOFOLLOW })
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function replace(folder: string, name: string, text: string): Promise<void> {
  const making = join(folder, `making-${randomBytes(8).toString('hex')}`)
  await writeSynced(making, text)
  await rename(making, join(folder, name))
  await syncFolder(folder)
}

/** Removes sets that are no longer in force and what crashes left half made. */
async function removeOthers(folder: string, keep: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const ours = entry.startsWith('making-') || SET_NAME.test(entry)
    if (ours && entry !== keep) await rm(join(folder, entry), { recursive: true, force: true })
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using(await open(path, 'wx', 0o600), async (file) => {
    await file.writeFile(text)
    await file.sync()
  })
}

async function syncFolder(path: string): Promise<void> {
  await using(await open(path, 'r'), (file) => file.sync())
}

async function using(file: FileHandle, act: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await act(file)
  } finally {
    await file.close()
  }
}
