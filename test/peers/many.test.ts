/**
 * Do senders that are out there deliver very many events with exact counts: rsyslog over TLS with a client certificate,
 * syslog-ng over TCP and over TLS, loggen? A million each: LOGWEIR_PEER_EVENTS=1000000.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { connect } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeAuthority } from '../support/authority.ts'
import { CountingSink } from '../support/counting-sink.ts'
import { freePort, needs, PeerFolder } from '../support/peers.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const EVENTS = Number(process.env['LOGWEIR_PEER_EVENTS'] ?? 50_000)
/** Generous, for a machine that does other things too. */
const TIMEOUT = 120_000 + EVENTS

const folder = new PeerFolder()
let file: string
let made: Router | undefined
let sink: CountingSink | undefined

beforeAll(async () => {
  const authority = await makeAuthority()
  const server = await authority.issue(['localhost', '127.0.0.1'])
  const client = await authority.issue(['esx01.example.net'])
  folder.put('ca.crt', authority.ca)
  for (const [name, { cert, key }] of Object.entries({ server, client })) {
    folder.put(`${name}.crt`, cert)
    folder.put(`${name}.key`, key)
  }
  file = folder.at('events.log')
  await pipeline(Readable.from(pieces()), createWriteStream(file))
}, TIMEOUT)

afterEach(async () => {
  await made?.clean()
  await sink?.close()
})
afterAll(() => folder.clean())

function* pieces(): Generator<string> {
  for (let from = 0; from < EVENTS; from += 1000) {
    const length = Math.min(1000, EVENTS - from)
    yield Array.from({ length }, (_, n) => `${dfwLine(0, from + n)}\n`).join('')
  }
}

/** A router whose tenant gets it all, in memory for what the receiver has not taken yet, else on disk. */
async function start(): Promise<Router> {
  sink = await new CountingSink(EVENTS).open()
  const tls = {
    certificate: folder.at('server.crt'),
    key: folder.at('server.key'),
    client_ca: folder.at('ca.crt'),
    client_auth: 'required',
  }
  const common = { bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }
  const listeners = [
    { name: 'tcp', transport: 'tcp', ...common },
    { name: 'tls', transport: 'tls', ...common, tls },
  ]
  const siem = { name: 'siem', to: sink.url, queue: { memory_max: '64MiB', disk_max: '4GiB' } }
  made = new Router({ listeners }, { tenants: [tenantRules(0, [siem])] })
  return made.start()
}

/** Every event once: received, delivered and at the receiver; nothing refused. */
async function expectExact(router: Router): Promise<void> {
  await sink?.until(EVENTS)
  const ledger = await router.until(
    (now) => forwarderOf(now, 'tenant-0', 'siem').delivered >= EVENTS,
    TIMEOUT,
  )
  expect(ledger).toMatchObject({ received: EVENTS, owned: EVENTS, orphaned: 0, refused: {} })
  expect({ lines: sink?.lines, missing: sink?.missing }).toEqual({ lines: EVENTS, missing: 0 })
  expect({ repeated: sink?.repeated, strange: sink?.strange }).toEqual({ repeated: 0, strange: 0 })
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
}

test('rsyslog, omfwd over TLS with a client certificate', { timeout: TIMEOUT }, async (context) => {
  needs(context, 'rsyslogd', 'rsyslog-openssl')
  const router = await start()
  const port = await freePort()
  // A full queue waits for the action instead of throwing events away, which is what rsyslog does after two seconds.
  const peer = folder.rsyslog(
    'many',
    `global(defaultNetstreamDriverCAFile="${folder.at('ca.crt')}"
  defaultNetstreamDriverCertFile="${folder.at('client.crt')}" defaultNetstreamDriverKeyFile="${folder.at('client.key')}")
module(load="imptcp")
main_queue(queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1000" queue.timeoutEnqueue="600000")
template(name="raw" type="string" string="%rawmsg%")
input(type="imptcp" address="127.0.0.1" port="${port}")
action(type="omfwd" protocol="tcp" target="127.0.0.1" port="${router.port('tls')}" tcp_framing="octet-counted"
  template="raw" action.resumeInterval="1" action.resumeRetryCount="-1" streamDriver="ossl" streamDriverMode="1"
  streamDriverAuthMode="x509/name" streamDriverPermittedPeers="localhost")`,
  )
  await peer.listening(port)
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  await pipeline(createReadStream(file), socket)
  await expectExact(router)
})

/** syslog-ng that reads the file and sends it by this driver. */
function syslogNg(name: string, destination: string): void {
  folder.syslogNg(
    name,
    `options { use-dns(no); stats-freq(0); log-fifo-size(100000); };
source s { file("${file}" follow-freq(1) flags(no-parse,store-raw-message) log-fetch-limit(1000) log-iw-size(20000)); };
destination d { ${destination}; };
log { source(s); destination(d); flags(flow-control); };`,
  )
}

test('syslog-ng, a line an event over TCP', { timeout: TIMEOUT }, async (context) => {
  needs(context, 'syslog-ng')
  const router = await start()
  const port = router.port('tcp')
  syslogNg('lines', `network("127.0.0.1" port(${port}) transport(tcp) template("$RAWMSG\\n"))`)
  await expectExact(router)
})

test('syslog-ng over TLS with a client certificate', { timeout: TIMEOUT }, async (context) => {
  needs(context, 'syslog-ng')
  const router = await start()
  const tls = `tls(ca-file("${folder.at('ca.crt')}") cert-file("${folder.at('client.crt')}") key-file("${folder.at('client.key')}"))`
  syslogNg(
    'secure',
    `network("127.0.0.1" port(${router.port('tls')}) transport(tls) ${tls} template("$RAWMSG\\n"))`,
  )
  await expectExact(router)
})

test('loggen, a line an event over TCP', { timeout: TIMEOUT }, async (context) => {
  needs(context, 'loggen')
  const router = await start()
  // Without an interval it ends after ten seconds, however much it was to send.
  const args = ['-S', '-d', '-R', file, '-n', String(EVENTS), '--interval', '3600', '--rate', '1000000']
  const count = await folder.loggen(router.port('tcp'), args)
  expect(count).toBe(EVENTS)
  await expectExact(router)
})
