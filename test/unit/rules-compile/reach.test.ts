/** Are conditions that never hold, and forwarders that nothing reaches, told, and only those? */
import { expect, test } from 'vitest'
import { checkReach } from '../../../src/rules/check-reach.ts'
import { lines, rulesOf } from '../../support/findings.ts'

function reach(rules: string, streams?: readonly string[]): string[] {
  const { read, folder, lines: found } = rulesOf(`version: 1\n${rules}`)
  if (read.model === undefined) throw new Error(found.join('\n'))
  return lines(checkReach(read.model, streams === undefined ? [] : [{ streams }]), folder).map((line) =>
    line.replace(/ \| write `any`.*$/, ''),
  )
}

/** What is said of a forwarder of the provider with this condition. */
function where(condition: string, scope = 'all'): string[] {
  const text = `provider: { forwarders: [{ name: a, to: "udp://192.0.2.1", scope: ${scope}, where: ${condition} }] }`
  return reach(`${text}\ntenants: [{ name: t, labels: [T], forwarders: [] }]`).map((line) =>
    line.replace(/^.*: warning: forwarder "provider\/a": /, ''),
  )
}

test.each([
  ['{ action: DROP, all: [{ action: PASS }] }', 'action never is DROP and is PASS'],
  [
    '{ action: [DROP, REJECT], not: { action: [REJECT, DROP, PASS] } }',
    'action never is one of DROP, REJECT and is not one of DROP, PASS, REJECT',
  ],
  ['{ length: { gt: 100, lt: 50 } }', undefined],
  ['{ length: { gt: 100 }, all: [{ length: { lt: 50 } }] }', 'length never is 0-49 and is 101 or more'],
  ['{ length: "10-20", not: { length: "5-30" } }', 'length never is 10-20 and is not 5-30'],
  [
    '{ source_ip: 10.0.0.0/8, all: [{ source_ip: 192.168.0.0/16 }] }',
    'source_ip never is in 10.0.0.0/8 and is in 192.168.0.0/16',
  ],
  [
    '{ source_ip: 10.1.0.0/16, not: { source_ip: 10.0.0.0/8 } }',
    'source_ip never is in 10.1.0.0/16 and is not in 10.0.0.0/8',
  ],
  [
    '{ hostname: esx01, all: [{ hostname: { starts_with: edge } }] }',
    'hostname never is esx01 and starts with edge',
  ],
  [
    '{ hostname: { starts_with: esx }, all: [{ hostname: { starts_with: edge } }] }',
    'hostname never starts with edge and starts with esx',
  ],
  [
    '{ action: { exists: false }, rule_id: 3, all: [{ action: DROP }] }',
    'action never is DROP and is absent',
  ],
  ['{ stream: vcenter, action: DROP }', 'no event of vcenter has action'],
  ['{ stream: nsxt.dfw, esxi.user: root }', 'no event of nsxt.dfw has esxi.user'],
  ['{ action: DROP, esxi.user: root }', undefined],
  [
    '{ any: [{ action: DROP, not: { action: DROP } }, { stream: cf, rule_id: 3 }] }',
    'action never is DROP and is not DROP',
  ],
])('%s', (condition, why) => {
  const said = why === undefined ? [] : [`nothing can reach it: ${why}`]
  // What the reader itself refuses is not asked here.
  if (condition.includes('gt: 100, lt: 50')) expect(() => where(condition)).toThrow(/./)
  else expect(where(condition)).toEqual(said)
})

test.each([
  '{ action: [DROP, PASS], not: { action: PASS } }',
  '{ port: 443, all: [{ port: 50000 }] }',
  '{ address: 10.0.0.0/8, all: [{ address: 192.168.0.0/16 }] }',
  '{ structured_data.a@1.b: x, all: [{ structured_data.a@1.b: y }] }',
  '{ message: { contains: a }, all: [{ message: { contains: b } }], not: { message: { contains: c } } }',
  '{ not: { action: DROP }, all: [{ not: { action: PASS } }] }',
  '{ hostname: { starts_with: esx }, all: [{ hostname: { starts_with: esx01 } }] }',
  '{ any: [{ action: DROP }, { stream: vcenter }] }',
  '{ label: x, stream: nsxt.gateway }',
  '{ severity: { at_least: warning }, all: [{ severity: [error, notice] }] }',
])('%s may hold', (condition) => {
  expect(where(condition)).toEqual([])
})

