/**
 * Very many connections that never get anywhere, against the running router: who sends a byte now and then (R39), who only
 * connects (R41), who begins a handshake and stops (R46). Honest senders notice nothing, and the router stays small.
 */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { descriptors, MIB, mib, processorMs, residentBytes } from '../support/process.ts'
import { Receiver } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** By hand: LOGWEIR_FAULT_SLOW=2000 LOGWEIR_FAULT_CONNECTS=10000 LOGWEIR_FAULT_HANDSHAKES=5000. */
const SLOW = Number(process.env['LOGWEIR_FAULT_SLOW'] ?? 2000)
const CONNECTS = Number(process.env['LOGWEIR_FAULT_CONNECTS'] ?? 4000)
const HANDSHAKES = Number(process.env['LOGWEIR_FAULT_HANDSHAKES'] ?? 1500)
/** So that the attackers' limits are not the honest senders'. */
const ATTACKER = '127.0.0.66'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const common = { bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }

async function start(listener: object): Promise<{ router: Router; siem: Receiver }> {
  const siem = await new Receiver().open()
  ends.push(() => siem.close())
  const rules = { tenants: [tenantRules(0, [{ name: 'siem', to: siem.url }])] }
  const router = new Router({ listeners: [{ name: 'in', ...common, ...listener }] }, rules)
  ends.push(() => router.clean())
  return { router: await router.start(), siem }
}

async function attack(router: Router): Promise<Socket> {
  const socket = connect({ port: router.port('in'), host: '127.0.0.1', localAddress: ATTACKER })
  ends.push(async () => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** As many at once as the listen queue takes. */
async function attackers(router: Router, count: number, each: (socket: Socket) => void): Promise<Socket[]> {
  const all: Socket[] = []
  while (all.length < count) {
    const some = Math.min(250, count - all.length)
    const sockets = await Promise.all(Array.from({ length: some }, () => attack(router)))
    for (const socket of sockets) each(socket)
    all.push(...sockets)
  }
  return all
}

const gone = (socket: Socket): Promise<unknown> =>
  socket.destroyed ? Promise.resolve() : once(socket, 'close').catch(() => undefined)

/** Sends numbered events over a connection that was open before all else, and waits until they have arrived. */
class Honest {
  #sent = 0
  readonly #siem: Receiver
  readonly #write: (text: string) => void

  constructor(siem: Receiver, write: (text: string) => void) {
    this.#siem = siem
    this.#write = write
  }

  async served(): Promise<void> {
    const from = this.#sent
    this.#sent += 100
    const lines = Array.from({ length: 100 }, (_, n) => `${dfwLine(0, from + n)}\n`)
    this.#write(lines.join(''))
    await this.#siem.until(() => this.#siem.lines >= this.#sent)
    expect(this.#siem.missing(this.#sent)).toEqual([])
  }
}

async function honestSender(router: Router, siem: Receiver): Promise<Honest> {
  const socket = connect(router.port('in'), '127.0.0.1')
  ends.push(async () => socket.destroy())
  await once(socket, 'connect')
  return new Honest(siem, (text) => void socket.write(text))
}

test(`R39: ${SLOW} connections that send a byte now and then are closed in time and cost next to nothing`, async () => {
  const { router, siem } = await start({
    transport: 'tcp',
    frame_timeout: '3s',
    connections_per_address: 10_000,
    connections_max: 10_000,
  })
  const honest = await honestSender(router, siem)
  await honest.served()
  const [memory, cpu, began] = [residentBytes(router.pid), processorMs(router.pid), performance.now()]
  const slow = await attackers(router, SLOW, (socket) => socket.resume())
  const drip = setInterval(() => {
    for (const socket of slow) if (!socket.destroyed) socket.write('x')
  }, 400)
  ends.push(async () => clearInterval(drip))
  await Promise.all(slow.map(gone))
  await honest.served()
  const grown = residentBytes(router.pid) - memory
  const load = (processorMs(router.pid) - cpu) / (performance.now() - began)
  say(`R39: ${mib(grown)} more memory, ${(load * 100).toFixed(0)} % of a core while ${SLOW} were held`)
  expect(grown).toBeLessThan(64 * MIB)
  const ledger = await router.status()
  expect(ledger.refused).toEqual({ frame_timeout: SLOW })
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
})

test(`R41: ${CONNECTS} connections above the limit are accepted, closed and counted; who is in is served`, async () => {
  const { router, siem } = await start({
    transport: 'tcp',
    connections_per_address: 100,
    connections_max: 120,
  })
  const honest = await honestSender(router, siem)
  const held = await attackers(router, 100, (socket) => socket.resume())
  let before = 0
  for (let done = 0; done < CONNECTS; done += 250) {
    const some = await attackers(router, 250, (socket) => socket.resume())
    await Promise.all(some.map(gone))
    await honest.served()
    // From the second round on nothing more is held.
    if (done === 0) before = descriptors(router.pid)
  }
  const ledger = await router.until(({ refused }) => (refused['connections_per_address'] ?? 0) >= CONNECTS)
  expect(ledger.refused).toEqual({ connections_per_address: CONNECTS })
  expect(held.every((socket) => !socket.destroyed)).toBe(true)
  expect(descriptors(router.pid)).toBeLessThanOrEqual(before + 5)
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
})

/** The beginning of a ClientHello: a record of 512 bytes is announced. */
const HALF_HELLO = Buffer.from('1603010200010001fc0303', 'hex')

test(`R46: ${HANDSHAKES} handshakes that never begin or never end are refused by count, and honest ones succeed`, async () => {
  const { router, siem } = await start({
    transport: 'tls',
    connections_per_address: 10_000,
    connections_max: 10_000,
    tls: {
      certificate: 'c/r.crt',
      key: 'c/r.key',
      generate: true,
      handshake_timeout: '1s',
      handshakes_per_address: 64,
    },
  })
  const secure = (): Promise<Honest> =>
    new Promise((resolve, reject) => {
      const options = { port: router.port('in'), host: '127.0.0.1', rejectUnauthorized: false }
      const socket = connectTls(options, () => resolve(new Honest(siem, (text) => void socket.write(text))))
      socket.on('error', reject)
      ends.push(async () => socket.destroy())
    })
  const first = await secure()
  await first.served()
  let slowest = 0
  let nth = 0
  const flood = (async () => {
    for (let done = 0; done < HANDSHAKES; done += 250) {
      await attackers(router, 250, (socket) => {
        socket.resume()
        const what = nth++ % 3
        if (what > 0) socket.write(what === 1 ? HALF_HELLO.subarray(0, 1) : HALF_HELLO)
      })
    }
  })()
  for (let n = 0; n < 30; n++) {
    const began = performance.now()
    await secure()
    slowest = Math.max(slowest, performance.now() - began)
  }
  await flood
  await first.served()
  say(`R46: the slowest of 30 honest handshakes took ${slowest.toFixed(0)} ms`)
  const counted = (refused: Readonly<Record<string, number>>): number =>
    Object.values(refused).reduce((sum, count) => sum + count, 0)
  const ledger = await router.until(({ refused }) => counted(refused) >= HANDSHAKES)
  expect(Object.keys(ledger.refused).toSorted()).toEqual(['handshake_timeout', 'handshakes_per_address'])
  expect(counted(ledger.refused)).toBe(HANDSHAKES)
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
})
