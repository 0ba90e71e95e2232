/** Does a rule set as operators write it send every event to exactly those whom it names by its plain meaning, and with those bytes? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { compileRules } from '../../src/rules/compile.ts'
import type { RulesModel } from '../../src/rules/model.ts'
import { readRules } from '../../src/rules/read.ts'
import { CaptureRouter } from '../support/capture.ts'
import { Reader } from '../support/classify.ts'
import { luck, PlainLimits } from '../support/plain-limits.ts'
import {
  event,
  filesOf,
  holds,
  lineOf,
  ownerOf,
  type PlainForwarder,
  plainRules,
  textOf,
  type WrittenRules,
  writtenRules,
} from '../support/written-rules.ts'

const LIMITS = { forwarders_per_tenant: 10, file_max: 8 * 2 ** 20 }
const FOLDER = '/rules'

function planOf(rules: WrittenRules): NonNullable<ReturnType<typeof compileRules>['plan']> {
  const files = filesOf(rules).map((file, n) => ({ path: `${FOLDER}/${n}.yaml`, text: stringify(file) }))
  const { model, findings } = readRules(FOLDER, LIMITS, {}, files)
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])
  if (model === undefined) throw new Error('no model')
  const { plan, findings: more } = compileRules(model, 1, LIMITS)
  expect(more.filter(({ level }) => level === 'error')).toEqual([])
  if (plan === undefined) throw new Error('no plan')
  return plan
}

test('templates, parameters, defaults, named conditions, limits: everybody gets what is theirs, and nothing else', () => {
  const seen = { delivered: 0, owned: 0, changed: 0, templated: 0, dropped: new Map<string, number>() }
  const made = fc.tuple(writtenRules, fc.array(event, { minLength: 1, maxLength: 40, size: 'max' }), luck)
  fc.assert(
    fc.property(made, ([rules, events, { chance, steps }]) => {
      const plan = planOf(rules)
      const plain = plainRules(rules)
      const limits = new PlainLimits(plain as unknown as RulesModel, chance)
      const router = new CaptureRouter(plan, {
        sources: [],
        env: { listeners: [], sources: [] },
        random: () => chance,
      })
      const reader = new Reader(plan.streams)
      let now = 0
      for (const [n, one] of events.entries()) {
        now += steps[n % steps.length] ?? 0
        router.route(reader.read(lineOf(one)), now)
        const owner = ownerOf(one, plain.tenants.length)
        const takes = ({ keys }: PlainForwarder): boolean =>
          keys['where'] === undefined || holds(keys['where'], one, rules)
        const own = plain.tenants.find(({ name }) => name === owner)?.forwarders.filter(takes) ?? []
        const scope = owner === null ? 'orphans' : 'owned'
        const all = new Map<string, PlainForwarder>([
          ...own.map((forwarder) => [`${owner}/${forwarder.name}`, forwarder] as const),
          ...plain.provider
            .filter(
              (forwarder) => (forwarder.scope === 'all' || forwarder.scope === scope) && takes(forwarder),
            )
            .map((forwarder) => [`provider/${forwarder.name}`, forwarder] as const),
        ])
        const keys = [...all.keys()].toSorted()
        const dropped = limits.dropped(owner === null ? [] : [owner], keys, now)
        expect(router.dropped.toSorted()).toEqual(dropped)
        const lost = dropped.map((key) => key.slice(0, key.indexOf(':')))
        expect(router.taken.map(({ key }) => key).toSorted()).toEqual(
          keys.filter((key) => !lost.includes(key)),
        )
        for (const { key, bytes } of router.taken) {
          const text = bytes.toString('latin1').replace(/ host-[\da-f]{8} /, ' host-######## ')
          expect(text).toBe(textOf(one, all.get(key)?.keys ?? {}))
          seen.delivered += 1
          if (text !== lineOf(one)) seen.changed += 1
          if (key.endsWith('/a') || key.endsWith('/b')) seen.templated += 1
        }
        if (owner !== null) seen.owned += 1
        for (const key of dropped) {
          const reason = key.slice(key.indexOf(' ') + 1)
          seen.dropped.set(reason, (seen.dropped.get(reason) ?? 0) + 1)
        }
      }
    }),
    { numRuns: 120 },
  )
  expect(seen.owned).toBeGreaterThan(300)
  expect(seen.delivered).toBeGreaterThan(500)
  expect(seen.changed).toBeGreaterThan(300)
  expect(seen.templated).toBeGreaterThan(50)
  for (const reason of ['sampled', 'forwarder_rate', 'tenant_rate'])
    expect(seen.dropped.get(reason) ?? 0, reason).toBeGreaterThan(20)
})
