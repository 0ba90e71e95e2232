/**
 * Does a source mean what it says, in the running router: only who may send a stream is believed about it, and what each
 * sends, refuses and gets wrong can be read off? Senders stand behind a balancer here, so that there can be many.
 */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SourceLedger } from '../../src/control/sources.ts'
import { proxyV1, proxyV2of } from '../support/proxy.ts'
import { dfwLine, expectBalanced, Router, tenantRules, testTenant } from '../support/router.ts'
import { goodSink, type StreamSink } from '../support/sinks.ts'
import { logweir } from './cli/support.ts'

const HOST = '10.20.0.7'
const OTHER_HOST = '10.20.1.8'
const VCENTER = '10.20.9.5'
const HYPERVISOR = '10.20.5.1'
const STRANGER = '10.99.0.1'

const sources = [
  { name: 'hosts', from: ['10.20.0.0/22'], streams: ['esxi', 'nsxt.dfw'], site: 'fra1' },
  { name: 'vcenter', from: [VCENTER], streams: ['vcenter'] },
  { name: 'hypervisors', from: [HYPERVISOR], streams: ['esxi'] },
]

const sinks: StreamSink[] = []
let orphans: StreamSink
let router: Router
let sent = 0

beforeAll(async () => {
  orphans = await goodSink()
  for (const _ of [0, 1]) sinks.push(await goodSink())
  const listeners = [
    { name: 'in', transport: 'tcp', bind: '127.0.0.1:0', proxy_from: ['127.0.0.1'], frame_max: '1KiB' },
  ]
  const tenants = sinks.map((sink, n) => tenantRules(n, [{ name: 'siem', to: url(sink) }]))
  const provider = { forwarders: [{ name: 'orphans', to: url(orphans), scope: 'orphans' }] }
  router = await new Router({ listeners, sources }, { tenants, provider }).start()
})

afterAll(async () => {
  expect(await router.stop()).toBe(0)
  await router.clean()
  for (const sink of [...sinks, orphans]) await sink.close()
})

const url = (sink: StreamSink): string => `tcp://127.0.0.1:${sink.port}`

/** Octet-counted where there is a PRI, over a connection of this sender; resolves when the router has closed it too. */
async function send(sender: string, ...events: string[]): Promise<void> {
  const socket = connect(router.port('in'), '127.0.0.1')
  socket.on('error', () => undefined)
  const frame = (event: string): string =>
    event.startsWith('<') ? `${Buffer.byteLength(event)} ${event}` : `${event}\n`
  const frames = events.map(frame).join('')
  socket.end(Buffer.concat([proxyV2of(sender), Buffer.from(frames)]))
  socket.resume()
  await once(socket, 'close')
  sent += events.length
}

async function sourceNamed(name: string | null): Promise<SourceLedger> {
  const status = (await router.status()) as unknown as { sources: SourceLedger[] }
  const found = status.sources.find(({ source }) => source === name)
  if (found === undefined) throw new Error(`no source ${name}`)
  return found
}

/** vCenter's clock is two hours ahead: sent until an event was the second's sample. */
async function fastClock(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const time = new Date(Date.now() + 7_200_000).toISOString()
    await send(VCENTER, `<14>1 ${time} vcenter vpxd 1 - - a fast clock`)
    if (((await sourceNamed('vcenter')).clock_skew?.most ?? 0) > 7000) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error('the fast clock was never seen')
}

const LABEL = testTenant(1).label
const OWN = testTenant(0).label
const body = (n: number): string => `INET match PASS ${n} OUT 60 TCP 10.0.0.1/50000->10.9.9.9/443 S`
const header = (host = 'esx01.example.net'): string =>
  `<13>1 2026-05-15T19:41:25.001Z ${host} FIREWALL-PKTLOG - -`

/** Each claims tenant 1 in a way that must not count. */
const SPOOFS: readonly (readonly [how: string, sender: string, event: string])[] = [
  ['a source that sends vCenter events only', VCENTER, dfwLine(1, 1)],
  ['a source that sends host logs only', HYPERVISOR, dfwLine(1, 2)],
  ['the host name', HOST, `${header(LABEL)} - ${body(3)}`],
  [
    'a parameter of structured data',
    HOST,
    `${header()} [nsx@6876 tag="${LABEL}" label="${LABEL}"] ${body(4)}`,
  ],
  ['an SD-ID twice', HOST, `${header()} [nsx@6876 tag="x"][nsx@6876 tag="${LABEL}"] ${body(5)}`],
  ['other letters that look alike', HOST, `${header()} - ${body(6)} ${LABEL.replaceAll('c', 'с')}`],
  ['a NUL behind it', HOST, `${header()} - ${body(7)} ${LABEL}\0x`],
  ['two labels', HOST, `${header()} - ${body(9)} ${OWN} ${LABEL}`],
  ['two labels, the other way round', HOST, `${header()} - ${body(10)} ${LABEL} ${OWN}`],
  [
    'a firewall line inside a host’s log',
    HOST,
    `<166>2026-05-15T19:41:25.001Z esx01 Hostd: ${body(11)} ${LABEL}`,
  ],
  ['a line without a header', HOST, `${body(12)} ${LABEL}`],
  ['a line without PRI', HOST, `2026-05-15T19:41:25.001Z esx01 FIREWALL-PKTLOG: ${body(13)} ${LABEL}`],
  [
    'a second frame behind a newline',
    HOST,
    `<166>2026-05-15T19:41:25.001Z esx01 Hostd: x\n${dfwLine(1, 14)}`,
  ],
  ['an event cut inside its label', HOST, `${header()} - ${' '.repeat(1030 - 160)}${body(16)} ${LABEL}`],
]

