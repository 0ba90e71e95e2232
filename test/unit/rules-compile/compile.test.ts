import { describe, expect, test } from 'vitest'
import { compileRules } from '../../../src/rules/compile.ts'
import { divideLimits } from '../../../src/rules/divide-limits.ts'
import { checkOrgs } from '../../../src/rules/read-orgs.ts'
import type { RulesModel } from '../../../src/rules/model.ts'
import type { Condition } from '../../../src/rules/plan.ts'
import {
  forwarder,
  gateway,
  idName,
  model,
  settings,
  stream,
  streams,
  tenant,
  uuid,
} from '../../support/model.ts'

const LIMITS = { forwarders_per_tenant: 10 }
const compile = (rules: RulesModel) => compileRules(rules, 7, LIMITS)
const messages = (rules: RulesModel, level: 'error' | 'warning' = 'error') =>
  compile(rules)
    .findings.filter((finding) => finding.level === level)
    .map(({ message, hint }) => `${message} (${hint})`)
const file = (path: string) => settings({ type: 'file', to: { scheme: 'file', path } })

test('a plan holds everything by index', () => {
  const where: Condition = { op: 'equals', field: 'firewall.action', values: ['DROP'] }
  const acme = tenant('acme', {
    labels: ['A'],
    rate_max: 100,
    org: idName(uuid(1), 'ACME'),
    forwarders: [forwarder('siem', { where }), forwarder('file')],
  })
  const globex = tenant('globex', { labels: ['G'], forwarders: [forwarder('siem', { where })] })
  const { plan, findings } = compile(
    model([acme, globex], { provider: [forwarder('cloud', { scope: 'all' })] }),
  )
  expect(findings).toEqual([])
  expect(plan).toMatchObject({
    generation: 7,
    tenants: [
      { name: 'acme', org: { id: uuid(1), name: 'ACME' }, rate_max: 100, forwarders: [0, 1] },
      { name: 'globex', org: null, rate_max: null, forwarders: [2] },
    ],
    conditions: [where],
  })
  expect(plan?.streams[0]).toMatchObject({ name: 'other', label: 'none' })
  expect(plan?.streams[1]).not.toHaveProperty('place')
  expect(plan?.owners[0]).toMatchObject({ tenant: -1 })
  expect(
    plan?.forwarders.map(({ key, tenant: index, scope, condition }) => [key, index, scope, condition]),
  ).toEqual([
    ['acme/siem', 0, 'owned', 0],
    ['acme/file', 0, 'owned', -1],
    ['globex/siem', 1, 'owned', 0],
    ['provider/cloud', -1, 'all', -1],
  ])
  expect(structuredClone(plan)).toEqual(plan)
})

const bad = (field: 'stream' | 'tenant', value: string): Condition => ({
  op: 'not',
  of: { op: 'equals', field, values: [value] },
})

describe('errors', () => {
  const labels = ['x']
  test.each<[string, RulesModel, string]>([
    ['a tenant twice', model([tenant('acme', { labels }), tenant('acme')]), 'tenant "acme" is there twice'],
    [
      'a forwarder twice',
      model([tenant('acme', { labels, forwarders: [forwarder('siem'), forwarder('siem')] })]),
      'tenant "acme": forwarder "siem" is there twice',
    ],
    ['a stream twice', model([], { streams: [streams.esxi, streams.esxi] }), 'stream "esxi" is there twice'],
    [
      'a stream called other',
      model([], { streams: [stream('other')] }),
      'stream "other" is what nothing recognises',
    ],
    [
      'an unknown label format',
      model([], { streams: [stream('s', { label_formats: ['vcd.dwf'] })] }),
      'unknown label format "vcd.dwf" (did you mean `vcd.dfw`?)',
    ],
    [
      'an unknown stream in a where',
      model([], { provider: [forwarder('f', { where: bad('stream', 'nsxt.dwf') })] }),
      'unknown stream "nsxt.dwf" (did you mean `nsxt.dfw`?)',
    ],
    [
      'an unknown tenant in a where',
      model([tenant('acme', { labels })], { provider: [forwarder('f', { where: bad('tenant', 'acne') })] }),
      'unknown tenant "acne" (did you mean `acme`?)',
    ],
    [
      'eleven forwarders',
      model([
        tenant('acme', { labels, forwarders: Array.from({ length: 11 }, (_, i) => forwarder(`f${i}`)) }),
      ]),
      'tenant "acme" has 11 forwarders, and 10 are allowed',
    ],
    [
      'one file for two',
      model([tenant('acme', { labels, forwarders: [forwarder('a', { settings: file('/out/x.log') })] })], {
        provider: [forwarder('b', { settings: file('/out/./x.log') })],
      }),
      'forwarders "acme/a" and "provider/b" write the same file /out/x.log',
    ],
    ['a tenant called provider', model([tenant('provider', { labels })]), 'tenant name "provider"'],
    [
      'a gateway of nobody',
      model([
        tenant('acme', { org_vdcs: [idName(uuid(1), 'prod')], gateways: [gateway(uuid(2), 'gw', 'prid')] }),
      ]),
      'owner "prid" is no Org VDC or group of the tenant (did you mean `prod`?)',
    ],
    [
      'a gateway of two',
      model([
        tenant('acme', {
          org_vdcs: [idName(uuid(1), 'p')],
          data_center_groups: [idName(uuid(3), 'p')],
          gateways: [gateway(uuid(2), 'gw', 'p')],
        }),
      ]),
      'owner "p" is the name of 2 objects',
    ],
    [
      'a tenant that blocks',
      model([
        tenant('acme', {
          labels,
          forwarders: [
            forwarder('f', {
              settings: settings({ queue: { memory_max: 1, disk_max: 1, when_full: 'block' } }),
            }),
          ],
        }),
      ]),
      'would let one tenant stop all',
    ],
    [
      'a tenant that wants all',
      model([tenant('acme', { labels, forwarders: [forwarder('f', { scope: 'all' })] })]),
      'sees its own events only',
    ],
    ['an empty literal', model([tenant('acme', { labels: [' '] })]), 'label " " is empty'],
  ])('%s', (_, rules, expected) => {
    expect(messages(rules)).toEqual([expect.stringContaining(expected)])
    expect(compile(rules).plan).toBeUndefined()
  })

  test('all at once', () => {
    const rules = model([tenant('a', { labels: [''] }), tenant('a')], { streams: [stream('other')] })
    expect(messages(rules)).toHaveLength(3)
  })
})

