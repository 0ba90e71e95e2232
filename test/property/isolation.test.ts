import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import { explainEvent } from '../../src/rules/explain.ts'
import { interpretCopies, interpretEvent } from '../../src/rules/interpret.ts'
import { interpretEdit } from '../../src/rules/interpret-edit.ts'
import { orphanReason, ownershipOf } from '../../src/rules/ownership.ts'
import type { ForwarderModel, RulesModel } from '../../src/rules/model.ts'
import { CaptureRouter } from '../support/capture.ts'
import { latinRules } from '../support/latin-rules.ts'
import { limited, luck, PlainLimits } from '../support/plain-limits.ts'
import { events, labelsOf, rules, sources } from '../support/rules-arbitrary.ts'

const KEY = 'a key that only this test knows'
const named = ['a', 'b'].map((name, n) => ({ name, site: null, streams: sources[n]?.streams ?? null }))
const env = { listeners: [], sources: named }
const cases = rules
  .chain((own) => fc.oneof(fc.constant(own), limited(own)))
  .chain((own) =>
    fc.tuple(fc.constant(own), fc.array(events(own, labelsOf(own)), { minLength: 1, maxLength: 20 }), luck),
  )

/** Every forwarder's model by `tenant/name`. */
function forwardersOf(own: RulesModel) {
  return new Map([
    ...own.tenants.flatMap(({ name, forwarders }) =>
      forwarders.map((one) => [`${name}/${one.name}`, one] as const),
    ),
    ...own.provider.map((one) => [`provider/${one.name}`, one] as const),
  ])
}

test('an event goes to whom the rules say, to all of them but what limits drop, to no other tenant, and with the bytes that they say', () => {
  let owned = 0
  let changed = 0
  let copied = 0
  const dropped = new Map<string, number>()
  fc.assert(
    fc.property(cases, ([own, made, { chance, steps }]) => {
      const { plan } = compileRules(own, 1, { forwarders_per_tenant: 10 })
      if (plan === undefined) return
      const router = new CaptureRouter(plan, { sources: named, env, key: KEY, random: () => chance })
      const models = forwardersOf(own) as ReadonlyMap<string, ForwarderModel>
      const plainRules = latinRules(own)
      const ownership = ownershipOf(plan, named)
      const limits = new PlainLimits(own, chance)
      // Which tenants see a copy, and so have one of their rate less, is not said by who gets one.
      const exact = (own.shared ?? []).length === 0
      let now = 0
      for (const [n, { view, plain, frame }] of made.entries()) {
        now += steps[n % steps.length] ?? 0
        const owner = router.route(view, now)
        const tenant = owner > 0 ? (plan.owners[owner]?.tenant ?? -1) : -1
        const group = plan.owners[owner]?.data_center_group?.id
        const copies =
          owner > 0 && group !== undefined
            ? interpretCopies(plainRules, plain, plan.tenants[tenant]?.name ?? '', group)
            : []
        const own_only = interpretEvent(plainRules, plain)
        const expected = { ...own_only, forwarders: [...own_only.forwarders, ...copies].toSorted() }
        const reason = owner > 0 ? plan.owners[owner]?.reason : orphanReason(owner)
        expect([plan.tenants[tenant]?.name ?? null, reason]).toEqual([expected.tenant, expected.reason])
        const lost = router.dropped.map((one) => one.slice(0, one.indexOf(':')))
        expect([...router.taken.map(({ key }) => key), ...lost].toSorted()).toEqual(expected.forwarders)
        if (exact) {
          const as = expected.tenant === null ? [] : [expected.tenant]
          expect(router.dropped.toSorted()).toEqual(limits.dropped(as, expected.forwarders, now))
        }
        for (const one of router.dropped) {
          const reason = one.slice(one.indexOf(' ') + 1)
          dropped.set(reason, (dropped.get(reason) ?? 0) + 1)
        }
        for (const { key, bytes, owner: said } of router.taken) {
          const to = key.slice(0, key.indexOf('/'))
          if (copies.includes(key)) {
            // Nothing of the group's owner goes with the copy but the group itself.
            expect(plan.tenants[plan.owners[said]?.tenant ?? -1]?.name).toBe(to)
            expect(plan.owners[said]?.data_center_group?.id).toBe(group)
            copied += 1
          } else {
            expect([expected.tenant, 'provider']).toContain(to)
            expect(said).toBe(Math.max(0, owner))
          }
          const edit = models.get(key)?.edit ?? null
          const text = edit === null ? frame.bytes : interpretEdit(edit, frame, KEY)
          expect(bytes.toString('latin1')).toBe(text)
          if (text !== frame.bytes) changed += 1
        }
        if (tenant >= 0) owned += 1
        const told = explainEvent(view, { plan, ownership, conditions: router.conditions, env })
        const forwarded = told.forwarders.filter(({ decision }) => decision === 'forward')
        expect(forwarded.map(({ tenant: of, forwarder }) => `${of}/${forwarder}`).toSorted()).toEqual(
          expected.forwarders,
        )
      }
    }),
    { numRuns: 2500 },
  )
  expect(owned).toBeGreaterThan(300)
  expect(changed).toBeGreaterThan(300)
  expect(copied).toBeGreaterThan(3)
  for (const [reason, least] of [
    ['sampled', 200],
    ['forwarder_rate', 100],
    ['tenant_rate', 3],
  ] as const)
    expect(dropped.get(reason), reason).toBeGreaterThan(least)
})
