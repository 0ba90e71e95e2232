/** Does a RELP listener answer what is safe, in order, and only that? */
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { FrameFlag } from '../../src/framing/frames.ts'
import { createListener } from '../../src/listen/create.ts'
import type { Listener } from '../../src/listen/types.ts'
import { bench } from '../support/intake.ts'
import { closed, connectTo, relpSettings, source } from '../support/listening.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { frame, OFFERS, RelpClient } from '../support/relp.ts'

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function listening(...args: Parameters<typeof createListener>): Promise<Listener> {
  const listener = await createListener(...args)
  ends.push(() => listener.stop(0))
  return listener
}

async function raw(listener: Listener): Promise<Socket> {
  const socket = await connectTo(listener.address.port)
  ends.push(async () => socket.destroy())
  return socket
}

async function client(listener: Listener, offers?: string): Promise<RelpClient> {
  return new RelpClient(await raw(listener)).open(offers)
}

const ok = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => `${from + n} rsp 200 OK`)

test('a session: offers, events, answers in order, close', async () => {
  const { intake, tally, deps } = bench({ sources: [source('lo', ['127.0.0.0/8'])] })
  const listener = await listening(relpSettings(), 3, deps)
  const one = await client(listener)
  expect(one.answers[0]).toMatch(/^1 rsp 200 OK\nrelp_version=0\nrelp_software=logweir\ncommands=syslog$/)
  one.send('<1>a', '<2>b\nc\n', '<3>d')
  await one.until(() => one.acknowledged === 3)
  one.close()
  await one.until(() => one.ended)
  expect(one.answers.slice(1)).toEqual([...ok(2, 4), '5 rsp', '0 serverclose'])
  expect(intake.taken.map(({ text, flags }) => [text, flags])).toEqual([
    ['<1>a', 0],
    ['<2>b\nc', FrameFlag.control],
    ['<3>d', 0],
  ])
  expect(intake.taken[0]?.origin).toEqual({ listener: 3, peer: '127.0.0.1', source: 1 })
  await tally.untilOpen(0)
  expect(tally.reasons).toEqual({})
})

