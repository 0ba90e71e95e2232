/**
 * R55: can a forwarder forget to try again? Whatever it sends over and however its destination fails: while there is data
 * and no connection exactly one wake-up is pending, and when the destination is back everything arrives without a nudge.
 * Time is moved by hand; sockets, certificates and files are real.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { makeAuthority, putFile, type TestPair } from '../support/authority.ts'
import { event, type Kind, KINDS, TOKEN } from '../support/http-lanes.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RelpServer } from '../support/relp-server.ts'
import { goodSink, refuse, StreamSink, udpSink } from '../support/sinks.ts'
import { StrictServer } from '../support/strict-http.ts'

const RETRY = { first: 1000, max: 60_000 }
/** Longer than any wait of a failure that is tried again, and of one that a person must mend. */
const LONG = 700_000
const IDLE = 60_000
const ROUNDS = 3

const ends: (() => Promise<unknown>)[] = []
const folder = mkdtempSync(join(tmpdir(), 'logweir-wakeups-'))
let pair: TestPair
let ca = ''

beforeAll(async () => {
  const authority = await makeAuthority()
  pair = await authority.issue(['siem.example.com'])
  ca = putFile(folder, 'ca.pem', authority.ca)
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Server {
  close(): Promise<void>
}

/** A way to send over, and a receiver of it at a port of its own. */
interface Way {
  readonly settings: (port: number) => Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>
  readonly receiver: (port: number) => Promise<Server>
}

const tls = () => ({ ca, certificate: null, key: null, fingerprint: null, server_name: null })
const own = () => ({ cert: pair.cert, key: pair.key })
const stream = (scheme: 'tcp' | 'tls' | 'relp' | 'relp-tls'): Way => ({
  settings: (port) => ({
    to: { scheme, host: 'siem.example.com', port },
    framing: scheme.startsWith('relp') ? 'none' : 'newline',
    tls: tls(),
  }),
  receiver: async (port) => {
    const secured = scheme.endsWith('tls') ? own() : undefined
    if (scheme.startsWith('relp')) return new RelpServer(secured).listen(port)
    const take = (socket: Parameters<ConstructorParameters<typeof StreamSink>[0]>[0]) => socket.resume()
    return new StreamSink(take, secured).listen(port)
  },
})
const overHttp = (name: string, scheme: 'http' | 'https'): Way => {
  const kind = KINDS[name]
  if (kind === undefined) throw new Error(`no kind ${name}`)
  const base = testSettings({ to: { scheme: 'http', url: 'http://x/' } }).http
  return {
    settings: (port) => ({
      ...kind.settings,
      to: { scheme, url: `${scheme}://siem.example.com:${port}${kind.path}` },
      tls: tls(),
      http: { ...base, token: TOKEN, batch_events: 500, ...kind.http },
    }),
    receiver: async (port) =>
      new StrictServer(kind.product(), undefined, scheme === 'https' ? own() : undefined).listen(port),
  }
}

const STREAMS: Readonly<Record<string, Way>> = {
  tcp: stream('tcp'),
  tls: stream('tls'),
  relp: stream('relp'),
  'relp-tls': stream('relp-tls'),
}
const HTTP: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(Object.keys(KINDS).map((name) => [name, overHttp(name, 'http')])),
  'http, array, over TLS': overHttp('http, array', 'https'),
}

interface Made {
  readonly lane: FakeLane
  readonly destination: Destination
  readonly clock: ManualClock
  /** Waits that were drawn: one behind each failure. */
  readonly draws: () => number
}

function make(settings: ReturnType<Way['settings']>, resolver = found): Made {
  const clock = new ManualClock()
  const whole = testSettings({ retry: RETRY, ...settings })
  const lane = new FakeLane(payloadForm(whole))
  let draws = 0
  const random = (): number => {
    draws += 1
    return 0.5
  }
  const deps = testDeps({ clock, random, resolver, idle: IDLE })
  const destination = createDestination({ key: lane.key, settings: whole }, lane, deps)
  ends.push(() => destination.stop(0))
  lane.attach(destination)
  return { lane, destination, clock, draws: () => draws }
}

const found = { resolve: (): Promise<string[]> => Promise.resolve(['127.0.0.1']) }

/** Each attempt fails, and behind each there is one wake-up: no nudge adds one, and none gets lost. */
async function failsAgainAndAgain({ lane, destination, clock, draws }: Made): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    await expect.poll(draws, { interval: 2, timeout: 20_000 }).toBe(round)
    expect([lane.in_flight, clock.waiting]).toEqual([0, 1])
    expect(['retrying', 'paused']).toContain(destination.state)
    expect(destination.last_error).not.toBe(null)
    for (let n = 0; n < 3; n++) destination.wake()
    lane.add(event(round))
    expect([lane.in_flight, clock.waiting]).toEqual([0, 1])
    const before = lane.leases
    clock.advance(LONG)
    await lane.until(() => lane.leases > before)
  }
}

