/**
 * Plain syslog over TCP has no acknowledgement: a destination that stops reading holds a bounded part of memory (R53),
 * and one that dies takes with it at most what the window no longer had (R54).
 */
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { NumberSink, type Pace } from '../support/numbers.ts'
import { MemoryWatch, MIB, mib } from '../support/process.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { blackHole } from '../support/sinks.ts'

/** By hand: LOGWEIR_FAULT_KILLS=200. */
const KILLS = Number(process.env['LOGWEIR_FAULT_KILLS'] ?? 20)
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const retry = { first: '10ms', max: '50ms' }

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function started(settings: object, rules: object): Promise<Router> {
  const router = new Router(settings, rules)
  ends.push(() => router.clean())
  return router.start()
}

function* events(count: number, tenants = 1): Generator<string> {
  for (let n = 0; n < count; n++) yield dfwLine(n % tenants, n)
}

test('R53: destinations that never read: memory is bounded and flat while senders go on, and what is held is counted', async () => {
  const memory_max = 64 * MIB
  const share = 16 * MIB
  const count = 400_000
  const holes = await Promise.all(Array.from({ length: 6 }, blackHole))
  ends.push(...holes.map((hole) => () => hole.close()))
  const queue = { memory_max: '16MiB', disk_max: '32MiB' }
  const forwarders = holes.map(({ port }, n) => ({ name: `hole${n}`, to: `tcp://127.0.0.1:${port}`, queue }))
  const router = await started(
    { listeners, spool: { compression: 'off' }, queue: { memory_max: '64MiB' } },
    { tenants: [tenantRules(0, forwarders)] },
  )
  const watch = new MemoryWatch(router.pid)
  const held: number[] = []
  let most = 0
  let sending = true
  const watching = (async () => {
    while (sending) {
      const { forwarders: all } = await router.status()
      held.push(all.reduce((sum, one) => sum + one.queued_bytes, 0))
      most = Math.max(most, ...all.map((one) => one.queued_bytes))
      await new Promise((done) => setTimeout(done, 100))
    }
  })()
  await sendLines(router.port('tcp'), events(count))
  await router.until(({ received }) => received === count)
  sending = false
  await watching
  const ledger = await router.status()
  expectBalanced(ledger)
  say(
    `R53: resident ${mib(watch.at_start)} before, ${mib(watch.most)} at most; held ${mib(Math.max(...held))} at most`,
  )
  say(`R53: one forwarder held ${mib(most)} at most, its share is ${mib(share)}`)
  // Reading stops at the bound: the read at hand may still pass it.
  expect(Math.max(...held)).toBeLessThanOrEqual(memory_max + 2 * MIB)
  // Copies on their way to the disk come on top, a quarter of the share at most.
  expect(most).toBeLessThanOrEqual(share * 1.3)
  // From source the process itself takes 170 MiB; the bench holds the figure for built code.
  expect(watch.stop()).toBeLessThan(memory_max + 150 * MIB)
  for (const one of ledger.forwarders) {
    expect(one.enqueued).toBe(count)
    expect(Object.keys(one.dropped)).toEqual(['queue_full'])
    // What the peer's system took is not delivered: nobody has read it.
    expect(one.delivered).toBeLessThan(count / 10)
  }
  await router.stop()
})

/** Bytes that the kernel may hold between two processes at most, both ends together. */
function kernelBytes(): number {
  const most = (name: string): number =>
    Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split(/\s+/)[2])
  return most('tcp_rmem') + most('tcp_wmem')
}

interface Killed {
  readonly lost: number
  readonly doubled: number
  /** Of one line. */
  readonly bytes: number
}

/** Kills the sink again and again in the middle of a stream; what was lost and doubled. */
async function killed(replay: string, rate: number, pace?: Pace, memory_max = '64MiB'): Promise<Killed> {
  const sink = await new NumberSink(KILLS * 100_000, pace).open()
  ends.push(() => sink.close())
  const forwarder = { name: 'siem', to: sink.url, replay, retry, queue: { memory_max } }
  const router = await started(
    { listeners, queue: { memory_max: '512MiB' } },
    { tenants: [tenantRules(0, [forwarder])] },
  )
  let count = 0
  let kills = 0
  const sending = sendLines(
    router.port('tcp'),
    (function* stream() {
      while (kills < KILLS && count < sink.times.length) {
        yield dfwLine(0, count)
        count += 1
      }
    })(),
    rate,
  )
  for (; kills < KILLS; kills++) {
    const goal = sink.distinct + 1500
    await sink.until(() => sink.distinct >= goal)
    await sink.close()
    await sink.open()
  }
  sink.pace = undefined
  await sending
  const settled = await router.until(
    (ledger) => forwarderOf(ledger, 'tenant-0', 'siem').delivered === count,
    60_000,
  )
  expectBalanced(settled)
  expect(forwarderOf(settled, 'tenant-0', 'siem').dropped).toEqual({})
  // The end of the stream is in no window any more when nothing is in flight, but may still be on its way.
  await sink.until(() => sink.times[count - 1] !== 0)
  await router.stop()
  const killedBy = { lost: sink.missing(count), doubled: sink.doubled, bytes: dfwLine(0, count).length + 1 }
  say(
    `R54: ${kills} kills in ${count} events, window ${replay}: ${killedBy.lost} lost, ${killedBy.doubled} doubled`,
  )
  return killedBy
}

/** 6.4 MB a second; senders at three times that keep everything between full. */
const SLOW: Pace = { bytes: 65_536, every_ms: 10 }
const FAST_SENDER = 100_000

test('R54: a destination that keeps up and is killed again and again loses nothing', async () => {
  const { lost, doubled, bytes } = await killed('4MiB', 20_000)
  expect(lost).toBe(0)
  expect(doubled).toBeLessThanOrEqual((KILLS * 4 * MIB) / bytes)
})

test('R54: one that is slower than what comes loses nothing either when the window is as large as the systems’ buffers', async () => {
  // The window may take half of what the forwarder may hold, less what waits.
  const window = Math.ceil(kernelBytes() / MIB)
  const { lost, doubled, bytes } = await killed(`${window}MiB`, FAST_SENDER, SLOW, `${window * 4}MiB`)
  expect(lost).toBe(0)
  expect(doubled).toBeLessThanOrEqual((KILLS * window * MIB) / bytes)
})

test.each([
  ['64KiB', 65_536],
  ['4MiB', 4 * MIB],
] as const)(
  'R54: with a window of %s it loses at most what the systems held beyond that',
  async (replay, window) => {
    const { lost, doubled, bytes } = await killed(replay, FAST_SENDER, SLOW)
    const bound = Math.round((KILLS * (kernelBytes() - window)) / bytes)
    say(`R54: at most ${bound} may be lost`)
    expect(lost).toBeLessThanOrEqual(bound)
    // Whole batches are settled: at most two of 64 KiB more than the window are in it.
    expect(doubled).toBeLessThanOrEqual((KILLS * (window + 2 * 65_536)) / bytes)
  },
)
