/**
 * A new inventory takes the place of the old one, or does not. All files are written aside (`.new/`) and synced; then a list of
 * what is to be done, whose name counts from the moment it is there; then files are renamed and removed; then the list goes. Rules
 * are not read while the list is there (`inventory-join.ts`), and whoever writes next does first what a crash has left undone.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import { faultPoint } from '../base/faults.ts'
import { COMMIT_MARK } from '../rules/inventory-join.ts'

/** Files by name: their new text, or null for those that go. */
export type FileChanges = ReadonlyMap<string, string | null>

const [ASIDE = '.new'] = COMMIT_MARK
const LOCK = '.lock'
/** In the folder itself, and any name that `known.ts` reads: people rename files. */
const FILE_NAME = /^[^./\\\0][^/\\\0]{0,250}\.ya?ml$/i
/** Locks that this process has taken. */
const held = new Set<string>()

const listShape = z.object({
  put: z.array(z.string().regex(FILE_NAME)),
  remove: z.array(z.string().regex(FILE_NAME)),
})

/** Whether a crash has left an inventory half in its place. */
export function isHalfWritten(folder: string): boolean {
  return existsSync(join(folder, ...COMMIT_MARK))
}

/** Runs `act` as the only one that writes in the folder, after completing what a crash left. @throws {LogweirError} */
export async function withFolder<Result>(folder: string, act: () => Promise<Result>): Promise<Result> {
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, LOCK)
  takeLock(lock)
  held.add(lock)
  try {
    complete(folder)
    return await act()
  } finally {
    held.delete(lock)
    rmSync(lock, { force: true })
  }
}

/** Puts the changes into the folder, all or none. The folder must be held by {@link withFolder}. */
export function writeFiles(folder: string, changes: FileChanges): void {
  if (changes.size === 0) return
  const aside = join(folder, ASIDE)
  try {
    rmSync(aside, { recursive: true, force: true })
    mkdirSync(aside)
    const put = [...changes].flatMap(([name, text]) => (text === null ? [] : [[name, text] as const]))
    for (const [name, text] of put) writeSynced(join(aside, name), text)
    const remove = [...changes].flatMap(([name, text]) => (text === null ? [name] : []))
    writeSynced(join(aside, 'list'), JSON.stringify({ put: put.map(([name]) => name), remove }))
    syncFolder(aside)
    faultPoint('inventory.commit')
    renameSync(join(aside, 'list'), join(folder, ...COMMIT_MARK))
    syncFolder(aside)
    faultPoint('inventory.apply')
    complete(folder)
  } catch (cause) {
    if (cause instanceof LogweirError) throw cause
    const message = `the inventory could not be written to ${folder}: ${errorText(cause)}`
    throw new LogweirError('LW_INVENTORY', message, 'make room, or the folder writable, and pull again', {
      cause,
      exit: 1,
    })
  }
}

/** Does what the list says; without one, what lies aside was never whole. */
function complete(folder: string): void {
  const mark = join(folder, ...COMMIT_MARK)
  const aside = join(folder, ASIDE)
  if (existsSync(mark)) {
    const { put, remove } = readList(mark)
    // Those that are renamed already are in their place.
    for (const name of put)
      if (existsSync(join(aside, name))) renameSync(join(aside, name), join(folder, name))
    for (const name of remove) rmSync(join(folder, name), { force: true })
    syncFolder(folder)
    rmSync(mark)
    syncFolder(aside)
  }
  rmSync(aside, { recursive: true, force: true })
}

function readList(mark: string): z.output<typeof listShape> {
  try {
    return listShape.parse(JSON.parse(readFileSync(mark, 'utf8')))
  } catch (cause) {
    const message = `${mark} is not as \`inventory pull\` writes it: ${errorText(cause).slice(0, 200)}`
    throw new LogweirError('LW_INVENTORY', message, 'put the folder back from version control', {
      cause,
      exit: 1,
    })
  }
}

/** One that its owner left by dying is taken over. */
function takeLock(path: string): void {
  for (let tried = 0; tried < 2; tried++) {
    try {
      const file = openSync(path, 'wx', 0o600)
      writeSync(file, `${process.pid}\n`)
      closeSync(file)
      return
    } catch (error) {
      if (errorCode(error) !== 'EEXIST')
        throw new LogweirError('LW_INVENTORY', `${path}: ${errorText(error)}`, 'make the folder writable', {
          exit: 1,
        })
    }
    const owner = Number(readFileSync(path, 'utf8').trim())
    // In a container every run has the same number: what was left under ours and is not held is of a dead one.
    const ours = owner === process.pid
    if (Number.isInteger(owner) && owner > 0 && (ours ? held.has(path) : isAlive(owner))) break
    rmSync(path, { force: true })
  }
  throw new LogweirError(
    'LW_INVENTORY',
    `${path}: another \`inventory pull\` writes here`,
    'wait for it; remove the file when none runs',
    {
      exit: 1,
    },
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

function writeSynced(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o640)
  try {
    // Not writeSync: when the disk becomes full that may write the first part and say so in its answer only.
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
