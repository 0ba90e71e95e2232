/** Does a UDP listener take every datagram that it may, as one frame, and count what it refuses? */
import { Buffer } from 'node:buffer'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { FrameFlag } from '../../src/framing/frames.ts'
import { createListener } from '../../src/listen/create.ts'
import type { Listener, ListenLog } from '../../src/listen/types.ts'
import { bench, type FakeIntake, type Said } from '../support/intake.ts'
import { needsReceiveBuffer, source, udpSettings } from '../support/listening.ts'

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function listening(...args: Parameters<typeof createListener>): Promise<Listener> {
  const listener = await createListener(...args)
  ends.push(() => listener.stop(0))
  return listener
}

interface Sender {
  send(message: string | Buffer): Promise<void>
}

function sender(port: number, host = '127.0.0.1', from?: string): Sender {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  if (from !== undefined) socket.bind({ address: from })
  ends.push(() => new Promise<void>((resolve) => void socket.close(resolve)))
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        socket.send(message, port, host, (error) => (error === null ? resolve() : reject(error)))
      }),
  }
}

test('datagrams of every size up to 65,507 bytes are one frame each (R32)', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(udpSettings(), 3, deps)
  const { send } = sender(listener.address.port)
  const sizes = [0, 1, 2, 3, 480, 1180, 1472, 1473, 2048, 8192, 9000, 16_384, 32_768, 65_506, 65_507]
  for (const [i, size] of sizes.entries()) {
    await send(Buffer.alloc(size, 'x'))
    await (size === 0 ? tally.untilRefused('empty') : intake.untilFrames(i))
  }
  expect(intake.texts.map((text) => text.length)).toEqual(sizes.slice(1))
  expect(intake.taken[0]?.origin).toEqual({ listener: 3, peer: '127.0.0.1', source: 0 })
  expect(new Set(intake.taken.map(({ origin }) => origin)).size).toBe(1)
  expect(tally.reasons).toEqual({ empty: 1 })
})

test('one trailer is taken off, what is inside stays and is marked', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(udpSettings(), 0, deps)
  const { send } = sender(listener.address.port)
  const sent = ['<1>a\n', '<1>a\r\n', '<1>a\0', '<1>a\n\n', '<1>a\nb', '<1>a\0b\n', '\n', '5 <1>ab']
  for (const message of sent) await send(message)
  await intake.untilFrames(7)
  await tally.untilRefused('empty')
  expect(intake.texts).toEqual(['<1>a', '<1>a', '<1>a', '<1>a\n', '<1>a\nb', '<1>a\0b', '5 <1>ab'])
  const { control } = FrameFlag
  expect(intake.taken.map(({ flags }) => flags)).toEqual([0, 0, 0, control, control, control, 0])
})

test('one socket takes IPv6 and IPv4, and IPv4 peers match IPv4 ranges', async () => {
  const { intake, deps } = bench({ sources: [source('four', ['127.0.0.0/8']), source('six', ['::1'])] })
  const settings = udpSettings({ host: '::', allow: ['127.0.0.0/8', '::1/128'] })
  const listener = await listening(settings, 0, deps)
  await sender(listener.address.port).send('<1>four')
  await intake.untilFrames(1)
  await sender(listener.address.port, '::1').send('<1>six')
  await intake.untilFrames(2)
  expect(intake.taken.map(({ origin }) => [origin.peer, origin.source])).toEqual([
    ['127.0.0.1', 1],
    ['::1', 2],
  ])
})

test.each([
  ['not_allowed', { allow: ['10.0.0.0/8'] }, []],
  ['unknown_source', {}, [source('elsewhere', ['10.0.0.0/8'])]],
] as const)('a peer outside is refused and named once: %s', async (reason, with_, sources) => {
  const { intake, tally, said, deps } = bench({ sources })
  const listener = await listening(udpSettings(with_), 0, deps)
  const { send } = sender(listener.address.port)
  await send('<1>a')
  await send('<1>b')
  await tally.untilRefused(reason, 2)
  expect(intake.frames).toBe(0)
  const lines = said.filter(({ fields }) => fields['reason'] === reason)
  expect(lines.map(({ fields }) => fields['peer'])).toEqual(['127.0.0.1'])
})

