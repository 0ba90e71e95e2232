/** R59: where may a running router's forwarders not send, whatever names say when a connection is made? */
import { afterEach, expect, test } from 'vitest'
import { NameServerSink } from '../support/name-server.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { httpSink, udpSink } from '../support/sinks.ts'
import { logweir } from './cli/support.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const EVENTS = 50
const quick = { retry: { max: '200ms' } }

test('R59: names that lead to ourselves: no event comes back, no tenant reaches what stands on this machine', async () => {
  const names = await new NameServerSink(() => ['127.0.0.1']).open()
  const victim = await new Receiver().open()
  const web = await httpSink(() => ({ status: 200 }))
  const udp = await udpSink()
  for (const one of [names, victim, web, udp]) ends.push(() => one.close())
  const allow = ['127.0.0.0/8']
  const settings = {
    listeners: [
      { name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow },
      { name: 'relp', transport: 'relp', bind: '[::]:0', allow },
      { name: 'udp', transport: 'udp', bind: '127.0.0.1:0', allow },
      { name: 'cfapi', transport: 'cfapi', bind: '127.0.0.1:0', allow },
    ],
  }
  const router = new Router(settings, { tenants: [tenantRules(0, [])] })
  ends.push(() => router.clean())
  await router.start(names.environment)
  const at = (scheme: string, port: number, path = ''): string =>
    `${scheme}://siem.example.com:${port}${path}`
  const loops = [
    { name: 'loop-tcp', to: at('tcp', router.port('tcp')), ...quick },
    { name: 'loop-relp', to: at('relp', router.port('relp')), ...quick },
    { name: 'loop-udp', to: at('udp', router.port('udp')), ...quick },
    { name: 'loop-cfapi', type: 'cfapi', to: at('http', router.port('cfapi')), ...quick },
  ]
  const inside = [
    { name: 'in-tcp', to: at('tcp', victim.port), ...quick },
    { name: 'in-http', to: at('http', web.port, '/'), ...quick },
    { name: 'in-udp', to: at('udp', udp.port), ...quick },
  ]
  router.writeRules({
    tenants: [tenantRules(0, [...loops, ...inside])],
    // Operators may aim anywhere but at our own listeners.
    provider: {
      forwarders: [
        { name: 'allowed', to: at('tcp', victim.port), ...quick },
        { name: 'loop', to: at('tcp', router.port('tcp')), ...quick },
      ],
    },
  })
  const cli = ['--config', router.config, '--admin', router.admin]
  const reloaded = await logweir(['reload', ...cli])
  expect([reloaded.code, reloaded.stderr]).toEqual([0, ''])
  await sendLines(
    router.port('tcp'),
    Array.from({ length: EVENTS }, (_, n) => dfwLine(0, n)),
  )
  const listener = (name: string): RegExp =>
    new RegExp(`127\\.0\\.0\\.1.*it is our own listener ${name}, and every event`)
  const itself = /the name siem\.example\.com leads to this machine itself/
  const wanted: readonly (readonly [string, string, RegExp])[] = [
    ['tenant-0', 'loop-tcp', listener('tcp')],
    ['tenant-0', 'loop-relp', listener('relp')],
    ['tenant-0', 'loop-udp', listener('udp')],
    ['tenant-0', 'loop-cfapi', listener('cfapi')],
    ['provider', 'loop', listener('tcp')],
    ['tenant-0', 'in-tcp', itself],
    ['tenant-0', 'in-http', itself],
    ['tenant-0', 'in-udp', itself],
  ]
  const ledger = await router.until((one) =>
    wanted.every(([tenant, name, why]) => why.test(forwarderOf(one, tenant, name).last_error ?? '')),
  )
  for (const [tenant, name] of wanted)
    expect([name, forwarderOf(ledger, tenant, name)]).toMatchObject([
      name,
      { state: 'retrying', enqueued: EVENTS, delivered: 0, dropped: {} },
    ])
  await victim.until(() => victim.seen.size === EVENTS)
  // What came is what was sent, and nothing of the tenant's own reached anything here.
  const end = await router.until((one) => forwarderOf(one, 'provider', 'allowed').delivered === EVENTS)
  expect(end.received).toBe(EVENTS)
  expect([victim.lines, web.requests.length, udp.bytes]).toEqual([EVENTS, 0, 0])
  expectBalanced(end)
  const tried = await logweir(['forwarder', 'test', 'tenant-0/loop-tcp', ...cli])
  expect([tried.code, /FAIL connect .*our own listener tcp/.test(tried.stdout)]).toEqual([1, true])
})