test('names of the configuration are checked where they are known', () => {
  const rules = model([], {
    provider: [forwarder('f', { where: { op: 'equals', field: 'source', values: ['fra1-hots'] } })],
  })
  expect(compile(rules).plan).toBeDefined()
  const { findings } = compileRules(rules, 1, { ...LIMITS, sources: [{ name: 'fra1-hosts', site: null }] })
  expect(findings[0]).toMatchObject({ level: 'error', hint: 'did you mean `fra1-hosts`?' })
})

test('a tenant that nothing leads to is warned about', () => {
  expect(messages(model([tenant('acme')]), 'warning')).toEqual([
    expect.stringContaining('tenant "acme" has no label'),
  ])
})

test('a thousand tenants with ten forwarders each compile', () => {
  const tenants = Array.from({ length: 1000 }, (_, index) =>
    tenant(`t${index}`, {
      org_vdcs: [idName(uuid(index * 4 + 1), `vdc-${index}`)],
      data_center_groups: [idName(uuid(index * 4 + 2), `group ${index}`)],
      gateways: [gateway(uuid(index * 4 + 3), `gw-${index}`, `vdc-${index}`)],
      forwarders: Array.from({ length: 10 }, (__, number) => forwarder(`f${number}`)),
    }),
  )
  const { plan, findings } = compile(model(tenants))
  expect(findings).toEqual([])
  expect(plan?.forwarders).toHaveLength(10_000)
})

test('limits are shared out among workers, those of files too: each worker queues its own part', () => {
  const queue = { memory_max: 8000, disk_max: 9000, when_full: 'drop_oldest' } as const
  const acme = tenant('acme', {
    labels: ['x'],
    rate_max: 1001,
    forwarders: [
      forwarder('tcp', { settings: settings({ queue, replay: 0, concurrency: 1 }) }),
      forwarder('file', { settings: { ...file('/x'), queue } }),
    ],
  })
  const { plan } = compile(model([acme]))
  if (plan === undefined) throw new Error('no plan')
  const half = divideLimits(plan, 2)
  expect(half.tenants[0]?.rate_max).toBe(500)
  expect(
    half.forwarders.map(({ settings: own }) => [
      own.queue.memory_max,
      own.queue.disk_max,
      own.replay,
      own.concurrency,
    ]),
  ).toEqual([
    [4000, 4500, 0, 1],
    [4000, 4500, 2_097_152, 1],
  ])
  expect(divideLimits(plan, 1)).toBe(plan)
})

test('tenants without org are named in one warning: the next of that name cannot be told from them', () => {
  const org = idName(uuid(1))
  const forwarders = [forwarder('a')]
  const some = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => tenant(name, { forwarders }))
  const known = tenant('x', { org, forwarders })
  expect(checkOrgs([known, tenant('nothing held')])).toEqual([])
  expect(checkOrgs([known, ...some]).map(({ level, message }) => `${level}: ${message}`)).toEqual([
    expect.stringMatching(/^warning: tenants a, b, c, d, e and 2 more without `org`: /),
  ])
})
