/**
 * Two routers behind HAProxy, which asks `/readyz`: one after the other is drained, stopped, started again. Does a sender
 * notice anything? Long RELP sessions, and connections that come and go as fast as they can.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, expect, test } from 'vitest'
import { logweir } from '../integration/cli/support.ts'
import { NumberSink } from '../support/numbers.ts'
import { freePort, needs, PeerFolder } from '../support/peers.ts'
import { Sender } from '../support/relp-sender.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** Numbers of events over plain TCP begin here. */
const TCP_FROM = 1_000_000
const LINES = 10

const folder = new PeerFolder()
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(() => folder.clean())

/** A router whose ports stay the same over restarts: HAProxy knows them. */
async function node(
  sink: NumberSink,
): Promise<{ router: Router; ports: Record<'relp' | 'tcp' | 'admin', number> }> {
  const ports = { relp: await freePort(), tcp: await freePort(), admin: await freePort() }
  const listeners = (['relp', 'tcp'] as const).map((transport) => ({
    name: transport,
    transport,
    bind: `127.0.0.1:${ports[transport]}`,
    allow: ['127.0.0.0/8'],
  }))
  const settings = {
    listeners,
    admin: { bind: `127.0.0.1:${ports.admin}` },
    // Twice what HAProxy needs to notice.
    drain: { grace: '2s', close: '5s' },
  }
  const forwarder = { name: 'siem', to: sink.url, spool: 'always', retry: { first: '20ms', max: '100ms' } }
  const router = await new Router(settings, { tenants: [tenantRules(0, [forwarder])] }).start()
  ends.push(() => router.clean())
  return { router, ports }
}

test('two nodes are drained and restarted in turn: no connection fails, and no event is lost', async (context) => {
  needs(context, 'haproxy')
  const sink = await new NumberSink(TCP_FROM * 2).open()
  ends.push(() => sink.close())
  const nodes = [await node(sink), await node(sink)]
  const ways = { relp: await freePort(), tcp: await freePort() }
  const listen = (way: 'relp' | 'tcp'): string => `listen ${way}
  bind 127.0.0.1:${ways[way]}
  option httpchk GET /readyz
  http-check expect status 200
${nodes.map(({ ports }, n) => `  server n${n} 127.0.0.1:${ports[way]} check port ${ports.admin} inter 200ms fall 2 rise 1`).join('\n')}`
  const peer = folder.haproxy(
    'drain',
    `defaults
  mode tcp
  balance roundrobin
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 5s
${listen('relp')}
${listen('tcp')}`,
  )
  await peer.listening(ways.tcp)

  const sender = new Sender(TCP_FROM)
  const relp = sender.run(() => ways.relp)
  const state = { on: true, connections: 0 }
  const failures: string[] = []
  const tcp = (async () => {
    while (state.on) {
      const from = TCP_FROM + state.connections * LINES
      const socket = connect(ways.tcp, '127.0.0.1')
      socket.on('error', ({ message }) => failures.push(message))
      socket.resume()
      const lines = Array.from({ length: LINES }, (_, n) => `${dfwLine(0, from + n)}\n`)
      socket.end(lines.join(''))
      await once(socket, 'close')
      state.connections += 1
      await new Promise((done) => setTimeout(done, 10))
    }
  })()

  for (const { router } of nodes) {
    const before = [sender.safe.size, state.connections]
    const cli = ['--config', router.config, '--admin', router.admin]
    const ended = await logweir(['drain', '--wait', '60s', ...cli])
    expect([ended.code, ended.stderr.includes('listeners are closed')]).toEqual([0, true])
    const drained = await router.status()
    expectBalanced(drained)
    expect(drained).toMatchObject({ refused: {}, drain: { state: 'drained', left: 0 } })
    // The other one has it all.
    await expect.poll(() => sender.safe.size, { timeout: 30_000 }).toBeGreaterThan((before[0] ?? 0) + 500)
    await expect.poll(() => state.connections, { timeout: 30_000 }).toBeGreaterThan((before[1] ?? 0) + 20)
    expect((await router.status()).received).toBe(drained.received)
    expect(await router.stop()).toBe(0)
    expect(router.log.at(-1)).toMatchObject({ msg: 'stopped', spooled: 0, imbalance: 0 })
    await router.start()
    await router.until(({ received }) => received > 0)
  }

  state.on = false
  sender.stop = true
  await Promise.all([tcp, relp])
  const sent = state.connections * LINES
  await sink.until(() => {
    const missing = [...sender.safe].some((number) => sink.times[number] === 0)
    return !missing && sink.times.subarray(TCP_FROM, TCP_FROM + sent).every((times) => times > 0)
  })
  expect(failures).toEqual([])
  say(`two nodes drained: ${sender.safe.size} events over RELP, ${state.connections} connections over TCP`)
  for (const { router } of nodes) {
    expectBalanced(await router.status())
    expect(await router.stop()).toBe(0)
  }
})
