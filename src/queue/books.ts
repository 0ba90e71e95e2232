/** Entries in a forwarder's part of the ledger that are more than one count. */
import { add, DROP_REASONS, type DropReason, ForwarderCell } from '../base/counters.ts'

export function bookDropped(cells: Float64Array, reason: DropReason, events: number): void {
  add(cells, ForwarderCell.dropped + DROP_REASONS.indexOf(reason), events)
}

/** What only disk had is gone. */
export function bookLost(cells: Float64Array, reason: DropReason, events: number): void {
  add(cells, ForwarderCell.spooled, -events)
  bookDropped(cells, reason, events)
}

/** What was in memory is on disk. */
export function bookSpooled(cells: Float64Array, events: number): void {
  add(cells, ForwarderCell.queued, -events)
  add(cells, ForwarderCell.spooled, events)
}

/**
 * What was found on disk at start counts as enqueued again. After the death of a worker the books still hold what was
 * spooled: more than that had a copy in flight, less was acknowledged before the books knew.
 */
export function bookAdopted(cells: Float64Array, events: number): void {
  const booked = cells[ForwarderCell.spooled] as number
  if (events >= booked) add(cells, ForwarderCell.enqueued, events - booked)
  else add(cells, ForwarderCell.delivered, booked - events)
  cells[ForwarderCell.spooled] = events
}
