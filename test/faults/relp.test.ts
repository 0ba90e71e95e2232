/**
 * Is what was acknowledged over RELP kept? The router is killed again and again in the middle of a stream, with a
 * destination that comes and goes; what the sender was told is safe must reach the tenant, what it was not told it
 * sends again, as every RELP sender does.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { runSeed, seeded } from '../support/chance.ts'
import { NumberSink } from '../support/numbers.ts'
import { Sender } from '../support/relp-sender.ts'
import { expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** By hand: LOGWEIR_FAULT_KILLS=200. */
const KILLS = Math.min(Number(process.env['LOGWEIR_FAULT_KILLS'] ?? 6), 200)
const EVENTS_MAX = 2_000_000

let router: Router | undefined
let sink: NumberSink | undefined
afterEach(async () => {
  await router?.clean()
  await sink?.close()
})

test('R1, R66: with `spool: always` and kills at random moments nothing acknowledged is lost', async () => {
  const seed = runSeed()
  const random = seeded(seed)
  sink = await new NumberSink(EVENTS_MAX).open()
  const retry = { first: '10ms', max: '100ms' }
  const forwarder = { name: 'siem', to: sink.url, spool: 'always', retry }
  const listeners = [{ name: 'relp', transport: 'relp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const made = await new Router({ listeners }, { tenants: [tenantRules(0, [forwarder])] }).start()
  router = made
  const sender = new Sender()
  const running = sender.run(() => made.port('relp') || 1)
  let up = true
  for (let kill = 0; kill < KILLS; kill++) {
    if (random() < 0.4) {
      if (up) await sink.close()
      else await sink.open()
      up = !up
    }
    const before = sender.safe.size
    while (sender.safe.size < before + 500) await sleep(5)
    await sleep(random() * 200)
    await made.kill()
    await made.start()
  }
  if (!up) await sink.open()
  sender.stop = true
  await running
  expect(sender.safe.size).toBe(sender.next)
  await sink.until(() => sink?.missing(sender.next) === 0)
  const { doubled } = sink
  say(`RELP, ${KILLS} kills: seed ${seed}, ${sender.next} events acknowledged, ${doubled} came twice`)
  const ledger = await made.until((now) => {
    const { queued, spooled, in_flight } = forwarderOf(now, 'tenant-0', 'siem')
    return queued + spooled + in_flight === 0
  })
  expectBalanced(ledger)
  expect(await made.stop()).toBe(0)
})

test('a stop in the middle of a session: what was taken is answered, so nothing comes twice', async () => {
  sink = await new NumberSink(EVENTS_MAX).open()
  const forwarder = { name: 'siem', to: sink.url, spool: 'always' }
  const listeners = [{ name: 'relp', transport: 'relp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const made = await new Router({ listeners }, { tenants: [tenantRules(0, [forwarder])] }).start()
  router = made
  const sender = new Sender()
  const running = sender.run(() => made.port('relp') || 1)
  for (let stop = 0; stop < 3; stop++) {
    const before = sender.safe.size
    while (sender.safe.size < before + 500) await sleep(5)
    expect(await made.stop()).toBe(0)
    await made.start()
  }
  sender.stop = true
  await running
  await sink.until(() => sink?.missing(sender.next) === 0)
  const taken = sender.sent - sender.next
  say(`RELP, 3 stops: ${sender.next} events, ${taken} were sent again, ${sink.doubled} came twice`)
  expectBalanced(await made.status())
})

test('a full spool withholds the answer, and nothing acknowledged is dropped', async () => {
  sink = await new NumberSink(EVENTS_MAX).open()
  const { url } = sink
  await sink.close()
  const queue = { memory_max: '1MiB', disk_max: '1MiB', when_full: 'drop_newest' }
  const forwarder = { name: 'siem', to: url, spool: 'always', queue, retry: { first: '10ms', max: '100ms' } }
  const listeners = [{ name: 'relp', transport: 'relp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const made = await new Router({ listeners }, { tenants: [tenantRules(0, [forwarder])] }).start()
  router = made
  const sender = new Sender()
  const running = sender.run(() => made.port('relp') || 1)
  for (let quiet = 0, last = -1; quiet < 10; await sleep(100)) {
    quiet = sender.safe.size === last ? quiet + 1 : 0
    last = sender.safe.size
  }
  const held = await made.status()
  expect(sender.safe.size).toBeGreaterThan(500)
  expect(forwarderOf(held, 'tenant-0', 'siem').dropped).toEqual({})
  expectBalanced(held)
  await sink.open()
  const { size } = sender.safe
  while (sender.safe.size < size + 2000) await sleep(5)
  sender.stop = true
  await running
  await sink.until(() => sink?.missing(sender.next) === 0)
  expectBalanced(await made.status())
})
