/** Closes every test run with one plain line that people and scripts can read: `N passed, N failed, N skipped`. */
import type { Reporter, TestCase, TestModule } from 'vitest/node'

interface Tally {
  passed: number
  failed: number
  skipped: number
}

/** Prints each skipped test with its reason, then the closing line, after every other reporter. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tally: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) countModule(module, tally)
    console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
  }
}

function countModule(module: TestModule, tally: Tally): void {
  let failures = 0
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state === 'passed') tally.passed++
    else if (state === 'skipped') {
      tally.skipped++
      console.log(`skipped: ${test.fullName}: ${reason(test)}`)
    } else failures++
  }
  // A file that cannot be loaded, or whose hook threw, has no failed test and must not look green.
  if (failures === 0 && !module.ok()) failures = 1
  tally.failed += failures
}

function reason(test: TestCase): string {
  const result = test.result()
  if (result.state === 'skipped' && result.note !== undefined && result.note !== '') return result.note
  return 'no reason given; say it with context.skip(reason)'
}
