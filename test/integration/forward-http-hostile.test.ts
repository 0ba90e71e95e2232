/**
 * What can a receiver of requests do to the router that sends them? Answers that are no HTTP, without end, compressed or
 * about somebody else: bounded, said in words, tried again or set aside; the events are never lost uncounted.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Body, LINES } from '../../src/forward/body.ts'
import { BatchEncoder } from '../../src/forward/encode/batch-encoder.ts'
import { Work } from '../../src/forward/work.ts'
import { systemClock } from '../../src/base/clock.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { makeBatch } from '../support/batches.ts'
import { addEvents, event, expectAll, KINDS, type Kind, run } from '../support/http-lanes.ts'
import { blackHole, slowReader } from '../support/sinks.ts'
import { seqOf, StrictServer } from '../support/strict-http.ts'

const ends: (() => Promise<unknown>)[] = []
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'logweir-hostile-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const plain = KINDS['http, array'] as Kind
const bulk = KINDS['elasticsearch'] as Kind
const hec = KINDS['splunk-hec, acknowledged'] as Kind

/** Answers every request with raw bytes, once its headers and some of its body are there. */
async function raw(act: (socket: Socket) => void): Promise<{ port: number; sent: () => number }> {
  let sent = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    ends.push(async () => socket.destroy())
    socket.once('data', () => act(socket))
    socket.on('drain', () => undefined)
    const write = socket.write.bind(socket)
    socket.write = (chunk: Buffer | string) => {
      sent += chunk.length
      return write(chunk)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    const closed = once(server, 'close')
    server.close()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, sent: () => sent }
}

/** Writes for as long as the other side takes it. */
function pour(socket: Socket, chunk: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}

const BOMB = gzipSync(Buffer.alloc(20_000_000, '{'))
const HEADERS: Readonly<Record<string, (socket: Socket) => void>> = {
  'no HTTP at all': (socket) => socket.write('220 smtp.example.com ready\r\n'),
  'headers without end': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    pour(socket, Buffer.from(`x: ${'y'.repeat(65_000)}\r\n`))
  },
  '1xx without end': (socket) => pour(socket, Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n')),
  'a status line without end': (socket) => pour(socket, Buffer.alloc(65_536, 'H')),
  'a body of both lengths': (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  nothing: (socket) => socket.destroy(),
}

describe.each([
  ['http', plain],
  ['elasticsearch', bulk],
  ['splunk-hec', hec],
] as const)('%s', (_, kind) => {
  test.each(Object.entries(HEADERS))(
    '%s: nothing counts as delivered, nothing is lost',
    async (_name, act) => {
      const { port } = await raw(act)
      const made = run(kind, port, { settings: { timeout: { connect: 200, request: 200 } } })
      addEvents(made.lane, 100)
      await made.lane.until(() => made.lane.returned.length >= 2)
      expect(made.destination.state).toBe('retrying')
      await made.stop()
      expect(made.lane.settled.length).toBe(0)
      expect(made.lane.waiting).toBe(1)
    },
  )
})

test.each([
  ['never reads', () => blackHole()],
  ['reads a byte now and then', () => slowReader(1)],
] as const)(
  'one that %s: the request is given up in time, memory is bounded, everything is kept',
  async (_, make) => {
    const sink = await make()
    ends.push(() => sink.close())
    const made = run(plain, sink.port, {
      settings: { timeout: { connect: 200, request: 300 } },
      http: { batch_events: 100_000 },
    })
    addEvents(made.lane, 20_000, 200)
    await made.lane.until(() => made.lane.returned.length > 0)
    expect(made.destination.state).toBe('retrying')
    expect(made.destination.last_error).toContain('no answer in time')
    expect(made.lane.held_most).toBeLessThan(8_388_608)
    await made.stop()
    expect(made.lane.waiting).toBe(100)
  },
)

describe('answers that are long', () => {
  const long = (headers: string) => (socket: Socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n`)
    pour(socket, Buffer.alloc(65_536, 'x'))
  }

  test('where the status says it all, it has said it; the rest is not read', async () => {
    const { port, sent } = await raw(long('Content-Length: 100000000000\r\n'))
    const made = run(plain, port)
    addEvents(made.lane, 100)
    await made.lane.until(() => made.lane.settled.length === 1)
    await made.stop()
    // What the systems of both ends hold at most, and what was read.
    expect(sent()).toBeLessThan(50_000_000)
  })

  test('where each event has its own status, smaller requests are tried, and no event is blamed', async () => {
    const { port } = await raw(long('Connection: close\r\n'))
    const made = run(bulk, port)
    addEvents(made.lane, 4)
    await expect.poll(() => made.destination.last_error).toContain('with more than is read')
    expect(made.destination.state).toBe('retrying')
    await made.stop()
    expect(made.lane.settled.length).toBe(0)
    expect(made.lane.waiting).toBe(1)
  })

  test('a compressed bomb is never inflated', async () => {
    const { port } = await raw((socket) => {
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: ${BOMB.length}\r\n\r\n`,
      )
      socket.end(BOMB)
    })
    const before = process.memoryUsage().rss
    const made = run(bulk, port)
    addEvents(made.lane, 100)
    await made.lane.until(() => made.lane.returned.length >= 5)
    expect(made.destination.last_error).toContain('without a status for each event')
    await made.stop()
    expect(made.lane.settled.length).toBe(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
  })
})

