/**
 * What senders can do wrong, against the running router: it lives, others are served meanwhile, what it refuses it
 * counts with the reason, its memory stays bounded, and the books balance.
 */
import { Buffer } from 'node:buffer'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { randomBytes, runSeed, seeded } from '../support/chance.ts'
import { closed, secureTo } from '../support/listening.ts'
import { descriptors, MemoryWatch, MIB, mib } from '../support/process.ts'
import { Receiver } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { root } from '../support/tree.ts'

/** Length of the line without an end; by hand: LOGWEIR_LONG_LINE_MIB=1024. */
const LONG_LINE = Number(process.env['LOGWEIR_LONG_LINE_MIB'] ?? 256) * MIB
/** Who attacks, so that its limits are not the honest sender's. */
const ATTACKER = '127.0.0.66'

const stream = {
  bind: '127.0.0.1:0',
  allow: ['127.0.0.0/8'],
  connections_max: 40,
  connections_per_address: 30,
}
const listeners = [
  { name: 'udp', transport: 'udp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] },
  { name: 'tcp', transport: 'tcp', ...stream, frame_timeout: '500ms' },
  { name: 'patient', transport: 'tcp', ...stream },
  {
    name: 'tls',
    transport: 'tls',
    ...stream,
    frame_timeout: '500ms',
    tls: {
      certificate: 'c/r.crt',
      key: 'c/r.key',
      generate: true,
      handshake_timeout: '500ms',
      handshakes_per_address: 8,
    },
  },
]

let router: Router
let siem: Receiver
/** A sender that stays connected over all attacks. */
let honest: Socket
let honest_sent = 0
const attackers: Socket[] = []

beforeAll(async () => {
  siem = await new Receiver().open()
  router = new Router({ listeners }, { tenants: [tenantRules(0, [{ name: 'siem', to: siem.url }])] })
  await router.start()
  honest = connect(router.port('tcp'), '127.0.0.1')
  await once(honest, 'connect')
})

afterEach(async () => {
  for (const socket of attackers.splice(0)) socket.destroy()
  await served()
  expectBalanced(await router.status())
})

afterAll(async () => {
  honest.destroy()
  expect(await router.stop()).toBe(0)
  await router.clean()
  await siem.close()
})

/** The honest sender's next events arrive, all of them. */
async function served(): Promise<void> {
  for (let n = 0; n < 20; n++) {
    honest.write(`${dfwLine(0, honest_sent)}\n`)
    honest_sent += 1
  }
  await siem.until(() => siem.seen.size >= honest_sent)
  expect(siem.missing(honest_sent)).toEqual([])
}

function attack(listener: string, localAddress = ATTACKER): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: router.port(listener), host: '127.0.0.1', localAddress }, () =>
      resolve(socket),
    )
    socket.once('error', reject)
    socket.on('error', () => undefined)
    attackers.push(socket)
  })
}

/** Writes all of it as fast as it is taken; settles too when the router closes first. */
async function pour(socket: Socket, chunks: Iterable<Buffer | string>): Promise<void> {
  for (const chunk of chunks) {
    if (socket.destroyed) return
    if (!socket.write(chunk)) await roomOrEnd(socket)
  }
}

function roomOrEnd(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}

/** Counts now, and a wait for one of them to rise. */
async function refused(reason: string): Promise<{ readonly rises: (by?: number) => Promise<void> }> {
  const before = (await router.status()).refused[reason] ?? 0
  return {
    rises: async (by = 1) => {
      await router.until(({ refused: now }) => (now[reason] ?? 0) >= before + by)
    },
  }
}

async function received(): Promise<number> {
  return (await router.status()).received
}

test.each(['udp', 'tcp', 'tls'])(
  'every malformed fixture through %s is an event for nobody, and none is lost',
  async (listener) => {
    const text = readFileSync(join(root, 'fixtures/malformed.log'))
    const lines = text
      .toString('latin1')
      .split('\n')
      .filter((line) => line !== '')
    const before = await router.status()
    if (listener === 'udp') {
      const socket = createSocket('udp4')
      for (const line of lines) await sendTo(socket, Buffer.from(line, 'latin1'))
      socket.close()
    } else {
      const socket = listener === 'tcp' ? await attack('tcp') : await secureTo(router.port('tls'))
      socket.end(text)
      await closed(socket)
    }
    const after = await router.until((ledger) => ledger.received - before.received >= lines.length)
    expect(after.received - before.received).toBe(lines.length)
    expect(after.orphaned - before.orphaned).toBe(lines.length)
  },
)

function sendTo(socket: ReturnType<typeof createSocket>, bytes: Buffer): Promise<unknown> {
  return new Promise((done) => socket.send(bytes, router.port('udp'), '127.0.0.1', done))
}

