/**
 * One worker's folder, as it is found at start. A start costs a look at each name; files are opened only where the
 * cursors do not tell what they hold. Whatever else lies there is set aside or left alone, and told once.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorText } from '../base/errors.ts'
import { Chain, type ChainHome } from './chain.ts'
import type { SpoolContext } from './context.ts'
import type { CursorRecord } from './cursors.ts'
import { inspect } from './inspect.ts'
import { FILE_MAX } from './limits.ts'
import { CURSORS_FILE, decodeKey, encodeKey, isCut, KEY_FILE, parseFileName, parseStopName } from './names.ts'
import { lstatOf, sizeOf, unlinkIfThere } from './safe-files.ts'
import { Segment } from './segment.ts'
import { isDamage, isMissing, NO_TOTALS, type RowHead, type SpoolFile, type Totals } from './spool-file.ts'

/** What {@link scanFolder} found. */
export interface FoundFolder {
  readonly chains: Map<string, Chain>
  /** Stop files: name to the segments in it. */
  readonly stops: Map<string, Segment[]>
  /** Cursor records whose file is gone. */
  readonly stale: readonly CursorRecord[]
  /** Sealed segments that the cursors did not know yet. */
  readonly learned: readonly Segment[]
}

export class FolderScan {
  readonly #folder: string
  readonly #context: SpoolContext
  readonly #home: ChainHome
  readonly #records = new Map<string, CursorRecord>()
  readonly #chains = new Map<string, Chain>()
  readonly #stops = new Map<string, Segment[]>()
  readonly #learned: Segment[] = []
  /** Files that this release may go on writing. */
  readonly #continuing = new Set<Segment>()

  constructor(folder: string, context: SpoolContext, home: ChainHome, records: readonly CursorRecord[]) {
    this.#folder = folder
    this.#context = context
    this.#home = home
    for (const record of records) this.#records.set(`${record.file}\0${record.key}`, record)
  }

