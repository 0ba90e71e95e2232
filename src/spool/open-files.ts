/** The spool files that are open: at most so many, the least recently used is closed first. */
import { errorCode } from '../base/errors.ts'
import { faultPoint } from '../base/faults.ts'
import { lstatOf } from './safe-files.ts'
import { RowCodec } from './row-codec.ts'
import { SpoolFile, type SpoolSync } from './spool-file.ts'

export class OpenFiles {
  sync: SpoolSync
  /** Files opened or made since the start: what a start costs is told by this, not by a clock. */
  opened = 0
  #max: number
  readonly #files = new Map<string, SpoolFile>()
  readonly #codec: RowCodec

  constructor(max: number, sync: SpoolSync, codec: RowCodec = new RowCodec()) {
    this.#max = max
    this.sync = sync
    this.#codec = codec
  }

  get open(): number {
    return this.#files.size
  }

  /** Changes the bound; what is open above it is closed with the next use. */
  limit(max: number): void {
    this.#max = max
  }

  /** The open file of this path; opens it when it is not. Throws what SQLite or the system said. */
  use(path: string, keyed: boolean): SpoolFile {
    const known = this.#files.get(path)
    if (known !== undefined) {
      this.#files.delete(path)
      this.#files.set(path, known)
      return known
    }
    this.#makeRoom(this.#max - 1)
    faultPoint('spool.open')
    for (const name of [path, `${path}-journal`]) {
      const found = lstatOf(name)
      if (found === undefined && name === path)
        throw Object.assign(new Error(`${path} is gone`), { code: 'ENOENT' })
      if (found !== undefined && !found.isFile())
        throw Object.assign(new Error(`${name} is not a file`), { code: 'SQLITE_NOTADB' })
    }
    return this.#keep(
      path,
      this.#withRoom(() => SpoolFile.open(path, keyed, this.sync, this.#codec)),
    )
  }

  /** Makes a new file with its first transaction open. */
  create(path: string, keyed: boolean, sync = this.sync): SpoolFile {
    this.#makeRoom(this.#max - 1)
    faultPoint('spool.open')
    return this.#keep(
      path,
      this.#withRoom(() => SpoolFile.create(path, keyed, sync, this.#codec)),
    )
  }

  close(path: string): void {
    this.#files.get(path)?.close()
    this.#files.delete(path)
  }

  /** Closes a file that failed, without another write to it. */
  abandon(path: string): void {
    this.#files.get(path)?.abandon()
    this.#files.delete(path)
  }

  closeAll(): void {
    this.#makeRoom(0)
  }

  #keep(path: string, file: SpoolFile): SpoolFile {
    this.opened += 1
    this.#files.set(path, file)
    return file
  }

  #makeRoom(keep: number): void {
    for (const [path, file] of this.#files) {
      if (this.#files.size <= keep) return
      this.#files.delete(path)
      file.close()
    }
  }

  /** When the process is short of descriptors, those that are not needed now are given back first. */
  #withRoom(open: () => SpoolFile): SpoolFile {
    try {
      return open()
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'EMFILE' && code !== 'ENFILE' && code !== 'SQLITE_CANTOPEN') throw error
      this.#makeRoom(0)
      return open()
    }
  }
}
