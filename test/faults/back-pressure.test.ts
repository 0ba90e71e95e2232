/** When what may be held is used up, senders over TCP wait: nothing is dropped, memory is flat, and it goes on by itself (R44). */
import { createSocket } from 'node:dgram'
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { MemoryWatch, MIB, mib } from '../support/process.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router } from '../support/router.ts'
import { say } from '../support/say.ts'

const COUNT = 250_000
const allow = ['127.0.0.0/8']
const listeners = [
  { name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow },
  { name: 'udp', transport: 'udp', bind: '127.0.0.1:0', allow },
]

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

test('R44: a provider’s forwarder that may block holds TCP senders up, refuses datagrams by count, and loses nothing', async () => {
  const sink = await new NumberSink(COUNT).open()
  ends.push(() => sink.close())
  await sink.close()
  const queue = { memory_max: '8MiB', disk_max: '4MiB', when_full: 'block' }
  const retry = { first: '20ms', max: '100ms' }
  const rules = { provider: { forwarders: [{ name: 'all', to: sink.url, queue, retry }] } }
  const router = new Router(
    { listeners, spool: { compression: 'off' }, queue: { memory_max: '32MiB' } },
    rules,
  )
  ends.push(() => router.clean())
  await router.start()
  const watch = new MemoryWatch(router.pid)
  let sent = 0
  const sending = sendLines(
    router.port('tcp'),
    (function* lines() {
      for (; sent < COUNT; sent++) yield dfwLine(0, sent)
    })(),
  )
  // The sender is held up: neither side of the books moves between two looks.
  let [before, now] = [-1, 0]
  while (before !== now || now === 0) {
    await new Promise((done) => setTimeout(done, 1000))
    before = now
    now = (await router.status()).received
  }
  expect(now).toBeLessThan(COUNT)
  const datagram = createSocket('udp4')
  await new Promise((done) => datagram.send('<13>too much', router.port('udp'), '127.0.0.1', done))
  datagram.close()
  await router.until(({ refused }) => (refused['queue_full'] ?? 0) === 1)
  const held = forwarderOf(await router.status(), 'provider', 'all')
  say(
    `R44: held up after ${now} of ${COUNT} events; ${mib(held.queued_bytes)} in memory, ${mib(held.spooled_bytes)} on disk`,
  )
  expect(held.dropped).toEqual({})

  await sink.open()
  await sending
  await sink.until(() => sink.distinct === COUNT)
  const end = await router.until((ledger) => forwarderOf(ledger, 'provider', 'all').delivered === COUNT)
  expectBalanced(end)
  expect(forwarderOf(end, 'provider', 'all').dropped).toEqual({})
  const grown = watch.stop()
  say(`R44: memory grew by ${mib(grown)}`)
  expect(grown).toBeLessThan(32 * MIB + 150 * MIB)
  expect(await router.stop()).toBe(0)
})
