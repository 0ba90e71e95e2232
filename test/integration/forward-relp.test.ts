/** Do relp destinations call delivered what was answered for, and only that? */
import { afterEach, describe, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { makeAuthority } from '../support/authority.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { RelpServer } from '../support/relp-server.ts'
import { tempFolder } from '../support/temp-folder.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Made {
  readonly lane: FakeLane
  readonly destination: Destination
}

function make(port: number, over: Partial<ForwarderSettings> = {}, deps: Partial<ForwardDeps> = {}): Made {
  const settings = testSettings({ to: { scheme: 'relp', host: '127.0.0.1', port }, framing: 'none', ...over })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps(deps)))
  ends.push(() => destination.stop(0))
  return { lane, destination }
}

async function serving(port = 0): Promise<RelpServer> {
  const server = await new RelpServer().listen(port)
  ends.push(() => server.close())
  return server
}

const lines = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `<14>line ${String(from + i).padStart(6, '0')} ${'x'.repeat(180)}`)

describe('a good receiver', () => {
  test('gets the bytes as they came, in order, and batches are settled by its answers', async () => {
    const server = await serving()
    const { lane, destination } = make(server.port)
    expect(server.sessions).toBe(0)
    lane.add('<14>one', '<14>two\nlines', '<14>drei \u00e4')
    for (let i = 0; i < 50; i++) lane.add(...lines(i * 100, 100))
    await lane.until(() => lane.settled.length === 51)
    expect(server.events.slice(0, 3)).toEqual(['<14>one', '<14>two\nlines', '<14>drei \u00e4'])
    expect(server.events.slice(3)).toEqual(lines(0, 5000))
    expect(server.sessions).toBe(1)
    expect(destination.state).toBe('active')
    lane.check()
  })

  test('answers in any order settle batches too', async () => {
    const server = await serving()
    server.later = (answers) => answers.toReversed()
    const { lane } = make(server.port)
    for (let i = 0; i < 20; i++) lane.add(...lines(i * 10, 10))
    await lane.until(() => lane.settled.length === 20)
    lane.check()
  })

  test('an idle session is closed in order, and opened again on need', async () => {
    const server = await serving()
    const { lane } = make(server.port, {}, { idle: 100 })
    lane.add('<14>one')
    await server.until(() => server.closes === 1)
    lane.add('<14>two')
    await lane.until(() => lane.settled.length === 2)
    expect(server.sessions).toBe(2)
    expect(server.events).toEqual(['<14>one', '<14>two'])
  })

  test('other formats are encoded; an event above 128 KiB is dropped by count', async () => {
    const server = await serving()
    const json = make(server.port, { format: 'json' })
    json.lane.add('<14>one')
    await json.lane.until(() => json.lane.settled.length === 1)
    expect(JSON.parse(server.events[0] ?? '')).toMatchObject({ schema: 'logweir.event/1' })
    const large = make(server.port)
    large.lane.add('x'.repeat(131_073), '<14>two')
    large.lane.add('y'.repeat(131_073))
    await large.lane.until(() => large.lane.settled.length === 2)
    expect(large.lane.dropped).toEqual({ too_large: 2 })
    expect(server.events.slice(1)).toEqual(['<14>two'])
  })
})

