/**
 * The seam between a forwarder's queue and its destination. The queue owns order, memory, spool and the
 * ledger; the destination owns connections, encoding and retries. All calls are synchronous and
 * happen on the worker's thread.
 */
import type { DropReason } from '../base/counters.ts'
import type { Batch } from './batch.ts'

export type { DropReason } from '../base/counters.ts'

export interface Lane {
  /** `tenant/name`. */
  readonly key: string
  /**
   * The oldest batch that is not in flight; it is in flight from now on. Undefined when nothing is ready: then
   * {@link Destination.wake} is called when there is. Batches come in sequence order, returned ones first.
   */
  lease(): Batch | undefined
  /** The batch is settled: all of its events are delivered, except `dropped`. Frees its memory. */
  settle(batch: Batch, dropped?: Readonly<Partial<Record<DropReason, number>>>): void
  /** Not delivered: the batch goes back to where it was in the order and is leased again later. */
  giveBack(batch: Batch): void
  /**
   * Memory that the destination takes for itself, encoded bodies for example; negative when it gives it back. It counts
   * against the forwarder's share and the budget of all.
   */
  hold(bytes: number): void
  /** Bytes written to the network, for `logweir_forwarder_bytes_total`. */
  wrote(bytes: number): void
}

export interface DeadLettersStatus {
  readonly file: string
  readonly events: number
}

export type DestinationState = 'active' | 'retrying' | 'paused' | 'stopped'

/** A running way to one destination: made by a factory in `src/forward/`, one file a type. */
export interface Destination {
  /** There may be something to lease. Cheap; safe at any time, also while working. */
  wake(): void
  readonly state: DestinationState
  /** Somebody knows that it works again: what waits after a failure is tried at once. Nothing happens where nothing waits. */
  retryNow?(): void
  /** The last failure in words, null after a success. */
  readonly last_error: string | null
  /**
   * Bytes that the destination itself holds beyond leased batches and what it told {@link Lane.hold} of (socket
   * buffers), for the memory account.
   */
  readonly held_bytes: number
  /** Where events that the destination refused were set aside, and how many since the start; null: none were. */
  readonly dead_letters?: DeadLettersStatus | null
  /**
   * Stops: waits for what can be delivered within `grace_ms`, gives everything unsettled back to the lane,
   * closes sockets and files. Safe twice. Nothing is leased after it was called.
   */
  stop(grace_ms: number): Promise<void>
}
