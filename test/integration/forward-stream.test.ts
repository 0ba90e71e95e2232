/** Do tcp destinations deliver everything once or more, in order, whatever the peer does? */
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { blackHole, flap, goodSink, refuse, resetAfter, slowReader, StreamSink } from '../support/sinks.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Made {
  readonly lane: FakeLane
  readonly destination: Destination
}

function make(port: number, over: Partial<ForwarderSettings> = {}, deps: Partial<ForwardDeps> = {}): Made {
  const settings = testSettings({ to: { scheme: 'tcp', host: '127.0.0.1', port }, ...over })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps(deps)))
  ends.push(() => destination.stop(0))
  return { lane, destination }
}

async function sinkOf(made: Promise<StreamSink>): Promise<StreamSink> {
  const sink = await made
  ends.push(() => sink.close())
  return sink
}

const lines = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `<14>line ${String(from + i).padStart(6, '0')} ${'x'.repeat(180)}`)

describe('a good peer', () => {
  test('gets the bytes as they came, and the batches are settled after a quiet second', async () => {
    const sink = await sinkOf(goodSink())
    const { lane, destination } = make(sink.port)
    expect(sink.connects).toBe(0)
    lane.add('<14>one', '<14>two')
    lane.add('<14>three')
    await sink.until(() => sink.lines().length === 3)
    expect(sink.lines()).toEqual(['<14>one', '<14>two', '<14>three'])
    expect(lane.in_flight).toBe(2)
    await lane.until(() => lane.settled.length === 2)
    expect(destination.state).toBe('active')
    expect(lane.bytes).toBe(sink.bytes)
    // The same for what comes when the connection was already resting.
    lane.add('<14>four')
    await lane.until(() => lane.settled.length === 3)
    expect(sink.connects).toBe(1)
    lane.check()
  })

  test('with replay 0 settles what the system has taken, without any timer', async () => {
    const sink = await sinkOf(goodSink())
    const clock = { ...systemClock, after: () => ({ cancel: () => undefined }) }
    const { lane } = make(sink.port, { replay: 0 }, { clock })
    for (let i = 0; i < 50; i++) lane.add(...lines(i * 100, 100))
    await lane.until(() => lane.settled.length === 50)
    lane.check()
  })

  test('octet counting frames by bytes', async () => {
    const sink = await sinkOf(goodSink())
    const { lane } = make(sink.port, { framing: 'octet-counting' })
    lane.add('<14>ä', '<14>with\nnewline')
    await sink.until(() => sink.bytes >= 25)
    expect(sink.text()).toBe('6 <14>ä16 <14>with\nnewline')
  })

  test('the window is capped: the oldest settle at the cap', async () => {
    const sink = await sinkOf(goodSink())
    const { lane } = make(sink.port, { replay: 65_536 })
    for (let i = 0; i < 100; i++) lane.add(...lines(i * 100, 100))
    await sink.until(() => sink.lines().length === 10_000)
    expect(lane.in_flight_bytes).toBeLessThanOrEqual(65_536 + 1_048_576)
    await lane.until(() => lane.settled.length === 100)
    lane.check()
  })

  test('a batch in another form than the wire is framed anew', async () => {
    const sink = await sinkOf(goodSink())
    const settings = testSettings({ to: { scheme: 'tcp', host: '127.0.0.1', port: sink.port } })
    const lane = new FakeLane(0)
    const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
    ends.push(() => destination.stop(0))
    lane.add('<14>a\nb', '<14>c\0d')
    await sink.until(() => sink.lines().length === 2)
    expect(sink.lines()).toEqual(['<14>a#012b', '<14>c#000d'])
  })

  test('an idle connection is closed and opened again on need', async () => {
    const sink = await sinkOf(goodSink())
    const { lane } = make(sink.port, { replay: 0 }, { idle: 100 })
    lane.add('<14>one')
    await sink.until(() => sink.closes === 1)
    expect(lane.settled.length).toBe(1)
    lane.add('<14>two')
    await sink.until(() => sink.lines().length === 2)
    expect(sink.connects).toBe(2)
    expect(lane.returned.length).toBeGreaterThan(0)
  })
})

