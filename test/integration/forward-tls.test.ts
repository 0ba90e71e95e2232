/** Does a tls destination send nothing to anybody but the one it was told to trust? */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderTls } from '../../src/rules/forwarder-settings.ts'
import { makeAuthority, putFile, type TestAuthority, type TestPair } from '../support/authority.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { gibberish, goodSink, noServerHello, StreamSink } from '../support/sinks.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

let folder = ''
let authority: TestAuthority
let stranger: TestAuthority
let good: TestPair
let ca = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'logweir-tls-'))
  authority = await makeAuthority()
  stranger = await makeAuthority('CN=Stranger')
  good = await authority.issue(['siem.example.com'])
  ca = putFile(folder, 'ca.pem', authority.ca)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const resolver = { resolve: (): Promise<string[]> => Promise.resolve(['127.0.0.1']) }

function make(
  port: number,
  tls: Partial<ForwarderTls>,
  connect = 5000,
): { lane: FakeLane; destination: Destination } {
  const settings = testSettings({
    to: { scheme: 'tls', host: 'siem.example.com', port },
    framing: 'octet-counting',
    timeout: { connect, request: 5000 },
    tls: { ca: null, certificate: null, key: null, fingerprint: null, server_name: null, ...tls },
  })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(
    createDestination({ key: lane.key, settings }, lane, testDeps({ resolver })),
  )
  ends.push(() => destination.stop(0))
  return { lane, destination }
}

async function sinkOf(made: Promise<StreamSink>): Promise<StreamSink> {
  const sink = await made
  ends.push(() => sink.close())
  return sink
}

describe('the right peer', () => {
  test('with the right name and authority gets everything', async () => {
    const sink = await sinkOf(goodSink({ cert: good.cert, key: good.key }))
    const { lane } = make(sink.port, { ca })
    lane.add('<14>one', '<14>two')
    await lane.until(() => lane.settled.length === 1)
    expect(sink.text()).toBe('7 <14>one7 <14>two')
    lane.check()
  })

  test('a pinned one needs neither', async () => {
    const other = await stranger.issue(['elsewhere.example.net'])
    const sink = await sinkOf(goodSink({ cert: other.cert, key: other.key }))
    const { lane } = make(sink.port, { fingerprint: other.fingerprint })
    lane.add('<14>one')
    await sink.until(() => sink.text() === '7 <14>one')
  })

  test('that asks for a certificate gets ours', async () => {
    const own = await authority.issue(['router.example.com'])
    const sink = await sinkOf(
      goodSink({
        cert: good.cert,
        key: good.key,
        requestCert: true,
        rejectUnauthorized: true,
        ca: authority.ca,
      }),
    )
    const { lane } = make(sink.port, {
      ca,
      certificate: putFile(folder, 'own.crt', own.cert),
      key: putFile(folder, 'own.key', own.key),
    })
    lane.add('<14>one')
    await sink.until(() => sink.text() === '7 <14>one')
  })

  test('under another name that was set', async () => {
    const sink = await sinkOf(goodSink({ cert: good.cert, key: good.key }))
    const settings = { ca, server_name: 'siem.example.com' }
    const { lane } = make(sink.port, settings)
    lane.add('<14>one')
    await sink.until(() => sink.text() === '7 <14>one')
  })
})

