/**
 * One forwarder's batches on disk: segments whose sequences rise, of which only the newest is written. Segments
 * may overlap (a batch that was refused and came back later, files of another worker), so reading always takes the lowest
 * sequence of all.
 */
import { errorText } from '../base/errors.ts'
import { faultPoint } from '../base/faults.ts'
import { verifyBatch } from '../queue/batch-codec.ts'
import type { ChainState, SpoolDamage, SpoolReadResult, SpoolRow } from '../queue/spool-port.ts'
import type { SpoolContext } from './context.ts'
import type { Cursors } from './cursor-keeper.ts'
import { FILE_MAX, FILE_MIN, FILES_PER_CHAIN_MIN, PAGE_SIZE } from './limits.ts'
import { sizeOf } from './safe-files.ts'
import type { Segment } from './segment.ts'
import { isDamage, isMissing, type RowHead, SpoolRefused, type Totals } from './spool-file.ts'
import { diskCost } from './usage.ts'

/** What {@link Chain} needs from the worker's folder it lies in. */
export interface ChainHome {
  readonly context: SpoolContext
  readonly cursors: Cursors
  /** Makes the next file of this chain, its first transaction open. */
  create(chain: Chain, sequence: number): Segment
  /** The segment's rows are all settled: its file may go. */
  release(segment: Segment): void
  /** The segment's file is damaged or gone, or a later release's: that one `stays` where it is. */
  setAside(segment: Segment, reason: string, lost: Totals, stays: boolean): void
}

type Dropped = { batches: number; events: number; bytes: number; through: number }

export class Chain {
  readonly key: string
  /** Where its files are. */
  readonly folder: string
  /** In order of their first sequence. */
  readonly segments: Segment[] = []
  /** The one that is written. */
  active: Segment | undefined
  last_sequence = -1
  readonly #home: ChainHome
  /** Set aside while nobody read: the next read tells. */
  #gone: { readonly segment: Segment; readonly reason: string }[] = []

  constructor(key: string, folder: string, home: ChainHome) {
    this.key = key
    this.folder = folder
    this.#home = home
  }

  add(segment: Segment): void {
    const at = this.segments.findIndex((other) => other.first > segment.first)
    this.segments.splice(at === -1 ? this.segments.length : at, 0, segment)
    this.last_sequence = Math.max(this.last_sequence, segment.last)
  }

  remove(segment: Segment): void {
    const at = this.segments.indexOf(segment)
    if (at !== -1) this.segments.splice(at, 1)
    if (this.active === segment) this.active = undefined
  }

  get file_bytes(): number {
    let bytes = 0
    for (const { size } of this.segments) bytes += size
    return bytes
  }

  state(): ChainState {
    const { key, last_sequence } = this
    const state = { key, batches: 0, events: 0, bytes: 0, file_bytes: this.file_bytes, last_sequence }
    for (const { left } of this.segments) {
      state.batches += left.batches
      state.events += left.events
      state.bytes += left.bytes
    }
    return state
  }

  /** Whether the batch is already on disk: then an earlier attempt to write it did arrive. */
  has(sequence: number): boolean {
    if (sequence > this.last_sequence) return false
    for (const segment of this.segments) {
      if (sequence < segment.first || sequence > segment.last) continue
      try {
        if (segment.at(sequence) !== undefined) return true
      } catch {
        // A file that cannot be read does not have it for us; reading it later says why.
      }
    }
    return false
  }

  /**
   * Commits as many of `rows` as go into one file, at least the first; gives how many. Nothing is written when it
   * throws. The file is as large as `disk_max` of the chain allows.
   */
  commit(rows: readonly SpoolRow[], disk_max: number): number {
    const file_max = Math.min(FILE_MAX, Math.max(FILE_MIN, Math.floor(disk_max / FILES_PER_CHAIN_MIN)))
    const first = rows[0] as SpoolRow
    if (this.active !== undefined && !fits(this.active, first, file_max)) this.seal(this.active)
    const segment = this.active ?? this.#home.create(this, first.sequence)
    const fresh = segment !== this.active
    try {
      const count = this.#write(segment, fresh, rows, file_max)
      // In its place again: a batch that came back may have moved the file's start.
      this.remove(segment)
      this.add(segment)
      this.active = segment
      this.last_sequence = Math.max(this.last_sequence, segment.last)
      return count
    } catch (error) {
      this.#failed(segment, fresh, error)
      throw error
    }
  }

  /** Ends a file: it is only read from now on. */
  seal(segment: Segment): void {
    faultPoint('spool.seal')
    segment.sealed = true
    if (this.active === segment) this.active = undefined
    this.#home.context.files.close(segment.path)
    this.#measure(segment)
    this.#home.cursors.touch(segment)
    if (segment.drained) this.#home.release(segment)
  }

