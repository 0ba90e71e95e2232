/** Keeps the last result of every test in `coverage/results`, a file for each test file: docs/reliability.md is written from it. */
import path from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { keepResults, lengthened, type Result } from './results.ts'
import { root } from './tree.ts'

export default class ResultsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const at = new Date().toISOString()
    for (const module of modules) {
      const file = path.relative(root, module.moduleId).replaceAll('\\', '/')
      const results = [...module.children.allTests()].flatMap((test) => resultOf(test, at))
      if (results.length > 0) keepResults(root, file, results)
    }
  }
}

/** A test that `-t` left out was not run: what is known of it stays. */
function resultOf(test: TestCase, at: string): Result[] {
  const result = test.result()
  if (result.state === 'pending') return []
  const note = result.state === 'skipped' ? (result.note ?? '') : ''
  if (result.state === 'skipped' && note === '') return []
  return [{ name: test.fullName, state: result.state, at, note, longer: lengthened(process.env) }]
}
