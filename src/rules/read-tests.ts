/** A `*.test.yaml` file into tests: each checked by itself, with its place, so that all mistakes show at once. */
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { unknownKey } from '../config/fields.ts'
import type { Finding, Place } from '../config/findings.ts'
import { kindOf, readPiece, valueAt } from '../config/pieces.ts'
import { Report } from '../config/report.ts'
import { References } from '../config/secrets.ts'
import type { SourceSettings } from '../config/types.ts'
import { FILE_MAX_DEFAULT, type Path, readYaml } from '../config/yaml.ts'
import type { expectation, ruleTest } from './schema-tests.ts'
import { ruleTest as testSchema, testsParts } from './schema-tests.ts'

export type Expectation = z.output<typeof expectation>

/** One test, with where it stands. */
export interface RuleTest extends Omit<z.output<typeof ruleTest>, 'lines' | 'event'> {
  readonly place: Place
  /** Where the value of a path in the test stands. */
  readonly at: (path: Path) => Place
  /** Inline events; empty when they stand in a file. */
  readonly events: readonly string[]
  /** Ranges of lines, both ends included; null: all. */
  readonly ranges: readonly (readonly [number, number])[] | null
}

export interface RuleTests {
  readonly file: string
  /** Absolute; null: the configuration's. */
  readonly rules: string | null
  readonly sources: readonly SourceSettings[]
  readonly tests: readonly RuleTest[]
}

/** The tests of a file; what is wrong goes to `findings`, and what is wrong is left out. */
export function readTests(file: string, findings: Finding[]): RuleTests | undefined {
  const yaml = readYaml(file, FILE_MAX_DEFAULT, findings)
  if (yaml === undefined) return undefined
  const report = new Report(yaml, new References(), findings)
  const { value } = yaml
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report.error([], `expected a mapping, found ${kindOf(value)}`, 'begin with `tests:`')
    return undefined
  }
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(testsParts, key)) continue
    const [message = '', hint = ''] = unknownKey(key, Object.keys(testsParts), {}).split('\t')
    report.error([key], message, hint, { at_key: true })
  }
  const part = <Key extends 'version' | 'rules' | 'sources'>(
    key: Key,
  ): z.output<(typeof testsParts)[Key]> | undefined =>
    readPiece(testsParts[key], valueAt(value, [key]), [key], report) as
      | z.output<(typeof testsParts)[Key]>
      | undefined
  part('version')
  const rules = part('rules')
  const sources = part('sources')
  if (sources !== undefined && rules === undefined)
    report.error(['sources'], 'the configuration has its own sources', 'remove them, or name `rules`', {
      at_key: true,
    })
  return {
    file,
    rules: rules === undefined ? null : resolve(dirname(file), rules),
    sources: (sources ?? []).map((one) => ({ ...one, streams: one.streams ?? null, site: one.site ?? null })),
    tests: readList(value, report),
  }
}

function readList(value: object, report: Report): RuleTest[] {
  const list = valueAt(value, ['tests'])
  if (!Array.isArray(list)) {
    report.error(
      ['tests'],
      list === undefined ? 'is missing' : `expected a list, found ${kindOf(list)}`,
      'begin each test with `- name:`',
    )
    return []
  }
  return list.flatMap((entry: unknown, index) => {
    const path = ['tests', index]
    const before = report.errors
    const read = readPiece(testSchema, entry, path, report)
    if (read === undefined) return []
    const { event, lines, ...rest } = read
    checkTest(read, path, report)
    if (report.errors > before) return []
    const events = event === undefined ? [] : typeof event === 'string' ? [event] : event
    const ranges = lines === undefined ? null : isRange(lines) ? [lines] : lines
    const at = (within: Path): Place => report.place([...path, ...within])
    return [{ ...rest, place: report.place(path), at, events, ranges }]
  })
}

function isRange(lines: NonNullable<z.output<typeof ruleTest>['lines']>): lines is readonly [number, number] {
  return typeof lines[0] === 'number'
}

function checkTest(test: z.output<typeof ruleTest>, path: Path, report: Report): void {
  const { event, events_file, lines, source, peer, received, expect } = test
  if ((event === undefined) === (events_file === undefined)) {
    const message = event === undefined ? 'has no event' : 'has `event` and `events_file`'
    report.error(path, message, 'write either `event` or `events_file`')
  }
  if (lines !== undefined && events_file === undefined)
    report.error([...path, 'lines'], 'are those of `events_file`', 'remove it', { at_key: true })
  if (source !== undefined && peer !== undefined)
    report.error([...path, 'peer'], 'stands beside `source`', 'keep one of them', { at_key: true })
  if (received !== undefined && Number.isNaN(Date.parse(received)))
    report.error([...path, 'received'], 'is not a time', 'write for example 2026-01-02T03:04:05Z')
  if (Object.keys(expect).length === 0)
    report.error([...path, 'expect'], 'expects nothing', 'say at least the tenant, or `forwarders`')
}
