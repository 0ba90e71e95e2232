/** What becomes of Log Insight's forwarders, and what of them is refused rather than widened? */
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { importLogInsight } from '../../../src/import/log-insight.ts'
import { OwnerTexts } from '../../../src/import/owners.ts'
import { rulesOf } from '../../support/findings.ts'

const VDC = '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'
const VDC2 = '6b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'
const GROUP = '7d0c91f2-3e5a-4c1b-9d2e-0a1b2c3d4e5f'
const GATEWAY = '5c1f2d3e-4a5b-4c6d-8e7f-102132435465'
const ACME = 'a93c3d5e-1111-4222-8333-944455556666'
const GLOBEX = 'b93c3d5e-1111-4222-8333-944455556666'
const OTHER = '8d0c91f2-3e5a-4c1b-9d2e-0a1b2c3d4e5f'

const INVENTORY = `version: 1
inventory: { source: "https://vcd.example.com" }
tenants:
  - name: acme
    org: { id: ${ACME}, name: ACME }
    org_vdcs: [{ name: acme-prod, id: ${VDC} }, { name: acme-test, id: ${VDC2} }]
    data_center_groups: [{ name: acme-dcg, id: ${GROUP} }]
    gateways: [{ name: acme-gw1, id: ${GATEWAY}, owner: ${GROUP} }]
  - name: globex
    org: { id: ${GLOBEX} }
    data_center_groups: [{ name: globex, id: ${OTHER} }]
`

const BASE = {
  name: 'Acme SIEM',
  host: '10.0.2.29',
  port: 6514,
  protocol: 'SYSLOG',
  transportProtocol: 'TCP',
  sslEnabled: true,
  acceptCert: false,
  diskCacheSize: 104857600,
  filter: `text=~"*${VDC}*"`,
}

function owners(): OwnerTexts {
  const { model } = rulesOf(INVENTORY).read
  if (model === undefined) throw new Error('no model')
  return new OwnerTexts(model)
}

function carried(changes: object, known: OwnerTexts | null = owners()) {
  const made = importLogInsight([{ ...BASE, ...changes }], known)
  return { rules: parse(made.yaml) as { tenants?: never[]; provider?: { forwarders: never[] } }, ...made }
}

test('a filter on a UUID becomes ownership of the object, in the tenant that owns it', () => {
  const { rules, not_carried, yaml } = carried({})
  expect(rules.tenants).toEqual([
    {
      name: 'acme',
      org: { id: ACME },
      forwarders: [
        {
          name: 'Acme-SIEM',
          to: 'tls://10.0.2.29:6514',
          framing: 'newline',
          queue: { disk_max: '104857600B' },
          where: { 'owner.org_vdc.id': VDC },
        },
      ],
    },
  ])
  expect(not_carried).toEqual(['Acme SIEM: the new header of `SYSLOG`: lines are sent as they came'])
  expect(
    rulesOf({ 'inventory.yaml': INVENTORY, 'imported.yaml': yaml }).lines.filter((line) =>
      line.includes('error'),
    ),
  ).toEqual([])
})

test.each([
  ['a label of a group', `text=~"*acme-${GROUP.slice(0, 27)}*"`, { 'owner.data_center_group.id': GROUP }],
  ['27 characters of a group', `text=~"*${GROUP.slice(0, 27)}*"`, { 'owner.data_center_group.id': GROUP }],
  ['a label of a gateway', `text=~"*${GROUP.slice(0, 10)}acme-5c1f2"`, { 'owner.gateway.id': GATEWAY }],
  ['ten characters of an Org VDC', `text=~"*${VDC.slice(0, 10)}*"`, { 'owner.org_vdc.id': VDC }],
  [
    'two objects of one tenant',
    `text=~"${VDC}","${GROUP}"`,
    { any: [{ 'owner.org_vdc.id': VDC }, { 'owner.data_center_group.id': GROUP }] },
  ],
  ['two Org VDCs', `text=~"${VDC}","${VDC2}"`, { 'owner.org_vdc.id': [VDC, VDC2] }],
  ['the whole organisation', `text=~"${ACME}"`, undefined],
  [
    'more rows',
    `text=~"*${VDC}*" and hostname=~"esx*" and text!~"*PASS*"`,
    {
      all: [
        { 'owner.org_vdc.id': VDC },
        { hostname: { starts_with: 'esx' } },
        { not: { message: { contains: 'PASS' } } },
      ],
    },
  ],
  [
    'all but a group',
    `text=~"${ACME}" and text!~"*${GROUP}*"`,
    { not: { 'owner.data_center_group.id': GROUP } },
  ],
])('%s', (_, filter, where) => {
  const { rules } = carried({ filter })
  const [tenant] = rules.tenants ?? []
  expect(tenant).toMatchObject({
    name: 'acme',
    forwarders: [where === undefined ? { name: 'Acme-SIEM' } : { where }],
  })
})

