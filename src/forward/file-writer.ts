/**
 * Appends to one file, all or nothing, and puts it aside when it is full or its time is over (`file-aside.ts`). Used
 * by one caller at a time.
 */
import { Buffer } from 'node:buffer'
import { constants } from 'node:fs'
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { faultPoint } from '../base/faults.ts'
import type { FileOptions } from '../rules/forwarder-settings.ts'
import { compressAside, putAside, syncFolder } from './file-aside.ts'

const FOLDER_MODE = 0o750
const MODE_BITS = 0o777
/** How often it is looked whether somebody else moved the file away. */
const LOOK_MS = 1000
const LF = 0x0a
const NEWLINE = Buffer.from('\n')

// A link at the end of the path is not followed; a pipe or device opens without waiting and is then refused.
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

export class FileWriter {
  readonly #path: string
  readonly #options: FileOptions
  readonly #clock: Pick<Clock, 'monotonic' | 'wall'>
  #handle: FileHandle | undefined
  #inode = 0
  #size = 0
  /** Number of the time span that the file's first event belongs to. */
  #span = 0
  /** The file does not end with a newline: a write was cut, by us or by a crash before. */
  #torn = false
  #looked_at = 0
  #compressing: Promise<void> | undefined

  constructor(path: string, options: FileOptions, clock: Pick<Clock, 'monotonic' | 'wall'>) {
    this.#path = path
    this.#options = options
    this.#clock = clock
  }

  get open(): boolean {
    return this.#handle !== undefined
  }

  /** A file that was put aside is being compressed: nobody else may put one aside. */
  get busy(): boolean {
    return this.#compressing !== undefined
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
    const now = this.#clock.monotonic()
    if (this.#handle !== undefined && now - this.#looked_at >= LOOK_MS) {
      this.#looked_at = now
      if (!(await this.#stillThere())) await this.close()
    }
    this.#handle ??= await this.#openFile()
    if (this.#size > 0 && (this.#size + bytes > this.#options.size || this.#over)) {
      await this.#rotate()
      this.#handle = await this.#openFile()
    }
    return this.#handle
  }

  /** The file's time is over. A clock that jumps back ends nothing. */
  get #over(): boolean {
    return this.#options.every !== null && this.#spanOf(this.#clock.wall()) > this.#span
  }

  #spanOf(wall: number): number {
    return this.#options.every === null ? 0 : Math.floor(wall / this.#options.every)
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
    const { mode, fsync } = this.#options
    await mkdir(dirname(this.#path), { recursive: true, mode: FOLDER_MODE })
    const handle = await open(this.#path, FLAGS, mode)
    try {
      const found = await handle.stat()
      if (!found.isFile()) throw new Error(`${this.#path} is not a regular file`)
      // A new one: what the process takes away from modes is not asked.
      if (found.size === 0 && (found.mode & MODE_BITS) !== mode) await handle.chmod(mode)
      if (found.size === 0 && fsync) await syncFolder(dirname(this.#path))
      this.#inode = found.ino
      this.#size = found.size
      this.#span = this.#spanOf(found.size > 0 ? found.mtimeMs : this.#clock.wall())
      this.#torn = found.size > 0 && (await lastByte(handle, found.size)) !== LF
      this.#looked_at = this.#clock.monotonic()
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
    if (this.#options.fsync) {
      faultPoint('file.sync')
      await handle.datasync()
    }
    if (this.#size === 0) this.#span = this.#spanOf(this.#clock.wall())
    this.#size += wrote
    this.#torn = false
  }

  /** After a failed write: the file is as before, as far as the disk lets us. */
  async #takeBack(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) return
    try {
      faultPoint('file.take_back')
      const { size } = await handle.stat()
      if (size > this.#size) await handle.truncate(this.#size)
    } catch {
      this.#torn = true
    }
    // Opened anew for the next try: whatever was wrong may be mended by then.
    await this.close().catch(ignore)
  }

  async #rotate(): Promise<void> {
    await this.#compressing
    await this.close()
    const { keep, gzip, fsync, mode } = this.#options
    await putAside(this.#path, keep)
    if (fsync) await syncFolder(dirname(this.#path))
    if (!gzip || keep === 0) return
    // Beside what goes on; what is not compressed, for want of room for example, stays as it is.
    this.#compressing = compressAside(`${this.#path}.1`, mode)
      .catch(ignore)
      .finally(() => {
        this.#compressing = undefined
      })
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

function ignore(): void {}
