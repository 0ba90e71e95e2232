import { expect, test } from 'vitest'
import { rulesOf } from '../../support/findings.ts'
import { BROKEN_CONDITIONS } from './broken-conditions.ts'
import { BROKEN_RULES } from './broken-rules.ts'

const ENV = { T: 'hunter2', K: 'k' }

test.each([...BROKEN_RULES, ...BROKEN_CONDITIONS])('$name', ({ files, findings }) => {
  expect(rulesOf(files, ENV).lines).toEqual(findings)
})

test('no secret stands in any finding, not even one typed into a file', () => {
  for (const { files } of BROKEN_RULES) {
    const { read } = rulesOf(files, ENV)
    expect(JSON.stringify(read.findings)).not.toContain('hunter2')
  }
})

test('rules with an error give no model', () => {
  expect(rulesOf('version: 2\n').read.model).toBeUndefined()
})