test('a peer above its rate is refused', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(udpSettings({ rate_max: 5 }), 0, deps)
  const { send } = sender(listener.address.port)
  for (let i = 0; i < 12; i++) await send('<1>a')
  await tally.until(() => intake.frames + (tally.reasons.rate ?? 0) >= 12)
  expect(intake.frames).toBeGreaterThanOrEqual(5)
  expect(tally.reasons.rate).toBeGreaterThan(0)
})

test('while the queues are full datagrams are refused and counted', async () => {
  const { intake, tally, deps } = bench()
  const listener = await listening(udpSettings(), 0, deps)
  const { send } = sender(listener.address.port)
  intake.accepting = false
  await send('<1>a')
  await tally.untilRefused('queue_full')
  intake.resume()
  await send('<1>b')
  await intake.untilFrames(1)
  expect(intake.texts).toEqual(['<1>b'])
})

test('a port in use is said in one sentence, with a mend', async () => {
  const { deps } = bench()
  const listener = await listening(udpSettings(), 0, deps)
  const again = udpSettings({ name: 'second', port: listener.address.port })
  await expect(createListener(again, 1, deps)).rejects.toMatchObject({
    name: 'LogweirError',
    message: `listener second cannot bind 127.0.0.1:${listener.address.port}: the port is in use`,
  })
})

test('what the kernel grants is said when it is less than asked', async () => {
  const { said, deps } = bench()
  await listening(udpSettings({ receive_buffer: 1_073_741_824 }), 0, deps)
  const line = said.find(({ level }) => level === 'warn')
  expect(line?.fields['asked']).toBe(1_073_741_824)
  expect(line?.fields['granted']).toBeLessThan(1_073_741_824)
  expect(line?.fields['mend']).toContain('net.core.rmem_max')
})

test('drops by the kernel are counted (R30)', async () => {
  const { intake, tally, deps } = bench()
  intake.keep = false
  const listener = await listening(udpSettings({ receive_buffer: 4096 }), 0, deps)
  const { send } = sender(listener.address.port)
  // The sends of one turn of the loop are on their way before the listener reads any.
  await Promise.all(Array.from({ length: 500 }, () => send(Buffer.alloc(1000, 'x'))))
  await tally.until(() => tally.drops > 0)
  expect(intake.frames + tally.drops).toBe(500)
})

const OWN_SOCKET = 'a busy sender has a socket of its own'

/** Sends until the listener has a socket for the sender alone; gives back how many that took. */
async function keepBusy(intake: FakeIntake, said: readonly Said[], send: Sender['send']): Promise<number> {
  let sent = 0
  for (; sent < 500_000 && !said.some(({ message }) => message === OWN_SOCKET); sent += 256) {
    const from = sent
    await Promise.all(Array.from({ length: 256 }, (_, i) => send(String(from + i))))
    await intake.untilFrames(from + 256)
  }
  expect(said.some(({ message }) => message === OWN_SOCKET)).toBe(true)
  return sent
}

