/**
 * The same harm from a receiver of every type over HTTP: answers that are no HTTP, without end, compressed, or that lead elsewhere,
 * to events, to a log-in and to questions for acknowledgements. Bounded, said, never obeyed; no event is lost uncounted.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { addEvents, KINDS, type Kind, run } from '../support/http-lanes.ts'
import { StrictServer } from '../support/strict-http.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const EVENTS = 100
const BOMB = gzipSync(Buffer.alloc(20_000_000, '{'))
const quick = { timeout: { connect: 200, request: 200 } }

/** Once something of a request is there, `act` has the socket. */
async function raw(act: (socket: Socket) => void): Promise<{ port: number; sent: () => number }> {
  const sockets = new Set<Socket>()
  let sent = 0
  const server = createTcp((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sent += socket.bytesWritten
      sockets.delete(socket)
    })
    socket.once('data', () => act(socket))
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    for (const socket of sockets) socket.destroy()
    const closed = once(server, 'close')
    server.close()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, sent: () => sent }
}

function pour(socket: Socket, chunk: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}

const HEADERS: Readonly<Record<string, (socket: Socket) => void>> = {
  'no HTTP at all': (socket) => socket.write('220 smtp.example.com ready\r\n'),
  'headers without end': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    pour(socket, Buffer.from(`x: ${'y'.repeat(65_000)}\r\n`))
  },
  'a status line without end': (socket) => pour(socket, Buffer.alloc(65_536, 'H')),
  'nothing, and hangs up': (socket) => socket.destroy(),
}

/** What a 2xx means whose body cannot be read: those that look at the status only have their answer. */
const BY_STATUS = ['http, array', 'http, ndjson', 'log-insight-cloud', 'cfapi', 'splunk-hec']

describe.each(Object.entries(KINDS))('%s', (name, kind) => {
  test.each(Object.entries(HEADERS))('%s: tried again, everything kept', async (_, act) => {
    const { port, sent } = await raw(act)
    const made = run(kind, port, { settings: quick })
    addEvents(made.lane, EVENTS)
    await made.lane.until(() => made.lane.returned.length >= 2)
    expect(made.destination.state).toBe('retrying')
    expect(made.destination.last_error).toMatch(/not HTTP|too long|no answer|closed/)
    await made.stop()
    expect([made.lane.settled.length, made.lane.waiting]).toEqual([0, 1])
    expect(sent()).toBeLessThan(100_000_000)
  })

  test.each([301, 302, 303, 307, 308])(
    'a redirect with %i is not followed, nor anything told there',
    async (status) => {
      const elsewhere = await new StrictServer(kind.product()).listen()
      ends.push(() => elsewhere.close())
      const said = { status, headers: { location: `http://127.0.0.1:${elsewhere.port}${kind.path}` } }
      const server = await new StrictServer(kind.product(), () => ({ kind: 'says', said })).listen()
      ends.push(() => server.close())
      const made = run(kind, server.port)
      addEvents(made.lane, EVENTS)
      await expect.poll(() => made.destination.state, { timeout: 20_000 }).toBe('paused')
      expect(made.destination.last_error).toContain('redirects are not followed')
      await made.stop()
      expect([elsewhere.connections, made.lane.waiting]).toEqual([0, 1])
    },
  )

  test('a compressed bomb as an answer is not inflated', async () => {
    const { port } = await raw((socket) => {
      const head = `Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: ${BOMB.length}`
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`)
      socket.end(BOMB)
    })
    const before = process.memoryUsage().rss
    const made = run(kind, port, { settings: quick })
    addEvents(made.lane, EVENTS)
    if (BY_STATUS.includes(name)) await made.lane.until(() => made.lane.settled.length === 1)
    else await expect.poll(() => made.destination.last_error, { timeout: 20_000 }).not.toBe(null)
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
    await made.stop()
    expect(made.lane.settled.length + made.lane.waiting).toBe(1)
    expect(made.lane.dropped).toEqual({})
  })

  test('a body without end: what the status has said counts, the rest is not read', async () => {
    const { port, sent } = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n')
      pour(socket, Buffer.alloc(65_536, 'x'))
    })
    const made = run(kind, port, { settings: quick })
    addEvents(made.lane, EVENTS)
    if (BY_STATUS.includes(name)) await made.lane.until(() => made.lane.settled.length === 1)
    else await expect.poll(() => made.destination.last_error, { timeout: 20_000 }).not.toBe(null)
    await made.stop()
    expect(made.lane.settled.length + made.lane.waiting).toBe(1)
    expect(made.lane.dropped).toEqual({})
    // What the systems of both ends hold, and what was read before it was given up.
    expect(sent()).toBeLessThan(100_000_000)
  })
})

/** Answers some paths with `act`, and takes everything else as `kind` does. */
async function twofold(
  path: string,
  act: (response: ServerResponse) => void,
  rest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ port: number; asked: () => number }> {
  let asked = 0
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => {
      if (request.url?.startsWith(path) !== true) return rest(request, response)
      asked += 1
      act(response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, asked: () => asked }
}

const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'no HTTP': (response) => response.socket?.end('220 smtp.example.com ready\r\n'),
  'no JSON': (response) => response.end('<html>log in here</html>'),
  'JSON of another shape': (response) => response.end('{"acks":[true,true],"sessionId":{"a":1}}'),
  'a redirect': (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
  'a bomb': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB),
  'a body without end': (response) => {
    response.writeHead(200)
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  },
}

describe.each(Object.entries(ANSWERS))('%s', (_, act) => {
  test('to a log-in of cfapi: no event is sent, everything is kept', async () => {
    let events = 0
    const server = await twofold('/api/v1/sessions', act, (__, response) => {
      events += 1
      response.end('{}')
    })
    const login = { username: 'ingest', password: 'planted' }
    const kind = KINDS['cfapi'] as Kind
    const made = run(kind, server.port, { settings: quick, http: { token: null, login } })
    addEvents(made.lane, EVENTS)
    await expect.poll(() => made.destination.last_error, { timeout: 20_000 }).not.toBe(null)
    expect(server.asked()).toBeGreaterThan(0)
    expect(made.destination.last_error).not.toContain('planted')
    await made.stop()
    expect([events, made.lane.settled.length, made.lane.waiting]).toEqual([0, 0, 1])
  })

  test('to a question for acknowledgements: nothing counts as delivered, it comes again', async () => {
    let taken = 0
    const server = await twofold('/services/collector/ack', act, (__, response) => {
      response.end(JSON.stringify({ text: 'Success', code: 0, ackId: taken++ }))
    })
    const kind = KINDS['splunk-hec, acknowledged'] as Kind
    const hec = { ...(kind.http.hec as NonNullable<Kind['http']['hec']>), ack_timeout: 300 }
    const made = run(kind, server.port, { settings: quick, http: { hec } })
    addEvents(made.lane, EVENTS)
    await expect.poll(() => taken, { timeout: 20_000 }).toBeGreaterThanOrEqual(2)
    expect(made.destination.last_error).toContain('no acknowledgement within 300 ms')
    await made.stop()
    expect([made.lane.settled.length, made.lane.waiting, made.lane.dropped]).toEqual([0, 1, {}])
  })
})