describe('a receiver that fails', () => {
  test.each(['reset', 'end', 'serverclose'] as const)(
    '%s in the middle: what was not answered comes again, all of it, in order',
    async (how) => {
      const server = await serving()
      server.answer = (_, before) => (before < 250 ? '200' : 'none')
      const { lane } = make(server.port)
      for (let i = 0; i < 10; i++) lane.add(...lines(i * 100, 100))
      await server.until(() => server.events.length === 1000)
      await lane.until(() => lane.settled.length === 2)
      server.answer = () => '200'
      server.drop(how)
      await lane.until(() => lane.settled.length === 10)
      expect(server.events.slice(1000)).toEqual(lines(200, 800))
      expect(new Set(server.accepted).size).toBe(1000)
      lane.check()
    },
  )

  test('one that never answers: nothing is delivered, the window is bounded, and the state says why', async () => {
    const server = await serving()
    server.answer = () => 'none'
    const { lane, destination } = make(server.port, { timeout: { connect: 1000, request: 200 } })
    for (let i = 0; i < 100; i++) lane.add(...lines(i * 100, 100))
    await server.until(() => server.sessions === 2)
    expect(lane.settled).toEqual([])
    expect(lane.in_flight_bytes).toBeLessThanOrEqual(1_048_576 + 65_536)
    expect(destination.last_error).toMatch(/no event was answered within 200 ms/)
    server.answer = () => '200'
    await lane.until(() => lane.settled.length === 100)
    expect(destination.last_error).toBeNull()
    lane.check()
  })

  test.each([
    ['says nothing', null, /no answer to `open`/],
    ['refuses the session', '500 no', /refused the session: 500 no/],
    ['does not take syslog', '200 OK\nrelp_version=0\ncommands=eventlog', /does not take the command syslog/],
  ])('one that %s to `open`: retrying, and nothing is sent', async (_, opening, message) => {
    const server = await serving()
    server.opening = opening
    const { lane, destination } = make(server.port, { timeout: { connect: 200, request: 1000 } })
    lane.add('<14>one')
    await server.until(() => server.sessions === 2)
    expect(destination.state).toBe('retrying')
    expect(destination.last_error).toMatch(message)
    expect(server.events).toEqual([])
    server.opening = undefined
    await lane.until(() => lane.settled.length === 1)
  })

  test('one that refuses everything is in trouble: everything is kept and sent again', async () => {
    const server = await serving()
    server.answer = () => '500'
    const { lane, destination } = make(server.port)
    lane.add(...lines(0, 10))
    lane.add(...lines(10, 10))
    await server.until(() => server.sessions === 3)
    expect(lane.settled).toEqual([])
    expect(lane.dropped).toEqual({})
    expect(destination.last_error).toMatch(/refuses the events/)
    server.answer = () => '200'
    await lane.until(() => lane.settled.length === 2)
    expect(new Set(server.accepted).size).toBe(20)
    lane.check()
  })

  test('one that refuses an event and takes later ones: that event is rejected by count, once', async () => {
    const server = await serving()
    server.answer = (event) => (event.includes('000005') ? '500' : '200')
    const { lane } = make(server.port)
    lane.add(...lines(0, 10))
    lane.add(...lines(10, 10))
    await lane.until(() => lane.settled.length === 2)
    expect(lane.dropped).toEqual({ rejected: 1 })
    expect(server.sessions).toBe(1)
    lane.check()
  })

  test('one that is away and comes back', async () => {
    const gone = await serving()
    const { port } = gone
    await gone.close()
    const { lane, destination } = make(port)
    lane.add('<14>one')
    await lane.until(() => destination.last_error !== null)
    const back = await serving(port)
    await lane.until(() => lane.settled.length === 1)
    expect(back.events).toEqual(['<14>one'])
  })

  test('one that speaks something else', async () => {
    const server = await serving()
    server.opening = '200 OK\nrelp_version=0'
    server.later = () => ['HTTP/1.1 400 Bad Request\r\n\r\n']
    const { lane, destination } = make(server.port)
    lane.add('<14>one')
    await server.until(() => server.sessions === 2)
    expect(destination.last_error).toMatch(/no RELP/)
    lane.check()
  })
})

describe('stopping', () => {
  test('waits for the last answers, says close, and gives nothing back', async () => {
    const server = await serving()
    let answer: 'none' | '200' = 'none'
    server.answer = () => answer
    const { lane, destination } = make(server.port)
    lane.add(...lines(0, 10))
    await server.until(() => server.events.length === 10)
    server.drop('end')
    answer = '200'
    await server.until(() => server.events.length === 20)
    await destination.stop(2000)
    expect(lane.settled).toHaveLength(1)
    expect(lane.waiting).toBe(0)
    await server.until(() => server.closes === 1)
    expect(destination.state).toBe('stopped')
  })

  test('gives back what was not answered', async () => {
    const server = await serving()
    server.answer = () => 'none'
    const { lane, destination } = make(server.port)
    lane.add(...lines(0, 10))
    await server.until(() => server.events.length === 10)
    await destination.stop(50)
    expect(lane.settled).toEqual([])
    expect(lane.waiting).toBe(1)
    lane.check()
  })
})

describe('over TLS', () => {
  test('with its authority; a stranger gets nothing', async () => {
    const authority = await makeAuthority()
    const stranger = await makeAuthority('CN=Stranger')
    const { cert, key } = await authority.issue(['localhost', '127.0.0.1'])
    const server = await new RelpServer({ cert, key }).listen()
    ends.push(() => server.close())
    const folder = tempFolder({ 'ca.crt': authority.ca, 'stranger.crt': stranger.ca })
    const to = { scheme: 'relp-tls', host: '127.0.0.1', port: server.port } as const
    const tls = { certificate: null, key: null, fingerprint: null, server_name: null }
    const bad = make(0, { to, tls: { ...tls, ca: `${folder}/stranger.crt` } })
    bad.lane.add('<14>secret')
    await bad.lane.until(() => bad.lane.returned.length > 0)
    const good = make(0, { to, tls: { ...tls, ca: `${folder}/ca.crt` } })
    good.lane.add('<14>one')
    await good.lane.until(() => good.lane.settled.length === 1)
    expect(server.events).toEqual(['<14>one'])
    expect(bad.lane.settled).toEqual([])
  })
})