test('a busy sender gets a socket of its own; all of it arrives in order, and others keep their names', async (context) => {
  needsReceiveBuffer(context, udpSettings().receive_buffer)
  const { intake, tally, said, deps } = bench()
  const calm = Promise.withResolvers<unknown>()
  const log: ListenLog = (level, message, fields) => {
    deps.log(level, message, fields)
    if (message === 'a busy sender is busy no more') calm.resolve(null)
  }
  const allow = ['127.0.0.1', '127.0.0.3']
  const listener = await listening(udpSettings({ allow }), 0, { ...deps, log })
  const { port } = listener.address
  const { send } = sender(port)
  const sent = await keepBusy(intake, said, send)
  await Promise.all(Array.from({ length: 500 }, (_, i) => send(String(sent + i))))
  await sender(port, '127.0.0.1', '127.0.0.3').send('other')
  await sender(port, '127.0.0.1', '127.0.0.2').send('refused')
  await tally.untilRefused('not_allowed')
  await Promise.all(Array.from({ length: 500 }, (_, i) => send(String(sent + 500 + i))))
  await intake.untilFrames(sent + 1001)
  const of = (peer: string): string[] =>
    intake.taken.filter(({ origin }) => origin.peer === peer).map(({ text }) => text)
  expect(of('127.0.0.3')).toEqual(['other'])
  // One by one: nobody can read how two lists of this length differ.
  expect(of('127.0.0.1').findIndex((text, i) => text !== String(i))).toBe(-1)
  expect(intake.frames).toBe(sent + 1001)
  await calm.promise
  await send('later\n')
  await intake.untilFrames(sent + 1002)
  expect(intake.texts.at(-1)).toBe('later')
}, 30_000)

test('after a stop nothing holds the port, also with a busy sender', async (context) => {
  needsReceiveBuffer(context, udpSettings().receive_buffer)
  const { intake, said, deps } = bench()
  const listener = await createListener(udpSettings(), 0, deps)
  const { port } = listener.address
  await keepBusy(intake, said, sender(port).send)
  await listener.stop(0)
  await listening(udpSettings({ port }), 0, deps)
}, 30_000)

test('what the kernel holds when it stops is read before it closes', async () => {
  const { intake, tally, deps } = bench()
  const listener = await createListener(udpSettings({ receive_buffer: 4_194_304 }), 0, deps)
  const { port } = listener.address
  // From a thread of its own, while this one stands still: all of it waits in the kernel.
  const done = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(
    `const { workerData: { port, done } } = require('node:worker_threads')
     const socket = require('node:dgram').createSocket('udp4')
     let left = 300
     const next = () => {
       if (left-- > 0) return socket.send('<1>' + left, port, '127.0.0.1', next)
       socket.close()
       Atomics.store(done, 0, 1)
       Atomics.notify(done, 0)
     }
     next()`,
    { eval: true, workerData: { port, done } },
  )
  await once(worker, 'online')
  Atomics.wait(done, 0, 0)
  await listener.stop(0)
  expect(intake.frames + tally.drops).toBe(300)
  await worker.terminate()
})

test('while it stops, datagrams are taken as long as some come, and no longer than it may take', async () => {
  const { intake, deps } = bench()
  const listener = await createListener(udpSettings(), 0, deps)
  const { send } = sender(listener.address.port)
  await send('<1>a')
  await intake.untilFrames(1)
  const stopped = listener.stop(600_000, 300)
  for (let frames = 2; frames <= 6; frames++) {
    await send('<1>b')
    await intake.untilFrames(frames)
  }
  await stopped
  const other = await createListener(udpSettings(), 0, deps)
  const steady = sender(other.address.port)
  const timer = setInterval(() => void steady.send('<1>c').catch(() => undefined), 5)
  await other.stop(200, 600_000)
  clearInterval(timer)
  expect(intake.frames).toBeGreaterThan(6)
})

test('several workers share a port', async () => {
  const first = bench({ reuse_port: true, workers: 2 })
  const second = bench({ reuse_port: true, workers: 2 })
  const one = await listening(udpSettings(), 0, first.deps)
  const two = await listening(udpSettings({ port: one.address.port }), 0, second.deps)
  expect(two.address.port).toBe(one.address.port)
  for (let i = 0; i < 20; i++) await sender(one.address.port).send('<1>a')
  await first.intake.until(() => true)
  await new Promise<void>((resolve) => {
    const check = (): void => {
      if (first.intake.frames + second.intake.frames === 20) resolve()
    }
    void first.intake.until(() => (check(), false))
    void second.intake.until(() => (check(), false))
  })
})
