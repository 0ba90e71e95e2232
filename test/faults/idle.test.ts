/** What costs nothing while nothing happens: tenants without events (R63), connections that came and went (R42). */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { descriptors, mib, processorMs, residentBytes } from '../support/process.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { refuse } from '../support/sinks.ts'

const listeners = [
  {
    name: 'tcp',
    transport: 'tcp',
    bind: '127.0.0.1:0',
    allow: ['127.0.0.0/8'],
    connections_per_address: 4000,
  },
]
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function started(rules: object): Promise<Router> {
  const router = new Router({ listeners, limits: { forwarder_idle: '500ms' } }, rules)
  ends.push(() => router.clean())
  return router.start()
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

/** Part of one core that the router takes over so long. */
async function busy(router: Router, ms: number): Promise<number> {
  const before = processorMs(router.pid)
  const began = performance.now()
  await pause(ms)
  return (processorMs(router.pid) - before) / (performance.now() - began)
}

test('R63: a thousand tenants with idle forwarders take no processor time, no connection and no descriptor', async () => {
  const dead = await refuse()
  const tenants = Array.from({ length: 1000 }, (_, n) =>
    tenantRules(n, [{ name: 'siem', to: `tcp://127.0.0.1:${dead}` }]),
  )
  const none = await started({})
  const [fds, memory] = [descriptors(none.pid), residentBytes(none.pid)]
  await none.stop()
  const router = await started({ tenants })
  const load = await busy(router, 5000)
  const [more, grown] = [descriptors(router.pid) - fds, residentBytes(router.pid) - memory]
  say(
    `R63: ${(load * 100).toFixed(1)} % of a core, ${more} descriptors and ${mib(grown)} more than without tenants`,
  )
  expect(load).toBeLessThan(0.2)
  expect(more).toBeLessThan(10)
  expectBalanced(await router.status())
  await router.stop()
})

test('R63: forwarders that have had their event are idle again: connections closed, no processor time', async () => {
  const siem = await new Receiver().open()
  ends.push(() => siem.close())
  const count = 300
  const tenants = Array.from({ length: count }, (_, n) => tenantRules(n, [{ name: 'siem', to: siem.url }]))
  const router = await started({ tenants })
  const fds = descriptors(router.pid)
  const lines = Array.from({ length: count }, (_, n) => dfwLine(n, n))
  await sendLines(router.port('tcp'), lines)
  await siem.until(() => siem.seen.size === count)
  expect(siem.lines).toBe(count)
  await expect.poll(() => descriptors(router.pid), { timeout: 20_000 }).toBeLessThanOrEqual(fds + 5)
  const load = await busy(router, 2000)
  say(`R63: ${(load * 100).toFixed(1)} % of a core with ${count} forwarders at rest`)
  expect(load).toBeLessThan(0.2)
  expectBalanced(await router.status())
  await router.stop()
})

test('R42: connections that come and go in every way leave no descriptor behind', async () => {
  const router = await started({})
  const port = router.port('tcp')
  const fds = descriptors(router.pid)
  const ways = [
    (socket: ReturnType<typeof connect>) => socket.end(),
    (socket: ReturnType<typeof connect>) => socket.resetAndDestroy(),
    (socket: ReturnType<typeof connect>) => socket.end('<13>half a fra'),
    (socket: ReturnType<typeof connect>) => socket.write('<13>half a fra', () => socket.resetAndDestroy()),
  ]
  const rounds = Number(process.env['LOGWEIR_FAULT_CONNECTS'] ?? 4000) / 40
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        await once(socket, 'connect')
        socket.resume()
        ways[n % ways.length]?.(socket)
        if (!socket.closed) await once(socket, 'close')
      }),
    )
  }
  await expect.poll(() => descriptors(router.pid), { timeout: 10_000 }).toBeLessThanOrEqual(fds + 5)
  expectBalanced(await router.status())
  expect(await router.stop()).toBe(0)
})
