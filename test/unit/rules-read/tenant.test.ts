import { expect, test } from 'vitest'
import { parseId } from '../../../src/rules/read-ids.ts'
import { rulesOf } from '../../support/findings.ts'

const UUID = '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'

test.each([
  [UUID, 'org'],
  [UUID.toUpperCase(), 'org'],
  [UUID.replaceAll('-', ''), 'gateway'],
  [` ${UUID} `, 'org_vdc'],
  [`urn:vcloud:org:${UUID}`, 'org'],
  [`URN:VCLOUD:vdc:${UUID}`, 'org_vdc'],
  [`urn:vcloud:vdcGroup:${UUID}`, 'data_center_group'],
  [`urn:vcloud:gateway:${UUID}`, 'gateway'],
] as const)('%s is an id of %s', (text, kind) => {
  expect(parseId(text, kind)).toEqual({ id: UUID })
})

test('a tenant with everything, in places and bare ids', () => {
  const { folder, read, lines } = rulesOf(`version: 1
tenants:
  - name: acme
    org: { id: "urn:vcloud:org:a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10", name: ACME }
    org_vdcs: [{ name: prod, id: ${UUID} }]
    data_center_groups: [{ name: dcg, id: 7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e }]
    gateways:
      - { name: by-name, id: 11111111-4b5a-4697-8876-655443322110, owner: dcg }
      - { name: by-id, id: 22222222-4b5a-4697-8876-655443322110, owner: ${UUID.toUpperCase()} }
      - { name: by-urn, id: 33333333-4b5a-4697-8876-655443322110, owner: "urn:vcloud:vdcGroup:7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e" }
    nsx_projects: []
    rule_ids: []
    labels: [" ACME-LEGACY "]
    rate_max: 20000
    forwarders: [{ name: a, to: "udp://10.0.0.1" }]
`)
  expect(lines).toEqual([])
  const tenant = read.model?.tenants[0]
  expect(tenant).toMatchObject({
    place: { file: `${folder}/a.yaml`, line: 3, column: 5 },
    name: 'acme',
    org: { place: { line: 4, column: 10 }, id: 'a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10', name: 'ACME' },
    org_vdcs: [{ place: { line: 5 }, id: UUID, name: 'prod' }],
    labels: [{ place: { line: 13, column: 14 }, text: 'ACME-LEGACY' }],
    rate_max: 20_000,
  })
  expect(tenant?.gateways.map(({ owner }) => owner)).toEqual([
    '7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e',
    UUID,
    '7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e',
  ])
})

test('a tenant with little has nulls and empty lists', () => {
  const { read } = rulesOf('version: 1\ntenants: [{ name: acme }]\n')
  expect(read.model?.tenants[0]).toMatchObject({
    org: null,
    org_vdcs: [],
    data_center_groups: [],
    gateways: [],
    labels: [],
    rate_max: null,
    forwarders: [],
  })
})

test('a limit of forwarders comes from the settings', () => {
  const rules =
    'version: 1\ntenants: [{ name: acme, forwarders: [{ name: a, to: "udp://10.0.0.1" }, { name: b, to: "udp://10.0.0.1" }] }]\n'
  expect(rulesOf(rules, {}, { forwarders_per_tenant: 2, file_max: 4096 }).lines).toEqual([])
  expect(rulesOf(rules, {}, { forwarders_per_tenant: 1, file_max: 4096 }).lines).toEqual([
    'a.yaml:2:73: error: tenants[0].forwarders[1]: tenant "acme" has 2 forwarders, at most 1 are allowed (`limits.forwarders_per_tenant`) | remove some or raise the limit',
  ])
})

test('anchors of one file are shared, with the places of where they are used', () => {
  const { read, lines } = rulesOf(`version: 1
tenants:
  - name: acme
    forwarders: &both [{ name: a, to: "udp://10.0.0.1" }]
  - name: globex
    forwarders: *both
`)
  expect(lines).toEqual([])
  expect(read.model?.tenants.map(({ forwarders }) => forwarders.length)).toEqual([1, 1])
})

test('two tenants of one organisation are pointed out', () => {
  const { lines } = rulesOf(`version: 1
tenants:
  - { name: a, org: { id: ${UUID} }, forwarders: [{ name: a, to: "udp://10.0.0.1" }] }
  - { name: b, org: { id: ${UUID} }, forwarders: [{ name: a, to: "udp://10.0.0.1" }] }
`)
  expect(lines).toEqual([
    'a.yaml:4:27: warning: tenants[1].org.id: tenant a at a.yaml:3 has the same organisation',
  ])
})
