/**
 * Are certificate files that somebody replaces used by connections that never rest, without an event lost or doubled,
 * and are broken ones left alone?
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { makeAuthority, type TestAuthority, type TestPair } from '../support/authority.ts'
import { addEvents, event, expectAll, KINDS, type Kind, run, type Running } from '../support/http-lanes.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { FakeLane, TestLog, testDeps, testSettings } from '../support/lanes.ts'
import { seqOf, StrictServer } from '../support/strict-http.ts'

/** Ten seconds pass in fifty milliseconds for who looks at the monotonic clock. */
const fast: Clock = { ...systemClock, monotonic: () => performance.now() * 200 }
const ends: (() => Promise<unknown> | void)[] = []
let folder = ''
let authority: TestAuthority
let server: TestPair
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'logweir-renew-'))
  authority = await makeAuthority()
  server = await authority.issue(['127.0.0.1'])
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const files = () => ({
  ca: join(folder, 'ca.pem'),
  certificate: join(folder, 'own.pem'),
  key: join(folder, 'own.key'),
  fingerprint: null,
  server_name: null,
})

function put(pair: Pick<TestPair, 'cert' | 'key'>): void {
  writeFileSync(files().ca, authority.ca)
  writeFileSync(files().key, pair.key)
  writeFileSync(files().certificate, pair.cert)
}

const options = () => ({
  cert: server.cert,
  key: server.key,
  ca: authority.ca,
  requestCert: true,
  rejectUnauthorized: true,
})

/** Adds a batch of ten every few milliseconds until told to stop; how many events there were. */
function flow(lane: FakeLane): () => number {
  let next = 0
  const timer = setInterval(() => {
    lane.add(...Array.from({ length: 10 }, (_, i) => event(next + i)))
    next += 10
  }, 5)
  ends.push(() => clearInterval(timer))
  return () => {
    clearInterval(timer)
    return next
  }
}

test('https: requests go on over new connections', async () => {
  const [first, second] = [await authority.issue(['first']), await authority.issue(['second'])]
  put(first)
  const receiver = await new StrictServer(
    (KINDS['elasticsearch'] as Kind).product(),
    undefined,
    options(),
  ).listen()
  ends.push(() => receiver.close())
  const made: Running = run(KINDS['elasticsearch'] as Kind, receiver.port, {
    scheme: 'https',
    settings: { tls: files() },
    deps: { clock: fast },
  })
  ends.push(() => made.stop())
  const stop = flow(made.lane)
  await receiver.until(() => receiver.asked.length > 5)
  expect(receiver.connections, 'before').toBe(1)
  // Half a rotation: the pair does not belong together, and the connection that works stays.
  writeFileSync(files().certificate, second.cert)
  await expect.poll(() => made.log.lines.join()).toContain('new certificate files are not taken')
  expect(receiver.connections).toBe(1)
  put(second)
  await receiver.until(() => receiver.connections === 2)
  const count = stop()
  await made.lane.until(() => made.lane.waiting + made.lane.in_flight === 0)
  expectAll(made, receiver, count)
  expect(receiver.doubled).toBe(0)
})

test('tls: what was written is waited for, then the connection is made anew with the new certificate', async () => {
  const [first, second] = [await authority.issue(['first']), await authority.issue(['second'])]
  put(first)
  const subjects: string[] = []
  const numbers: number[] = []
  const receiver = createServer(options(), (socket: TLSSocket) => {
    subjects.push(String(socket.getPeerCertificate().subject.CN))
    let rest = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) numbers.push(seqOf(line))
    })
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  ends.push(() => void receiver.close())
  const settings = testSettings({ to: { scheme: 'tls', host: '127.0.0.1', port }, tls: files() })
  const log = new TestLog()
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(
    createDestination({ key: lane.key, settings }, lane, testDeps({ log, clock: fast })),
  )
  ends.push(() => destination.stop(100))
  const stop = flow(lane)
  await expect.poll(() => numbers.length).toBeGreaterThan(50)
  put(second)
  await expect.poll(() => subjects, { timeout: 10_000 }).toEqual(['first', 'second'])
  const count = stop()
  await lane.until(() => lane.waiting + lane.in_flight === 0)
  await expect.poll(() => numbers.length).toBe(count)
  expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n))
  expect(destination.last_error).toBeNull()
  lane.check()
})

test('a quiet connection takes the new files with its next event', async () => {
  put(await authority.issue(['first']))
  const receiver = await new StrictServer(
    (KINDS['elasticsearch'] as Kind).product(),
    undefined,
    options(),
  ).listen()
  ends.push(() => receiver.close())
  const made = run(KINDS['elasticsearch'] as Kind, receiver.port, {
    scheme: 'https',
    settings: { tls: files() },
    deps: { clock: fast },
  })
  ends.push(() => made.stop())
  addEvents(made.lane, 10)
  await made.lane.until(() => made.lane.settled.length === 1)
  put(await authority.issue(['second']))
  for (let n = 1; receiver.connections < 2; n += 1) {
    if (n > 100) throw new Error('never')
    await new Promise((done) => setTimeout(done, 60))
    made.lane.add(event(n * 10))
    await made.lane.until(() => made.lane.waiting + made.lane.in_flight === 0)
  }
  made.lane.check()
})
