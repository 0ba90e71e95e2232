/** Where damaged files and batches go: out of the way, kept for whoever wants to look. */
import { readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorText } from '../base/errors.ts'
import { QUARANTINE_ROWS_MAX } from './limits.ts'
import { FILE_MODE, lstatOf, makeFolder, sizeOf } from './safe-files.ts'

const PREFIX_MAX = 150

export class Quarantine {
  readonly folder: string
  #number = 0
  #rows = 0

  constructor(spool: string) {
    this.folder = join(spool, 'quarantine')
  }

  /** Makes the folder and gives the bytes that lie there. Whatever has its name and is no folder stays; then nothing is kept. */
  open(): number {
    makeFolder(this.folder)
    let bytes = 0
    for (const name of readdirSync(this.folder)) bytes += sizeOf(join(this.folder, name))
    return bytes
  }

  /**
   * Moves `path`, and the journal beside it, here under a name that says where it was. Gives the new place, or why it
   * could not be moved: then it is renamed where it lies, or at least not looked at again by this process.
   */
  take(path: string, prefix: string): { readonly moved_to: string } | { readonly failed: string } {
    const target = this.#free(`${prefix}-${basename(path)}`)
    try {
      renameSync(path, target)
    } catch (error) {
      return { failed: errorText(error) }
    }
    try {
      if (lstatOf(`${path}-journal`) !== undefined) renameSync(`${path}-journal`, `${target}-journal`)
    } catch {
      // The journal alone does nothing: SQLite ignores one whose file is gone.
    }
    return { moved_to: target }
  }

  /** Keeps a damaged batch; gives the bytes that it takes. Not being able to costs the copy only. */
  keepRow(bytes: Uint8Array, prefix: string, sequence: number): number {
    this.#rows += 1
    if (this.#rows > QUARANTINE_ROWS_MAX) return 0
    const path = this.#free(`${prefix}-${sequence}.batch`)
    try {
      writeFileSync(path, bytes, { mode: FILE_MODE, flag: 'wx' })
      return bytes.byteLength
    } catch {
      try {
        unlinkSync(path)
      } catch {
        // Nothing was written.
      }
      return 0
    }
  }

  #free(name: string): string {
    const stem = name.length > PREFIX_MAX + 60 ? `${name.slice(0, PREFIX_MAX)}~${name.slice(-60)}` : name
    for (;;) {
      this.#number += 1
      const path = join(this.folder, `${stem}.${this.#number}`)
      if (lstatOf(path) === undefined) return path
    }
  }
}
