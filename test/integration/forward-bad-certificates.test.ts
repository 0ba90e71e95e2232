/**
 * R51: does anything leave for a receiver whose certificate is wrong, in whatever way it is wrong and over whatever TLS
 * carries? R52: and what of one that never answers the handshake?
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { putFile } from '../support/authority.ts'
import { type Certificates, makeCertificates, type Shown } from '../support/bad-certificates.ts'
import { event, KINDS, TOKEN } from '../support/http-lanes.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import { FakeLane, TestLog, testDeps, testSettings } from '../support/lanes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RelpServer } from '../support/relp-server.ts'
import { goodSink } from '../support/sinks.ts'
import { StrictServer } from '../support/strict-http.ts'

const NAME = 'siem.example.com'
const ends: (() => Promise<unknown>)[] = []
const folder = mkdtempSync(join(tmpdir(), 'logweir-certificates-'))
let made: Certificates
let ca = ''

beforeAll(async () => {
  made = await makeCertificates(NAME)
  ca = putFile(folder, 'ca.pem', made.ca)
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Peer {
  readonly port: number
  /** What came that is for nobody else to see: bytes, events, requests. */
  readonly seen: () => number
}

type To = Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>

/** A way to send over TLS: a receiver that shows a certificate, and the settings to reach it. */
interface Way {
  readonly receiver: (shown: Shown) => Promise<Peer>
  readonly settings: (port: number) => To
}

const http = (kind: string, over: Partial<ForwarderSettings['http']> = {}): Partial<ForwarderSettings> => ({
  ...KINDS[kind]?.settings,
  http: {
    ...testSettings({ to: { scheme: 'http', url: 'http://x/' } }).http,
    token: TOKEN,
    ...KINDS[kind]?.http,
    ...over,
  },
})

/** Over HTTP every type has the same client; the login of `cfapi` is a request of its own. */
const overHttps = (kind: string, over: Partial<ForwarderSettings['http']> = {}): Way => ({
  receiver: async (shown) => {
    const product = KINDS[kind]?.product() as NonNullable<ReturnType<(typeof KINDS)[string]['product']>>
    const server = await new StrictServer(product, undefined, { ...shown }).listen()
    ends.push(() => server.close())
    return { port: server.port, seen: () => server.asked.length }
  },
  settings: (port) => ({
    ...http(kind, over),
    to: { scheme: 'https', url: `https://${NAME}:${port}${KINDS[kind]?.path}` },
  }),
})

const WAYS: Readonly<Record<string, Way>> = {
  tls: {
    receiver: async (shown) => {
      const sink = await goodSink({ ...shown })
      ends.push(() => sink.close())
      return { port: sink.port, seen: () => sink.bytes }
    },
    settings: (port) => ({ to: { scheme: 'tls', host: NAME, port } }),
  },
  'relp-tls': {
    receiver: async (shown) => {
      const server = await new RelpServer({ ...shown }).listen()
      ends.push(() => server.close())
      return { port: server.port, seen: () => server.sessions + server.events.length }
    },
    settings: (port) => ({ to: { scheme: 'relp-tls', host: NAME, port }, framing: 'none' }),
  },
  https: overHttps('http, array'),
  'cfapi with a login': overHttps('cfapi', { login: { username: 'ingest', password: 'planted' } }),
  'a proxy over TLS': {
    receiver: async (shown) => {
      const proxy = await new HttpProxy(null, { ...shown }).listen()
      ends.push(() => proxy.close())
      return { port: proxy.port, seen: () => proxy.asked.length }
    },
    settings: (port) => ({
      ...http('http, array', {
        proxy: { url: `https://${NAME}:${port}`, login: { username: 'a', password: 'planted' }, ca },
      }),
      to: { scheme: 'http', url: 'http://receiver.example.com/in' },
    }),
  },
}

const resolver = { resolve: (): Promise<string[]> => Promise.resolve(['127.0.0.1']) }

function run(settings: To, over: Partial<ForwardDeps> = {}): { lane: FakeLane; destination: Destination } {
  const tls = { ca, certificate: null, key: null, fingerprint: null, server_name: null }
  const whole = testSettings({ tls, retry: { first: 60_000, max: 60_000 }, ...settings })
  const lane = new FakeLane(payloadForm(whole))
  const deps = testDeps({ resolver, random: () => 1, ...over })
  const destination = lane.attach(createDestination({ key: lane.key, settings: whole }, lane, deps))
  ends.push(() => destination.stop(0))
  return { lane, destination }
}

