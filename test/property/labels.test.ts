import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import { labelTenants } from '../../src/rules/interpret-label.ts'
import { LABEL_AMBIGUOUS, LabelTable } from '../../src/rules/label-table.ts'
import type { RulesModel } from '../../src/rules/model.ts'
import { label, labelsOf, rules } from '../support/rules-arbitrary.ts'
import { model, stream, tenant } from '../support/model.ts'

const bare = stream('s', { label_formats: [] })
const LIMITS = { forwarders_per_tenant: 10 }

/** What the table must answer by the rules as they read; null: nobody. */
function expected(
  own: RulesModel,
  stream: RulesModel['streams'][number],
  bytes: Buffer,
): string | null | undefined {
  if (stream.label === 'none' || bytes.length === 0) return null
  const { literal, whole, lone } = labelTenants(own, stream, bytes.toString('latin1'))
  for (const tenants of [literal, whole, lone]) {
    const [name] = tenants
    if (tenants.size > 1) return undefined
    if (name !== undefined) return name
  }
  return null
}

test('the table finds whom the rules name, for any label in any stream', () => {
  let accepted = 0
  let hits = 0
  const cases = rules.chain((own) =>
    fc.tuple(fc.constant(own), fc.array(labelsOf(own), { minLength: 1, maxLength: 20 })),
  )
  fc.assert(
    fc.property(cases, ([own, labels]) => {
      const { plan } = compileRules(own, 1, LIMITS)
      if (plan === undefined) return
      accepted += 1
      const table = new LabelTable(plan.labels)
      for (const [index, stream] of own.streams.entries()) {
        for (const bytes of labels) {
          const buf = Buffer.concat([Buffer.from('XY'), bytes, Buffer.from('ZZZ')])
          const owner = table.find(index + 1, buf, 2, 2 + bytes.length)
          const found =
            owner === LABEL_AMBIGUOUS
              ? undefined
              : (plan.tenants[plan.owners[owner]?.tenant ?? -1]?.name ?? null)
          if (found !== null) hits += 1
          expect([stream.name, bytes.toString(), found]).toEqual([
            stream.name,
            bytes.toString(),
            expected(own, stream, bytes),
          ])
          expect(table.by === '').toBe(owner <= 0)
        }
      }
    }),
    { numRuns: 1500 },
  )
  // The pools are small so that rules clash: enough must be left to mean something.
  expect(accepted).toBeGreaterThan(150)
  expect(hits).toBeGreaterThan(500)
})

test('rules that are accepted have no label that two tenants could claim', () => {
  const cases = rules.chain((own) =>
    fc.tuple(fc.constant(own), fc.array(labelsOf(own), { minLength: 1, maxLength: 20 })),
  )
  fc.assert(
    fc.property(cases, ([own, labels]) => {
      if (compileRules(own, 1, LIMITS).plan === undefined) return
      for (const stream of own.streams) {
        for (const bytes of labels) {
          const { literal, whole, lone } = labelTenants(own, stream, bytes.toString('latin1'))
          const sure = new Set([...literal, ...whole])
          expect(sure.size).toBeLessThan(2)
          if (sure.size === 1) expect(new Set([...sure, ...lone]).size).toBe(1)
        }
      }
    }),
    { numRuns: 1500 },
  )
})

test('literals of any bytes and lengths are found, and nothing near them', () => {
  const texts = fc.uniqueArray(
    fc
      .string({ minLength: 1, maxLength: 70, unit: 'grapheme' })
      .map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
      .filter((text) => text !== ''),
    { minLength: 1, maxLength: 50 },
  )
  fc.assert(
    fc.property(texts, label, (labels, other) => {
      const { plan } = compileRules(
        model([tenant('t', { labels })], { label_formats: [], streams: [bare] }),
        1,
        LIMITS,
      )
      if (plan === undefined) throw new Error('refused')
      const table = new LabelTable(plan.labels)
      const find = (bytes: Buffer) => table.find(1, bytes, 0, bytes.length)
      for (const text of labels) {
        const bytes = Buffer.from(text)
        expect(find(bytes)).toBe(1)
        for (const near of [
          bytes.subarray(1),
          bytes.subarray(0, -1),
          Buffer.concat([bytes, Buffer.from([0])]),
          other,
        ]) {
          expect(find(near)).toBe(labels.some((known) => Buffer.from(known).equals(near)) ? 1 : 0)
        }
      }
    }),
    { numRuns: 300 },
  )
})
