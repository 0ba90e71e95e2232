/** Whose an event is by keys without a label: projects, interfaces, rule ids, organizations; and which tenants' keys clash. */
import { describe, expect, test } from 'vitest'
import { interfaceDigits, OnlyValue, onlySdValue } from '../../../src/classify/keys.ts'
import { EventFlag } from '../../../src/classify/view.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import type { RulesModel, TenantModel } from '../../../src/rules/model.ts'
import { orphanReason, ownershipOf } from '../../../src/rules/ownership.ts'
import { gateway, idName, model, place, stream, streams, tenant, uuid } from '../../support/model.ts'
import { makeView, type ViewFields } from '../../support/view.ts'

const SOURCES = [
  { name: 'fra1-hosts', site: 'fra1', streams: null },
  { name: 'ams1-hosts', site: 'ams1', streams: null },
  { name: 'edges', site: null, streams: null },
]
const LIMITS = { forwarders_per_tenant: 10, sources: SOURCES }
const PROJECT = { key: 'project', structured_data: { id: 'nsx@6876', params: ['proj', 'vpc'] } } as const
const ORGANIZATION = {
  key: 'organization',
  structured_data: { id: 'tags@47450', params: ['organization_id'] },
} as const
const STREAMS = [
  { ...streams.dfw, keys: [{ key: 'rule_id' }, PROJECT] as const },
  { ...streams.gateway, keys: [{ key: 'interface' }, { key: 'rule_id' }, PROJECT] as const },
  streams.esxi,
  stream('cf', { grammar: 'none', label: 'none', keys: [ORGANIZATION] }),
]
const DFW = 1
const GATEWAY = 2
const ESXI = 3
const CF = 4
const GROUP = uuid(1)

function keyed(
  name: string,
  changes: Parameters<typeof tenant>[1] & { readonly projects?: string[] } = {},
): TenantModel {
  const { projects = [], ...rest } = changes
  return tenant(name, { nsx_projects: projects.map((id) => ({ place: place(), id })), ...rest })
}

const rules = (site: string, ...ids: string[]) => ({ place: place(), scope: { site }, ids })

const ACME = keyed('acme', {
  labels: ['ACME'],
  projects: ['acme-project', 'acme-vpc'],
  data_center_groups: [idName(GROUP, 'acme-dcg')],
  gateways: [
    { ...gateway(uuid(2), 'gw1', GROUP), interfaces: [{ place: place(), id: uuid(3) }] },
    {
      ...gateway(uuid(4), 'gw2'),
      interfaces: [{ place: place(), id: `00000000-0000-0abc-${uuid(5).slice(19)}` }],
    },
  ],
  rule_ids: [rules('fra1', '3061', '7'), { place: place(), scope: { source: 'edges' }, ids: ['9'] }],
  cf_organizations: [{ place: place(), id: uuid(6) }],
})
const GLOBEX = keyed('globex', {
  labels: ['GLOBEX'],
  projects: ['globex'],
  rule_ids: [rules('ams1', '3061')],
})

const compiled = (tenants: TenantModel[], changes: Partial<RulesModel> = {}) =>
  compileRules(model(tenants, { streams: STREAMS, ...changes }), 1, LIMITS)
const { plan } = compiled([ACME, GLOBEX])
if (plan === undefined) throw new Error('no plan')
const ownership = ownershipOf(plan, SOURCES)

/** `tenant by`, or the reason why nobody owns it. */
function whose(fields: ViewFields & { readonly sd?: string }): string {
  const { sd, ...rest } = fields
  const view = makeView({ source: 1, ...rest, ...(sd === undefined ? {} : { host: sd }) })
  if (sd !== undefined) {
    view.sd_start = view.host_start
    view.sd_end = view.host_end
  }
  const owner = ownership.decide(view)
  if (owner <= 0) return orphanReason(owner)
  const found = plan?.owners[owner]
  return `${plan?.tenants[found?.tenant ?? -1]?.name} ${found?.by} ${found?.reason}`
}

const hex = (id: string): string => id.replaceAll('-', '').replace(/^(.{16})/, '$1:')

