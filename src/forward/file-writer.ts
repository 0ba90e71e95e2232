/**
 * Appends to one file, all or nothing, and rotates it by size: `out.log` becomes `out.log.1`, that
 * `out.log.2`, up to `keep` old ones. Used by one caller at a time.
 */
import { Buffer } from 'node:buffer'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { faultPoint } from '../base/faults.ts'
import { errorCode } from '../base/errors.ts'

export interface Rotation {
  /** Bytes; a file that would become larger is rotated first. */
  readonly size: number
  /** Old files kept; 0: the file starts anew. */
  readonly keep: number
}

/** Group may read, as with other log files; nobody but us writes. */
const FILE_MODE = 0o640
const FOLDER_MODE = 0o750
/** How often it is looked whether somebody else moved the file away. */
const LOOK_MS = 1000
const LF = 0x0a
const NEWLINE = Buffer.from('\n')

// A link at the end of the path is not followed; a pipe or device opens without waiting and is then refused.
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

export class FileWriter {
  readonly #path: string
  readonly #rotation: Rotation
  readonly #monotonic: () => number
  #handle: FileHandle | undefined
  #inode = 0
  #size = 0
  /** The file does not end with a newline: a write was cut, by us or by a crash before. */
  #torn = false
  #looked_at = 0

  constructor(path: string, rotation: Rotation, monotonic: () => number) {
    this.#path = path
    this.#rotation = rotation
    this.#monotonic = monotonic
  }

  get open(): boolean {
    return this.#handle !== undefined
  }

  /**
   * Appends the buffers. When it throws, nothing of them is in the file, or a torn end that the next write
   * begins behind with a newline.
   */
  async write(buffers: readonly Buffer[]): Promise<void> {
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    try {
      const handle = await this.#ready(bytes)
      faultPoint('file.write')
      await this.#append(handle, this.#torn ? [NEWLINE, ...buffers] : buffers)
    } catch (error) {
      await this.#takeBack()
      throw error
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #ready(bytes: number): Promise<FileHandle> {
    const now = this.#monotonic()
    if (this.#handle !== undefined && now - this.#looked_at >= LOOK_MS) {
      this.#looked_at = now
      if (!(await this.#stillThere())) await this.close()
    }
    this.#handle ??= await this.#openFile()
    if (this.#size > 0 && this.#size + bytes > this.#rotation.size) {
      await this.#rotate()
      this.#handle = await this.#openFile()
    }
    return this.#handle
  }

  async #stillThere(): Promise<boolean> {
    try {
      const { ino } = await stat(this.#path)
      return ino === this.#inode
    } catch {
      return false
    }
  }

  async #openFile(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: FOLDER_MODE })
    const handle = await open(this.#path, FLAGS, FILE_MODE)
    try {
      const found = await handle.stat()
      if (!found.isFile()) throw new Error(`${this.#path} is not a regular file`)
      this.#inode = found.ino
      this.#size = found.size
      this.#torn = found.size > 0 && (await lastByte(handle, found.size)) !== LF
      this.#looked_at = this.#monotonic()
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async #append(handle: FileHandle, buffers: readonly Buffer[]): Promise<void> {
    let rest = buffers
    let wrote = 0
    while (rest.length > 0) {
      const { bytesWritten } = await handle.writev(rest)
      if (bytesWritten === 0) throw new Error(`${this.#path}: the system wrote nothing`)
      wrote += bytesWritten
      rest = behind(rest, bytesWritten)
    }
    this.#size += wrote
    this.#torn = false
  }

  /** After a failed write: the file is as before, as far as the disk lets us. */
  async #takeBack(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) return
    try {
      const { size } = await handle.stat()
      if (size > this.#size) await handle.truncate(this.#size)
    } catch {
      this.#torn = true
    }
    // Opened anew for the next try: whatever was wrong may be mended by then.
    await this.close().catch(ignore)
  }

  async #rotate(): Promise<void> {
    await this.close()
    const { keep } = this.#rotation
    if (keep === 0) return rm(this.#path, { force: true })
    for (let n = keep - 1; n >= 1; n -= 1) await move(`${this.#path}.${n}`, `${this.#path}.${n + 1}`)
    await move(this.#path, `${this.#path}.1`)
  }
}

/** What is left of the buffers behind their first `bytes` bytes. */
function behind(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes
  const rest: Buffer[] = []
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip))
      skip = 0
    }
  }
  return rest
}

async function lastByte(handle: FileHandle, size: number): Promise<number | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead === 1 ? buffer[0] : undefined
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

function ignore(): void {}