describe('a bad peer', () => {
  test('that refuses: retries until it is there, and says why', async () => {
    const port = await refuse()
    const { lane, destination } = make(port)
    lane.add('<14>one')
    await expect.poll(() => destination.state).toBe('retrying')
    expect(destination.last_error).toMatch(
      /^connect: 127\.0\.0\.1:\d+: nothing listens there \(ECONNREFUSED\)$/,
    )
    expect(lane.in_flight).toBe(0)
    const sink = await sinkOf(
      new StreamSink((socket, all) => socket.on('data', (chunk) => all.add(chunk))).listen(port),
    )
    await sink.until(() => sink.lines().length === 1)
    await lane.until(() => lane.settled.length === 1)
    expect(destination.state).toBe('active')
    expect(destination.last_error).toBeNull()
  })

  test('that resets: everything unsettled is written again from a frame start, in order', async () => {
    const sink = await sinkOf(resetAfter(30_000, 3))
    const { lane } = make(sink.port)
    const all: string[] = []
    for (let i = 0; i < 20; i++) {
      const some = lines(i * 50, 50)
      all.push(...some)
      lane.add(...some)
    }
    await lane.until(() => lane.settled.length === 20)
    expect(sink.connects).toBe(4)
    expect(lane.returned.length).toBeGreaterThan(0)
    // What the last connection read is everything that was not settled before it, whole and in order.
    const last = sink.text().slice(90_000).split('\n').slice(0, -1)
    expect(last).toEqual(all)
    lane.check()
  })

  test('that closes politely after each first read loses nothing', async () => {
    const sink = await sinkOf(flap(3))
    const { lane } = make(sink.port)
    const all = lines(0, 400)
    for (let i = 0; i < 4; i++) lane.add(...all.slice(i * 100, i * 100 + 100))
    await lane.until(() => lane.settled.length === 4)
    expect(new Set(sink.lines().filter((line) => all.includes(line)))).toEqual(new Set(all))
    lane.check()
  })

  test('that never reads: what is outstanding stays bounded', async () => {
    const sink = await sinkOf(blackHole())
    const { lane, destination } = make(sink.port, { format: 'rfc3164', framing: 'newline' })
    for (let i = 0; i < 300; i++) lane.add(...lines(i * 300, 300))
    await sink.until(() => sink.connects === 1)
    await expect.poll(() => destination.held_bytes, { interval: 20, timeout: 10_000 }).toBeGreaterThan(0)
    let before = -1
    await expect
      .poll(
        () => {
          const still = before === lane.leases
          before = lane.leases
          return still
        },
        { interval: 100 },
      )
      .toBe(true)
    expect(destination.held_bytes).toBeLessThanOrEqual(1_048_576)
    expect(lane.waiting).toBeGreaterThan(0)
    await destination.stop(50)
    expect(lane.in_flight).toBe(0)
    lane.check()
  })

  test('that reads slowly gets everything once', async () => {
    const sink = await sinkOf(slowReader(262_144))
    const { lane } = make(sink.port)
    for (let i = 0; i < 40; i++) lane.add(...lines(i * 200, 200))
    await sink.until(() => sink.lines().length === 8000)
    await lane.until(() => lane.settled.length === 40)
    expect(lane.returned.length).toBe(1)
    lane.check()
  })
})

describe('stop', () => {
  test('settles what the peer read to the end, without waiting for the quiet second', async () => {
    const sink = await sinkOf(goodSink())
    const { lane, destination } = make(sink.port)
    lane.add(...lines(0, 100))
    await sink.until(() => sink.lines().length === 100)
    await destination.stop(5000)
    expect(lane.settled.length).toBe(1)
    expect(lane.returned.length).toBe(1)
    expect(destination.state).toBe('stopped')
    lane.add('<14>late')
    expect(lane.waiting).toBe(1)
    await destination.stop(5000)
  })

  test('while connecting gives nothing up', async () => {
    const { lane, destination } = make(9, { to: { scheme: 'tcp', host: '192.0.2.1', port: 9 } })
    lane.add('<14>one')
    await destination.stop(1000)
    expect(lane.waiting).toBe(1)
    lane.check()
  })
})

