import { describe, expect, test } from 'vitest'
import { compileRules } from '../../../src/rules/compile.ts'
import { LABEL_AMBIGUOUS, LabelTable } from '../../../src/rules/label-table.ts'
import { cutEveryWay, labelVariants, toByteString } from '../../../src/rules/label-variants.ts'
import type { RulesModel } from '../../../src/rules/model.ts'
import type { OwnerPlan, RulesPlan } from '../../../src/rules/plan.ts'
import { format, formats, gateway, idName, model, part, stream, tenant, uuid } from '../../support/model.ts'

const GROUP = '7d0cae11-2222-4333-8444-5555666677aa'
const VDC = '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'
const GATEWAY = '5c1f0d0e-1111-4222-8333-abcdefabcdef'

function plan(rules: RulesModel): RulesPlan {
  const { plan: made, findings } = compileRules(rules, 1, { forwarders_per_tenant: 10 })
  if (made === undefined) throw new Error(JSON.stringify(findings, null, 1))
  return made
}

function asker(made: RulesPlan): (label: string | Buffer, streamName?: string) => OwnerPlan | undefined | -1 {
  const table = new LabelTable(made.labels)
  return (label, streamName = 'nsxt.dfw') => {
    const bytes = Buffer.concat([Buffer.from('>>'), Buffer.from(label), Buffer.from('<<')])
    const index = made.streams.findIndex(({ name }) => name === streamName)
    const found = table.find(index, bytes, 2, bytes.length - 2)
    if (found === LABEL_AMBIGUOUS) return -1
    return found === 0 ? undefined : made.owners[found]
  }
}

const acme = () =>
  tenant('acme', {
    org_vdcs: [idName(VDC, 'acme-prod')],
    data_center_groups: [idName(GROUP, 'acme corp')],
    gateways: [gateway(GATEWAY, 'acme-gw1', 'acme-prod')],
    labels: ['ACME-LEGACY'],
  })

describe('a distributed firewall label is found', () => {
  const ask = asker(plan(model([acme()])))
  const id = GROUP.slice(0, 27)
  const bare = GROUP.replaceAll('-', '').slice(0, 27)
  test.each([
    ['as composed', `acme ${id}`],
    ['without hyphens', `acme ${bare}`],
    ['in capitals', `ACME ${id.toUpperCase()}`],
    ['with a separator, cut at 32', `acme -${id}`.slice(0, 32)],
    ['with a separator, not cut', `acme _${id}`],
    ['with the name trimmed', `acme${id}`],
    ['after a rename', `other${id}`],
    ['after a rename to a shorter name', `o-${id}`],
    ['after a rename, with a separator, cut at 32', `other-${id}`.slice(0, 32)],
    ['by the id alone', id],
  ])('%s', (_, label) => {
    expect(ask(label)).toMatchObject({
      tenant: 0,
      by: 'vcd.dfw',
      data_center_group: { id: GROUP },
      org_vdc: null,
      gateway: null,
    })
  })
  test.each([
    ['one digit differs', `acme ${id.slice(0, -1)}0`],
    ['the id is cut', `acme ${id.slice(0, 20)}`],
    ['the name is cut off', 'acme '],
    ['more than a name stands before the id', `${'x'.repeat(40)}${id}`],
    ['something follows the id', `acme ${id}x`],
    ['it belongs to another stream', `${VDC.slice(0, 10)}acme-${GATEWAY.slice(0, 5)}`],
  ])('not when %s', (_, label) => expect(ask(label)).toBeUndefined())
})

describe('a gateway label', () => {
  const ask = asker(plan(model([acme()])))
  const composed = `${VDC.slice(0, 10)}acme-${GATEWAY.slice(0, 5)}`
  test('names the gateway and its owner', () => {
    expect(ask(composed, 'nsxt.gateway')).toMatchObject({
      gateway: { id: GATEWAY, name: 'acme-gw1' },
      org_vdc: { id: VDC },
    })
  })
  test('of a gateway that the rules do not list names its owner only', () => {
    const owner = ask(`${VDC.replaceAll('-', '').slice(0, 10)}newgw12345`, 'nsxt.gateway')
    expect(owner).toMatchObject({ tenant: 0, gateway: null, org_vdc: { id: VDC }, data_center_group: null })
  })
  test('of a gateway without owner is looked for under each Org VDC and group', () => {
    const rules = model([tenant('acme', { ...acme(), labels: [], gateways: [gateway(GATEWAY, 'acme-gw1')] })])
    const label = `${GROUP.slice(0, 10)}_acme-_${GATEWAY.slice(0, 5)}`
    const owner = asker(plan(rules))(label, 'nsxt.gateway')
    expect(owner).toMatchObject({ gateway: { id: GATEWAY }, data_center_group: { id: GROUP }, org_vdc: null })
  })
})

