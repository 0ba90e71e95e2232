/**
 * Does every type of destination over HTTP deliver all of its events whatever goes wrong on the way, and say truly what
 * it could not? Each test ends with the books of the lane and with the receiver's own count.
 */
import { afterEach, describe, expect, test } from 'vitest'
import {
  addEvents,
  expectAll,
  hasty,
  KINDS,
  type Kind,
  type Over,
  run,
  type Running,
} from '../support/http-lanes.ts'
import { type BulkReceiver, HecReceiver, type Limits } from '../support/products.ts'
import { refuse } from '../support/sinks.ts'
import { type Fault, NONE, type Product, seqOf, StrictServer } from '../support/strict-http.ts'

const EVENTS = 1000
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Made extends Running {
  readonly server: StrictServer
  readonly product: Product
}

async function made(
  kind: Kind,
  fault: (count: number) => Fault = () => NONE,
  over: Over = {},
  limits: Limits = {},
): Promise<Made> {
  const product = kind.product(limits)
  const server = await new StrictServer(product, fault).listen()
  ends.push(() => server.close())
  const running = run(kind, server.port, over)
  ends.push(() => running.stop())
  return { ...running, server, product }
}

/** Says something else than the product for the first requests. */
const first = (times: number, fault: Fault) => (count: number) => (count <= times ? fault : NONE)

const FAULTS: Readonly<
  Record<string, { readonly fault: Fault; readonly state: string; readonly doubles: boolean }>
> = {
  'resets in the middle of the body': {
    fault: { kind: 'reset', after: 1 },
    state: 'retrying',
    doubles: false,
  },
  'stores and never answers': { fault: { kind: 'silent' }, state: 'retrying', doubles: true },
  'stores and breaks its answer off': { fault: { kind: 'cut' }, state: 'retrying', doubles: true },
  'stores and answers behind the timeout': {
    fault: { kind: 'late', ms: 2500 },
    state: 'retrying',
    doubles: true,
  },
  'answers 500': { fault: { kind: 'says', said: { status: 500 } }, state: 'retrying', doubles: false },
  'answers 503 with a page': {
    fault: {
      kind: 'says',
      said: { status: 503, headers: { 'content-type': 'text/html' }, body: '<h1>no</h1>' },
    },
    state: 'retrying',
    doubles: false,
  },
  'answers 429': { fault: { kind: 'says', said: { status: 429 } }, state: 'retrying', doubles: false },
  'answers 429 with Retry-After': {
    fault: { kind: 'says', said: { status: 429, headers: { 'retry-after': '1' } } },
    state: 'retrying',
    doubles: false,
  },
  'answers 401': { fault: { kind: 'says', said: { status: 401 } }, state: 'paused', doubles: false },
  'answers 302 to elsewhere': {
    fault: { kind: 'says', said: { status: 302, headers: { location: 'http://127.0.0.1:1/' } } },
    state: 'paused',
    doubles: false,
  },
}