test('exactly one wake-up is pending while there is data and no connection', async () => {
  const port = await refuse()
  let pending = 0
  const clock = {
    ...systemClock,
    after: (ms: number, act: () => void) => {
      pending += 1
      const done = (): void => {
        pending -= 1
      }
      let over = false
      const timer = systemClock.after(ms, () => {
        over = true
        done()
        act()
      })
      return {
        cancel: () => {
          if (!over) done()
          over = true
          timer.cancel()
        },
      }
    },
  }
  const { lane, destination } = make(port, { retry: { first: 10_000, max: 10_000 } }, { clock })
  lane.add('<14>one')
  await expect.poll(() => destination.state).toBe('retrying')
  for (let i = 0; i < 10; i++) destination.wake()
  expect(pending).toBe(1)
  await destination.stop(0)
  expect(pending).toBe(0)
})

describe('a peer that stalls', () => {
  /** Minutes pass in seconds. */
  const fast = {
    wall: systemClock.wall,
    monotonic: () => systemClock.monotonic() * 200,
    after: (ms: number, act: () => void) => systemClock.after(ms / 200, act),
  }

  test('is said to, and given up after five minutes without a byte taken', async () => {
    const sink = await sinkOf(blackHole())
    const timeout = { connect: 1_000_000, request: 5000 }
    const { lane, destination } = make(
      sink.port,
      { replay: 1_073_741_824, timeout },
      { clock: fast, idle: 10_000_000 },
    )
    for (let i = 0; i < 150; i++) lane.add(...lines(i * 400, 400))
    await expect.poll(() => destination.state, { timeout: 10_000 }).toBe('retrying')
    expect(destination.last_error).toMatch(/^write: the other side has taken nothing for \d+ s$/)
    await sink.until(() => sink.connects === 2)
    await destination.stop(0)
    lane.check()
  })
})

test('a peer that dies again and again: nothing inside the window is lost, and each connection begins with a whole frame (R54)', async () => {
  const read: string[] = []
  const sink = await sinkOf(
    new StreamSink((socket) => {
      const mine = read.push('') - 1
      let left = mine < 25 ? 20_000 + mine * 3777 : Number.POSITIVE_INFINITY
      socket.on('data', (chunk: Buffer) => {
        if (left <= 0) return
        read[mine] += chunk.toString('latin1', 0, Math.min(left, chunk.length))
        left -= chunk.length
        if (left <= 0) socket.resetAndDestroy()
      })
    }).listen(),
  )
  const { lane } = make(sink.port, { retry: { first: 5, max: 10 } })
  const all = lines(0, 20_000)
  for (let i = 0; i < 100; i++) lane.add(...all.slice(i * 200, i * 200 + 200))
  await lane.until(() => lane.settled.length === 100)
  const known = new Set(all)
  const seen = new Set<string>()
  for (const text of read) {
    const whole = text.split('\n').slice(0, -1)
    for (const line of whole) expect(known.has(line)).toBe(true)
    expect(whole).toEqual([...whole].sort())
    for (const line of whole) seen.add(line)
  }
  expect(read.length).toBe(26)
  expect(seen.size).toBe(all.length)
  lane.check()
})

test('a quiet connection that is reset is no failure: the next event connects again', async () => {
  let now = 0
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + now }
  const sink = await sinkOf(goodSink())
  const { lane, destination } = make(sink.port, {}, { clock })
  lane.add('<14>one')
  await lane.until(() => lane.settled.length === 1)
  now += 5000
  for (const socket of sink.sockets) socket.resetAndDestroy()
  await sink.until(() => sink.closes === 1)
  lane.add('<14>two')
  await sink.until(() => sink.text().includes('two'))
  expect([sink.connects, destination.state, destination.last_error]).toEqual([2, 'active', null])
})
