/** What rules say of events, in the running router: redaction before disk and socket, gates in the ledger, hit counts. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { RuleReport } from '../../src/control/rule-hits.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules, testTenant } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

async function receiver(): Promise<Receiver> {
  const made = await new Receiver().open()
  open.push(made)
  return made
}

function router(rules: object): Router {
  // What is on disk is looked at byte by byte.
  const made = new Router({ listeners, spool: { compression: 'off' } }, rules)
  open.push(made)
  return made
}

/** All bytes below a folder. */
function bytesBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true && path.endsWith('.db'))
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n')
}

const lines = (count: number): string[] => Array.from({ length: count }, (_, n) => dfwLine(0, n))

test('what is redacted never reaches a disk, and its hashes outlive reload and restart', async () => {
  const [own, all] = [await receiver(), await receiver()]
  const redacted = { hide_hosts: true, redact: [{ field: 'source_ip', hash: true }] }
  // Nobody listens on the port of a receiver that is closed: everything for it goes to disk.
  const dead = await receiver()
  const dead_url = dead.url
  await dead.close()
  const rules = {
    tenants: [
      tenantRules(0, [
        { name: 'siem', to: own.url, ...redacted },
        { name: 'down', to: dead_url, spool: 'always', ...redacted },
      ]),
    ],
    provider: { forwarders: [{ name: 'all', to: all.url }] },
  }
  const made = await router(rules).start()
  await sendLines(made.port('tcp'), lines(200))
  await Promise.all([own.until(() => own.lines === 200), all.until(() => all.lines === 200)])
  expect(all.sample).toContain('esx01.example.net')
  expect(own.sample).toMatch(
    / host-[0-9a-f]{8} FIREWALL-PKTLOG .* TCP 2[45]\d\.\d+\.\d+\.\d+\/50000->10\.9\.9\.9\/443/,
  )
  const { label } = testTenant(0)
  const onDisk = (): string => bytesBelow(join(made.folder, 'var', 'spool'))
  // A page of the file may end inside an event.
  await made.until(() => onDisk().split(label).length > 190)
  const spool = onDisk()
  expect(spool).not.toContain('esx01')
  expect(spool).not.toContain('10.0.0.1/50000')
  const token = / (host-[0-9a-f]{8}) /.exec(own.sample)?.[1]

  made.writeRules({ ...rules, provider: { forwarders: [] } })
  expect(await made.ask('/api/v1/reload', 'POST')).toMatchObject({ outcome: 'accepted' })
  await sendLines(made.port('tcp'), lines(1))
  await own.until(() => own.lines === 201)
  expect(own.sample).toContain(` ${token} `)
  expectBalanced(await made.status())
  expect(await made.stop()).toBe(0)

  await made.start()
  await sendLines(made.port('tcp'), lines(1))
  await own.until(() => own.lines === 202)
  expect(own.sample).toContain(` ${token} `)
  expect(statSync(join(made.folder, 'var', 'redaction.key')).mode & 0o777).toBe(0o600)
  expect(JSON.stringify([made.log, await made.status()])).not.toContain(
    readFileSync(join(made.folder, 'var', 'redaction.key'), 'utf8').trim(),
  )
})

test('gates are in the ledger; rules that no event meets show', async () => {
  const own = await receiver()
  const made = await router({
    conditions: { web: { destination_port: 443 }, mail: { destination_port: 25 } },
    templates: {
      standard: {
        parameters: { to: {}, only: { default: { use: 'web' } } },
        forwarders: [{ name: 'siem', to: '${to}', where: '${only}' }],
      },
    },
    tenants: [
      {
        ...tenantRules(0, [
          { name: 'tenth', to: own.url, sample: '10%' },
          { name: 'capped', to: own.url, rate_max: 50 },
          { name: 'mail', to: own.url, where: { use: 'mail' } },
        ]),
        use: 'standard',
        with: { to: own.url },
      },
    ],
  }).start()
  await sendLines(made.port('tcp'), lines(2000))
  const ledger = await made.until(({ received, forwarders }) => {
    const held = forwarders.reduce((sum, one) => sum + one.queued + one.in_flight, 0)
    return received === 2000 && held === 0
  })
  expectBalanced(ledger)
  const by = (name: string) => ledger.forwarders.find(({ forwarder }) => forwarder === name)
  expect(by('siem')).toMatchObject({ enqueued: 2000, delivered: 2000 })
  expect(by('tenth')?.enqueued).toBe(2000)
  expect(by('tenth')?.delivered).toBeGreaterThan(100)
  expect(by('tenth')?.dropped['sampled']).toBe(2000 - (by('tenth')?.delivered ?? 0))
  expect(by('capped')?.delivered).toBeGreaterThanOrEqual(50)
  expect(by('capped')?.dropped['forwarder_rate']).toBe(2000 - (by('capped')?.delivered ?? 0))
  const { rules } = (await made.status()) as unknown as { rules: RuleReport }
  expect(rules.conditions).toEqual([
    { name: 'web', asked: 2000, held: 2000 },
    { name: 'mail', asked: 2000, held: 0 },
  ])
  expect(rules.found_by['vcd.dfw']).toBe(2000)
  expect(rules.unused).toContainEqual({ what: 'condition', name: 'mail', seen: 2000 })
  expect(rules.unused).toContainEqual({ what: 'forwarder', name: 'tenant-0/mail', seen: 2000 })
  const metrics = await (await fetch(`${made.admin}/metrics`)).text()
  expect(metrics).toContain('logweir_condition_events_total{condition="web",outcome="held"} 2000')
  expect(metrics).toContain('logweir_events_found_total{by="vcd.dfw"} 2000')
  expect(metrics).toMatch(
    /logweir_forwarder_events_total\{tenant="tenant-0",forwarder="tenth",outcome="sampled"\} \d+/,
  )
})
