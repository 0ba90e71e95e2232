/** The ledger: what all workers counted, summed, in the form of `status --json`, and whether it balances. */
import {
  add,
  type CounterKind,
  type Counters,
  DESTINATION_STATES,
  DROP_REASONS,
  ForwarderCell,
  ListenerCell,
  ORPHAN_REASONS,
  REFUSE_REASONS,
  WorkerCell,
} from '../base/counters.ts'
import type { DeadLettersStatus } from '../queue/lane.ts'
import type { DeadLetterCounts } from './dead-letters.ts'
import type { Pause } from './pauses.ts'
import type { Removal } from './removed.ts'

/** docs/operations.md, `status --json`, and what else an operator looks for. */
export interface Ledger {
  readonly received: number
  readonly refused: Readonly<Record<string, number>>
  readonly owned: number
  readonly orphaned: number
  readonly orphaned_reasons: Readonly<Record<string, number>>
  readonly forwarders: readonly ForwarderLedger[]
  /** Sum of what does not add up, over all equations; 0 when the ledger balances. */
  readonly imbalance: number
}

export interface ForwarderLedger {
  readonly tenant: string
  readonly forwarder: string
  readonly state: 'active' | 'retrying' | 'paused' | 'stopped'
  readonly enqueued: number
  readonly delivered: number
  readonly dropped: Readonly<Record<string, number>>
  readonly queued: number
  readonly spooled: number
  readonly in_flight: number
  readonly queued_bytes: number
  readonly spooled_bytes: number
  readonly oldest_seconds: number | null
  readonly last_error: string | null
  /** Of the events dropped as `rejected` and `too_large`: where they are, and how many since the worker's start. */
  readonly dead_letters: DeadLettersStatus | null
  /** By an operator; null: it is not. */
  readonly pause: Pause | null
  /** It left the rules and still holds something; null: it did not. */
  readonly removed: Removal | null
}

/** What main knows of forwarders and workers do not. */
export interface Operated {
  pauseOf(key: string): Pause | null
  removalOf(key: string): Removal | null
}

const NOTHING: Operated = { pauseOf: () => null, removalOf: () => null }

/** Reads the ledger of all workers. `now` is wall time in milliseconds. */
export function readLedger(
  workers: readonly Counters[],
  now: number,
  lastErrors: Readonly<Record<string, string>>,
  deadLetters: DeadLetterCounts = {},
  operated: Operated = NOTHING,
): Ledger {
  const own = sumBlocks(workers, 'worker', 'worker', WorkerCell.size)
  const received = cell(own, WorkerCell.received)
  const owned = cell(own, WorkerCell.owned)
  const reasons = ORPHAN_REASONS.map((reason, n) => [reason, cell(own, WorkerCell.orphaned + n)] as const)
  const orphaned = reasons.reduce((sum, [, events]) => sum + events, 0)
  let imbalance = Math.abs(received - owned - orphaned)
  const forwarders = names(workers, 'forwarder').map((key) => {
    const { ledger, off } = readForwarder(workers, key, now, lastErrors[key] ?? null)
    imbalance += off
    return {
      ...ledger,
      dead_letters: deadLetters[key] ?? null,
      pause: operated.pauseOf(key),
      removed: operated.removalOf(key),
    }
  })
  return {
    received,
    refused: readRefused(workers),
    owned,
    orphaned,
    orphaned_reasons: Object.fromEntries(reasons),
    forwarders,
    imbalance,
  }
}

function readForwarder(
  workers: readonly Counters[],
  key: string,
  now: number,
  last_error: string | null,
): { ledger: Omit<ForwarderLedger, 'dead_letters' | 'pause' | 'removed'>; off: number } {
  const cells = sumBlocks(workers, 'forwarder', key, ForwarderCell.size)
  const dropped = readReasons(cells, ForwarderCell.dropped, DROP_REASONS)
  const lost = Object.values(dropped).reduce((sum, events) => sum + events, 0)
  const read = (at: number): number => cell(cells, at)
  const enqueued = read(ForwarderCell.enqueued)
  const delivered = read(ForwarderCell.delivered)
  const queued = read(ForwarderCell.queued)
  const spooled = read(ForwarderCell.spooled)
  const in_flight = read(ForwarderCell.in_flight)
  const oldest = oldestAt(workers, key)
  const slash = key.indexOf('/')
  const ledger = {
    tenant: key.slice(0, slash),
    forwarder: key.slice(slash + 1),
    state: worstState(workers, key),
    enqueued,
    delivered,
    dropped,
    queued,
    spooled,
    in_flight,
    queued_bytes: read(ForwarderCell.queued_bytes),
    spooled_bytes: read(ForwarderCell.spooled_bytes),
    oldest_seconds: oldest === 0 ? null : Math.max(0, (now - oldest) / 1000),
    last_error,
  }
  return { ledger, off: Math.abs(enqueued - delivered - lost - queued - spooled - in_flight) }
}

