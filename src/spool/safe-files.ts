/**
 * Folders and files below the data folder: made with the least rights, never reached through a symbolic link
 * that somebody put there.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { Buffer } from 'node:buffer'
import { errorCode } from '../base/errors.ts'

export const FOLDER_MODE = 0o700
export const FILE_MODE = 0o600
/** None of our files is larger but a stop file of a very large memory. */
export const SIZE_BELIEVED: number = 512 * 1024 * 1024
const BLOCK = 512

/** Without following a link; undefined when nothing is there. */
export function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Makes the folder unless it is there. Throws when something else is. */
export function makeFolder(path: string): void {
  const found = lstatOf(path)
  if (found === undefined) mkdirSync(path, { mode: FOLDER_MODE })
  else if (!found.isDirectory()) {
    throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' })
  }
}

/** Makes an empty file that only we can read. Throws EEXIST when anything has the name. */
export function createFile(path: string): void {
  closeSync(openSync(path, 'wx', FILE_MODE))
}

/** Writes a small file whole: never half, never through a link. */
export function writeWhole(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
  const file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, FILE_MODE)
  try {
    // All of it, or an error: writeSync may stop where the disk is full.
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The first `bytes` bytes of a regular file, and its size. Throws on links, folders, pipes. */
export function readStart(path: string, bytes: number): { readonly start: Buffer; readonly size: number } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'ELOOP' })
    const start = Buffer.alloc(bytes)
    return { start: start.subarray(0, readSync(file, start, 0, bytes, 0)), size: stats.size }
  } finally {
    closeSync(file)
  }
}

/** Makes new and removed names in the folder survive a power cut. */
export function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Bytes that the names take on disk; 0 for what is not there. A file far larger than any of ours has holes, which take
 * none; for the others the size is the better word, because blocks may be given late.
 */
export function sizeOf(...paths: string[]): number {
  let size = 0
  for (const path of paths) {
    const found = lstatOf(path)
    if (found === undefined) continue
    size += found.size > SIZE_BELIEVED ? Math.min(found.size, found.blocks * BLOCK) : found.size
  }
  return size
}

export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