  /** As {@link SpoolClient.read}. Throws when the disk, not a file, is at fault. */
  read(after: number, bytes: number): SpoolReadResult {
    const rows: SpoolRow[] = []
    const damaged = this.#goneAbove(after)
    let position = after
    let taken = 0
    for (;;) {
      const found = this.#next(position, damaged)
      if (found === undefined) return { rows, damaged, end: true }
      const { segment, head } = found
      if (rows.length > 0 && taken + head.size > bytes) return { rows, damaged, end: false }
      faultPoint('spool.read')
      const row = this.#guard(segment, position, damaged, () => this.#readRow(segment, head, damaged))
      if (row === 'set aside') continue
      position = head.sequence
      if (row === undefined) continue
      taken += row.bytes.byteLength
      rows.push(row)
    }
  }

  /** Lets a segment go whose rows were all dealt with elsewhere. */
  settle(segment: Segment): void {
    this.#home.cursors.touch(segment)
    if (segment.drained) this.#home.release(segment)
  }

  /** Sets a segment's file aside when `error` says that it is damaged or gone; throws it otherwise. */
  discard(segment: Segment, error: unknown): void {
    this.#guard(segment, -1, undefined, () => {
      throw error
    })
  }

  acknowledge(sequence: number): void {
    for (const segment of [...this.segments]) {
      if (sequence < segment.first || sequence > segment.last) continue
      this.#guard(segment, sequence, undefined, () => {
        if (!segment.acknowledge(sequence)) return
        this.#home.cursors.touch(segment)
        // The active file is kept for the next batch; the cursors' tick lets it go when it stays idle.
        if (segment.drained && segment !== this.active) this.#home.release(segment)
      })
    }
  }

  /**
   * Gives up the oldest batches above `after`, whole files of them, until `bytes` are dropped and a file is gone.
   * A file that also holds batches in flight goes when those are acknowledged.
   */
  dropOldest(after: number, bytes: number): Dropped {
    const lost: Dropped = { batches: 0, events: 0, bytes: 0, through: after }
    const kept: Segment[] = []
    let freed = 0
    for (const segment of [...this.segments]) {
      if (segment.last <= after) continue
      if (lost.bytes >= bytes && freed > 0) kept.push(segment)
      else freed += this.#forget(segment, after, segment.last, lost)
    }
    // Files may overlap: what is older than the youngest that was dropped goes as well, or it would be passed over.
    for (const segment of kept)
      if (segment.first <= lost.through) this.#forget(segment, after, lost.through, lost)
    return lost
  }

  /** Adds to `lost` what is given up of a segment; gives the file bytes that this frees. */
  #forget(segment: Segment, after: number, upto: number, lost: Dropped): number {
    const gone = this.#guard(segment, after, undefined, () => segment.forget(after, upto))
    if (gone === 'set aside') return 0
    lost.batches += gone.batches
    lost.events += gone.events
    lost.bytes += gone.bytes
    lost.through = Math.max(lost.through, gone.through)
    this.#home.cursors.touch(segment)
    const { size } = segment
    if (segment === this.active && upto >= segment.last) this.seal(segment)
    else if (segment.drained && segment !== this.active) this.#home.release(segment)
    return segment.drained ? size : 0
  }

  #write(segment: Segment, fresh: boolean, rows: readonly SpoolRow[], file_max: number): number {
    faultPoint('spool.write.before')
    const lowest = rows.reduce((low, row) => Math.min(low, row.sequence), Number.POSITIVE_INFINITY)
    if (!fresh && lowest <= segment.through) {
      segment.rewind(lowest)
      this.#home.cursors.touch(segment)
      if (!this.#home.cursors.flush()) throw new Error('the cursors cannot be written')
    }
    const file = segment.file()
    file.begin()
    let { totals, last, first } = segment
    let bytes = 0
    let count = 0
    const size = segment.size + (fresh ? 2 * PAGE_SIZE : 0)
    for (const row of rows) {
      if (count > 0 && size + bytes + diskCost(row.bytes.byteLength) > file_max) break
      if (row.sequence > last) totals = file.append(this.key, row, totals)
      else {
        file.insert(this.key, row)
        totals = plus(totals, row)
        segment.reordered()
      }
      last = Math.max(last, row.sequence)
      first = count === 0 && fresh ? row.sequence : Math.min(first, row.sequence)
      bytes += diskCost(row.bytes.byteLength)
      count += 1
    }
    faultPoint('spool.write.after')
    faultPoint('spool.commit.before')
    file.commit()
    faultPoint('spool.commit.after')
    Object.assign(segment, { totals, last, first, idle: 0 })
    for (const row of rows.slice(0, count)) {
      segment.left.batches += 1
      segment.left.events += row.events
      segment.left.bytes += row.bytes.byteLength
    }
    this.#measure(segment)
    return count
  }

  /** After a failed write nothing more is written to the file: what a failed sync left in it is not known. */
  #failed(segment: Segment, fresh: boolean, error: unknown): void {
    const { context } = this.#home
    context.files.abandon(segment.path)
    context.usage.forget()
    if (fresh) return this.#home.release(segment)
    if (unusable(error)) {
      this.#guard(segment, -1, undefined, () => {
        throw error
      })
      return
    }
    segment.sealed = true
    if (this.active === segment) this.active = undefined
    this.#home.cursors.touch(segment)
  }

  #measure(segment: Segment): void {
    const size = sizeOf(segment.path, `${segment.path}-journal`)
    this.#home.context.usage.total += size - segment.size
    segment.size = size
  }

  /** The lowest unacknowledged sequence above `position`. Files that turn out damaged are set aside on the way. */
  #next(position: number, damaged: SpoolDamage[]): { segment: Segment; head: RowHead } | undefined {
    let best: { segment: Segment; head: RowHead } | undefined
    for (const segment of [...this.segments]) {
      if (segment.last <= position || segment.through >= segment.last) continue
      if (best !== undefined && segment.first > best.head.sequence) break
      const found = this.#guard(segment, position, damaged, () => segment.walk(position))
      if (found === undefined || found === 'set aside') continue
      if (found.gap !== undefined) {
        const { events, batches } = found.gap
        damaged.push({
          events,
          batches,
          after: position,
          through: found.head.sequence - 1,
          reason: 'rows are missing',
        })
        this.#home.cursors.touch(segment)
      }
      if (best === undefined || found.head.sequence < best.head.sequence) best = { segment, head: found.head }
    }
    return best
  }

  #readRow(segment: Segment, head: RowHead, damaged: SpoolDamage[]): SpoolRow | undefined {
    const bytes = segment.bytes(head.sequence)
    const reason = bytes === undefined ? 'the row is gone' : wrongWith(bytes, head, segment.shift)
    if (reason === undefined) {
      return { sequence: head.sequence, events: head.events, bytes: bytes as ArrayBuffer }
    }
    const { context, cursors } = this.#home
    const stored = segment.stored(head.sequence)
    const kept = stored === undefined ? 0 : context.quarantine.keepRow(stored, segment.name, head.sequence)
    context.usage.total += kept
    segment.acknowledge(head.sequence)
    cursors.touch(segment)
    damaged.push({
      events: head.events,
      batches: 1,
      after: head.sequence - 1,
      through: head.sequence,
      reason,
    })
    context.notice({
      level: 'error',
      event: 'quarantined',
      message: `a batch in ${segment.path} is damaged (${reason}) and was set aside`,
      key: this.key,
      events: head.events,
    })
    if (segment.drained && segment !== this.active) this.#home.release(segment)
    return undefined
  }

  /** Runs `act` on a segment; when its file proves damaged or gone, sets it aside instead of failing. */
  #guard<T>(
    segment: Segment,
    position: number,
    damaged: SpoolDamage[] | undefined,
    act: () => T,
  ): T | 'set aside' {
    try {
      return act()
    } catch (error) {
      if (!unusable(error)) throw error
      const reason = errorText(error)
      this.#home.setAside(segment, reason, segment.lostAfter(position), isNewer(error))
      if (damaged === undefined) this.#gone.push({ segment, reason })
      else damaged.push(damageOf(segment, position, reason))
      return 'set aside'
    }
  }

  /** Files that went while nobody read; what of them was read already is in flight. */
  #goneAbove(position: number): SpoolDamage[] {
    const gone = this.#gone.splice(0).filter(({ segment }) => segment.last > position)
    return gone.map(({ segment, reason }) => damageOf(segment, position, reason))
  }
}

