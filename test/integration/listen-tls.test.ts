/** Does a TLS listener let in whom it should, count whom it should not, and change certificates in place? */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ListenerTls } from '../../src/config/types.ts'
import { createListener } from '../../src/listen/create.ts'
import type { Listener } from '../../src/listen/types.ts'
import { makeAuthority, putFile, type TestAuthority, type TestPair } from '../support/authority.ts'
import { type Bench, bench } from '../support/intake.ts'
import { closed, connectTo, secureTo, source, tlsSettings } from '../support/listening.ts'
import { ManualClock } from '../support/manual-clock.ts'

let folder: string
let authority: TestAuthority
let other: TestAuthority
let server: TestPair
let client: TestPair
let stranger: TestPair
let files: Pick<ListenerTls, 'certificate' | 'key'>
let client_ca: string
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'logweir-tls-'))
  authority = await makeAuthority()
  other = await makeAuthority('CN=Other Authority')
  server = await authority.issue(['localhost', '127.0.0.1'])
  client = await authority.issue(['sender.example.com'])
  stranger = await other.issue(['stranger.example.com'])
  client_ca = putFile(folder, 'ca.crt', authority.ca)
  files = {
    certificate: putFile(folder, 'router.crt', server.cert),
    key: putFile(folder, 'router.key', server.key),
  }
})

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

afterAll(() => rmSync(folder, { recursive: true }))

async function listening(with_: Partial<ListenerTls>, made: Bench): Promise<Listener> {
  const listener = await createListener(tlsSettings({ ...files, ...with_ }), 0, made.deps)
  ends.push(() => listener.stop(0))
  return listener
}

async function secured(listener: Listener, options?: ConnectionOptions): Promise<TLSSocket> {
  const socket = await secureTo(listener.address.port, options)
  ends.push(async () => socket.destroy())
  return socket
}

async function plain(listener: Listener): Promise<Socket> {
  const socket = await connectTo(listener.address.port)
  ends.push(async () => socket.destroy())
  return socket
}

/** Tries to send one event; resolves when the connection is gone (refused or not). */
async function attempt(listener: Listener, options: ConnectionOptions, text: string): Promise<void> {
  try {
    const socket = await secured(listener, options)
    const gone = closed(socket)
    socket.end(text)
    await gone
  } catch {
    // Refused during the handshake: the other way to be gone.
  }
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: frames arrive, and the end is answered', async (version) => {
  const made = bench()
  const listener = await listening({}, made)
  const options = { minVersion: version, maxVersion: version, ca: authority.ca, rejectUnauthorized: true }
  const socket = await secured(listener, { ...options, servername: 'localhost' })
  expect(socket.getProtocol()).toBe(version)
  socket.end('5 <1>ab<2>line\n<3>rest')
  await closed(socket)
  await made.intake.untilFrames(3)
  expect(made.intake.texts).toEqual(['<1>ab', '<2>line', '<3>rest'])
  await made.tally.untilOpen(0)
  expect(made.tally.reasons).toEqual({})
})

test('TLS 1.1 is not spoken, and 1.2 not where 1.3 is asked for (R48)', async () => {
  const made = bench()
  const old = await listening({}, made)
  const legacy = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await expect(secured(old, legacy)).rejects.toThrow()
  await made.tally.untilRefused('handshake_failed', 1)
  const strict = await listening({ min_version: 'TLSv1.3' }, made)
  await expect(secured(strict, { maxVersion: 'TLSv1.2' })).rejects.toThrow()
  await made.tally.untilRefused('handshake_failed', 2)
})

test('a connection is not negotiated anew (R48)', async () => {
  const made = bench()
  const listener = await listening({}, made)
  const socket = await secured(listener, { maxVersion: 'TLSv1.2' })
  const answer = await new Promise<Error | null>((resolve) => {
    socket.on('error', resolve)
    socket.renegotiate({}, resolve)
  })
  expect(answer).toBeInstanceOf(Error)
})

test('plain text on the TLS port is refused, named once, and never an event (R47)', async () => {
  const made = bench()
  const listener = await listening({}, made)
  for (const text of ['<13>1 - - - - - - hello\n', 'GET / HTTP/1.1\r\n\r\n', '57 <14>x', '\n']) {
    const socket = await plain(listener)
    socket.write(text)
    await closed(socket)
  }
  expect(made.tally.reasons).toEqual({ plain_on_tls: 4 })
  expect(made.said.filter(({ fields }) => fields['reason'] === 'plain_on_tls')).toHaveLength(1)
  expect(made.intake.frames).toBe(0)
})

