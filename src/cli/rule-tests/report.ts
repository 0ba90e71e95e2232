/** What a run of rule tests says: for people with differences and reasons, for machines as JSON. */
import { sortFindings } from '../../config/findings-format.ts'
import type { Finding } from '../../config/findings.ts'
import { shippedRules } from '../../rules/read.ts'
import { paint } from '../output.ts'
import { cell } from '../text-table.ts'
import { placeText } from '../trace/places.ts'
import { forwarderLines, readingLines, storyJson } from '../trace/story.ts'
import type { Trace } from '../trace/tracer.ts'
import type { Difference } from './compare.ts'
import type { Covered, CoverageReport, Missed } from './coverage.ts'
import type { FailedEvent, TestResult, TestRun } from './run.ts'

const WIDTH = 400
/** Of each kind that no test reaches. */
const MISSED_MAX = 20
const INDENT = '      '

/** Lines for each test that failed. */
export function failureLines({ test, events, failed, shown }: TestResult): string[] {
  const count = events === 1 ? '' : `, ${failed} of ${events} events`
  return [
    `${paint('red', 'FAIL')}  ${cell(test.name, WIDTH)}  (${placeText(test.place)}${count})`,
    ...shown.flatMap((one) => eventLines(one, test.at)),
    ...(failed > shown.length ? [`${INDENT}and ${failed - shown.length} more events`] : []),
  ]
}

function eventLines(
  { event, differences, trace, refused }: FailedEvent,
  at: TestResult['test']['at'],
): string[] {
  return [
    `${INDENT}event ${event.line}: ${cell(event.bytes.toString('utf8'), WIDTH)}`,
    ...differences.flatMap((one) => differenceLines(one, placeText(at(['expect', ...one.path])))),
    ...(refused
      ? [`${INDENT}why: the peer is in none of the sources, so the event is refused`]
      : whyLines(differences, trace)),
  ]
}

function differenceLines(
  { what, expected, found, missing, unexpected }: Difference,
  place: string,
): string[] {
  const lead = `${INDENT}${paint('bold', what)}`
  const at = paint('dim', place)
  if (missing !== undefined && unexpected !== undefined) {
    const parts = [
      ...(missing.length === 0 ? [] : [`missing ${missing.join(', ')}`]),
      ...(unexpected.length === 0 ? [] : [`not expected ${unexpected.join(', ')}`]),
    ]
    return [`${lead}: ${parts.join('; ')}  ${at}`]
  }
  const [wanted, is] = [shown(expected), shown(found)]
  const word = what.endsWith(' lacks') ? 'unwanted' : 'expected'
  if (wanted.length + is.length < 80) return [`${lead}: ${word} ${wanted}, found ${is}  ${at}`]
  const caret = typeof expected === 'string' && typeof found === 'string' ? sharedStart(wanted, is) : -1
  return [
    `${lead}  ${at}`,
    `${INDENT}  ${word}  ${wanted}`,
    `${INDENT}  found     ${is}`,
    ...(caret < 0 || what.endsWith('contains') || what.endsWith('lacks')
      ? []
      : [`${INDENT}            ${' '.repeat(caret)}${paint('red', '^')}`]),
  ]
}

function shown(value: unknown): string {
  return cell(JSON.stringify(value), WIDTH * 5)
}

function sharedStart(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at += 1
  return at
}

/** What explains the differences: how the event was read, and the decisions about the forwarders that matter. */
function whyLines(differences: readonly Difference[], trace: Trace): string[] {
  const keys = new Set(
    differences.flatMap(({ what, missing = [], unexpected = [], path }) =>
      what.startsWith('sends ') ? [path[1] ?? ''] : [...missing, ...unexpected],
    ),
  )
  const told = trace.forwarders.filter(({ tenant, forwarder }) => keys.has(`${tenant}/${forwarder}`))
  const whose = trace.tenant === null ? `nobody's: ${trace.reason}` : `${trace.tenant}'s, by ${trace.reason}`
  const lines = [`   why: ${trace.stream}, ${whose}`, ...readingLines(trace), ...forwarderLines(told)]
  return lines.map((line) => `   ${line}`)
}

/** What no test reaches; `shipped`: of the shipped streams and label formats too, which else are counted only, for they have tests of their own. */
export function coverageLines(report: CoverageReport, shipped: boolean): string[] {
  const kinds = Object.entries(report) as [keyof CoverageReport, Covered][]
  const sums = kinds.map(
    ([kind, { all, missed }]) => `${kind.replace('_', ' ')} ${all - missed.length}/${all}`,
  )
  return [
    `reached: ${sums.join(', ')}`,
    ...kinds.flatMap(([kind, { missed }]) => {
      const shown = shipped ? missed : missed.filter((one) => !isShipped(kind, one))
      return missedLines(kind.replace('_', ' ').replace(/s$/, ''), shown)
    }),
  ]
}

function isShipped(kind: keyof CoverageReport, { place }: Missed): boolean {
  if (kind === 'label_formats') return true
  return kind === 'streams' && (place === undefined || place.file === shippedRules())
}

function missedLines(kind: string, missed: readonly Missed[]): string[] {
  const lines = missed.slice(0, MISSED_MAX).map(({ name, place, never }) => {
    const at = placeText(place)
    const what = never === undefined ? 'no test reaches' : NEVER[never]
    return `  ${what} ${kind} ${name}${at === '' ? '' : `  ${paint('dim', at)}`}`
  })
  return missed.length > MISSED_MAX ? [...lines, `  and ${missed.length - MISSED_MAX} more ${kind}s`] : lines
}

const NEVER = {
  asked: 'no test asks',
  held: 'in no test holds',
  failed: 'in no test fails',
} as const

/** The run as one object. */
export function runJson(run: TestRun): object {
  const failed = run.results.filter((one) => one.failed > 0).length
  const errors = run.findings.filter(({ level }) => level === 'error').length
  return {
    ok: failed === 0 && errors === 0 && run.results.length > 0,
    passed: run.results.length - failed,
    failed,
    errors,
    tests: run.results.map(testJson),
    findings: sortFindings(run.findings).map(plainFinding),
    coverage: run.sets.map(({ name, plan, tracer, coverage }) => ({
      rules: name,
      ...coverageJson(coverage.report(plan, tracer.places)),
    })),
  }
}

function testJson({ test, events, failed, shown: some }: TestResult): object {
  const { file, line, column } = test.place
  return {
    name: test.name,
    file,
    line,
    column,
    ok: failed === 0,
    events,
    failed,
    failures: some.map(({ event, differences, trace }) => ({
      event: event.line,
      differences: differences.map(({ path, ...one }) => ({
        ...one,
        at: placeText(test.at(['expect', ...path])),
      })),
      explain: JSON.parse(storyJson(event.line, trace)) as unknown,
    })),
  }
}

function plainFinding({ level, file, line, column, message, hint }: Finding): object {
  return { level, file, line, column, message, hint }
}

function coverageJson(report: CoverageReport): object {
  return Object.fromEntries(
    (Object.entries(report) as [string, Covered][]).map(([kind, { all, missed }]) => [
      kind,
      {
        all,
        reached: all - missed.length,
        missed: missed.map(({ name, place, never }) => ({
          name,
          at: placeText(place) || null,
          ...(never === undefined ? {} : { never }),
        })),
      },
    ]),
  )
}
