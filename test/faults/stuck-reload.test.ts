/**
 * A reload does not wait for data that cannot leave (R62). Every destination is dead in one of the ways of being dead, queues
 * and spool hold what they did not take, and each reload changes, removes or brings back forwarders that stand still.
 */
import { afterEach, expect, test } from 'vitest'
import type { Reload } from '../../src/control/reload-book.ts'
import { noSynAnswer } from '../support/no-answer.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { blackHole, httpSink, noServerHello, refuse } from '../support/sinks.ts'

const EVENTS = 5000
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function kept<T extends { close: () => Promise<unknown> }>(making: Promise<T>): Promise<T> {
  const made = await making
  ends.push(() => made.close())
  return made
}

/** A forwarder for each way, `round` makes its settings other ones. */
async function deadForwarders(): Promise<(round: number) => object[]> {
  const hole = await kept(blackHole())
  const silent = await kept(noSynAnswer())
  const noHello = await kept(noServerHello())
  const hanging = await kept(httpSink(() => ({ status: 200, hang: true })))
  const closed = await refuse()
  return (round) => {
    const common = { timeout: { connect: `${10 + round}s` } }
    return [
      { name: 'refused', to: `tcp://127.0.0.1:${closed}`, ...common },
      { name: 'hole', to: `tcp://127.0.0.1:${hole.port}`, ...common },
      { name: 'silent', to: `tcp://127.0.0.1:${silent.port}`, ...common },
      { name: 'hello', to: `tls://127.0.0.1:${noHello.port}`, ...common },
      { name: 'http', type: 'http', to: `http://127.0.0.1:${hanging.port}`, ...common },
      { name: 'always', to: `tcp://127.0.0.1:${hole.port}`, spool: 'always', ...common },
    ]
  }
}

test('R62: reloads that change, remove and bring back forwarders are answered while every destination is stuck', async () => {
  const dead = await deadForwarders()
  const siem = await kept(new Receiver().open())
  const rules = (round: number, with_dead: boolean): object => ({
    tenants: [tenantRules(0, with_dead ? dead(round) : []), tenantRules(1, [{ name: 'siem', to: siem.url }])],
  })
  const router = new Router(
    { listeners, queue: { memory_max: '16MiB', spill_after: '200ms' } },
    rules(0, true),
  )
  ends.push(() => router.clean())
  await router.start()
  const lines = (from: number): Generator<string> =>
    (function* () {
      for (let n = from; n < from + EVENTS; n++) yield dfwLine(n % 2, n)
    })()
  await sendLines(router.port('tcp'), lines(0))
  await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'always').enqueued === EVENTS / 2)
  const took: number[] = []
  for (const [round, with_dead] of [true, false, true, true].entries()) {
    router.writeRules(rules(round + 1, with_dead))
    const began = performance.now()
    const { outcome } = (await router.ask('/api/v1/reload', 'POST')) as Reload
    took.push(Math.round(performance.now() - began))
    expect(outcome).toBe('accepted')
  }
  say(`R62: ${took.join(', ')} ms for each reload with everything stuck; 5,000 ms are allowed`)
  // Events under the last rules go where they should, and what is stuck is still held or counted.
  await sendLines(router.port('tcp'), lines(EVENTS))
  await siem.until(() => siem.lines >= EVENTS)
  const ledger = await router.until((one) => forwarderOf(one, 'tenant-0', 'always').enqueued === EVENTS)
  expectBalanced(ledger)
  for (const { name } of dead(0) as { name: string }[]) {
    const one = forwarderOf(ledger, 'tenant-0', name)
    expect([one.enqueued, one.delivered]).toEqual([
      EVENTS,
      name === 'hole' || name === 'always' ? one.delivered : 0,
    ])
  }
})
