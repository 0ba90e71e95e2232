/** Does a TCP listener frame, limit, pause, time out and close as it should? */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { FrameFlag } from '../../src/framing/frames.ts'
import { createListener } from '../../src/listen/create.ts'
import type { Listener } from '../../src/listen/types.ts'
import { bench } from '../support/intake.ts'
import { closed, connectTo, source, tcpSettings } from '../support/listening.ts'
import { ManualClock } from '../support/manual-clock.ts'

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function listening(...args: Parameters<typeof createListener>): Promise<Listener> {
  const listener = await createListener(...args)
  ends.push(() => listener.stop(0))
  return listener
}

const descriptors = (): number => readdirSync('/proc/self/fd').length

async function connected(listener: Listener, host?: string): Promise<Socket> {
  const socket = await connectTo(listener.address.port, host)
  ends.push(async () => socket.destroy())
  return socket
}

test('frames of both kinds arrive, with the peer as plain IPv4 and its source', async () => {
  const { intake, tally, deps } = bench({
    sources: [source('wide', ['0.0.0.0/0']), source('lo', ['127.0.0.0/8'])],
  })
  const listener = await listening(tcpSettings({ host: '::', allow: ['127.0.0.0/8'] }), 2, deps)
  const socket = await connected(listener)
  socket.write('<1>line\n5 <2>ab000000005 <3>cd')
  await intake.untilFrames(3)
  expect(intake.texts).toEqual(['<1>line', '<2>ab', '<3>cd'])
  expect(intake.taken[0]?.origin).toEqual({ listener: 2, peer: '127.0.0.1', source: 2 })
  expect(tally).toMatchObject({ zeros: 1, open: 1, reasons: {} })
})

test('the last frame without a trailer is taken at FIN and discarded at RST (R45)', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(tcpSettings(), 0, deps)
  const fin = await connected(listener)
  fin.end('<1>a\n<1>rest')
  await intake.untilFrames(2)
  expect(intake.taken.map(({ text, flags }) => [text, flags])).toEqual([
    ['<1>a', 0],
    ['<1>rest', FrameFlag.truncated],
  ])
  expect(tally.cut).toBe(1)
  const rst = await connected(listener)
  rst.write('<1>b\n<1>rest')
  await intake.untilFrames(3)
  rst.resetAndDestroy()
  await tally.untilRefused('reset')
  await tally.untilOpen(0)
  expect(intake.texts).toEqual(['<1>a', '<1>rest', '<1>b'])
})

