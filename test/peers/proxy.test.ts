/**
 * Is what HAProxy writes in front of its senders' bytes read: both versions, with TLS behind it, and its health checks? And
 * is it believed from the balancer only?
 */
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { SourceLedger } from '../../src/control/sources.ts'
import { makeAuthority, type TestAuthority, type TestPair } from '../support/authority.ts'
import { CountingSink } from '../support/counting-sink.ts'
import { freePort, needs, PeerFolder } from '../support/peers.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const EVENTS = 2000
const SENDER = '127.0.0.7'
const BALANCER = '127.0.0.2'

const folder = new PeerFolder()
let authority: TestAuthority
let server: TestPair
let sink: CountingSink
let router: Router | undefined

beforeAll(async () => {
  authority = await makeAuthority()
  server = await authority.issue(['localhost'])
})
afterEach(async () => {
  await router?.clean()
  await sink.close()
})
afterAll(() => folder.clean())

async function start(proxy_from: string[], more: object): Promise<Router> {
  const tls = {
    certificate: folder.put('in.crt', server.cert),
    key: folder.put('in.key', server.key),
    client_ca: folder.put('ca.crt', authority.ca),
    client_auth: 'request',
  }
  const common = { bind: '127.0.0.1:0', proxy_from, allow: ['127.0.0.0/8'] }
  const listeners = [
    { name: 'tcp', transport: 'tcp', ...common },
    { name: 'tls', transport: 'tls', ...common, tls },
  ]
  sink = await new CountingSink(EVENTS * 3).open()
  const tenants = [tenantRules(0, [{ name: 'siem', to: sink.url }])]
  router = new Router({ listeners, ...more }, { tenants })
  return router.start()
}

interface Ways {
  readonly v1: number
  readonly v2: number
  readonly tls: number
}

/** HAProxy in front of the router, connecting from `source`; answers the ports it listens on. */
async function balancer(name: string, to: Router, source: string): Promise<Ways> {
  const ways = { v1: await freePort(), v2: await freePort(), tls: await freePort() }
  const [tcp, tls] = [to.port('tcp'), to.port('tls')]
  const peer = folder.haproxy(
    name,
    `global
  stats socket ${folder.at(`${name}.ctl`)}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  source ${source}
  timeout check 5s
  default-server inter 300ms fall 1
listen v1
  bind 127.0.0.1:${ways.v1}
  server s 127.0.0.1:${tcp} send-proxy check
listen v2
  bind 127.0.0.1:${ways.v2}
  server s 127.0.0.1:${tcp} send-proxy-v2 proxy-v2-options unique-id,crc32c check
listen tls
  bind 127.0.0.1:${ways.tls}
  server s 127.0.0.1:${tls} send-proxy-v2-ssl-cn check check-ssl verify none`,
  )
  await peer.listening(ways.tls)
  return ways
}

/** What HAProxy's checks came to, by way in: layer, and how many failed. */
async function checks(name: string): Promise<Record<string, string>> {
  const socket = connectTcp(folder.at(`${name}.ctl`))
  socket.end('show stat\n')
  let text = ''
  for await (const piece of socket) text += String(piece)
  const [head = '', ...rows] = text.split('\n')
  const keys = head.replace(/^# /, '').split(',')
  const servers = rows.map((row) => row.split(',')).filter((row) => row[1] === 's')
  const field = (row: string[], key: string): string => row[keys.indexOf(key)] ?? ''
  return Object.fromEntries(
    servers.map((row) => [
      field(row, 'pxname'),
      `${field(row, 'status')} ${field(row, 'check_status')} ${field(row, 'chkfail')}`,
    ]),
  )
}

async function send(socket: Socket, from: number): Promise<void> {
  const lines = Array.from({ length: EVENTS }, (_, n) => `${dfwLine(0, from + n)}\n`)
  socket.end(lines.join(''))
  socket.resume()
  await once(socket, 'close')
}

test('HAProxy, both versions, checks, and TLS from end to end', async (context) => {
  needs(context, 'haproxy')
  // The balancer itself is no source: its checks must not be refused all the same.
  const sources = [{ name: 'hosts', from: [SENDER], streams: ['nsxt.dfw'] }]
  const made = await start([BALANCER], { sources })
  const ways = await balancer('good', made, BALANCER)
  const from = { host: '127.0.0.1', localAddress: SENDER }
  await send(connectTcp({ port: ways.v1, ...from }), 0)
  await send(connectTcp({ port: ways.v2, ...from }), EVENTS)
  const { cert, key } = await authority.issue(['esx01.example.net'])
  const tls = { cert, key, ca: authority.ca, servername: 'localhost' }
  await send(connectTls({ ...tls, socket: connectTcp({ port: ways.tls, ...from }) }), EVENTS * 2)
  await sink.until(EVENTS * 3)
  expect([sink.missing, sink.repeated, sink.strange]).toEqual([0, 0, 0])
  for (let tries = 0; tries < 100; tries++) {
    const states = Object.values(await checks('good'))
    if (states.length === 3 && states.every((state) => /L[46]OK/.test(state))) break
    await new Promise((done) => setTimeout(done, 50))
  }
  expect(await checks('good')).toEqual({ v1: 'UP L4OK 0', v2: 'UP L4OK 0', tls: 'UP L6OK 0' })
  const ledger = await made.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered >= EVENTS * 3)
  expect(ledger).toMatchObject({ received: EVENTS * 3, owned: EVENTS * 3 })
  // At most the connections by which this test waited for HAProxy, which are those of a stranger, where it passed them on.
  expect(Object.keys(ledger.refused).filter((reason) => reason !== 'unknown_source')).toEqual([])
  expect(ledger.refused['unknown_source'] ?? 0).toBeLessThanOrEqual(2)
  const { sources: seen } = ledger as unknown as { sources: SourceLedger[] }
  expect(seen[0]).toMatchObject({
    source: 'hosts',
    received: EVENTS * 3,
    streams: { 'nsxt.dfw': EVENTS * 3 },
  })
  expectBalanced(ledger)
  expect(await made.stop()).toBe(0)
})

test('from an address that is not listed every header is refused', async (context) => {
  needs(context, 'haproxy')
  const made = await start([BALANCER], {})
  const ways = await balancer('wrong', made, '127.0.0.3')
  for (const port of [ways.v1, ways.v2, ways.tls]) {
    const before = (await made.status()).refused['proxy_forged'] ?? 0
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`${dfwLine(0, 0)}\n`)
    await made.until(({ refused }) => (refused['proxy_forged'] ?? 0) > before)
    socket.destroy()
  }
  const ledger = await made.status()
  expect(ledger.received).toBe(0)
  expectBalanced(ledger)
  expect(await made.stop()).toBe(0)
})
