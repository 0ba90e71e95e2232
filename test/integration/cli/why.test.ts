/** Do show, diff and why tell an operator at night where a tenant's events stop? */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Diff } from '../../../src/control/diff.ts'
import type { Why } from '../../../src/control/why.ts'
import { Receiver, sendLines } from '../../support/receiver.ts'
import { dfwLine, Router, tenantRules, testTenant } from '../../support/router.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { logweir } from './support.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

async function rig(where?: object): Promise<{ router: Router; receiver: Receiver }> {
  const receiver = await new Receiver().open()
  const siem = { name: 'siem', to: receiver.url, ...(where === undefined ? {} : { where }) }
  const rules = {
    tenants: [tenantRules(0, [siem]), tenantRules(1, [{ name: 'siem', to: 'tcp://127.0.0.1:9' }])],
    provider: { forwarders: [{ name: 'all', to: receiver.url }] },
  }
  const router = new Router({ listeners }, rules)
  open.push(router, receiver)
  await router.start()
  return { router, receiver }
}

const answerOf = async (router: Router, tenant: string): Promise<Why> =>
  (await router.ask(`/api/v1/why/${tenant}`)) as Why

test('why: nothing came, then a condition that rejects, with last events that stay over a reload', async () => {
  const { router, receiver } = await rig({ action: 'DROP' })
  expect((await answerOf(router, 'tenant-0')).hints[0]).toContain('no event of a stream that carries labels')
  await sendLines(router.port('tcp'), [dfwLine(0, 1), dfwLine(0, 2), dfwLine(1, 3)])
  await receiver.until(() => receiver.lines === 3)
  const first = await answerOf(router, 'tenant-0')
  expect(first.hints).toEqual(['tenant-0/siem: its `where` rejected all 2 events: action is DROP'])
  expect(first.forwarders[0]).toMatchObject({ asked: 2, passed: 0, rejected: 2, state: 'active' })
  const group = first.objects.find(({ events }) => events === 2)
  expect(group).toMatchObject({ object: `Data Center Group ${testTenant(0).group}`, by: 'vcd.dfw' })
  router.signal('SIGHUP')
  await router.seen(({ msg }) => msg === 'rules generation 2 runs')
  const again = await answerOf(router, 'tenant-0')
  expect(again.events).toEqual({ start: 2, generation: 0 })
  expect(again.objects.find(({ events }) => events === 2)?.last).toBe(group?.last)
  expect((await answerOf(router, 'tenant-1')).hints.join()).toMatch(
    /tenant-1\/siem is retrying: .*holds 1 events/,
  )
})

test('why: a label that is nobody’s is shown beside the tenant’s own', async () => {
  const { router, receiver } = await rig()
  const { label } = testTenant(0)
  const line = dfwLine(0, 1).replace(label, `${label.slice(0, 5)}x${label.slice(6)}`)
  await sendLines(router.port('tcp'), [line])
  await receiver.until(() => receiver.lines === 1)
  const { hints, unknown_labels } = await answerOf(router, 'tenant-0')
  expect(hints[0]).toContain("no event was tenant-0's since the start, of 1 of nsxt.dfw")
  expect(unknown_labels[0]).toMatchObject({ stream: 'nsxt.dfw', nearest: { tenant: 'tenant-0' } })
  const options = ['--config', router.config, '--admin', router.admin]
  const { code, stdout } = await logweir(['why', 'tenant-0', ...options])
  expect(code).toBe(0)
  expect(stdout).toMatch(/Data Center Group dcg0-of-tenant +vcd\.dfw +0 +never/)
  expect(stdout).toContain("is nobody's")
  const unknown = await logweir(['why', 'tenant-7', ...options])
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toContain('no such tenant')
  expect((await logweir(['why', ...options])).code).toBe(2)
})

test('diff: tenants, objects that change hands and destinations, without taking anything over', async () => {
  const { router, receiver } = await rig()
  await sendLines(router.port('tcp'), [dfwLine(1, 1)])
  await receiver.until(() => receiver.lines === 1)
  router.writeRules({
    tenants: [
      tenantRules(0, [{ name: 'siem', to: 'tcp://127.0.0.1:10' }]),
      { ...tenantRules(1, []), name: 'newcomer' },
    ],
    provider: { forwarders: [{ name: 'all', to: receiver.url, where: { stream: 'nsxt.dfw' } }] },
  })
  const options = ['--config', router.config, '--admin', router.admin]
  const { code, stdout } = await logweir(['diff', ...options])
  expect(code).toBe(0)
  for (const line of [
    'tenants added: newcomer',
    'tenants renamed: tenant-1 -> newcomer',
    'moved to another tenant: Data Center Group dcg1-of-tenant: tenant-1 -> newcomer',
    `other destinations: tenant-0/siem: ${receiver.url} -> tcp://127.0.0.1:10`,
    'forwarders removed: tenant-1/siem -> tcp://127.0.0.1:9',
    'provider/all (where)',
    'tenant-1/siem still holds 1 events',
  ])
    expect(stdout).toContain(line)
  expect((await router.ask('/api/v1/status')) as object).toMatchObject({ generation: 1 })
  router.writeRules('version: 1\ntenants: [{ nam: x }]\n')
  const wrong = await logweir(['diff', '--json', ...options])
  expect(wrong.code).toBe(1)
  expect((JSON.parse(wrong.stdout) as Diff).findings.length).toBeGreaterThan(0)
})

test('show: each value with where it was written, through templates and defaults, and no secret', async () => {
  const rules = {
    version: 1,
    defaults: { forwarders: { queue: { disk_max: '2GiB' } } },
    templates: {
      standard: {
        parameters: { siem: null },
        forwarders: [{ name: 'siem', to: 'tcp://${siem}:6514', where: { action: 'DROP' } }],
      },
    },
    tenants: [
      {
        name: 'acme',
        org: { id: 'a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10', name: 'ACME' },
        labels: ['ACME-1'],
        use: 'standard',
        with: { siem: '10.0.0.1' },
        forwarders: [{ name: 'web', to: 'https://x.example/y', token: { env: 'SHOW_TOKEN' } }],
      },
    ],
  }
  const folder = tempFolder({ 'rules/a.yaml': stringify(rules) })
  const config = join(folder, 'logweir.yaml')
  writeFileSync(config, stringify({ version: 1, listeners }))
  const env = { SHOW_TOKEN: 'very-secret' }
  const { code, stdout } = await logweir(['show', 'acme', '--config', config], { env })
  expect(code).toBe(0)
  expect(stdout).not.toContain('very-secret')
  expect(stdout).toMatch(/to +"tcp:\/\/10\.0\.0\.1:6514" .*a\.yaml:\d+:\d+ \(template standard/)
  expect(stdout).toMatch(/queue\.disk_max +"2GiB" .*a\.yaml:5:\d+ \(defaults/)
  expect(stdout).toMatch(/token +\(from a reference, not shown\) .*a\.yaml:\d+/)
  expect(stdout).toMatch(/spool +overflow +default/)
  const one = await logweir(['show', 'acme/siem', '--json', '--config', config], { env })
  const { entries } = JSON.parse(one.stdout) as { entries: { name: string }[] }
  expect(entries.map(({ name }) => name)).toEqual(['acme/siem'])
  const none = await logweir(['show', 'acne', '--config', config], { env })
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('did you mean `acme`?')])
})
