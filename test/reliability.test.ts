/** Does each of the 70 requirements have its row, each row a test that is there or a reason, and a last result that nobody typed? */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { notProven, requirementRows, withResults } from '../scripts/reliability.ts'
import { hasTitle, isNamed, keepResults, lengthened, readResults, type Result } from './support/results.ts'
import { tempFolder } from './support/temp-folder.ts'
import { root } from './support/tree.ts'

const rows = requirementRows(readFileSync(join(root, 'docs/reliability.md'), 'utf8'))

/** No test of ours can hold them; the row says why. */
const NOT_OURS = [6]
const RESULT =
  /^\d{4}-\d\d-\d\d: \d+ (passed|failed|skipped)(, \d+ (failed|skipped))*(, with `[A-Z_= \d]+`)*$/

test('R1 to R70 have a row each', () => {
  const numbers = rows.map(({ number }) => number).toSorted((a, b) => a - b)
  expect(numbers).toEqual(Array.from({ length: 70 }, (_, n) => n + 1))
})

test('each row has what is held, a test or the reason why there is none, and a last result', () => {
  const wrong = rows.flatMap(({ number, cells, tests }) => {
    if (cells.length !== 3) return [`R${number}: ${cells.length} cells`]
    const [, by = '', result = ''] = cells
    if (NOT_OURS.includes(number))
      return by === '—' && result === '—' ? [] : [`R${number} has no test of ours`]
    if (tests.length === 0) return [`R${number} names no test`]
    return result === 'not yet run' || RESULT.test(result)
      ? []
      : [`R${number}: its result is typed: ${result}`]
  })
  expect(wrong).toEqual([])
})

test('every test that is named is there under its name', () => {
  const missing = rows.flatMap(({ number, tests }) =>
    tests
      .filter(
        ({ file, name }) =>
          !existsSync(join(root, file)) || !hasTitle(readFileSync(join(root, file), 'utf8'), name),
      )
      .map(({ file, name }) => `R${number}: ${file} has no "${name}"`),
  )
  expect(missing).toEqual([])
})

const result = (name: string, state: Result['state'], at = '2026-03-04T05:06:07.000Z'): Result => ({
  name,
  state,
  at,
  note: '',
  longer: '',
})

const page = [
  '| R7 | what | `test/faults/a.test.ts` "killed at %s"; `test/faults/b.test.ts` "is whole" | not yet run |',
  '| R8 | what | `test/faults/b.test.ts` "is gone" | not yet run |',
  '| R9 | text | — | — |',
].join('\n')

test('the last results are counted by state, from the earliest day on, and rows that did not run stay', () => {
  const results: Record<string, Result[]> = {
    'test/faults/a.test.ts': [
      result('killed at a, again', 'passed'),
      result('killed at b', 'failed'),
      { ...result('something else', 'failed'), at: '2025-01-01T00:00:00.000Z' },
    ],
    'test/faults/b.test.ts': [
      {
        ...result('of b > is whole', 'skipped', '2026-03-03T00:00:00.000Z'),
        longer: 'LOGWEIR_FAULT_KILLS=9',
      },
    ],
  }
  expect(withResults(page, (file) => results[file] ?? []).split('\n')).toEqual([
    page
      .split('\n')[0]
      ?.replace('not yet run', '2026-03-03: 1 passed, 1 failed, 1 skipped, with `LOGWEIR_FAULT_KILLS=9`'),
    ...page.split('\n').slice(1),
  ])
})

test('what failed and what did not run is told, each once', () => {
  const results: Record<string, Result[]> = { 'test/faults/a.test.ts': [result('killed at a', 'failed')] }
  const tests = requirementRows(page).flatMap((row) => row.tests)
  expect(notProven(tests, (file) => results[file] ?? [])).toEqual([
    'test/faults/a.test.ts: failed: killed at a',
    'test/faults/b.test.ts did not run',
  ])
})

test('a later run takes the place of an earlier one, test by test', () => {
  const folder = tempFolder()
  mkdirSync(folder, { recursive: true })
  keepResults(folder, 'test/a.test.ts', [result('one', 'failed'), result('two', 'passed')])
  keepResults(folder, 'test/a.test.ts', [result('one', 'passed')])
  expect(readResults(folder, 'test/a.test.ts').map(({ name, state }) => [name, state])).toEqual([
    ['two', 'passed'],
    ['one', 'passed'],
  ])
  expect(readResults(folder, 'test/b.test.ts')).toEqual([])
})

test('a name means tests whose own name has it; what a table of tests fills in stands for anything', () => {
  expect(isNamed('R3: writes that find no room: all is there', 'writes that find %s: all is there')).toBe(
    true,
  )
  expect(isNamed('(R45) the last frame', '(R45)')).toBe(true)
  expect(isNamed('R450', '(R45)')).toBe(false)
  expect(hasTitle("test('a.b is read', () => {", 'is read')).toBe(true)
  expect(hasTitle("test.each(rows)(\n  'a row is read',\n", 'is read')).toBe(true)
  expect(hasTitle('// it is read', 'is read')).toBe(false)
  expect(hasTitle(" * 'it' is read", 'is read')).toBe(false)
})

test('only what makes a run longer stands beside its result', () => {
  expect(lengthened({ LOGWEIR_SOAK_MINUTES: '3', LOGWEIR_SEED: '1', PATH: '/' })).toBe(
    'LOGWEIR_SOAK_MINUTES=3',
  )
})