test.each([301, 302, 303, 307, 308])(
  '%i: no redirect is followed, with or without a token',
  async (status) => {
    const elsewhere = await new StrictServer(plain.product()).listen()
    ends.push(() => elsewhere.close())
    const said = { status, headers: { location: `http://127.0.0.1:${elsewhere.port}/in` } }
    const server = await new StrictServer(plain.product(), () => ({ kind: 'says', said })).listen()
    ends.push(() => server.close())
    const made = run(plain, server.port)
    addEvents(made.lane, 10)
    await expect.poll(() => made.destination.state).toBe('paused')
    expect(made.destination.last_error).toContain('redirects are not followed')
    await made.stop()
    expect(elsewhere.connections).toBe(0)
    expect(made.lane.waiting).toBe(1)
  },
)

describe('dead letters', () => {
  const letters = (file: string): Record<string, unknown>[] =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  test('a refused event is set aside with what was answered, for us alone to read', async () => {
    const dead_letters = mkdtempSync(join(folder, 'dead-'))
    const poison = (text: string): boolean => seqOf(text) % 100 === 37
    const server = await new StrictServer(bulk.product({ poison })).listen()
    ends.push(() => server.close())
    const made = run(bulk, server.port, { deps: { dead_letters } })
    const batches = addEvents(made.lane, 1000)
    await made.lane.until(() => made.lane.settled.length === batches)
    const refused = Array.from({ length: 10 }, (_, n) => n * 100 + 37)
    expectAll(made, server, 1000, refused)
    const status = made.destination.dead_letters
    const file = join(dead_letters, 'acme', 'siem.jsonl')
    expect(status).toEqual({ file, events: 10 })
    const found = letters(file)
    expect(found.map((letter) => letter['event'])).toEqual(refused.map(event))
    expect(found[0]).toMatchObject({
      reason: 'rejected',
      answer: 'answered 400 "document_parsing_exception: failed to parse field [source.ip] of type [ip]"',
      id: expect.stringMatching(/\/acme\/siem\/0\/37$/) as string,
      peer: '192.0.2.1',
      tenant: null,
      stream: 'other',
    })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await made.stop()
  })

  test('what is no text is kept as base64', async () => {
    const dead_letters = mkdtempSync(join(folder, 'dead-'))
    const server = await new StrictServer(plain.product({ poison: () => true })).listen()
    ends.push(() => server.close())
    const made = run(plain, server.port, { deps: { dead_letters } })
    const bytes = Buffer.from([0x3c, 0x31, 0x3e, 0xff, 0xfe])
    made.lane.add({ text: bytes, owner: 1 })
    await made.lane.until(() => made.lane.settled.length === 1)
    await made.stop()
    const [letter] = letters(join(dead_letters, 'acme', 'siem.jsonl'))
    expect(letter).toMatchObject({ event: null, event_base64: bytes.toString('base64'), tenant: 'tenant-1' })
  })

  test('they are bounded in bytes, and none are kept where none are wanted', async () => {
    const dead_letters = mkdtempSync(join(folder, 'dead-'))
    const server = await new StrictServer(plain.product({ poison: () => true })).listen()
    ends.push(() => server.close())
    const made = run(plain, server.port, { deps: { dead_letters }, http: { dead_letters: 20_000 } })
    made.lane.add(...Array.from({ length: 300 }, (_, n) => event(n)), `seq=300 ${'x'.repeat(30_000)}`)
    await made.lane.until(() => made.lane.settled.length === 1)
    expect(made.lane.dropped).toEqual({ rejected: 301 })
    await made.stop()
    const files = readdirSync(join(dead_letters, 'acme'))
    const bytes = files.reduce((sum, name) => sum + statSync(join(dead_letters, 'acme', name)).size, 0)
    expect(files.sort()).toEqual(['siem.jsonl', 'siem.jsonl.1'])
    expect(bytes).toBeLessThanOrEqual(20_000)
    // Too long to be kept, but not to be told of.
    expect(letters(join(dead_letters, 'acme', 'siem.jsonl')).at(-1)).toMatchObject({
      event: null,
      bytes: 30_008,
    })

    const none = mkdtempSync(join(folder, 'dead-'))
    const other = run(plain, server.port, { deps: { dead_letters: none }, http: { dead_letters: 0 } })
    addEvents(other.lane, 10)
    await other.lane.until(() => other.lane.settled.length === 1)
    await other.stop()
    expect(readdirSync(none)).toEqual([])
  })

  test('a disk that will not take them holds nobody up', async () => {
    const server = await new StrictServer(plain.product({ poison: (text) => seqOf(text) === 3 })).listen()
    ends.push(() => server.close())
    const made = run(plain, server.port, { deps: { dead_letters: '/dev/null/nowhere' } })
    addEvents(made.lane, 10)
    await made.lane.until(() => made.lane.settled.length === 1)
    expectAll(made, server, 10, [3])
    expect(made.log.lines.join('\n')).toContain('dead letters cannot be written')
    await made.stop()
  })
})