test('an answer comes only when the read is safe, and never before those of earlier reads', async () => {
  const { intake, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  intake.acknowledges_at_once = false
  const one = await client(listener)
  one.send('a', 'b')
  await intake.until(() => intake.pending.length === 1)
  one.send('c')
  await intake.until(() => intake.pending.length === 2)
  intake.pending[1]?.(true)
  one.send('d')
  await intake.until(() => intake.pending.length === 3)
  expect(one.acknowledged).toBe(0)
  intake.pending[0]?.(true)
  await one.until(() => one.acknowledged === 3)
  expect(one.answers.slice(1)).toEqual(ok(2, 4))
  intake.pending[2]?.(true)
  await one.until(() => one.acknowledged === 4)
})

test('what an `always` forwarder could not keep is not answered: the connection ends, and the rest with it', async () => {
  const { intake, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  intake.acknowledges_at_once = false
  const one = await client(listener)
  one.send('a')
  await intake.until(() => intake.pending.length === 1)
  one.send('b')
  await intake.until(() => intake.pending.length === 2)
  intake.pending[0]?.(false)
  await one.until(() => one.ended)
  intake.pending[1]?.(true)
  expect(one.acknowledged).toBe(0)
})

test('a framing error: what came before it is answered once it is safe, then the connection is closed', async () => {
  const { intake, tally, said, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  const honest = await client(listener)
  intake.acknowledges_at_once = false
  const one = await client(listener)
  one.socket.write(`${frame(2, 'syslog', 'taken')}3 syslog 2 abc\n${frame(4, 'syslog', 'behind')}`)
  await tally.untilRefused('relp_framing')
  expect(one.ended).toBe(false)
  one.send('also behind')
  intake.pending[0]?.(true)
  await one.until(() => one.ended)
  expect(one.answers.slice(1)).toEqual(['2 rsp 200 OK', '0 serverclose'])
  expect(intake.texts).toEqual(['taken'])
  expect(said.map(({ fields }) => fields['reason'])).toEqual(['relp_framing'])
  intake.acknowledges_at_once = true
  honest.send('honest')
  await honest.until(() => honest.acknowledged === 1)
})

test.each([
  ['an event before `open`', frame(1, 'syslog', 'x')],
  ['a command before `open`', frame(1, 'starttls')],
  ['a second `open`', frame(1, 'open', OFFERS) + frame(2, 'open', OFFERS)],
  ['offers without syslog', frame(1, 'open', 'relp_version=0\ncommands=eventlog')],
  ['offers without a version', frame(1, 'open', 'commands=syslog')],
  ['an event without a number', frame(1, 'open', OFFERS) + frame(0, 'syslog', 'x')],
  ['an answer', frame(1, 'open', OFFERS) + frame(2, 'rsp', '200 OK')],
])('%s is out of turn: counted, closed, nothing taken', async (_, bytes) => {
  const { intake, tally, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  const one = new RelpClient(await raw(listener))
  one.socket.write(bytes)
  await one.until(() => one.ended)
  expect(tally.reasons).toEqual({ relp_protocol: 1 })
  expect(intake.frames).toBe(0)
  expect(one.acknowledged).toBe(0)
})

test('unknown commands get 500 in their turn, hints nothing, empty events are refused by count', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  const one = await client(listener)
  const mixed = [
    frame(2, 'syslog', 'a'),
    frame(3, 'starttls', 'x'),
    frame(0, 'hint', 'x'),
    frame(4, 'syslog'),
  ]
  one.socket.write(mixed.join('') + frame(5, 'syslog', 'b'))
  await one.until(() => one.answers.length === 5)
  expect(one.answers.slice(1)).toEqual([
    '2 rsp 200 OK',
    '3 rsp 500 command not supported',
    '4 rsp 200 OK',
    '5 rsp 200 OK',
  ])
  expect(intake.texts).toEqual(['a', 'b'])
  expect(tally.reasons).toEqual({ empty: 1 })
})

test('TLS on the plain port and plain syslog are named, and never events', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  const tls = await raw(listener)
  tls.write(Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'))
  await closed(tls)
  const plain = await raw(listener)
  plain.write('<134>1 2026-01-02T03:04:05Z h a - - - hi\n')
  await closed(plain)
  expect(tally.reasons).toEqual({ tls_on_plain: 1, relp_framing: 1 })
  expect(intake.frames).toBe(0)
})

test('an event above `frame_max` is cut, flagged, counted and answered, and the next one intact', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(relpSettings({ frame_max: 480 }), 0, deps)
  const one = await client(listener)
  one.send('x'.repeat(200_000), 'next')
  await one.until(() => one.acknowledged === 2)
  expect(intake.taken.map(({ text, flags }) => [text.length, flags])).toEqual([
    [480, FrameFlag.truncated],
    [4, 0],
  ])
  expect(tally.cut).toBe(1)
})

test('while memory or disk are behind nothing is read, and nothing is lost; then all is (R44)', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  for (const shut of ['accepting', 'acknowledging'] as const) {
    const one = await client(listener)
    const before = intake.frames
    intake[shut] = false
    one.send('into the read at hand')
    await intake.untilFrames(before + 1)
    for (let n = 0; n < 200; n++) one.send('y'.repeat(1000))
    await sleep(100)
    expect(intake.frames).toBeLessThan(before + 201)
    intake.resume()
    await one.until(() => one.acknowledged === 201)
    expect(intake.frames).toBe(before + 201)
  }
  expect(tally.reasons).toEqual({})
})

test('a sender that never reads its answers is not read either, and holds bounded memory', async () => {
  const { intake, deps } = bench()
  intake.keep = false
  const listener = await listening(relpSettings(), 0, deps)
  const socket = await raw(listener)
  socket.write(frame(1, 'open', OFFERS))
  let sent = 0
  socket.pause()
  for (let stuck = 0; stuck < 5; ) {
    if (socket.writableLength > 1 << 20) {
      const before = intake.frames
      await sleep(50)
      stuck = intake.frames === before ? stuck + 1 : 0
      continue
    }
    socket.write(Array.from({ length: 1000 }, () => frame(2 + (sent++ % 1000), 'syslog', 'z')).join(''))
    await sleep(0)
    if (sent > 5_000_000) break
  }
  expect(intake.frames).toBeLessThan(sent)
})

test('above `rate_max` a sender is slowed down, and nothing is refused', async () => {
  const clock = new ManualClock()
  const { intake, tally, deps } = bench({ clock })
  const listener = await listening(relpSettings({ rate_max: 10 }), 0, deps)
  const one = await client(listener)
  one.send(...Array.from({ length: 25 }, (_, n) => `burst ${n}`))
  await one.until(() => one.acknowledged === 25)
  one.send('later')
  await sleep(50)
  expect(intake.frames).toBe(25)
  clock.advance(1400)
  await sleep(20)
  expect(intake.frames).toBe(25)
  clock.advance(200)
  await one.until(() => one.acknowledged === 26)
  expect(tally.reasons).toEqual({})
})

test('an unfinished frame is closed after `frame_timeout`, a quiet sender is not (R39, R40)', async () => {
  const clock = new ManualClock()
  const { tally, deps } = bench({ clock })
  const listener = await listening(relpSettings({ frame_timeout: 5000 }), 0, deps)
  const quiet = await client(listener)
  const slow = await client(listener)
  slow.socket.write('2 syslog 10 abc')
  await sleep(30)
  for (let n = 0; n < 7; n++) {
    clock.advance(1000)
    if (n < 4) slow.socket.write('d')
    await sleep(5)
  }
  await slow.until(() => slow.ended)
  expect(tally.reasons).toEqual({ frame_timeout: 1 })
  expect(quiet.ended).toBe(false)
  quiet.send('still here')
  await quiet.until(() => quiet.acknowledged === 1)
})

test('a sender that goes in the middle of a frame is counted; what it sent is not an event', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  const one = await client(listener)
  one.send('whole')
  await one.until(() => one.acknowledged === 1)
  one.socket.end('3 syslog 10 half')
  await tally.untilRefused('reset')
  await tally.untilOpen(0)
  expect(intake.texts).toEqual(['whole'])
})

test('a stopping listener answers what it has taken, says serverclose, and takes no more', async () => {
  const { intake, deps } = bench()
  const listener = await listening(relpSettings(), 0, deps)
  intake.acknowledges_at_once = false
  const one = await client(listener)
  one.send('taken')
  await intake.until(() => intake.pending.length === 1)
  const stopped = listener.stop(5000)
  one.send('too late')
  await sleep(100)
  expect(one.acknowledged).toBe(0)
  intake.pending[0]?.(true)
  await stopped
  await one.until(() => one.ended)
  expect(one.answers.slice(1)).toEqual(['2 rsp 200 OK', '0 serverclose'])
  expect(intake.texts).toEqual(['taken'])
})

test('limits of connections are those of other streams', async () => {
  const { tally, deps } = bench()
  const listener = await listening(relpSettings({ connections_per_address: 2 }), 0, deps)
  const kept = [await client(listener), await client(listener)]
  await closed(await raw(listener))
  expect(tally.reasons).toEqual({ connections_per_address: 1 })
  expect(kept.map(({ ended }) => ended)).toEqual([false, false])
})
