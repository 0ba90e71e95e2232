import { describe, expect, test } from 'vitest'
import { EventFlag } from '../../../src/classify/view.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { compileCondition, ConditionSet } from '../../../src/rules/conditions.ts'
import type { Condition, ConditionField } from '../../../src/rules/plan.ts'
import { forwarder, gateway, idName, model, tenant, uuid } from '../../support/model.ts'
import { makeView, type ViewFields } from '../../support/view.ts'

const acme = tenant('acme', {
  org: idName(uuid(9), 'ACME'),
  org_vdcs: [idName(uuid(1), 'prod')],
  gateways: [gateway(uuid(2), 'gw', 'prod')],
  labels: ['L'],
})
const { plan, findings } = compileRules(model([acme]), 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error(JSON.stringify(findings))
const env = {
  listeners: ['udp', 'tcp'],
  sources: [
    { name: 'hosts', site: 'fra1' },
    { name: 'edges', site: null },
  ],
}
const withVdc = plan.owners.findIndex(({ org_vdc }) => org_vdc !== null)

/** As a function, and as the router asks it. */
const holds = (condition: Condition, fields: ViewFields, owner = 0) => {
  const held = compileCondition(condition, plan, env)(makeView(fields), owner)
  const set = new ConditionSet({ ...plan, conditions: [condition], shared: new Map() }, env)
  set.begin()
  expect(set.holds(0, makeView(fields), owner)).toBe(held)
  return held
}
const equals = (field: ConditionField, ...values: string[]): Condition => ({ op: 'equals', field, values })
const within = (field: ConditionField, ...networks: string[]): Condition => ({
  op: 'network',
  field,
  networks,
})
const text = (op: 'contains' | 'starts_with' | 'ends_with', ...values: string[]): Condition => ({
  op,
  field: 'message',
  values,
})
const between = (field: ConditionField, from: number, to: number): Condition => ({
  op: 'between',
  field,
  ranges: [[from, to]],
})
const not = (of: Condition): Condition => ({ op: 'not', of })

describe('a comparison', () => {
  test.each<[string, Condition, ViewFields, boolean]>([
    ['text in its case', equals('firewall.action', 'DROP'), { fw: { action: 'DROP' } }, true],
    ['text in another case', equals('firewall.action', 'DROP'), { fw: { action: 'Drop' } }, false],
    ['any of a list', equals('hostname', 'a', 'esx01'), { host: 'esx01' }, true],
    ['a longer text', equals('hostname', 'esx0'), { host: 'esx01' }, false],
    ['a word of eight', equals('firewall.action', 'ABCDEFGH'), { fw: { action: 'ABCDEFGH' } }, true],
    [
      'one that differs at its end',
      equals('firewall.action', 'ABCDEFGH'),
      { fw: { action: 'ABCDEFGX' } },
      false,
    ],
    ['one that goes on', equals('firewall.action', 'ABCDEFGH'), { fw: { action: 'ABCDEFGHI' } }, false],
    ['a longer word', equals('firewall.action', 'ABCDEFGHI'), { fw: { action: 'ABCDEFGHI' } }, true],
    ['a beginning', equals('firewall.action', 'DROP'), { fw: { action: 'DROPS' } }, false],
    [
      'the fifth of nine words',
      equals('firewall.action', ...'ABCDEFGHI'.split('')),
      { fw: { action: 'E' } },
      true,
    ],
    ['a word that is not there', equals('firewall.action', 'DROP'), {}, false],
    [
      'a number above all bounds',
      between('firewall.bytes_in', 5, Number.MAX_SAFE_INTEGER),
      { fw: { bytes_in: '3000000000' } },
      true,
    ],
    [
      'a number above a large bound',
      between('firewall.bytes_in', 5, 2_999_999_999),
      { fw: { bytes_in: '3000000000' } },
      false,
    ],
    [
      'a number above the last small bound',
      between('firewall.bytes_in', 5, 2_147_483_646),
      { fw: { bytes_in: '2147483647' } },
      false,
    ],
    [
      'the same number as a bound',
      between('firewall.bytes_in', 5, 2_147_483_647),
      { fw: { bytes_in: '2147483647' } },
      true,
    ],
    [
      'a large number from a large bound on',
      between('firewall.bytes_in', 3_000_000_000, 4_000_000_000),
      { fw: { bytes_in: '2147483648' } },
      false,
    ],
    [
      'IPv6 in a list with IPv4',
      within('firewall.source_ip', '10.0.0.0/8', '2001:db8::/32'),
      { fw: { source_ip: '2001:db8::1' } },
      true,
    ],
    [
      'IPv6 where IPv4 is asked',
      within('firewall.source_ip', '0.0.0.0/0'),
      { fw: { source_ip: '2001:db8::1' } },
      false,
    ],
    [
      'mapped IPv4',
      within('firewall.source_ip', '10.0.0.0/8'),
      { fw: { source_ip: '::ffff:10.1.2.3' } },
      true,
    ],
    [
      'the upper half of addresses',
      within('firewall.source_ip', '200.1.0.0/16'),
      { fw: { source_ip: '200.1.2.3' } },
      true,
    ],
    [
      'the other end',
      within('firewall.address', '10.0.0.0/8'),
      { fw: { source_ip: '9.1.1.1', destination_ip: '10.1.1.1' } },
      true,
    ],
    ['no address', within('firewall.source_ip', '0.0.0.0/0'), { fw: { source_ip: 'ten' } }, false],
    ['an empty text that is there', equals('app_name', ''), { app: '' }, true],
    ['a port', equals('firewall.destination_port', '443'), { fw: { destination_port: '443' } }, true],
    [
      'a port with a zero before it in the event',
      equals('firewall.destination_port', '443'),
      { fw: { destination_port: '0443' } },
      true,
    ],
    [
      'a port with a zero before it in the rule',
      equals('firewall.destination_port', '0443'),
      { fw: { destination_port: '0443' } },
      false,
    ],
    [
      'either port',
      equals('firewall.port', '53'),
      { fw: { source_port: '53', destination_port: '9' } },
      true,
    ],
    [
      'either port, the other',
      equals('firewall.port', '53'),
      { fw: { source_port: '9', destination_port: '53' } },
      true,
    ],
    ['a rule id as text', equals('firewall.rule_id', '3061'), { fw: { rule_id: '3061' } }, true],
    ['a rule id in a range', between('firewall.rule_id', 3000, 3100), { fw: { rule_id: '3061' } }, true],
    [
      'a range by its ends',
      between('firewall.source_port', 8000, 8099),
      { fw: { source_port: '8099' } },
      true,
    ],
    [
      'outside of a range',
      between('firewall.source_port', 8000, 8099),
      { fw: { source_port: '8100' } },
      false,
    ],
    [
      'a number too large to be one',
      between('firewall.length', 0, 9e15),
      { fw: { length: '99999999999999999' } },
      false,
    ],
    ['severity at least warning', between('severity', 0, 4), { pri: 22 * 8 + 3 }, true],
    ['severity below warning', between('severity', 0, 4), { pri: 22 * 8 + 5 }, false],
    ['facility', equals('facility', '22'), { pri: 22 * 8 + 5 }, true],
    ['severity of an event without PRI', between('severity', 0, 7), { pri: -1 }, false],
    ['severity of a PRI that no standard knows', between('severity', 0, 7), { pri: 505 }, false],
    ['a network', within('firewall.source_ip', '10.0.0.0/8'), { fw: { source_ip: '10.9.8.7' } }, true],
    ['another network', within('firewall.source_ip', '10.0.0.0/8'), { fw: { source_ip: '11.9.8.7' } }, false],
    [
      'either address',
      within('firewall.address', '10.0.0.0/8'),
      { fw: { source_ip: '1.1.1.1', destination_ip: '10.0.0.1' } },
      true,
    ],
    [
      'IPv6 in full',
      within('firewall.source_ip', 'fe80::/10'),
      { fw: { source_ip: 'fe80:0:0:0:68c2:8472:2364:9be' } },
      true,
    ],
    [
      'an address written otherwise',
      equals('firewall.source_ip', 'fe80::1'),
      { fw: { source_ip: 'fe80:0:0:0:0:0:0:1' } },
      true,
    ],
    ['a peer in a network', within('peer', '10.20.0.0/16'), { peer: '10.20.0.7' }, true],
    ['a peer outside', within('peer', '10.21.0.0/16'), { peer: '10.20.0.7' }, false],
    ['IP version by the family', equals('firewall.ip_version', '6'), { fw: { family: 'INET6' } }, true],
    ['IP version by the address', equals('firewall.ip_version', '4'), { fw: { source_ip: '1.2.3.4' } }, true],
    ['contains', text('contains', 'needle'), { message: 'a hay needle stack' }, true],
    ['contains at the end', text('contains', 'stack'), { message: 'a hay needle stack' }, true],
    ['contains what stands behind the frame', text('contains', 'behind'), { message: 'a' }, false],
    ['contains over the end', text('contains', 'stack|'), { message: 'a stack' }, false],
    ['starts with', text('starts_with', 'a h'), { message: 'a hay' }, true],
    ['ends with', text('ends_with', 'hay'), { message: 'a hay' }, true],
    ['ends with more than there is', text('ends_with', 'aa hay'), { message: 'a hay' }, false],
    ['beyond ASCII', text('contains', 'Grüße'), { message: 'viele Grüße' }, true],
    ['stream', equals('stream', 'nsxt.dfw'), { stream: 1 }, true],
    ['listener', equals('listener', 'tcp'), { listener: 1 }, true],
    ['source', equals('source', 'hosts'), { source: 1 }, true],
    ['site', equals('site', 'fra1'), { source: 1 }, true],
    ['site of a source without', equals('site', 'fra1'), { source: 2 }, false],
    ['header', equals('header', 'rfc5424'), {}, true],
    ['valid', equals('valid', 'false'), { flags: EventFlag.invalid }, true],
    ['truncated', equals('truncated', 'true'), { flags: EventFlag.truncated }, true],
    ['exists', { op: 'exists', field: 'label', present: true }, { label: 'x' }, true],
    ['exists, absent', { op: 'exists', field: 'label', present: true }, {}, false],
    ['does not exist', { op: 'exists', field: 'firewall.close', present: false }, {}, true],
  ])('%s', (_, condition, fields, expected) => {
    expect(holds(condition, fields)).toBe(expected)
    expect(holds(not(condition), fields)).toBe(!expected)
  })

  test('with a field that is absent is false, and `not` of it true', () => {
    const conditions = [
      equals('firewall.action', ''),
      between('firewall.port', 0, 65_535),
      within('firewall.address', '0.0.0.0/0', '::/0'),
      equals('tenant', 'acme'),
      equals('owner.org.name', 'ACME'),
      equals('source', ''),
    ]
    for (const condition of conditions) {
      expect(holds(condition, {}), JSON.stringify(condition)).toBe(false)
      expect(holds(not(condition), {})).toBe(true)
    }
  })

  test('reads the owner', () => {
    expect(holds(equals('owner.org_vdc.name', 'prod'), {}, withVdc)).toBe(true)
    expect(holds(equals('owner.org.id', uuid(9)), {}, withVdc)).toBe(true)
    expect(holds(equals('tenant', 'acme'), {}, withVdc)).toBe(true)
    expect(holds({ op: 'starts_with', field: 'owner.org.name', values: ['AC'] }, {}, withVdc)).toBe(true)
    expect(holds(equals('tenant', 'acme'), {}, -2)).toBe(false)
  })

  test('all, any and not nest', () => {
    const drop = equals('firewall.action', 'DROP')
    const https = equals('firewall.destination_port', '443')
    const tcp = equals('firewall.protocol', 'TCP')
    const event = { fw: { action: 'DROP', destination_port: '80', protocol: 'TCP' } }
    expect(holds({ op: 'all', of: [drop, https] }, event)).toBe(false)
    expect(holds({ op: 'any', of: [drop, https] }, event)).toBe(true)
    expect(holds({ op: 'all', of: [drop, tcp, not(https)] }, event)).toBe(true)
    expect(holds({ op: 'any', of: [https, https, not(drop)] }, event)).toBe(false)
    expect(holds({ op: 'all', of: [] }, event)).toBe(true)
    expect(holds({ op: 'any', of: [] }, event)).toBe(false)
  })
})

test('a condition is asked once an event, however many forwarders share it', () => {
  let reads = 0
  const where: Condition = equals('hostname', 'esx01')
  const forwarders = ['a', 'b'].map((name) => forwarder(name, { where }))
  const made = compileRules(model([{ ...acme, forwarders }]), 1, { forwarders_per_tenant: 10 }).plan
  if (made === undefined) throw new Error('no plan')
  expect(made.conditions).toEqual([where])
  expect(made.forwarders.map(({ condition }) => condition)).toEqual([0, 0])
  const set = new ConditionSet(made, env)
  const view = makeView({ host: 'esx01' })
  const { host_start } = view
  Object.defineProperty(view, 'host_start', {
    get: () => {
      reads += 1
      return host_start
    },
  })
  set.begin()
  expect([set.holds(0, view, 1), set.holds(0, view, 1), reads]).toEqual([true, true, 1])
  set.begin()
  expect(set.holds(0, makeView({ host: 'esx02' }), 1)).toBe(false)
})
