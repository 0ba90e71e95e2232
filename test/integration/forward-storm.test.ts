/**
 * What a receiver of many, or one that comes and goes, has to bear: R55, that a thousand forwarders do not knock together
 * when their common receiver is back; R56, that one which flaps gets a bounded part twice each time. Sockets are real; where
 * a rate is asked, time is moved by hand.
 */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { addEvents, event, KINDS, type Kind, run } from '../support/http-lanes.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RelpServer } from '../support/relp-server.ts'
import { say } from '../support/say.ts'
import { StreamSink } from '../support/sinks.ts'
import { NONE, seqOf, StrictServer } from '../support/strict-http.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

/** Chance that is the same in each run. */
function seeded(): () => number {
  let state = 20_260_102
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** A receiver that goes away and comes back at its port; counts connections and nothing else. */
class Common {
  connects = 0
  port = 0
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  async up(): Promise<void> {
    const server = createServer((socket) => {
      this.connects += 1
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.resume()
    })
    this.#server = server
    server.listen({ port: this.port, host: '127.0.0.1', backlog: 1024 })
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
  }

  async down(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, 'close')
    this.#server?.close()
    this.#server = undefined
    for (const socket of this.#sockets) socket.resetAndDestroy()
    this.#sockets.clear()
    await closed
  }
}

test('R55: a thousand forwarders whose common receiver returns: never more than a tenth of them in one second', async () => {
  const count = 1000
  const common = new Common()
  await common.up()
  ends.push(() => common.down())
  const clock = new ManualClock()
  const chance = seeded()
  let attempts = 0
  let failures = 0
  const resolver = {
    resolve: (): Promise<string[]> => {
      attempts += 1
      return Promise.resolve(['127.0.0.1'])
    },
  }
  const random = (): number => {
    failures += 1
    return chance()
  }
  const settings = testSettings({
    to: { scheme: 'tcp', host: 'siem.example.com', port: common.port },
    // The defaults.
    retry: { first: 200, max: 30_000 },
  })
  const deps = testDeps({ clock, random, resolver })
  const lanes = Array.from({ length: count }, () => new FakeLane(payloadForm(settings)))
  const destinations = lanes.map((lane) =>
    lane.attach(createDestination({ key: lane.key, settings }, lane, deps)),
  )
  ends.push(() => Promise.all(destinations.map((one) => one.stop(0))))
  /** Every attempt has ended in one way or the other. */
  const quiet = async (): Promise<void> => {
    while (attempts !== failures + common.connects) await turn()
  }
  /** Moves time on by so many seconds; the attempts in each of them. */
  const seconds = async (many: number): Promise<number[]> => {
    const counts: number[] = []
    for (let n = 0; n < many; n++) {
      const before = attempts
      for (let tenth = 0; tenth < 10; tenth++) {
        clock.advance(100)
        await quiet()
      }
      counts.push(attempts - before)
    }
    return counts
  }

  for (const lane of lanes) {
    lane.add('<14>first')
    if (attempts % 100 === 0) await quiet()
  }
  await quiet()
  expect(common.connects).toBe(count)
  // All of them break in one moment.
  await common.down()
  // Each knows of it when it has drawn its first wait.
  while (failures < count) await turn()
  failures = 0
  await seconds(60)
  const dead = await seconds(60)
  for (const lane of lanes) lane.add('<14>second')
  const before = common.connects
  await common.up()
  const back = await seconds(31)
  say(
    `R55: ${Math.max(...dead)} attempts in the worst second of the outage, ${Math.max(...back)} when it is back`,
  )
  expect(Math.max(...dead)).toBeLessThanOrEqual(count / 10)
  expect(Math.max(...back)).toBeLessThanOrEqual(count / 10)
  // Nobody was forgotten, and nobody came twice.
  expect(common.connects - before).toBe(count)
  for (const lane of lanes) lane.check()
})

const FLAPS = 20
const BATCH = 100

interface Flapping {
  readonly up: () => Promise<unknown>
  readonly down: () => Promise<unknown>
  /** Resolves when something new has come. */
  readonly got: () => Promise<void>
}

/** Up until something came, down until that was noticed, and again. */
async function flaps(way: Flapping, noticed: () => boolean): Promise<void> {
  for (let n = 0; n < FLAPS; n++) {
    await way.got()
    await way.down()
    await expect.poll(noticed, { interval: 2, timeout: 20_000 }).toBe(true)
    await way.up()
  }
}

function make(over: Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>) {
  const settings = testSettings({ ...over, retry: { first: 5, max: 5 } })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
  ends.push(() => destination.stop(0))
  return { lane, destination, settings }
}

/** How many of these are there more than once, counted as often. */
function doubled(seen: readonly number[]): number {
  return seen.length - new Set(seen).size
}

describe('R56: a receiver that flaps gets at most a window or a request twice each time', () => {
  test('tcp', async () => {
    const seen: number[] = []
    const sink = new StreamSink((socket, its) => {
      let rest = ''
      socket.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n')
        rest = lines.pop() ?? ''
        seen.push(...lines.map(seqOf))
        its.add(Buffer.alloc(0))
      })
    })
    await sink.listen()
    ends.push(() => sink.close())
    const replay = 65_536
    const { lane, destination } = make({ to: { scheme: 'tcp', host: '127.0.0.1', port: sink.port }, replay })
    const feed = (): void => void addEvents(lane, 10 * BATCH, BATCH, fed++ * 10 * BATCH)
    let fed = 0
    feed()
    const way = {
      up: async () => {
        await sink.listen(sink.port)
        feed()
      },
      down: () => sink.close(),
      got: () => {
        const before = seen.length
        return sink.until(() => seen.length > before)
      },
    }
    await flaps(way, () => destination.state === 'retrying')
    // What is lost of what is older than the window is R54's.
    await sink.until(() => seen.at(-1) === fed * 10 * BATCH - 1)
    const window = replay / event(1).length + 2 * BATCH
    say(`R56: tcp: ${doubled(seen)} of ${seen.length} came twice in ${FLAPS} flaps`)
    expect(doubled(seen)).toBeLessThanOrEqual(FLAPS * window)
    lane.check()
  })

  test('relp', async () => {
    const server = await new RelpServer().listen()
    const { port } = server
    ends.push(() => server.close())
    const { lane, destination } = make({ to: { scheme: 'relp', host: '127.0.0.1', port }, framing: 'none' })
    const feed = (): void => void addEvents(lane, 10 * BATCH, BATCH, fed++ * 10 * BATCH)
    let fed = 0
    feed()
    const way = {
      up: async () => {
        await server.listen(port)
        feed()
      },
      down: () => server.close(),
      got: () => {
        const before = server.events.length
        return server.until(() => server.events.length > before)
      },
    }
    await flaps(way, () => destination.state === 'retrying')
    await lane.until(() => lane.waiting + lane.in_flight === 0)
    const seen = server.events.map(seqOf)
    expect(new Set(seen).size).toBe(fed * 10 * BATCH)
    // A window of 1 MiB is more than the ten batches that each flap has.
    say(`R56: relp: ${doubled(seen)} of ${seen.length} came twice in ${FLAPS} flaps`)
    expect(doubled(seen)).toBeLessThanOrEqual(FLAPS * 11 * BATCH)
    lane.check()
  })

  test.each(Object.entries(KINDS))('%s', async (name, kind: Kind) => {
    // What it gets it stores, and goes away before it has answered.
    const server = await new StrictServer(kind.product(), () => ({ kind: 'silent' })).listen()
    const { port } = server
    ends.push(() => server.close())
    const settings = { retry: { first: 5, max: 5 }, timeout: { connect: 1000, request: 1000 } }
    const made = run(kind, port, { settings, http: { batch_events: BATCH } })
    let fed = 0
    const feed = (): void => void addEvents(made.lane, 3 * BATCH, BATCH, fed++ * 3 * BATCH)
    feed()
    const way = {
      up: async () => {
        await server.listen(port)
        feed()
      },
      down: () => server.close(),
      got: () => {
        const before = server.asked.length
        return server.until(() => server.asked.length > before)
      },
    }
    await flaps(way, () => made.destination.state === 'retrying')
    server.fault = () => NONE
    // The last of them was never answered either.
    await server.close()
    await server.listen(port)
    await made.lane.until(() => made.lane.waiting + made.lane.in_flight === 0)
    expect(server.missing(fed * 3 * BATCH)).toEqual([])
    say(`R56: ${name}: ${server.doubled} came twice in ${FLAPS} flaps`)
    expect(server.doubled).toBeLessThanOrEqual((FLAPS + 1) * BATCH)
    expect(server.doubled > 0).toBe(!kind.once)
    await made.stop()
  })
})
