/** Where a comparison of a forwarder's `where` stands: conditions themselves are canonical and know no places. */
import type { Place } from '../config/findings.ts'
import { valueAt } from '../config/pieces.ts'
import type { Path } from '../config/yaml.ts'
import type { ForwarderModel } from './model.ts'
import type { ConditionField } from './plan.ts'
import { fieldOf, sdFieldOf } from './read-where-fields.ts'

/** Values of one `where` that are looked at: conditions are bounded, aliases inside them not. */
const STEPS_MAX = 10_000

/** Of the comparison of a field; of the whole `where` when several compare it, or one behind a `use` does. */
export function comparisonPlace(forwarder: ForwarderModel, field: ConditionField): Place {
  const { source, where_place } = forwarder
  if (source === undefined) return where_place
  const found: Path[] = []
  collect(valueAt(source.value, ['where']), [...source.path, 'where'], field, found, { steps: 0 })
  const [only] = found
  return found.length === 1 && only !== undefined ? source.report.yaml.keyPlace(only) : where_place
}

function collect(
  value: unknown,
  at: Path,
  field: ConditionField,
  found: Path[],
  count: { steps: number },
): void {
  count.steps += 1
  if (count.steps > STEPS_MAX || typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const path = [...at, Array.isArray(value) ? Number(key) : key]
    if (Array.isArray(value) || key === 'any' || key === 'all' || key === 'not')
      collect(inner, path, field, found, count)
    else if (key === 'structured_data') collectNested(inner, path, field, found)
    else if (fieldOf(key)?.field === field) found.push(path)
  }
}

function collectNested(value: unknown, at: Path, field: ConditionField, found: Path[]): void {
  if (typeof value !== 'object' || value === null) return
  for (const [id, parameters] of Object.entries(value)) {
    if (typeof parameters !== 'object' || parameters === null) continue
    for (const name of Object.keys(parameters as object))
      if (sdFieldOf(id, name)?.field === field) found.push([...at, id, name])
  }
}
