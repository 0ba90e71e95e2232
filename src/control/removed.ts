/**
 * Forwarders that left the rules and still hold events, in `data/removed.json`: what lies there is kept for
 * `spool.removed_keep` and then given up. Their name in the rules again, it is theirs again.
 *
 * What counts is time in which the router ran, by the monotonic clock, kept over restarts: no jump of the wall clock,
 * no machine that wakes up in another year makes it end early. Time that is not written down yet when the process is
 * killed, a few minutes, is waited for again.
 */
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { errorCode, errorText } from '../base/errors.ts'
import { syncFolder, writeWhole } from '../spool/safe-files.ts'
import type { Ledger } from './ledger.ts'
import type { Log } from './log.ts'

const FILE = 'removed.json'
/** How often is looked who is empty or due, and how often the time that passed is written down. */
const LOOK_MS = 60_000
const SAVE_MS = 300_000

/** Of a forwarder that left the rules. */
export interface Removal {
  /** When it was first missed, RFC 3339. */
  readonly since: string
  /** Seconds of running until what it holds is given up; null: never. */
  readonly purged_in: number | null
}

interface Held {
  readonly since: string
  /** Milliseconds that the router ran without it, up to {@link at} (monotonic). */
  ran: number
  at: number
}

export interface RemovedDeps {
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  /** Milliseconds; null: for ever. */
  readonly keep: () => number | null
  readonly ledger: () => Promise<Ledger>
  /** The forwarders of the rules that run. */
  readonly rules: () => ReadonlySet<string>
  /** Gives up what it holds unless it is in the rules again; undefined: it is. */
  readonly purge: (key: string) => Promise<{ readonly events: number; readonly bytes: number } | undefined>
}

export class Removed {
  readonly #deps: RemovedDeps
  readonly #held = new Map<string, Held>()
  #timer: Timer | undefined
  #saved_at: number
  #looking: Promise<void> = Promise.resolve()
  /** What is written down is not what is so. */
  #unsaved = false
  #ended = false

  constructor(deps: RemovedDeps) {
    this.#deps = deps
    const now = deps.clock.monotonic()
    this.#saved_at = now
    for (const [key, { since, ran }] of read(deps.folder, deps.log))
      this.#held.set(key, { since, ran, at: now })
  }

