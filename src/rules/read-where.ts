/**
 * `where` into a {@link Condition}: nesting, fields and the canonical form. Conditions that mean the same by order,
 * repetition or spelling have equal JSON, so that equal ones are evaluated once.
 */
import { meant } from '../config/nearest.ts'
import { kindOf } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { Condition } from './plan.ts'
import { FIELD_NAMES, type FieldInfo, fieldOf, sdFieldOf, UNASKED } from './read-where-fields.ts'
import { readComparison } from './read-where-values.ts'

/** `any`, `all` and `not` inside each other. */
const DEPTH_MAX = 16
/** Comparisons of one `where`. */
const COMPARISONS_MAX = 1000

const CONNECTIVES = ['any', 'all', 'not', 'use'] as const

export interface WhereContext {
  readonly report: Report
  readonly stream: (name: string, path: Path) => void
  /** Events of all kinds are seen, so `not` meets events without the field. Tenants' forwarders see firewall events only. */
  readonly warn_not: boolean
  /** The named condition of `use`; undefined after reporting, at the `path` where it is used, that there is none. */
  readonly named: (name: string, path: Path, report: Report) => Condition | undefined
}

/** The condition, null when everything holds, undefined after reporting. */
export function readWhere(value: unknown, path: Path, context: WhereContext): Condition | null | undefined {
  const before = context.report.errors
  const reader = new WhereReader(context)
  const condition = reader.read(value, path, 0)
  if (condition === undefined || context.report.errors > before) return undefined
  return condition.op === 'all' && condition.of.length === 0 ? null : condition
}

class WhereReader {
  readonly #context: WhereContext
  #comparisons = 0

  constructor(context: WhereContext) {
    this.#context = context
  }

  /** A mapping: all of its entries must hold. */
  read(value: unknown, path: Path, depth: number): Condition | undefined {
    const { report } = this.#context
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const hint = Array.isArray(value) ? 'write any: […] or all: […]' : 'write for example { action: DROP }'
      report.error(path, `expected a mapping of fields, found ${kindOf(value)}`, hint)
      return undefined
    }
    if (depth > DEPTH_MAX) {
      report.error(path, `is nested more than ${DEPTH_MAX} deep`, 'write it flatter')
      return undefined
    }
    const entries = Object.entries(value)
    if (depth > 0 && entries.length === 0) {
      report.error(path, 'an empty condition holds for every event', 'name a field')
      return undefined
    }
    const conditions = entries.flatMap(([key, entry]) => this.#entry(key, entry, [...path, key], depth) ?? [])
    if (this.#context.warn_not) this.#warnNot(value as Record<string, unknown>, path)
    return combine('all', conditions)
  }

  #entry(key: string, value: unknown, path: Path, depth: number): Condition[] | undefined {
    const { report } = this.#context
    if (key === 'not') {
      const inner = this.read(value, path, depth + 1)
      return inner === undefined ? undefined : [negate(inner)]
    }
    if (key === 'any' || key === 'all') return this.#list(key, value, path, depth)
    if (key === 'use') return this.#use(value, path)
    if (key === 'structured_data') return this.#structuredData(value, path)
    const info = fieldOf(key)
    if (info !== undefined) return this.#comparison(value, info, path)
    const why = Object.hasOwn(UNASKED, key) ? UNASKED[key] : undefined
    const hint = meant(key, [...FIELD_NAMES, ...CONNECTIVES], 'fields are those of the event JSON:')
    if (why === undefined) report.error(path, `unknown field ${quoted(key)}`, hint, { at_key: true })
    else report.error(path, `cannot be asked: ${quoted(key)} ${why}`, '', { at_key: true })
    return undefined
  }

