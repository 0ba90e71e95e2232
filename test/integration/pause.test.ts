/** Does a paused forwarder stand still, keep everything, and go on when it should, alone among its siblings? */
import { afterEach, expect, test } from 'vitest'
import { logweir } from './cli/support.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const settings = {
  listeners: [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }],
  queue: { spill_after: '100ms' },
  workers: 2,
}

function* numbered(from: number, count: number): Generator<string> {
  for (let n = from; n < from + count; n++) yield dfwLine(0, n)
}

async function setUp(): Promise<{ a: Receiver; b: Receiver; router: Router; cli: string[] }> {
  const [a, b] = [await new Receiver().open(), await new Receiver().open()]
  const rules = {
    tenants: [
      tenantRules(0, [
        { name: 'siem', to: a.url },
        { name: 'second', to: b.url },
      ]),
    ],
  }
  const router = new Router(settings, rules)
  open.push(a, b, router)
  await router.start()
  return { a, b, router, cli: ['--config', router.config, '--admin', router.admin] }
}

test('pause, a restart, resume: nothing is delivered meanwhile, nothing is lost, the sibling goes on', async () => {
  const { a, b, router, cli } = await setUp()
  await sendLines(router.port('tcp'), numbered(0, 100))
  await a.until(() => a.lines === 100)
  const paused = await logweir(['forwarder', 'pause', 'tenant-0/siem', '--reason', 'upgrade', ...cli])
  expect(paused).toEqual({
    code: 0,
    stdout: 'tenant-0/siem: paused until it is resumed; what comes is queued and spooled\n',
    stderr: '',
  })
  await sendLines(router.port('tcp'), numbered(100, 100))
  await b.until(() => b.lines === 200)
  const ledger = await router.until((one) => forwarderOf(one, 'tenant-0', 'siem').spooled === 100)
  expect(forwarderOf(ledger, 'tenant-0', 'siem')).toMatchObject({
    state: 'paused',
    pause: { until: null, reason: 'upgrade' },
  })
  expect(forwarderOf(ledger, 'tenant-0', 'second')).toMatchObject({ state: 'active', pause: null })
  expectBalanced(ledger)
  const metrics = await (await fetch(`${router.admin}/metrics`)).text()
  expect(metrics).toContain('logweir_forwarder_state{tenant="tenant-0",forwarder="siem",state="paused"} 1')

  await router.stop()
  await router.start()
  const again = ['--config', router.config, '--admin', router.admin]
  await sendLines(router.port('tcp'), numbered(200, 100))
  await b.until(() => b.lines === 300)
  const shown = await logweir(['status', ...again])
  expect(shown.stdout).toContain('tenant-0/siem: paused by an operator since ')
  expect(a.lines).toBe(100)

  const resumed = await logweir(['forwarder', 'resume', 'tenant-0/siem', '--json', ...again])
  expect(JSON.parse(resumed.stdout)).toMatchObject({ state: 'resumed', pause: { reason: 'upgrade' } })
  await a.until(() => a.lines === 300)
  expect([...a.seen.keys()].sort((x, y) => x - y)).toEqual([...Array.from({ length: 300 }, (_, n) => n)])
  expectBalanced(await router.until((one) => forwarderOf(one, 'tenant-0', 'siem').state === 'active'))
  await router.stop()
})

test('one with a time goes on by itself', async () => {
  const { a, router, cli } = await setUp()
  expect((await logweir(['forwarder', 'pause', 'tenant-0/siem', '--for', '3s', ...cli])).code).toBe(0)
  await sendLines(router.port('tcp'), numbered(0, 50))
  const ledger = await router.until((one) => one.received === 50)
  expect(forwarderOf(ledger, 'tenant-0', 'siem').delivered).toBe(0)
  await router.seen(({ msg }) => msg === 'forwarder tenant-0/siem: its pause is over')
  await a.until(() => a.lines === 50)
  await router.stop()
})

test('what is no forwarder, no time or no action is one sentence', async () => {
  const { cli } = await setUp()
  const none = await logweir(['forwarder', 'pause', 'tenant-0/nobody', ...cli])
  expect([none.code, none.stderr.split('\n')[0]]).toEqual([
    1,
    'logweir: there is no forwarder "tenant-0/nobody"',
  ])
  const time = await logweir(['forwarder', 'pause', 'tenant-0/siem', '--for', '2', ...cli])
  expect([time.code, time.stderr.split('\n')[0]]).toEqual([2, 'logweir: a time needs its unit'])
  for (const words of [[], ['stop', 'a/b'], ['pause'], ['pause', 'a'], ['pause', 'a/b', 'c/d']])
    expect((await logweir(['forwarder', ...words, ...cli])).code).toBe(2)
  const twice = await logweir(['forwarder', 'resume', 'tenant-0/second', ...cli])
  expect([twice.code, twice.stdout]).toEqual([
    0,
    'tenant-0/second: was not paused by an operator; what waits after a failure is tried again now\n',
  ])
})
