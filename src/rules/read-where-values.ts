/** One comparison of a `where`: a field with what it is compared to, into conditions of the plan. */
import { Buffer } from 'node:buffer'
import { parseNetwork } from '../config/addresses.ts'
import { meant } from '../config/nearest.ts'
import { kindOf } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import { warnHostBits } from '../config/settings-checks.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import { patternProblem } from './pattern.ts'
import type { Condition } from './plan.ts'
import { type IdKind, parseId } from './read-ids.ts'
import { type FieldInfo, WORDS } from './read-where-fields.ts'
import { isBound, merged, readBound, readSpan, type Span, TOP } from './read-where-numbers.ts'
import { type Comparison, fail, scalarText } from './read-where-scalars.ts'

/** Values of one comparison. */
const VALUES_MAX = 10_000
/** Bytes of all texts of one comparison that are searched for; their table takes up to 1 KiB for each. */
const SEARCHED_MAX = 16_384
/** Patterns of one comparison. */
const PATTERNS_MAX = 100

const INSTEAD: Readonly<Partial<Record<FieldInfo['kind'], string>>> = {
  address: 'a network such as 10.1.0.0/16',
  time: '{ gte: "2026-01-02T03:04:05Z" }',
}

const OPERATORS = [
  'contains',
  'starts_with',
  'ends_with',
  'matches',
  'gt',
  'gte',
  'lt',
  'lte',
  'at_least',
  'exists',
] as const

/** The conditions that must all hold; undefined after reporting. */
export function readComparison(value: unknown, comparison: Comparison): Condition[] | undefined {
  if (typeof value !== 'object' || value === null) return one(readValues([value], comparison, false))
  if (Array.isArray(value)) {
    if (value.length === 0)
      return fail(comparison, 'an empty list matches nothing', 'name at least one value')
    return one(readValues(value, comparison, true))
  }
  const entries = Object.entries(value)
  if (entries.length === 0)
    return fail(comparison, 'an operator is missing', `use a value or one of ${OPERATORS.join(', ')}`)
  return readOperators(entries, comparison)
}

function readOperators(
  entries: readonly [string, unknown][],
  comparison: Comparison,
): Condition[] | undefined {
  const { info, report } = comparison
  const before = report.errors
  const conditions: Condition[] = []
  let bounds: Span | undefined
  for (const [operator, operand] of entries) {
    const inner = { ...comparison, path: [...comparison.path, operator] }
    if (operator === 'exists') {
      if (typeof operand === 'boolean') conditions.push({ op: 'exists', field: info.field, present: operand })
      else fail(inner, `expected true or false, found ${kindOf(operand)}`)
    } else if (isText(operator)) {
      const values = readTexts(operator, operand, inner)
      if (values !== undefined) conditions.push({ op: operator, field: info.field, values })
    } else if (isBound(operator)) {
      const span = readBound(operator, operand, inner)
      if (span !== undefined)
        bounds = [Math.max(bounds?.[0] ?? 0, span[0]), Math.min(bounds?.[1] ?? TOP, span[1])]
    } else {
      unknownOperator(operator, inner)
    }
  }
  if (bounds !== undefined && bounds[0] > bounds[1]) return fail(comparison, 'no number is in this range')
  if (bounds !== undefined) conditions.push({ op: 'between', field: info.field, ranges: [bounds] })
  return report.errors === before ? conditions : undefined
}

function isText(operator: string): operator is 'contains' | 'starts_with' | 'ends_with' | 'matches' {
  return ['contains', 'starts_with', 'ends_with', 'matches'].includes(operator)
}

function unknownOperator(operator: string, { path, report }: Comparison): void {
  const outside = operator === 'not' || operator === 'any' || operator === 'all'
  const hint = outside
    ? `write \`${operator}\` around the field, for example not: { action: PASS }`
    : meant(operator, OPERATORS)
  report.error(path, `unknown operator ${quoted(operator)}`, hint, { at_key: true })
}

/** Values, lists and ranges: any of them. */
function readValues(
  values: readonly unknown[],
  comparison: Comparison,
  list: boolean,
): Condition | undefined {
  const { info, path, report } = comparison
  if (values.length > VALUES_MAX) {
    report.error(path, `has more than ${VALUES_MAX} values`)
    return undefined
  }
  const before = report.errors
  const texts: string[] = []
  const spans: Span[] = []
  for (const [index, value] of values.entries()) {
    const at = { ...comparison, path: list ? [...path, index] : path }
    const text = scalarText(value, at)
    if (text === undefined) continue
    if (info.kind === 'number' || info.kind === 'severity' || info.kind === 'facility') {
      const span = readSpan(text, at)
      if (span !== undefined) spans.push(span)
    } else if (info.kind === 'address') {
      const network = readNetwork(text, at)
      if (network !== undefined) texts.push(network)
    } else if (info.kind === 'time') {
      fail(
        at,
        `an instant is compared with gt, gte, lt or lte`,
        'write for example { gte: "2026-01-02T03:04:05Z" }',
      )
    } else if (info.kind === 'id' && /^\d{1,15} ?- ?\d{1,15}$/.test(text)) {
      const span = readSpan(text, at)
      if (span !== undefined) spans.push(span)
    } else {
      texts.push(readText(text, at))
    }
  }
  if (report.errors > before) return undefined
  return anyOf(info, texts, spans)
}

