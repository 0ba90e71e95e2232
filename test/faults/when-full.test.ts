/** What is dropped when a forwarder is full is what came less what it keeps, to the event, by its own policy (R17). */
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

const COUNT = 40_000
const allow = ['127.0.0.0/8']

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function sink(): Promise<NumberSink> {
  const one = await new NumberSink(COUNT).open()
  ends.push(() => one.close())
  await one.close()
  return one
}

function* numbered(from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) yield dfwLine(0, n)
}

test('R17: with `drop_oldest` and `drop_newest` dropped is what came less what is kept, exactly, and what is kept arrives', async () => {
  const sinks = { drop_oldest: await sink(), drop_newest: await sink(), roomy: await sink() }
  const retry = { first: '20ms', max: '100ms' }
  const small = { memory_max: '1MiB', disk_max: '2MiB' }
  const forwarders = [
    ...(['drop_oldest', 'drop_newest'] as const).map((when_full) => ({
      name: when_full,
      to: sinks[when_full].url,
      retry,
      queue: { ...small, when_full },
    })),
    { name: 'roomy', to: sinks.roomy.url, retry },
  ]
  const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow }]
  const settings = { listeners, spool: { compression: 'off' }, queue: { spill_after: '100ms' } }
  const router = await new Router(settings, { tenants: [tenantRules(0, forwarders)] }).start()
  ends.push(() => router.clean())
  await sendLines(router.port('tcp'), numbered(0, COUNT), 30_000)
  const full = await router.until(({ received }) => received === COUNT)
  expectBalanced(full)
  for (const name of ['drop_oldest', 'drop_newest'])
    expect(forwarderOf(full, 'tenant-0', name).dropped['queue_full']).toBeGreaterThan(0)
  for (const one of Object.values(sinks)) await one.open()
  const end = await router.until((ledger) =>
    ledger.forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
  )
  expectBalanced(end)
  for (const [name, one] of Object.entries(sinks)) {
    const { enqueued, dropped, delivered } = forwarderOf(end, 'tenant-0', name)
    const gone = dropped['queue_full'] ?? 0
    expect([name, enqueued, Object.keys(dropped)]).toEqual([name, COUNT, gone > 0 ? ['queue_full'] : []])
    await one.until(() => one.distinct === delivered)
    // Nothing twice, and nothing that was counted as dropped.
    expect([name, one.lines, one.missing(COUNT)]).toEqual([name, COUNT - gone, gone])
    say(`R17 ${name}: ${gone} of ${COUNT} dropped`)
  }
  // What came last is kept and nothing of what came first, or what came first.
  expect([sinks.drop_oldest.times[COUNT - 1], sinks.drop_oldest.times[0]]).toEqual([1, 0])
  expect([sinks.drop_newest.times[COUNT - 1], sinks.drop_newest.times[0]]).toEqual([0, 1])
  expect(await router.stop()).toBe(0)
})