test.each([
  ['desynchronised', '5 <1>ab!!'],
  ['tls_on_plain', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
] as const)('%s closes the connection, is counted and named, and others go on', async (reason, bytes) => {
  const { intake, tally, said, deps } = bench()
  const listener = await listening(tcpSettings(), 0, deps)
  const honest = await connected(listener)
  const wrong = await connected(listener)
  wrong.write(Buffer.from(bytes, 'latin1'))
  await closed(wrong)
  expect(tally.reasons).toEqual({ [reason]: 1 })
  expect(said.map(({ fields }) => fields['reason'])).toEqual([reason])
  honest.write('<1>honest\n')
  await intake.until(() => intake.texts.includes('<1>honest'))
})

test.each([
  ['not_allowed', { allow: ['10.0.0.0/8'] }, []],
  ['unknown_source', {}, [source('elsewhere', ['10.0.0.0/8'])]],
] as const)('%s: a peer outside is closed at once', async (reason, with_, sources) => {
  const { tally, deps } = bench({ sources })
  const listener = await listening(tcpSettings(with_), 0, deps)
  await closed(await connected(listener))
  expect(tally.reasons).toEqual({ [reason]: 1 })
})

test.each([
  ['connections_max', { connections_max: 3 }],
  ['connections_per_address', { connections_per_address: 3 }],
] as const)(
  '%s: a flood is accepted, closed and counted; who is in stays in (R41)',
  async (reason, with_) => {
    const { intake, tally, deps } = bench()
    const listener = await listening(tcpSettings(with_), 0, deps)
    const inside: Socket[] = []
    for (let i = 0; i < 3; i++) inside.push(await connected(listener))
    await tally.untilOpen(3)
    const flood = await Promise.all(Array.from({ length: 200 }, () => connected(listener)))
    await Promise.all(flood.map(closed))
    expect(tally).toMatchObject({ reasons: { [reason]: 200 }, most_open: 3 })
    for (const socket of inside) socket.write('<1>a\n')
    await intake.untilFrames(3)
    inside[0]?.destroy()
    await tally.untilOpen(2)
    const next = await connected(listener)
    next.write('<1>next\n')
    await intake.untilFrames(4)
  },
)

test('no connection is taken for which no descriptor is left', async () => {
  const { tally, deps } = bench({ descriptors_max: 0 })
  const listener = await listening(tcpSettings(), 0, deps)
  await closed(await connected(listener))
  expect(tally.reasons).toEqual({ descriptors: 1 })
})

test('events above the rate are refused, and counted for their source', async () => {
  const sources = [source('elsewhere', ['10.0.0.0/8']), source('lo', ['127.0.0.0/8'])]
  const { intake, tally, deps } = bench({ sources }, new ManualClock())
  const listener = await listening(tcpSettings({ rate_max: 10 }), 0, deps)
  const socket = await connected(listener)
  socket.write('<1>a\n'.repeat(25))
  await tally.untilRefused('rate', 15)
  expect(intake.frames).toBe(10)
  expect(tally.sources).toEqual({ 2: 15 })
})

test('an unfinished frame is closed in time; more bytes of it do not renew that (R39)', async () => {
  const clock = new ManualClock()
  const { intake, tally, deps } = bench({}, clock)
  const listener = await listening(tcpSettings({ frame_timeout: 30_000 }), 0, deps)
  const slow = await connected(listener)
  const honest = await connected(listener)
  slow.write('<1>first\n<1>s')
  await intake.untilFrames(1)
  for (let i = 0; i < 2; i++) {
    clock.advance(10_000)
    slow.write('x')
    honest.write('<1>h\n')
    await intake.untilFrames(2 + i)
  }
  expect(tally.reasons).toEqual({})
  clock.advance(11_000)
  await closed(slow)
  expect(tally.reasons).toEqual({ frame_timeout: 1 })
  honest.write('<1>still\n')
  await intake.untilFrames(4)
})

test('quiet connections stay by default and are closed by `idle_timeout` (R40)', async () => {
  const clock = new ManualClock()
  const { intake, tally, deps } = bench({}, clock)
  const patient = await listening(tcpSettings(), 0, deps)
  const strict = await listening(tcpSettings({ idle_timeout: 60_000 }), 1, deps)
  const quiet = await connected(patient)
  const idle = await connected(strict)
  quiet.write('<1>a\n')
  idle.write('<1>a\n')
  await intake.untilFrames(2)
  clock.advance(3_600_000)
  await closed(idle)
  quiet.write('<1>b\n')
  await intake.untilFrames(3)
  expect(tally.reasons).toEqual({ idle_timeout: 1 })
})

test('reading stops while nothing is accepted, and goes on where it stopped (R44)', async () => {
  const { intake, deps } = bench()
  intake.keep = false
  const listener = await listening(tcpSettings(), 0, deps)
  const socket = await connected(listener)
  const late = connected(listener)
  socket.write('<1>first\n')
  await intake.untilFrames(1)
  intake.accepting = false
  const block = Buffer.alloc(65_536, `<1>${'x'.repeat(60)}\n`)
  const frames = (block.length / 64) * 512
  for (let i = 0; i < 512; i++) socket.write(block)
  ;(await late).write('<1>late\n')
  // The kernel's buffers are far smaller than 32 MiB: the sender must be held up.
  await intake.until(() => intake.frames > 1)
  const seen = intake.frames
  await new Promise((resolve) => setImmediate(resolve))
  expect(intake.frames - seen).toBeLessThan(frames / 2)
  expect(socket.writableLength).toBeGreaterThan(0)
  intake.resume()
  await intake.untilFrames(frames + 2)
})

test('a line without end costs no memory, and the next frame is intact (R34, R35)', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(tcpSettings(), 0, deps)
  const socket = await connected(listener)
  const block = Buffer.alloc(1_048_576, 'x')
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 256; i++) if (!socket.write(block)) await once(socket, 'drain')
  const grown = process.memoryUsage().arrayBuffers - before
  socket.write('\n<1>next\n')
  await intake.untilFrames(2)
  expect(intake.texts.map((text) => text.length)).toEqual([65_536, 7])
  expect(tally.cut).toBe(1)
  // A quarter of what was sent: the garbage of single reads, collected in its own time.
  expect(grown).toBeLessThan(64 * 1_048_576)
})

