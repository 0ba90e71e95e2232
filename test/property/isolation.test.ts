import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import { ConditionSet } from '../../src/rules/conditions.ts'
import { explainEvent } from '../../src/rules/explain.ts'
import { interpretEvent } from '../../src/rules/interpret.ts'
import { LabelTable } from '../../src/rules/label-table.ts'
import { orphanReason, Ownership, sourceStreams } from '../../src/rules/ownership.ts'
import { events, labelsOf, latinRules, rules, sources } from '../support/rules-arbitrary.ts'

const env = {
  listeners: [],
  sources: [
    { name: 'a', site: null },
    { name: 'b', site: null },
  ],
}
const cases = rules.chain((own) =>
  fc.tuple(fc.constant(own), fc.array(events(own, labelsOf(own)), { minLength: 1, maxLength: 20 })),
)

test('an event goes to whom the rules say, to all of them, and to no other tenant', () => {
  let owned = 0
  fc.assert(
    fc.property(cases, ([own, made]) => {
      const { plan } = compileRules(own, 1, { forwarders_per_tenant: 10 })
      if (plan === undefined) return
      const ownership = new Ownership(plan, new LabelTable(plan.labels), sourceStreams(plan, sources))
      const conditions = new ConditionSet(plan, env)
      const plainRules = latinRules(own)
      for (const { view, plain } of made) {
        const owner = ownership.decide(view)
        const tenant = owner > 0 ? (plan.owners[owner]?.tenant ?? -1) : -1
        const expected = interpretEvent(plainRules, plain)
        conditions.begin()
        const takes = plan.forwarders.filter(({ tenant: of, scope, condition }) => {
          const sees = of >= 0 ? of === tenant : scope === 'all' || (scope === 'owned') === tenant >= 0
          return sees && (condition === -1 || conditions.holds(condition, view, Math.max(0, owner)))
        })
        const reason = owner > 0 ? plan.owners[owner]?.reason : orphanReason(owner)
        expect([plan.tenants[tenant]?.name ?? null, reason]).toEqual([expected.tenant, expected.reason])
        expect(takes.map(({ key }) => key).toSorted()).toEqual(expected.forwarders)
        for (const { tenant: of } of takes) expect([-1, tenant]).toContain(of)
        if (tenant >= 0) owned += 1
        const told = explainEvent(view, { plan, ownership, conditions, env })
        const forwarded = told.forwarders.filter(({ decision }) => decision === 'forward')
        expect(forwarded.map(({ tenant: of, forwarder }) => `${of}/${forwarder}`).toSorted()).toEqual(
          expected.forwarders,
        )
      }
    }),
    { numRuns: 1500 },
  )
  expect(owned).toBeGreaterThan(300)
})
