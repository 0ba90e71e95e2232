/**
 * All chains of one worker. Everything here is synchronous and belongs to the spool thread; `scheduler.ts` decides
 * whose turn it is.
 */
import { join } from 'node:path'
import { errorText } from '../base/errors.ts'
import { faultPoint } from '../base/faults.ts'
import type { ChainState, SpoolReadResult, SpoolRow } from '../queue/spool-port.ts'
import { Chain, type ChainHome } from './chain.ts'
import type { SpoolContext } from './context.ts'
import { Cursors } from './cursor-keeper.ts'
import { IDLE_FLUSHES, READ_BYTES_MAX } from './limits.ts'
import { encodeKey, fileName, isCut, KEY_FILE, parseStopName, stopName } from './names.ts'
import { lstatOf, makeFolder, sizeOf, syncFolder, unlinkIfThere, writeWhole } from './safe-files.ts'
import { Segment } from './segment.ts'
import { NO_TOTALS, type Totals } from './spool-file.ts'
import { tenantOf } from '../base/tenant.ts'
import { FolderScan } from './worker-folder.ts'

export type StopRow = { readonly key: string; readonly row: SpoolRow }
type Dropped = Totals & { readonly through: number }

export class WorkerSpool implements ChainHome {
  readonly worker: number
  readonly folder: string
  readonly context: SpoolContext
  readonly cursors: Cursors
  #chains = new Map<string, Chain>()
  /** All segments of each stop file: it goes when the last of them is drained. */
  #stops = new Map<string, Segment[]>()
  /** Of the last stop file. Never used again in this process: its cursors may still lie on disk. */
  #stop_number = 0
  /** Acknowledgements that the disk refused: tried again with the next flush. */
  #late: { key: string; sequence: number }[] = []