test.each([
  ['two tenants', `text=~"${GROUP}","${OTHER}"`, 'its filter names objects of two tenants'],
  ['two rows of objects', `text=~"${VDC}" and text=~"${GROUP}"`, 'two rows of its filter name objects'],
  [
    'an object or a text',
    `text=~"${VDC}","anything"`,
    'its filter has both an object of a tenant and other text in one row',
  ],
  [
    'an object that the inventory does not know',
    `text=~"${VDC.replace('5b', '9f')}"`,
    'its filter fits objects of two tenants, or a contested one',
  ],
  [
    'a field that events do not have',
    'vmw_cluster=~"c1"',
    'events have no field `vmw_cluster` that it filters on',
  ],
  ['what is no filter', 'text=~"a" or text=~"b"', 'its filter is not understood'],
  ['half of one', 'text=~"a', 'its filter is not understood'],
])('is not carried, and never widened: %s', (_, filter, why) => {
  const { forwarders, not_carried } = carried({ filter })
  expect(forwarders).toBe(0)
  expect(not_carried.join('\n')).toContain(why)
})

test('without a filter on an object it is the provider’s, and that is said', () => {
  const { rules, not_carried } = carried({
    filter: 'text=~"*acme*"',
    protocol: 'RAW',
    sslEnabled: false,
    transportProtocol: 'TCP_OCTET',
  })
  expect(rules.provider?.forwarders).toEqual([
    {
      name: 'Acme-SIEM',
      to: 'tcp://10.0.2.29:6514',
      framing: 'octet-counting',
      queue: { disk_max: '104857600B' },
      where: { message: { contains: 'acme' } },
    },
  ])
  expect(not_carried.join('\n')).toContain('it is a forwarder of the provider')
  expect(not_carried.join('\n')).toContain('whoever can write that text gets there')
})

test('CFAPI with tags, and what cannot be carried of it', () => {
  const cfapi = {
    protocol: 'cfapi',
    port: 9543,
    tags: { site: 'fra1' },
    acceptCert: true,
    workerCount: 8,
    forwardComplementaryFields: true,
    color: 1,
  }
  const { rules, not_carried, yaml } = carried(cfapi)
  expect(rules.tenants?.[0]).toMatchObject({
    forwarders: [{ type: 'cfapi', to: 'https://10.0.2.29:9543', tags: { site: 'fra1' } }],
  })
  for (const what of ['acceptCert', 'workerCount', 'forwardComplementaryFields', '`color`: unknown'])
    expect(not_carried.join('\n')).toContain(what)
  expect(yaml).toContain('# What could not be carried:\n#   Acme SIEM:')
  expect(
    rulesOf({ 'inventory.yaml': INVENTORY, 'imported.yaml': yaml }).lines.filter((line) =>
      line.includes('error'),
    ),
  ).toEqual([])
})

test('without an inventory a label becomes the tenant’s own, by position, and is to be checked', () => {
  const { rules, not_carried } = carried({}, null)
  expect(rules.tenants).toMatchObject([
    { name: 'Acme-SIEM', labels: [VDC], forwarders: [{ name: 'Acme-SIEM' }] },
  ])
  expect(not_carried.join('\n')).toContain('check it, or import with `--inventory`')
})

test('names that meet get numbers, whole answers and single forwarders are taken, other things are refused', () => {
  const two = importLogInsight({ forwarders: [BASE, { ...BASE, host: '10.0.2.30' }] }, owners())
  expect(two.yaml).toContain('name: Acme-SIEM-2')
  expect(importLogInsight(BASE, owners()).forwarders).toBe(1)
  expect(
    importLogInsight(
      [
        { ...BASE, host: 'x y' },
        { ...BASE, protocol: 'X25' },
        { ...BASE, constraints: {} },
        { ...BASE, enabled: false },
      ],
      owners(),
    ),
  ).toMatchObject({ forwarders: 0 })
  for (const wrong of [null, 1, 'x', {}, { a: [], b: [] }])
    expect(() => importLogInsight(wrong, null)).toThrow('no list of forwarders')
})

test('a hostile name stays on its line of the list', () => {
  const { yaml } = carried({ name: 'x\ntenants: []\n#', filter: 'broken' })
  expect(yaml.split('\n').filter((line) => line.startsWith('tenants'))).toEqual([])
})
