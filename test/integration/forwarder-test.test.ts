/** Does `forwarder test` say truly, step by step, what keeps a destination from working, and touch nothing else? */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { reportLines } from '../../src/cli/forwarder.ts'
import { probe } from '../../src/forward/probe.ts'
import type { ProbeReport, ProbeStep } from '../../src/forward/probe-types.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { makeAuthority, putFile, type TestAuthority, type TestPair } from '../support/authority.ts'
import { testDeps, testSettings } from '../support/lanes.ts'
import { Receiver } from '../support/receiver.ts'
import { RelpServer } from '../support/relp-server.ts'
import { expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { blackHole, goodSink, httpSink, noServerHello, refuse, udpSink } from '../support/sinks.ts'
import { logweir } from './cli/support.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

async function opened<T extends { close(): Promise<void> }>(made: Promise<T>): Promise<T> {
  const one = await made
  open.push(one)
  return one
}

const folder = mkdtempSync(join(tmpdir(), 'logweir-probe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let authority: TestAuthority
let good: TestPair
let expired: TestPair
let ca = ''
beforeAll(async () => {
  authority = await makeAuthority()
  good = await authority.issue(['siem.example.com'])
  expired = await authority.issue(['siem.example.com'], { expired: true })
  ca = putFile(folder, 'ca.pem', authority.ca)
})

const NO_TLS = { ca: null, certificate: null, key: null, fingerprint: null, server_name: null }
const resolver = {
  resolve: (host: string): Promise<string[]> =>
    host.startsWith('gone')
      ? Promise.reject(new Error(`the name ${host} has no address`))
      : Promise.resolve(['127.0.0.1']),
}

function ask(over: Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>): Promise<ProbeReport> {
  const timeout = { connect: 500, request: 500 }
  const forwarder = { key: 'acme/siem', settings: testSettings({ timeout, ...over }) }
  const identity = { epoch: 1, worker: 0, forwarder: 'acme/siem', generation: 1 }
  return probe(forwarder, { tenant: null, identity, wall: Date.now() }, testDeps({ resolver }))
}

/** `resolve+ connect-`: what went well and what did not; `?` where there is nothing to say. */
function shape({ steps }: ProbeReport): string {
  return steps.map(({ step, ok }) => `${step}${ok === null ? '?' : ok ? '+' : '-'}`).join(' ')
}

function stepOf({ steps }: ProbeReport, name: ProbeStep['step']): ProbeStep {
  const found = steps.find(({ step }) => step === name)
  if (found === undefined) throw new Error(`no step ${name}`)
  return found
}

const tls = (port: number) => ({ scheme: 'tls', host: 'siem.example.com', port }) as const
const https = (port: number, secure = false) =>
  ({ scheme: secure ? 'https' : 'http', url: `http://127.0.0.1:${port}/in?token=secret` }) as const

describe('destinations that work', () => {
  test('tcp', async () => {
    const sink = await opened(goodSink())
    const report = await ask({ to: { scheme: 'tcp', host: 'localhost', port: sink.port } })
    expect([report.ok, shape(report)]).toEqual([true, 'resolve+ connect+ authentication? probe+'])
    expect(sink.lines()).toHaveLength(1)
    expect(sink.text()).toMatch(/^<14>1 \S+ logweir logweir - probe - test of forwarder acme\/siem/)
  })

  test('tls, with the chain and the fingerprint that a pin takes', async () => {
    const sink = await opened(goodSink({ cert: `${good.cert}\n${authority.ca}`, key: good.key }))
    const report = await ask({ to: tls(sink.port), tls: { ...NO_TLS, ca } })
    expect([report.ok, shape(report)]).toEqual([true, 'resolve+ connect+ handshake+ authentication? probe+'])
    const { certificates, detail } = stepOf(report, 'handshake')
    expect(detail).toMatch(/^TLSv1\.3, .*; its chain and name are right$/)
    expect(certificates?.map(({ subject }) => subject)).toEqual(['CN=siem.example.com', 'CN=Test Authority'])
    expect(certificates?.[0]).toMatchObject({ fingerprint: good.fingerprint, names: 'DNS:siem.example.com' })
    const lines = reportLines({ forwarder: 'acme/siem', ok: true, paused: null, targets: [report] })
    expect(lines.join('\n')).toContain('issued by CN=Test Authority')
  })

  test('tls by its pin shows the certificate too', async () => {
    const sink = await opened(goodSink({ cert: good.cert, key: good.key }))
    const report = await ask({ to: tls(sink.port), tls: { ...NO_TLS, fingerprint: good.fingerprint } })
    const { certificates, detail } = stepOf(report, 'handshake')
    expect(detail).toMatch(/it has the fingerprint that is set$/)
    expect(certificates?.map(({ subject }) => subject)).toEqual(['CN=siem.example.com'])
  })

  test('http with a token; of the URL nothing is told that may be secret', async () => {
    const sink = await opened(httpSink(() => ({ status: 200 })))
    const http = { ...testSettings({ to: https(1) }).http, token: 't0p' }
    const report = await ask({ to: https(sink.port), type: 'http', format: 'json', http })
    expect([report.ok, shape(report)]).toEqual([true, 'resolve+ connect+ authentication+ probe+'])
    expect(JSON.stringify(report)).not.toMatch(/t0p|secret/)
    expect(sink.requests[0]?.headers.authorization).toBe('Bearer t0p')
  })

  test('relp, udp and a file', async () => {
    const relp = await opened(new RelpServer().listen())
    const relped = await ask({ to: { scheme: 'relp', host: '127.0.0.1', port: relp.port }, framing: 'none' })
    expect([shape(relped), relp.accepted.length]).toEqual(['resolve+ connect+ authentication? probe+', 1])
    const sink = await opened(udpSink())
    const udp = await ask({ to: { scheme: 'udp', host: '127.0.0.1', port: sink.port }, framing: 'none' })
    expect(shape(udp)).toBe('resolve+ authentication? probe+')
    const path = join(folder, 'out.log')
    expect(shape(await ask({ to: { scheme: 'file', path }, type: 'file' }))).toBe('authentication? probe+')
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2)
  })
})

describe('destinations that do not', () => {
  test('a name that has no address', async () => {
    const report = await ask({ to: { scheme: 'tcp', host: 'gone.example.com', port: 1 } })
    expect([report.ok, shape(report)]).toEqual([false, 'resolve-'])
    expect(report.steps[0]?.detail).toBe('the name gone.example.com has no address')
  })

  test('a port where nobody listens', async () => {
    const report = await ask({ to: { scheme: 'tcp', host: 'localhost', port: await refuse() } })
    expect([report.ok, shape(report)]).toEqual([false, 'resolve+ connect-'])
    expect(report.steps[1]?.detail).toContain('nothing listens there')
  })

  test('a certificate of somebody unknown, of another name, an expired one, a wrong pin: each with what was shown', async () => {
    const sink = await opened(goodSink({ cert: good.cert, key: good.key }))
    const old = await opened(goodSink({ cert: expired.cert, key: expired.key }))
    const pin = `sha-256:${'00:'.repeat(31)}00`
    const cases = [
      [{ to: tls(sink.port) }, /unable to verify|issuer/],
      [
        { to: { ...tls(sink.port), host: 'other.example.com' }, tls: { ...NO_TLS, ca } },
        /the certificate is not for other\.example\.com: it is for DNS:siem\.example\.com/,
      ],
      [{ to: tls(old.port), tls: { ...NO_TLS, ca } }, /expired/],
      [{ to: tls(sink.port), tls: { ...NO_TLS, fingerprint: pin } }, /has the fingerprint/],
    ] as const
    for (const [over, why] of cases) {
      const report = await ask(over)
      expect([report.ok, shape(report)]).toEqual([false, 'resolve+ connect+ handshake-'])
      const { detail, certificates } = stepOf(report, 'handshake')
      expect(detail).toMatch(why)
      expect(certificates?.[0]?.subject).toBe('CN=siem.example.com')
    }
    expect([sink.bytes, old.bytes]).toEqual([0, 0])
  })

  test('R52: a handshake that never answers', async () => {
    const sink = await opened(noServerHello())
    const report = await ask({ to: tls(sink.port) })
    expect(shape(report)).toBe('resolve+ connect+ handshake-')
    expect(stepOf(report, 'handshake').detail).toContain('no answer within')
  })

  test('a token that is refused, an event that is refused, an error, a redirect, no answer', async () => {
    const cases = [
      [401, 'resolve+ connect+ authentication- probe-', /answered 401/],
      [400, 'resolve+ connect+ authentication? probe-', /refused: .*answered 400/],
      [503, 'resolve+ connect+ authentication? probe-', /answered 503/],
      [302, 'resolve+ connect+ authentication? probe-', /redirects are not followed/],
      [0, 'resolve+ connect+ authentication? probe-', /no answer/],
    ] as const
    for (const [status, steps, why] of cases) {
      const headers = { location: 'http://127.0.0.1:1/' }
      const sink = await opened(
        httpSink(() => ({ status: Math.max(status, 200), headers, hang: status === 0 })),
      )
      const report = await ask({ to: https(sink.port), type: 'http', format: 'json' })
      expect([report.ok, shape(report)]).toEqual([false, steps])
      expect(stepOf(report, 'probe').detail).toMatch(why)
      expect(sink.requests).toHaveLength(1)
    }
  })

  test('one that accepts and never answers an event', async () => {
    const hole = await opened(blackHole())
    const report = await ask({ to: { scheme: 'relp', host: '127.0.0.1', port: hole.port }, framing: 'none' })
    expect(shape(report)).toBe('resolve+ connect+ authentication? probe-')
    expect(stepOf(report, 'probe').detail).toContain('no answer to `open`')
  })
})

test('the running router tests its own forwarder, paused or not, and its ledger knows nothing of it', async () => {
  const receiver = new Receiver()
  await receiver.open()
  const rules = {
    tenants: [
      tenantRules(0, [
        { name: 'siem', to: receiver.url, from_address: '127.0.0.1' },
        { name: 'dead', to: `tcp://127.0.0.1:${await refuse()}` },
      ]),
    ],
  }
  const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const router = new Router({ listeners }, rules)
  open.push(router, receiver)
  await router.start()
  const cli = ['--config', router.config, '--admin', router.admin]
  const works = await logweir(['forwarder', 'test', 'tenant-0/siem', ...cli])
  expect([works.code, works.stderr]).toEqual([0, ''])
  expect(works.stdout).toMatch(/^tenant-0\/siem to tcp:\/\/127\.0\.0\.1:\d+: works\n/)
  expect(works.stdout).toMatch(/ ok {3}connect .*answers from 127\.0\.0\.1\n/)
  await receiver.until(() => receiver.lines === 1)
  await logweir(['forwarder', 'pause', 'tenant-0/siem', ...cli])
  const paused = await logweir(['forwarder', 'test', 'tenant-0/siem', ...cli])
  expect(paused.stdout).toContain('it is paused: its own events wait until it is resumed\n')
  const dead = await logweir(['forwarder', 'test', 'tenant-0/dead', '--json', ...cli])
  expect(dead.code).toBe(1)
  expect(JSON.parse(dead.stdout)).toMatchObject({ ok: false, targets: [{ ok: false, from_address: null }] })
  const nobody = await logweir(['forwarder', 'test', 'tenant-0/nobody', ...cli])
  expect([nobody.code, nobody.stderr.split('\n')[0]]).toEqual([
    1,
    'logweir: there is no forwarder "tenant-0/nobody"',
  ])
  const ledger = await router.status()
  expect(forwarderOf(ledger, 'tenant-0', 'siem').enqueued).toBe(0)
  expect(forwarderOf(ledger, 'tenant-0', 'dead').last_error).toBe(null)
  expectBalanced(ledger)
  await router.stop()
})
