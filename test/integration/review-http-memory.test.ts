/**
 * Can a destination that answers before it has read its request make another tenant's events appear in that request?
 * When the answer is there, the system may still be reading the body from our memory: what was handed to the socket
 * must never be written again. (A receiver with a small window got 679,155 bytes of another tenant this way.)
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { httpSink } from '../support/sinks.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function make(port: number): FakeLane {
  const base = testSettings({ to: { scheme: 'http', url: `http://127.0.0.1:${port}/` }, type: 'http' })
  const settings = { ...base, http: { ...base.http, gzip: false } }
  const lane = new FakeLane(payloadForm(settings))
  ends.push(() => lane.destination?.stop(0))
  lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
  return lane
}

test('what a socket was given stays as it is after the answer', async () => {
  const sink = await httpSink(() => ({ status: 200 }))
  ends.push(() => sink.close())
  const bodies: Buffer[] = []
  const note = (message: unknown): void => {
    bodies.push((message as { request: { body: Buffer } }).request.body)
  }
  subscribe('undici:request:create', note)
  ends.push(() => unsubscribe('undici:request:create', note))
  const mallory = make(sink.port)
  mallory.add('m'.repeat(1000))
  await mallory.until(() => mallory.settled.length === 1)
  const acme = make(sink.port)
  acme.add('Q'.repeat(1000))
  await acme.until(() => acme.settled.length === 1)
  expect(bodies).toHaveLength(2)
  expect(bodies[0]?.includes('mmmm')).toBe(true)
  expect(bodies[0]?.includes('QQQQ')).toBe(false)
})