test('NSX-V tags and bracketed ids are the whole id, with or without hyphens', () => {
  const ask = asker(plan(model([acme()])))
  for (const label of [VDC, VDC.toUpperCase(), VDC.replaceAll('-', '')]) {
    expect(ask(label, 'nsxv.dfw')).toMatchObject({ org_vdc: { id: VDC } })
    expect(ask(label, 'nsxv.edge')).toMatchObject({ org_vdc: { id: VDC } })
  }
  expect(ask(VDC.slice(0, 35), 'nsxv.dfw')).toBeUndefined()
})

test('an org id can be a label', () => {
  const rules = model([tenant('acme', { org: idName(VDC, 'ACME') })], {
    streams: [stream('nsxv.edge', { label_formats: ['org'] })],
    label_formats: [format('org', 'org', { parts: [part('id')] })],
  })
  expect(asker(plan(rules))(VDC, 'nsxv.edge')).toMatchObject({ tenant: 0, org_vdc: null, by: 'org' })
})

test('a literal label is found in every stream that carries labels, in its own case only', () => {
  const ask = asker(plan(model([acme()])))
  for (const name of ['nsxt.dfw', 'nsxt.gateway', 'nsxv.edge']) {
    expect(ask('ACME-LEGACY', name)).toMatchObject({ tenant: 0, reason: 'literal', by: 'literal' })
  }
  expect(ask('ACME-LEGACY', 'esxi')).toBeUndefined()
  expect(ask('acme-legacy')).toBeUndefined()
})

test('a literal label longer than the cut is found as NSX cuts it, and what two would share is an error', () => {
  const long = 'ACME-PRODUCTION-ALLOW-OUTBOUND-WEB-7'
  const ask = asker(plan(model([tenant('acme', { labels: [long] })])))
  expect(ask(long)).toMatchObject({ tenant: 0, reason: 'literal' })
  expect(ask(long.slice(0, 32))).toMatchObject({ tenant: 0, reason: 'literal' })
  for (const near of [long.slice(0, 31), long.slice(0, 33), `${long}8`]) expect(ask(near)).toBeUndefined()
  const other = tenant('globex', { labels: [`${long.slice(0, 32)}OTHER`] })
  const { findings } = compileRules(model([tenant('acme', { labels: [long] }), other]), 1, {
    forwarders_per_tenant: 10,
  })
  expect(findings.map(({ message }) => message).join()).toContain(
    `both have "${long.slice(0, 32).toLowerCase()}"`,
  )
})

describe('a format of the operator’s own', () => {
  const subject = { name: 'Büro  Nord 1', id: GROUP, owner_id: null, owner_name: null }
  const wholes = (parts: Parameters<typeof format>[2]): string[] => {
    const variants = labelVariants(format('f', 'data_center_group', { case: 'keep', ...parts }), subject)
    if (!Array.isArray(variants)) throw new Error(`${variants.count} variants`)
    return variants
      .filter(({ part: kind }) => kind === 'whole')
      .map(({ bytes }) => Buffer.from(bytes, 'latin1').toString())
  }
  test.each([
    ['the last characters', part('name', { last: 4 }), ['rd 1']],
    ['the last of an id', part('id', { last: 5, hyphens: ['keep', 'remove'] }), ['677aa']],
    ['blanks removed', part('name', { blanks: ['remove'] }), ['BüroNord1']],
    ['blanks as underscores', part('name', { blanks: ['_'] }), ['Büro__Nord_1', 'Büro_Nord_1']],
    [
      'blanks removed, then the first',
      part('name', { blanks: ['remove'], first: 5, non_ascii: ['remove'] }),
      ['BroNo'],
    ],
    [
      'one question mark a character',
      part('name', { blanks: ['-'], non_ascii: ['?'], first: 6 }),
      ['B?ro--', 'B?ro-N'],
    ],
  ])('%s', (_, one, expected) => {
    expect(wholes({ parts: [one] })).toEqual(expected)
  })
  test('a lone part at the end that a cut shortens is known by what is left of it, of eight characters at least', () => {
    const parts = [part('name', { first: 5 }), part('id', { first: 27, alone: true })]
    const suffixes = (cut: number, separators: string[]): number[] => {
      const variants = labelVariants(format('f', 'data_center_group', { parts, cut, separators }), subject)
      if (!Array.isArray(variants)) throw new Error(`${variants.count} variants`)
      return variants.filter(({ part: kind }) => kind === 'suffix').map(({ bytes }) => bytes.length)
    }
    expect(suffixes(32, ['', '-', '_', '--'])).toEqual([27, 26, 25])
    expect(suffixes(14, ['', '-', '--'])).toEqual([27, 9, 8])
  })
})

