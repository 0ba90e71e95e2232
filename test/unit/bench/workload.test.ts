/** The events of the benchmark: are they what the targets speak of, and the same in every run? */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { labelByExpression } from '../../../bench/lib/baselines.ts'
import { expectedCounts, makeTenants, makeWorkload } from '../../../bench/workload.ts'

const folder = mkdtempSync(join(tmpdir(), 'logweir-workload-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tenants = makeTenants(10)
const workload = makeWorkload(folder, tenants, 5000)
const lines = readFileSync(workload.newline_file, 'latin1').trimEnd().split('\n')

test('events have about 217 bytes, and four of five the label of a tenant', () => {
  expect(workload.average).toBeGreaterThan(207)
  expect(workload.average).toBeLessThan(227)
  const owned = expectedCounts(workload, 5000, 1).reduce((a, b) => a + b, 0)
  expect(owned / 5000).toBeCloseTo(0.8, 1)
})

test('the label by position is the tenant that the counts expect', () => {
  const index = new Map(tenants.map((t, i) => [t.dfw_label, i]))
  expect(lines.map((line) => index.get(labelByExpression(line) ?? '') ?? -1)).toEqual([...workload.owners])
})

test('the counted file holds the same events', () => {
  const octet = readFileSync(workload.octet_file, 'latin1')
  expect(octet).toBe(lines.map((line) => `${line.length} ${line}`).join(''))
})

test('two runs make the same bytes', () => {
  const again = makeWorkload(join(folder, 'again'), makeTenants(10), 5000)
  expect(readFileSync(again.newline_file).equals(readFileSync(workload.newline_file))).toBe(true)
})

test('labels of different tenants differ', () => {
  const labels = makeTenants(10_000).flatMap((t) => [t.dfw_label, t.gateway_label.slice(0, 10)])
  expect(new Set(labels).size).toBe(20_000)
})
