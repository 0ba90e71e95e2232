/** Schema of what `inventory pull` writes beside what people write: where it is from, what is gone, contested or shared. */
import { z } from 'zod'
import { say, table, text } from '../config/fields.ts'
import { idOf } from './read-ids.ts'

/** Wall-clock time as it is written: RFC 3339 in UTC. */
const stamp = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/, say('is not a time', 'write 2026-01-02T03:04:05Z'))

/** Of an Org VDC, group or gateway. */
export const stateParts = {
  contested: z
    .boolean()
    .optional()
    .describe('Its labels contradict those of another object: events that carry them belong to nobody.'),
  gone_since: stamp.optional().describe('Cloud Director lists it no longer; kept for a grace time.'),
}

/** Owners that a gateway had before. */
export const formerOwners = z
  .array(
    table({
      owner: text(256).describe('Org VDC or Data Center Group that it was under.'),
      since: stamp.describe('When it was seen under another one first.'),
    }),
  )
  .max(100)
  .optional()
  .describe('Owners that the gateway had before it moved; labels with them are still its own.')

/** Other organisations with Org VDCs in a group. */
export const participants = z
  .array(idOf('org'))
  .max(1000)
  .optional()
  .describe('Organisations that take part in the group; `shared` gives copies to these only.')

/** Of a tenant. */
export const gone = table({
  since: stamp.describe('When Cloud Director listed the organisation no longer.'),
  stopped: z.boolean().describe('The grace time is over: it owns nothing, and its forwarders are stopped.'),
})

/** At the top of a file that `inventory pull` wrote. */
export const inventory = table({
  source: text(1024).describe('The Cloud Director that the file was read from.'),
})

/** Who gets copies of a group's events. */
export const sharedEntry = table({
  data_center_group: idOf('data_center_group'),
  with: z.array(idOf('org')).min(1).max(1000).describe('Organisations, by id, whose forwarders get copies.'),
})
