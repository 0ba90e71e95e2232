/** Do rsyslog's RELP modules and ours understand each other, both ways, plain and over TLS, also when one is killed? */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeAuthority } from '../support/authority.ts'
import { NumberSink } from '../support/numbers.ts'
import { freePort, latin1, needs, type Peer, PeerFolder, sendBytes, written } from '../support/peers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, sequenceOf, tenantRules } from '../support/router.ts'
import { goodSink, type StreamSink } from '../support/sinks.ts'
import { say } from '../support/say.ts'

/** By hand, for acceptance: LOGWEIR_PEER_EVENTS=1000000. */
const EVENTS = Number(process.env['LOGWEIR_PEER_EVENTS'] ?? 20_000)
const LONG_MS = 60_000 + EVENTS / 5
/** Those that come over TCP as fast as they are written and leave over RELP: as many as a tenant's queue holds by itself. */
const FORWARDED = Math.min(EVENTS, 20_000)
const folder = new PeerFolder()
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  const authority = await makeAuthority()
  folder.put('ca.crt', authority.ca)
  for (const name of ['router', 'rsyslog']) {
    const pair = await authority.issue([name, 'localhost'])
    folder.put(`${name}.crt`, pair.cert)
    folder.put(`${name}.key`, pair.key)
  }
})
afterEach(async () => {
  for (const one of ends.splice(0).toReversed()) await one()
})
afterAll(() => folder.clean())

const relp = { name: 'in', transport: 'relp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }
const tlsFiles = (): object => ({
  certificate: folder.at('router.crt'),
  key: folder.at('router.key'),
  client_ca: folder.at('ca.crt'),
  client_auth: 'required',
})
/** librelp's names for the same on its side. */
const tlsOfRsyslog = (permitted: string): string =>
  `tls="on" tls.caCert="${folder.at('ca.crt')}" tls.myCert="${folder.at('rsyslog.crt')}" ` +
  `tls.myPrivKey="${folder.at('rsyslog.key')}" tls.authMode="name" tls.permittedPeer=["${permitted}"]`

async function routing(listener: object, forwarders: readonly object[]): Promise<Router> {
  const router = new Router({ listeners: [listener] }, { tenants: [tenantRules(0, forwarders)] })
  ends.push(() => router.clean())
  return router.start()
}

/**
 * rsyslog that takes lines on a port and forwards them over RELP, unchanged. With its own window (128) it sends 128 events
 * in 200 ms over loopback, to any receiver (docs/decisions.md), so that most tests give it a larger one.
 */
async function omrelp(name: string, to: number, more = '', window = 1000): Promise<[Peer, number]> {
  const port = await freePort()
  const peer = folder.rsyslog(
    name,
    `module(load="imptcp")
module(load="omrelp" ${more.includes('tls=') ? 'tls.tlslib="openssl"' : ''})
main_queue(queue.type="FixedArray" queue.size="100000" queue.timeoutShutdown="10000")
template(name="raw" type="string" string="%rawmsg%")
input(type="imptcp" address="127.0.0.1" port="${port}")
action(type="omrelp" target="127.0.0.1" port="${to}" template="raw"
  action.resumeInterval="1" action.resumeRetryCount="-1" windowSize="${window}" ${more})`,
  )
  ends.push(() => peer.end('SIGKILL'))
  return [await peer.listening(port), port]
}

/** rsyslog that takes RELP and has written an event to the file before it answers. */
async function imrelp(name: string, port: number, file: string, more = ''): Promise<Peer> {
  const peer = folder.rsyslog(
    name,
    `module(load="imrelp" ${more === '' ? '' : 'tls.tlslib="openssl"'} ruleset="r")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="r" queue.type="Direct") { action(type="omfile" file="${file}" template="raw" asyncWriting="off" flushOnTXEnd="on") }
input(type="imrelp" port="${port}" maxDataSize="128k" ${more})`,
  )
  ends.push(() => peer.end('SIGKILL'))
  return peer.listening(port)
}

const events = (): string[] => Array.from({ length: FORWARDED }, (_, n) => dfwLine(0, n))

async function feed(port: number, events = EVENTS): Promise<void> {
  // In pieces: a million events are no string to make at once.
  for (let from = 0; from < events; from += 50_000) {
    const count = Math.min(50_000, events - from)
    await sendLines(
      port,
      Array.from({ length: count }, (_, n) => dfwLine(0, from + n)),
    )
  }
}

test.for([
  ['overflow', 1000, EVENTS],
  ['always', 1000, EVENTS],
  ['overflow', 128, Math.min(EVENTS, 3000)],
  ['always', 128, Math.min(EVENTS, 3000)],
] as const)(
  'omrelp sends, `spool: %s`, window %i: exact counts of %i, every event once',
  { timeout: LONG_MS },
  async ([spool, window, count], context) => {
    needs(context, 'rsyslogd', 'rsyslog-relp')
    const sink = await new NumberSink(count).open()
    ends.push(() => sink.close())
    const router = await routing(relp, [{ name: 'siem', to: sink.url, spool }])
    const [peer, port] = await omrelp(`send-${spool}-${window}`, router.port('in'), '', window)
    const began = performance.now()
    await feed(port, count)
    await sink.until(() => sink.distinct === count, LONG_MS)
    const seconds = (performance.now() - began) / 1000
    const rate = Math.round(count / seconds)
    say(`omrelp, ${spool}, window ${window}: ${count} events in ${seconds.toFixed(1)} s, ${rate} a second`)
    await peer.end()
    const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered === count)
    expect(ledger.received).toBe(count)
    expect(sink.doubled).toBe(0)
    expect(ledger.refused).toEqual({})
    expectBalanced(ledger)
    expect(await router.stop()).toBe(0)
  },
)

