/** `shared:` of a rules file: who gets copies of a Data Center Group's events. */
import { z } from 'zod'
import { readPiece } from '../config/pieces.ts'
import type { Report } from '../config/report.ts'
import type { SharedModel } from './model.ts'
import { sharedEntry } from './schema-inventory.ts'

const ENTRIES_MAX = 10_000

/** The entries without mistakes; what is wrong with the others is reported. */
export function readShared(value: unknown, report: Report): SharedModel[] {
  if (value === undefined || value === null) return []
  const entries = readPiece(z.array(sharedEntry).max(ENTRIES_MAX), value, ['shared'], report)
  return (entries ?? []).map(({ data_center_group, with: orgs }, index) => ({
    place: report.place(['shared', index]),
    group: data_center_group,
    with: orgs.map((id, at) => ({ place: report.place(['shared', index, 'with', at]), id })),
  }))
}