test('R29: no label counts that its source may not send, or that stands elsewhere', async () => {
  const before = await router.status()
  await send(HOST, dfwLine(0, 100), dfwLine(1, 101), dfwLine(1, 102).replace(LABEL, LABEL.toUpperCase()))
  for (const [, sender, event] of SPOOFS) await send(sender, event)
  const ledger = await router.until((now) => now.received - before.received === SPOOFS.length + 3)
  await sinks[1]?.until(() => (sinks[1]?.lines().length ?? 0) >= 2)
  await orphans.until(() => orphans.lines().length >= SPOOFS.length)
  const sequences = (sink: StreamSink | undefined): (string | undefined)[] =>
    (sink?.lines() ?? []).map((line) => / PASS (\d+) /.exec(line)?.[1])
  expect(sequences(sinks[0])).toEqual(['100'])
  expect(sequences(sinks[1])).toEqual(['101', '102'])
  expect(ledger.owned - before.owned).toBe(3)
  expect(ledger.orphaned - before.orphaned).toBe(SPOOFS.length)
  expectBalanced(ledger)
})

test('a stranger’s connection is refused, and counted for no source', async () => {
  await send(STRANGER, dfwLine(1, 1))
  sent -= 1
  const nobody = await sourceNamed(null)
  expect(nobody).toMatchObject({ received: 0, refused: { unknown_source: 1 }, last_seen: null })
})

test('what each source sends is in the status, with what is wrong about it', async () => {
  const cut =
    '<14>1 2026-05-15T19:41:25.001Z esx01 vobd - - [x@6876 msgModified="both" originalLen="5000"] cut'
  await send(OTHER_HOST, cut, `<14>2026-05-15T19:41:25.001Z esx01 vobd: ${'x'.repeat(2000)}`)
  await fastClock()
  await router.until((ledger) => ledger.received === sent)
  const hosts = await sourceNamed('hosts')
  // One of the spoofs is longer than a frame may be, too.
  expect(hosts).toMatchObject({ site: 'fra1', truncated: 2, cut_by_sender: 1, refused: {} })
  expect(hosts.headers['rfc3339']).toBeGreaterThan(0)
  expect(Object.values(hosts.headers).reduce((sum, n) => sum + n, 0)).toBe(hosts.received)
  expect(Object.values(hosts.streams).reduce((sum, n) => sum + n, 0)).toBe(hosts.received)
  const vcenter = await sourceNamed('vcenter')
  expect(vcenter.unlisted).toMatchObject({ 'nsxt.dfw': 1 })
  expect(Date.now() - Date.parse(vcenter.last_seen ?? '')).toBeLessThan(60_000)
  expect(vcenter.clock_skew?.peer).toBe(VCENTER)
  const { code, stdout } = await logweir(['status', '--config', router.config, '--admin', router.admin])
  expect(code).toBe(0)
  expect(stdout).toContain('hosts: 1 events were cut by their sender')
  expect(stdout).toContain('Syslog.global.remoteHost.maxMsgLen')
  expect(stdout).toContain('vcenter: sends what `sources` does not list for it: nsxt.dfw 1')
})

test('and in the metrics, under names of the configuration only', async () => {
  const text = await (await fetch(`${router.admin}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith('logweir_source_'))
  expect(lines).toContain('logweir_source_events_total{source="vcenter",stream="nsxt.dfw"} 1')
  expect(lines).toContain('logweir_source_cut_by_sender_total{source="hosts"} 1')
  expect(lines).toContain('logweir_source_refused_total{source="",reason="unknown_source"} 1')
  const names = lines.map((line) => /source="([^"]*)"/.exec(line)?.[1])
  expect(new Set(names)).toEqual(new Set(['', 'hosts', 'vcenter', 'hypervisors']))
  const skew = lines.find((line) => line.includes('clock_skew_seconds{source="vcenter",bound="most"}')) ?? ''
  expect(Number(skew.split(' ').at(-1))).toBeGreaterThan(7000)
  expect(lines.some((line) => line.includes('last_seen_seconds{source="hosts"}'))).toBe(true)
})

test('counts outlive a reload', async () => {
  const before = await sourceNamed('hosts')
  const reload = (await router.ask('/api/v1/reload', 'POST')) as { outcome: string }
  expect(reload.outcome).toBe('accepted')
  await send(HOST, dfwLine(0, 500))
  await router.until((ledger) => ledger.received === sent)
  const after = await sourceNamed('hosts')
  expect(after.received).toBe(before.received + 1)
  const socket = connect(router.port('in'), '127.0.0.1')
  socket.end(`${proxyV1(VCENTER)}6 <1>abc`)
  socket.resume()
  await once(socket, 'close')
  sent += 1
  const ledger = await router.until((now) => now.received === sent)
  expectBalanced(ledger)
})
