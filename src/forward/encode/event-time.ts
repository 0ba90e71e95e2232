/** When an event happened: what its header says, else when it was received. */
import { timestampMs } from '../../classify/timestamp.ts'
import type { EventView } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'

/** Milliseconds since the epoch of event `n`, whose header `view` holds. */
export function eventTime(view: EventView, batch: Batch, n: number): number {
  const ms = timestampMs(view, zoneOf(batch, n))
  return Number.isNaN(ms) ? batch.received_at(n) : ms
}

/** The zone in which the sender's clock runs. */
export function zoneOf(batch: Batch, n: number): string {
  const source = batch.source(n)
  return source === 0 ? 'UTC' : (batch.names.source(source)?.zone ?? 'UTC')
}
