/** Every destination stands still while events come: memory stays within its bound, the books say what became of each event. */
import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { MemoryWatch, MIB, mib } from '../support/process.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { StreamSink } from '../support/sinks.ts'

const TENANTS = 4
/** More than the system's buffers take. */
const EACH = 60_000
const MEMORY = 8 * MIB
/** What the process takes besides: a heap that grows and what the C library keeps, seen up to 45 MiB here. */
const BESIDES = 100 * MIB
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** Reads nothing until it is told to, and counts lines. */
class StalledSink extends StreamSink {
  count = 0
  #reads = false

  constructor() {
    super((socket) => this.#take(socket))
  }

  #take(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) this.count += 1
      this.tell()
    })
    if (!this.#reads) socket.pause()
  }

  read(): void {
    this.#reads = true
    for (const socket of this.sockets) socket.resume()
  }
}

function* events(): Generator<string> {
  for (let n = 0; n < EACH; n++) for (let tenant = 0; tenant < TENANTS; tenant++) yield dfwLine(tenant, n)
}

type Ledger = Awaited<ReturnType<Router['status']>>

const sum = (ledger: Ledger, what: 'enqueued' | 'delivered' | 'spooled'): number =>
  ledger.forwarders.reduce((all, forwarder) => all + forwarder[what], 0)

test('a stalled destination: memory stays below queue.memory_max, and every event is delivered or counted as dropped', async () => {
  const sinks = await Promise.all(Array.from({ length: TENANTS }, () => new StalledSink().listen()))
  for (const sink of sinks) ends.push(() => sink.close())
  const tenants = sinks.map(({ port }, n) =>
    tenantRules(n, [{ name: 'siem', to: `tcp://127.0.0.1:${port}`, queue: { memory_max: '2MiB' } }]),
  )
  const queue = { memory_max: '8MiB', spill_after: '200ms' }
  const router = new Router({ listeners, queue }, { tenants })
  ends.push(() => router.clean())
  await router.start()
  const watch = new MemoryWatch(router.pid)
  ends.push(() => watch.stop())
  let most_charged = 0
  const look = async (): Promise<void> => {
    const metrics = await (await fetch(`${router.admin}/metrics`)).text()
    most_charged = Math.max(
      most_charged,
      Number(/^logweir_memory_used_bytes\S* (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN),
    )
  }
  const sending = sendLines(router.port('tcp'), events(), 60_000)
  for (let sent = false; !sent; await look())
    sent = await Promise.race([
      sending.then(() => true),
      new Promise<false>((on) => setTimeout(on, 50, false)),
    ])
  const stalled = await router.until(({ received }) => received === TENANTS * EACH)
  expectBalanced(stalled)
  expect(sum(stalled, 'spooled')).toBeGreaterThan(0)
  for (const sink of sinks) sink.read()
  const end = await router.until(({ forwarders }) =>
    forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  await look()
  expectBalanced(end)
  let dropped = 0
  for (const [n, sink] of sinks.entries()) {
    const books = end.forwarders.find(({ tenant }) => tenant === `tenant-${n}`)
    const reasons = books?.dropped ?? {}
    expect(Object.keys(reasons).filter((reason) => reason !== 'queue_full')).toEqual([])
    expect((books?.delivered ?? 0) + (reasons['queue_full'] ?? 0)).toBe(books?.enqueued)
    await sink.until(() => sink.count === books?.delivered)
    dropped += reasons['queue_full'] ?? 0
  }
  const grown = watch.stop()
  say(
    `stalled: ${sum(end, 'enqueued')} events, ${dropped} of them dropped, at most ${mib(most_charged)} charged, resident grew by ${mib(grown)}`,
  )
  // The batch that is being taken when the bound is reached comes on top.
  expect(most_charged).toBeLessThan(MEMORY + MIB)
  expect(grown).toBeLessThan(MEMORY + BESIDES)
})