test('one way of several that never holds is told by itself', () => {
  expect(where('{ stream: [vcenter, esxi], any: [{ action: DROP }, { hostname: a }] }')).toEqual([
    'one way of its `any` never holds: no event of vcenter, esxi has action',
  ])
})

test('what a scope rules out', () => {
  expect(where('{ tenant: t }', 'orphans')).toEqual(['nothing can reach it: tenant never is absent and is t'])
  expect(where('{ owner.by: { exists: false } }', 'owned')).toEqual([
    'nothing can reach it: owner.by never is there and is absent',
  ])
  expect(where('{ stream: esxi }', 'owned')).toEqual([
    'nothing can reach it: no event that it sees has a stream that is esxi',
  ])
})

const TENANT = (what: string, condition: string): string =>
  `tenants: [{ name: t, ${what}, forwarders: [{ name: a, to: "udp://192.0.2.1", where: ${condition} }] }, { name: u, labels: [U], forwarders: [] }]`

test('a tenant sees its own events only, in the streams by which they are known', () => {
  expect(reach(TENANT('labels: [T]', '{ tenant: u }'))[0]).toContain('tenant never is t and is u')
  expect(reach(TENANT('labels: [T]', '{ stream: [esxi, vcenter] }'))[0]).toMatch(
    /^a\.yaml:2:\d+: warning: forwarder "t\/a": nothing can reach it: no event that it sees has a stream that is one of esxi, vcenter$/,
  )
  const group = 'data_center_groups: [{ name: g, id: 7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e }]'
  expect(reach(TENANT(group, '{ stream: nsxv.dfw }'))).toHaveLength(1)
  expect(reach(TENANT(group, '{ stream: nsxt.dfw }'))).toEqual([])
  expect(reach(TENANT('nsx_projects: [p]', '{ stream: nsxt.manager }'))).toEqual([])
})

test('streams that no source may send reach nobody', () => {
  const rules = TENANT('labels: [T]', '{ action: DROP }')
  expect(reach(rules, ['esxi', 'nsxt.dfw'])).toEqual([])
  expect(reach(rules, ['esxi'])[0]).toContain(
    'tenant "t": nothing can reach its forwarders: no source may send',
  )
  expect(reach(TENANT('labels: [T]', '{ stream: nsxv.edge }'), ['nsxt.dfw'])[0]).toContain(
    'nothing can reach it',
  )
})

test('named conditions are looked at once, and a mistake of a template is told once', () => {
  const found = reach(`conditions: { never: { action: DROP, all: [{ action: PASS }] } }
templates: { s: { forwarders: [{ name: a, to: "udp://192.0.2.1", where: { stream: vcenter } }] } }
tenants:
  - { name: t, labels: [T], use: s }
  - { name: u, labels: [U], use: s }
provider: { forwarders: [{ name: a, to: "udp://192.0.2.1", where: { use: never } }] }
`)
  expect(found).toEqual([
    'a.yaml:2:15: warning: condition "never" never holds: action never is DROP and is PASS',
    expect.stringMatching(/^a\.yaml:3:\d+: warning: forwarder "t\/a": nothing can reach it/),
    expect.stringMatching(/^a\.yaml:3:\d+: warning: forwarder "u\/a": nothing can reach it/),
    'a.yaml:7:67: warning: forwarder "provider/a": nothing can reach it: action never is DROP and is PASS',
  ])
})

test('a condition of a thousand comparisons is judged all the same', () => {
  const any = Array.from(
    { length: 300 },
    (_, n) => `{ any: [{ hostname: a${n} }, { app_name: b${n} }, { message: { matches: c${n} } }] }`,
  )
  expect(where(`{ all: [${any.join(', ')}] }`)).toEqual([])
})
