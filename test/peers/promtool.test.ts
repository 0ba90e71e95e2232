/** Does promtool find nothing to say about the metrics of a router that drops, refuses, spools and retries? */
import { createSocket } from 'node:dgram'
import { afterEach, expect, test } from 'vitest'
import { freePort, needs, PeerFolder } from '../support/peers.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const EVENTS = 5000
const RATE_MAX = 100

const folder = new PeerFolder()
let made: Router | undefined
let receiver: Receiver | undefined
afterEach(async () => {
  await made?.clean()
  await receiver?.close()
  await folder.clean()
})

test('nothing to say, under traffic', async (context) => {
  needs(context, 'promtool')
  receiver = await new Receiver().open()
  const nobody = await freePort()
  const queue = { memory_max: '64KiB', disk_max: '128KiB', when_full: 'drop_oldest' }
  const rules = {
    tenants: [
      tenantRules(0, [
        { name: 'siem', to: receiver.url },
        { name: 'json', to: receiver.url, format: 'json' },
        { name: 'file', to: 'file:../out.log' },
      ]),
      { ...tenantRules(1, [{ name: 'away', to: `tcp://127.0.0.1:${nobody}`, queue }]), rate_max: RATE_MAX },
      tenantRules(2, [{ name: 'away', to: `tcp://127.0.0.1:${nobody}`, queue }]),
    ],
    provider: { forwarders: [{ name: 'orphans', to: `udp://127.0.0.1:${nobody}`, scope: 'orphans' }] },
  }
  const common = { bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }
  const listeners = [
    { name: 'tcp', transport: 'tcp', ...common },
    { name: 'udp', transport: 'udp', ...common },
    { name: 'closed', transport: 'tcp', ...common, allow: ['192.0.2.0/24'] },
  ]
  made = await new Router({ listeners }, rules).start()
  const lines = Array.from({ length: EVENTS }, (_, n) => (n % 10 === 9 ? 'nobody’s' : dfwLine(n % 3, n)))
  await sendLines(made.port('tcp'), lines)
  const socket = createSocket('udp4')
  await new Promise((done) => socket.send(Buffer.alloc(0), made?.port('udp'), '127.0.0.1', done))
  socket.close()
  await sendLines(made.port('closed'), lines.slice(0, 10)).catch(() => undefined)

  const ledger = await made.until((now) => {
    const limited = forwarderOf(now, 'tenant-1', 'away').dropped['tenant_rate'] ?? 0
    const full = forwarderOf(now, 'tenant-2', 'away').dropped['queue_full'] ?? 0
    const { empty = 0, not_allowed = 0 } = now.refused
    return limited > 0 && full > 0 && empty > 0 && not_allowed > 0
  })
  expectBalanced(ledger)
  const answer = await fetch(`${made.admin}/metrics`)
  const text = await answer.text()
  for (const sample of [
    /^logweir_events_refused_total\{listener="closed",reason="not_allowed"\} [1-9]/m,
    /^logweir_forwarder_events_total\{tenant="tenant-2",forwarder="away",outcome="queue_full"\} [1-9]/m,
    /^logweir_forwarder_state\{tenant="tenant-2",forwarder="away",state="retrying"\} 1$/m,
    /^logweir_ledger_imbalance 0$/m,
  ])
    expect(text).toMatch(sample)
  expect(await folder.run('promtool', ['check', 'metrics'], { input: text }).done()).toBe('')
  expect(await made.stop()).toBe(0)
})