/** Time passes in small steps, so that what is tried again is, and what must be waited for is. */
async function deliversAll({ lane, destination, clock }: Made, batches: number): Promise<void> {
  for (let n = 0; n < 2000 && lane.settled.length < batches; n++) {
    clock.advance(500)
    await new Promise((done) => setImmediate(done))
    if (n % 20 === 19) await new Promise((done) => setTimeout(done, 5))
  }
  expect(lane.settled.length).toBe(batches)
  expect([destination.state, destination.last_error]).toEqual(['active', null])
  lane.check()
}

/** Nothing is left of it when there is nothing to do. */
async function comesToRest({ clock, destination }: Made): Promise<void> {
  const resting = (): number => {
    clock.advance(IDLE)
    return clock.waiting
  }
  await expect.poll(resting, { interval: 2, timeout: 20_000 }).toBe(0)
  await destination.stop(0)
  expect(clock.waiting).toBe(0)
}

describe.each(Object.entries({ ...STREAMS, ...HTTP }))('R55: one wake-up, over %s', (_, way) => {
  test('that nobody listens to, until somebody does', async () => {
    const port = await refuse()
    const made = make(way.settings(port))
    made.lane.add(event(0))
    await failsAgainAndAgain(made)
    const receiver = await way.receiver(port)
    ends.push(() => receiver.close())
    await deliversAll(made, ROUNDS + 1)
    await comesToRest(made)
  })

  test('that is gone behind its connect', async () => {
    const sink = await new StreamSink((socket) => {
      socket.destroy()
    }).listen()
    const made = make(way.settings(sink.port))
    made.lane.add(event(0))
    await failsAgainAndAgain(made)
    await sink.close()
    const receiver = await way.receiver(sink.port)
    ends.push(() => receiver.close())
    await deliversAll(made, ROUNDS + 1)
    await comesToRest(made)
  })

  test('whose name has no address, until it has one', async () => {
    const receiver = await way.receiver(0)
    ends.push(() => receiver.close())
    const { port } = receiver as unknown as { port: number }
    let gone = true
    const made = make(way.settings(port), {
      resolve: () =>
        gone
          ? Promise.reject(new Error('the name siem.example.com has no address'))
          : Promise.resolve(['127.0.0.1']),
    })
    made.lane.add(event(0))
    await failsAgainAndAgain(made)
    gone = false
    await deliversAll(made, ROUNDS + 1)
    await comesToRest(made)
  })
})

describe.each(Object.entries(HTTP))('R55: one wake-up, over %s', (name, way) => {
  test.each([401, 404, 429, 503])('that answers %i, until it takes', async (status) => {
    const kind = (KINDS[name] ?? KINDS['http, array']) as Kind
    let down = true
    const secured = name.endsWith('TLS') ? own() : undefined
    const server = await new StrictServer(
      kind.product(),
      () => (down ? { kind: 'says', said: { status } } : { kind: 'none' }),
      secured,
    ).listen()
    ends.push(() => server.close())
    const made = make(way.settings(server.port))
    made.lane.add(event(0))
    await failsAgainAndAgain(made)
    down = false
    await deliversAll(made, ROUNDS + 1)
    await comesToRest(made)
  })
})

test('R55: one wake-up, over udp whose name has no address', async () => {
  const sink = await udpSink()
  ends.push(() => sink.close())
  let gone = true
  const made = make(
    { to: { scheme: 'udp', host: 'siem.example.com', port: sink.port }, framing: 'none' },
    {
      resolve: () =>
        gone
          ? Promise.reject(new Error('the name siem.example.com has no address'))
          : Promise.resolve(['127.0.0.1']),
    },
  )
  made.lane.add(event(0))
  await failsAgainAndAgain(made)
  gone = false
  await deliversAll(made, ROUNDS + 1)
  await sink.until(() => sink.chunks.length === ROUNDS + 1)
  await comesToRest(made)
})

test('R55: one wake-up, over a file whose folder cannot be made', async () => {
  const place = join(folder, 'logs')
  writeFileSync(place, 'in the way')
  const path = join(place, 'out.log')
  const made = make({ to: { scheme: 'file', path }, type: 'file' })
  made.lane.add(event(0))
  await failsAgainAndAgain(made)
  rmSync(place)
  mkdirSync(place)
  await deliversAll(made, ROUNDS + 1)
  expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(ROUNDS + 1)
  await comesToRest(made)
})

test('R55: a receiver that comes back finds no second connection', async () => {
  const sink = await goodSink()
  ends.push(() => sink.close())
  const made = make(STREAMS['tcp']?.settings(sink.port) as ReturnType<Way['settings']>)
  for (let n = 0; n < 10; n++) made.lane.add(event(n))
  for (let n = 0; n < 100; n++) made.destination.wake()
  await sink.until(() => sink.lines().length === 10)
  expect(sink.connects).toBe(1)
})