test.each<[string, ViewFields & { readonly sd?: string }, string]>([
  ['a rule id in its site', { stream: DFW, fw: { rule_id: '3061' } }, 'acme rule_id rule_id'],
  [
    'the same rule id in another site',
    { stream: DFW, fw: { rule_id: '3061' }, source: 2 },
    'globex rule_id rule_id',
  ],
  ['a rule id from a peer of no site', { stream: DFW, fw: { rule_id: '3061' }, source: 3 }, 'no_label'],
  ['a rule id of one source', { stream: DFW, fw: { rule_id: '9' }, source: 3 }, 'acme rule_id rule_id'],
  ['that rule id from another source', { stream: DFW, fw: { rule_id: '9' }, source: 1 }, 'no_label'],
  ['a rule id that begins with one', { stream: DFW, fw: { rule_id: '30612' } }, 'no_label'],
  ['a part of a rule id', { stream: DFW, fw: { rule_id: '306' } }, 'no_label'],
  [
    'an unknown label, and a rule id',
    { stream: DFW, label: 'X', fw: { rule_id: '7' } },
    'acme rule_id rule_id',
  ],
  ['an unknown label, and no key', { stream: DFW, label: 'X', fw: { rule_id: '8' } }, 'unknown_label'],
  [
    'label and key of one tenant',
    { stream: DFW, label: 'ACME', fw: { rule_id: '7' } },
    'acme literal literal',
  ],
  ['label and key of two tenants', { stream: DFW, label: 'GLOBEX', fw: { rule_id: '7' } }, 'ambiguous_label'],
  ['a project', { stream: DFW, sd: '[nsx@6876 comp="x" proj="globex"]' }, 'globex project project'],
  [
    'a VPC beside an unknown project',
    { stream: DFW, sd: '[nsx@6876 proj="p" vpc="acme-vpc"]' },
    'acme project project',
  ],
  [
    'projects of two tenants',
    { stream: DFW, sd: '[nsx@6876 proj="globex" vpc="acme-vpc"]' },
    'ambiguous_label',
  ],
  [
    'a project that repeats',
    { stream: DFW, sd: '[nsx@6876 proj="globex" proj="globex"]' },
    'globex project project',
  ],
  [
    'a project that contradicts itself',
    { stream: DFW, sd: '[nsx@6876 proj="globex"][nsx@6876 proj="p"]' },
    'ambiguous_label',
  ],
  ['a project in another case', { stream: DFW, sd: '[nsx@6876 proj="GLOBEX"]' }, 'no_label'],
  ['a project in another element', { stream: DFW, sd: '[x@1 proj="globex"]' }, 'no_label'],
  ['a parameter of another name', { stream: DFW, sd: '[nsx@6876 project="globex"]' }, 'no_label'],
  [
    'a project and a rule id of two tenants',
    { stream: DFW, fw: { rule_id: '7' }, sd: '[nsx@6876 proj="globex"]' },
    'ambiguous_label',
  ],
  ['an interface', { stream: GATEWAY, fw: { interface: hex(uuid(3)) } }, 'acme interface interface'],
  [
    'an interface in capitals',
    { stream: GATEWAY, fw: { interface: hex(uuid(3)).toUpperCase() } },
    'acme interface interface',
  ],
  [
    'an interface without leading zeros',
    { stream: GATEWAY, fw: { interface: `abc:${uuid(5).slice(19).replace('-', '')}` } },
    'acme interface interface',
  ],
  ['an unknown interface', { stream: GATEWAY, fw: { interface: hex(uuid(4)) } }, 'no_label'],
  [
    'an organization',
    { stream: CF, sd: `[tags@47450 app_id="x" organization_id="${uuid(6)}"]` },
    'acme organization organization',
  ],
  ['an unknown organization', { stream: CF, sd: `[tags@47450 organization_id="${uuid(7)}"]` }, 'no_label'],
  [
    'a key of another stream',
    { stream: CF, sd: '[nsx@6876 proj="globex"]', fw: { rule_id: '7' } },
    'no_label',
  ],
  ['a stream without keys', { stream: ESXI, sd: '[nsx@6876 proj="globex"]' }, 'no_label'],
  [
    'no complete header',
    { stream: CF, sd: `[tags@47450 organization_id="${uuid(6)}"]`, flags: 0 },
    'untrusted_source',
  ],
  ['no complete header and no key', { stream: CF, flags: 0 }, 'no_label'],
  ['no source', { stream: DFW, fw: { rule_id: '7' }, source: 0 }, 'untrusted_source'],
  [
    'a label that was cut, and a key',
    {
      stream: DFW,
      label: 'GLOBEX',
      fw: { rule_id: '7' },
      flags: EventFlag.complete_header | EventFlag.truncated,
    },
    'acme rule_id rule_id',
  ],
])('%s', (_, fields, expected) => {
  expect(whose(fields)).toBe(expected)
})

test('a label that nobody owns shows beside a key, for the event at hand only', () => {
  const seen = (fields: ViewFields): boolean => {
    ownership.decide(makeView({ source: 1, ...fields }))
    return ownership.unknown_beside_key
  }
  const both = { stream: DFW, label: 'X', fw: { rule_id: '7' } }
  expect(seen(both)).toBe(true)
  expect(seen({ ...both, source: 0 })).toBe(false)
  expect([seen(both), seen({ ...both, label: 'ACME' })]).toEqual([true, false])
  expect([seen(both), seen({ stream: DFW, fw: { rule_id: '7' } })]).toEqual([true, false])
})

test('what is known of the gateway comes with its interface, and its owner only when it is named', () => {
  const interfaces = plan.owners.filter(({ by }) => by === 'interface')
  expect(
    interfaces.map(({ gateway: own, data_center_group }) => [own?.name, data_center_group?.name]),
  ).toEqual([
    ['gw1', 'acme-dcg'],
    ['gw2', undefined],
  ])
})

