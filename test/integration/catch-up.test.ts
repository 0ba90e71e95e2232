import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const BACKLOG = 40_000
const LIVE = 500
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

function* events(tenant: number, from: number, count: number): Generator<string> {
  for (let n = from; n < from + count; n++) yield dfwLine(tenant, n)
}

test('after an outage the backlog is sent at its rate, others do not wait for it, order stays, and a reload lifts the rate', async () => {
  const [late, other] = [new NumberSink(BACKLOG + LIVE), await new NumberSink(LIVE).open()]
  await late.open()
  ends.push(
    () => late.close(),
    () => other.close(),
  )
  const rules = (catch_up_max?: number): object => ({
    tenants: [
      tenantRules(0, [
        // All of it fits into memory: a slow disk is not what this is about.
        { name: 'siem', to: late.url, retry: { max: '200ms' }, queue: { memory_max: '32MiB', catch_up_max } },
      ]),
      tenantRules(1, [{ name: 'siem', to: other.url }]),
    ],
  })
  // Forty seconds for the backlog: far longer than everything below takes.
  const router = new Router({ listeners }, rules(1000))
  ends.push(() => router.clean())
  await late.close()
  await router.start()
  const port = router.port('tcp')
  await sendLines(port, events(0, 0, BACKLOG))
  await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').spooled > BACKLOG * 0.9)
  await late.open()
  await late.until(() => late.lines > 0)
  await Promise.all([sendLines(port, events(1, 0, LIVE)), sendLines(port, events(0, BACKLOG, LIVE))])
  await other.until(() => other.distinct === LIVE)
  const ledger = await router.until(({ received }) => received === BACKLOG + LIVE * 2)
  expect(forwarderOf(ledger, 'tenant-0', 'siem').spooled).toBeGreaterThan(BACKLOG / 10)
  expectBalanced(ledger)

  router.writeRules(rules())
  router.signal('SIGHUP')
  await late.until(() => late.distinct === BACKLOG + LIVE)
  expect([late.inversions, late.missing(BACKLOG + LIVE)]).toEqual([0, 0])
  const end = await router.until((at) => forwarderOf(at, 'tenant-0', 'siem').delivered === BACKLOG + LIVE)
  expect(forwarderOf(end, 'tenant-0', 'siem').dropped).toEqual({})
  expectBalanced(end)
  expect(await router.stop()).toBe(0)
})
