/** What of a queue is oldest, and how it is doing: for its gauges, and for room. */
import type { DestinationState } from './lane.ts'
import type { Batch } from './batch.ts'
import type { Deque } from './deque.ts'

/** Receive time of the oldest event in `batches`, on disk and in an open chunk (null: nothing there); 0 when there is none. */
export function oldestAt(
  batches: readonly (Batch | undefined)[],
  on_disk: number | null,
  in_chunk: number | null,
): number {
  let oldest = Math.min(on_disk ?? Number.POSITIVE_INFINITY, in_chunk ?? Number.POSITIVE_INFINITY)
  for (const batch of batches) {
    if (batch !== undefined && batch.events > 0) oldest = Math.min(oldest, batch.received_at(0))
  }
  return oldest === Number.POSITIVE_INFINITY ? 0 : oldest
}

/** The state that is shown: what an operator did goes before what the destination says. */
export function stateOf(
  paused: boolean,
  destination: { readonly state: DestinationState } | undefined,
): DestinationState {
  if (destination === undefined) return 'stopped'
  return paused ? 'paused' : destination.state
}

/** Takes the oldest batch out that makes room in memory and nobody works on: of what was given back first. */
export function takeOldestDroppable(
  returned: Batch[],
  memory: Deque<Batch>,
  disk: { isWriting(batch: Batch): boolean },
): Batch | undefined {
  const at = returned.findIndex((batch) => !disk.isWriting(batch))
  if (at !== -1) return returned.splice(at, 1)[0]
  for (const batch of memory) {
    if (batch.on_disk || disk.isWriting(batch)) continue
    memory.remove(batch)
    return batch
  }
  return undefined
}

/**
 * What memory alone has, oldest first. Batches that a healthy connection has written and only keeps for
 * replay are left out, unless something behind them must go to disk: the disk's order is the order.
 */
export function* spillable(
  leased: Iterable<Batch>,
  returned: readonly Batch[],
  memory: Deque<Batch>,
  disk: { isWriting(batch: Batch): boolean },
): Generator<Batch> {
  if (memory.length > 0 || returned.length > 0 || someWait(leased)) {
    const older = [...leased, ...returned].sort((a, b) => a.sequence - b.sequence)
    for (const batch of older) if (!batch.on_disk && !disk.isWriting(batch)) yield batch
  }
  for (const batch of memory) if (!batch.on_disk && !disk.isWriting(batch)) yield batch
}

/** Asked of every queue four times a second: what a healthy connection keeps for replay is passed over in one loop. */
function someWait(leased: Iterable<Batch>): boolean {
  for (const batch of leased) if (!batch.written) return true
  return false
}
