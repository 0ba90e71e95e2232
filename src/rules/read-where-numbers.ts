/** Numbers in a `where`: single ones, ranges and bounds, severities and facilities by name. All become inclusive ranges. */
import { meant } from '../config/nearest.ts'
import { quoted } from '../config/quantities.ts'
import { FACILITIES, SEVERITIES } from './read-where-fields.ts'
import { type Comparison, fail, scalarText } from './read-where-scalars.ts'

/** Inclusive. */
export type Span = readonly [number, number]

/** Above every number that a field can hold; JSON has no infinity. */
export const TOP = Number.MAX_SAFE_INTEGER

/** Operators that bound a number. */
export function isBound(operator: string): operator is 'gt' | 'gte' | 'lt' | 'lte' | 'at_least' {
  return ['gt', 'gte', 'lt', 'lte', 'at_least'].includes(operator)
}

/** The numbers that an operator allows; undefined after reporting. */
export function readBound(
  operator: 'gt' | 'gte' | 'lt' | 'lte' | 'at_least',
  operand: unknown,
  comparison: Comparison,
): Span | undefined {
  const { info } = comparison
  if (!['number', 'severity', 'facility', 'id', 'value', 'time'].includes(info.kind)) {
    return fail(comparison, `\`${operator}\` is for numbers, ${info.field} is none`)
  }
  const text = scalarText(operand, comparison)
  if (text === undefined) return undefined
  const number = readNumber(text, comparison)
  if (number === undefined) return undefined
  // Severities count downwards: at_least warning is warning or worse.
  if (operator === 'at_least' && info.kind === 'severity') return [0, number]
  if (info.kind === 'severity') {
    comparison.report.warn(
      comparison.path,
      'severities count downwards: 0 is emergency',
      '`at_least: warning` is warning or worse',
      {
        at_key: true,
      },
    )
  }
  if (operator === 'gt') return [number + 1, TOP]
  if (operator === 'lt') return number === 0 ? fail(comparison, 'no number is below 0') : [0, number - 1]
  return operator === 'lte' ? [0, number] : [number, TOP]
}

/** `443` or `8000-8099`, names of severities and facilities; undefined after reporting. */
export function readSpan(text: string, comparison: Comparison): Span | undefined {
  const [, low, high] = /^([^- ]+) ?- ?([^- ]+)$/.exec(text) ?? []
  if (low === undefined || high === undefined) {
    const number = readNumber(text, comparison)
    return number === undefined ? undefined : [number, number]
  }
  const from = readNumber(low, comparison)
  const to = from === undefined ? undefined : readNumber(high, comparison)
  if (from === undefined || to === undefined) return undefined
  return from <= to
    ? [from, to]
    : fail(comparison, `range ${quoted(text)} runs backwards`, `write "${to}-${from}"`)
}

const LARGEST: Readonly<Partial<Record<string, number>>> = { severity: 7, facility: 23 }

/** RFC 3339 with a zone, as milliseconds since 1970. */
function readInstant(text: string, comparison: Comparison): number | undefined {
  const written = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$/.test(text)
  const ms = written ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(ms) || ms < 0)
    return fail(
      comparison,
      `${quoted(text)} is no instant`,
      'write for example "2026-01-02T03:04:05Z", with its zone',
    )
  return ms
}

function readNumber(text: string, comparison: Comparison): number | undefined {
  const { kind, field } = comparison.info
  if (kind === 'time') return readInstant(text, comparison)
  const names = kind === 'severity' ? SEVERITIES : kind === 'facility' ? FACILITIES : {}
  const named = Object.hasOwn(names, text.toLowerCase()) ? names[text.toLowerCase()] : undefined
  if (named !== undefined) return named
  if (!/^\d{1,15}$/.test(text)) {
    const hint =
      kind === 'number' || kind === 'id'
        ? 'write for example 443 or "8000-8099"'
        : meant(text, Object.keys(names))
    return fail(
      comparison,
      `${quoted(text)} is no ${kind === 'severity' || kind === 'facility' ? kind : 'number'}`,
      hint,
    )
  }
  const largest = LARGEST[kind] ?? (field.endsWith('port') ? 65_535 : TOP)
  return Number(text) <= largest
    ? Number(text)
    : fail(comparison, `${text} is above ${largest}, the largest ${field}`)
}

/** Sorted, with what overlaps or touches made one. */
export function merged(spans: readonly Span[]): readonly Span[] {
  const result: [number, number][] = []
  for (const [low, high] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1)
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else result.push([low, high])
  }
  return result
}
