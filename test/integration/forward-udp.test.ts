/** Does a udp destination send one datagram an event, and count each that it could not? */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { udpSink, type UdpSink } from '../support/sinks.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function make(
  port: number,
  over: Partial<ForwarderSettings> = {},
  deps: Partial<ForwardDeps> = {},
): { lane: FakeLane; destination: Destination } {
  const settings = testSettings({ to: { scheme: 'udp', host: '127.0.0.1', port }, framing: 'none', ...over })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps(deps)))
  ends.push(() => destination.stop(0))
  return { lane, destination }
}

async function sinkOf(made: Promise<UdpSink>): Promise<UdpSink> {
  const sink = await made
  ends.push(() => sink.close())
  return sink
}

test('one datagram an event, bytes as they came', async () => {
  const sink = await sinkOf(udpSink())
  const { lane, destination } = make(sink.port)
  const events = ['<14>one', '<14>with\nnewline\0', `<14>${'x'.repeat(60_000)}`]
  lane.add(...events)
  await sink.until(() => sink.chunks.length === 3)
  expect(sink.chunks.map(String)).toEqual(events)
  await lane.until(() => lane.settled.length === 1)
  expect(lane.bytes).toBe(events.join('').length)
  expect(lane.dropped).toEqual({})
  expect(destination.state).toBe('active')
})

test('other formats are one datagram an event too', async () => {
  const sink = await sinkOf(udpSink())
  const { lane } = make(sink.port, { format: 'rfc5424' })
  lane.add(
    { text: '<14>one', received_at: 1_767_323_045_678 },
    { text: '<15>two', received_at: 1_767_323_045_678 },
  )
  await sink.until(() => sink.chunks.length === 2)
  expect(sink.chunks.map(String)).toEqual([
    '<14>1 2026-01-02T03:04:05.678Z 192.0.2.1 - - - - one',
    '<15>1 2026-01-02T03:04:05.678Z 192.0.2.1 - - - - two',
  ])
})

test('what is larger than a datagram is dropped and counted, its neighbours are sent', async () => {
  const sink = await sinkOf(udpSink())
  const { lane } = make(sink.port)
  lane.add('<14>before', 'x'.repeat(65_508), '<14>after')
  await lane.until(() => lane.settled.length === 1)
  expect(lane.dropped).toMatchObject({ too_large: 1 })
  await sink.until(() => sink.chunks.length === 2)
  expect(sink.chunks.map(String)).toEqual(['<14>before', '<14>after'])
  lane.check()
})

test('a port where nobody listens is counted as send_error and comes back by itself', async () => {
  const gone = await udpSink()
  await gone.close()
  const { lane, destination } = make(gone.port)
  for (let i = 0; lane.dropped.send_error === undefined && i < 200; i++) {
    lane.add('<14>into the void')
    const settled = i + 1
    await lane.until(() => lane.settled.length === settled)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(lane.dropped.send_error).toBeGreaterThan(0)
  expect(destination.last_error).toContain('nothing listens there')
  lane.check()
})

test('many events do not pile up in the process', async () => {
  const sink = await sinkOf(udpSink())
  const { lane } = make(sink.port)
  const texts = Array.from({ length: 300 }, (_, i) => `<14>event ${i} ${'x'.repeat(150)}`)
  for (let i = 0; i < 20; i++) lane.add(...texts)
  await lane.until(() => lane.settled.length === 20)
  expect(lane.dropped).toEqual({})
  lane.check()
})

test('a name without an address keeps everything queued', async () => {
  const resolver = {
    resolve: (): Promise<string[]> => Promise.reject(new Error('the name siem.example.com has no address')),
  }
  const { lane, destination } = make(
    9,
    { to: { scheme: 'udp', host: 'siem.example.com', port: 9 } },
    { resolver },
  )
  lane.add('<14>one')
  await expect.poll(() => destination.last_error).toBe('open: the name siem.example.com has no address')
  expect(destination.state).toBe('retrying')
  await destination.stop(0)
  expect(lane.waiting).toBe(1)
  lane.check()
})

test('a stop in the middle: what the system did not answer for is given back, at most a batch comes twice', async () => {
  const sink = await sinkOf(udpSink())
  const { lane, destination } = make(sink.port)
  const texts = Array.from({ length: 300 }, (_, i) => `<14>event ${i} ${'x'.repeat(150)}`)
  for (let i = 0; i < 50; i++) lane.add(...texts)
  await lane.until(() => lane.settled.length > 0)
  await destination.stop(0)
  expect(lane.settled.length + lane.waiting).toBe(50)
  expect(lane.in_flight).toBe(0)
  // Nothing more is sent: what is there beyond the batches that count as delivered would come twice.
  await new Promise((resolve) => setImmediate(resolve))
  expect(sink.chunks.length).toBeLessThanOrEqual((lane.settled.length + 1) * texts.length)
  lane.check()
})

test('a network that goes away in the middle of a batch: all of it waits, and goes on by itself', (context) => {
  const outage = join(import.meta.dirname, '../support/udp-outage.ts')
  const namespace = spawnSync('unshare', ['-n', process.execPath, outage], { encoding: 'utf8' })
  if (
    namespace.status !== 0 &&
    /unshare|not permitted|ENOENT/i.test(`${namespace.stderr} ${namespace.error}`)
  )
    return context.skip('network namespaces cannot be made')
  expect(namespace.stderr).toBe('')
  expect(JSON.parse(namespace.stdout)).toMatchObject({
    last_error: 'send: the network cannot be reached (ENETUNREACH)',
    state: 'retrying',
    settled: 3,
    dropped: {},
    got: 2002,
  })
})
