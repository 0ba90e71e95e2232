/** Does a CFAPI listener take what the API allows, answer as it should, and hold its clients to limits and times? */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { Agent } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, expect, test, vi } from 'vitest'
import { createListener } from '../../src/listen/create.ts'
import type { Listener, ListenerDeps } from '../../src/listen/types.ts'
import { makeAuthority, putFile } from '../support/authority.ts'
import { ask, cfapiSettings, INGEST } from '../support/cfapi.ts'
import { type Bench, bench } from '../support/intake.ts'
import { closed, connectTo, source, tlsSettings } from '../support/listening.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { tempFolder } from '../support/temp-folder.ts'

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function listening(...args: Parameters<typeof createListener>): Promise<Listener> {
  const listener = await createListener(...args)
  ends.push(() => listener.stop(0))
  return listener
}

async function cfapi(
  with_: Parameters<typeof cfapiSettings>[0] = {},
  deps: Partial<ListenerDeps> = {},
): Promise<Bench & { listener: Listener; port: number }> {
  const made = bench(deps)
  const listener = await listening(cfapiSettings(with_), 0, made.deps)
  return { ...made, listener, port: listener.address.port }
}

async function connected(port: number): Promise<Socket> {
  const socket = await connectTo(port)
  ends.push(async () => socket.destroy())
  return socket
}

function head(length: number, more = ''): string {
  return `POST ${INGEST} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${more}\r\n`
}

const EVENTS = { events: [{ text: 'one' }, { text: 'two' }] }
const TAKEN = { status: 'ok', message: 'events ingested', ingested: 2, received: 2 }
const FRAMES = ['<13>1 - - - - - - one', '<13>1 - - - - - - two']