/**
 * Closes the books of a worker that died: what only its memory had is dropped (`crash`). What it was in the
 * middle of counting at its last instruction is put right by at most one event a counter.
 */
export function closeBooks(counters: Counters): void {
  const own = counters.find('worker', 'worker')
  if (own !== undefined) {
    let sum = cell(own, WorkerCell.owned)
    for (let n = 0; n < ORPHAN_REASONS.length; n++) sum += cell(own, WorkerCell.orphaned + n)
    own[WorkerCell.received] = sum
  }
  for (const key of counters.names('forwarder')) {
    const cells = counters.block('forwarder', key)
    cells[ForwarderCell.queued] = 0
    cells[ForwarderCell.in_flight] = 0
    let kept = cell(cells, ForwarderCell.delivered) + cell(cells, ForwarderCell.spooled)
    for (let n = 0; n < DROP_REASONS.length; n++) kept += cell(cells, ForwarderCell.dropped + n)
    const lost = cell(cells, ForwarderCell.enqueued) - kept
    add(cells, ForwarderCell.dropped + DROP_REASONS.indexOf('crash'), lost)
  }
  for (const name of counters.names('listener'))
    counters.block('listener', name)[ListenerCell.connections] = 0
}

/** The refusals of all listeners, by reason; reasons without events are left out. */
export function readRefused(workers: readonly Counters[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const name of names(workers, 'listener')) {
    const cells = sumBlocks(workers, 'listener', name, ListenerCell.size)
    for (const [reason, events] of Object.entries(readReasons(cells, ListenerCell.refused, REFUSE_REASONS))) {
      total[reason] = (total[reason] ?? 0) + events
    }
  }
  return total
}

/** Names of all blocks of a kind, in the order in which they came. */
export function names(workers: readonly Counters[], kind: CounterKind): string[] {
  return [...new Set(workers.flatMap((counters) => counters.names(kind)))]
}

/** The cells of a block, summed over workers. */
export function sumBlocks(
  workers: readonly Counters[],
  kind: CounterKind,
  name: string,
  size: number,
): Float64Array {
  const total = new Float64Array(size)
  for (const counters of workers) {
    const block = counters.published(kind, name)
    if (block !== undefined) for (let n = 0; n < size; n++) add(total, n, cell(block, n))
  }
  return total
}

/** Counts by reason, from `first` on; reasons without events are left out. */
export function readReasons(
  cells: Float64Array,
  first: number,
  reasons: readonly string[],
): Record<string, number> {
  const counts = reasons.map((reason, n) => [reason, cell(cells, first + n)] as const)
  return Object.fromEntries(counts.filter(([, events]) => events !== 0))
}

/** A cell's number. */
export function cell(cells: Float64Array, at: number): number {
  return cells[at] as number
}

function oldestAt(workers: readonly Counters[], key: string): number {
  return earliest(workers, key, ForwarderCell.oldest_at)
}

/** The earliest time that any worker has in a forwarder's cell; 0: none has one. */
export function earliest(workers: readonly Counters[], key: string, at_cell: number): number {
  const stamps = workers.map((counters) => counters.published('forwarder', key)?.[at_cell] ?? 0)
  return stamps.filter((at) => at > 0).reduce((oldest, at) => (oldest === 0 ? at : Math.min(oldest, at)), 0)
}

/** Of several workers' connections to one destination the one that is worst off names the state. */
function worstState(workers: readonly Counters[], key: string): ForwarderLedger['state'] {
  const states = workers.map((counters) => counters.published('forwarder', key)?.[ForwarderCell.state] ?? 0)
  const order = ['retrying', 'paused', 'active', 'stopped'] as const
  const present = new Set(states.map((state) => DESTINATION_STATES[state] ?? 'active'))
  return order.find((state) => present.has(state)) ?? 'active'
}
