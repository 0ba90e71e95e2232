/**
 * Forwarders that an operator paused, in `data/paused.json`: kept over restarts, and ended by themselves when a time was
 * named. While the router runs that time is monotonic; only over a restart the wall clock must say how much is left.
 */
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import { syncFolder, writeWhole } from '../spool/safe-files.ts'
import type { Log } from './log.ts'

/** What an operator said; times are RFC 3339. */
export interface Pause {
  readonly since: string
  /** When it ends by itself; null: never. */
  readonly until: string | null
  readonly reason: string | null
}

interface Held extends Pause {
  /** Milliseconds that were asked for. */
  readonly for_ms: number | null
  /** Monotonic milliseconds of the end. */
  readonly end: number
}

const FILE = 'paused.json'
export const REASON_MAX = 200
/** A year: longer is for ever, which is what no time at all means. */
export const PAUSE_MAX_MS = 366 * 86_400_000
/** Timers of more than 24 days fire at once. */
const STEP_MS = 86_400_000

export class Pauses {
  readonly #folder: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #changed: () => void
  readonly #held = new Map<string, Held>()
  #timer: Timer | undefined

  /** `changed` is called when one ended by itself. */
  constructor(folder: string, clock: Clock, log: Log, changed: () => void) {
    this.#folder = folder
    this.#clock = clock
    this.#log = log
    this.#changed = changed
    this.#read()
    this.#arm()
  }

  /** `tenant/name` of each. */
  get keys(): string[] {
    return [...this.#held.keys()]
  }

  get(key: string): Pause | null {
    const held = this.#held.get(key)
    return held === undefined ? null : { since: held.since, until: held.until, reason: held.reason }
  }

  /** Pauses, or changes a pause. @throws {LogweirError} when it cannot be written: then nothing changed. */
  pause(key: string, for_ms: number | null, reason: string | null): Pause {
    const wall = this.#clock.wall()
    const before = this.#held.get(key)
    this.#held.set(key, {
      since: before?.since ?? stamp(wall),
      until: for_ms === null ? null : stamp(wall + for_ms),
      reason,
      for_ms,
      end: for_ms === null ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + for_ms,
    })
    this.#write(() => this.#restore(key, before))
    this.#arm()
    return this.get(key) as Pause
  }

  /** False when it was not paused. @throws {LogweirError} when it cannot be written: then nothing changed. */
  resume(key: string): boolean {
    const before = this.#held.get(key)
    if (before === undefined) return false
    this.#held.delete(key)
    this.#write(() => this.#restore(key, before))
    this.#arm()
    return true
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #restore(key: string, before: Held | undefined): void {
    if (before === undefined) this.#held.delete(key)
    else this.#held.set(key, before)
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const next = Math.min(...[...this.#held.values()].map(({ end }) => end))
    if (!Number.isFinite(next)) return
    const wait = Math.min(Math.max(0, next - this.#clock.monotonic()), STEP_MS)
    this.#timer = this.#clock.after(wait, () => this.#end())
  }

  #end(): void {
    const now = this.#clock.monotonic()
    const over = [...this.#held].filter(([, { end }]) => end <= now).map(([key]) => key)
    for (const key of over) {
      this.#held.delete(key)
      this.#log('info', `forwarder ${key}: its pause is over`, { forwarder: key })
    }
    if (over.length > 0) {
      try {
        this.#write(() => undefined)
      } catch (error) {
        // The time that stands in the file has passed: a start reads it so.
        this.#log('warn', errorText(error))
      }
      this.#changed()
    }
    this.#arm()
  }

  #write(undo: () => void): void {
    const paused = Object.fromEntries(
      [...this.#held].map(([key, { since, until, reason, for_ms }]) => [
        key,
        { since, until, reason, for_ms },
      ]),
    )
    const path = join(this.#folder, FILE)
    try {
      writeWhole(`${path}.new`, `${JSON.stringify({ version: 1, paused })}\n`)
      renameSync(`${path}.new`, path)
      syncFolder(this.#folder)
    } catch (cause) {
      undo()
      throw new LogweirError(
        'LW_PAUSE_WRITE',
        `${path} cannot be written: ${errorText(cause)}; nothing was changed`,
        'make the data folder writable',
        { cause, exit: 1 },
      )
    }
  }

  /** What cannot be read pauses nobody, and is kept for who wants to know. */
  #read(): void {
    const path = join(this.#folder, FILE)
    try {
      const read = JSON.parse(readFileSync(path, 'utf8')) as unknown
      for (const [key, pause] of entriesOf(read)) this.#take(key, pause)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return
      this.#held.clear()
      this.#log('error', `${path} cannot be read: ${errorText(error)}; no forwarder is paused`)
      try {
        renameSync(path, `${path}.damaged`)
      } catch {
        // It stays where it is, and is said again at the next start.
      }
    }
  }

  #take(key: string, { since, until, reason, for_ms }: Pause & { readonly for_ms: number | null }): void {
    // A wall clock that went back makes a pause no longer than it was.
    const left =
      until === null || for_ms === null
        ? Number.POSITIVE_INFINITY
        : Math.min(Date.parse(until) - this.#clock.wall(), for_ms)
    if (left <= 0) {
      this.#log('info', `forwarder ${key}: its pause is over`, { forwarder: key })
      return
    }
    this.#held.set(key, { since, until, reason, for_ms, end: this.#clock.monotonic() + left })
  }
}

function stamp(wall: number): string {
  return new Date(wall).toISOString()
}

/** The entries of the file. @throws Error when it is not ours. */
function entriesOf(read: unknown): [string, Pause & { readonly for_ms: number | null }][] {
  const paused: unknown = isRecord(read) && read['version'] === 1 ? read['paused'] : undefined
  if (!isRecord(paused)) throw new Error('it is not what was written')
  return Object.entries(paused).map(([key, value]) => {
    if (!isRecord(value)) throw new Error('it is not what was written')
    const { since, until, reason, for_ms } = value
    const timed = typeof until === 'string' && typeof for_ms === 'number' && !Number.isNaN(Date.parse(until))
    if (typeof since !== 'string' || !(timed || (until === null && for_ms === null)))
      throw new Error('it is not what was written')
    const text = typeof reason === 'string' ? reason.slice(0, REASON_MAX) : null
    return [key, { since, until: timed ? until : null, for_ms: timed ? for_ms : null, reason: text }]
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