  get(key: string): Removal | null {
    const held = this.#held.get(key)
    return held === undefined ? null : removalOf(held, this.#ran(held), this.#deps.keep())
  }

  /** After a start and after each reload, and by itself while there is anything to wait for. */
  look(): Promise<void> {
    // At once: should it leave again before anybody looked, its time begins anew.
    const rules = this.#deps.rules()
    for (const key of this.#held.keys()) if (rules.has(key)) this.#forget(key)
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => {
        if (!this.#ended) this.#deps.log('warn', `forwarders that left the rules: ${errorText(error)}`)
      })
    return this.#looking
  }

  close(): void {
    this.#ended = true
    this.#timer?.cancel()
    if (this.#held.size > 0 || this.#unsaved) this.#save()
  }

  async #look(): Promise<void> {
    this.#timer?.cancel()
    if (this.#ended) return
    try {
      const ledger = await this.#deps.ledger()
      this.#notice(ledger)
      await this.#purgeDue(ledger)
      if (this.#unsaved || this.#deps.clock.monotonic() - this.#saved_at >= SAVE_MS) this.#save()
    } finally {
      this.#arm()
    }
  }

  /** Who is missing and holds something, and who does no more. */
  #notice({ forwarders }: Ledger): void {
    const { clock } = this.#deps
    const rules = this.#deps.rules()
    const holding = new Set<string>()
    for (const { tenant, forwarder, queued, spooled, in_flight } of forwarders) {
      const key = `${tenant}/${forwarder}`
      if (rules.has(key) || queued + spooled + in_flight === 0) continue
      holding.add(key)
      if (this.#held.has(key)) continue
      this.#held.set(key, { since: new Date(clock.wall()).toISOString(), ran: 0, at: clock.monotonic() })
      this.#unsaved = true
    }
    for (const key of this.#held.keys()) if (!holding.has(key)) this.#forget(key)
  }

  #forget(key: string): void {
    this.#held.delete(key)
    this.#unsaved = true
  }

  async #purgeDue({ forwarders }: Ledger): Promise<void> {
    const keep = this.#deps.keep()
    if (keep === null) return
    for (const [key, held] of this.#held) {
      if (this.#ended || this.#ran(held) < keep) continue
      const gone = await this.#deps.purge(key)
      // Nothing yet where the disk had no room for what memory holds: it comes to disk, and goes next time.
      if (gone === undefined || gone.events === 0) continue
      const own = forwarders.find(({ tenant, forwarder }) => `${tenant}/${forwarder}` === key)
      const { events, bytes } = gone
      this.#deps.log('warn', `forwarder ${key} left the rules: its spool is purged (spool.removed_keep)`, {
        forwarder: key,
        tenant: own?.tenant,
        events,
        bytes,
        oldest_seconds: own?.oldest_seconds,
        removed: held.since,
      })
    }
  }

  #ran({ ran, at }: Held): number {
    return ran + this.#deps.clock.monotonic() - at
  }

  #arm(): void {
    this.#timer?.cancel()
    if (this.#ended || this.#held.size === 0) return
    const keep = this.#deps.keep() ?? Number.POSITIVE_INFINITY
    const next = Math.min(...[...this.#held.values()].map((held) => keep - this.#ran(held)))
    // One that is due and still there is asked again in a while, not at once.
    const wait = next <= 0 ? LOOK_MS : Math.min(next, LOOK_MS)
    this.#timer = this.#deps.clock.after(wait, () => void this.look())
  }

  /** What cannot be written is waited for again after a restart. */
  #save(): void {
    const { folder, clock, log } = this.#deps
    this.#saved_at = clock.monotonic()
    this.#unsaved = false
    const removed = Object.fromEntries(
      [...this.#held].map(([key, held]) => [key, { since: held.since, ran_ms: Math.round(this.#ran(held)) }]),
    )
    const path = join(folder, FILE)
    try {
      writeWhole(`${path}.new`, `${JSON.stringify({ version: 1, removed })}\n`)
      renameSync(`${path}.new`, path)
      syncFolder(folder)
    } catch (error) {
      log('warn', `${path} cannot be written: ${errorText(error)}`)
    }
  }
}

/** Of a stopped router's data folder: what it last wrote down, by forwarder. */
export function readRemovals(folder: string, keep: number | null): Map<string, Removal> {
  const held = read(folder, () => undefined, true)
  return new Map(held.map(([key, { since, ran }]) => [key, removalOf({ since }, ran, keep)]))
}

function removalOf({ since }: { readonly since: string }, ran: number, keep: number | null): Removal {
  return { since, purged_in: keep === null ? null : Math.max(0, (keep - ran) / 1000) }
}

type Written = readonly [key: string, { readonly since: string; readonly ran: number }]

/** What cannot be read begins anew, which is later than it should be and never earlier. */
function read(folder: string, log: Log, only_look = false): Written[] {
  const path = join(folder, FILE)
  try {
    return entriesOf(JSON.parse(readFileSync(path, 'utf8')) as unknown)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || only_look) return []
    log('error', `${path} cannot be read: ${errorText(error)}; the time of what left the rules begins anew`)
    try {
      renameSync(path, `${path}.damaged`)
    } catch {
      // It is written over when there is something to write.
    }
    return []
  }
}

/** @throws Error when it is not ours. */
function entriesOf(value: unknown): Written[] {
  const removed: unknown = isRecord(value) && value['version'] === 1 ? value['removed'] : undefined
  if (!isRecord(removed)) throw new Error('it is not what was written')
  return Object.entries(removed).map(([key, one]) => {
    const { since, ran_ms } = isRecord(one) ? one : {}
    if (typeof since !== 'string' || typeof ran_ms !== 'number' || !(ran_ms >= 0))
      throw new Error('it is not what was written')
    return [key, { since, ran: ran_ms }]
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
