/** Does a listener behind a balancer judge the sender that the PROXY header names, and believe nobody else's header? */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ListenerTls } from '../../src/config/types.ts'
import { createListener } from '../../src/listen/create.ts'
import { StreamListener } from '../../src/listen/stream-listener.ts'
import type { Listener } from '../../src/listen/types.ts'
import { makeAuthority, putFile } from '../support/authority.ts'
import { bench } from '../support/intake.ts'
import { cfapiSettings, INGEST } from '../support/cfapi.ts'
import { closed, connectTo, relpSettings, source, tcpSettings, tlsSettings } from '../support/listening.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { frame, OFFERS } from '../support/relp.ts'
import { proxyLocal, proxyV1, proxyV2, proxyV2of, tlv } from '../support/proxy.ts'

/** The balancer of these tests is this machine by IPv4; by IPv6 it is nobody. */
const proxy_from = ['127.0.0.0/8']

const ends: (() => Promise<unknown>)[] = []
let folder: string
let files: Pick<ListenerTls, 'certificate' | 'key'>

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'logweir-proxy-'))
  const { cert, key } = await (await makeAuthority()).issue(['localhost'])
  files = { certificate: putFile(folder, 'in.crt', cert), key: putFile(folder, 'in.key', key) }
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(() => rmSync(folder, { recursive: true }))

async function listening(...args: Parameters<typeof createListener>): Promise<Listener> {
  const listener = await createListener(...args)
  ends.push(() => listener.stop(0))
  return listener
}

async function connected(listener: Listener, host?: string): Promise<Socket> {
  const socket = await connectTo(listener.address.port, host)
  ends.push(async () => socket.destroy())
  return socket
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** TLS behind what was written to the socket so far. */
function secure(socket: Socket): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({ socket, rejectUnauthorized: false }, () => resolve(secured))
    secured.on('error', reject)
  })
}

const headers = {
  'version 1': Buffer.from(proxyV1('10.20.0.7')),
  'version 2': proxyV2of('10.20.0.7'),
  'version 2 with TLVs': proxyV2of('10.20.0.7', tlv(0x20, Buffer.alloc(2000, 0x3c))),
}

test.each(Object.entries(headers))('%s: `allow`, `sources` and `peer` mean the sender', async (_, header) => {
  const { intake, tally, deps } = bench({ sources: [source('hosts', ['10.20.0.0/22'])] })
  const settings = tcpSettings({ proxy_from, allow: ['10.0.0.0/8'] })
  const listener = await listening(settings, 3, deps)
  const at_once = await connected(listener)
  at_once.write(Buffer.concat([header, Buffer.from('<1>a\n5 <1>bc<1>d')]))
  at_once.write('e\n')
  await intake.untilFrames(3)
  const piecemeal = await connected(listener)
  for (const byte of header) {
    await new Promise((resolve) => piecemeal.write(Buffer.of(byte), resolve))
  }
  piecemeal.end('<1>last')
  await intake.untilFrames(4)
  expect(intake.texts).toEqual(['<1>a', '<1>bc', '<1>de', '<1>last'])
  expect(new Set(intake.taken.map(({ origin }) => JSON.stringify(origin)))).toEqual(
    new Set([JSON.stringify({ listener: 3, peer: '10.20.0.7', source: 1 })]),
  )
  expect(tally.reasons).toEqual({})
})

test.each([
  ['not_allowed', '192.168.0.1', { allow: ['10.0.0.0/8'] }],
  ['unknown_source', '10.99.0.1', {}],
] as const)(
  '%s: a sender outside is refused although its balancer may connect',
  async (reason, peer, with_) => {
    const { intake, tally, said, deps } = bench({ sources: [source('hosts', ['10.20.0.0/22'])] })
    const listener = await listening(tcpSettings({ proxy_from, ...with_ }), 0, deps)
    const socket = await connected(listener)
    socket.write(`${proxyV1(peer)}<1>never\n`)
    await closed(socket)
    expect(tally.reasons).toEqual({ [reason]: 1 })
    expect(said[0]?.fields['peer']).toBe(peer)
    expect(intake.frames).toBe(0)
  },
)

