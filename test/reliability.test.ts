/** Does every requirement that this version answers for have a test that is there? */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './support/tree.ts'

const page = readFileSync(join(root, 'docs/reliability.md'), 'utf8')

/** Of docs/reliability.md: the number of a row and the tests it names. */
const rows = page
  .split('\n')
  .filter((line) => /^\| R\d+ \|/.test(line))
  .map((line) => ({
    number: Number(/^\| R(\d+)/.exec(line)?.[1]),
    tests: [...line.matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)].map(([, file = '', name = '']) => ({
      file,
      name,
    })),
  }))

/** Inclusive ranges. */
const ANSWERED = [
  [1, 5],
  [7, 8],
  [11, 16],
  [19, 21],
  [23, 24],
  [28, 30],
  [32, 47],
  [53, 54],
  [57, 57],
  [60, 60],
  [63, 63],
  [65, 68],
] as const

test('every requirement of this version has a row, and each row a test', () => {
  const wanted = ANSWERED.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => from + n))
  const there = new Map(rows.map(({ number, tests }) => [number, tests.length]))
  expect(wanted.filter((number) => (there.get(number) ?? 0) === 0)).toEqual([])
})

test('every test that is named is there under its name', () => {
  const missing = rows.flatMap(({ number, tests }) =>
    tests
      .filter(
        ({ file, name }) =>
          !existsSync(join(root, file)) || !readFileSync(join(root, file), 'utf8').includes(name),
      )
      .map(({ file, name }) => `R${number}: ${file} has no "${name}"`),
  )
  expect(missing).toEqual([])
})