test('omrelp sends over TLS with a client certificate: every byte, in order', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-relp', 'rsyslog-openssl')
  const sink: StreamSink = await goodSink()
  ends.push(() => sink.close())
  const router = await routing({ ...relp, transport: 'relp-tls', tls: tlsFiles() }, [
    { name: 'siem', to: `tcp://127.0.0.1:${sink.port}` },
  ])
  const [, port] = await omrelp('send-tls', router.port('in'), tlsOfRsyslog('router'))
  const lines = events()
    .slice(0, 5000)
    .map((line, n) => line.replace(' - - - ', ` - - [ex@32473 k="${['漢字', 'tab\there', 'a b'][n % 3]}"] `))
  await sendLines(port, lines)
  const text = lines.map((line) => `${line}\n`).join('')
  await sink.until(() => sink.bytes >= Buffer.byteLength(text))
  expect(sink.text() === text).toBe(true)
  expectBalanced(await router.status())
})

test('omrelp over TLS without a certificate is refused by count', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-relp', 'rsyslog-openssl')
  const sink = await goodSink()
  ends.push(() => sink.close())
  const router = await routing({ ...relp, transport: 'relp-tls', tls: tlsFiles() }, [
    { name: 'siem', to: `tcp://127.0.0.1:${sink.port}` },
  ])
  const none = `tls="on" tls.caCert="${folder.at('ca.crt')}" tls.authMode="name" tls.permittedPeer=["router"]`
  const [, port] = await omrelp('send-nobody', router.port('in'), none)
  await sendLines(port, events().slice(0, 10))
  const refused = await router.until(
    (now) => (now.refused['client_certificate'] ?? 0) + (now.refused['handshake_failed'] ?? 0) > 0,
  )
  expect(refused.received).toBe(0)
})