describe('memory', () => {
  test('what a stalled request holds is told, within its share, and given back', async () => {
    const server = await new StrictServer(plain.product(), () => ({ kind: 'silent' })).listen()
    ends.push(() => server.close())
    const memory_max = 1_048_576
    const made = run(plain, server.port, {
      settings: {
        queue: { memory_max, disk_max: 0, when_full: 'drop_oldest' },
        timeout: { connect: 1000, request: 5000 },
      },
      http: { batch_events: 100_000 },
    })
    addEvents(made.lane, 20_000, 200)
    await server.until(() => server.asked.length === 1)
    const body = server.asked[0]?.bytes ?? 0
    expect(body).toBeGreaterThan(100_000)
    expect(body).toBeLessThanOrEqual(memory_max / 4)
    // The encoder's own buffer is free again: what waits is what is on the wire.
    expect(made.lane.held).toBe(body)
    expect(made.lane.held_most).toBeLessThanOrEqual(memory_max)
    await made.stop()
  })

  test('compressed, it holds a fraction', async () => {
    const server = await new StrictServer(bulk.product(), () => ({ kind: 'silent' })).listen()
    ends.push(() => server.close())
    const made = run(bulk, server.port, { settings: { timeout: { connect: 1000, request: 5000 } } })
    addEvents(made.lane, 500)
    await server.until(() => server.asked.length === 1)
    expect(made.lane.held).toBe(server.asked[0]?.bytes)
    expect(made.lane.held).toBeLessThan((server.asked[0]?.body.length ?? 0) / 4)
    await made.stop()
  })
})

describe('an encoder that throws', () => {
  const faulty = {
    clean: true,
    encode: (
      out: { putRaw: (bytes: Uint8Array) => void },
      batch: { eventId: (n: number) => string },
      n: number,
    ): boolean => {
      out.putRaw(Buffer.from('half'))
      if (n === 3) throw new Error('a bug')
      out.putRaw(Buffer.from(batch.eventId(n)))
      return true
    },
  }
  const batch = makeBatch({
    events: Array.from({ length: 6 }, (_, n) => ({ text: event(n) })),
    form: PayloadForm.bare,
  })

  test('in a request: that event is dropped and counted, once however often it is met', async () => {
    const work = new Work([batch])
    const threw: unknown[] = []
    const maker = {
      encoder: faulty,
      shape: LINES,
      limits: { batch_bytes: 1e6, batch_events: 100 },
      threw: (error: unknown) => threw.push(error),
      hold: () => undefined,
    }
    for (let times = 0; times < 3; times += 1) {
      const body = new Body(maker)
      await body.build(work, systemClock)
      expect(body.events).toBe(5)
      expect(body.place(3)).toBe(4)
      expect(body.out.written().toString().split('\n').length).toBe(6)
      body.free()
    }
    expect(threw.length).toBe(1)
    work.done()
    expect(work.finished()).toEqual([{ batch, dropped: { unencodable: 1 } }])
  })

  test('in a file, stream or datagram', () => {
    const threw: unknown[] = []
    const encoder = new BatchEncoder(faulty, 'newline', null, (error) => threw.push(error))
    const { bytes, unencodable } = encoder.encode(batch)
    expect(unencodable).toBe(1)
    expect(threw.length).toBe(1)
    expect(
      bytes
        .toString()
        .split('\n')
        .filter((line) => line !== '').length,
    ).toBe(5)
  })
})
