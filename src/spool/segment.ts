/**
 * One forwarder's part of one file: a whole chain file, or its rows in a stop file. Knows what is acknowledged; the
 * file itself is opened only when a row is looked at.
 */
import type { CursorRecord } from './cursors.ts'
import type { OpenFiles } from './open-files.ts'
import { NO_TOTALS, type RowHead, type SpoolFile, type Totals } from './spool-file.ts'

export interface SegmentStart {
  readonly key: string
  /** The file's name, for the cursors. */
  readonly name: string
  readonly path: string
  /** In a stop file. */
  readonly keyed: boolean
  /** Added to the file's sequences: above 0 in files of another worker. */
  readonly shift: number
  readonly first: number
  readonly last: number
  readonly totals: Totals
  /** File bytes; 0 in a stop file, whose bytes are counted once for all. */
  readonly size: number
  readonly sealed: boolean
}

/** All sequences that go in and out are the chain's, that is with the shift. */
export class Segment {
  readonly key: string
  readonly name: string
  readonly path: string
  readonly keyed: boolean
  readonly shift: number
  first: number
  last: number
  totals: Totals
  size: number
  sealed: boolean
  /** Unacknowledged. */
  left: { batches: number; events: number; bytes: number }
  /** Nothing up to here needs to be offered again. */
  through = -1
  readonly out = new Set<number>()
  /** Flushes seen while drained, for {@link IDLE_FLUSHES}. */
  idle = 0
  readonly #files: OpenFiles
  /** The row that {@link walk} gave last: the next one must count one more. */
  #walked: RowHead | undefined
  /** Where {@link walk} began to look for it. */
  #walked_from = -1
  readonly #gaps = new Set<number>()

  constructor(start: SegmentStart, files: OpenFiles) {
    this.key = start.key
    this.name = start.name
    this.path = start.path
    this.keyed = start.keyed
    this.shift = start.shift
    this.first = start.first
    this.last = start.last
    this.totals = start.totals
    this.size = start.size
    this.sealed = start.sealed
    this.left = { ...start.totals }
    this.#files = files
  }

  /** Takes over what the cursors remember. */
  restore(record: CursorRecord): void {
    this.through = record.through < 0 ? -1 : record.through + this.shift
    for (const sequence of record.out) this.out.add(sequence + this.shift)
    this.#take(record.acked)
  }

  record(): CursorRecord {
    const { key, name: file, shift, totals, left } = this
    const acked = {
      batches: totals.batches - left.batches,
      events: totals.events - left.events,
      bytes: totals.bytes - left.bytes,
    }
    const out = [...this.out].map((sequence) => sequence - shift)
    const [first, last] = [this.first - shift, this.last - shift]
    const sealed = this.sealed ? { first, last, totals, size: this.size } : null
    return { key, file, through: this.through < 0 ? -1 : this.through - shift, out, acked, sealed }
  }

  get drained(): boolean {
    return this.left.batches === 0 || this.through >= this.last
  }

  file(): SpoolFile {
    return this.#files.use(this.path, this.keyed)
  }

  isAcked(sequence: number): boolean {
    return sequence <= this.through || this.out.has(sequence)
  }

  /** The first unacknowledged row above `after`, and what is missing before it that should be there. */
  walk(after: number): { readonly head: RowHead; readonly gap: Totals | undefined } | undefined {
    let from = Math.max(after, this.through)
    for (;;) {
      const head = this.#next(from)
      if (head === undefined) return undefined
      const gap = this.#gap(head, from)
      this.#walked = head
      this.#walked_from = from
      if (!this.out.has(head.sequence)) return { head, gap }
      from = head.sequence
    }
  }

  at(sequence: number): RowHead | undefined {
    return this.#shifted(this.file().at(this.key, sequence - this.shift))
  }

  bytes(sequence: number): ArrayBuffer | undefined {
    return this.file().bytes(this.key, sequence - this.shift)
  }

  stored(sequence: number): Uint8Array | undefined {
    return this.file().stored(this.key, sequence - this.shift)
  }

  /** Acknowledges a row; false when it is not here or already was. */
  acknowledge(sequence: number): boolean {
    if (sequence < this.first || sequence > this.last || this.isAcked(sequence)) return false
    const next = this.#next(this.through)
    const head = next?.sequence === sequence ? next : this.at(sequence)
    if (head === undefined) return false
    this.#take({ batches: 1, events: head.events, bytes: head.size })
    this.out.add(sequence)
    if (next?.sequence === sequence) this.#advance()
    return true
  }