test('a thousand announced counts cost what they sent, not what they announced (R34)', async () => {
  const { tally, deps } = bench()
  const listener = await listening(tcpSettings({ frame_max: 1_048_576 }), 0, deps)
  const before = process.memoryUsage().arrayBuffers
  const sockets = await Promise.all(Array.from({ length: 1000 }, () => connected(listener)))
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.write('9999999 <1>', resolve))))
  await tally.untilOpen(1000)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1_048_576)
})

test.each(['connect and close', 'connect and reset', 'connect, send, reset'])(
  '2,000 times %s leave no descriptor behind (R42)',
  async (kind) => {
    const { intake, tally, deps } = bench()
    const listener = await listening(tcpSettings(), 0, deps)
    const before = descriptors()
    for (let round = 0; round < 40; round++) {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => connectTo(listener.address.port)))
      for (const socket of sockets) {
        if (kind === 'connect and close') socket.destroy()
        else if (kind === 'connect and reset') socket.resetAndDestroy()
        else socket.write('<1>half', () => socket.resetAndDestroy())
      }
      await Promise.all(sockets.map(closed))
    }
    const honest = await connected(listener)
    honest.write('<1>honest\n')
    await intake.until(() => intake.texts.includes('<1>honest'))
    honest.destroy()
    await tally.untilOpen(0)
    expect(descriptors()).toBeLessThanOrEqual(before + 5)
  },
)

test('stopping takes what was sent, waits for the frame at hand, and closes', async () => {
  const { intake, tally, deps } = bench()
  const listener = await createListener(tcpSettings(), 0, deps)
  const whole = await connected(listener)
  const half = await connected(listener)
  await tally.untilOpen(2)
  whole.write('<1>whole\n')
  half.write('<1>ha')
  await intake.untilFrames(1)
  half.on('end', () => half.end('lf\n'))
  const stopped = listener.stop(5000)
  expect(listener.stop(5000)).toBe(stopped)
  await stopped
  expect(intake.texts).toEqual(['<1>whole', '<1>half'])
  expect(tally).toMatchObject({ open: 0, reasons: {} })
  await expect(connectTo(listener.address.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a sender that goes on after the goodbye is closed in the end, and counted', async () => {
  const { intake, tally, deps } = bench()
  const listener = await createListener(tcpSettings(), 0, deps)
  const deaf = connect({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true })
  ends.push(async () => deaf.destroy())
  deaf.on('error', () => undefined)
  const timer = setInterval(() => deaf.write('<1>more\n'), 5)
  ends.push(async () => clearInterval(timer))
  await intake.untilFrames(1)
  const before = intake.frames
  await listener.stop(400, 200)
  expect(intake.frames).toBeGreaterThan(before)
  await tally.untilOpen(0)
  expect(tally.reasons).toEqual({ closing: 1 })
})

test('what a full memory holds up is read when there is room, also while the listener stops', async () => {
  const { intake, tally, deps } = bench()
  const listener = await createListener(tcpSettings(), 0, deps)
  intake.accepting = false
  const held = await connected(listener)
  await tally.untilOpen(1)
  held.write('<1>a\n<1>b\n')
  held.on('end', () => held.end('<1>c\n'))
  const stopped = listener.stop(30_000, 100)
  await once(held, 'end')
  intake.resume()
  await stopped
  expect(intake.texts).toEqual(['<1>a', '<1>b', '<1>c'])
  expect(tally).toMatchObject({ open: 0, reasons: {} })
})

test('a port in use is said in one sentence, with a mend', async () => {
  const { deps } = bench()
  const listener = await listening(tcpSettings(), 0, deps)
  const again = tcpSettings({ name: 'second', port: listener.address.port })
  await expect(createListener(again, 1, deps)).rejects.toMatchObject({
    name: 'LogweirError',
    message: `listener second cannot bind 127.0.0.1:${listener.address.port}: the port is in use`,
  })
})