test.each([
  ['proxy_missing', Buffer.from('<1>straight in\n')],
  ['proxy_missing', Buffer.from('PROXYTCP4 10.20.0.7\r\n')],
  ['proxy_invalid', Buffer.from('PROXY TCP4 10.20.0.7\r\n<1>a\n')],
  ['proxy_invalid', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
  ['proxy_invalid', proxyV2(0x21, 0x11, Buffer.alloc(5000))],
  ['proxy_forged', Buffer.from(`${proxyV1('10.20.0.7')}${proxyV1('10.20.0.8')}<1>a\n`)],
  ['proxy_forged', Buffer.concat([proxyV2of('10.20.0.7'), proxyV2of('10.20.0.8'), Buffer.from('<1>a\n')])],
] as const)(
  '%s: %j of a balancer is refused by count, and nothing of it is an event',
  async (reason, bytes) => {
    const { intake, tally, said, deps } = bench()
    const listener = await listening(tcpSettings({ proxy_from }), 0, deps)
    for (const pieces of [[bytes], [bytes.subarray(0, 3), bytes.subarray(3)]]) {
      const socket = await connected(listener)
      for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
      await closed(socket)
    }
    await tally.untilOpen(0)
    expect(tally.reasons).toEqual({ [reason]: 2 })
    expect(said.map(({ fields }) => fields['reason'])).toEqual([reason])
    expect(intake.frames).toBe(0)
  },
)

test.each([
  ['listed elsewhere', ['10.0.0.0/8']],
  ['nowhere', []],
])('a header from a peer that is %s is forged; without one it is an ordinary sender', async (_, from) => {
  const { intake, tally, deps } = bench()
  const listener = await listening(tcpSettings({ proxy_from: from }), 0, deps)
  for (const header of Object.values(headers)) {
    const forger = await connected(listener)
    for (const byte of header.subarray(0, 12)) forger.write(Buffer.of(byte))
    await closed(forger)
  }
  expect(tally.reasons).toEqual({ proxy_forged: 3 })
  const honest = await connected(listener)
  honest.write('PROXY has started\n<1>a\n')
  await intake.untilFrames(2)
  expect(intake.taken.map(({ text, origin }) => [text, origin.peer])).toEqual([
    ['PROXY has started', '127.0.0.1'],
    ['<1>a', '127.0.0.1'],
  ])
})

test('limits count senders, not their balancer', async () => {
  const { intake, tally, deps } = bench()
  const settings = tcpSettings({ proxy_from, connections_per_address: 2 })
  const listener = await listening(settings, 0, deps)
  const from = async (sender: string): Promise<Socket> => {
    const socket = await connected(listener)
    socket.write(`${proxyV1(sender)}<1>${sender}\n`)
    return socket
  }
  const first = await from('10.20.0.1')
  await from('10.20.0.1')
  await from('10.20.0.2')
  await from('10.20.0.2')
  await intake.untilFrames(4)
  await closed(await from('10.20.0.1'))
  expect(tally.reasons).toEqual({ connections_per_address: 1 })
  // Health checks and connections whose header is still to come are the balancer's.
  for (let i = 0; i < 5; i++) (await connected(listener)).write(i < 3 ? proxyLocal() : 'PROX')
  first.destroy()
  await tally.untilOpen(8)
  await from('10.20.0.1')
  await intake.untilFrames(5)
  expect(tally.reasons).toEqual({ connections_per_address: 1 })
})

test('LOCAL, UNKNOWN and UNIX are the balancer itself: admitted like any peer', async () => {
  const { intake, tally, deps } = bench({ sources: [source('balancers', ['127.0.0.1'])] })
  const listener = await listening(tcpSettings({ proxy_from, rate_max: 1 }), 0, deps)
  for (const header of [
    proxyLocal(),
    Buffer.from('PROXY UNKNOWN\r\n'),
    proxyV2(0x21, 0x31, Buffer.alloc(216)),
  ])
    (await connected(listener)).write(Buffer.concat([header, Buffer.from('<1>a\n<1>b\n')]))
  await intake.untilFrames(6)
  expect(intake.taken.every(({ origin }) => origin.peer === '127.0.0.1' && origin.source === 1)).toBe(true)
  expect(tally.reasons).toEqual({})
})

test('a balancer that may not send has its health checks, and is refused with its first byte', async () => {
  const { intake, tally, deps } = bench({ sources: [source('hosts', ['10.20.0.0/22'])] })
  const listener = await listening(tcpSettings({ proxy_from }), 0, deps)
  const probe = await connected(listener)
  probe.end(proxyLocal())
  await closed(probe)
  // HAProxy names itself in version 1.
  const named = await connected(listener)
  named.end(proxyV1('127.0.0.5'))
  await closed(named)
  const silent = await connected(listener)
  silent.destroy()
  await tally.untilOpen(0)
  expect(tally.reasons).toEqual({})
  const talking = await connected(listener)
  talking.write(Buffer.concat([proxyLocal(), Buffer.from('<1>a\n')]))
  await closed(talking)
  expect(tally.reasons).toEqual({ unknown_source: 1 })
  expect(intake.frames).toBe(0)
})

test('an unfinished header is closed in time; a connection without a byte is a quiet sender', async () => {
  const clock = new ManualClock()
  const { intake, tally, deps } = bench({}, clock)
  const listener = await listening(tcpSettings({ proxy_from }), 0, deps)
  const quiet = await connected(listener)
  const slow = await connected(listener)
  slow.write('PROXY TCP4 ')
  await tally.untilOpen(2)
  const gone = await connected(listener)
  gone.end('PROXY')
  await tally.untilRefused('proxy_missing')
  clock.advance(9000)
  slow.write('10.20')
  expect(tally.reasons).toEqual({ proxy_missing: 1 })
  clock.advance(2000)
  await closed(slow)
  expect(tally.reasons).toEqual({ proxy_missing: 1, proxy_timeout: 1 })
  clock.advance(3_600_000)
  quiet.write(`${proxyV1('10.20.0.7')}<1>at last\n`)
  await intake.untilFrames(1)
  expect(intake.texts).toEqual(['<1>at last'])
})

test('with TLS the header stands before the handshake', async () => {
  const { intake, tally, deps } = bench({ sources: [source('hosts', ['10.20.0.0/22'])] })
  const settings = tlsSettings({ ...files, handshakes_per_address: 1 }, { proxy_from, allow: ['10.0.0.0/8'] })
  const listener = await listening(settings, 0, deps)
  for (const header of Object.values(headers)) {
    const raw = await connected(listener)
    raw.write(header)
    const secured = await secure(raw)
    ends.push(async () => secured.destroy())
    secured.write('<1>a\n')
  }
  await intake.untilFrames(3)
  expect(intake.taken.every(({ origin }) => origin.peer === '10.20.0.7' && origin.source === 1)).toBe(true)
  expect(tally.reasons).toEqual({})
  // A health check shakes hands although its balancer may not send; what it sends behind that is refused.
  const check = await connected(listener)
  check.write(proxyLocal())
  const checked = await secure(check)
  checked.write('<1>a\n')
  await closed(checked)
  expect(tally.reasons).toEqual({ not_allowed: 1 })
})

test('with TLS, two connections from one port of a balancer to two of our addresses are two senders', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(tlsSettings(files, { host: '0.0.0.0', proxy_from }), 0, deps)
  const { port } = listener.address
  const localPort = await freePort()
  const from = async (host: string): Promise<Socket> => {
    const socket = net.connect({ host, port, localAddress: '127.0.0.1', localPort })
    ends.push(async () => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  const first = await from('127.0.0.1')
  const second = await from('127.0.0.2')
  // Both headers are read before either handshake begins: a third connection has its handshake and its event meanwhile.
  first.write(proxyV1('10.20.0.1'))
  second.write(proxyV1('10.20.0.2'))
  const third = await connected(listener)
  third.write(proxyV1('10.20.0.3'))
  for (const [n, [host, socket]] of [
    [3, third] as const,
    [1, first] as const,
    [2, second] as const,
  ].entries()) {
    const sent = secure(socket).then((secured) => {
      ends.push(async () => secured.destroy())
      secured.write(`<1>of 10.20.0.${host}\n`)
      return intake.untilFrames(n + 1)
    })
    await Promise.race([sent, closed(socket)])
  }
  expect(intake.taken.map(({ origin, text }) => `${text} by ${origin.peer}`)).toEqual(
    [3, 1, 2].map((host) => `<1>of 10.20.0.${host} by 10.20.0.${host}`),
  )
  expect(tally.reasons).toEqual({})
})

test('with TLS, handshakes count by sender, and what is no header is refused', async () => {
  const { tally, deps } = bench()
  const settings = tlsSettings({ ...files, handshakes_per_address: 1 }, { proxy_from })
  const listener = await listening(settings, 0, deps)
  const one = await connected(listener)
  one.write(proxyV1('10.20.0.1'))
  const other = await connected(listener)
  other.write(proxyV1('10.20.0.2'))
  await tally.untilOpen(2)
  const again = await connected(listener)
  again.write(proxyV1('10.20.0.1'))
  await closed(again)
  expect(tally.reasons).toEqual({ handshakes_per_address: 1 })
  const hello = await connected(listener)
  hello.write(Buffer.from('\x16\x03\x01\x02\x00', 'latin1'))
  await closed(hello)
  expect(tally.reasons).toEqual({ handshakes_per_address: 1, proxy_missing: 1 })
  const unlisted = await listening(tlsSettings(files), 1, deps)
  const forger = await connected(unlisted)
  forger.write(proxyV1('10.20.0.1'))
  await closed(forger)
  expect(tally.reasons).toMatchObject({ proxy_forged: 1 })
})

test('with TLS a connection that never says anything is closed', async () => {
  const clock = new ManualClock()
  const { tally, deps } = bench({}, clock)
  const listener = await listening(tlsSettings(files, { proxy_from }), 0, deps)
  const mute = await connected(listener)
  await tally.untilOpen(1)
  clock.advance(11_000)
  await closed(mute)
  expect(tally.reasons).toEqual({ proxy_timeout: 1 })
})

test('other protocols get the socket with what stands behind the header', async () => {
  const { tally, deps } = bench()
  const seen: string[] = []
  let heard: () => void = () => undefined
  const listener = new StreamListener(tcpSettings({ proxy_from }), 0, deps, {
    open: (_shared, socket, origin) => {
      socket.on('data', (chunk: Buffer) => {
        seen.push(`${origin.peer} ${chunk.toString()}`)
        heard()
      })
      socket.resume()
      const peer = { busy: false, paused: false, unfinished: false }
      const nothing = (): void => undefined
      const destroy = (): void => void socket.destroy()
      return { ...peer, resume: nothing, finish: nothing, check: nothing, destroy, cut: destroy }
    },
  })
  await listener.bind()
  ends.push(() => listener.stop(0))
  const hear = (): Promise<void> => new Promise((resolve) => (heard = resolve))
  const first = hear()
  const socket = await connected(listener)
  socket.write(`${proxyV1('10.20.0.7')}1 open 0\n`)
  await first
  const second = hear()
  socket.write('more')
  await second
  expect(seen).toEqual(['10.20.0.7 1 open 0\n', '10.20.0.7 more'])
  const late = hear()
  const other = await connected(listener)
  other.write(proxyV2of('10.20.0.8'))
  await tally.untilOpen(2)
  other.write('hello')
  await late
  expect(seen.at(-1)).toBe('10.20.0.8 hello')
})

/** What comes back on the socket, until it holds `text`. */
function answered(socket: Socket, text: string): Promise<string> {
  let got = ''
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString()
      if (got.includes(text)) resolve(got)
    })
  })
}

