/**
 * Does one UDP sender's order hold while its datagrams move from the listener's socket to one of its own and back? The
 * event loop is made to stand still at the worst moments, while a thread goes on sending. Nothing may be lost or doubled.
 */
import dgram from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock, type Timer } from '../../src/base/clock.ts'
import { createListener } from '../../src/listen/create.ts'
import type { Listener, ListenLog } from '../../src/listen/types.ts'
import { BUSY_RUN } from '../../src/listen/udp.ts'
import { afterBacklog, READ_MAX } from '../../src/listen/udp-backlog.ts'
import { bench } from '../support/intake.ts'
import { needsReceiveBuffer, udpSettings } from '../support/listening.ts'
import { NumberedSender, type NumberedSenderOptions, standStill } from '../support/udp-sender.ts'

const BUFFER = 4 * 1024 * 1024
/** Datagrams on their way at most: the kernel counts less than a kilobyte for each, and has twice the buffer for them. */
const WINDOW = 3000
const OWN_SOCKET = 'a busy sender has a socket of its own'
const CALM = 'a busy sender is busy no more'

/** As many in a row of one sender as it takes, and some more. */
const BUSY = BUSY_RUN + WINDOW + 1000

beforeEach((context) => needsReceiveBuffer(context, BUFFER))

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Real timers, and a time that stands still unless a test moves it: who is busy does not depend on the machine. */
class StandingClock implements Clock {
  #now = 0
  /** Whoever looks at it finds that more than a second has passed. */
  hurries = false
  readonly wall = systemClock.wall
  /** The listener's clockwork that waits for its next second. */
  #second: (() => void) | undefined

  after(ms: number, act: () => void): Timer {
    if (ms < 1000) return systemClock.after(ms, act)
    this.#second = act
    return { cancel: () => undefined }
  }

  /** So many seconds of the listener's clockwork. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.#second?.()
      await setImmediate()
    }
  }

  monotonic(): number {
    if (this.hurries) this.#now += 1500
    return this.#now
  }
}

class Scene {
  readonly clock = new StandingClock()
  readonly #made = bench({}, this.clock)
  readonly intake = this.#made.intake
  readonly #log = new EventEmitter()
  readonly #said: string[] = []
  readonly listeners: Listener[] = []
  onFrame: (frames: number) => void = () => undefined

  constructor() {
    const { intake } = this
    const frame = intake.frame.bind(intake)
    intake.frame = (...args) => {
      frame(...args)
      this.onFrame(intake.frames)
    }
  }

  async listen(with_: Parameters<typeof udpSettings>[0] = {}): Promise<number> {
    const log: ListenLog = (_level, message) => {
      this.#said.push(message)
      this.#log.emit('said')
    }
    const settings = udpSettings({ receive_buffer: BUFFER, ...with_ })
    const listener = await createListener(settings, 0, { ...this.#made.deps, log })
    ends.push(() => listener.stop(0))
    this.listeners.push(listener)
    return listener.address.port
  }

  get drops(): number {
    return this.#made.tally.drops
  }

  said(message: string): number {
    return this.#said.filter((one) => one === message).length
  }

  async untilSaid(message: string, times: number): Promise<void> {
    while (this.said(message) < times) await once(this.#log, 'said')
  }

  /**
   * Lets `from` send until it has sent `total`, of `before` that others sent. At each of `stops` the loop stands still
   * until all that may be under way has arrived, and for so many ms besides.
   */
  async send(
    from: NumberedSender,
    total: number,
    stops: (frames: number) => number | undefined,
  ): Promise<void> {
    const { intake } = this
    const more = (frames: number): void => from.grant(Math.min(total, frames + WINDOW))
    this.onFrame = (frames) => {
      if (frames % 100 === 0) more(frames)
      const ms = stops(frames)
      if (ms === undefined) return
      more(frames)
      from.block()
      standStill(ms)
    }
    more(intake.frames)
    await intake.untilFrames(total)
    this.onFrame = () => undefined
  }

