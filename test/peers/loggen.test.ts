/** Does everything that loggen sends arrive: both framings, TLS and UDP, its odd counts and byte order marks too? */
import type { Buffer } from 'node:buffer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeAuthority } from '../support/authority.ts'
import { have, needs, PeerFolder } from '../support/peers.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, sequenceOf, tenantRules } from '../support/router.ts'
import { goodSink, type StreamSink } from '../support/sinks.ts'

const EVENTS = 5000
/** A byte order mark, as loggen puts it before the message of its RFC 5424 form. */
const BOM = '\u{feff}'

/** One tenant a test, so that what a test sends is told from all others'. */
const TENANTS = { newline: 0, counted: 1, tls: 2, tls_counted: 3, udp: 4 } as const
type Tenant = keyof typeof TENANTS

const folder = new PeerFolder()
const sinks = new Map<number, StreamSink>()
let orphans: StreamSink
let router: Router | undefined

beforeAll(async () => {
  if (!have('loggen')) return
  const authority = await makeAuthority()
  const { cert, key } = await authority.issue(['127.0.0.1', 'localhost'])
  const common = { bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }
  const listeners = [
    { name: 'tcp', transport: 'tcp', ...common },
    { name: 'udp', transport: 'udp', ...common, receive_buffer: '4MiB' },
    {
      name: 'tls',
      transport: 'tls',
      ...common,
      tls: { certificate: folder.put('tls.crt', cert), key: folder.put('tls.key', key) },
    },
  ]
  for (const n of Object.values(TENANTS)) sinks.set(n, await goodSink())
  orphans = await goodSink()
  const tenants = [...sinks].map(([n, sink]) => tenantRules(n, [{ name: 'siem', to: to(sink) }]))
  const provider = { forwarders: [{ name: 'orphans', to: to(orphans), scope: 'orphans' }] }
  router = await new Router({ listeners }, { tenants, provider }).start()
})

afterAll(async () => {
  await router?.clean()
  await folder.clean()
  for (const sink of [...sinks.values(), orphans]) await sink?.close()
})

const to = (sink: StreamSink): string => `tcp://127.0.0.1:${sink.port}`

/** The running router, and this tenant's sink and file of lines. */
function scene(tenant: Tenant): { made: Router; sink: StreamSink; sent: string; file: string } {
  const n = TENANTS[tenant]
  const sent = Array.from({ length: EVENTS }, (_, i) => `${dfwLine(n, i)}\n`).join('')
  return {
    made: router as Router,
    sink: sinks.get(n) as StreamSink,
    sent,
    file: folder.put(`${tenant}.log`, sent),
  }
}

const lines = (sink: StreamSink): number => sink.chunks.reduce((sum, chunk) => sum + newlines(chunk), 0)

function newlines(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++
  return count
}

/** Waits for the last event, then: exactly these many were delivered, nothing refused, the ledger balances. */
async function settle(made: Router, sink: StreamSink, tenant: Tenant): Promise<void> {
  const name = `tenant-${TENANTS[tenant]}`
  const ledger = await made.until((now) => forwarderOf(now, name, 'siem').delivered >= EVENTS)
  await sink.until(() => lines(sink) >= EVENTS)
  expect(forwarderOf(ledger, name, 'siem').enqueued).toBe(EVENTS)
  expect(Object.values(ledger.refused).reduce((sum, events) => sum + events, 0)).toBe(0)
  expectBalanced(ledger)
}

/** loggen's own RFC 5424 form of our lines: a new time, a byte order mark, and nothing of the octet count. */
function expectRewritten(sink: StreamSink): void {
  const got = sink.lines()
  expect(got.map(sequenceOf)).toEqual(Array.from({ length: EVENTS }, (_, n) => n))
  const form = new RegExp(
    `^<13>1 \\S+ esx01\\.example\\.net FIREWALL-PKTLOG - - - ${BOM}INET match PASS \\d+ OUT `,
  )
  expect(got.filter((line) => !form.test(line))).toEqual([])
}

test('TCP, a line an event: the same bytes in the same order', async (context) => {
  needs(context, 'loggen')
  const { made, sink, sent, file } = scene('newline')
  const count = await folder.loggen(made.port('tcp'), ['-S', '-d', '-R', file, '-n', String(EVENTS)])
  expect(count).toBe(EVENTS)
  await settle(made, sink, 'newline')
  expect(sink.text()).toBe(sent)
})

test('TCP, octet counting from a file: nine digits before a space, a final LF inside the count', async (context) => {
  needs(context, 'loggen')
  const { made, sink, file } = scene('counted')
  await folder.loggen(made.port('tcp'), ['-S', '-P', '-R', file, '-n', String(EVENTS)])
  await settle(made, sink, 'counted')
  expectRewritten(sink)
})

// loggen never reads and closes right behind its last message: with bytes unread at its side, its kernel resets the
// connection and throws away what is still under way. So a TLS listener must send nothing, no session tickets either.
test('TLS, a line an event: the same bytes in the same order', async (context) => {
  needs(context, 'loggen')
  const { made, sink, sent, file } = scene('tls')
  await folder.loggen(made.port('tls'), ['-U', '-d', '-R', file, '-n', String(EVENTS)])
  await settle(made, sink, 'tls')
  expect(sink.text()).toBe(sent)
})

test('TLS, octet counting', async (context) => {
  needs(context, 'loggen')
  const { made, sink, file } = scene('tls_counted')
  await folder.loggen(made.port('tls'), ['-U', '-P', '-R', file, '-n', String(EVENTS)])
  await settle(made, sink, 'tls_counted')
  expectRewritten(sink)
})

test('UDP, a datagram an event', async (context) => {
  needs(context, 'loggen')
  const { made, sink, sent, file } = scene('udp')
  await folder.loggen(made.port('udp'), ['-D', '-d', '-R', file, '-n', String(EVENTS), '--rate', '5000'])
  await settle(made, sink, 'udp')
  expect(sink.text()).toBe(sent)
})

test('messages of its own, counted and not, over eight connections: to the orphans, every one', async (context) => {
  needs(context, 'loggen')
  const made = router as Router
  const before = await made.status()
  const args = ['-S', '-n', '500', '-s', '300', '--active-connections', '8']
  const sent =
    (await folder.loggen(made.port('tcp'), args)) + (await folder.loggen(made.port('tcp'), ['-P', ...args]))
  await orphans.until(() => lines(orphans) >= sent)
  const ledger = await made.until((now) => forwarderOf(now, 'provider', 'orphans').delivered >= sent)
  expect(ledger.received - before.received).toBe(sent)
  expect(lines(orphans)).toBe(sent)
  const wrong = orphans
    .lines()
    .filter((line) => !/^<38>(1 )?2\d{3}-.* (\ufeff)?seq: \d{10}, .*PADD/.test(line))
  expect(wrong).toEqual([])
  expectBalanced(ledger)
})