test('a rule set without keys has no table of them', () => {
  expect(compiled([tenant('a', { labels: ['A'] })]).plan?.keys).toBeNull()
  expect(plan.keys?.streams.map((keys) => keys?.map(({ key }) => key))).toEqual([
    undefined,
    ['rule_id', 'project'],
    ['interface', 'rule_id', 'project'],
    undefined,
    ['organization'],
  ])
})

describe('keys of two tenants', () => {
  const messages = (tenants: TenantModel[]) =>
    compiled(tenants).findings.map(
      ({ level, message }) => `${level}: ${message.replaceAll(/\/rules\/[^)]*/g, 'place')}`,
    )

  test.each<[string, TenantModel, TenantModel, string]>([
    ['project', keyed('a', { projects: ['p'] }), keyed('b', { projects: ['p'] }), 'both have p'],
    [
      'rule id',
      keyed('a', { rule_ids: [rules('fra1', '7')] }),
      keyed('b', { rule_ids: [rules('fra1', '8', '7')] }),
      'both have 7',
    ],
    [
      'rule id of a site and of a source in it',
      keyed('a', { rule_ids: [rules('fra1', '7')] }),
      keyed('b', { rule_ids: [{ place: place(), scope: { source: 'fra1-hosts' }, ids: ['7'] }] }),
      'both have 7',
    ],
    [
      'organization',
      keyed('a', { cf_organizations: [{ place: place(), id: uuid(1) }] }),
      keyed('b', { cf_organizations: [{ place: place(), id: uuid(1) }] }),
      `both have ${uuid(1)}`,
    ],
    [
      'interface',
      keyed('a', { gateways: [{ ...gateway(uuid(1)), interfaces: [{ place: place(), id: uuid(9) }] }] }),
      keyed('b', { gateways: [{ ...gateway(uuid(2)), interfaces: [{ place: place(), id: uuid(9) }] }] }),
      `both have ${uuid(9).replaceAll('-', '')}`,
    ],
  ])('%s: an error that names both', (_, one, other, shared) => {
    const errors = messages([one, other]).filter((text) => text.startsWith('error'))
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(
      /^error: events of tenant "a" \(.*, place\) and of tenant "b" \(.*, place\) could not be told apart/,
    )
    expect(errors[0]).toContain(shared)
  })

  test('the same rule id in two sites is two rules; twice in one tenant is nothing', () => {
    const same = { rule_ids: [rules('fra1', '7'), rules('fra1', '7')], projects: ['p', 'p'] }
    expect(messages([keyed('a', same), keyed('b', { rule_ids: [rules('ams1', '7')] })])).toEqual([])
  })

  test('a site or source that is not configured is an error', () => {
    expect(messages([keyed('a', { rule_ids: [rules('fra2', '7')] })])).toEqual([
      'error: tenant "a": rule_ids: unknown site "fra2"',
    ])
  })

  test('a key that no stream looks for is a warning', () => {
    const one = keyed('a', { labels: ['A'], projects: ['p', 'q'] })
    const { plan: made, findings } = compileRules(model([one]), 1, LIMITS)
    expect(findings.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      'warning: NSX project p: no stream looks for this',
    ])
    expect(made?.keys?.streams.some((keys) => keys !== undefined)).toBe(false)
  })
})

test.each<[string, string, number, string]>([
  ['[a b="1"]', 'b', OnlyValue.one, '1'],
  ['[a c="2" b="1"][d b="3"]', 'b', OnlyValue.one, '1'],
  ['[x b="9"][a b="1"]', 'b', OnlyValue.one, '1'],
  ['[a b="1" b="1"]', 'b', OnlyValue.one, '1'],
  ['[a b="1" b="2"]', 'b', OnlyValue.several, ''],
  ['[a b="1"][a b="11"]', 'b', OnlyValue.several, ''],
  ['[a b=""]', 'b', OnlyValue.one, ''],
  ['[a b="\\]\\""]', 'b', OnlyValue.one, '\\]\\"'],
  ['[a]', 'b', OnlyValue.none, ''],
  ['[a bb="1"]', 'b', OnlyValue.none, ''],
])('the value of a parameter in %s', (text, name, answer, value) => {
  const buf = Buffer.from(`..${text}..`)
  const found = new Int32Array(2)
  expect(onlySdValue(buf, 2, buf.length - 2, Buffer.from('a'), Buffer.from(name), found)).toBe(answer)
  if (answer === OnlyValue.one) expect(buf.toString('latin1', found[0], found[1])).toBe(value)
})

test.each([
  ['a91a35d4acea4843:8b0fb4b8b5fe50a4', 'a91a35d4acea48438b0fb4b8b5fe50a4'],
  ['1:2', '00000000000000010000000000000002'],
  ['1a91a35d4acea4843:2', null],
  [':2', null],
  ['2:', null],
  ['22', null],
])('the digits of interface %s', (text, digits) => {
  const into = Buffer.alloc(32)
  const buf = Buffer.from(`<${text}>:`)
  const fits = interfaceDigits(buf, 1, 1 + text.length, into)
  expect(fits ? into.toString() : null).toBe(digits)
})
