/**
 * Certificates of a running router changed again and again while senders connect all the time (R49), and pairs that cannot be used,
 * which change nothing (R50). And what TLS is offered that is not taken: compression (R48).
 */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { makeAuthority, type TestAuthority, type TestPair } from '../support/authority.ts'
import type { Reload } from '../../src/control/reload-book.ts'
import { closed, connectTo, secureTo } from '../support/listening.ts'
import { Receiver } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** By hand: LOGWEIR_FAULT_ROTATIONS=200. */
const ROTATIONS = Number(process.env['LOGWEIR_FAULT_ROTATIONS'] ?? 12)
const EXPIRED = 'one that has expired'
/** Senders that connect, send one event and go, at the same time. */
const SENDERS = 6

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Scene {
  readonly router: Router
  readonly receiver: Receiver
  readonly authority: TestAuthority
  /** What a sender of ours shows, and what it believes. */
  readonly identity: ConnectionOptions
  readonly certificate: string
  readonly key: string
  put(pair: Pick<TestPair, 'cert' | 'key'>): void
}

/** A router whose TLS listener asks for certificates of the authority. */
async function scene(): Promise<Scene> {
  const authority = await makeAuthority()
  const receiver = await new Receiver().open()
  ends.push(() => receiver.close())
  const tls = {
    certificate: 'c/router.crt',
    key: 'c/router.key',
    client_ca: 'c/ca.crt',
    client_auth: 'required',
  }
  const listeners = [{ name: 'tls', transport: 'tls', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'], tls }]
  const tenants = [tenantRules(0, [{ name: 'siem', to: receiver.url }])]
  const router = new Router({ listeners }, { tenants })
  ends.push(() => router.clean())
  const at = (name: string): string => join(router.folder, 'c', name)
  mkdirSync(join(router.folder, 'c'))
  writeFileSync(at('ca.crt'), authority.ca)
  const client = await authority.issue(['sender.example.com'])
  const made: Scene = {
    router,
    receiver,
    authority,
    identity: {
      cert: client.cert,
      key: client.key,
      ca: authority.ca,
      rejectUnauthorized: true,
      servername: 'localhost',
    },
    certificate: at('router.crt'),
    key: at('router.key'),
    put({ cert, key }) {
      writeFileSync(made.certificate, cert)
      writeFileSync(made.key, key, { mode: 0o600 })
    },
  }
  made.put(await authority.issue(['localhost']))
  await router.start()
  return made
}

/** Connects, sends one event and closes in order; gives the fingerprint that was shown. */
async function sendOne({ router, identity }: Scene, n: number): Promise<string> {
  const socket = await secureTo(router.port('tls'), identity)
  const shown = `sha-256:${socket.getPeerCertificate().fingerprint256}`
  const gone = closed(socket)
  socket.end(`${dfwLine(0, n)}\n`)
  await gone
  return shown
}

/** Whether somebody gets in and its event is taken; it is not when the router closes without taking it. */
async function isRefused({ router }: Scene, options: ConnectionOptions): Promise<boolean> {
  const before = (await router.status()).refused['client_certificate'] ?? 0
  try {
    const socket = await secureTo(router.port('tls'), options)
    const gone = closed(socket)
    socket.end(`${dfwLine(0, 999_999)}\n`)
    await gone
  } catch {
    // Refused in the handshake, which is the other way.
  }
  const after = await router.until(({ refused }) => (refused['client_certificate'] ?? 0) > before)
  return (after.refused['client_certificate'] ?? 0) === before + 1
}

test('R49: certificates rotate again and again while senders connect: nobody is refused, new ones see the new chain, open ones go on', async () => {
  const made = await scene()
  const { router, receiver, authority } = made
  const pairs = await Promise.all(Array.from({ length: 8 }, () => authority.issue(['localhost'])))
  const open = await secureTo(router.port('tls'), made.identity)
  ends.push(async () => open.destroy())
  const shown = new Set<string>()
  let [next, stop] = [0, false]
  const senders = Array.from({ length: SENDERS }, async () => {
    while (!stop) shown.add(await sendOne(made, next++))
  })
  for (let rotation = 0; rotation < ROTATIONS; rotation++) {
    const pair = pairs[rotation % pairs.length] as TestPair
    made.put(pair)
    const { outcome } = (await router.ask('/api/v1/reload', 'POST')) as { outcome: string }
    expect(outcome).toBe('accepted')
    // The answer of the reload is the moment from which on everybody new sees it.
    expect(await sendOne(made, next++)).toBe(pair.fingerprint)
  }
  stop = true
  await Promise.all(senders)
  for (const pair of pairs.slice(0, ROTATIONS)) expect(shown).toContain(pair.fingerprint)
  open.write(`${dfwLine(0, next)}\n`)
  await receiver.until(() => receiver.seen.size === next + 1)
  expect(receiver.missing(next + 1)).toEqual([])
  const ledger = await router.until(({ received }) => received === next + 1)
  expect(ledger.refused).toEqual({})
  expectBalanced(ledger)
  say(`R49: ${ROTATIONS} rotations, ${next} connections, none refused`)
  expect(await router.stop()).toBe(0)
}, 240_000)

test('R50: a pair that cannot be used changes nothing, neither what is shown nor who is let in; it is said, and the next good one counts', async () => {
  const made = await scene()
  const { router, authority } = made
  const stranger = await (await makeAuthority('CN=Other Authority')).issue(['stranger.example.com'])
  const strange = { cert: stranger.cert, key: stranger.key }
  const good = await authority.issue(['localhost'])
  const other = await authority.issue(['localhost'])
  const expired = await authority.issue(['localhost'], { expired: true })
  made.put(good)
  await router.ask('/api/v1/reload', 'POST')
  expect(await isRefused(made, strange)).toBe(true)
  const bad: Readonly<Record<string, () => void>> = {
    'a key of another certificate': () => made.put({ cert: good.cert, key: other.key }),
    'half a certificate': () =>
      made.put({ cert: other.cert.slice(0, other.cert.length / 2), key: other.key }),
    'half a key': () => made.put({ cert: other.cert, key: other.key.slice(0, other.key.length / 2) }),
    [EXPIRED]: () => made.put(expired),
    'an empty file': () => made.put({ cert: '', key: other.key }),
    'a file that cannot be read': () => {
      rmSync(made.certificate)
      mkdirSync(made.certificate)
    },
    'no file': () => rmSync(made.certificate, { recursive: true }),
    'an authority that is none': () => {
      made.put(other)
      writeFileSync(join(router.folder, 'c/ca.crt'), 'nonsense')
    },
  }
  let sent = 0
  for (const [what, put] of Object.entries(bad)) {
    put()
    const { outcome, findings } = (await router.ask('/api/v1/reload', 'POST')) as Reload
    // One that has expired is a warning of the check and refused by the listener; every other makes the whole reload a mistake.
    if (what === EXPIRED) {
      await router.seen(({ msg, level }) => msg === 'kept the old certificate' && level === 50)
    } else {
      const errors = findings.filter(({ level, file }) => level === 'error' && file.endsWith('logweir.yaml'))
      expect([outcome, errors.length], what).toEqual(['rejected', 1])
    }
    expect(await sendOne(made, sent++), what).toBe(good.fingerprint)
    expect(await isRefused(made, strange), what).toBe(true)
    expect(await isRefused(made, {}), what).toBe(true)
  }
  writeFileSync(join(router.folder, 'c/ca.crt'), authority.ca)
  made.put(other)
  await router.ask('/api/v1/reload', 'POST')
  expect(await sendOne(made, sent++)).toBe(other.fingerprint)
  expect(await isRefused(made, strange)).toBe(true)
  const ledger = await router.until(({ received }) => received === sent)
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
}, 120_000)

/** The first bytes that a client of TLS 1.2 sends, with DEFLATE offered before `null`. */
async function helloWithCompression(): Promise<Buffer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const taken = once(server, 'connection').then(async ([socket]) => {
    const [bytes] = (await once(socket as NodeJS.EventEmitter, 'data')) as [Buffer]
    ;(socket as { destroy(): void }).destroy()
    return bytes
  })
  const { port } = server.address() as AddressInfo
  const client = connectTls({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false })
  client.on('error', () => undefined)
  const hello = await taken
  server.close()
  // Record (5), handshake (4), version (2), random (32), session id, cipher suites, then the compression methods.
  let at = 5 + 4 + 2 + 32
  at += 1 + (hello[at] ?? 0)
  at += 2 + hello.readUInt16BE(at)
  expect([...hello.subarray(at, at + 2)]).toEqual([1, 0])
  const made = Buffer.concat([hello.subarray(0, at), Buffer.from([2, 1, 0]), hello.subarray(at + 2)])
  made.writeUInt16BE(made.length - 5, 3)
  made.writeUIntBE(made.length - 9, 6, 3)
  return made
}

test('R48: a client that offers compression is answered without it', async () => {
  const { router } = await scene()
  const socket = await connectTo(router.port('tls'))
  ends.push(async () => socket.destroy())
  socket.write(await helloWithCompression())
  const [answer] = (await once(socket, 'data')) as [Buffer]
  // A handshake record with a ServerHello: behind version, random, session id and cipher stands what was chosen.
  expect([answer[0], answer[5]]).toEqual([22, 2])
  const session = 5 + 4 + 2 + 32
  expect(answer[session + 1 + (answer[session] ?? 0) + 2]).toBe(0)
  socket.destroy()
  expect(await router.stop()).toBe(0)
})
