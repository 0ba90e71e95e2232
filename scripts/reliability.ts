/**
 * Writes the column "last result" of docs/reliability.md from what the tests left in `coverage/results`. A row of which not every
 * test has run here keeps what stands. With `--check` nothing is written: a test that docs/reliability.md or docs/delivery.md names
 * and that failed, or did not run, is told and ends it with 1.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isNamed, readResults, type Result } from '../test/support/results.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const PAGE = 'docs/reliability.md'
const PROMISES = 'docs/delivery.md'

export interface Named {
  readonly file: string
  readonly name: string
}

export interface Row {
  readonly number: number
  /** What is held, the tests, the last result. */
  readonly cells: readonly string[]
  readonly tests: readonly Named[]
}

/** Rows of the requirements, in the order of the page. */
export function requirementRows(page: string): Row[] {
  return page.split('\n').flatMap((line) => {
    const row = rowOf(line)
    return row === undefined ? [] : [row]
  })
}

function rowOf(line: string): Row | undefined {
  const [, number, rest] = /^\| R(\d+) \| (.*) \|$/.exec(line) ?? []
  if (number === undefined || rest === undefined) return undefined
  const tests = [...rest.matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)]
  return {
    number: Number(number),
    cells: rest.split(' | '),
    tests: tests.map(([, file = '', name = '']) => ({ file, name })),
  }
}

/** Links of docs/delivery.md: `["name"](../test/file.test.ts)`. */
export function promisedTests(page: string): Named[] {
  return [...page.matchAll(/\["([^"]+)"\]\(\.\.\/(test\/[\w/.-]+\.test\.ts)\)/g)].map(
    ([, name = '', file = '']) => ({ file, name }),
  )
}

type Find = (file: string) => readonly Result[]

/** The page with the last result of every row whose tests have all run. */
export function withResults(page: string, find: Find): string {
  return page
    .split('\n')
    .map((line) => {
      const row = rowOf(line)
      const cell = row === undefined ? undefined : lastResult(row.tests, find)
      return row === undefined || cell === undefined
        ? line
        : `| R${row.number} | ${[...row.cells.slice(0, 2), cell].join(' | ')} |`
    })
    .join('\n')
}

/** `2026-01-31: 3 passed`; undefined when not all of them have run. The day is the earliest: no older result is in it. */
function lastResult(tests: readonly Named[], find: Find): string | undefined {
  if (tests.length === 0) return undefined
  const found = new Map<string, Result>()
  for (const { file, name } of tests) {
    const named = find(file).filter((result) => isNamed(result.name, name))
    if (named.length === 0) return undefined
    for (const result of named) found.set(`${file} ${result.name}`, result)
  }
  const results = [...found.values()]
  const tally = (['passed', 'failed', 'skipped'] as const).flatMap((state) => {
    const count = results.filter((result) => result.state === state).length
    return count === 0 ? [] : [`${count} ${state}`]
  })
  const longer = [...new Set(results.map((result) => result.longer).filter((text) => text !== ''))]
  const day = results.map(({ at }) => at.slice(0, 10)).toSorted()[0] ?? ''
  return [`${day}: ${tally.join(', ')}`, ...longer.map((text) => `with \`${text}\``)].join(', ')
}

/** Tests that failed or did not run, as sentences. */
export function notProven(tests: readonly Named[], find: Find): string[] {
  const told = tests.flatMap(({ file, name }) => {
    const all = find(file)
    const named = all.filter((result) => isNamed(result.name, name))
    if (named.length === 0)
      return [all.length === 0 ? `${file} did not run` : `${file} ran no test named "${name}"`]
    return named.filter(({ state }) => state === 'failed').map((result) => `${file}: failed: ${result.name}`)
  })
  return [...new Set(told)]
}

function main(): void {
  const page = readFileSync(path.join(ROOT, PAGE), 'utf8')
  const find = (file: string): readonly Result[] => readResults(ROOT, file)
  const tests = [
    ...requirementRows(page).flatMap((row) => row.tests),
    ...promisedTests(readFileSync(path.join(ROOT, PROMISES), 'utf8')),
  ]
  const wrong = notProven(tests, find)
  for (const line of wrong) console.log(line)
  if (process.argv.includes('--check')) {
    console.log(
      `${tests.length} tests are named by ${PAGE} and ${PROMISES}; ${wrong.length} failed or did not run`,
    )
    if (wrong.length > 0) process.exitCode = 1
    return
  }
  writeFileSync(path.join(ROOT, PAGE), withResults(page, find))
}

if (process.argv[1] === import.meta.filename) main()
