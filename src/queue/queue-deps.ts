/** What a forwarder's queue is held to, and what it is given. */
import type { Clock } from '../base/clock.ts'
import type { DiskPort } from './disk-backlog.ts'
import type { ForwarderQueue } from './forwarder-queue.ts'
import type { BufferPool, MemoryBudget, MemoryShare } from './memory.ts'
import type { OpenBatches } from './open-batches.ts'

export interface QueueLimits {
  /** Bytes after which the open batch is sealed. */
  readonly batch_bytes: number
  /** Milliseconds that a sealed batch may wait in memory only. */
  readonly spill_after: number
  /** Bytes of memory that this forwarder may hold. */
  readonly memory_max: number
  /** Bytes of disk that its chain may take. */
  readonly disk_max: number
  /** Milliseconds after which an event is given up when its turn comes; left out: never. */
  readonly max_age?: number | null | undefined
  /** Events a second by which a backlog on disk shrinks at most; left out: as fast as it goes. */
  readonly catch_up_max?: number | null | undefined
  readonly when_full: 'drop_oldest' | 'drop_newest' | 'block'
  readonly spool: 'overflow' | 'always'
}

export interface QueueDeps {
  readonly clock: Clock
  readonly budget: MemoryBudget
  readonly pool: BufferPool
  /** Where all queues of the worker have their open batches. */
  readonly opens: OpenBatches
  /** What all forwarders of its tenant may hold together; left out: no bound. */
  readonly share?: MemoryShare | undefined
  readonly disk: DiskPort
  /** This forwarder's block of counters ({@link ForwarderCell}). */
  readonly cells: Float64Array
  /** Called when the first event of a batch came, so that somebody seals it in time. */
  readonly opened: (queue: ForwarderQueue) => void
  /** Called when something may have to be spilled in a while. */
  readonly watch: (queue: ForwarderQueue) => void
}
