/**
 * Checks one part of a file against its schema and turns zod's issues into findings. Files are checked in parts
 * (a listener, a tenant, a forwarder), so that a mistake in one does not hide mistakes in the others.
 */
import type { z } from 'zod'
import { meant, nearest } from './nearest.ts'
import { quoted } from './quantities.ts'
import type { Report } from './report.ts'
import type { Path } from './yaml.ts'

/** Issues of one part that are reported; more help nobody. */
const ISSUES_MAX = 100

/** The checked and defaulted value, or undefined after reporting why not. */
export function readPiece<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: Path,
  report: Report,
): z.output<Schema> | undefined {
  // One holder more, so that a part which is a reference itself can be replaced like any other.
  const holder = { value }
  const parse = (): z.ZodSafeParseResult<z.output<Schema>> =>
    schema.safeParse(holder.value, { error: explain })
  let result = parse()
  if (!result.success && adoptTypes(result.error.issues, holder, path, report)) result = parse()
  if (result.success) return result.data
  const { issues } = result.error
  const mistyped = meantKeys(issues, value)
  for (const issue of issues.slice(0, ISSUES_MAX)) {
    if (!mistyped.has(issue.path.join('\u0000'))) reportIssue(issue, path, value, report)
  }
  return undefined
}

/** Paths of what is missing because its key is mistyped, which is told already. */
function meantKeys(issues: readonly z.core.$ZodIssue[], value: unknown): ReadonlySet<string> {
  const told = new Set<string>()
  const missing = issues.filter(({ path }) => path.length > 0 && valueAt(value, path) === undefined)
  for (const issue of missing.length === 0 ? [] : issues) {
    if (issue.code !== 'unrecognized_keys') continue
    const beside = missing.filter(({ path }) => samePath(path.slice(0, -1), issue.path))
    const names = beside.map(({ path }) => String(path.at(-1)))
    for (const key of issue.keys) {
      const near = nearest(key, names)
      if (near !== undefined) told.add([...issue.path, near].join('\u0000'))
    }
  }
  return told
}

const samePath = (a: readonly PropertyKey[], b: readonly PropertyKey[]): boolean =>
  a.length === b.length && a.every((step, index) => step === b[index])

function reportIssue(issue: z.core.$ZodIssue, base: Path, value: unknown, report: Report): void {
  const path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))]
  if (issue.code === 'unrecognized_keys') {
    const said = issue.message.split('\n')
    for (const [index, key] of issue.keys.entries()) {
      const [message = '', hint = ''] = (said[index] ?? `unknown key ${quoted(key)}`).split('\t')
      report.error([...path, key], message, hint, { at_key: true })
    }
    return
  }
  const [message = '', hint = ''] = issue.message.split('\t')
  const key = path.at(-1)
  if (key !== undefined && valueAt(value, issue.path) === undefined && typeof key === 'string') {
    report.error(path, 'is missing', hint)
  } else {
    report.error(path, message, hint)
  }
}

/** What environment variables and files hold is text; where a number or a truth value is asked, it is read as one. */
function adoptTypes(
  issues: readonly z.core.$ZodIssue[],
  root: { value: unknown },
  base: Path,
  report: Report,
): boolean {
  let adopted = false
  for (const issue of issues) {
    if (issue.code !== 'invalid_type') continue
    const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
    const text = valueAt(root.value, steps)
    if (typeof text !== 'string' || !report.references.has([...base, ...steps])) continue
    const scalar = scalarOf(text, issue.expected)
    const within = ['value', ...steps]
    const holder = valueAt(root, within.slice(0, -1))
    const last = within.at(-1)
    if (scalar === undefined || last === undefined || typeof holder !== 'object' || holder === null) continue
    Object.assign(holder, { [last]: scalar })
    adopted = true
  }
  return adopted
}

function scalarOf(text: string, expected: string): number | boolean | undefined {
  if (expected === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (expected !== 'number' && expected !== 'int') return undefined
  return /^-?[0-9]{1,15}(\.[0-9]{1,15})?$/.test(text) ? Number(text) : undefined
}

/** The value at a path of plain mappings and lists. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<PropertyKey, unknown>)[step]
  }
  return at
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
}

/** Messages for what the schemas leave to zod. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const expected = EXPECTED[issue.expected] ?? issue.expected
    const hint = typeHint(issue.expected, issue.input)
    return `expected ${expected}, found ${kindOf(issue.input)}${hint === '' ? '' : `\t${hint}`}`
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String)
    const found = typeof issue.input === 'string' ? quoted(issue.input) : kindOf(issue.input)
    const hint =
      typeof issue.input === 'string' ? meant(issue.input, values) : `use one of ${values.join(', ')}`
    return `${found} is not one of ${values.join(', ')}${hint.startsWith('did') ? `\t${hint}` : ''}`
  }
  if (issue.code === 'too_small' && issue.origin === 'array') return 'must not be empty'
  if (issue.code === 'too_big' && issue.origin === 'array') return `has more than ${issue.maximum} entries`
  return undefined
}

/** What else was meant, where that is nearly always the same. Says no value. */
function typeHint(expected: string, input: unknown): string {
  if (expected === 'string' && typeof input === 'number') return 'put it in quotes'
  if (expected === 'array' && (typeof input === 'string' || typeof input === 'number'))
    return 'put it in brackets: [ … ]'
  if (expected !== 'boolean' || typeof input !== 'string') return ''
  return /^(yes|no|on|off)$/i.test(input)
    ? 'write true or false: YAML takes yes, no, on and off for texts'
    : ''
}

/** A value in words, without saying it: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return 'text'
  return typeof value === 'number' ? 'a number' : 'true or false'
}
