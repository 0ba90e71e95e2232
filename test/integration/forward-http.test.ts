/** Do request destinations do what each answer asks, and keep the ledger while they do? */
import { afterEach, describe, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { Clock } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { FakeLane, TestLog, testDeps, testSettings } from '../support/lanes.ts'
import {
  gibberish,
  type HttpAnswer,
  type HttpRequest,
  type HttpSink,
  httpSink,
  noServerHello,
  refuse,
} from '../support/sinks.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const TOKEN = 'planted-secret-token'

interface Made {
  readonly lane: FakeLane
  readonly destination: Destination
  readonly log: TestLog
}

type Http = Partial<ForwarderSettings['http']>

function make(
  port: number,
  http: Http = {},
  over: Partial<ForwarderSettings> = {},
  deps: Partial<ForwardDeps> = {},
): Made {
  const base = testSettings({
    to: { scheme: 'http', url: `http://127.0.0.1:${port}/in?x=1` },
    type: 'log-insight-cloud',
    ...over,
  })
  const settings = { ...base, http: { ...base.http, token: TOKEN, ...http } }
  const log = new TestLog()
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(
    createDestination({ key: lane.key, settings }, lane, testDeps({ log, ...deps })),
  )
  ends.push(() => destination.stop(0))
  return { lane, destination, log }
}

async function sinkOf(answer: (request: HttpRequest, count: number) => HttpAnswer): Promise<HttpSink> {
  const sink = await httpSink(answer)
  ends.push(() => sink.close())
  return sink
}

/** Waits of hours pass at once; what they were is noted. */
function hasty(waits: number[]): Clock {
  return {
    ...systemClock,
    after: (ms, act) => {
      if (ms < 5000) return systemClock.after(ms, act)
      waits.push(ms)
      return systemClock.after(5, act)
    },
  }
}

const texts = (request: HttpRequest): string[] =>
  (JSON.parse(request.body) as { text: string }[]).map((event) => event.text)

describe('an answer of 2xx', () => {
  test('settles; the request is what the cloud documents', async () => {
    const sink = await sinkOf(() => ({ status: 202 }))
    const { lane, destination } = make(sink.port)
    lane.add({ text: '<14>1 2026-01-02T03:04:05.678Z esx01 app 1 - - hello "x"', owner: 0, stream: 0 })
    await lane.until(() => lane.settled.length === 1)
    const [request] = sink.requests
    expect(request?.path).toBe('/in?x=1')
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      structure: 'default',
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    })
    expect(JSON.parse(request?.body ?? '')).toEqual([
      {
        text: '<14>1 2026-01-02T03:04:05.678Z esx01 app 1 - - hello "x"',
        source: 'esx01',
        appname: 'app',
        stream: 'other',
        log_timestamp: '1767323045678',
      },
    ])
    expect(destination.state).toBe('active')
    lane.check()
  })

  test('several waiting batches share a request, and a request has its limits', async () => {
    const sink = await sinkOf(() => ({ status: 200 }))
    const { lane } = make(sink.port, { batch_events: 25, gzip: false })
    for (let i = 0; i < 10; i++) lane.add(...Array.from({ length: 10 }, (_, n) => `event ${i * 10 + n}`))
    await lane.until(() => lane.settled.length === 10)
    const sent = sink.requests.map(texts)
    expect(sent.flat()).toEqual(Array.from({ length: 100 }, (_, n) => `event ${n}`))
    expect(Math.max(...sent.map((one) => one.length))).toBeLessThanOrEqual(25)
    expect(sent.length).toBeLessThanOrEqual(6)
    expect(sink.requests[0]?.headers['content-encoding']).toBeUndefined()
  })

  test('bytes of one request are bounded', async () => {
    const sink = await sinkOf(() => ({ status: 200 }))
    const { lane } = make(sink.port, { batch_bytes: 2000 })
    lane.add(...Array.from({ length: 50 }, (_, n) => `event ${n} ${'x'.repeat(200)}`))
    await lane.until(() => lane.settled.length === 1)
    expect(sink.requests.flatMap(texts).length).toBe(50)
    for (const { body } of sink.requests) expect(body.length).toBeLessThanOrEqual(2000)
  })
})

