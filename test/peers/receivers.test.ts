/** Do syslog-ng and rsyslog, as tenants' receivers, write the bytes that were sent, in order, over each framing and TLS? */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeAuthority } from '../support/authority.ts'
import { counted, freePort, have, latin1, needs, PeerFolder, sendBytes, written } from '../support/peers.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const EVENTS = 3000
/** Receivers write it behind each event: an event cut at its line ends has more of them. */
const END = ' ~~'

/** One tenant for each way to receive. `lf`: its framing carries events that hold line ends. */
const WAYS = {
  'syslog-ng, TCP, lines': { tenant: 0, lf: false, to: 'tcp' },
  'syslog-ng, TCP, octet-counted': { tenant: 1, lf: true, to: 'tcp', framing: 'octet-counting' },
  'syslog-ng, TLS, octet-counted': { tenant: 2, lf: true, to: 'tls' },
  'syslog-ng, TLS, lines': { tenant: 3, lf: false, to: 'tls', framing: 'newline' },
  'rsyslog imtcp, octet-counted': { tenant: 4, lf: true, to: 'tcp', framing: 'octet-counting' },
  'rsyslog imptcp, octet-counted': { tenant: 5, lf: true, to: 'tcp', framing: 'octet-counting' },
  'rsyslog imtcp, TLS': { tenant: 6, lf: true, to: 'tls' },
} as const
type WayName = keyof typeof WAYS
const names = Object.keys(WAYS) as WayName[]

const folder = new PeerFolder()
const out = (tenant: number): string => folder.at(`out-${tenant}.log`)
let router: Router | undefined

beforeAll(async () => {
  if (!have('syslog-ng') && !have('rsyslogd')) return
  const authority = await makeAuthority()
  folder.put('ca.crt', authority.ca)
  for (const who of ['receiver', 'router']) {
    const pair = await authority.issue([who === 'receiver' ? 'localhost' : 'router.example.net'])
    folder.put(`${who}.crt`, pair.cert)
    folder.put(`${who}.key`, pair.key)
  }
  const ports = await Promise.all(names.map(freePort))
  const tls = { ca: folder.at('ca.crt'), certificate: folder.at('router.crt'), key: folder.at('router.key') }
  const tenants = names.map((name, n) => {
    const { to, tenant } = WAYS[name]
    const framing = 'framing' in WAYS[name] ? { framing: WAYS[name].framing } : {}
    const siem = { name: 'siem', to: `${to}://localhost:${ports[n]}`, ...framing }
    return tenantRules(tenant, [to === 'tls' ? { ...siem, tls } : siem])
  })
  await Promise.all([
    have('syslog-ng') && startSyslogNg(ports),
    have('rsyslogd', 'rsyslog-openssl') && startRsyslog(ports),
  ])
  const listeners = [{ name: 'in', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  router = await new Router({ listeners }, { tenants }).start()
})

afterAll(async () => {
  await router?.clean()
  await folder.clean()
})

async function startSyslogNg(ports: readonly number[]): Promise<void> {
  const tls =
    `tls(key-file("${folder.at('receiver.key')}") cert-file("${folder.at('receiver.crt')}") ` +
    `ca-file("${folder.at('ca.crt')}") peer-verify(required-trusted))`
  const drivers = ['network(transport(tcp)', 'syslog(transport(tcp)', `syslog(transport(tls) ${tls}`]
  const paths = [...drivers, `network(transport(tls) ${tls}`].map(
    (driver, n) => `log {
  source { ${driver} ip("127.0.0.1") port(${ports[n]}) flags(no-parse,store-raw-message)); };
  destination { file("${out(n)}" template("$RAWMSG${END}\\n")); };
  flags(flow-control);
};`,
  )
  const options = 'options { use-dns(no); keep-hostname(yes); log-msg-size(65536); stats-freq(0); };'
  const peer = folder.syslogNg('receiver', `${options}\n${paths.join('\n')}`)
  for (const port of ports.slice(0, 4)) await peer.listening(port)
}

async function startRsyslog(ports: readonly number[]): Promise<void> {
  const rulesets = [4, 5, 6].map(
    (n) => `ruleset(name="r${n}") { action(type="omfile" file="${out(n)}" template="raw") }`,
  )
  const input = (module: string, n: number, more = ''): string =>
    `input(type="${module}" address="127.0.0.1" port="${ports[n]}" ruleset="r${n}" ${more})`
  const peer = folder.rsyslog(
    'receiver',
    `global(defaultNetstreamDriverCAFile="${folder.at('ca.crt')}"
  defaultNetstreamDriverCertFile="${folder.at('receiver.crt')}" defaultNetstreamDriverKeyFile="${folder.at('receiver.key')}")
module(load="imptcp")
module(load="imtcp")
template(name="raw" type="string" string="%rawmsg%${END}\\n")
${rulesets.join('\n')}
${input('imtcp', 4)}
${input('imptcp', 5)}
${input(
  'imtcp',
  6,
  'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["router.example.net"]',
)}`,
  )
  for (const n of [4, 5, 6]) await peer.listening(ports[n] ?? 0)
}

/** What the tenant's firewalls say: other alphabets and tabs in the structured data, and line ends where they can be sent. */
function eventsOf(tenant: number, lf: boolean): string[] {
  const values = [
    'plain',
    'tab\\there',
    '漢字 и ещё 🙂',
    'a\\"b\\\\c\\]',
    lf ? 'first\nsecond' : '%m $MESSAGE',
  ]
  return Array.from({ length: EVENTS }, (_, n) => {
    const data = `FIREWALL-PKTLOG - - [ex@32473 k="${values[n % values.length]}"]`
    return n % 3 === 0 ? dfwLine(tenant, n) : dfwLine(tenant, n).replace('FIREWALL-PKTLOG - - -', data)
  })
}

test.for(names)('%s: the same bytes in the same order', async (name, context) => {
  needs(
    context,
    ...(name.startsWith('syslog-ng') ? (['syslog-ng'] as const) : (['rsyslogd', 'rsyslog-openssl'] as const)),
  )
  const made = router as Router
  const { tenant, lf } = WAYS[name]
  const events = eventsOf(tenant, lf)
  await sendBytes(made.port('in'), events.map(counted).join(''))
  const ledger = await made.until((now) => forwarderOf(now, `tenant-${tenant}`, 'siem').delivered >= EVENTS)
  const sent = latin1(events.map((event) => `${event}${END}\n`).join(''))
  const got = await written(out(tenant), sent.length)
  expect(got.slice(0, 2000)).toBe(sent.slice(0, 2000))
  expect(got === sent).toBe(true)
  expectBalanced(ledger)
})