  /** Nothing missing, nothing twice, nothing refused, and each sender's in the order in which it was sent. */
  expectAll(sent: number): void {
    expect(outOfOrder(this.intake.texts)).toBeUndefined()
    expect(this.intake.frames).toBe(sent)
    expect(this.#made.tally.reasons).toEqual({})
  }
}

/** The first text that is not what its sender sent after the one before; undefined: there is none. */
function outOfOrder(texts: readonly string[]): string | undefined {
  const next = new Map<string, number>()
  for (const text of texts) {
    const [name = '', number = ''] = text.split(':')
    const expected = next.get(name) ?? 0
    if (number !== String(expected)) return `${text} in the place of ${name}:${expected}`
    next.set(name, expected + 1)
  }
  return undefined
}

async function sender(options: NumberedSenderOptions): Promise<NumberedSender> {
  const made = await NumberedSender.start(options)
  ends.push(() => made.close())
  return made
}

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '127.0.0.1'],
  ['::', '::1'],
  ['::1', '::1'],
])('on %s, sent to %s: one sender in order, whenever the loop stands still', async (host, to) => {
  const scene = new Scene()
  const from = await sender({ port: await scene.listen({ host }), host: to })
  // The socket of its own is asked for somewhere among the first; later stops meet it while it waits and while it is read.
  await scene.send(from, 20_000, (frames) => {
    if (frames === 300 || frames === 2100 || frames % 4000 === 0) return 70
    return frames < BUSY && frames % 64 === 0 ? 0 : undefined
  })
  scene.expectAll(20_000)
  expect(scene.said(OWN_SOCKET)).toBe(1)
})

test('a sender that is calm and then busy again keeps its order both times', async () => {
  const scene = new Scene()
  const from = await sender({ port: await scene.listen() })
  const often = (frames: number): number | undefined => (frames % 200 === 0 ? 0 : undefined)
  await scene.send(from, 8000, often)
  expect(scene.said(OWN_SOCKET)).toBe(1)
  scene.clock.hurries = true
  await scene.untilSaid(CALM, 1)
  scene.clock.hurries = false
  await scene.send(from, 16_000, often)
  scene.expectAll(16_000)
  expect(scene.said(OWN_SOCKET)).toBe(2)
})

test('two that become busy at a time, and fifty that are not, each keep their order', async () => {
  const scene = new Scene()
  const port = await scene.listen({ host: '::' })
  const calm = Array.from({ length: 50 }, (_, i) => `calm-${i}`)
  const busy = Array.from({ length: 8 }, () => ['busy-1', 'busy-2']).flat()
  const addresses = calm.map((name, i) => [name, `127.0.1.${i + 1}`])
  const from = await sender({
    port,
    turns: calm.flatMap((name) => [...busy, name]),
    from: { ...Object.fromEntries(addresses), 'busy-1': '127.0.0.1', 'busy-2': '127.0.0.2' },
  })
  await scene.send(from, 20_000, (frames) => (frames % 300 === 0 ? 0 : undefined))
  scene.expectAll(20_000)
  expect(scene.said(OWN_SOCKET)).toBe(2)
})

test('a sender that opens its port anew goes on in the same socket', async () => {
  const scene = new Scene()
  const from = await sender({ port: await scene.listen() })
  await scene.send(from, BUSY, () => undefined)
  await from.rebind()
  await scene.send(from, 2 * BUSY, () => undefined)
  scene.expectAll(2 * BUSY)
  expect(scene.said(OWN_SOCKET)).toBe(1)
})

