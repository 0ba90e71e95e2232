/** More than the router can do, from everybody at once: tenants get shares, and not whoever came first or shouts loudest (R27). */
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const TENANTS = 10
/** Events of each tenant, sent as fast as they are taken: several times what the system reads of one connection in one go (2 MiB). */
const EACH = 40_000

/** Of those who do not flood. */
const FEW = 2000

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function scene(numbers: number): Promise<{ router: Router; sinks: NumberSink[] }> {
  const sinks = await Promise.all(Array.from({ length: TENANTS }, () => new NumberSink(numbers).open()))
  ends.push(...sinks.map((sink) => () => sink.close()))
  // Memory for all that a tenant sends, and time: who is served when is asked here, not whether the disk keeps up when this process
  // reads slowly.
  const tenants = sinks.map(({ url }, n) =>
    tenantRules(n, [{ name: 'siem', to: url, queue: { memory_max: '64MiB' } }]),
  )
  const queue = { memory_max: '1GiB', tenant_memory_max: '64MiB', spill_after: '1m' }
  const router = new Router({ listeners, queue }, { tenants })
  ends.push(() => router.clean())
  await router.start()
  return { router, sinks }
}

function* events(tenant: number, count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield dfwLine(tenant, n)
}

test('R27: equal tenants send all they can: when the first has everything none is far behind', async () => {
  const { router, sinks } = await scene(EACH)
  const port = router.port('tcp')
  const sending = Promise.all(sinks.map((_, tenant) => sendLines(port, events(tenant, EACH))))
  const [first] = sinks as [NumberSink]
  await first.until(() => sinks.some(({ distinct }) => distinct === EACH))
  const had = sinks.map(({ distinct }) => distinct)
  await sending
  const ledger = await router.until(
    ({ received, forwarders }) =>
      received === TENANTS * EACH &&
      forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  expectBalanced(ledger)
  for (let tenant = 0; tenant < TENANTS; tenant++)
    expect(forwarderOf(ledger, `tenant-${tenant}`, 'siem').dropped).toEqual({})
  for (const sink of sinks) await sink.until(() => sink.distinct === EACH)
  say(`R27: when the first tenant had its ${EACH}, the last had ${Math.min(...had)}`)
  expect(Math.min(...had)).toBeGreaterThan(EACH / 20)
  expect(await router.stop()).toBe(0)
})

test('R27: a tenant that floods over many connections, and began before all others, does not make them wait until it is done', async () => {
  const flood = 30_000
  const { router, sinks } = await scene(flood)
  const port = router.port('tcp')
  const [loud, ...quiet] = sinks as [NumberSink, ...NumberSink[]]
  let stopped = false
  function* endless(): Generator<string> {
    for (let n = 0; !stopped; n = (n + 1) % flood) yield dfwLine(0, n)
  }
  const flooding = Array.from({ length: 5 }, () => sendLines(port, endless()))
  await loud.until(() => loud.lines > flood)
  const [before] = [loud.lines]
  await Promise.all(quiet.map((_, n) => sendLines(port, events(n + 1, FEW))))
  for (const sink of quiet) await sink.until(() => sink.distinct === FEW)
  const meanwhile = loud.lines - before
  stopped = true
  await Promise.all(flooding)
  say(`R27: while ${quiet.length} tenants had ${quiet.length * FEW} events, the loud one had ${meanwhile}`)
  // It went on all the time, and they did not have to wait for its end, which never came.
  expect(meanwhile).toBeGreaterThan(0)
  const ledger = await router.until(({ forwarders }) =>
    forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  expectBalanced(ledger)
  for (const [n, sink] of quiet.entries()) {
    expect([sink.lines, sink.inversions]).toEqual([FEW, 0])
    expect(forwarderOf(ledger, `tenant-${n + 1}`, 'siem').dropped).toEqual({})
  }
  expect(await router.stop()).toBe(0)
})