describe.each(Object.entries(KINDS))('%s', (_, kind) => {
  test('all is well: everything once and in order', async () => {
    const { lane, server, destination, ...rest } = await made(kind)
    const batches = addEvents(lane, EVENTS)
    await lane.until(() => lane.settled.length === batches)
    expect(server.order).toEqual(Array.from({ length: EVENTS }, (_unused, n) => n))
    expect(destination.state).toBe('active')
    expect(lane.bytes).toBe(
      server.asked.filter(({ path }) => !path.endsWith('/ack')).reduce((sum, { bytes }) => sum + bytes, 0),
    )
    // Connections are used again.
    expect(server.connections).toBeLessThanOrEqual(2)
    expectAll({ lane, destination, ...rest }, server, EVENTS)
  })

  test.each(Object.entries(FAULTS))('%s', async (_name, { fault, state, doubles }) => {
    const states: string[] = []
    const waits: number[] = []
    const box: { running?: Made } = {}
    const making = await made(
      kind,
      (count) => {
        if (count > 1) states.push(box.running?.destination.state ?? '')
        return first(2, fault)(count)
      },
      { deps: { clock: hasty(waits) } },
    )
    box.running = making
    const { lane, server, destination } = making
    const batches = addEvents(lane, EVENTS)
    await lane.until(() => lane.settled.length === batches)
    expectAll(making, server, EVENTS)
    expect(states[0]).toBe(state)
    expect(destination.state).toBe('active')
    expect(destination.last_error).toBeNull()
    // Twice is only what was stored and not answered, at most those two requests; with ids of events nothing is.
    if (!doubles || kind.once) expect(server.doubled).toBe(0)
    else expect(server.doubled).toBeLessThanOrEqual(2 * 500)
    if (state === 'paused') expect(waits[0]).toBeGreaterThanOrEqual(60_000)
  })

  test('nobody there, then there', async () => {
    const port = await refuse()
    const running = run(kind, port)
    ends.push(() => running.stop())
    const batches = addEvents(running.lane, EVENTS)
    await expect.poll(() => running.destination.last_error).toContain('nothing listens there')
    expect(running.destination.state).toBe('retrying')
    const server = await new StrictServer(kind.product()).listen(port)
    ends.push(() => server.close())
    await running.lane.until(() => running.lane.settled.length === batches)
    expectAll(running, server, EVENTS)
    expect(server.doubled).toBe(0)
  })

  test('one event in a thousand is refused: 999 are there, and that one is counted', async () => {
    const poison = (text: string): boolean => seqOf(text) === 637
    const making = await made(kind, () => NONE, {}, { poison })
    const { lane, server, destination, log } = making
    const batches = addEvents(lane, EVENTS)
    await lane.until(() => lane.settled.length === batches)
    expect(lane.dropped).toEqual({ rejected: 1 })
    expectAll(making, server, EVENTS, [637])
    expect(server.doubled).toBe(0)
    expect(destination.state).toBe('active')
    expect(log.lines.some((line) => line.includes('an event was refused and is dropped'))).toBe(true)
  })

  test('413: what is too long for it is sent in smaller parts, and the next request is shorter at once', async () => {
    const making = await made(kind, () => NONE, {}, { bytes_max: 40_000 })
    const { lane, server } = making
    const batches = addEvents(lane, EVENTS)
    await lane.until(() => lane.settled.length === batches)
    expectAll(making, server, EVENTS)
    expect(server.doubled).toBe(0)
    expect(server.order).toEqual(Array.from({ length: EVENTS }, (_unused, n) => n))
    const before = server.refused
    const more = addEvents(lane, 9000, 100, EVENTS)
    await lane.until(() => lane.settled.length === batches + more)
    expectAll(making, server, EVENTS + 9000)
    // Now and then one that is a little too long: nobody says how long it may be.
    expect(server.refused - before).toBeLessThan(server.asked.length / 10)
  })

  test('it refuses every event: after a thousand it is not the events, and the others are kept', async () => {
    const waits: number[] = []
    const clock = hasty(waits)
    // The wait of a minute is not over before the test is.
    const patient = {
      ...clock,
      after: (ms: number, act: () => void) => clock.after(ms, ms >= 60_000 ? () => undefined : act),
    }
    const making = await made(kind, () => NONE, { deps: { clock: patient } }, { poison: () => true })
    const { lane, server, destination } = making
    addEvents(lane, 3000)
    await expect.poll(() => destination.state, { timeout: 20_000 }).toBe('paused')
    expect(destination.last_error).toMatch(/refuses every event, \d+ in a row/)
    expect(waits.at(-1)).toBeGreaterThanOrEqual(60_000)
    await making.stop()
    const lost = Object.values(lane.dropped).reduce((sum, events) => sum + events, 0)
    // Whole requests where each event has its own answer; what was not settled is counted when it comes again.
    expect(lost).toBeLessThanOrEqual(1500)
    expect(lane.settled.length + lane.waiting).toBe(30)
    expect(server.stored.size).toBe(0)
  })

  test('a wrong token: everything is kept', async () => {
    const making = await made(kind, () => NONE, { http: { token: 'another-key' } })
    if (kind.path === '/in') return
    addEvents(making.lane, 100)
    await expect.poll(() => making.destination.state).toBe('paused')
    await making.stop()
    expect(making.lane.waiting).toBe(1)
    expect(making.server.stored.size).toBe(0)
    expect([...making.log.lines, making.destination.last_error].join()).not.toContain('another-key')
  })

  test('stopped in the middle: what is not delivered is given back', async () => {
    const making = await made(kind, (count) => (count === 1 ? NONE : { kind: 'silent' }))
    addEvents(making.lane, EVENTS)
    await making.server.until(
      () => making.server.asked.filter(({ path }) => !path.endsWith('/ack')).length >= 2,
    )
    await making.stop(0)
    const { lane, server } = making
    const settled = lane.settled.reduce((sum, batch) => sum + batch.events, 0)
    expect(settled + lane.waiting * 100).toBe(EVENTS)
    // What counts as delivered is there.
    for (const n of Array.from({ length: settled }, (_unused, i) => i))
      expect(server.stored.has(n)).toBe(true)
  })
})

