/** What every comparison of a `where` needs: its field, its place, and one value as text. */
import { kindOf } from '../config/pieces.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { FieldInfo } from './read-where-fields.ts'

const VALUE_LENGTH_MAX = 4096

/** What a comparison needs besides its value. */
export interface Comparison {
  readonly info: FieldInfo
  readonly path: Path
  readonly report: Report
  /** Called with each stream that is named, to be checked when all streams are known. */
  readonly stream: (name: string, path: Path) => void
}

/** A value as text: numbers and texts that look alike are equal. Undefined after reporting. */
export function scalarText(value: unknown, comparison: Comparison): string | undefined {
  if (typeof value === 'string') {
    return value.length <= VALUE_LENGTH_MAX
      ? value
      : fail(comparison, `is longer than ${VALUE_LENGTH_MAX} characters`)
  }
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value === 'boolean') return String(value)
  const hint = value === null || value === undefined ? '`exists: false` asks for an absent field' : ''
  return fail(comparison, `expected a value, found ${kindOf(value)}`, hint)
}

/** Reports, and gives what every reader gives then. */
export function fail({ path, report }: Comparison, message: string, hint = ''): undefined {
  report.error(path, message, hint)
  return undefined
}
