/** Would the demo notice a line in the wrong hands? */
import { expect, test } from 'vitest'
import { DemoRules } from '../../../src/cli/demo/layout.ts'
import { foreignLines } from '../../../src/cli/demo/verdict.ts'

const tenants = [
  { name: 'acme', marks: ['7d0c91f2', 'acme-legacy'] },
  { name: 'globex', marks: ['e7f8a9b0'] },
]
const judge = (tenant: string, ...lines: string[]): string[] =>
  foreignLines([{ tenant, forwarder: 'x', lines }], tenants).map(({ line }) => line)

test('own lines pass, whatever their case and form', () => {
  expect(
    judge('acme', '<1>a acme-7D0C91F2-3e4a', '<1>b ACME-LEGACY', '{"message":"a 7d0c91f23e4a"}'),
  ).toEqual([])
})

test('another tenant\u2019s line, a line of nobody, and a name that is only quoted do not', () => {
  const theirs = '<1>x Glo be7f8a9b0-c1d2'
  const quoted = '<1>the vm ACME-LEGACY is named in the line of e7f8a9b0'
  expect(judge('acme', theirs, '<1>nobody', quoted)).toEqual([theirs, '<1>nobody', quoted])
})

test('of JSON only what the sender wrote counts', () => {
  const line = '{"message":"e7f8a9b0","owner":{"id":"7d0c91f2"}}'
  expect(judge('acme', line)).toEqual([line])
})

test('the provider may see everything', () => {
  expect(judge('provider', '<1>nobody')).toEqual([])
})

test('the example rules have tenants whose marks differ', () => {
  const found = new DemoRules().tenants()
  expect(found.length).toBeGreaterThan(1)
  const marks = found.flatMap((tenant) => tenant.marks)
  expect(new Set(marks).size).toBe(marks.length)
})