test('random datagrams of every size, empty ones too, are each received, refused or dropped by the kernel', async () => {
  const random = seeded(seed())
  const before = await router.status()
  const socket = createSocket('udp4')
  const sizes = [0, 1, 2, 65_507, ...Array.from({ length: 500 }, () => Math.floor(random() * 3000))]
  for (const size of sizes) await sendTo(socket, randomBytes(random, size))
  socket.close()
  const gone = async (): Promise<number> => {
    const text = await (await fetch(`${router.admin}/metrics`)).text()
    return Number(/^logweir_udp_kernel_drops_total\{[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0)
  }
  const accounted = async (): Promise<number> => {
    const { received: now, refused: why } = await router.status()
    return now - before.received + (why['empty'] ?? 0) - (before.refused['empty'] ?? 0) + (await gone())
  }
  await expect.poll(accounted, { timeout: 10_000 }).toBe(sizes.length)
})

test('random bytes over TCP, in random pieces, on many connections', async () => {
  const random = seeded(seed())
  for (let n = 0; n < 40; n++) {
    const socket = await attack('tcp')
    await pour(
      socket,
      Array.from({ length: 20 }, () => randomBytes(random, 1 + Math.floor(random() * 4000))),
    )
    if (random() < 0.5) socket.end()
    else socket.resetAndDestroy()
    await closed(socket)
  }
})

test('random bytes on the TLS port, bare and behind a handshake', async () => {
  const random = seeded(seed())
  const failed = await refused('handshake_failed')
  const plain = await refused('plain_on_tls')
  for (let n = 0; n < 20; n++) {
    const bare = await attack('tls')
    const bytes = randomBytes(random, 500)
    bytes[0] = n % 2 === 0 ? 0x16 : 0x47
    bare.end(bytes)
    await closed(bare)
    const secure = await secureTo(router.port('tls'))
    await pour(secure, [randomBytes(random, 5000)])
    secure.end()
    await closed(secure)
  }
  await failed.rises(10)
  await plain.rises(10)
})

function seed(): number {
  const one = runSeed()
  say(`seed ${one}`)
  return one
}

test('a count that is too short ends the connection, counted; nothing after it is an event', async () => {
  const reason = await refused('desynchronised')
  const socket = await attack('tcp')
  const line = dfwLine(0, 999_999)
  socket.write(`10 ${line}`)
  await closed(socket)
  await reason.rises()
  expect(siem.seen.has(999_999)).toBe(false)
})

test('a count that is too long waits for its bytes, holds no memory for them, and is given up in time', async () => {
  const reason = await refused('frame_timeout')
  const watch = new MemoryWatch(router.pid)
  const liars = await Promise.all(Array.from({ length: 25 }, () => attack('tcp')))
  for (const socket of liars) socket.write('9999999 <13>1 2026-05-15T19:41:25.001Z h a - - - x')
  await served()
  await Promise.all(liars.map(closed))
  await reason.rises(25)
  const grown = watch.stop()
  say(`25 counts of 9,999,999: memory grew by ${mib(grown)}`)
  expect(grown).toBeLessThan(50 * MIB)
})

test('a line without an end costs its bounded part of memory, and the next line is an event', async () => {
  const before = await received()
  const watch = new MemoryWatch(router.pid)
  const socket = await attack('patient')
  const piece = Buffer.alloc(MIB, 'x')
  await pour(socket, ['<13>', ...Array.from({ length: LONG_LINE / MIB }, () => piece)])
  expect(socket.destroyed).toBe(false)
  socket.end('\n<13>after the long line\n')
  await closed(socket)
  const grown = watch.stop()
  say(`a line of ${mib(LONG_LINE)}: memory grew by ${mib(grown)}`)
  expect(grown).toBeLessThan(100 * MIB)
  // The beginning of the long one, cut at `frame_max`, the next one, and what `served` has sent meanwhile.
  await router.until((ledger) => ledger.received >= before + 2)
  expect(await received()).toBe(before + 2)
})

test('a TLS handshake on the plain port, and plain text on the TLS port, are refused by name and never events', async () => {
  const before = await received()
  const tls_on_plain = await refused('tls_on_plain')
  const plain_on_tls = await refused('plain_on_tls')
  const hello = connectTls({ port: router.port('tcp'), host: '127.0.0.1', rejectUnauthorized: false })
  await closed(hello)
  const plain = await attack('tls')
  plain.write('<13>1 2026-05-15T19:41:25.001Z h a - - - plain text\n')
  await closed(plain)
  await tls_on_plain.rises()
  await plain_on_tls.rises()
  expect(await received()).toBe(before)
})

test('senders that stall, in a frame and in a handshake, are closed in their time; idle ones are not', async () => {
  const frame = await refused('frame_timeout')
  const shake = await refused('handshake_timeout')
  const idle = await attack('tcp')
  const stalled = await Promise.all([attack('tcp'), attack('tls'), attack('tls')])
  stalled[0].write('<13>1 half a fra')
  stalled[1].write(Buffer.from([0x16, 3, 1]))
  await served()
  await Promise.all(stalled.map(closed))
  await frame.rises()
  await shake.rises()
  expect(idle.destroyed).toBe(false)
})

test('a flood of connections past the limit is refused by count; who is in stays in and is served', async () => {
  const reason = await refused('connections_per_address')
  const fds = descriptors(router.pid)
  const inside = await Promise.all(Array.from({ length: 30 }, () => attack('tcp')))
  const flood = await Promise.all(Array.from({ length: 400 }, () => attack('tcp').catch(() => undefined)))
  await served()
  await reason.rises(400)
  expect(inside.every((socket) => !socket.destroyed)).toBe(true)
  for (const socket of [...inside, ...flood]) socket?.destroy()
  await expect.poll(() => descriptors(router.pid), { timeout: 10_000 }).toBeLessThanOrEqual(fds + 5)
})

test('a flood from many addresses past connections_max leaves who is in alone', async () => {
  const reason = await refused('connections_max')
  await Promise.all(
    Array.from({ length: 300 }, (_, n) => attack('tcp', `127.0.1.${n % 250}`).catch(() => undefined)),
  )
  await served()
  await reason.rises(300 - 40)
})

test('a flood of handshakes that never begin is refused by count, and an honest one succeeds', async () => {
  const reason = await refused('handshakes_per_address')
  await Promise.all(Array.from({ length: 100 }, () => attack('tls').catch(() => undefined)))
  const secure = await secureTo(router.port('tls'))
  secure.end(`${dfwLine(0, honest_sent)}\n`)
  honest_sent += 1
  await siem.until(() => siem.seen.size >= honest_sent)
  await reason.rises(92)
})