function anyOf(info: FieldInfo, texts: readonly string[], spans: readonly Span[]): Condition | undefined {
  const { field } = info
  const values = sorted(texts)
  const conditions: Condition[] = []
  if (spans.length > 0) conditions.push({ op: 'between', field, ranges: merged(spans) })
  if (values.length > 0 && info.kind === 'address')
    conditions.push({ op: 'network', field, networks: values })
  else if (values.length > 0) conditions.push({ op: 'equals', field, values })
  const [first] = conditions
  return conditions.length > 1 ? { op: 'any', of: conditions } : first
}

function readText(text: string, { info, path, report, stream }: Comparison): string {
  if (info.kind === 'stream') stream(text, path)
  if (info.kind === 'truth' && text !== 'true' && text !== 'false') {
    report.error(path, `expected true or false, found ${quoted(text)}`)
  }
  if (info.kind === 'uuid') return readUuid(text, path, report, info)
  if (info.kind !== 'words') return text
  const word = text.toUpperCase()
  const known = WORDS[info.field]
  if (known !== undefined && !known.includes(word)) {
    report.warn(
      path,
      `no firewall writes ${info.field} ${quoted(text)}: this never matches`,
      meant(word, known),
    )
  }
  return word
}

/** Ids of Cloud Director are compared in the form that events have: bare, lower case, with hyphens. */
function readUuid(text: string, path: Path, report: Report, { field }: FieldInfo): string {
  const kind = field.split('.')[1] as IdKind
  const parsed = parseId(text, kind)
  if ('id' in parsed) return parsed.id
  report.error(path, parsed.problem, parsed.hint)
  return text
}

function readTexts(
  operator: string,
  operand: unknown,
  comparison: Comparison,
): readonly string[] | undefined {
  const { info, path, report } = comparison
  if (
    info.kind === 'address' ||
    info.kind === 'number' ||
    info.kind === 'severity' ||
    info.kind === 'facility' ||
    info.kind === 'time'
  ) {
    const instead = INSTEAD[info.kind] ?? 'a range such as "8000-8099"'
    return fail(comparison, `\`${operator}\` is for texts, ${info.field} is none`, `use ${instead}`)
  }
  const list = Array.isArray(operand)
  const operands: readonly unknown[] = list ? operand : [operand]
  if (operands.length === 0)
    return fail(comparison, 'an empty list matches nothing', 'name at least one text')
  if (operands.length > VALUES_MAX) return fail(comparison, `has more than ${VALUES_MAX} values`)
  const before = report.errors
  const texts = operands.map(
    (value, index) => scalarText(value, { ...comparison, path: list ? [...path, index] : path }) ?? '',
  )
  if (report.errors > before) return undefined
  if (operator === 'matches') return readPatterns(texts, list, comparison)
  if (texts.includes('')) return fail(comparison, 'an empty text is in every text', 'use `exists: true`')
  if (texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > SEARCHED_MAX)
    return fail(comparison, `has texts of more than ${SEARCHED_MAX} bytes`, 'name fewer')
  return sorted(info.kind === 'words' ? texts.map((text) => text.toUpperCase()) : texts)
}

function readPatterns(
  patterns: readonly string[],
  list: boolean,
  comparison: Comparison,
): readonly string[] | undefined {
  const { path, report } = comparison
  if (patterns.length > PATTERNS_MAX) return fail(comparison, `has more than ${PATTERNS_MAX} patterns`)
  const before = report.errors
  for (const [index, pattern] of patterns.entries()) {
    const problem = patternProblem(pattern)
    if (problem === undefined) continue
    report.errorIn(list ? [...path, index] : path, problem.offset, problem.message, problem.hint)
  }
  return report.errors > before ? undefined : sorted(patterns)
}

function readNetwork(text: string, { info, path, report }: Comparison): string | undefined {
  const network = parseNetwork(text)
  if (network === undefined) {
    report.error(
      path,
      `${quoted(text)} is not an address or network, as ${info.field} needs`,
      'write for example 10.0.0.0/8',
    )
    return undefined
  }
  warnHostBits(text, path, report)
  return network.text
}

function sorted(values: readonly string[]): readonly string[] {
  return [...new Set(values)].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function one(condition: Condition | undefined): Condition[] | undefined {
  return condition === undefined ? undefined : [condition]
}
