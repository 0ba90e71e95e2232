/** Random inventories with objects that are contested, moved, or at two tenants: does anything reach a tenant that a plain reading of the rules does not give it to? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import { interpretEvent } from '../../src/rules/interpret.ts'
import type { GatewayModel, IdName, RulesModel } from '../../src/rules/model.ts'
import { orphanReason, ownershipOf } from '../../src/rules/ownership.ts'
import { latinRules } from '../support/latin-rules.ts'
import { events, labelsOf, rules, sources } from '../support/rules-arbitrary.ts'

const named = ['a', 'b'].map((name, n) => ({ name, site: null, streams: sources[n]?.streams ?? null }))

/** What an inventory adds to rules: which tenants are its own, what is contested, which gateways moved. */
const states = fc.record({
  inventory: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  contested: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 40, maxLength: 40 }),
})

function withStates(
  own: RulesModel,
  { inventory, contested }: { inventory: boolean[]; contested: number[] },
): RulesModel {
  let n = 0
  const mark = <Item extends IdName>(one: Item): Item =>
    contested[n++ % 40] === 0 ? { ...one, contested: true } : one
  return {
    ...own,
    tenants: own.tenants.map((tenant, index) => {
      const parents = [...tenant.org_vdcs, ...tenant.data_center_groups]
      const moved = (one: GatewayModel): GatewayModel => {
        const former = parents[(contested[n % 40] ?? 0) % Math.max(1, parents.length)]
        return one.owner === null || former === undefined ? one : { ...one, former: [former.id] }
      }
      return {
        ...tenant,
        inventory: inventory[index % 4] === true,
        org_vdcs: tenant.org_vdcs.map(mark),
        data_center_groups: tenant.data_center_groups.map(mark),
        gateways: tenant.gateways.map(mark).map(moved),
      }
    }),
  }
}

const cases = fc
  .tuple(rules, states)
  .map(([own, state]) => withStates(own, state))
  .chain((own) =>
    fc.tuple(fc.constant(own), fc.array(events(own, labelsOf(own)), { minLength: 1, maxLength: 20 })),
  )

test('an event is its tenant’s or nobody’s, whatever is contested, moved or claimed twice', () => {
  let owned = 0
  let ambiguous = 0
  fc.assert(
    fc.property(cases, ([own, made]) => {
      const { plan } = compileRules(own, 1, { forwarders_per_tenant: 10 })
      if (plan === undefined) return
      const ownership = ownershipOf(plan, named)
      const plain = latinRules(own)
      for (const { view, plain: event } of made) {
        const owner = ownership.decide(view)
        const expected = interpretEvent(plain, event)
        const tenant = owner > 0 ? (plan.tenants[plan.owners[owner]?.tenant ?? -1]?.name ?? '') : null
        if (tenant !== null) owned += 1
        if (expected.reason === 'ambiguous_label') ambiguous += 1
        // Keys are marked for all streams: where one has fewer formats, more may be nobody's.
        if (tenant === null && expected.tenant !== null) expect(orphanReason(owner)).toBe('ambiguous_label')
        else
          expect([tenant, owner > 0 ? null : orphanReason(owner)]).toEqual([
            expected.tenant,
            expected.tenant === null ? expected.reason : null,
          ])
      }
    }),
    { numRuns: 1500 },
  )
  expect(owned).toBeGreaterThan(300)
  expect(ambiguous).toBeGreaterThan(150)
})
