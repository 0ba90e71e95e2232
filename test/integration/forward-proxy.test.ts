/** Do requests go through the proxy that is set, with TLS to the destination inside, and never around it? */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority, putFile, type TestAuthority, type TestPair } from '../support/authority.ts'
import {
  addEvents,
  expectAll,
  KINDS,
  type Kind,
  type Over,
  run,
  type Running,
} from '../support/http-lanes.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import { StrictServer } from '../support/strict-http.ts'

const NAME = 'siem.example.com'
const bulk = KINDS['elasticsearch'] as Kind
const hec = KINDS['splunk-hec, acknowledged'] as Kind
const ends: (() => Promise<unknown>)[] = []
let folder = ''
let authority: TestAuthority
let pair: TestPair
let ca = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'logweir-proxy-'))
  authority = await makeAuthority()
  pair = await authority.issue([NAME, '127.0.0.1'])
  ca = putFile(folder, 'ca.pem', authority.ca)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const tls = (over: Partial<Running['settings']['tls']> = {}): Running['settings']['tls'] => ({
  ca,
  certificate: null,
  key: null,
  fingerprint: null,
  server_name: null,
  ...over,
})

async function proxyOf(login: string | null = null, secure = false): Promise<HttpProxy> {
  const options = secure ? { cert: pair.cert, key: pair.key } : undefined
  const proxy = await new HttpProxy(login, options).listen()
  ends.push(() => proxy.close())
  return proxy
}

async function serverOf(kind: Kind, secure: boolean): Promise<StrictServer> {
  const options = secure ? { cert: pair.cert, key: pair.key } : undefined
  const server = await new StrictServer(kind.product(), undefined, options).listen()
  ends.push(() => server.close())
  return server
}

function running(kind: Kind, port: number, over: Over): Running {
  const made = run(kind, port, over)
  ends.push(() => made.stop())
  return made
}

const through = (proxy: HttpProxy, scheme = 'http'): { url: string; login: null; ca: null } => ({
  url: `${scheme}://127.0.0.1:${proxy.port}`,
  login: null,
  ca: null,
})

describe('through a proxy', () => {
  test.each([
    ['elasticsearch', bulk],
    ['splunk', hec],
  ] as const)('https by CONNECT, the name is the proxy’s to resolve: %s', async (_, kind) => {
    const [proxy, server] = [await proxyOf(), await serverOf(kind, true)]
    const made = running(kind, server.port, {
      scheme: 'https',
      host: NAME,
      settings: { tls: tls() },
      http: { proxy: through(proxy) },
    })
    const batches = addEvents(made.lane, 1000)
    await made.lane.until(() => made.lane.settled.length === batches)
    expectAll(made, server, 1000)
    expect(server.doubled).toBe(0)
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${NAME}:${server.port}`]))
    // The tunnel is used again.
    expect(proxy.asked.length).toBeLessThanOrEqual(2)
  })

  test('http by whole URLs, with a login of the rules', async () => {
    const [proxy, server] = [await proxyOf('user:secret-pw'), await serverOf(bulk, false)]
    const login = { username: 'user', password: 'secret-pw' }
    const made = running(bulk, server.port, { host: NAME, http: { proxy: { ...through(proxy), login } } })
    const batches = addEvents(made.lane, 1000)
    await made.lane.until(() => made.lane.settled.length === batches)
    expectAll(made, server, 1000)
    expect(proxy.asked[0]).toMatch(new RegExp(`^POST http://${NAME}:${server.port}/_bulk`))
    expect(server.asked[0]?.headers['proxy-authorization']).toBeUndefined()
    expect(server.asked[0]?.headers.host).toBe(`${NAME}:${server.port}`)
  })

  test('over TLS with the proxy, whose authority is a private one, with a login', async () => {
    const [proxy, server] = [await proxyOf('user:secret-pw', true), await serverOf(bulk, true)]
    const made = running(bulk, server.port, {
      scheme: 'https',
      host: NAME,
      settings: { tls: tls() },
      http: {
        proxy: { ...through(proxy, 'https'), login: { username: 'user', password: 'secret-pw' }, ca },
      },
    })
    const batches = addEvents(made.lane, 100)
    await made.lane.until(() => made.lane.settled.length === batches)
    expectAll(made, server, 100)
  })

  test('the environment’s, unless NO_PROXY names the host or the rules say none', async () => {
    const [proxy, server] = [await proxyOf(), await serverOf(bulk, true)]
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }
    const go = async (over: Over): Promise<void> => {
      const made = running(bulk, server.port, { scheme: 'https', settings: { tls: tls() }, ...over })
      addEvents(made.lane, 10)
      await made.lane.until(() => made.lane.settled.length === 1)
      await made.stop()
    }
    await go({ http: { proxy: null }, deps: { env } })
    expect(proxy.asked.length).toBe(1)
    await go({ http: { proxy: 'none' }, deps: { env } })
    await go({ http: { proxy: null }, deps: { env: { ...env, no_proxy: '127.0.0.0/8' } } })
    expect(proxy.asked.length).toBe(1)
    expect(server.connections).toBe(3)
  })

  test('a fingerprint is of the destination, not of the proxy; another one gets no byte', async () => {
    const [proxy, server] = [await proxyOf(), await serverOf(bulk, true)]
    const right = running(bulk, server.port, {
      scheme: 'https',
      host: NAME,
      settings: { tls: tls({ ca: null, fingerprint: pair.fingerprint }) },
      http: { proxy: through(proxy) },
    })
    addEvents(right.lane, 10)
    await right.lane.until(() => right.lane.settled.length === 1)
    const other = (await authority.issue([NAME])).fingerprint
    const wrong = running(bulk, server.port, {
      scheme: 'https',
      host: NAME,
      settings: { tls: tls({ ca: null, fingerprint: other }) },
      http: { proxy: through(proxy) },
    })
    addEvents(wrong.lane, 10)
    await expect.poll(() => wrong.destination.last_error).toContain('fingerprint')
    expect(server.asked.length).toBe(1)
  })
})