test('bytes that look like TLS and are not fail the handshake', async () => {
  const made = bench()
  const listener = await listening({}, made)
  const socket = await plain(listener)
  socket.write('\x16\x09garbage, garbage, garbage')
  await closed(socket)
  await made.tally.untilOpen(0)
  expect(made.tally.reasons).toEqual({ handshake_failed: 1 })
})

test('stalled handshakes end in time, also those that sent part of one; probes are not counted (R46)', async () => {
  const clock = new ManualClock()
  const made = bench({}, clock)
  const listener = await listening({}, made)
  const silent = await plain(listener)
  const begun = await plain(listener)
  begun.write('\x16\x03\x01')
  const probe = await plain(listener)
  await made.tally.untilOpen(3)
  probe.destroy()
  await made.tally.untilOpen(2)
  const honest = await secured(listener)
  honest.write('<1>before\n')
  await made.intake.untilFrames(1)
  clock.advance(9_000)
  expect(made.tally.reasons).toEqual({})
  clock.advance(2_000)
  await Promise.all([closed(silent), closed(begun)])
  expect(made.tally.reasons).toEqual({ handshake_timeout: 2 })
  honest.write('<1>after\n')
  await made.intake.untilFrames(2)
})

test.each([
  ['handshakes_max', { handshakes_max: 5 }],
  ['handshakes_per_address', { handshakes_per_address: 5 }],
] as const)('%s: a flood of unfinished handshakes is counted; who is in stays in', async (reason, with_) => {
  const made = bench()
  const listener = await listening(with_, made)
  const honest = await secured(listener)
  await made.tally.untilOpen(1)
  const first = await Promise.all(Array.from({ length: 5 }, () => plain(listener)))
  await made.tally.untilOpen(6)
  const flood = await Promise.all(Array.from({ length: 50 }, () => plain(listener)))
  await Promise.all(flood.map(closed))
  expect(made.tally.reasons).toEqual({ [reason]: 50 })
  honest.write('<1>a\n')
  await made.intake.untilFrames(1)
  // A finished handshake gives its place back.
  for (const socket of first) socket.destroy()
  await made.tally.untilOpen(1)
  const next = await secured(listener)
  next.write('<1>b\n')
  await made.intake.untilFrames(2)
})

const ca = { client_auth: 'required' } as const

test('a required certificate must lead to the authority', async () => {
  const made = bench({ sources: [source('lo', ['127.0.0.0/8'])] })
  const listener = await listening({ ...ca, client_ca }, made)
  await attempt(listener, { cert: client.cert, key: client.key }, '<1>good\n')
  await attempt(listener, { cert: stranger.cert, key: stranger.key }, '<1>stranger\n')
  await attempt(listener, {}, '<1>none\n')
  const expired = await authority.issue(['late.example.com'], { expired: true })
  await attempt(listener, { cert: expired.cert, key: expired.key }, '<1>expired\n')
  await made.tally.untilRefused('client_certificate', 3)
  expect(made.intake.texts).toEqual(['<1>good'])
  expect(made.tally.sources).toEqual({ 1: 3 })
})

test('a pinned fingerprint admits without an authority, and nobody else', async () => {
  const made = bench()
  const listener = await listening({ ...ca, client_fingerprints: [client.fingerprint] }, made)
  await attempt(listener, { cert: client.cert, key: client.key }, '<1>good\n')
  await made.intake.untilFrames(1)
  const foreign = await authority.issue(['same-authority.example.com'])
  await attempt(listener, { cert: foreign.cert, key: foreign.key }, '<1>foreign\n')
  await attempt(listener, {}, '<1>none\n')
  await made.tally.untilRefused('client_certificate', 2)
  expect(made.intake.texts).toEqual(['<1>good'])
})

test.for(['TLSv1.2', 'TLSv1.3'] as const)(
  '%s: no session tickets, before and after a reload, and what is offered is not resumed',
  async (version) => {
    const made = bench()
    const listener = await listening({}, made)
    for (const [n, act] of [() => undefined, () => listener.reload?.()].entries()) {
      await act()
      const only = { minVersion: version, maxVersion: version }
      const socket = await secured(listener, only)
      let tickets = 0
      if (version === 'TLSv1.3') socket.on('session', () => (tickets += 1))
      const session = socket.getSession()
      const gone = closed(socket)
      socket.end('<1>first\n')
      await gone
      expect([tickets, socket.getTLSTicket()?.length ?? 0]).toEqual([0, 0])
      const again = await secured(listener, session === undefined ? only : { ...only, session })
      expect(again.isSessionReused()).toBe(false)
      again.end('<1>again\n')
      await made.intake.untilFrames(2 * n + 2)
    }
    expect(made.intake.texts).toEqual(['<1>first', '<1>again', '<1>first', '<1>again'])
  },
)