const idOf = (index: number) => uuid(index + 1).slice(0, 27)
const firstBytes = (text: string, bytes: number) => Buffer.from(text).subarray(0, bytes)

test('names beyond ASCII are found in every case and in every sense of five characters', () => {
  const names = ['Grüße GmbH', '😀😀😀 ops', 'ÉCOLE sud']
  const groups = names.map((name, index) => idName(uuid(index + 1), name))
  const ask = asker(plan(model([tenant('t', { data_center_groups: groups })])))
  const labels: [number, Buffer][] = [
    [0, Buffer.from(`Grüße${idOf(0)}`)],
    [0, Buffer.from(`GRÜSS${idOf(0)}`)],
    [0, Buffer.from(`grüße${idOf(0)}`)],
    [0, Buffer.concat([firstBytes('Grüße', 5), Buffer.from(idOf(0))])],
    [1, Buffer.from(`😀😀😀 o${idOf(1)}`)],
    [1, Buffer.from(`😀😀?${idOf(1)}`)],
    [1, Buffer.from(`😀😀${idOf(1)}`)],
    [2, Buffer.from(`école${idOf(2)}`)],
  ]
  for (const [index, label] of labels) {
    expect(ask(label), label.toString()).toMatchObject({ data_center_group: { id: uuid(index + 1) } })
  }
})

test('blanks at the ends of a composed label and runs of them are taken as by position', () => {
  const group = idName(GROUP, '  a  b')
  const ask = asker(plan(model([tenant('t', { data_center_groups: [group] })])))
  const id = GROUP.slice(0, 27)
  for (const label of [`a  ${id}`, `a  b${id}`, `a b${id}`]) expect(ask(label)).toMatchObject({ tenant: 0 })
})

test('what two objects of one tenant share is all that is known', () => {
  const gateways = [
    gateway(uuid(1), 'same-a', 'acme-prod'),
    gateway(`${uuid(1).slice(0, 20)}${uuid(2).slice(20)}`, 'same-b', 'acme-prod'),
  ]
  const ask = asker(plan(model([tenant('acme', { org_vdcs: [idName(VDC, 'acme-prod')], gateways })])))
  const label = `${VDC.slice(0, 10)}same-${uuid(1).slice(0, 5)}`
  expect(ask(label, 'nsxt.gateway')).toMatchObject({ tenant: 0, gateway: null, org_vdc: { id: VDC } })
})

test('lone parts of two tenants in one label are ambiguous', () => {
  const rules = model(
    [
      tenant('a', { org_vdcs: [idName(VDC, 'a')] }),
      tenant('b', { data_center_groups: [idName(GROUP, 'b')] }),
    ],
    {
      streams: [stream('both', { label_formats: ['pre', 'suf'] })],
      label_formats: [
        format('pre', 'org_vdc', {
          parts: [part('id', { first: 10, alone: true }), part('name', { first: 12 })],
        }),
        format('suf', 'data_center_group', {
          parts: [part('name', { first: 12 }), part('id', { first: 12, alone: true })],
        }),
      ],
    },
  )
  const ask = asker(plan(rules))
  expect(ask(`${VDC.slice(0, 10)}zz`, 'both')).toMatchObject({ tenant: 0 })
  expect(ask(`zz${GROUP.slice(0, 12)}`, 'both')).toMatchObject({ tenant: 1 })
  expect(ask(`${VDC.slice(0, 10)}zz${GROUP.slice(0, 12)}`, 'both')).toBe(-1)
})

const errors = (rules: RulesModel) =>
  compileRules(rules, 1, { forwarders_per_tenant: 10 }).findings.filter((f) => f.level === 'error')

