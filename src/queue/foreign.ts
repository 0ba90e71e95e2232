/**
 * Whose batches a queue may give out. A queue and its spool live by the name `tenant/forwarder`, and a name can be given
 * to another customer after the first has left, long after: what lies there must not go to the new one's destination.
 */
import type { DropReason } from '../base/counters.ts'
import type { Batch } from './batch.ts'

/** Why a batch must not be given out any more; undefined when it may. Its youngest event decides about its age. */
export function unwanted(
  batch: Batch,
  org: string | null,
  max_age: number | null | undefined,
  wall: number,
): DropReason | undefined {
  if (isForeign(batch, org)) return 'removed'
  if (max_age === null || max_age === undefined || batch.events === 0) return undefined
  return wall - batch.received_at(batch.events - 1) > max_age ? 'expired' : undefined
}

/** Whether the batch holds events of another organisation than `org`. What names none cannot be told apart. */
export function isForeign(batch: Batch, org: string | null): boolean {
  if (org === null || batch.events === 0) return false
  // A batch of a tenant's forwarder holds events of one rule set and one tenant: the first speaks for all.
  const its = batch.names.owner(batch.owner(0))?.owner.org?.id
  return its !== undefined && its !== org
}