  /** Opens the worker's folder, making it when it is new. Damage inside it never throws. */
  constructor(spool: string, worker: number, context: SpoolContext) {
    this.worker = worker
    this.context = context
    this.folder = join(spool, String(worker))
    this.cursors = new Cursors(this.folder, context)
    const found = lstatOf(this.folder)
    if (found !== undefined && !found.isDirectory()) context.quarantine.take(this.folder, 'found')
    makeFolder(this.folder)
    const scan = new FolderScan(this.folder, context, this, this.cursors.load()).run()
    this.#chains = scan.chains
    this.#stops = scan.stops
    const stops = [...scan.stops.keys(), ...scan.stale.map(({ file }) => file)]
    this.#stop_number = Math.max(0, ...stops.map((name) => parseStopName(name) ?? 0))
    for (const segment of scan.learned) this.cursors.touch(segment)
    for (const { key, file } of scan.stale) this.cursors.forget(key, file)
    this.#releaseDrained()
    context.usage.counts((tenant) => this.#bytesOf(tenant))
    // Before anything is written: a record must not outlive its file and meet a new one of that name.
    this.cursors.flush()
  }

  /** Chains that hold something, and those whose last sequence must not be used again. */
  states(): ChainState[] {
    return [...this.#chains.values()]
      .filter((chain) => chain.last_sequence >= 0)
      .map((chain) => chain.state())
  }

  state(key: string): ChainState {
    return this.chain(key).state()
  }

  get chains(): readonly Chain[] {
    return [...this.#chains.values()]
  }

  chain(key: string): Chain {
    let chain = this.#chains.get(key)
    if (chain === undefined) {
      chain = new Chain(key, join(this.folder, encodeKey(key)), this)
      this.#chains.set(key, chain)
    }
    return chain
  }

  /**
   * Commits the first of `rows`, as many as go into one file. Gives how many, or why none. Rows that are already on disk
   * count as committed: a client asks again when the thread died before it could answer.
   */
  write(key: string, rows: readonly SpoolRow[], disk_max: number): WriteResult {
    const chain = this.chain(key)
    const first = rows[0] as SpoolRow
    if (chain.has(first.sequence)) return { outcome: 'committed', count: 1 }
    const fresh = rows.findIndex((row, n) => n > 0 && chain.has(row.sequence))
    const candidates = fresh === -1 ? rows : rows.slice(0, fresh)
    try {
      const allowed = this.#allowed(chain, candidates, disk_max)
      if (typeof allowed === 'string') return { outcome: 'full', reason: allowed }
      return { outcome: 'committed', count: chain.commit(candidates.slice(0, allowed), disk_max) }
    } catch (error) {
      return { outcome: 'error', reason: errorText(error) }
    }
  }

  /** As the client's. Throws when the disk cannot be read at the moment. */
  read(key: string, after: number, bytes: number): SpoolReadResult {
    return this.chain(key).read(after, Math.min(bytes, READ_BYTES_MAX))
  }

  acknowledge(key: string, sequences: readonly number[]): void {
    const chain = this.#chains.get(key)
    if (chain === undefined) return
    for (const sequence of sequences) {
      try {
        chain.acknowledge(sequence)
      } catch {
        this.#late.push({ key, sequence })
      }
    }
  }

  dropOldest(key: string, after: number, bytes: number): Dropped {
    return this.chain(key).dropOldest(after, bytes)
  }

  /** Writes every row into one new file, in one transaction that is on disk when this returns. Throws when it is not. */
  stop(rows: readonly StopRow[]): void {
    faultPoint('spool.stop')
    if (rows.length === 0) return
    do this.#stop_number += 1
    while (lstatOf(join(this.folder, stopName(this.#stop_number))) !== undefined)
    const name = stopName(this.#stop_number)
    const path = join(this.folder, name)
    const { files, usage } = this.context
    try {
      const segments = this.#writeStop(name, path, rows)
      usage.total += sizeOf(path)
      this.#stops.set(name, segments)
      for (const segment of segments) this.chain(segment.key).add(segment)
    } catch (error) {
      files.abandon(path)
      unlinkIfThere(path)
      unlinkIfThere(`${path}-journal`)
      throw error
    }
  }

  /**
   * A few times a second: writes the cursors and lets drained files go that nobody writes to. Gives whether it has to be
   * called again although nothing else happens.
   */
  tick(): boolean {
    const late = this.#late
    let idle = false
    this.#late = []
    for (const { key, sequence } of late) this.acknowledge(key, [sequence])
    for (const chain of this.#chains.values()) {
      const { active } = chain
      if (active === undefined || !active.drained) continue
      active.idle += 1
      if (active.idle > IDLE_FLUSHES) this.release(active)
      else idle = true
    }
    return !this.cursors.flush() || idle || this.#late.length > 0
  }

  close(): void {
    for (const chain of this.#chains.values()) if (chain.active?.drained === true) this.release(chain.active)
    this.cursors.close()
  }

  // ---- what chains ask for -----------------------------------------------------------------------

  create(chain: Chain, sequence: number): Segment {
    const { files } = this.context
    const full = files.sync === 'full'
    if (lstatOf(chain.folder) === undefined) {
      makeFolder(chain.folder)
      if (isCut(encodeKey(chain.key))) writeWhole(join(chain.folder, KEY_FILE), chain.key)
      if (full) syncFolder(this.folder)
    }
    makeFolder(chain.folder)
    let twin = 0
    let name = fileName(sequence)
    // Neither what lies there nor a name whose record is still on disk may be taken for the new file.
    while (lstatOf(join(chain.folder, name)) !== undefined || this.cursors.isGone(chain.key, name)) {
      twin += 1
      name = fileName(sequence, 0, twin)
    }
    const path = join(chain.folder, name)
    files.create(path, false)
    if (full) syncFolder(chain.folder)
    const range = { first: sequence, last: -1, totals: NO_TOTALS, size: 0 }
    return new Segment({ key: chain.key, name, path, keyed: false, shift: 0, ...range, sealed: false }, files)
  }

  release(segment: Segment): void {
    this.#chains.get(segment.key)?.remove(segment)
    if (segment.keyed) {
      const all = this.#stops.get(segment.name) ?? []
      if (all.some((other) => !other.drained)) return
      this.#stops.delete(segment.name)
      for (const other of all) this.cursors.forget(other.key, other.name, other)
    }
    this.#unlink(segment)
  }

  setAside(segment: Segment, reason: string, lost: Totals, stays: boolean): void {
    const { files, quarantine, usage, notice } = this.context
    files.abandon(segment.path)
    this.#chains.get(segment.key)?.remove(segment)
    this.cursors.forget(segment.key, segment.name, segment)
    const missing = lstatOf(segment.path) === undefined
    let where = 'is gone'
    if (stays) where = 'is left as it is'
    else if (!missing) {
      const taken = quarantine.take(segment.path, `${this.worker}-${encodeKey(segment.key)}`)
      where = 'moved_to' in taken ? `was moved to ${taken.moved_to}` : `stays where it is (${taken.failed})`
    } else usage.total -= segment.size
    const message = `${segment.path} ${where}: ${reason}; ${lost.events} events in ${lost.batches} batches are lost`
    notice({
      level: 'error',
      event: stays ? 'refused' : missing ? 'missing' : 'quarantined',
      message,
      key: segment.key,
      events: lost.events,
    })
  }

  #writeStop(name: string, path: string, rows: readonly StopRow[]): Segment[] {
    const { files } = this.context
    const sorted = [...rows].sort((a, b) => compare(a.key, b.key) || a.row.sequence - b.row.sequence)
    const file = files.create(path, true, files.sync === 'off' ? 'off' : 'full')
    const segments = new Map<string, Segment>()
    for (const { key, row } of sorted) {
      let segment = segments.get(key)
      if (segment === undefined) {
        const range = { first: row.sequence, last: -1, totals: NO_TOTALS, size: 0, shift: 0 }
        segment = new Segment({ key, name, path, keyed: true, sealed: true, ...range }, files)
        segments.set(key, segment)
      }
      if (segment.last === row.sequence) continue
      segment.totals = file.append(key, row, segment.totals)
      segment.last = row.sequence
    }
    file.commit()
    files.close(path)
    syncFolder(this.folder)
    for (const segment of segments.values()) segment.left = { ...segment.totals }
    return [...segments.values()]
  }

  /** How many of the rows the quotas allow, or why not even the first. */
  #allowed(chain: Chain, rows: readonly SpoolRow[], disk_max: number): number | string {
    const { usage } = this.context
    const file_bytes = chain.file_bytes
    let bytes = 0
    for (let n = 0; n < rows.length; n++) {
      bytes += (rows[n] as SpoolRow).bytes.byteLength
      const refusal = usage.refusal(file_bytes, disk_max, bytes) ?? usage.shareRefusal(chain.key, bytes)
      if (refusal !== undefined) return n === 0 ? refusal : n
    }
    return rows.length
  }

  /** File bytes of all chains of a tenant. */
  #bytesOf(tenant: string): number {
    let bytes = 0
    for (const chain of this.#chains.values()) if (tenantOf(chain.key) === tenant) bytes += chain.file_bytes
    return bytes
  }

  #unlink(segment: Segment): void {
    const { files, usage, notice } = this.context
    files.close(segment.path)
    const size = segment.keyed ? sizeOf(segment.path) : segment.size
    try {
      faultPoint('spool.unlink')
      unlinkIfThere(segment.path)
      unlinkIfThere(`${segment.path}-journal`)
      usage.total -= size
      this.cursors.forget(segment.key, segment.name, segment)
    } catch (error) {
      // Its cursor says that all of it is acknowledged: the next start unlinks it.
      this.cursors.touch(segment)
      const message = `cannot remove ${segment.path}: ${errorText(error)}`
      notice({ level: 'warn', event: 'disk_error', message, key: segment.key, events: 0 })
    }
  }

  #releaseDrained(): void {
    for (const chain of this.#chains.values()) {
      for (const segment of [...chain.segments]) if (segment.drained) this.release(segment)
    }
  }
}

export type WriteResult =
  | { readonly outcome: 'committed'; readonly count: number }
  | { readonly outcome: 'full' | 'error'; readonly reason: string }

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
