import { expect, test } from 'vitest'
import {
  countFindings,
  formatFindings,
  maskSecrets,
  sortFindings,
} from '../../../src/config/findings-format.ts'
import type { Finding } from '../../../src/config/findings.ts'

const finding: Finding = {
  level: 'error',
  file: '/etc/logweir/a.yaml',
  line: 2,
  column: 3,
  message: 'unknown key "when_ful"',
  hint: 'did you mean `when_full`?',
}
const sources = new Map([['/etc/logweir/a.yaml', 'queue:\n  when_ful: block\n']])

test('a finding is one line and its hint', () => {
  expect(formatFindings([finding])).toBe(
    '/etc/logweir/a.yaml:2:3: error: unknown key "when_ful"\n  hint: did you mean `when_full`?\n',
  )
})

test('paths below the working folder are short, others are whole', () => {
  expect(formatFindings([finding], { cwd: '/etc' })).toMatch(/^logweir\/a\.yaml:2:3: /)
  expect(formatFindings([finding], { cwd: '/etc/other' })).toMatch(/^\/etc\/logweir\/a\.yaml:2:3: /)
})

test('with the source comes its line and a caret', () => {
  expect(formatFindings([{ ...finding, hint: '' }], { sources, cwd: '/etc/logweir' })).toBe(
    'a.yaml:2:3: error: unknown key "when_ful"\n    when_ful: block\n    ^\n',
  )
})

test('a long line is shown around its place', () => {
  const long = new Map([['/x', `${' '.repeat(500)}here${' '.repeat(500)}`]])
  const shown = formatFindings([{ ...finding, file: '/x', line: 1, column: 501, hint: '' }], {
    sources: long,
  }).split('\n')
  expect(shown[1]?.length).toBeLessThan(130)
  expect(shown[1]?.indexOf('here')).toBe(shown[2]?.indexOf('^'))
})

test('colours only when asked for', () => {
  expect(formatFindings([finding], { sources })).not.toContain('\u001b')
  expect(formatFindings([finding], { sources, color: true })).toContain('\u001b[31merror:')
})

test('control characters of a file never reach the terminal', () => {
  const evil = new Map([['/x', 'a: \u001b]0;owned\u0007 \u202e']])
  const text = formatFindings([{ ...finding, file: '/x', line: 1, column: 4, message: 'x\u001b[2J' }], {
    sources: evil,
  })
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})

test.each([
  ['token: hunter2 # old', 'token: ***# old'],
  ['  password: "hunter2"', '  password: ***'],
  ['- { name: a, token: hunter2, to: x }', '- { name: a, token: ***'],
  ['"Authorization": Basic hunter2', '"Authorization": ***'],
  ['to: https://me:hunter2@siem', 'to: https://***@siem'],
  ['token: { env: NAME }', 'token: { env: NAME }'],
  ['key: certs/router.key', 'key: certs/router.key'],
])('%j is shown as %j', (line, shown) => {
  expect(maskSecrets(line)).toBe(shown)
})

test('a line whose finding is about a secret is not shown at all', () => {
  const secret = new Map([['/x', 'tok: hunter2']])
  const text = formatFindings([{ ...finding, file: '/x', line: 1, column: 6, hide_source: true }], {
    sources: secret,
  })
  expect(text).not.toContain('hunter2')
})

const at = (file: string, line: number, level: Finding['level']): Finding => ({
  ...finding,
  file,
  line,
  level,
})

test('findings are sorted by place and counted by level', () => {
  const all = [at('/b', 1, 'error'), at('/a', 10, 'warning'), at('/a', 9, 'error')]
  expect(sortFindings(all).map(({ file, line }) => `${file}:${line}`)).toEqual(['/a:9', '/a:10', '/b:1'])
  expect(countFindings(all)).toEqual({ errors: 2, warnings: 1 })
})