test('with authority and fingerprints both must hold', async () => {
  const made = bench()
  const prints = [client.fingerprint, stranger.fingerprint]
  const listener = await listening({ ...ca, client_ca, client_fingerprints: prints }, made)
  await attempt(listener, { cert: client.cert, key: client.key }, '<1>good\n')
  await attempt(listener, { cert: stranger.cert, key: stranger.key }, '<1>stranger\n')
  await made.tally.untilRefused('client_certificate')
  expect(made.intake.texts).toEqual(['<1>good'])
})

test('a requested certificate may be missing, but not be wrong', async () => {
  const made = bench()
  const listener = await listening({ client_auth: 'request', client_ca }, made)
  await attempt(listener, {}, '<1>none\n')
  await attempt(listener, { cert: stranger.cert, key: stranger.key }, '<1>stranger\n')
  await made.tally.untilRefused('client_certificate')
  expect(made.intake.texts).toEqual(['<1>none'])
})

test('reload: new connections get the new chain, open ones go on, a bad pair changes nothing (R49, R50)', async () => {
  const made = bench()
  const pair = {
    certificate: putFile(folder, 'changing.crt', server.cert),
    key: putFile(folder, 'changing.key', server.key),
  }
  const listener = await listening({ ...ca, ...pair, client_ca }, made)
  const identity = { cert: client.cert, key: client.key }
  const presented = async (): Promise<string> => {
    const socket = await secured(listener, identity)
    return `sha-256:${socket.getPeerCertificate().fingerprint256}`
  }
  const before = await secured(listener, identity)
  expect(await presented()).toBe(server.fingerprint)

  const next = await authority.issue(['localhost'])
  writeFileSync(pair.certificate, next.cert)
  const mismatch = await listener.reload?.()
  expect(mismatch?.message).toContain('is not the key of')
  expect(await presented()).toBe(server.fingerprint)
  await attempt(listener, { cert: stranger.cert, key: stranger.key }, '<1>stranger\n')
  await made.tally.untilRefused('client_certificate', 1)

  writeFileSync(pair.key, next.key)
  expect(await listener.reload?.()).toBe(null)
  expect(await presented()).toBe(next.fingerprint)
  before.write('<1>still\n')
  await made.intake.untilFrames(1)
  await attempt(listener, { cert: stranger.cert, key: stranger.key }, '<1>stranger\n')
  await made.tally.untilRefused('client_certificate', 2)

  const expired = await authority.issue(['localhost'], { expired: true })
  const bad: [string, string, RegExp][] = [
    [expired.cert, expired.key, /has expired/],
    ['', next.key, /holds no PEM certificate/],
    [next.cert.slice(0, 200), next.key, /holds no PEM certificate/],
    [next.cert, 'nonsense', /holds no usable PEM private key/],
  ]
  for (const [cert, key, words] of bad) {
    writeFileSync(pair.certificate, cert)
    writeFileSync(pair.key, key)
    expect((await listener.reload?.())?.message).toMatch(words)
    expect(await presented()).toBe(next.fingerprint)
  }
  expect(made.said.filter(({ message }) => message === 'kept the old certificate')).toHaveLength(5)
  expect(made.intake.texts).toEqual(['<1>still'])
})

test('a missing pair is made once, readable by its owner only, and fits the names', async () => {
  const made = bench()
  const pair = {
    certificate: path.join(folder, 'new/made.crt'),
    key: path.join(folder, 'new/made.key'),
    generate: true,
  }
  const [one, two] = await Promise.all([listening(pair, made), listening(pair, made)])
  const text = readFileSync(pair.certificate, 'utf8')
  for (const file of [pair.certificate, pair.key]) expect(statSync(file).mode & 0o777).toBe(0o600)
  for (const listener of [one, two]) {
    const trusting = { ca: text, rejectUnauthorized: true }
    for (const servername of ['localhost', '']) {
      const socket = await secured(listener, servername === '' ? trusting : { ...trusting, servername })
      expect(socket.authorized).toBe(true)
    }
  }
  const again = await listening(pair, made)
  expect(readFileSync(pair.certificate, 'utf8')).toBe(text)
  expect(await again.reload?.()).toBe(null)
})

test.each([
  [
    { certificate: '/nowhere/router.crt' },
    '`certificate` /nowhere/router.crt cannot be read: it does not exist',
  ],
  [{ client_ca: '/nowhere/ca.crt' }, '`client_ca` /nowhere/ca.crt cannot be read: it does not exist'],
])('what cannot be read is said in one sentence: %j', async (with_, words) => {
  await expect(listening(with_, bench())).rejects.toMatchObject({
    name: 'LogweirError',
    message: `listener s: ${words}`,
  })
})
