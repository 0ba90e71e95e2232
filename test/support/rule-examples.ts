/**
 * Runs the examples of the guide: rules as a reader would copy them, and their tests, by what `logweir test` runs tests by.
 */
import { symlinkSync } from 'node:fs'
import path from 'node:path'
import { runTests } from '../../src/cli/rule-tests/run.ts'
import { LogweirError } from '../../src/base/errors.ts'
import { tempFolder } from './temp-folder.ts'
import { root } from './tree.ts'

/** What is not as the tests say; empty when all of it is. Secrets that examples name have values. */
export function exampleProblems(rules: readonly string[], tests: string): string[] {
  const texts = rules.map((text, n) => [`rules/${n}.yaml`, withVersion(text)] as const)
  const file = 'tests/example.test.yaml'
  const folder = tempFolder({
    ...Object.fromEntries(texts),
    [file]: `rules: ../rules\n${tests === '' ? 'tests: []\n' : tests}`,
  })
  symlinkSync(path.join(root, 'fixtures'), path.join(folder, 'fixtures'))
  try {
    const { results, findings } = runTests([path.join(folder, file)], undefined)
    const wrong = findings.map(({ line, message }) => `${line}: ${message}`)
    const failed = results.flatMap(({ test, shown }) =>
      shown.flatMap(({ differences }) =>
        differences.map(
          ({ what, expected, found }) =>
            `${test.name}: ${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`,
        ),
      ),
    )
    return [...wrong, ...failed]
  } catch (error) {
    // Rules with errors.
    if (error instanceof LogweirError) return [error.message]
    throw error
  }
}

/** Examples leave out what every file begins with. */
function withVersion(text: string): string {
  return /^version:/m.test(text) ? text : `version: 1\n${text}`
}