describe('what only one of them does', () => {
  const bulk = KINDS['elasticsearch'] as Kind
  const acknowledged = KINDS['splunk-hec, acknowledged'] as Kind

  test.each([
    ['default', 'default'],
    ['simple', 'simple'],
    [null, undefined],
  ])('cloud: structure %s', async (structure, header) => {
    const cloud = KINDS['log-insight-cloud'] as Kind
    const making = await made(cloud, () => ({ kind: 'says', said: { status: 200 } }), { http: { structure } })
    making.lane.add('<14>one')
    await making.lane.until(() => making.lane.settled.length === 1)
    expect(making.server.asked[0]?.headers['structure']).toBe(header)
    expect(making.server.asked[0]?.path).toBe('/le-mans/v1/streams/ingestion-pipeline-stream')
  })

  test('elasticsearch: events that are not taken now are sent again alone', async () => {
    const making = await made(bulk)
    const product = making.product as BulkReceiver
    product.overloaded = (n) => making.server.asked.length === 1 && n % 10 === 3
    const batches = addEvents(making.lane, 100)
    await making.lane.until(() => making.lane.settled.length === batches)
    expectAll(making, making.server, 100)
    expect(making.server.asked.length).toBe(2)
    expect(making.server.asked[1]?.body.trimEnd().split('\n').length).toBe(20)
    expect(making.server.doubled).toBe(0)
  })

  test('elasticsearch: every tenth is wrong, every tenth is too early, in one request', async () => {
    const making = await made(bulk, () => NONE, {}, { poison: (text) => seqOf(text) % 10 === 5 })
    const product = making.product as BulkReceiver
    product.overloaded = (n) => making.server.asked.length <= 3 && n % 10 === 3
    const batches = addEvents(making.lane, EVENTS)
    await making.lane.until(() => making.lane.settled.length === batches)
    const wrong = Array.from({ length: EVENTS }, (_, n) => n).filter((n) => n % 10 === 5)
    expectAll(making, making.server, EVENTS, wrong)
    expect(making.lane.dropped).toEqual({ rejected: 100 })
    expect(making.server.doubled).toBe(0)
    expect(product.documents.size).toBe(900)
  })

  test('elasticsearch: a second router start with the same events stores nothing twice', async () => {
    const making = await made(bulk)
    const batches = addEvents(making.lane, EVENTS)
    await making.lane.until(() => making.lane.settled.length === batches)
    const again = run(bulk, making.server.port)
    ends.push(() => again.stop())
    addEvents(again.lane, EVENTS)
    await again.lane.until(() => again.lane.settled.length === batches)
    expectAll(again, making.server, EVENTS)
    expect(making.server.doubled).toBe(0)
  })

  test.each([
    ['200 and no items', { status: 200, body: '{"errors":false}' }],
    ['200 and too few', { status: 200, body: '{"errors":false,"items":[{"create":{"status":201}}]}' }],
    ['200 and no JSON', { status: 200, body: 'ok' }],
    ['200, compressed', { status: 200, headers: { 'content-encoding': 'gzip' }, body: '\u001f\u008b\u0008' }],
  ])('elasticsearch: %s is no delivery', async (_, said) => {
    const making = await made(bulk, first(2, { kind: 'says', said }))
    const batches = addEvents(making.lane, EVENTS)
    await making.lane.until(() => making.lane.settled.length === batches)
    expectAll(making, making.server, EVENTS)
  })

  test('splunk: nothing counts as delivered before its acknowledgement', async () => {
    const making = await made(acknowledged)
    const product = making.product as HecReceiver
    product.asks = Number.POSITIVE_INFINITY
    const batches = addEvents(making.lane, EVENTS)
    await making.server.until(() => making.server.stored.size === EVENTS && product.polls >= 2)
    expect(making.lane.settled.length).toBe(0)
    expect(making.lane.in_flight).toBe(batches)
    product.asks = 1
    await making.lane.until(() => making.lane.settled.length === batches)
    expectAll(making, making.server, EVENTS)
    expect(making.server.doubled).toBe(0)
    // The balancer's cookie comes back, on the questions too.
    expect(making.server.asked.at(-1)?.headers.cookie).toBe('AWSELB=one')
  })

  test('splunk: what is never acknowledged comes again', async () => {
    const making = await made(acknowledged, () => NONE, {
      http: { hec: { ...acknowledged.http.hec, acknowledge: true, ack_timeout: 1000 } as never },
    })
    const product = making.product as HecReceiver
    product.asks = Number.POSITIVE_INFINITY
    const batches = addEvents(making.lane, 100)
    await making.lane.until(() => making.lane.returned.length > 0)
    expect(making.destination.last_error).toContain('no acknowledgement within 1000 ms')
    product.asks = 1
    await making.lane.until(() => making.lane.settled.length === batches)
    expectAll(making, making.server, 100)
    expect(making.server.doubled).toBeGreaterThanOrEqual(100)
  })

  test('splunk: a token without acknowledgement is a mistake that is said, not a delivery', async () => {
    const plain = new HecReceiver()
    const server = await new StrictServer(plain).listen()
    ends.push(() => server.close())
    const running = run(acknowledged, server.port)
    ends.push(() => running.stop())
    addEvents(running.lane, 100)
    await expect.poll(() => running.destination.state).toBe('paused')
    expect(running.destination.last_error).toContain('without an ackId')
    await running.stop()
    expect(running.lane.settled.length).toBe(0)
    expect(running.lane.waiting).toBe(1)
  })
})