  #comparison(value: unknown, info: FieldInfo, path: Path): Condition[] | undefined {
    const { report, stream } = this.#context
    return this.#count(1, path) ? readComparison(value, { info, path, report, stream }) : undefined
  }

  /** Whether so many more comparisons are allowed. Named conditions count as often as they are used. */
  #count(comparisons: number, path: Path): boolean {
    const before = this.#comparisons
    this.#comparisons += comparisons
    if (before <= COMPARISONS_MAX && this.#comparisons > COMPARISONS_MAX)
      this.#context.report.error(path, `has more than ${COMPARISONS_MAX} comparisons`)
    return this.#comparisons <= COMPARISONS_MAX
  }

  #use(value: unknown, path: Path): Condition[] | undefined {
    const { report, named } = this.#context
    const list = Array.isArray(value)
    const names: readonly unknown[] = list ? value : [value]
    const conditions: Condition[] = []
    for (const [index, name] of names.entries()) {
      const at = list ? [...path, index] : path
      if (typeof name !== 'string') {
        report.error(
          at,
          `expected the name of a condition, found ${kindOf(name)}`,
          'conditions are named under `conditions:`',
        )
        continue
      }
      const of = named(name, at, report)
      // Told where it is defined, or would be; what lacks it is no condition to be looked at further.
      if (of === undefined) report.errorsElsewhere(1)
      else if (this.#count(comparisonsOf(of), at)) conditions.push({ op: 'use', name, of })
    }
    if (names.length === 0) report.error(path, 'names no condition', 'name at least one')
    return conditions.length === names.length && conditions.length > 0 ? conditions : undefined
  }

  /** `structured_data: { "nsx@6876": { comp: nsx-edge } }`, for names that hold dots. */
  #structuredData(value: unknown, path: Path): Condition[] | undefined {
    const { report } = this.#context
    const elements = mappingOf(value, path, report, 'write for example { "nsx@6876": { comp: nsx-edge } }')
    return elements?.flatMap(([id, parameters]) => {
      const at = [...path, id]
      const entries = mappingOf(parameters, at, report, 'write for example { comp: nsx-edge }') ?? []
      return entries.flatMap(([name, asked]) => {
        const info = sdFieldOf(id, name)
        if (info === undefined)
          report.error([...at, name], 'no structured data has such names', '', { at_key: true })
        return info === undefined ? [] : (this.#comparison(asked, info, [...at, name]) ?? [])
      })
    })
  }

  #list(op: 'any' | 'all', value: unknown, path: Path, depth: number): Condition[] | undefined {
    const { report } = this.#context
    if (!Array.isArray(value)) {
      report.error(
        path,
        `expected a list of conditions, found ${kindOf(value)}`,
        `write ${op}: [{ … }, { … }]`,
      )
      return undefined
    }
    if (value.length === 0) {
      report.error(path, `an empty \`${op}\` decides nothing`, 'name at least one condition')
      return undefined
    }
    const inner = value.map((entry: unknown, index) => this.read(entry, [...path, index], depth + 1))
    const good = inner.filter((condition) => condition !== undefined)
    return good.length === inner.length ? [combine(op, good)] : undefined
  }

  /** `not: { action: PASS }` holds for every event that is no firewall line: say so where nothing else rules those out. */
  #warnNot(value: Record<string, unknown>, path: Path): void {
    const inner = value['not']
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return
    const siblings = Object.keys(value).filter((key) => key !== 'not')
    if (
      siblings.some(
        (key) => key === 'stream' || key === 'use' || key === 'all' || fieldOf(key)?.optional === true,
      )
    )
      return
    for (const key of Object.keys(inner)) {
      if (fieldOf(key)?.optional !== true) continue
      const message = `\`not\` also holds for every event without ${key}`
      this.#context.report.warn(
        [...path, 'not', key],
        message,
        `add \`${key}: { exists: true }\` or a \`stream\` beside it`,
        {
          at_key: true,
        },
      )
    }
  }
}

function mappingOf(
  value: unknown,
  path: Path,
  report: Report,
  hint: string,
): [string, unknown][] | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value)
    if (entries.length === 0) report.error(path, 'an empty mapping asks nothing', hint)
    return entries
  }
  report.error(path, `expected a mapping, found ${kindOf(value)}`, hint)
  return undefined
}

/** Comparisons of a condition, those of named ones included. */
export function comparisonsOf(condition: Condition): number {
  if (condition.op === 'not' || condition.op === 'use') return comparisonsOf(condition.of)
  if (condition.op !== 'all' && condition.op !== 'any') return 1
  return condition.of.reduce((sum, inner) => sum + comparisonsOf(inner), 0)
}

/** Flat, without repetition, in one order; a single part stands for itself. */
function combine(op: 'all' | 'any', conditions: readonly Condition[]): Condition {
  const flat = conditions.flatMap((condition) => (condition.op === op ? condition.of : [condition]))
  const unique = new Map(flat.map((condition) => [JSON.stringify(condition), condition]))
  const of = [...unique]
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, condition]) => condition)
  const [first] = of
  return of.length === 1 && first !== undefined ? first : { op, of }
}

function negate(condition: Condition): Condition {
  return condition.op === 'not' ? condition.of : { op: 'not', of: condition }
}
