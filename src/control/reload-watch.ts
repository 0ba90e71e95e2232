/**
 * Takes changed files over by itself. The system says that something moved in a folder; what has changed is asked of the
 * files. Where the system says nothing (network disks, a link's target elsewhere, no watches left) a look now and then
 * finds it. Nothing is taken while anything still changes: editors write and rename, a checkout writes a thousand files.
 */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { errorText } from '../base/errors.ts'
import { type FilesLook, type FilesStamp, lookAtFiles } from '../rules/files-stamp.ts'
import type { Log } from './log.ts'

/** Milliseconds between looks when nothing is heard; more where one look takes long. */
const LOOK_MS = 10_000
/** A look may take this part of the time. */
const LOOK_PART = 100
const HEARD_PART = 20
/** Folders that the system is asked to watch; the others are looked at now and then. */
const FOLDERS_MAX = 1000
/** Changes that never rest are taken after so many times `settle`. */
const RESTLESS = 10

/** What is watched; read again at every look, because a reload may change it. */
export interface Watched {
  readonly file: string
  readonly folder: string
  readonly watch: boolean
  /** Milliseconds without a change before it is taken. */
  readonly settle: number
  /** The files as they were when they were last read. */
  readonly stamp: FilesStamp
}

export interface ReloadWatchDeps {
  readonly clock: Clock
  readonly watched: () => Watched
  readonly reload: () => Promise<unknown>
  readonly log: Log
  /** For tests: who watches a folder, and who looks. */
  readonly listen?: (folder: string, changed: () => void) => { close(): void }
  readonly look?: (file: string, folder: string) => FilesLook
}

export class ReloadWatch {
  readonly #deps: ReloadWatchDeps
  readonly #watchers = new Map<string, { close(): void }>()
  #timer: Timer | undefined
  /** Monotonic milliseconds. */
  #due_at = 0
  #took = 0
  /** The last look that was not what runs, and when it was first seen. */
  #pending: { text: string; since: number; first: number } | undefined
  /** What was tried last: files that cannot be taken are tried once. */
  #tried = ''
  #deaf = false
  #busy = false
  #stopped = false

  constructor(deps: ReloadWatchDeps) {
    this.#deps = deps
    this.#look()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#listenTo([])
  }

  /** Something moved. A program that never rests there must neither put a look off nor make them follow each other. */
  #heard(): void {
    if (this.#busy || this.#stopped) return
    const { settle } = this.#deps.watched()
    const wait = Math.max(settle / 4, this.#took * HEARD_PART)
    if (this.#deps.clock.monotonic() + wait < this.#due_at) this.#due(wait)
  }

  #due(ms: number): void {
    if (this.#stopped) return
    this.#timer?.cancel()
    this.#due_at = this.#deps.clock.monotonic() + ms
    this.#timer = this.#deps.clock.after(ms, () => this.#look())
  }

  #look(): void {
    const { clock, watched, look = lookAtFiles } = this.#deps
    const { file, folder, watch: on, settle, stamp } = watched()
    if (!on) {
      this.#listenTo([])
      this.#pending = undefined
      this.#due(LOOK_MS)
      return
    }
    const began = clock.monotonic()
    const { stamp: now, folders } = look(file, folder)
    const took = clock.monotonic() - began
    this.#took = took
    this.#listenTo([...new Set([dirname(file), folder, ...folders])])
    const text = JSON.stringify(now)
    if (same(now, stamp) || text === this.#tried) {
      this.#pending = undefined
      this.#due(Math.max(LOOK_MS, took * LOOK_PART))
      return
    }
    const before = this.#pending
    const first = before?.first ?? began
    const since = before?.text === text ? before.since : began
    this.#pending = { text, since, first }
    if (began - since >= settle || began - first >= settle * RESTLESS) void this.#take(text)
    else this.#due(Math.max(settle / 4, took * 4))
  }

  async #take(text: string): Promise<void> {
    this.#tried = text
    this.#pending = undefined
    this.#busy = true
    try {
      await this.#deps.reload()
    } catch (error) {
      this.#deps.log('error', `changed files could not be taken over: ${errorText(error)}`)
    }
    this.#busy = false
    this.#due(0)
  }

  #listenTo(folders: readonly string[]): void {
    const wanted = new Map(folders.slice(0, FOLDERS_MAX).map((folder) => [identity(folder), folder]))
    for (const [key, watcher] of this.#watchers) {
      if (wanted.has(key)) continue
      watcher.close()
      this.#watchers.delete(key)
    }
    for (const [key, folder] of wanted) if (!this.#watchers.has(key)) this.#listen(key, folder)
  }

  #listen(key: string, folder: string): void {
    const { listen = systemListen, log } = this.#deps
    try {
      this.#watchers.set(
        key,
        listen(folder, () => this.#heard()),
      )
    } catch (error) {
      if (this.#deaf) return
      this.#deaf = true
      const every = `${LOOK_MS / 1000} s`
      log('warn', `${folder} cannot be watched: changes are looked for every ${every}`, {
        reason: errorText(error),
      })
    }
  }
}

/** Another folder of the same name needs another watcher: the first one's hears nothing any more. */
function identity(folder: string): string {
  try {
    const { dev, ino } = statSync(folder)
    return `${dev} ${ino} ${folder}`
  } catch {
    return folder
  }
}

/** A folder that goes away ends its watcher; the next look makes another when it is back. */
function systemListen(folder: string, changed: () => void): FSWatcher {
  const watcher = watch(folder, { persistent: false }, changed)
  watcher.on('error', changed)
  return watcher
}

/** Rules are compared only where the configuration could be read: otherwise it must change first. */
function same(now: FilesStamp, then: FilesStamp): boolean {
  if (now.configuration !== then.configuration) return false
  return then.folder === null || (now.folder === then.folder && now.rules === then.rules)
}
