/** The delivery histogram of a forwarder: receive to acknowledged, counted a batch at a time. */
import { add, DELIVERY_BUCKETS, ForwarderCell } from '../base/counters.ts'
import type { Batch } from './batch.ts'

/** Adds a delivered batch to the histogram (receive to acknowledged). */
export function observeDelivery(cells: Float64Array, batch: Batch, now: number): void {
  const last = batch.events - 1
  const first_bucket = bucketOf(now - batch.received_at(0))
  if (first_bucket === bucketOf(now - batch.received_at(last))) {
    add(cells, ForwarderCell.delivery + first_bucket, batch.events)
  } else {
    for (let n = 0; n <= last; n++)
      add(cells, ForwarderCell.delivery + bucketOf(now - batch.received_at(n)), 1)
  }
  const middle = (batch.received_at(0) + batch.received_at(last)) / 2
  add(cells, ForwarderCell.delivery_sum, (Math.max(0, now - middle) / 1000) * batch.events)
}

function bucketOf(ms: number): number {
  let bucket = 0
  while (bucket < DELIVERY_BUCKETS.length && ms > (DELIVERY_BUCKETS[bucket] as number) * 1000) bucket++
  return bucket
}