  /** Gives up every unacknowledged row above `after` and up to `upto`; says what that was. */
  forget(after: number, upto: number): Totals & { readonly through: number } {
    if (after < this.first && this.last <= upto) return this.#forgetAll()
    const lost = { batches: 0, events: 0, bytes: 0, through: after }
    let found = this.walk(after)
    while (found !== undefined && found.head.sequence <= upto) {
      const { head } = found
      lost.batches += 1
      lost.events += head.events
      lost.bytes += head.size
      lost.through = head.sequence
      this.out.add(head.sequence)
      this.#take({ batches: 1, events: head.events, bytes: head.size })
      found = this.walk(head.sequence)
    }
    this.#advance()
    return lost
  }

  /**
   * A row below {@link through} is about to be written: from now on those above it are acknowledged by name. The
   * cursors must be written before the row is.
   */
  rewind(sequence: number): void {
    if (sequence > this.through) return
    const before = this.file().before(this.key, sequence - this.shift)
    const old = this.through
    this.through = before === undefined ? -1 : before.sequence + this.shift
    for (let head = this.#next(this.through); head !== undefined && head.sequence <= old; ) {
      this.out.add(head.sequence)
      head = this.#next(head.sequence)
    }
  }

  /** A row was put between others: totals that were remembered no longer hold. */
  reordered(): void {
    this.#walked = undefined
  }

  /**
   * What was lost with the file above `position`: what is read up to there is in flight, and not lost. Where the file
   * cannot say how much that was it is the least that it can be, and one event a batch: never too many may be counted, because batches
   * that are thought to be lost are not asked for.
   */
  lostAfter(position: number): Totals {
    const walked = this.#walked
    const known = walked?.sound === true && walked.sequence <= position
    // The row behind `position` was looked at, and not taken.
    const next = walked?.sound === true && !known && this.#walked_from === position
    const before = known ? walked.after : next ? less(walked) : NO_TOTALS
    const most = {
      batches: Math.min(this.left.batches, Math.max(0, this.totals.batches - before.batches)),
      events: Math.min(this.left.events, Math.max(0, this.totals.events - before.events)),
      bytes: Math.min(this.left.bytes, Math.max(0, this.totals.bytes - before.bytes)),
    }
    if (position < this.first || next || (known && walked.sequence === position)) return most
    const read = known ? position - walked.sequence : position - this.first + 1
    const batches = Math.min(
      most.batches,
      Math.max(0, this.last - position),
      Math.max(0, this.totals.batches - before.batches - read),
    )
    return { batches, events: Math.min(most.events, batches), bytes: 0 }
  }

  #forgetAll(): Totals & { readonly through: number } {
    const lost = { ...this.left, through: this.last }
    this.left = { ...NO_TOTALS }
    this.through = this.last
    this.out.clear()
    return lost
  }

  #advance(): void {
    let next = this.#next(this.through)
    while (next !== undefined && this.out.delete(next.sequence)) {
      this.through = next.sequence
      next = this.#next(this.through)
    }
    if (next === undefined) this.through = Math.max(this.through, this.last)
  }

  #next(after: number): RowHead | undefined {
    const head = this.#shifted(this.file().next(this.key, after < 0 ? -1 : after - this.shift))
    // A damaged row number that does not rise, or is beyond what a double holds, would be read for ever.
    if (head !== undefined && (head.sequence <= after || !Number.isSafeInteger(head.sequence))) {
      throw Object.assign(new Error('row numbers do not rise'), { code: 'SQLITE_CORRUPT' })
    }
    return head
  }

  #shifted(head: RowHead | undefined): RowHead | undefined {
    if (head === undefined || this.shift === 0) return head
    return { ...head, sequence: head.sequence + this.shift }
  }

  /** Rows that were counted when written and are not between the row at `from` and `head`. Told once. */
  #gap(head: RowHead, from: number): Totals | undefined {
    if (!head.sound || this.#gaps.has(head.after.batches)) return undefined
    let before: Totals = NO_TOTALS
    if (this.#walked?.sequence === from) {
      if (!this.#walked.sound) return undefined
      before = this.#walked.after
    } else if (from >= this.first) {
      const stored = this.file().before(this.key, head.sequence - this.shift)
      if (stored !== undefined && !stored.sound) return undefined
      before = stored?.after ?? NO_TOTALS
    }
    const batches = head.after.batches - 1 - before.batches
    if (batches <= 0) return undefined
    this.#gaps.add(head.after.batches)
    const gap = {
      batches,
      events: Math.max(0, head.after.events - head.events - before.events),
      bytes: Math.max(0, head.after.bytes - head.size - before.bytes),
    }
    this.#take(gap)
    return gap
  }

  #take(gone: Totals): void {
    this.left.batches = Math.max(0, this.left.batches - gone.batches)
    this.left.events = this.left.batches === 0 ? 0 : Math.max(0, this.left.events - gone.events)
    this.left.bytes = this.left.batches === 0 ? 0 : Math.max(0, this.left.bytes - gone.bytes)
  }
}

/** What is before a row. */
function less({ after, events, size }: RowHead): Totals {
  return { batches: after.batches - 1, events: after.events - events, bytes: after.bytes - size }
}
