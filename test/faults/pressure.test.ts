/** Out of descriptors and short of memory, in the whole running router: it lives, counts what it drops, and goes on by itself. */
import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { descriptors, MIB, MemoryWatch, mib } from '../support/process.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const retry = { first: '20ms', max: '100ms' }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function sinks(count: number, numbers: number): Promise<NumberSink[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new NumberSink(numbers).open()))
  ends.push(...made.map((sink) => () => sink.close()))
  return made
}

function* events(tenants: number, from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) for (let tenant = 0; tenant < tenants; tenant++) yield dfwLine(tenant, n)
}

/** Of a running process; false where the system has no `prlimit`. */
function limit(pid: number, what: string): boolean {
  try {
    execFileSync('prlimit', ['--pid', String(pid), what], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

const TENANTS = 20
const EACH = 2000

test('not one descriptor left, for spool files, destinations and senders: it lives, and delivers all once it has some again', async (context) => {
  const all = await sinks(TENANTS, EACH * 2)
  for (const sink of all) await sink.close()
  const tenants = all.map(({ url }, n) => tenantRules(n, [{ name: 'siem', to: url, retry }]))
  const router = new Router({ listeners, queue: { spill_after: '200ms' } }, { tenants })
  ends.push(() => router.clean())
  await router.start()
  const port = router.port('tcp')
  const before = descriptors(router.pid)
  const senders: Socket[] = []
  ends.push(() => senders.map((socket) => socket.destroy()))
  const sending = sendLines(port, events(TENANTS, 0, EACH), 20_000)
  await router.until(({ received }) => received > TENANTS * 50)
  if (!limit(router.pid, `--nofile=${before + 2}:`)) context.skip('there is no prlimit here')
  // Whatever is left is taken by connections that say nothing.
  for (let n = 0; n < 20; n++) senders.push(connect(port, '127.0.0.1').on('error', () => undefined))
  for (const sink of all) await sink.open()
  await sending.catch(() => undefined)
  await sleep(1500)
  const ledger = await router.status().catch(() => undefined)
  if (ledger !== undefined) expectBalanced(ledger)
  for (const socket of senders.splice(0)) socket.destroy()
  expect(limit(router.pid, '--nofile=4096:')).toBe(true)
  await sendLines(port, events(TENANTS, EACH, EACH * 2), 20_000)
  const end = await router.until(({ forwarders }) =>
    forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  expectBalanced(end)
  for (const [n, sink] of all.entries()) {
    const { enqueued, delivered, dropped } = forwarderOf(end, `tenant-${n}`, 'siem')
    expect([delivered, dropped]).toEqual([enqueued, {}])
    await sink.until(() => sink.distinct === enqueued)
    // What the second sender sent, when there were descriptors again, is all there.
    expect(sink.missing(EACH * 2) - sink.missing(EACH)).toBe(0)
  }
  const sum = end.forwarders.reduce((events, { enqueued }) => events + enqueued, 0)
  say(
    `descriptors: ${before} before, ${descriptors(router.pid)} after, ${sum} of ${TENANTS * EACH * 2} taken and delivered`,
  )
  expect(await router.stop()).toBe(0)
})

test('little memory for its objects, every destination dead and a flood: it lives, and what it drops is counted', async () => {
  const count = 150_000
  const [siem, archive] = (await sinks(2, count)) as [NumberSink, NumberSink]
  await siem.close()
  await archive.close()
  const queue = { memory_max: '4MiB', disk_max: '8MiB' }
  const forwarders = [
    { name: 'siem', to: siem.url, retry, queue },
    { name: 'archive', to: archive.url, retry, queue },
  ]
  const router = new Router(
    { listeners, queue: { memory_max: '16MiB' } },
    { tenants: [tenantRules(0, forwarders)] },
  )
  ends.push(() => router.clean())
  await router.start({ NODE_OPTIONS: '--max-old-space-size=48' })
  const watch = new MemoryWatch(router.pid)
  await sendLines(router.port('tcp'), events(1, 0, count))
  const full = await router.until(({ received }) => received === count)
  expectBalanced(full)
  await siem.open()
  await archive.open()
  const end = await router.until((ledger) =>
    ledger.forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  expectBalanced(end)
  for (const [name, sink] of [
    ['siem', siem],
    ['archive', archive],
  ] as const) {
    const { delivered, dropped } = forwarderOf(end, 'tenant-0', name)
    expect(Object.keys(dropped).filter((reason) => reason !== 'queue_full')).toEqual([])
    await sink.until(() => sink.distinct === delivered)
    expect(delivered + (dropped['queue_full'] ?? 0)).toBe(count)
  }
  say(`short of memory: resident ${mib(watch.at_start)} to ${mib(watch.most)}`)
  expect(watch.stop()).toBeLessThan(200 * MIB)
  expect(await router.stop()).toBe(0)
})