describe('the wrong peer gets no byte, and the words say why', () => {
  interface Case {
    readonly what: string
    readonly pair: () => Promise<TestPair>
    readonly tls: () => Partial<ForwarderTls>
    readonly words: RegExp
  }
  const cases: Case[] = [
    {
      what: 'another authority',
      pair: () => stranger.issue(['siem.example.com']),
      tls: () => ({ ca }),
      words: /TLS handshake: 127\.0\.0\.1:\d+: .*(unable to verify|issuer)/,
    },
    {
      what: 'another name',
      pair: () => authority.issue(['other.example.com']),
      tls: () => ({ ca }),
      words: /the certificate is not for siem\.example\.com: it is for/,
    },
    {
      what: 'a wildcard that spans two labels',
      pair: () => authority.issue(['*.com']),
      tls: () => ({ ca }),
      words: /the certificate is not for siem\.example\.com: it is for/,
    },
    {
      what: 'expired',
      pair: () => authority.issue(['siem.example.com'], { expired: true }),
      tls: () => ({ ca }),
      words: /expired/,
    },
    {
      what: 'another fingerprint',
      pair: () => authority.issue(['siem.example.com']),
      tls: () => ({ ca, fingerprint: good.fingerprint }),
      words: /fingerprint sha-256:[0-9A-F:]+, which is not the one that is set/,
    },
    {
      what: 'the system knows no such authority',
      pair: () => Promise.resolve(good),
      tls: () => ({}),
      words: /unable to|issuer|self/,
    },
  ]
  test.each(cases)('$what', async ({ pair, tls, words }) => {
    const { cert, key } = await pair()
    const sink = await sinkOf(goodSink({ cert, key }))
    const { lane, destination } = make(sink.port, tls())
    lane.add('<14>secret event')
    await expect.poll(() => destination.last_error).toMatch(words)
    expect(destination.state).toBe('retrying')
    await destination.stop(0)
    expect(sink.bytes).toBe(0)
    expect(lane.waiting).toBe(1)
    lane.check()
  })

  test.each([
    ['no ServerHello', noServerHello, /no answer within/],
    ['no TLS', gibberish, /TLS handshake/],
  ] as const)('%s', async (_, sinkMaker, words) => {
    const sink = await sinkOf(sinkMaker())
    const { lane, destination } = make(sink.port, { ca }, 300)
    lane.add('<14>one')
    await expect.poll(() => destination.last_error).toMatch(words)
    expect(lane.in_flight).toBe(0)
  })

  test('that wants a certificate we do not have: nothing is lost', async () => {
    const sink = await sinkOf(
      goodSink({
        cert: good.cert,
        key: good.key,
        requestCert: true,
        rejectUnauthorized: true,
        ca: authority.ca,
      }),
    )
    const { lane, destination } = make(sink.port, { ca })
    lane.add('<14>one')
    await expect.poll(() => destination.last_error).toMatch(/certificate|closed|reset/i)
    await destination.stop(0)
    expect(lane.settled.length).toBe(0)
    expect(sink.bytes).toBe(0)
    lane.check()
  })
})

test('certificate files are read at each connect, and a broken one says which', async () => {
  const sink = await sinkOf(goodSink({ cert: good.cert, key: good.key }))
  const path = putFile(folder, 'late.pem', '')
  const { lane, destination } = make(sink.port, { ca: path })
  lane.add('<14>one')
  await expect.poll(() => destination.last_error).toBe(`certificates: tls.ca ${path}: not a PEM file`)
  writeFileSync(path, authority.ca)
  await sink.until(() => sink.text() === '7 <14>one')
})

/** Answers a request whose body is an array. */
const answering = (pair: TestPair): Promise<StreamSink> =>
  new StreamSink(
    (socket, sink) =>
      socket.on('data', (chunk: Buffer) => {
        sink.add(chunk)
        if (sink.text().endsWith(']')) socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n')
      }),
    { cert: pair.cert, key: pair.key },
  ).listen()

function post(port: number, tls: Partial<ForwarderTls>): { lane: FakeLane; destination: Destination } {
  const base = testSettings({
    type: 'log-insight-cloud',
    to: { scheme: 'https', url: `https://siem.example.com:${port}/in` },
    tls: { ca: null, certificate: null, key: null, fingerprint: null, server_name: null, ...tls },
  })
  const settings = { ...base, http: { ...base.http, gzip: false, token: 'planted' } }
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(
    createDestination({ key: lane.key, settings }, lane, testDeps({ resolver })),
  )
  ends.push(() => destination.stop(0))
  return { lane, destination }
}

describe('https', () => {
  test('to the right peer, by authority or by pin', async () => {
    const sink = await sinkOf(answering(good))
    for (const tls of [{ ca }, { fingerprint: good.fingerprint }]) {
      const { lane } = post(sink.port, tls)
      lane.add('one')
      await lane.until(() => lane.settled.length === 1)
    }
    expect(sink.text().match(/POST \/in HTTP\/1.1/g)?.length).toBe(2)
  })

  test('the wrong peer sees neither the events nor the token', async () => {
    const other = await stranger.issue(['siem.example.com'])
    const sink = await sinkOf(answering(other))
    for (const tls of [{ ca }, { ca, fingerprint: good.fingerprint }]) {
      const { lane, destination } = post(sink.port, tls)
      lane.add('one')
      await expect.poll(() => destination.last_error).toMatch(/^request: TLS handshake: /)
      await destination.stop(0)
      lane.check()
    }
    expect(sink.bytes).toBe(0)
  })
})