test.each([
  ['/api/v1/events/ingest/0', EVENTS],
  ['/api/v2/events/ingest/4C4C4544-0042-3510-8051-B4C04F4E4D31', EVENTS],
  ['/api/v1/events/ingest/0?x=y', { messages: EVENTS.events }],
  ['/api/v1/messages/ingest/0', { messages: EVENTS.events }],
  ['/api/v2/events', EVENTS.events],
])('%s takes its form, as one read of one peer', async (path, body) => {
  const { intake, port } = await cfapi({}, { sources: [source('lo', ['127.0.0.0/8'])] })
  // What curl says when it is told nothing.
  const answer = await ask(port, path, body, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(answer).toMatchObject({ status: 200, json: TAKEN })
  expect(answer.headers['vmware-li-api-status']).toBe(path.includes('messages') ? 'Deprecated' : undefined)
  expect(intake.texts).toEqual(FRAMES)
  expect(intake.taken[0]?.origin).toEqual({ listener: 0, peer: '127.0.0.1', source: 1 })
  expect(intake.reads).toBe(1)
})

test.each([
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', (bytes: Buffer) => Buffer.concat([gzipSync(bytes.subarray(0, 9)), gzipSync(bytes.subarray(9))])],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['identity', (bytes: Buffer) => bytes],
])('content coding %s', async (coding, encode) => {
  const { intake, port } = await cfapi()
  const body = encode(Buffer.from(JSON.stringify(EVENTS)))
  expect(await ask(port, INGEST, body, { headers: { 'content-encoding': coding } })).toMatchObject({
    json: TAKEN,
  })
  expect(intake.texts).toEqual(FRAMES)
})

test('many requests on one connection, with chunks and Expect', async () => {
  const { intake, tally, port } = await cfapi()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  ends.push(async () => agent.destroy())
  for (let n = 0; n < 20; n += 1) {
    const headers = n % 2 === 0 ? { expect: '100-continue' } : {}
    expect((await ask(port, INGEST, EVENTS, { agent, headers })).status).toBe(200)
  }
  expect(intake.frames).toBe(40)
  expect(tally.let_in).toBe(1)
  const socket = await connected(port)
  let answers = ''
  socket.on('data', (bytes) => (answers += String(bytes)))
  const body = JSON.stringify(EVENTS)
  const chunked = `POST ${INGEST} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n${body.slice(0, 5)}\r\n${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`
  socket.write(chunked + chunked + chunked)
  await intake.untilFrames(46)
  while (answers.split('"ingested":2').length < 4) await once(socket, 'data')
})

test('what is wrong is said with its place, counted, and nothing of it is taken', async () => {
  const { intake, tally, port } = await cfapi({ body_max: 20_000 })
  const bad = await ask(port, INGEST, '{"events":[{"text":"a"},{"text":')
  expect(bad).toMatchObject({ status: 400, json: { errorCode: 'JSON_FORMAT_ERROR' } })
  expect(bad.json['errorDetails']).toEqual({ reason: 'the body ends too early at byte 32' })
  expect(await ask(port, INGEST, { events: [] })).toMatchObject({
    status: 400,
    json: { errorMessage: 'Missing events' },
  })
  expect((await ask(port, INGEST, {})).status).toBe(400)
  const gzip = { headers: { 'content-encoding': 'gzip' } }
  expect((await ask(port, INGEST, 'not gzip', gzip)).json['errorDetails']).toMatchObject({
    reason: expect.stringContaining('inflated'),
  })
  expect((await ask(port, INGEST, gzipSync('x'.repeat(5000)).subarray(0, 20), gzip)).status).toBe(400)
  expect((await ask(port, INGEST, '{}', { headers: { 'content-encoding': 'br' } })).status).toBe(415)
  expect(tally.reasons).toEqual({ request_invalid: 6 })
  expect((await ask(port, INGEST, EVENTS, { method: 'PUT' })).headers['allow']).toBe('POST')
  // A bomb: 4 MB of zeros in 4 KB.
  expect((await ask(port, INGEST, gzipSync(Buffer.alloc(4_000_000)), gzip)).status).toBe(413)
  expect((await ask(port, INGEST, ' '.repeat(20_001))).status).toBe(413)
  expect(tally.reasons).toMatchObject({ request_too_large: 2 })
  expect(intake.frames).toBe(0)
  expect((await ask(port, INGEST, EVENTS)).status).toBe(200)
})

test('more than 40,000 events are too large, whatever their bytes', async () => {
  const { intake, tally, port } = await cfapi()
  expect(
    (await ask(port, INGEST, `{"events":[${Array.from({ length: 40_001 }, () => '{}').join()}]}`)).status,
  ).toBe(413)
  expect([intake.frames, tally.reasons]).toEqual([0, { request_too_large: 1 }])
})

test('no HTTP, TLS on the plain port, and headers without end are refused by name', async () => {
  const { tally, port } = await cfapi()
  for (const bytes of [
    '<13>hello\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    `GET / HTTP/1.1\r\nA: ${'x'.repeat(20_000)}\r\n`,
  ]) {
    const socket = await connected(port)
    socket.write(Buffer.from(bytes, 'latin1'))
    await closed(socket)
  }
  expect(tally.reasons).toEqual({ request_invalid: 1, tls_on_plain: 1, request_too_large: 1 })
})

test('without room 503 says when to come again, and nothing is taken', async () => {
  const { intake, tally, port } = await cfapi()
  intake.acknowledging = false
  const answer = await ask(port, INGEST, EVENTS)
  expect(answer.status).toBe(503)
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect([intake.frames, tally.reasons]).toEqual([0, { queue_full: 1 }])
  intake.acknowledging = true
  expect((await ask(port, INGEST, EVENTS)).status).toBe(200)
})

test('a sender above its rate is told to wait, and nothing is lost', async () => {
  const clock = new ManualClock()
  const made = bench({}, clock)
  const listener = await listening(cfapiSettings({ rate_max: 10 }), 0, made.deps)
  const { port } = listener.address
  const many = { events: Array.from({ length: 25 }, () => ({ text: 'x' })) }
  expect((await ask(port, INGEST, many)).status).toBe(200)
  const over = await ask(port, INGEST, many)
  expect([over.status, over.headers['retry-after']]).toEqual([503, '2'])
  clock.advance(2000)
  expect((await ask(port, INGEST, many)).status).toBe(200)
  expect([made.intake.frames, made.tally.reasons]).toEqual([50, { rate: 1 }])
})

test('a client that dies inside a body is counted, and nothing of it is taken', async () => {
  const { intake, tally, port } = await cfapi()
  const socket = await connected(port)
  socket.write(`${head(1000)}{"events":[{"text":"a"}`)
  await tally.untilOpen(1)
  // Its bytes have arrived when a later connection's request is answered.
  await ask(port, INGEST, EVENTS)
  socket.resetAndDestroy()
  await tally.untilRefused('reset')
  expect(intake.frames).toBe(2)
})

test('slow headers and slow bodies are closed in time, quiet connections are not', async () => {
  const clock = new ManualClock()
  const { intake, tally, deps } = bench({}, clock)
  const listener = await listening(cfapiSettings(), 0, deps)
  const quiet = await connected(listener.address.port)
  const headers = await connected(listener.address.port)
  const body = await connected(listener.address.port)
  let said = ''
  body.on('data', (bytes) => (said += String(bytes)))
  headers.write(`POST ${INGEST} HTTP/1.1\r\nHost: `)
  body.write(head(1000, 'Expect: 100-continue\r\n'))
  await once(body, 'data')
  body.write('{"events"')
  await ask(listener.address.port, INGEST, EVENTS)
  for (let s = 0; s < 29; s += 1) clock.advance(1000)
  expect(tally.reasons).toEqual({})
  headers.write('x')
  body.write(':')
  for (let s = 0; s < 4; s += 1) clock.advance(1000)
  await Promise.all([closed(headers), closed(body)])
  expect(said).toContain('408')
  expect(tally.reasons).toEqual({ frame_timeout: 2 })
  expect(intake.frames).toBe(2)
  expect(quiet.destroyed).toBe(false)
})

test('memory for bodies follows what has come, and all bodies together are bounded', async () => {
  const { tally, port } = await cfapi({ body_max: 4 * 2 ** 20 })
  const sockets = await Promise.all(Array.from({ length: 12 }, () => connected(port)))
  const part = Buffer.alloc(4 * 2 ** 20 - 10, 0x20)
  const refused = new Promise<string>((done) => {
    for (const socket of sockets) socket.on('data', (bytes) => done(String(bytes)))
  })
  for (const socket of sockets) {
    socket.write(head(4 * 2 ** 20))
    socket.write(part)
  }
  expect(await refused).toContain(' 503 ')
  await tally.untilRefused('queue_full')
  expect(tally.reasons.queue_full).toBeLessThanOrEqual(6)
})

test('a stopping listener answers what is under way and ends', async () => {
  const { intake, port, listener, tally } = await cfapi()
  const agent = new Agent({ keepAlive: true })
  ends.push(async () => agent.destroy())
  await ask(port, INGEST, EVENTS, { agent })
  const slow = await connected(port)
  const body = JSON.stringify(EVENTS)
  let said = ''
  slow.on('data', (bytes) => (said += String(bytes)))
  slow.write(head(body.length, 'Expect: 100-continue\r\n'))
  await once(slow, 'data')
  const stopped = listener.stop(5000)
  slow.write(body)
  await stopped
  expect(said).toContain('503')
  expect(intake.frames).toBe(2)
  expect(tally.open).toBe(0)
})

test('an open connection is told 503 while the listener stops, and to come by another one', async () => {
  const { intake, port, listener, tally } = await cfapi()
  const agent = new Agent({ keepAlive: true })
  ends.push(async () => agent.destroy())
  await ask(port, INGEST, EVENTS, { agent })
  const stopped = listener.stop(30_000, 10_000)
  const answer = await ask(port, INGEST, EVENTS, { agent })
  expect([answer.status, answer.headers['connection'], answer.headers['retry-after']]).toEqual([
    503,
    'close',
    '1',
  ])
  await stopped
  expect(intake.frames).toBe(2)
  expect(tally).toMatchObject({ open: 0, reasons: {} })
})

test('unknown paths are answered 404 and kept without what authenticates', async () => {
  const { said, port, tally } = await cfapi()
  const headers = { authorization: 'Bearer geheim', 'x-agent': 'liagent' }
  for (const method of ['GET', 'GET', 'POST']) {
    const answer = await ask(port, '/api/v1/agent/groups/x', '{"hello":"\u0001"}', { method, headers })
    expect(answer.status).toBe(404)
  }
  expect(said.map(({ fields }) => [fields['method'], fields['path'], fields['first']])).toEqual([
    ['GET', '/api/v1/agent/groups/x', '{"hello":"."}'],
    ['POST', '/api/v1/agent/groups/x', '{"hello":"."}'],
  ])
  expect(JSON.stringify(said)).not.toContain('geheim')
  expect(JSON.stringify(said)).toContain('liagent')
  expect(tally.reasons).toEqual({})
})

test('sessions: log in, use it, lose it; without a header nobody is asked unless it is required', async () => {
  const clock = new ManualClock()
  const sessions = { users: [{ name: 'nsx', password: 'right' }], ttl: 60_000, required: false }
  const { deps, tally } = bench({}, clock)
  const { address } = await listening(cfapiSettings({ sessions }), 0, deps)
  const bearer = (id: unknown): object => ({ headers: { authorization: `Bearer ${String(id)}` } })
  const login = await ask(address.port, '/api/v1/sessions', {
    username: 'nsx',
    password: 'right',
    provider: 'Local',
  })
  expect(login).toMatchObject({ status: 200, json: { userId: 'nsx', ttl: 60 } })
  const id = login.json['sessionId']
  expect((await ask(address.port, INGEST, EVENTS, bearer(id))).status).toBe(200)
  expect((await ask(address.port, INGEST, EVENTS)).status).toBe(200)
  const wrong = await ask(address.port, INGEST, EVENTS, bearer(`${String(id).slice(0, -1)}_`))
  expect([wrong.status, wrong.json['errorMessage']]).toEqual([401, 'Invalid session ID'])
  // Another worker, or this one after a restart.
  const other = await listening(cfapiSettings({ sessions: { ...sessions, required: true } }), 0, deps)
  expect((await ask(other.address.port, INGEST, EVENTS, bearer(id))).status).toBe(200)
  expect((await ask(other.address.port, INGEST, EVENTS)).status).toBe(401)
  // R65: the wall clock has no part in it.
  for (const jump of [-20 * 365 * 86_400_000, 40 * 365 * 86_400_000]) {
    clock.jump(jump)
    expect((await ask(address.port, INGEST, EVENTS, bearer(id))).status).toBe(200)
  }
  clock.advance(60_001)
  const over = await ask(address.port, INGEST, EVENTS, bearer(id))
  expect([over.status, over.json['errorMessage']]).toEqual([440, 'Login Timeout'])
  const guess = ask(address.port, '/api/v1/sessions', { username: 'nsx', password: 'wrong' })
  await tally.untilRefused('unauthorized', 4)
  clock.advance(1000)
  expect((await guess).status).toBe(401)
  expect(tally.reasons).toEqual({ unauthorized: 4 })
})

test('guesses at passwords cannot be sent ahead: who does not wait for answers is told to come again', async () => {
  const clock = new ManualClock()
  const sessions = { users: [{ name: 'nsx', password: 'right' }], ttl: 60_000, required: true }
  const { deps, tally } = bench({}, clock)
  const listener = await listening(cfapiSettings({ sessions }), 0, deps)
  const socket = await connected(listener.address.port)
  const body = '{"username":"nsx","password":"guess"}'
  const guess = `POST /api/v1/sessions HTTP/1.1\r\nhost: c\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  let answers = ''
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      answers += chunk.toString('latin1')
      if (answers.split('HTTP/1.1 ').length > 51) resolve()
    })
  })
  socket.write(`${guess.repeat(50)}GET /last HTTP/1.1\r\nhost: c\r\n\r\n`)
  // Noted when it is read, which is behind all guesses.
  await vi.waitFor(() => expect(listener.unknownRequests?.()).toHaveLength(1))
  expect(tally.reasons).toEqual({ unauthorized: 8 })
  clock.advance(1000)
  await all
  expect(answers.match(/HTTP\/1\.1 401/g)).toHaveLength(8)
  expect(answers.match(/HTTP\/1\.1 503/g)).toHaveLength(42)
})

test('a client that makes up paths fills no log', async () => {
  const { said, port, listener } = await cfapi()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let n = 0; n < 100; n += 1) expect((await ask(port, `/no/${n}`, '', { agent })).status).toBe(404)
  agent.destroy()
  expect(said).toHaveLength(32)
  expect(listener.unknownRequests?.().at(-1)?.path).toBe('/no/99')
})

test('without sessions nobody can log in, and what authenticates to somebody else is not looked at', async () => {
  const { port } = await cfapi()
  expect((await ask(port, '/api/v1/sessions', { username: 'a', password: 'b' })).status).toBe(404)
  expect((await ask(port, INGEST, EVENTS, { headers: { authorization: 'Basic Zm9v' } })).status).toBe(200)
})

test('a 200 waits until the events are safe; when they cannot be, 503', async () => {
  const { intake, port } = await cfapi()
  intake.acknowledges_at_once = false
  const first = ask(port, INGEST, EVENTS)
  await intake.untilFrames(2)
  const second = ask(port, INGEST, EVENTS)
  await intake.untilFrames(4)
  intake.pending[0]?.(true)
  expect((await first).status).toBe(200)
  intake.pending[1]?.(false)
  expect((await second).status).toBe(503)
})

test('TLS with client certificates', async () => {
  const folder = tempFolder({})
  const authority = await makeAuthority()
  const server = await authority.issue(['127.0.0.1'])
  const client = await authority.issue(['nsx'])
  const { tls } = tlsSettings({
    certificate: putFile(folder, 'server.crt', server.cert),
    key: putFile(folder, 'server.key', server.key),
    client_ca: putFile(folder, 'ca.crt', authority.ca),
    client_auth: 'required',
  })
  const { intake, tally, deps } = bench()
  const listener = await listening({ ...cfapiSettings(), transport: 'cfapi-tls', tls }, 0, deps)
  const post = (options: https.RequestOptions): Promise<number> =>
    new Promise((resolve, reject) => {
      const all = {
        host: '127.0.0.1',
        port: listener.address.port,
        path: INGEST,
        method: 'POST',
        ca: authority.ca,
        ...options,
      }
      const request = https.request(all, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      request.on('error', reject)
      request.end(JSON.stringify(EVENTS))
    })
  expect(await post({ cert: client.cert, key: client.key, agent: false })).toBe(200)
  expect(intake.texts).toEqual(FRAMES)
  await expect(post({ agent: false })).rejects.toThrow()
  await tally.untilRefused('client_certificate')
  expect(intake.frames).toBe(2)
})

test('behind a balancer the sender is who the PROXY header names', async () => {
  const { intake, port } = await cfapi({ proxy_from: ['127.0.0.1/32'], allow: ['192.0.2.0/24'] })
  const socket = await connected(port)
  const body = JSON.stringify(EVENTS)
  socket.write(`PROXY TCP4 192.0.2.7 127.0.0.1 50000 9000\r\n${head(body.length)}${body}`)
  await intake.untilFrames(2)
  expect(intake.taken[0]?.origin.peer).toBe('192.0.2.7')
})