  run(): FoundFolder {
    for (const name of readdirSync(this.#folder).sort()) {
      const path = join(this.#folder, name)
      if (name === CURSORS_FILE || name.endsWith('-journal')) continue
      if (parseStopName(name) !== undefined) this.#guard(path, () => this.#stop(name, path))
      else if (lstatOf(path)?.isDirectory() === true) this.#guard(path, () => this.#chain(name, path))
      else this.#strange(path)
    }
    return {
      chains: this.#chains,
      stops: this.#stops,
      stale: [...this.#records.values()].filter((record) => !this.#isThere(record)),
      learned: this.#learned,
    }
  }

  /** A refused file keeps its record, for the release that can read it. */
  #isThere({ key, file }: CursorRecord): boolean {
    const folder = parseStopName(file) === undefined ? encodeKey(key) : ''
    return lstatOf(join(this.#folder, folder, file)) !== undefined
  }

  #chain(folder: string, path: string): void {
    const key = keyOf(folder, path)
    if (key === undefined) return this.#ignored(path, 'no forwarder has this folder name')
    const chain = this.#chains.get(key) ?? new Chain(key, path, this.#home)
    this.#chains.set(key, chain)
    for (const name of readdirSync(path).sort()) {
      if (name === KEY_FILE || name.endsWith('-journal')) continue
      const file = join(path, name)
      if (parseFileName(name) === undefined) this.#ignored(file, 'not the name of a spool file')
      else this.#guard(file, () => this.#file(chain, name, file))
    }
    const newest = chain.segments.at(-1)
    for (const segment of chain.segments) {
      if (segment.sealed || segment.keyed) continue
      const fits = segment === newest && segment.size < FILE_MAX && segment.shift === 0
      if (fits && this.#continuing.has(segment)) chain.active = segment
      else {
        segment.sealed = true
        this.#learned.push(segment)
      }
    }
  }

  #file(chain: Chain, name: string, path: string): void {
    const found = this.#inspect(path, chain.key, name)
    if (found === undefined) return
    const { shift } = parseFileName(name) as { shift: number }
    const record = this.#take(name, chain.key)
    const common = { key: chain.key, name, path, keyed: false, shift }
    const size = found.journal ? 0 : found.size
    let segment: Segment
    if (record?.sealed && record.sealed.size === size) {
      const { first, last, totals } = record.sealed
      const start = { ...common, first: first + shift, last: last + shift, totals, size, sealed: true }
      segment = new Segment(start, this.#context.files)
    } else {
      const file = this.#context.files.use(path, false)
      const held = summary(file, '')
      const bytes = sizeOf(path, `${path}-journal`)
      const [first, last] = [held.first + shift, held.last + shift]
      const start = { ...common, first, last, totals: held.totals, size: bytes, sealed: false }
      segment = new Segment(start, this.#context.files)
      if (file.continues) this.#continuing.add(segment)
    }
    if (record !== undefined) segment.restore(record)
    this.#context.usage.total += segment.size
    chain.add(segment)
  }

  #stop(name: string, path: string): void {
    const found = this.#inspect(path, null, name)
    if (found === undefined) return
    const file = this.#context.files.use(path, true)
    const segments: Segment[] = []
    for (const key of file.keys()) {
      const { first, last, totals } = summary(file, key)
      const start = { key, name, path, keyed: true, shift: 0, first, last, totals, size: 0, sealed: true }
      const segment = new Segment(start, this.#context.files)
      const record = this.#take(name, key)
      if (record !== undefined) segment.restore(record)
      segments.push(segment)
    }
    for (const segment of segments) {
      const chain = this.#chains.get(segment.key) ?? this.#chainFor(segment.key)
      chain.add(segment)
    }
    this.#context.usage.total += sizeOf(path)
    this.#stops.set(name, segments)
  }

  #chainFor(key: string): Chain {
    const chain = new Chain(key, join(this.#folder, encodeKey(key)), this.#home)
    this.#chains.set(key, chain)
    return chain
  }

  /** Undefined when there is nothing to read, which was then dealt with. */
  #inspect(
    path: string,
    key: string | null,
    name: string,
  ): { readonly size: number; readonly journal: boolean } | undefined {
    const found = inspect(path)
    if (found.is === 'spool') return found
    if (found.is === 'empty') {
      unlinkIfThere(path)
      unlinkIfThere(`${path}-journal`)
    } else if (found.is === 'damaged') this.#setAside(path, found.reason, key, this.#known(name, key))
    else {
      const newer = found.is === 'newer'
      if (newer) this.#context.usage.total += found.size
      const reason = newer ? `it is of version ${found.version}, later than this release` : found.reason
      const message = `${path} is left as it is: ${reason}`
      this.#context.notice({ level: 'error', event: 'refused', message, key, events: 0 })
    }
    return undefined
  }

  #guard(path: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      if (isMissing(error)) return
      if (isDamage(error)) {
        this.#context.files.abandon(path)
        return this.#setAside(path, errorText(error), null)
      }
      const message = `${path} cannot be read: ${errorText(error)}`
      this.#context.notice({ level: 'error', event: 'disk_error', message, key: null, events: 0 })
    }
  }

  /** Unacknowledged events of a sealed file, as the cursors remember them. */
  #known(name: string, key: string | null): number {
    const record = this.#records.get(`${name}\0${key}`)
    return record?.sealed ? Math.max(0, record.sealed.totals.events - record.acked.events) : 0
  }

  #setAside(path: string, reason: string, key: string | null, events = 0): void {
    const size = lstatOf(path)?.size ?? 0
    const taken = this.#context.quarantine.take(path, 'found')
    const moved = 'moved_to' in taken
    if (moved) this.#context.usage.total += size
    const where = moved ? `moved to ${taken.moved_to}` : `left as it is (${taken.failed})`
    const lost = events > 0 ? `; ${events} events are lost` : ''
    const message = `${path} is damaged (${reason}) and was ${where}${lost}`
    this.#context.notice({ level: 'error', event: 'quarantined', message, key, events })
  }

  /** Something that is neither a chain nor a stop file: a link or pipe is moved away, a plain file is left. */
  #strange(path: string): void {
    if (lstatOf(path)?.isFile() === false) this.#setAside(path, 'a link or not a regular file', null)
    else this.#ignored(path, 'not part of the spool')
  }

  #ignored(path: string, reason: string): void {
    this.#context.notice({
      level: 'warn',
      event: 'ignored',
      message: `${path} is ignored: ${reason}`,
      key: null,
      events: 0,
    })
  }

  #take(file: string, key: string): CursorRecord | undefined {
    const id = `${file}\0${key}`
    const record = this.#records.get(id)
    this.#records.delete(id)
    return record
  }
}

/** What a file holds, from its first and last row; counted when those do not carry their sums. */
export function summary(
  file: SpoolFile,
  key: string,
): { readonly first: number; readonly last: number; readonly totals: Totals } {
  const first = file.first(key)
  const last = file.last(key)
  if (first === undefined || last === undefined) return { first: 0, last: -1, totals: NO_TOTALS }
  return {
    first: bound(first, 0),
    last: bound(last, first.sequence),
    totals: last.sound ? last.after : file.count(key),
  }
}

/** A damaged row number must not become the chain's last sequence: all later batches would have to be above it. */
function bound(head: RowHead, at_least: number): number {
  if (Number.isSafeInteger(head.sequence) && head.sequence >= at_least) return head.sequence
  throw Object.assign(new Error('row numbers are damaged'), { code: 'SQLITE_CORRUPT' })
}

/** The forwarder whose files lie in a folder; undefined when nobody's can. */
export function keyOf(folder: string, path: string): string | undefined {
  if (!isCut(folder)) return decodeKey(folder)
  try {
    const file = join(path, KEY_FILE)
    if (lstatOf(file)?.isFile() !== true) return undefined
    const key = readFileSync(file, 'utf8')
    return encodeKey(key) === folder ? key : undefined
  } catch {
    return undefined
  }
}
