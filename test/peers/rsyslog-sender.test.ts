/** Does what rsyslog forwards arrive, octet-counted over TCP and TLS, and only from those who show their certificate? */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeAuthority, type TestAuthority, type TestPair } from '../support/authority.ts'
import { freePort, needs, type Peer, PeerFolder } from '../support/peers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { goodSink, type StreamSink } from '../support/sinks.ts'

const EVENTS = 10_000
const folder = new PeerFolder()
let authority: TestAuthority
let server: TestPair
let made: Router | undefined
let tenant: StreamSink | undefined
let all: StreamSink | undefined

beforeAll(async () => {
  authority = await makeAuthority()
  server = await authority.issue(['localhost'])
  folder.put('ca.crt', authority.ca)
})
afterEach(async () => {
  await made?.clean()
  await tenant?.close()
  await all?.close()
})
afterAll(() => folder.clean())

/** A router whose listener `in` is so; tenant 0 and the provider receive everything they are to see. */
async function start(listener: object): Promise<Router> {
  tenant = await goodSink()
  all = await goodSink()
  const listeners = [{ name: 'in', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'], ...listener }]
  const rules = {
    tenants: [tenantRules(0, [{ name: 'siem', to: `tcp://127.0.0.1:${tenant.port}` }])],
    provider: { forwarders: [{ name: 'all', to: `tcp://127.0.0.1:${all.port}` }] },
  }
  made = new Router({ listeners }, rules)
  return made.start()
}

const tlsListener = (): object => {
  const files = { certificate: folder.put('in.crt', server.cert), key: folder.put('in.key', server.key) }
  return { transport: 'tls', tls: { ...files, client_ca: folder.at('ca.crt'), client_auth: 'required' } }
}

/** Every other event is the tenant's; the rest has what text can hold: other alphabets, tabs, nothing at all. */
const events = Array.from({ length: EVENTS }, (_, n) =>
  n % 2 === 0
    ? dfwLine(0, n)
    : `<134>1 2026-05-15T19:41:25.${String(n % 1000).padStart(3, '0')}+02:00 höst app ${n} ID47 ` +
      `[ex@32473 k="a\\]b\\"c"] ${['tab\there', '漢字 и ещё 🙂', '%percent% $dollar \\ back', ''][(n >> 1) % 4]}`,
)

/** rsyslog that takes lines on a port and forwards them unchanged; `driver`: of its connection to `to`. */
async function forwarding(name: string, to: number, head = '', driver = ''): Promise<[Peer, number]> {
  const port = await freePort()
  const peer = folder.rsyslog(
    name,
    `${head}
module(load="imptcp")
main_queue(queue.type="FixedArray" queue.size="100000" queue.timeoutShutdown="1" queue.timeoutActionCompletion="1")
template(name="raw" type="string" string="%rawmsg%")
input(type="imptcp" address="127.0.0.1" port="${port}")
action(type="omfwd" protocol="tcp" target="127.0.0.1" port="${to}" tcp_framing="octet-counted" template="raw"
  action.resumeInterval="1" action.resumeRetryCount="-1" ${driver})`,
  )
  return [await peer.listening(port), port]
}

const DRIVER =
  'streamDriver="ossl" streamDriverMode="1" streamDriverAuthMode="x509/name" streamDriverPermittedPeers="localhost"'

/** The settings of rsyslog's side of TLS; without `pair` it has nothing to show. */
function ownTls(pair?: TestPair): string {
  const ca = `defaultNetstreamDriverCAFile="${folder.at('ca.crt')}"`
  if (pair === undefined) return `global(${ca})`
  const cert = folder.put('client.crt', pair.cert)
  const key = folder.put('client.key', pair.key)
  return `global(${ca} defaultNetstreamDriverCertFile="${cert}" defaultNetstreamDriverKeyFile="${key}")`
}

async function expectAll(router: Router): Promise<void> {
  const text = events.map((event) => `${event}\n`)
  const sink = all as StreamSink
  const bytes = text.reduce((sum, line) => sum + Buffer.byteLength(line), 0)
  await sink.until(() => sink.bytes >= bytes)
  const ledger = await router.until((now) => forwarderOf(now, 'provider', 'all').delivered >= EVENTS)
  expect(sink.text() === text.join('')).toBe(true)
  expect(tenant?.text()).toBe(text.filter((_, n) => n % 2 === 0).join(''))
  expect(ledger.received).toBe(EVENTS)
  expectBalanced(ledger)
}

test('octet-counted over TCP: every byte, in order', async (context) => {
  needs(context, 'rsyslogd')
  const router = await start({ transport: 'tcp' })
  const [peer, port] = await forwarding('tcp', router.port('in'))
  await sendLines(port, events)
  await expectAll(router)
  await peer.end()
  expect((await router.status()).refused).toEqual({})
  expect(await router.stop()).toBe(0)
})

test('octet-counted over TLS with a client certificate: every byte, in order', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-openssl')
  const router = await start(tlsListener())
  const client = await authority.issue(['esx01.example.net'])
  const [peer, port] = await forwarding('tls', router.port('in'), ownTls(client), DRIVER)
  await sendLines(port, events)
  await expectAll(router)
  await peer.end()
  expect((await router.status()).refused).toEqual({})
  expect(await router.stop()).toBe(0)
})

test('over TLS without a certificate, or with one of a stranger: refused and counted', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-openssl')
  const router = await start(tlsListener())
  const stranger = await (await makeAuthority('CN=Stranger')).issue(['esx01.example.net'])
  for (const [name, pair] of [
    ['nobody', undefined],
    ['stranger', stranger],
  ] as const) {
    const before = (await router.status()).refused['client_certificate'] ?? 0
    const [peer, port] = await forwarding(name, router.port('in'), ownTls(pair), DRIVER)
    await sendLines(port, events.slice(0, 10))
    await router.until((ledger) => (ledger.refused['client_certificate'] ?? 0) > before)
    await peer.end('SIGKILL')
  }
  const ledger = await router.status()
  expect(ledger.received).toBe(0)
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
})