describe('a proxy that will not', () => {
  const cases: readonly (readonly [string, (proxy: HttpProxy) => void, RegExp, string])[] = [
    ['wants another login', () => undefined, /wants other credentials: answered 407/, 'paused'],
    ['forbids it', (proxy) => (proxy.refusal = '403 Forbidden'), /answered 403 "Forbidden"/, 'paused'],
    ['finds nobody', (proxy) => (proxy.refusal = '502 Bad Gateway'), /answered 502/, 'retrying'],
    [
      'sends elsewhere',
      (proxy) => (proxy.refusal = '302 Found\r\nLocation: http://127.0.0.1:1/'),
      /answered 302/,
      'retrying',
    ],
    ['says nothing', (proxy) => (proxy.silent = true), /no answer within/, 'retrying'],
    [
      'has headers without end',
      (proxy) => (proxy.refusal = `200 OK\r\n${'x: y\r\n'.repeat(20_000)}`),
      /proxy: /,
      'retrying',
    ],
  ]
  test.each(cases)(
    '%s: the words say so, the destination hears nothing, everything is kept',
    async (_, make, words, state) => {
      const [proxy, server] = [await proxyOf('user:pw-of-another'), await serverOf(bulk, true)]
      make(proxy)
      const login =
        state === 'paused' && words.source.includes('407')
          ? null
          : { username: 'user', password: 'pw-of-another' }
      const made = running(bulk, server.port, {
        scheme: 'https',
        host: NAME,
        settings: { tls: tls() },
        http: { proxy: { ...through(proxy), login } },
      })
      addEvents(made.lane, 10)
      await expect.poll(() => made.destination.last_error, { timeout: 5000 }).toMatch(words)
      expect(made.destination.state).toBe(state)
      await made.stop()
      expect(server.connections).toBe(0)
      expect(made.lane.waiting).toBe(1)
      expect([...made.log.lines, made.destination.last_error].join()).not.toContain('pw-of-another')
    },
  )

  test('one of the environment that cannot be used is not gone around', async () => {
    const server = await serverOf(bulk, true)
    const made = running(bulk, server.port, {
      scheme: 'https',
      settings: { tls: tls() },
      http: { proxy: null },
      deps: { env: { HTTPS_PROXY: 'socks5://127.0.0.1:1' } },
    })
    addEvents(made.lane, 10)
    await expect.poll(() => made.destination.state).toBe('paused')
    expect(made.destination.last_error).toContain('HTTPS_PROXY names no http: or https: proxy')
    expect(server.connections).toBe(0)
  })
})

describe('TLS with the destination itself', () => {
  test('files that change are read at the next connect: a new authority and a new client certificate', async () => {
    const old = await makeAuthority('CN=Old')
    const [first, second] = [await old.issue(['client']), await authority.issue(['client'])]
    const own = {
      ca: join(folder, 'moving-ca.pem'),
      certificate: join(folder, 'moving.pem'),
      key: join(folder, 'moving.key'),
    }
    writeFileSync(own.ca, old.ca)
    writeFileSync(own.certificate, first.cert)
    writeFileSync(own.key, first.key)
    const options = {
      cert: pair.cert,
      key: pair.key,
      ca: authority.ca,
      requestCert: true,
      rejectUnauthorized: true,
    }
    const server = await new StrictServer(bulk.product(), undefined, options).listen()
    ends.push(() => server.close())
    const made = running(bulk, server.port, { scheme: 'https', settings: { tls: tls(own) } })
    const batches = addEvents(made.lane, 1000)
    await expect.poll(() => made.destination.last_error).toContain('TLS handshake')
    expect(server.asked.length).toBe(0)
    writeFileSync(own.ca, authority.ca)
    writeFileSync(own.certificate, second.cert)
    writeFileSync(own.key, second.key)
    await made.lane.until(() => made.lane.settled.length === batches)
    expectAll(made, server, 1000)
    expect(server.doubled).toBe(0)
  })

  test.each([
    [
      'is expired',
      async () => authority.issue(['127.0.0.1'], { expired: true }),
      /the certificate, or one of its issuers, has expired/,
    ],
    ['is of another name', async () => authority.issue(['other.example.com']), /127\.0\.0\.1/],
    [
      'is of another authority',
      async () => (await makeAuthority('CN=Other')).issue(['127.0.0.1']),
      /TLS handshake/,
    ],
  ] as const)('a certificate that %s gets no byte', async (_, issue, words) => {
    const wrong = await issue()
    const server = await new StrictServer(bulk.product(), undefined, {
      cert: wrong.cert,
      key: wrong.key,
    }).listen()
    ends.push(() => server.close())
    const made = running(bulk, server.port, { scheme: 'https', settings: { tls: tls() } })
    addEvents(made.lane, 10)
    await expect.poll(() => made.destination.last_error).toMatch(words)
    expect(made.destination.state).toBe('retrying')
    await made.stop()
    expect(server.asked.length).toBe(0)
    expect(made.lane.waiting).toBe(1)
  })
})