test.each([0, 1, 40, 1000])(
  'a listener that is closed %i datagrams after a sender became busy takes all that was sent before, the next one the rest',
  async (later) => {
    const scene = new Scene()
    const port = await scene.listen()
    const from = await sender({ port })
    await new Promise<void>((resolve) => {
      let done = false
      scene.onFrame = (frames) => {
        const now = frames === BUSY_RUN + later
        if (done || (!now && frames % 128 !== 0)) return
        from.grant(frames + WINDOW)
        from.block()
        done = now
        if (now) void scene.listeners[0]?.stop(0).then(resolve)
      }
      from.grant(WINDOW)
    })
    scene.expectAll(from.granted)
    expect(await scene.listen({ port })).toBe(port)
    await scene.send(from, from.granted + BUSY, () => undefined)
    scene.expectAll(from.granted)
  },
)

test('with a socket for each of sixteen the next busy one gets the place of one that is silent', async () => {
  const scene = new Scene()
  const names = Array.from({ length: 17 }, (_, i) => `s${i}`)
  const turns = names.flatMap((name) => Array.from({ length: BUSY }, () => name))
  const from = await sender({ port: await scene.listen(), turns })
  await scene.send(from, 16 * BUSY, () => undefined)
  expect(scene.said(OWN_SOCKET)).toBe(16)
  await scene.clock.pass(70)
  await scene.send(from, 17 * BUSY, () => undefined)
  expect(scene.said(OWN_SOCKET)).toBe(17)
  // The first has lost its own and gets another.
  await scene.clock.pass(70)
  await scene.send(from, 18 * BUSY, () => undefined)
  expect(scene.said(OWN_SOCKET)).toBe(18)
  scene.expectAll(18 * BUSY)
})

test.each(['127.0.0.1', '::'])(
  'listening on %s: what a socket of a sender alone drops is counted too (R30)',
  async (host) => {
    const scene = new Scene()
    const from = await sender({ port: await scene.listen({ host, receive_buffer: 1024 * 1024 }) })
    const flood = 20_000
    await scene.send(from, BUSY_RUN, () => undefined)
    let flooded = false
    scene.onFrame = () => {
      if (flooded || scene.said(OWN_SOCKET) === 0) return
      flooded = true
      from.grant(from.granted + flood)
      from.block()
    }
    while (!flooded) {
      from.grant(from.granted + 100)
      await scene.intake.untilFrames(from.granted - (flooded ? flood : 0))
    }
    const all = from.granted
    while (scene.intake.frames + scene.drops < all) await scene.clock.pass(1)
    expect(scene.drops).toBeGreaterThan(0)
    expect(scene.intake.frames + scene.drops).toBe(all)
  },
)

test('of one socket a turn of the loop reads 32 datagrams, and fewer only when it is empty', async () => {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: BUFFER })
  ends.push(() => new Promise((resolve) => void socket.close(() => resolve(null))))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let taken = 0
  socket.on('message', () => taken++)
  const from = await sender({ port: socket.address().port })
  from.grant(1000)
  from.block()
  const turns: number[] = []
  while (taken < 1000) {
    const before = taken
    await setImmediate()
    turns.push(taken - before)
  }
  const reading = turns.filter((count) => count > 0)
  expect(reading.slice(0, -1)).toEqual(Array.from({ length: 31 }, () => READ_MAX))
  expect(reading.at(-1)).toBe(1000 % READ_MAX)
})

test('what lies in a socket is out before the word is given, also when the loop stood still and more keeps coming', async () => {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: BUFFER })
  ends.push(() => new Promise((resolve) => void socket.close(() => resolve(null))))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let taken = 0
  const from = await sender({ port: socket.address().port })
  socket.on('message', () => {
    taken++
    if (taken % 20 === 0) from.grant(taken + WINDOW)
  })
  from.grant(WINDOW)
  from.block()
  for (const most of [Number.POSITIVE_INFINITY, 2500]) {
    const lying = from.granted
    if (most < lying - taken) from.block()
    const out = await new Promise<number>((resolve) =>
      afterBacklog(
        () => taken,
        most,
        () => resolve(taken),
      ),
    )
    expect(out).toBeGreaterThanOrEqual(Math.min(lying, most))
  }
})