/** Whether the file, not the disk or the moment, is at fault: without it the others of the chain can be read. */
function unusable(error: unknown): boolean {
  return isDamage(error) || isMissing(error) || isNewer(error)
}

/** A later release may be able to read it. */
function isNewer(error: unknown): boolean {
  return error instanceof SpoolRefused && error.newer
}

function damageOf(segment: Segment, position: number, reason: string): SpoolDamage {
  const { batches, events } = segment.lostAfter(position)
  return { batches, events, after: Math.max(position, segment.first - 1), through: segment.last, reason }
}

function fits(segment: Segment, row: SpoolRow, file_max: number): boolean {
  return segment.totals.batches === 0 || segment.size + diskCost(row.bytes.byteLength) <= file_max
}

function plus(totals: Totals, row: SpoolRow): Totals {
  return {
    batches: totals.batches + 1,
    events: totals.events + row.events,
    bytes: totals.bytes + row.bytes.byteLength,
  }
}

/** Why the stored bytes are not the batch that the row says; undefined when they are. */
function wrongWith(bytes: ArrayBuffer, head: RowHead, shift: number): string | undefined {
  try {
    const { sequence, events } = verifyBatch(bytes)
    if (sequence !== head.sequence - shift || events !== head.events) return 'the row is not the one it says'
    return undefined
  } catch (error) {
    return errorText(error)
  }
}
