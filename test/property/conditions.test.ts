import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import type { EventView } from '../../src/classify/view.ts'
import { compileCondition, ConditionSet } from '../../src/rules/conditions.ts'
import type { Condition, RulesPlan } from '../../src/rules/plan.ts'
import { because } from '../../src/rules/explain-because.ts'
import { interpretCondition } from '../../src/rules/interpret-condition.ts'
import { model, tenant } from '../support/model.ts'
import { latinCondition } from '../support/latin-rules.ts'
import { condition, events, label } from '../support/rules-arbitrary.ts'

const own = model([tenant('t0', { labels: ['x'] })])
const { plan } = compileRules(own, 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const env = { listeners: [], sources: [] }

/** The condition, its complement, and the same as a part of another that is remembered, as the router runs them. */
function asPrograms(asked: Condition, view: EventView, owner: number): boolean[] {
  const complement: Condition = { op: 'not', of: asked }
  const outer: Condition = { op: 'any', of: [{ op: 'all', of: [asked, asked] }, asked] }
  const set = new ConditionSet(
    { ...plan, conditions: [asked, complement, outer], shared: new Map([[asked, 0]]) } as RulesPlan,
    env,
  )
  set.begin()
  return [0, 1, 2].map((index) => set.holds(index, view, owner))
}

test('a compiled condition says what the condition says, over bytes as over texts', () => {
  let held = 0
  fc.assert(
    fc.property(condition, events(own, label), fc.constantFrom(0, 1, -2), (asked, { view, plain }, owner) => {
      const fields = { ...plain.fields, stream: plain.stream, ...(owner > 0 ? { tenant: 't0' } : {}) }
      const expected = interpretCondition(latinCondition(asked), fields)
      const found = compileCondition(asked, plan, env)(view, owner)
      if (found) held += 1
      expect(found).toBe(expected)
      expect(compileCondition({ op: 'not', of: asked }, plan, env)(view, owner)).toBe(!expected)
      expect(asPrograms(asked, view, owner)).toEqual([expected, !expected, expected])
      expect(because(asked, found, view, owner, plan, env)).toMatch(/./)
    }),
    { numRuns: 5000 },
  )
  expect(held).toBeGreaterThan(500)
})
