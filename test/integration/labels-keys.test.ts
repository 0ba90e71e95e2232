/** Keys without a label and unknown labels through a running router: who gets the event, and what the operator is told. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import type { UnknownReport } from '../../src/control/unknown-labels.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules, testTenant } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const SETTINGS = {
  listeners: [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }],
  sources: [{ name: 'hosts', from: ['127.0.0.0/8'], site: 'fra1' }],
}
const ORG = 'c4d5e6f7-0819-4a2b-bc3d-4e5f60718293'
const EDGE = 'a91a35d4-acea-4843-8b0f-b4b8b5fe50a4'

const without = (n: number, sequence: number): string => dfwLine(n, sequence).replace(/ S .*$/, ' S')
const cf = (organization: string, sequence: number): string =>
  `<14>1 2026-05-15T19:41:25Z o.s.a app [APP/PROC/WEB/0] - [tags@47450 organization_id="${organization}"] PASS ${sequence} x`
const edge = (id: string, sequence: number, label = ''): string =>
  `<181>1 2026-05-15T19:41:25Z e1 NSX 7 FIREWALL [nsx@6876 comp="nsx-edge"] <3 ${id}> INET match PASS ${sequence} OUT 60 TCP 10.0.0.1/5->10.9.9.9/443 S ${label}`

async function receivers(count: number): Promise<Receiver[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new Receiver().open()))
  open.push(...made)
  return made
}

test('keys lead to their tenant, a label and a key of two tenants to the provider; a reload takes keys away', async () => {
  const [a, b, orphans] = (await receivers(3)) as [Receiver, Receiver, Receiver]
  const gateway = {
    name: 'gw',
    id: testTenant(0).id.replace(/^1/, '2'),
    owner: testTenant(0).group,
    interfaces: [EDGE],
  }
  const rules = (keys: object): object => ({
    tenants: [
      { ...tenantRules(0, [{ name: 'siem', to: a.url }]), gateways: [gateway], ...keys },
      tenantRules(1, [{ name: 'siem', to: b.url }]),
    ],
    provider: { forwarders: [{ name: 'orphans', to: orphans.url, scope: 'orphans' }] },
  })
  const router = new Router(
    SETTINGS,
    rules({ rule_ids: [{ site: 'fra1', ids: [101, 104] }], cf_organizations: [ORG] }),
  )
  open.push(router)
  await router.start()
  const lines = [
    without(0, 101),
    cf(ORG, 102),
    edge(EDGE.replaceAll('-', '').replace(/^(.{16})/, '$1:'), 103),
    // Tenant 1's label, tenant 0's rule id.
    dfwLine(1, 104),
    dfwLine(1, 105),
    without(1, 106),
    cf(testTenant(1).id, 107),
  ]
  await sendLines(router.port('tcp'), lines)
  await Promise.all([
    a.until(() => a.lines === 3),
    b.until(() => b.lines === 1),
    orphans.until(() => orphans.lines === 3),
  ])
  expect([...a.seen.keys()].toSorted((x, y) => x - y)).toEqual([101, 102, 103])
  expect([...b.seen.keys()]).toEqual([105])
  expect([...orphans.seen.keys()].toSorted((x, y) => x - y)).toEqual([104, 106, 107])
  const ledger = await router.status()
  expect(ledger.orphaned_reasons).toMatchObject({ ambiguous_label: 1, no_label: 2 })
  expectBalanced(ledger)

  router.writeRules(rules({}))
  await router.ask('/api/v1/reload', 'POST')
  await sendLines(router.port('tcp'), [without(0, 101), dfwLine(1, 104), cf(ORG, 102)])
  await orphans.until(() => orphans.lines === 5)
  await b.until(() => b.lines === 2)
  expect(await router.stop()).toBe(0)
  expect(a.lines).toBe(3)
})

test('status shows unknown labels, how many, and how they differ from the nearest known one', async () => {
  const [all] = (await receivers(1)) as [Receiver]
  const router = new Router(SETTINGS, {
    tenants: [tenantRules(0, [{ name: 'siem', to: all.url }])],
    provider: { forwarders: [{ name: 'orphans', to: all.url, scope: 'orphans' }] },
  })
  open.push(router)
  await router.start()
  const { label } = testTenant(0)
  const other = label.replaceAll('-', '_')
  const line = (wrong: string, sequence: number): string => dfwLine(0, sequence).replace(label, wrong)
  await sendLines(router.port('tcp'), [line(other, 1), line(other, 2), line('nobody knows it', 3)])
  await all.until(() => all.lines === 3)
  const { unknown_labels } = (await router.ask('/api/v1/status')) as { unknown_labels: UnknownReport }
  expect(unknown_labels).toMatchObject({
    'nsxt.dfw': {
      events: 3,
      last: [
        { label: 'nobody knows it', events: 1, cut: false, nearest: null },
        {
          label: other,
          events: 2,
          nearest: {
            tenant: 'tenant-0',
            object: 'Data Center Group dcg0-of-tenant',
            by: 'vcd.dfw',
            differs: { kind: 'separators' },
          },
        },
      ],
    },
  })
  const bin = join(import.meta.dirname, '../../bin/logweir.js')
  const { stdout } = await promisify(execFile)(process.execPath, [bin, 'status', '--admin', router.admin], {
    env: { ...process.env, NO_COLOR: '1' },
    cwd: router.folder,
  }).catch((error: unknown) => error as { stdout: string; stderr: string })
  expect(stdout).toContain('nsxt.dfw: 3 events with a label that nobody owns; the last ones:')
  expect(stdout).toMatch(
    /"dcg0_10000000_aaaa_.*" \(2 events\): nearest "dcg0-10000000-aaaa-.*differs in separators/,
  )
  expect(await router.stop()).toBe(0)
})
