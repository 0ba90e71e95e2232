/** Collects what the cursors of one worker should remember and writes it in groups. */
import { errorText } from '../base/errors.ts'
import type { SpoolContext } from './context.ts'
import { type CursorRecord, Cursors as CursorFile } from './cursors.ts'
import { lstatOf } from './safe-files.ts'
import type { Segment } from './segment.ts'
import { isDamage } from './spool-file.ts'

export class Cursors {
  readonly #folder: string
  readonly #context: SpoolContext
  #file: CursorFile | undefined
  readonly #dirty = new Set<Segment>()
  readonly #gone = new Map<string, { readonly key: string; readonly file: string }>()
  #failing = false

  constructor(folder: string, context: SpoolContext) {
    this.#folder = folder
    this.#context = context
  }

  /** What the last process remembered; empty when that is lost. */
  load(): CursorRecord[] {
    try {
      this.#file = new CursorFile(this.#folder, this.#context.files.sync)
      return this.#file.load()
    } catch (error) {
      this.#lost(error)
      return []
    }
  }

  get dirty(): number {
    return this.#dirty.size + this.#gone.size
  }

  /** The segment's record changed. */
  touch(segment: Segment): void {
    this.#dirty.add(segment)
  }

  /** The segment's file is gone: its record must not meet another file of that name. */
  forget(key: string, file: string, segment?: Segment): void {
    if (segment !== undefined) this.#dirty.delete(segment)
    this.#gone.set(`${file}\0${key}`, { key, file })
  }

  /** Whether a record of a file that is gone may still be on disk. */
  isGone(key: string, file: string): boolean {
    return this.#gone.has(`${file}\0${key}`)
  }

  /** Writes what changed. On failure it stays to be written with the next: nothing but duplicates depends on it. False then. */
  flush(): boolean {
    if (this.dirty === 0) return true
    try {
      this.#file ??= new CursorFile(this.#folder, this.#context.files.sync)
      this.#file.write(
        [...this.#dirty].map((segment) => segment.record()),
        [...this.#gone.values()],
      )
      this.#dirty.clear()
      this.#gone.clear()
      this.#failing = false
      return true
    } catch (error) {
      this.#lost(error)
      return false
    }
  }

  /** Takes over records of files that came from another worker. */
  restore(records: readonly CursorRecord[]): void {
    try {
      this.#file?.write(records, [])
    } catch (error) {
      this.#lost(error)
    }
  }

  close(): void {
    this.flush()
    this.#file?.close()
    this.#file = undefined
  }

  #lost(error: unknown): void {
    const path = this.#file?.path ?? `${this.#folder}/cursors.db`
    this.#file?.close()
    this.#file = undefined
    const { quarantine, notice } = this.#context
    if (isDamage(error) && lstatOf(path) !== undefined) {
      const taken = quarantine.take(path, 'cursors')
      const where = 'moved_to' in taken ? `moved to ${taken.moved_to}` : `could not be moved: ${taken.failed}`
      notice({
        level: 'warn',
        event: 'quarantined',
        message: `the cursors ${path} are damaged (${errorText(error)}) and were ${where}: some events are sent twice`,
        key: null,
        events: 0,
      })
      return
    }
    if (this.#failing) return
    this.#failing = true
    notice({
      level: 'warn',
      event: 'disk_error',
      message: `cannot write ${path}: ${errorText(error)}; after a crash some events are sent twice`,
      key: null,
      events: 0,
    })
  }
}
