/**
 * Does the wall clock matter to anything but stamps (R65)? The router's jumps by hours and years four times a second, while
 * events flow, a destination is away, connections are quiet and one frame is half sent.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { dfwLine, expectBalanced, forwarderOf, Router, sequenceOf, tenantRules } from '../support/router.ts'
import { goodSink, type StreamSink } from '../support/sinks.ts'
import { root } from '../support/tree.ts'

const JUMPS = { NODE_OPTIONS: `--import=${pathToFileURL(join(root, 'test/support/jumping-clock.ts')).href}` }
const ROUNDS = 40
const EACH = 200
const EVENTS = ROUNDS * EACH

let made: Router | undefined
let near: StreamSink | undefined
let far: StreamSink | undefined
const senders: Socket[] = []

afterEach(async () => {
  for (const socket of senders.splice(0)) socket.destroy()
  await made?.clean()
  await near?.close()
  await far?.close()
})

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

async function sender(router: Router): Promise<Socket> {
  const socket = connect(router.port('tcp'), '127.0.0.1')
  senders.push(socket)
  await once(socket, 'connect')
  return socket
}

/** Rounds of events with pauses between them, so that the clock has jumped to each of its times meanwhile. */
async function send(socket: Socket, from: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const lines = Array.from({ length: EACH }, (_, n) => `${dfwLine(0, from + round * EACH + n)}\n`)
    socket.write(lines.join(''))
    await pause(60)
  }
}

const numbers = (sink: StreamSink | undefined): number[] => (sink?.lines() ?? []).map(sequenceOf)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

test('R65: jumps of the wall clock change no timeout, no retry, no order, and lose nothing', async () => {
  near = await goodSink()
  far = await goodSink()
  const port = far.port
  await far.close()
  const listeners = [
    {
      name: 'tcp',
      transport: 'tcp',
      bind: '127.0.0.1:0',
      allow: ['127.0.0.0/8'],
      idle_timeout: '1h',
      frame_timeout: '10m',
      rate_max: 1_000_000,
    },
  ]
  const forwarders = [
    { name: 'near', to: `tcp://127.0.0.1:${near.port}` },
    { name: 'far', to: `tcp://127.0.0.1:${port}`, spool: 'always', retry: { first: '100ms', max: '500ms' } },
  ]
  made = new Router({ listeners }, { tenants: [tenantRules(0, forwarders)] })
  const router = await made.start(JUMPS)
  const [busy, quiet, half] = [await sender(router), await sender(router), await sender(router)]
  const line = dfwLine(0, EVENTS)
  half.write(line.slice(0, 50))
  await send(busy, 0)
  half.write(`${line.slice(50)}\n`)
  await near.until(() => numbers(near).length >= EVENTS + 1)
  quiet.write(`${dfwLine(0, EVENTS + 1)}\n`)
  await near.until(() => numbers(near).length >= EVENTS + 2)
  // All of the first destination's are there once and in order; the other one's are on disk, over a stop as well.
  expect(numbers(near)).toEqual(upTo(EVENTS + 2))
  const before = await router.status()
  expect(before).toMatchObject({ received: EVENTS + 2, owned: EVENTS + 2, refused: {} })
  expectBalanced(before)
  expect(await router.stop()).toBe(0)
  await router.start(JUMPS)
  const again = await sender(router)
  again.write(`${dfwLine(0, EVENTS + 2)}\n`)
  await router.until((now) => forwarderOf(now, 'tenant-0', 'near').delivered >= 1)
  await far.listen(port)
  await far.until(() => numbers(far).length >= EVENTS + 3)
  expect(numbers(far)).toEqual(upTo(EVENTS + 3))
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'far').delivered >= EVENTS + 3)
  expect(forwarderOf(ledger, 'tenant-0', 'far').dropped).toEqual({})
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
})

test('R65: the router stays ready whatever its wall clock shows', async () => {
  near = await goodSink()
  const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const forwarders = [{ name: 'near', to: `tcp://127.0.0.1:${near.port}` }]
  made = new Router({ listeners }, { tenants: [tenantRules(0, forwarders)] })
  const router = await made.start(JUMPS)
  for (let n = 0; n < 10; n++) {
    expect((await fetch(`${router.admin}/readyz`)).status).toBe(200)
    expect((await fetch(`${router.admin}/metrics`)).status).toBe(200)
    await pause(260)
  }
  expect(await router.stop()).toBe(0)
})
