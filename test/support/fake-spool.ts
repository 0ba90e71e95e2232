/**
 * The spool in memory, for tests of what uses it: the same answers as the real one, with switches for
 * what a disk can do to us. One instance is one worker's chains; {@link FakeSpool.restart} gives what a
 * new process would find.
 */
import type {
  ChainState,
  SpoolClient,
  SpoolDamage,
  SpoolReadResult,
  SpoolRow,
  SpoolWriteOutcome,
} from '../../src/queue/spool-port.ts'

type Held = { readonly key: string; readonly row: SpoolRow }
type Dropped = Awaited<ReturnType<SpoolClient['dropOldest']>>

export class FakeSpool implements SpoolClient {
  /** `full` and `error`: every write comes back so. */
  writes: 'commit' | 'full' | 'error' = 'commit'
  /** While true, writes and reads wait; {@link release} answers them in order. */
  slow = false
  /** Sequences (as `key#sequence`) that are found damaged when they are read. */
  readonly damaged = new Set<string>()
  /** What was called, in order: `write acme/siem 3`, `acknowledge acme/siem 3,4`. */
  readonly calls: string[] = []
  /** Rows of the last graceful stop. */
  stopped: readonly Held[] = []
  readonly #chains = new Map<string, SpoolRow[]>()
  readonly #last = new Map<string, number>()
  readonly #waiting: (() => void)[] = []

  recover(): Promise<readonly ChainState[]> {
    const keys = [...this.#chains.keys()].filter((key) => this.#chain(key).length > 0)
    return Promise.resolve(keys.map((key) => this.#state(key)))
  }

  async write(key: string, disk_max: number, row: SpoolRow): Promise<SpoolWriteOutcome> {
    this.calls.push(`write ${key} ${row.sequence}`)
    // The real client transfers the bytes: whoever still looks at them must notice in the tests too.
    const kept: SpoolRow = { ...row, bytes: row.bytes.transfer() }
    await this.#pace()
    if (this.writes !== 'commit') return { outcome: this.writes, reason: `fake ${this.writes}`, row: kept }
    if (this.#state(key).file_bytes + kept.bytes.byteLength > disk_max) {
      return { outcome: 'full', reason: 'fake quota', row: kept }
    }
    this.#keep(key, kept)
    return { outcome: 'committed' }
  }

  async read(key: string, after: number, bytes: number): Promise<SpoolReadResult> {
    this.calls.push(`read ${key} ${after}`)
    await this.#pace()
    const rows: SpoolRow[] = []
    const damaged: SpoolDamage[] = []
    const later = this.#chain(key).filter((row) => row.sequence > after)
    let taken = 0
    let seen = 0
    for (const row of later) {
      if (rows.length > 0 && taken + row.bytes.byteLength > bytes) break
      seen += 1
      if (this.damaged.has(`${key}#${row.sequence}`)) {
        const { events, sequence } = row
        damaged.push({ events, batches: 1, after: sequence - 1, through: sequence, reason: 'fake damage' })
        this.#remove(key, (other) => other === sequence)
        continue
      }
      taken += row.bytes.byteLength
      rows.push({ ...row, bytes: row.bytes.slice(0) })
    }
    return { rows, damaged, end: seen === later.length }
  }

  acknowledge(key: string, sequences: readonly number[]): void {
    this.calls.push(`acknowledge ${key} ${sequences.join(',')}`)
    const gone = new Set(sequences)
    this.#remove(key, (sequence) => gone.has(sequence))
  }

  dropOldest(key: string, after: number, bytes: number): Promise<Dropped> {
    this.calls.push(`dropOldest ${key} ${after} ${bytes}`)
    const lost = { events: 0, bytes: 0, batches: 0, through: -1 }
    const chain = this.#chain(key)
    const first = chain.findIndex((row) => row.sequence > after)
    while (first !== -1 && first < chain.length && lost.bytes < bytes) {
      const [row] = chain.splice(first, 1) as [SpoolRow]
      lost.events += row.events
      lost.bytes += row.bytes.byteLength
      lost.batches += 1
      lost.through = row.sequence
    }
    return Promise.resolve(lost)
  }

  stop(rows: readonly Held[]): Promise<void> {
    this.calls.push(`stop ${rows.length}`)
    this.stopped = rows
    for (const { key, row } of rows) this.#keep(key, row)
    return Promise.resolve()
  }

  state(key: string): Promise<ChainState> {
    return Promise.resolve(this.#state(key))
  }

  /** Sequences on disk, oldest first. */
  sequences(key: string): number[] {
    return this.#chain(key).map((row) => row.sequence)
  }

  /** Lets everything go on that {@link slow} holds; without `count`, all of it. */
  release(count = this.#waiting.length): void {
    for (const go of this.#waiting.splice(0, count)) go()
  }

  /** The same disk as a new process finds it. */
  restart(): FakeSpool {
    const next = new FakeSpool()
    for (const [key, rows] of this.#chains) for (const row of rows) next.#keep(key, row)
    return next
  }

  #pace(): Promise<void> {
    if (!this.slow) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #chain(key: string): SpoolRow[] {
    let chain = this.#chains.get(key)
    if (chain === undefined) {
      chain = []
      this.#chains.set(key, chain)
    }
    return chain
  }

  #keep(key: string, row: SpoolRow): void {
    const chain = this.#chain(key)
    chain.push(row)
    chain.sort((a, b) => a.sequence - b.sequence)
    this.#last.set(key, Math.max(this.#last.get(key) ?? -1, row.sequence))
  }

  #remove(key: string, gone: (sequence: number) => boolean): void {
    this.#chains.set(
      key,
      this.#chain(key).filter((row) => !gone(row.sequence)),
    )
  }

  #state(key: string): ChainState {
    const rows = this.#chain(key)
    const bytes = rows.reduce((sum, row) => sum + row.bytes.byteLength, 0)
    const events = rows.reduce((sum, row) => sum + row.events, 0)
    const last_sequence = this.#last.get(key) ?? -1
    return { key, batches: rows.length, events, bytes, file_bytes: bytes, last_sequence }
  }
}