describe.each(Object.entries(WAYS))('R51: over %s', (_, way) => {
  test('every kind of bad certificate is refused in words, and not a byte is sent', async () => {
    for (const { what, shown, words } of made.bad) {
      const peer = await way.receiver(shown)
      const { lane, destination } = run(way.settings(peer.port))
      lane.add(event(0))
      await expect
        .poll(() => destination.last_error, { interval: 2, timeout: 20_000, message: what })
        .not.toBe(null)
      expect(destination.last_error, what).toMatch(words)
      expect(destination.last_error, what).toContain('TLS handshake')
      expect([destination.state, lane.waiting, peer.seen()], what).toEqual(['retrying', 1, 0])
    }
  })

  test('a good one is not', async () => {
    const peer = await way.receiver(made.good)
    const { lane, destination } = run(way.settings(peer.port))
    lane.add(event(0))
    await expect
      .poll(() => peer.seen() > 0 || destination.last_error, { interval: 2, timeout: 20_000 })
      .toBe(true)
  })
})

describe('R51: a certificate that ends within 14 days', () => {
  test.each(Object.entries(WAYS).filter(([name]) => !name.includes('proxy')))(
    'is told of once, with its day, over %s',
    async (_, way) => {
      const log = new TestLog()
      const told: number[] = []
      const certificateEnds = (at: number): void => void told.push(at)
      const peer = await way.receiver(made.ending)
      const { lane } = run(way.settings(peer.port), { log, certificateEnds })
      lane.add(event(0))
      await expect.poll(peer.seen, { interval: 2, timeout: 20_000 }).toBeGreaterThan(0)
      const day = new Date(told[0] ?? 0).toISOString().slice(0, 10)
      expect(log.lines.filter((line) => line.includes(' ends on '))).toEqual([
        `warn forwarder acme/siem: the certificate of the receiver ends on ${day}, in 5 days; deliveries stop then`,
      ])
    },
  )

  test('of our own is told of too; one that ends later, or that a pin makes good, is not', async () => {
    const [log, quiet] = [new TestLog(), new TestLog()]
    const peer = await goodSink({ ...made.good, requestCert: true, rejectUnauthorized: false })
    ends.push(() => peer.close())
    const certificate = putFile(folder, 'own.crt', made.ending.cert)
    const key = putFile(folder, 'own.key', made.ending.key)
    const tls = { ca, certificate, key, fingerprint: null, server_name: null }
    const to = { scheme: 'tls', host: NAME, port: peer.port } as const
    run({ to, tls }, { log }).lane.add(event(0))
    await expect.poll(() => log.lines.join(), { timeout: 20_000 }).toContain('our own certificate ends on ')

    const later: number[] = []
    run({ to }, { log: quiet, certificateEnds: (at) => later.push(at) }).lane.add(event(1))
    await expect.poll(() => later.length, { timeout: 20_000 }).toBe(1)
    expect(quiet.lines.filter((line) => line.includes(' ends on '))).toEqual([])
  })
})

describe.each(['tls', 'relp-tls', 'https'])('R52: over %s', (name) => {
  test('a handshake that never answers is given up after 10 s by default, and tried again', async () => {
    const clock = new ManualClock()
    // Takes what comes and says nothing.
    const sink = await goodSink()
    ends.push(() => sink.close())
    const timeout = { connect: 10_000, request: 30_000 }
    const { lane, destination } = run({ ...WAYS[name]?.settings(sink.port), timeout } as To, { clock })
    lane.add(event(0))
    await sink.until(() => sink.bytes > 0)
    // One time for the connect and the handshake.
    expect(clock.waiting).toBe(1)
    clock.advance(9_999)
    expect(destination.last_error).toBe(null)
    clock.advance(1)
    await expect
      .poll(() => destination.last_error, { timeout: 20_000 })
      .toContain('no answer within 10000 ms')
    expect(destination.last_error).toContain('TLS handshake')
    expect([destination.state, clock.waiting, lane.waiting]).toEqual(['retrying', 1, 1])
    clock.advance(60_000)
    await sink.until(() => sink.connects === 2)
    const stopped = destination.stop(0)
    clock.advance(0)
    await stopped
    lane.check()
  })
})
