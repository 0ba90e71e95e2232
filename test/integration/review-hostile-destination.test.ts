/** What a destination that means harm can make the router do. */
import { createServer, type TLSSocket } from 'node:tls'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { dial } from '../../src/forward/dial.ts'
import { answerOffers, clientOffers } from '../../src/relp/frames.ts'
import { makeAuthority, putFile } from '../support/authority.ts'
import { Status } from '../../src/forward/status.ts'
import { FakeLane, TestLog, testDeps, testSettings } from '../support/lanes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { frame } from '../support/relp.ts'

test('one that fails and takes in turns does not fill the log', () => {
  const clock = new ManualClock()
  const log = new TestLog()
  const status = new Status('acme/siem', clock, log)
  for (let n = 0; n < 1000; n++) {
    status.failing('request', 'answered 500')
    expect(status.state).toBe('retrying')
    status.delivered()
    expect(status.state).toBe('active')
    clock.advance(100)
  }
  // A hundred seconds: once in ten, and as often that it is well again.
  expect(log.lines.length).toBeLessThanOrEqual(22)
  expect(log.lines.length).toBeGreaterThanOrEqual(18)
})

test('one that asks for handshake after handshake gets one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'logweir-review-'))
  const authority = await makeAuthority()
  const pair = await authority.issue(['127.0.0.1'])
  let answered: (error: Error | null) => void = () => undefined
  const asked = new Promise<Error | null>((resolve) => {
    answered = resolve
  })
  const server = createServer(
    { cert: pair.cert, key: pair.key, maxVersion: 'TLSv1.2' },
    (socket: TLSSocket) => {
      socket.on('error', answered)
      socket.on('close', () => answered(new Error('closed')))
      socket.renegotiate({}, answered)
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const base = testSettings({ to: { scheme: 'tls', host: '127.0.0.1', port } })
  const ca = putFile(folder, 'ca.pem', authority.ca)
  const { fingerprint } = pair
  const { socket } = await dial({
    target: { scheme: 'tls', host: '127.0.0.1', port },
    settings: { ...base, tls: { ...base.tls, ca, fingerprint } },
    clock: systemClock,
    resolver: { resolve: (host) => Promise.resolve([host]) },
    signal: new AbortController().signal,
    first: 0,
  })
  socket.on('error', () => undefined)
  socket.resume()
  expect(await asked).toBeInstanceOf(Error)
  socket.destroy()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  rmSync(folder, { recursive: true })
})

test('one that talks without end is hung up on, and what it had is kept', async () => {
  const chunk = Buffer.alloc(65_536, 'x')
  const talk = (socket: Socket): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  let hung_up: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    hung_up = resolve
  })
  const server = createTcp((socket) => {
    socket.on('error', () => undefined)
    socket.on('close', hung_up)
    socket.on('drain', () => talk(socket))
    socket.resume()
    talk(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const settings = testSettings({ to: { scheme: 'tcp', host: '127.0.0.1', port } })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
  lane.add('<14>one')
  await over
  await lane.until(() => lane.returned.length > 1)
  expect(destination.last_error).toContain('nothing to say')
  lane.check()
  await destination.stop(0)
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

test.each<[string, string]>([
  ['answers to what was never sent', `999999 rsp 1000 ${'x'.repeat(1000)}\n`],
  ['words that mean nothing', `0 hello 1000 ${'x'.repeat(1000)}\n`],
  ['one answer that is long, again and again', `2 rsp 1000 500 ${'x'.repeat(996)}\n`],
])('a RELP receiver that never ends %s is hung up on, and what it had is kept', async (_, said) => {
  const chunk = Buffer.from(said.repeat(64))
  const talk = (socket: Socket): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  let hung_up: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    hung_up = resolve
  })
  const server = createTcp((socket) => {
    socket.on('error', () => undefined)
    socket.on('close', hung_up)
    socket.on('drain', () => talk(socket))
    socket.once('data', () => {
      socket.write(frame(1, 'rsp', answerOffers(clientOffers()).data))
      talk(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const settings = testSettings({ to: { scheme: 'relp', host: '127.0.0.1', port }, framing: 'none' })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
  lane.add('<14>one', '<14>two')
  await over
  await lane.until(() => lane.returned.length > 1)
  expect(destination.last_error).toContain('without end')
  lane.check()
  await destination.stop(0)
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

test.each<[string, (socket: Socket) => void, 'settled' | 'returned']>([
  [
    'whose answer’s body never ends has taken what it said it has',
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n'),
    'settled',
  ],
  ['that never comes to its answer gets the events again', () => undefined, 'returned'],
])('one %s', async (_, begin, becomes) => {
  let drip: NodeJS.Timeout | undefined
  const server = createTcp((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      begin(socket)
      const more = becomes === 'settled' ? 'x' : 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'
      drip = setInterval(() => socket.destroyed || socket.write(more), 20)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const base = testSettings({ to: { scheme: 'http', url: `http://127.0.0.1:${port}/` }, type: 'http' })
  const settings = { ...base, timeout: { connect: 50, request: 50 } }
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
  lane.add('<14>one')
  await lane.until(() => lane[becomes].length > 0)
  if (becomes === 'returned') expect(destination.last_error).toContain('no answer in time')
  await destination.stop(0)
  clearInterval(drip)
  await new Promise<void>((resolve) => server.close(() => resolve()))
})
