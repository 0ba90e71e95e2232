/** One comparison of a `where`: a field with what it is compared to, into conditions of the plan. */
import { parseNetwork } from '../config/addresses.ts'
import { NOT_YET } from '../config/fields.ts'
import { meant } from '../config/nearest.ts'
import { kindOf } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import { warnHostBits } from '../config/settings-checks.ts'
import type { Condition } from './plan.ts'
import { type FieldInfo, WORDS } from './read-where-fields.ts'
import { isBound, merged, readBound, readSpan, type Span, TOP } from './read-where-numbers.ts'
import { type Comparison, fail, scalarText } from './read-where-scalars.ts'

/** Values of one comparison. */
const VALUES_MAX = 10_000

const OPERATORS = [
  'contains',
  'starts_with',
  'ends_with',
  'gt',
  'gte',
  'lt',
  'lte',
  'at_least',
  'exists',
] as const
const LATER_OPERATORS: readonly string[] = ['matches']
const KNOWN: readonly string[] = [...OPERATORS, ...LATER_OPERATORS]

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
    } else if (operator === 'contains' || operator === 'starts_with' || operator === 'ends_with') {
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

function unknownOperator(operator: string, { path, report }: Comparison): void {
  if (LATER_OPERATORS.includes(operator)) {
    return report.error(path, `\`${operator}\` ${NOT_YET}`, 'use contains, starts_with or ends_with', {
      at_key: true,
    })
  }
  const outside = operator === 'not' || operator === 'any' || operator === 'all'
  const hint = outside
    ? `write \`${operator}\` around the field, for example not: { action: PASS }`
    : meant(operator, KNOWN)
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
    info.kind === 'facility'
  ) {
    const instead = info.kind === 'address' ? 'a network such as 10.1.0.0/16' : 'a range such as "8000-8099"'
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
  if (texts.includes('')) return fail(comparison, 'an empty text is in every text', 'use `exists: true`')
  return sorted(info.kind === 'words' ? texts.map((text) => text.toUpperCase()) : texts)
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
