/** Do events go to the next target when one fails, back to the first later, and nowhere into a connection that is dead? */
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { failoverSender } from '../../src/forward/failover.ts'
import type { Outcome } from '../../src/forward/outcome.ts'
import type { RequestSender } from '../../src/forward/request.ts'
import { RETURN_MS } from '../../src/forward/targets.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { HalfOpen, whyNoHalfOpen } from '../support/half-open.ts'
import { FakeLane, testDeps, testSettings, TestLog } from '../support/lanes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RelpServer } from '../support/relp-server.ts'
import { goodSink, httpSink, refuse, type StreamSink } from '../support/sinks.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function opened<T extends { close(): Promise<void> }>(made: Promise<T>): Promise<T> {
  const one = await made
  ends.push(() => one.close())
  return one
}

function start(
  over: Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>,
  clock = systemClock,
): { lane: FakeLane; log: TestLog; state: () => string } {
  const settings = testSettings(over)
  const lane = new FakeLane(payloadForm(settings))
  const log = new TestLog()
  const destination = lane.attach(
    createDestination({ key: lane.key, settings }, lane, testDeps({ clock, log })),
  )
  ends.push(() => destination.stop(0))
  return { lane, log, state: () => destination.state }
}

const tcp = (port: number) => ({ scheme: 'tcp', host: '127.0.0.1', port }) as const

describe('several targets', () => {
  test('tcp: the next one takes what the first does not, and what the first had not settled when it broke', async () => {
    const first = await goodSink()
    const second = await opened(goodSink())
    const { lane, log } = start({ to: tcp(first.port), failover: [tcp(await refuse()), tcp(second.port)] })
    lane.add('one')
    await first.until(() => first.lines().length === 1)
    await first.close()
    lane.add('two')
    await second.until(() => second.lines().length === 2)
    expect(second.lines()).toEqual(['one', 'two'])
    await lane.until(() => lane.settled.length === 2)
    // Which of them it was that broke.
    expect(log.lines.join()).toContain(`connection: 127.0.0.1:${first.port}: the other side `)
    lane.check()
  })

  test('relp: what the first did not answer is answered by the second', async () => {
    const first = await opened(new RelpServer().listen())
    first.answer = () => 'none'
    const second = await opened(new RelpServer().listen())
    const relp = (port: number) => ({ scheme: 'relp', host: '127.0.0.1', port }) as const
    const timeout = { connect: 500, request: 300 }
    const { lane, log } = start({
      to: relp(first.port),
      failover: [relp(second.port)],
      framing: 'none',
      timeout,
    })
    lane.add('one')
    await lane.until(() => lane.settled.length === 1)
    expect(second.accepted).toEqual(['one'])
    expect(log.lines.join()).toContain(`answer: 127.0.0.1:${first.port}: no event was answered`)
    lane.check()
  })

  test('http: an error goes on to the next at once, an event that is refused does not', async () => {
    const bad = await opened(httpSink(() => ({ status: 503 })))
    const good = await opened(httpSink(({ body }) => ({ status: body.includes('poison') ? 400 : 200 })))
    const url = (port: number) => ({ scheme: 'http', url: `http://127.0.0.1:${port}/` }) as const
    const { lane, log, state } = start({
      to: url(bad.port),
      failover: [url(good.port)],
      type: 'http',
      format: 'json',
    })
    lane.add('one')
    await lane.until(() => lane.settled.length === 1)
    lane.add('poison')
    await lane.until(() => lane.settled.length === 2)
    expect([bad.requests.length, good.requests.length]).toEqual([1, 2])
    expect(lane.dropped).toEqual({ rejected: 1 })
    expect(log.lines.filter((line) => line.includes('failover target 1 now: answered 503'))).toHaveLength(1)
    expect(state()).toBe('active')
  })

  test('http: after five minutes the first is asked again; when none takes it the failure is the first one’s', async () => {
    const clock = new ManualClock()
    const asked: number[] = []
    const well = [false, true]
    const sender = (n: number): RequestSender =>
      ({
        post: () => {
          asked.push(n)
          const outcome: Outcome = well[n]
            ? { kind: 'delivered' }
            : { kind: 'retry', why: `no ${n}`, wait: { kind: 'backoff' } }
          return Promise.resolve(outcome)
        },
        close: () => Promise.resolve(),
      }) as unknown as RequestSender
    const both = failoverSender([sender(0), sender(1)], clock, () => undefined)
    const post = (): Promise<Outcome> => both.post(Buffer.alloc(0), 1)
    await post()
    await post()
    expect(asked).toEqual([0, 1, 1])
    well[0] = true
    clock.advance(RETURN_MS)
    await post()
    await post()
    expect(asked.slice(3)).toEqual([0, 0])
    well.fill(false)
    expect(await post()).toMatchObject({ kind: 'retry', why: 'no 0' })
  })
})

test('a connection whose other end vanished is noticed within seconds, and nothing that it did not confirm is lost', async () => {
  const why = whyNoHalfOpen()
  if (why !== '') {
    process.stdout.write(`skipped: ${why}\n`)
    return
  }
  const peer = await opened(new HalfOpen().open())
  const { lane, log } = start({ to: tcp(peer.port) })
  lane.add('one')
  await lane.until(() => lane.settled.length === 1)
  await peer.vanish()
  lane.add('two')
  await peer.until(() => peer.lines.length === 2)
  expect(peer.lines).toEqual(['one', 'two'])
  expect(peer.connects).toBe(2)
  expect(log.lines.filter((line) => line.includes('nobody confirms 4 bytes'))).toHaveLength(1)
  await lane.until(() => lane.settled.length === 2)
  lane.check()
}, 60_000)

test('a receiver that answers and takes nothing is not taken for gone', async () => {
  const sinks: StreamSink[] = []
  onTestFinished(() => Promise.all(sinks.map((sink) => sink.close())).then(() => undefined))
  const { blackHole } = await import('../support/sinks.ts')
  const hole = await blackHole()
  sinks.push(hole)
  const { lane, log } = start({ to: tcp(hole.port), replay: 1 << 30 })
  for (let n = 0; n < 400; n++) lane.add('x'.repeat(65_000))
  // Longer than five retransmissions take.
  await new Promise((done) => setTimeout(done, 8000))
  expect(hole.connects).toBe(1)
  expect(log.lines.filter((line) => line.includes('nobody confirms'))).toEqual([])
}, 30_000)
