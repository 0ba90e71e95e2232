/**
 * The spool as pipeline workers see it. The real one talks to the spool thread; tests use the fake
 * (`test/support/fake-spool.ts`). It stands here because queues speak it. Chains are named by `worker` and forwarder key.
 */

/** One batch on its way to or from disk: the self-contained batch of docs/batch-format.md. */
export interface SpoolRow {
  readonly sequence: number
  readonly events: number
  /** The whole serialised batch (docs/batch-format.md), checksum inside. Transferred, not copied. */
  readonly bytes: ArrayBuffer
}

/** What one chain holds, unacknowledged. `bytes` counts batch bytes; `file_bytes` what the disk gave. */
export interface ChainState {
  readonly key: string
  readonly batches: number
  readonly events: number
  readonly bytes: number
  readonly file_bytes: number
  /** Highest sequence on disk, -1 when empty: new batches get higher ones. */
  readonly last_sequence: number
}

export type SpoolWriteOutcome =
  | { readonly outcome: 'committed' }
  /** Not written; the batch comes back. `full`: a quota or the free-space floor; `error`: the disk said no. */
  | { readonly outcome: 'full' | 'error'; readonly reason: string; readonly row: SpoolRow }

export interface SpoolClient {
  /** Chains found on disk for this worker (adopting what a dead one left). Once, at start. */
  recover(): Promise<readonly ChainState[]>
  /**
   * Queues one batch for the next group commit. Settles after the commit. Sequences rise within a chain. `again` gives the
   * bytes once more should they be lost on their way, undefined when nobody needs them any more; without it a copy is kept.
   */
  write(
    key: string,
    disk_max: number,
    row: SpoolRow,
    again?: () => ArrayBuffer | undefined,
  ): Promise<SpoolWriteOutcome>
  /** The oldest batches after `after` (exclusive, -1: from the start), at least one if there is one, up to `bytes`. */
  read(key: string, after: number, bytes: number): Promise<SpoolReadResult>
  /** Batches up to here need not be offered again, even after a crash. `sequences` in any order. */
  acknowledge(key: string, sequences: readonly number[]): void
  /**
   * Drops at least `bytes` of the oldest batches after sequence `after` (those up to it are in flight) to make
   * room; says what was lost and through which sequence.
   */
  dropOldest(
    key: string,
    after: number,
    bytes: number,
  ): Promise<{
    readonly events: number
    readonly bytes: number
    readonly batches: number
    readonly through: number
  }>
  /** Graceful stop: every row in one transaction into the worker's `stop` file. */
  stop(rows: readonly { readonly key: string; readonly row: SpoolRow }[]): Promise<void>
  /** Current state for metrics; cheap. */
  state(key: string): Promise<ChainState>
}

/** Batches numbered in (`after`, `through`] that disk has no longer, copies of what memory holds among them. */
export interface SpoolDamage {
  readonly batches: number
  /** At least so many; exact where the file could still say. */
  readonly events: number
  readonly after: number
  readonly through: number
  readonly reason: string
}

export interface SpoolReadResult {
  readonly rows: readonly SpoolRow[]
  /** Batches that were found damaged or gone since the last read. */
  readonly damaged: readonly SpoolDamage[]
  /** True when nothing lies after the last row returned. */
  readonly end: boolean
}
