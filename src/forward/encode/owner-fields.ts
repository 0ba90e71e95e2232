/** Stream and owner as fields of flat names, for destinations whose events are lists of fields. */
import type { BatchNames } from '../../queue/batch.ts'

/** `stream`, `tenant`, `org`, `org_id` and so on, without what is not known. Not for the hot path: once an owner and stream. */
export function ownerFields(names: BatchNames, stream: number, owner: number): (readonly [string, string])[] {
  const found = names.owner(owner)
  const whose = found?.owner
  const fields: readonly (readonly [string, string | null | undefined])[] = [
    ['stream', names.stream(stream)],
    ['tenant', found?.tenant],
    ['org', whose?.org?.name ?? whose?.org?.id],
    ['org_id', whose?.org?.id],
    ['org_vdc', whose?.org_vdc?.name],
    ['org_vdc_id', whose?.org_vdc?.id],
    ['data_center_group', whose?.data_center_group?.name],
    ['data_center_group_id', whose?.data_center_group?.id],
    ['gateway', whose?.gateway?.name],
    ['gateway_id', whose?.gateway?.id],
  ]
  return fields.flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [[name, value] as const],
  )
}
