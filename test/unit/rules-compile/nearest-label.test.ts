/** Does an operator see at once how an unknown label differs from what the rules know? */
import { expect, test } from 'vitest'
import { compileRules } from '../../../src/rules/compile.ts'
import { labelDifference } from '../../../src/rules/label-difference.ts'
import { nearestLabels } from '../../../src/rules/nearest-label.ts'
import { gateway, idName, model, tenant, uuid } from '../../support/model.ts'

const GROUP = '7d0cae11-2222-4333-8444-5555666677aa'
const VDC = '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'
const id = GROUP.slice(0, 27)

const tenants = [
  tenant('acme', {
    org_vdcs: [idName(VDC, 'acme-prod')],
    data_center_groups: [idName(GROUP, 'acme-dcg')],
    gateways: [gateway(uuid(5), 'acme-gw1', VDC)],
    labels: ['ACME-Legacy'],
  }),
  ...Array.from({ length: 40 }, (_, n) =>
    tenant(`t${n}`, { data_center_groups: [idName(uuid(n + 100), `group${n}`)] }),
  ),
]
const { plan } = compileRules(model(tenants), 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const DFW = plan.streams.findIndex(({ name }) => name === 'nsxt.dfw')
const GATEWAY = plan.streams.findIndex(({ name }) => name === 'nsxt.gateway')

test.each([
  ['another digit', `acme-${id.slice(0, -1)}0`, 'acme Data Center Group acme-dcg vcd.dfw part'],
  ['the id first', `${id}-acme-`, 'acme Data Center Group acme-dcg vcd.dfw place'],
  ['more of the id', `acme-${GROUP}`, 'acme Data Center Group acme-dcg vcd.dfw longer'],
  ['less of the id', `acme-${GROUP.slice(0, 20)}`, 'acme Data Center Group acme-dcg vcd.dfw cut'],
  ['another separator', `acme-.${id}`, 'acme Data Center Group acme-dcg vcd.dfw separators'],
  ['a literal in another case', 'ACME-LEGACY', 'acme null literal case'],
  [
    'the label of another of many',
    `group${uuid(117).slice(0, 26)}z`,
    't17 Data Center Group group17 vcd.dfw part',
  ],
])('%s', (_, label, expected) => {
  const [nearest] = nearestLabels(plan, DFW, [label])
  expect(`${nearest?.tenant} ${nearest?.object} ${nearest?.by} ${nearest?.differs.kind}`).toBe(expected)
})

test('only labels of the stream’s formats are near, and nothing is near to chance', () => {
  const composed = `${VDC.slice(0, 10)}acme-${uuid(5).slice(0, 4)}z`
  const [here] = nearestLabels(plan, GATEWAY, [composed])
  expect(here).toMatchObject({ tenant: 'acme', object: 'gateway acme-gw1', by: 'vcd.gateway' })
  const [there] = nearestLabels(plan, DFW, [composed])
  expect(there?.by).not.toBe('vcd.gateway')
  expect(nearestLabels(plan, DFW, ['zz', 'qqqqqqqqqqqq', ''])).toEqual([null, null, null])
})

test('more labels than are walked together, some twice, and asked again', () => {
  const labels = Array.from({ length: 100 }, (_, n) => `group${uuid(100 + (n % 40)).slice(0, 26)}z`)
  const first = nearestLabels(plan, DFW, labels)
  expect(first.map((nearest) => nearest?.tenant)).toEqual(labels.map((_, n) => `t${n % 40}`))
  expect(nearestLabels(plan, DFW, labels)).toEqual(first)
})

test.each([
  ['ABC', 'abc', 'differs in capital letters only'],
  [
    'acme7d0c',
    'acme-7d0c',
    'differs in separators or hyphens only: nothing behind "acme" where the known one has "-"',
  ],
  [
    'acme_7d0c',
    'acme-7d0c',
    'differs in separators or hyphens only: "_" behind "acme" where the known one has "-"',
  ],
  [
    '-acme',
    'acme',
    'differs in separators or hyphens only: "-" at its beginning where the known one has nothing',
  ],
  ['acme-7d0', 'acme-7d0c', 'has only the first 8 characters of 9 characters'],
  ['acme-7d0cXY', 'acme-7d0c', 'has "XY" behind it'],
  ['XYacme-7d0c', 'acme-7d0c', 'has "XY" before it'],
  [
    'acme-XX-7d0c',
    'acme-YYY-7d0c',
    'has "XX" instead of "YYY"; the first 5 and the last 5 characters are the same',
  ],
  ['acme--7d0cae', 'acme-x-7d0cae', 'lacks "x"; the first 5 and the last 7 characters are the same'],
  ['7d0cae11-acme', 'acme-7d0cae11', 'has "7d0cae11" at the beginning, the known one behind 5 characters'],
  ['abcdef', 'uvwxyz', 'has hardly anything in common with it'],
])('%s and %s', (label, known, text) => expect(labelDifference(label, known).text).toBe(text))