describe('confusable labels of two tenants are an error that names both', () => {
  const near = `${VDC.slice(0, 12)}${uuid(9).slice(12)}`
  test.each<[string, RulesModel, string]>([
    [
      'first ten characters',
      model([tenant('acme', { org_vdcs: [idName(VDC)] }), tenant('globex', { org_vdcs: [idName(near)] })]),
      '5b2abda9-a',
    ],
    [
      'equal literals',
      model([tenant('acme', { labels: ['SAME'] }), tenant('globex', { labels: ['SAME'] })]),
      'same',
    ],
    [
      'a literal that is a composed label',
      model([tenant('acme', { org_vdcs: [idName(VDC)] }), tenant('globex', { labels: [VDC] })]),
      VDC,
    ],
    [
      'a literal that ends as a lone part',
      model([
        tenant('acme', { data_center_groups: [idName(GROUP, 'a')] }),
        tenant('globex', { labels: [`x-${GROUP.slice(0, 27)}`] }),
      ]),
      GROUP.slice(0, 27),
    ],
  ])('%s', (_, rules, shared) => {
    const found = errors(rules)
    expect(found.length).toBeGreaterThan(0)
    const [first, second] = rules.tenants.map(
      ({ org_vdcs, data_center_groups, labels }) =>
        (org_vdcs[0] ?? data_center_groups[0] ?? labels[0])?.place.line,
    )
    const text = found[0]?.message
    expect(text).toContain('"acme"')
    expect(text).toContain('"globex"')
    expect(text).toContain(JSON.stringify(shared))
    expect(text).toContain(`/rules/tenants.yaml:${first}:5`)
    expect(text).toContain(`/rules/tenants.yaml:${second}:5`)
    expect(found[0]).toMatchObject({ line: second })
  })
  test('but literals that differ in case are two labels', () => {
    const ask = asker(
      plan(model([tenant('acme', { labels: ['SAME'] }), tenant('globex', { labels: ['same'] })])),
    )
    expect([ask('SAME'), ask('same')]).toMatchObject([{ tenant: 0 }, { tenant: 1 }])
  })
  test('and so is an object that two tenants list', () => {
    const found = errors(
      model([
        tenant('acme', { gateways: [gateway(GATEWAY)] }),
        tenant('globex', { gateways: [gateway(GATEWAY)] }),
      ]),
    )
    expect(found.map(({ message }) => message).join()).toContain(
      `id ${GATEWAY} belongs to tenant "globex" here and to tenant "acme"`,
    )
  })
})

test('a cut in the middle of a character is taken in every way that somebody may cut', () => {
  expect(cutEveryWay(toByteString('a😀b'), 2)).toEqual(
    new Set([toByteString('a😀'), toByteString('a😀').slice(0, 2), 'a', 'a?', toByteString('a\uFFFD')]),
  )
})

test('a format with too many variants is refused', () => {
  const many = { ...formats.dfw, separators: Array.from({ length: 400 }, (_, index) => `<${index}>`) }
  const found = labelVariants(many, { id: GROUP, name: 'acme', owner_id: null, owner_name: null })
  expect('count' in found ? found.count : 0).toBeGreaterThan(512)
  const { plan: made, findings } = compileRules(
    model([acme()], { label_formats: [many, formats.gateway, formats.nsxv] }),
    1,
    { forwarders_per_tenant: 10 },
  )
  expect(made).toBeUndefined()
  expect(findings[0]?.message).toContain('variants of group acme corp')
})

test('a name of the inventory with too many variants stops nobody: its id is known', () => {
  const hostile = idName(GROUP, '  éA  é💥')
  const known = { inventory: true, data_center_groups: [hostile] }
  const { plan: made, findings } = compileRules(model([tenant('acme', known), tenant('globex')]), 1, {
    forwarders_per_tenant: 10,
  })
  expect(findings.map(({ level }) => level)).not.toContain('error')
  expect(findings.map(({ message }) => message).join('\n')).toContain('variants of group')
  const ask = asker(made as RulesPlan)
  expect(ask(`  éA ${GROUP.slice(0, 27)}`)).toMatchObject({ tenant: 0, data_center_group: { id: GROUP } })
  const by_hand = compileRules(model([tenant('acme', { data_center_groups: [hostile] })]), 1, {
    forwarders_per_tenant: 10,
  })
  expect(by_hand.plan).toBeUndefined()
})
