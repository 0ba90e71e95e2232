/**
 * A graceful stop in the middle of full load, with some destinations dead and with all of them dead (R9): within its
 * time everything is delivered or on disk, what failed because of the stop is not taken for delivered, and the next
 * start delivers all that was ever received.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { RelpServer } from '../support/relp-server.ts'
import { dfwLine, expectBalanced, Router, sequenceOf, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { httpSink } from '../support/sinks.ts'

const COUNT = 15_000
const STOP_AFTER = 4000
const retry = { first: '20ms', max: '200ms' }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** A destination that is dead until it is revived. */
interface Mortal {
  readonly settings: object
  revive(): Promise<unknown> | void
  /** Numbers below `count` that it has not taken. */
  missing(count: number): number
}

/**
 * One that never reads is not among them: what its system has taken counts as delivered over tcp, which acknowledges
 * nothing (test/faults/plain-tcp.test.ts).
 */
async function tcp(dead: 'refuses' | 'resets' | null): Promise<Mortal> {
  const sink = await new NumberSink(COUNT).open()
  ends.push(() => sink.close())
  if (dead !== null) await sink.close()
  const resetting = createServer((socket) => socket.resetAndDestroy())
  ends.push(() => resetting.close())
  if (dead === 'resets') await once(resetting.listen(sink.port, '127.0.0.1'), 'listening')
  const revive = async (): Promise<void> => {
    if (resetting.listening) await once(resetting.close(), 'close')
    await sink.open()
  }
  return { settings: { to: sink.url }, revive, missing: (count) => sink.missing(count) }
}

async function http(dead: boolean): Promise<Mortal> {
  const state = { dead }
  const seen = new Set<number>()
  const sink = await httpSink(({ body }) => {
    if (state.dead) return { status: 200, hang: true }
    for (const [line] of body.matchAll(/ PASS \d+ /g)) seen.add(sequenceOf(line))
    return { status: 200 }
  })
  ends.push(() => sink.close())
  return {
    settings: { type: 'http', to: `http://127.0.0.1:${sink.port}` },
    revive: () => void (state.dead = false),
    missing: (count) => count - seen.size,
  }
}

async function relp(dead: boolean): Promise<Mortal> {
  const sink = await new RelpServer().listen()
  ends.push(() => sink.close())
  if (dead) sink.answer = () => 'none'
  return {
    settings: { to: `relp://127.0.0.1:${sink.port}` },
    revive: () => void (sink.answer = () => '200'),
    missing: (count) => count - new Set(sink.accepted.map(sequenceOf)).size,
  }
}

/** Sends numbered events over one connection for as long as it is let. */
async function load(port: number): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  let next = 0
  const timer = setInterval(() => {
    if (next >= COUNT || !socket.writable) return
    const piece = Array.from({ length: Math.min(50, COUNT - next) }, (_, n) => dfwLine(0, next + n))
    next += piece.length
    socket.write(`${piece.join('\n')}\n`)
  }, 5)
  ends.push(() => clearInterval(timer))
  await closed.finally(() => clearInterval(timer))
}

async function stopped(lanes: readonly Mortal[]): Promise<void> {
  const forwarders = lanes.map(({ settings }, n) => ({ name: `f${n}`, retry, ...settings }))
  const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  // Memory has most of it: the stop, and not the time before, must put it on disk.
  const queue = { spill_after: '1m' }
  const router = await new Router({ listeners, queue }, { tenants: [tenantRules(0, forwarders)] }).start()
  ends.push(() => router.clean())
  const sending = load(router.port('tcp'))
  await router.until(({ received }) => received >= STOP_AFTER)
  const stop = router.stop()
  await sending
  expect(await stop).toBe(0)
  const last = router.log.at(-1)
  expect(last).toMatchObject({ msg: 'stopped', imbalance: 0 })
  const received = Number(last?.['received'])
  expect(last?.['spooled']).toBeGreaterThan(0)
  expect(received).toBeGreaterThanOrEqual(STOP_AFTER)
  say(`R9: stopped after ${received} events, ${String(last?.['spooled'])} put aside by the stop`)

  for (const lane of lanes) await lane.revive()
  await router.start()
  const ledger = await router.until((now) =>
    now.forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  expectBalanced(ledger)
  expect(ledger.forwarders.map(({ dropped }) => dropped)).toEqual(lanes.map(() => ({})))
  // Delivered is what the destination has taken; tcp may still be reading.
  await expect
    .poll(() => lanes.map((lane) => lane.missing(received)), { timeout: 30_000 })
    .toEqual(lanes.map(() => 0))
  expect(await router.stop()).toBe(0)
}

test('R9: SIGTERM under load with three of ten destinations dead: the restart delivers everything', async () => {
  const dead = [await tcp('resets'), await http(true), await relp(true)]
  const good = await Promise.all([
    tcp(null),
    tcp(null),
    tcp(null),
    http(false),
    http(false),
    relp(false),
    relp(false),
  ])
  await stopped([...dead, ...good])
})

test('R9: SIGTERM under load with all ten destinations dead: the restart delivers everything', async () => {
  const streams = await Promise.all([tcp('refuses'), tcp('refuses'), tcp('resets'), tcp('resets')])
  await stopped([
    ...streams,
    ...(await Promise.all([http(true), http(true), http(true), relp(true), relp(true), relp(true)])),
  ])
})
