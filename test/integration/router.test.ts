/** Does the whole router do its job: tenants get their own events, the provider everything, and the books balance? */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

async function receivers(count: number): Promise<Receiver[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new Receiver().open()))
  open.push(...made)
  return made
}

function router(settings: object, rules: object): Router {
  const made = new Router(settings, rules)
  open.push(made)
  return made
}

function* numbered(tenants: number, count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield dfwLine(n % tenants, n)
}

test('each tenant gets its own events, the provider gets all, nobody gets another’s', async () => {
  const [a, b, all, orphans] = (await receivers(4)) as [Receiver, Receiver, Receiver, Receiver]
  const rules = {
    tenants: [tenantRules(0, [{ name: 'siem', to: a.url }]), tenantRules(1, [{ name: 'siem', to: b.url }])],
    provider: {
      forwarders: [
        { name: 'all', to: all.url },
        { name: 'orphans', to: orphans.url, scope: 'orphans' },
      ],
    },
  }
  const made = await router({ listeners }, rules).start()
  await sendLines(made.port('tcp'), [...numbered(2, 1000), dfwLine(7, 1000), 'no header at all'])
  await Promise.all([
    a.until(() => a.lines === 500),
    b.until(() => b.lines === 500),
    all.until(() => all.lines === 1002),
  ])
  await orphans.until(() => orphans.lines === 2)
  expect([...a.seen.keys()].every((n) => n % 2 === 0)).toBe(true)
  expect([...b.seen.keys()].every((n) => n % 2 === 1)).toBe(true)
  const ledger = await made.status()
  expectBalanced(ledger)
  expect(ledger.received).toBe(1002)
  expect(ledger.orphaned).toBe(2)
  expect(await made.stop()).toBe(0)
})

test('a condition on a forwarder lets through what it names', async () => {
  const [a] = (await receivers(1)) as [Receiver]
  const where = { rule_id: [3, 5], direction: 'OUT', protocol: 'TCP', destination_port: '400-450' }
  const rules = { tenants: [tenantRules(0, [{ name: 'siem', to: a.url, where }])] }
  const made = await router({ listeners }, rules).start()
  await sendLines(made.port('tcp'), numbered(1, 10))
  await a.until(() => a.lines === 2)
  expect([...a.seen.keys()]).toEqual([3, 5])
  expectBalanced(await made.until((ledger) => ledger.received === 10))
  await made.stop()
})

test('SIGHUP takes new rules over; wrong ones change nothing', async () => {
  const [a, b] = (await receivers(2)) as [Receiver, Receiver]
  const first = { tenants: [tenantRules(0, [{ name: 'siem', to: a.url }])] }
  const made = await router({ listeners }, first).start()
  await sendLines(made.port('tcp'), numbered(1, 10))
  await a.until(() => a.lines === 10)

  made.writeRules('version: 1\ntenants:\n  - name: tenant-0\n    forwarder: []\n')
  made.signal('SIGHUP')
  const rejected = await made.seen(({ msg }) => msg.startsWith('reload rejected'))
  expect(JSON.stringify(rejected)).toContain('tenants.yaml:4:5')
  await sendLines(made.port('tcp'), numbered(1, 20))
  await a.until(() => a.lines === 30)

  made.writeRules({
    tenants: [tenantRules(0, [{ name: 'siem', to: a.url }]), tenantRules(1, [{ name: 'siem', to: b.url }])],
  })
  made.signal('SIGHUP')
  await made.seen(({ msg }) => msg === 'rules generation 2 runs')
  await sendLines(made.port('tcp'), numbered(2, 20))
  await b.until(() => b.lines === 10)
  expectBalanced(await made.status())
  await made.stop()
})

test('a start with broken rules runs on the last good ones and says so; without any it ends with 2', async () => {
  const [a] = (await receivers(1)) as [Receiver]
  const made = await router(
    { listeners },
    { tenants: [tenantRules(0, [{ name: 'siem', to: a.url }])] },
  ).start()
  await made.stop()
  made.writeRules('version: 1\ntenants: [{ nam: x }]\n')
  await made.start()
  expect(made.log.some(({ msg }) => msg.includes('last good rules run'))).toBe(true)
  await sendLines(made.port('tcp'), numbered(1, 5))
  await a.until(() => a.lines === 5)
  expectBalanced(await made.status())
  await made.stop()
  await expect(router({ listeners }, {}).start()).resolves.toBeDefined()
  const broken = router({ listeners }, {})
  broken.writeRules('version: 1\ntenants: [{ nam: x }]\n')
  await expect(broken.start()).rejects.toThrow('ended with 2')
})

test('two workers share ports, sum their books and reload together', async () => {
  const [a, b] = (await receivers(2)) as [Receiver, Receiver]
  const rules = {
    tenants: [tenantRules(0, [{ name: 'siem', to: a.url }]), tenantRules(1, [{ name: 'siem', to: b.url }])],
  }
  const made = await router({ listeners, workers: 2 }, rules).start()
  const port = made.port('tcp')
  await Promise.all(Array.from({ length: 8 }, () => sendLines(port, numbered(2, 100))))
  await Promise.all([a.until(() => a.lines === 400), b.until(() => b.lines === 400)])
  made.signal('SIGHUP')
  await made.seen(({ msg }) => msg === 'rules generation 2 runs')
  await Promise.all(Array.from({ length: 8 }, () => sendLines(port, numbered(2, 100))))
  await Promise.all([a.until(() => a.lines === 800), b.until(() => b.lines === 800)])
  const ledger = await made.status()
  expectBalanced(ledger)
  expect(ledger.received).toBe(1600)
  await made.stop()
})

test('metrics and health answer without a token, the rest does not', async () => {
  const made = await router({ listeners }, {}).start()
  expect((await fetch(`${made.admin}/healthz`)).status).toBe(200)
  expect((await fetch(`${made.admin}/readyz`)).status).toBe(200)
  expect((await fetch(`${made.admin}/openapi.json`)).status).toBe(200)
  expect((await fetch(`${made.admin}/api/v1/status`)).status).toBe(401)
  const text = await (await fetch(`${made.admin}/metrics`)).text()
  for (const name of [
    'logweir_events_received_total',
    'logweir_ledger_imbalance 0',
    'logweir_rules_reloads_total',
  ]) {
    expect(text).toContain(name)
  }
  await made.stop()
})

test('a second router on the same data folder is refused in one sentence', async () => {
  const made = await router({ listeners }, {}).start()
  const second = router({ listeners, data: `${made.folder}/var` }, {})
  await expect(second.start()).rejects.toThrow(/ended with 2.*data folder|in use/s)
  await made.stop()
})

test('random bytes leave the router alive and the books balanced', async () => {
  const made = await router({ listeners }, {}).start()
  const noise = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7919 + (n >> 3)) & 0xff))
  const socket = connect(made.port('tcp'), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.end(noise)
  socket.resume()
  await once(socket, 'close')
  expectBalanced(await made.status())
  expect(await made.stop()).toBe(0)
})