test.for(['relp', 'relp-tls'] as const)(
  'imrelp receives over %s: the same bytes in the same order',
  async (scheme, context) => {
    needs(context, 'rsyslogd', 'rsyslog-relp', 'rsyslog-openssl')
    const port = await freePort()
    const file = folder.at(`received-${scheme}.log`)
    const tls = scheme === 'relp-tls'
    await imrelp(`receive-${scheme}`, port, file, tls ? tlsOfRsyslog('router') : '')
    const { client_ca: ca, client_auth: _, ...pair } = tlsFiles() as Record<string, string>
    const more = tls ? { tls: { ca, ...pair } } : {}
    const router = await routing({ ...relp, transport: 'tcp' }, [
      { name: 'siem', to: `${scheme}://localhost:${port}`, ...more },
    ])
    const lines = events()
    await sendBytes(router.port('in'), lines.map((line) => `${line}\n`).join(''))
    const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered >= FORWARDED)
    const text = latin1(lines.map((line) => `${line}\n`).join(''))
    const got = await written(file, text.length)
    expect(got.slice(0, 2000)).toBe(text.slice(0, 2000))
    expect(got === text).toBe(true)
    expectBalanced(ledger)
  },
)

test('imrelp is killed in the middle, again and again: what it answered for is there, the rest comes again', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-relp')
  const port = await freePort()
  const file = folder.at('killed.log')
  writeFileSync(file, '')
  let peer = await imrelp('killed', port, file)
  const router = await routing({ ...relp, transport: 'tcp' }, [
    { name: 'siem', to: `relp://127.0.0.1:${port}`, retry: { first: '20ms', max: '200ms' } },
  ])
  const sending = sendLines(router.port('in'), events())
  for (let kill = 0; kill < 5; kill++) {
    const { delivered } = forwarderOf(await router.status(), 'tenant-0', 'siem')
    if (delivered < FORWARDED)
      await router.until(
        (now) => forwarderOf(now, 'tenant-0', 'siem').delivered >= Math.min(FORWARDED, delivered + 500),
      )
    await peer.end('SIGKILL')
    peer = await imrelp('killed', port, file)
  }
  await sending
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered >= FORWARDED)
  const lines = (await written(file, 1)).split('\n').filter((line) => line !== '')
  const seen = new Set(lines.map(sequenceOf))
  expect(Array.from({ length: FORWARDED }, (_, n) => n).filter((n) => !seen.has(n))).toEqual([])
  say(`imrelp, 5 kills: ${FORWARDED} events, ${lines.length - FORWARDED} lines more`)
  expectBalanced(ledger)
})

test('the router is killed while omrelp sends, with `spool: always`: nothing is lost', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-relp')
  const sink = await new NumberSink(EVENTS).open()
  ends.push(() => sink.close())
  const port = await freePort()
  const router = await routing({ ...relp, bind: `127.0.0.1:${port}` }, [
    { name: 'siem', to: sink.url, spool: 'always', retry: { first: '10ms', max: '100ms' } },
  ])
  const [, input] = await omrelp('to-killed', port)
  const sending = feed(input)
  for (let kill = 0; kill < 4; kill++) {
    const { distinct } = sink
    await sink.until(() => sink.distinct >= Math.min(EVENTS, distinct + 500))
    await router.kill()
    await sleep(100)
    await router.start()
  }
  await sending
  await sink.until(() => sink.distinct === EVENTS, LONG_MS)
  say(`omrelp, 4 kills of the router: ${EVENTS} events, ${sink.doubled} came twice`)
  expectBalanced(await router.status())
})

test('omrelp is killed in the middle: what was taken is delivered, once', async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-relp')
  const sink = await new NumberSink(EVENTS).open()
  ends.push(() => sink.close())
  const router = await routing(relp, [{ name: 'siem', to: sink.url, spool: 'always' }])
  const [peer, input] = await omrelp('killed-sender', router.port('in'))
  const sending = feed(input).catch(() => undefined)
  await sink.until(() => sink.distinct >= Math.min(1000, EVENTS))
  await peer.end('SIGKILL')
  await sending
  const ledger = await router.until((now) => {
    const { delivered } = forwarderOf(now, 'tenant-0', 'siem')
    return delivered === now.received
  })
  await sink.until(() => sink.distinct === ledger.received)
  expect(sink.doubled).toBe(0)
  expect(sink.missing(ledger.received)).toBe(0)
  expectBalanced(ledger)
})