describe('an answer that speaks of the events', () => {
  test.each([400, 422, 413])('%i: one bad in 1,000, 999 delivered in order', async (status) => {
    const bad = 'event 637'
    const sink = await sinkOf((request) =>
      texts(request).includes(bad) ? { status, body: 'no thanks' } : { status: 200 },
    )
    const { lane, destination, log } = make(sink.port)
    const all = Array.from({ length: 1000 }, (_, n) => `event ${n}`)
    for (let i = 0; i < 10; i++) lane.add(...all.slice(i * 100, i * 100 + 100))
    await lane.until(() => lane.settled.length === 10)
    const taken = sink.requests
      .map(texts)
      .filter((sent) => !sent.includes(bad))
      .flat()
    expect(taken).toEqual(all.filter((text) => text !== bad))
    expect(lane.dropped).toEqual(status === 413 ? { too_large: 1 } : { rejected: 1 })
    expect(log.lines.some((line) => line.includes(`answered ${status} "no thanks"`))).toBe(true)
    expect(destination.state).toBe('active')
    lane.check()
  })

  test('a search that meets an overload goes on where it was', async () => {
    const sink = await sinkOf((request, count) => {
      if (count % 3 === 0) return { status: 503 }
      return texts(request).includes('event 5') ? { status: 400 } : { status: 200 }
    })
    const { lane } = make(sink.port)
    lane.add(...Array.from({ length: 16 }, (_, n) => `event ${n}`))
    await lane.until(() => lane.settled.length === 1)
    expect(lane.dropped).toEqual({ rejected: 1 })
    expect(lane.returned.length).toBe(0)
    lane.check()
  })
})

describe('an answer that means later', () => {
  test.each([
    [503, {}, 'retrying'],
    [500, {}, 'retrying'],
    [408, {}, 'retrying'],
    [429, { 'retry-after': '7' }, 'retrying'],
    [429, {}, 'retrying'],
    [401, {}, 'paused'],
    [403, {}, 'paused'],
    [404, {}, 'paused'],
    [302, { location: 'http://127.0.0.1:1/' }, 'paused'],
  ] as const)('%i %o: %s, everything is kept and comes later', async (status, headers, state) => {
    const states: string[] = []
    const waits: number[] = []
    const running: { destination?: Destination } = {}
    const sink = await sinkOf((_, count) => {
      if (count > 1) states.push(running.destination?.state ?? '')
      return count <= 2 ? { status, headers } : { status: 200 }
    })
    const made = make(sink.port, {}, {}, { clock: hasty(waits) })
    running.destination = made.destination
    made.lane.add('one', 'two')
    await made.lane.until(() => made.lane.settled.length === 1)
    expect(states[0]).toBe(state)
    expect(texts(sink.requests[2] as HttpRequest)).toEqual(['one', 'two'])
    expect(made.destination.state).toBe('active')
    expect(made.destination.last_error).toBeNull()
    const slow = waits.filter((ms) => ms >= 60_000)
    if (state === 'paused' || (status === 429 && !('retry-after' in headers))) {
      expect(slow[0]).toBeGreaterThanOrEqual(60_000)
      expect(slow[1]).toBeGreaterThanOrEqual(120_000)
    }
    if ('retry-after' in headers) expect(waits).toContain(7000)
    made.lane.check()
  })
})

describe('no answer', () => {
  test('nobody there, no HTTP, silence: the words say so and nothing is lost', async () => {
    const port = await refuse()
    const odd = await gibberish()
    const silent = await noServerHello()
    ends.push(
      () => odd.close(),
      () => silent.close(),
    )
    const timeout = { connect: 500, request: 300 }
    const cases = [
      [make(port), /nothing listens there/],
      [make(odd.port), /the answer is not HTTP/],
      [make(silent.port, {}, { timeout }), /no answer in time/],
    ] as const
    for (const [{ lane, destination }, words] of cases) {
      lane.add('one')
      await expect.poll(() => destination.last_error, { timeout: 5000 }).toMatch(words)
      expect(destination.state).toBe('retrying')
      expect(lane.settled.length).toBe(0)
      await destination.stop(0)
      expect(lane.waiting).toBe(1)
      lane.check()
    }
  })

  test('a stop does not wait for a destination that hangs', async () => {
    const sink = await sinkOf(() => ({ status: 200, hang: true }))
    const { lane, destination } = make(sink.port)
    lane.add('one')
    await sink.until(() => sink.requests.length === 1)
    await destination.stop(20)
    expect(lane.waiting).toBe(1)
    lane.check()
  })
})

test('concurrency sends at once, and stays within its bound', async () => {
  let open = 0
  let most = 0
  const sink = await sinkOf(() => {
    open += 1
    most = Math.max(most, open)
    setImmediate(() => (open -= 1))
    return { status: 200 }
  })
  const { lane } = make(sink.port, { batch_events: 1 }, { concurrency: 4 })
  for (let i = 0; i < 60; i++) lane.add(`event ${i}`)
  await lane.until(() => lane.settled.length === 60)
  expect(most).toBeLessThanOrEqual(4)
  lane.check()
})

test('the token is in no log line and no error, even when the answer repeats it', async () => {
  const sink = await sinkOf((request) => ({ status: 403, body: `bad key ${request.headers.authorization}` }))
  const { lane, destination, log } = make(sink.port)
  lane.add('one')
  await expect.poll(() => destination.state).toBe('paused')
  expect(destination.last_error).toContain('bad key Bearer ***')
  expect([...log.lines, destination.last_error].join()).not.toContain(TOKEN)
})
