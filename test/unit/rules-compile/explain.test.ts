import { expect, test } from 'vitest'
import { EventFlag } from '../../../src/classify/view.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { ConditionSet } from '../../../src/rules/conditions.ts'
import { explainEvent } from '../../../src/rules/explain.ts'
import { LabelTable } from '../../../src/rules/label-table.ts'
import { Ownership, sourceStreams } from '../../../src/rules/ownership.ts'
import type { Condition } from '../../../src/rules/plan.ts'
import { forwarder, idName, model, tenant, uuid } from '../../support/model.ts'
import { makeView } from '../../support/view.ts'

const drops: Condition = { op: 'equals', field: 'firewall.action', values: ['DROP', 'REJECT'] }
const web: Condition = {
  op: 'between',
  field: 'firewall.port',
  ranges: [
    [80, 80],
    [8000, 8099],
  ],
}
const inner: Condition = { op: 'network', field: 'firewall.source_ip', networks: ['10.0.0.0/8'] }
const rules = model(
  [
    tenant('acme', {
      labels: ['ACME'],
      data_center_groups: [idName(uuid(1), 'group')],
      forwarders: [
        forwarder('siem', { where: drops }),
        forwarder('web', { where: { op: 'all', of: [inner, web] } }),
        forwarder('not', { where: { op: 'not', of: drops } }),
        forwarder('file'),
      ],
    }),
    tenant('globex', { labels: ['GLOBEX'], forwarders: [forwarder('siem')] }),
  ],
  {
    provider: [
      forwarder('cloud', { scope: 'all' }),
      forwarder('orphans', { scope: 'orphans' }),
      forwarder('owned', { scope: 'owned', where: { op: 'exists', field: 'firewall.close', present: true } }),
    ],
  },
)
const { plan } = compileRules(rules, 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const env = { listeners: [], sources: [] }
const explainer = {
  plan,
  env,
  ownership: new Ownership(plan, new LabelTable(plan.labels), sourceStreams(plan, [])),
  conditions: new ConditionSet(plan, env),
}
const dfw = plan.streams.findIndex(({ name }) => name === 'nsxt.dfw')
const fw = { action: 'PASS', source_ip: '11.1.1.1', source_port: '50000', destination_port: '8080' }
const told = (view: ReturnType<typeof makeView>, trusted?: boolean) => {
  const { forwarders, ...rest } = explainEvent(view, explainer, trusted === undefined ? {} : { trusted })
  return {
    ...rest,
    forwarders: forwarders.map(
      ({ tenant: of, forwarder: name, decision, because }) => `${of}/${name} ${decision}: ${because}`,
    ),
  }
}

test('an owned event', () => {
  expect(told(makeView({ stream: dfw, label: 'ACME', fw }))).toEqual({
    stream: 'nsxt.dfw',
    label: 'ACME',
    tenant: 'acme',
    reason: 'literal',
    forwarders: [
      'acme/siem skip: where.action: PASS is not one of DROP, REJECT',
      'acme/web skip: where.source_ip: 11.1.1.1 is not in 10.0.0.0/8',
      'acme/not forward: not: where.action: PASS is not one of DROP, REJECT',
      "acme/file forward: the event is acme's by literal, no where",
      "globex/siem skip: the event is acme's",
      'provider/cloud forward: scope: all, no where',
      "provider/orphans skip: scope: orphans, and the event is acme's",
      'provider/owned skip: where.close: is absent',
    ],
  })
})

test('values that hold are named, too', () => {
  const { reason, forwarders } = told(
    makeView({
      stream: dfw,
      label: `x${uuid(1).slice(0, 27)}`,
      fw: { ...fw, source_ip: '10.1.1.1', close: 'FIN' },
    }),
  )
  expect(reason).toBe('label')
  expect(forwarders[1]).toBe(
    'acme/web forward: where.source_ip: 10.1.1.1 is in 10.0.0.0/8; where.port: 50000 and 8080 is in one of 80, 8000-8099',
  )
  expect(forwarders.at(-1)).toBe('provider/owned forward: where.close: is there (FIN)')
})

test.each([
  ['no_label', makeView({ stream: dfw })],
  ['unknown_label', makeView({ stream: dfw, label: 'who' })],
  ['untrusted_source', makeView({ stream: dfw, label: 'ACME', flags: EventFlag.invalid })],
] as const)('an orphan: %s', (reason, view) => {
  const { tenant: owner, forwarders, ...rest } = told(view)
  expect([owner, rest.reason]).toEqual([null, reason])
  expect(forwarders.filter((text) => text.includes(' forward'))).toEqual([
    'provider/cloud forward: scope: all, no where',
    `provider/orphans forward: scope: orphans, ${reason}, no where`,
  ])
  expect(forwarders[0]).toBe(`acme/siem skip: nobody owns the event: ${reason}`)
})

test('the caller may say that the source is not trusted', () => {
  expect(told(makeView({ stream: dfw, label: 'ACME' }), false)).toMatchObject({
    tenant: null,
    reason: 'untrusted_source',
  })
})

test('other tenants can be left out', () => {
  const { forwarders } = explainEvent(makeView({ stream: dfw, label: 'ACME' }), explainer, { others: false })
  expect(forwarders.map(({ tenant: of }) => of)).not.toContain('globex')
})