const BODY = JSON.stringify({ events: [{ text: 'one' }] })
const POST = `POST ${INGEST} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
const SESSION = frame(1, 'open', OFFERS) + frame(2, 'syslog', '<1>a')

test.each([
  ['relp', SESSION, '2 rsp'],
  ['relp-tls', SESSION, '2 rsp'],
  ['cfapi', POST, '"ingested":1'],
  ['cfapi-tls', POST, '"ingested":1'],
] as const)(
  '%s behind a balancer: in one piece with the header and behind it',
  async (transport, sent, answer) => {
    const { intake, tally, deps } = bench({ sources: [source('hosts', ['10.20.0.0/22'])] })
    const more = { proxy_from, allow: ['10.0.0.0/8'] }
    const { tls: own } = tlsSettings(files)
    const made = transport.startsWith('relp') ? relpSettings(more) : cfapiSettings(more)
    const settings = { ...made, ...(transport.endsWith('-tls') ? { tls: own } : {}), transport }
    const listener = await listening(settings as Parameters<typeof createListener>[0], 0, deps)
    for (const at_once of [true, false]) {
      const raw = await connected(listener)
      raw.write(proxyV2of('10.20.0.7'))
      if (!at_once) await new Promise((resolve) => setImmediate(resolve))
      const socket = transport.endsWith('-tls') ? await secure(raw) : raw
      ends.push(async () => socket.destroy())
      const back = answered(socket, answer)
      socket.write(sent)
      await back
    }
    expect(intake.taken.map(({ origin }) => [origin.peer, origin.source])).toEqual([
      ['10.20.0.7', 1],
      ['10.20.0.7', 1],
    ])
    expect(tally.reasons).toEqual({})
    const straight = await connected(listener)
    straight.write(sent)
    await closed(straight)
    expect(tally.reasons).toEqual({ proxy_missing: 1 })
  },
)

test('`rate_max` is of a peer: all its connections, new ones too, draw from one bucket', async () => {
  const clock = new ManualClock()
  const { intake, tally, deps } = bench({}, clock)
  const listener = await listening(tcpSettings({ proxy_from, rate_max: 10 }), 0, deps)
  const send = async (sender: string, events: number): Promise<Socket> => {
    const socket = await connected(listener)
    socket.write(proxyV1(sender) + '<1>a\n'.repeat(events))
    return socket
  }
  const first = await send('10.20.0.1', 6)
  await intake.untilFrames(6)
  await send('10.20.0.1', 6)
  await tally.untilRefused('rate', 2)
  await send('10.20.0.2', 10)
  await intake.untilFrames(20)
  first.destroy()
  await tally.untilOpen(2)
  await send('10.20.0.1', 5)
  await tally.untilRefused('rate', 7)
  clock.advance(500)
  await send('10.20.0.1', 6)
  await tally.untilRefused('rate', 8)
  expect(intake.frames).toBe(25)
})
