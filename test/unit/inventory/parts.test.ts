/** The pieces of a pull that strangers' words go through: versions, links, names, texts of files. */
import { expect, test } from 'vitest'
import { nextOf } from '../../../src/inventory/collection.ts'
import { TenantNames } from '../../../src/inventory/names.ts'
import { chooseVersion } from '../../../src/inventory/session.ts'
import { tenantText } from '../../../src/inventory/text.ts'
import type { KeptTenant } from '../../../src/inventory/types.ts'
import { rulesOf } from '../../support/findings.ts'
import { uuidOf } from '../../support/vcd.ts'

function versions(...list: readonly [string, boolean][]): string {
  return list
    .map(
      ([version, deprecated]) =>
        `<VersionInfo deprecated="${deprecated}"><Version>${version}</Version></VersionInfo>`,
    )
    .join('\n')
}

test.each([
  ['the highest that is not deprecated', versions(['36.3', false], ['38.1', false], ['39.0', true]), '38.1'],
  ['numbers, not texts', versions(['37.9', false], ['37.10', false]), '37.10'],
  ['a deprecated one where there is no other', versions(['37.0', true], ['35.0', false]), '37.0'],
  ['none that is not known', versions(['99.0', false], ['38.0.0-alpha', false], ['37.0', false]), '37.0'],
])('of the versions of a server it takes %s', (_, xml, version) => {
  expect(chooseVersion(xml, 'vcd')).toBe(version)
})

test.each([versions(['35.0', false]), '', 'no xml', '<VersionInfo'.repeat(5000)])(
  'a server without a known version is refused',
  (xml) => {
    expect(() => chooseVersion(xml, 'vcd')).toThrow('no version of its API is known here')
  },
)

test.each([
  [
    '<https://vcd/cloudapi/1.0.0/orgs?page=2&pageSize=128>;rel="nextPage";type="application/json"',
    '?page=2&pageSize=128',
  ],
  [
    '<https://vcd/cloudapi/1.0.0/orgs?page=1>;rel="firstPage", <https://other/cloudapi/1.0.0/orgs?cursor=x>; rel="nextPage"',
    '?cursor=x',
  ],
  ['<https://vcd/cloudapi/1.0.0/vdcs?page=2>;rel="nextPage"', undefined],
  ['<https://vcd/cloudapi/1.0.0/orgs?page=2>;rel="lastPage"', undefined],
  ['<', undefined],
  ['<http://[>;rel="nextPage"', undefined],
  [undefined, undefined],
])(
  'of links only the next page of the same collection is followed, and never to another host: %s',
  (link, query) => {
    expect(nextOf(link, 'orgs')).toBe(query === undefined ? undefined : `/cloudapi/1.0.0/orgs${query}`)
  },
)

test('names: the organisation’s where it is free and may be one, else with its id', () => {
  const names = new TenantNames()
  const of = (n: number, name: string): string => names.choose({ id: uuidOf(0, n), name })
  expect(of(1, 'ACME')).toBe('ACME')
  expect(of(2, 'acme')).toBe(`acme-${uuidOf(0, 2).slice(0, 8)}`)
  expect(of(3, 'Grüße & Co.')).toBe('Gr-e-Co')
  expect(of(4, '../../etc/passwd')).toBe('etc-passwd')
  expect(of(5, 'provider')).toBe(`provider-${uuidOf(0, 5).slice(0, 8)}`)
  expect(of(6, '日本')).toBe(`org-${uuidOf(0, 6).slice(0, 8)}`)
  expect(of(7, 'x'.repeat(200)).length).toBeLessThanOrEqual(64)
  expect(of(8, 'x'.repeat(200)).length).toBeLessThanOrEqual(64)
})

test.each([
  'a: b',
  '"quoted"',
  "it's",
  '${tenant}',
  '- x',
  '# x',
  '{ env: HOME }',
  '*',
  'ä\u2028ö',
  '\\n',
  '!!js',
  ' lead',
  'true',
  '~',
  '\ud800',
])('a file says the name %j as it is, whatever it means in YAML', (name) => {
  const object = { id: uuidOf(1, 1), name, contested: false, gone_since: null }
  const tenant: KeptTenant = {
    name: 't',
    org: { id: uuidOf(0, 1), name },
    gone: null,
    org_vdcs: [object],
    data_center_groups: [{ ...object, id: uuidOf(2, 1), participants: [uuidOf(0, 2)] }],
    gateways: [
      {
        ...object,
        id: uuidOf(3, 1),
        owner: uuidOf(1, 1),
        former: [{ owner: uuidOf(2, 1), since: '2026-01-02T03:04:05Z' }],
      },
    ],
  }
  const { read, lines } = rulesOf(tenantText(tenant, 'https://vcd.example.com'))
  expect(lines).toEqual([])
  expect(read.model?.tenants[0]).toMatchObject({
    org: { name },
    org_vdcs: [{ name }],
    data_center_groups: [{ name, participants: [uuidOf(0, 2)] }],
    gateways: [{ name, owner: uuidOf(1, 1), former: [uuidOf(2, 1)] }],
  })
})
