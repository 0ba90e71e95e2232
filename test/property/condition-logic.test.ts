/** Is what is called a contradiction one, for every event? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import { contradiction, deadWays } from '../../src/rules/condition-logic.ts'
import { compileCondition } from '../../src/rules/conditions.ts'
import type { Condition } from '../../src/rules/plan.ts'
import { model, tenant } from '../support/model.ts'
import { condition, events, label } from '../support/rules-arbitrary.ts'

const own = model([tenant('t0', { labels: ['x'] })])
const { plan } = compileRules(own, 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const env = { listeners: [], sources: [] }
const streams = { possible: plan.streams.map(({ name }) => name), having: () => undefined }

/** Pairs contradict each other more often than single ones do themselves. */
const asked: fc.Arbitrary<Condition> = fc
  .tuple(condition, condition, fc.boolean(), fc.boolean())
  .map(([a, b, same, negated]) => {
    const other = same ? a : b
    return { op: 'all', of: [a, negated ? { op: 'not', of: other } : other] }
  })

test('no event meets a condition that is said never to hold', () => {
  let never = 0
  fc.assert(
    fc.property(asked, fc.array(events(own, label), { minLength: 1, maxLength: 5 }), (where, made) => {
      if (contradiction(where, [], streams) === undefined) return
      never += 1
      const holds = compileCondition(where, plan, env)
      for (const { view } of made) for (const owner of [0, 1, -2]) expect(holds(view, owner)).toBe(false)
    }),
    { numRuns: 5000 },
  )
  expect(never).toBeGreaterThan(100)
})

test('a dead way of `any` is told of conditions that may hold only, and judging ends', () => {
  fc.assert(
    fc.property(asked, (where) => {
      expect(
        Array.isArray(
          deadWays(
            { op: 'any', of: [where, { op: 'exists', field: 'hostname', present: true }] },
            [],
            streams,
          ),
        ),
      ).toBe(true)
    }),
    { numRuns: 1000 },
  )
})
