/**
 * A destination that goes away in the middle of the stream: what it read before and after is every event once or
 * more, other tenants do not notice, and the books balance; also when the router stops or dies meanwhile.
 */
import { afterEach, expect, test } from 'vitest'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

/** Events of each run; by hand: LOGWEIR_FAULT_EVENTS=500000 LOGWEIR_FAULT_DOWN_MS=10000. */
const EVENTS = Number(process.env['LOGWEIR_FAULT_EVENTS'] ?? 100_000)
const DOWN_MS = Number(process.env['LOGWEIR_FAULT_DOWN_MS'] ?? 3000)
const RATE = EVENTS / ((DOWN_MS / 1000) * 3)

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
let made: Router | undefined
let victim: Receiver
let other: Receiver

afterEach(async () => {
  await made?.clean()
  await victim.close()
  await other.close()
})

async function start(): Promise<Router> {
  victim = await new Receiver().open()
  other = await new Receiver().open()
  const rules = {
    tenants: [
      tenantRules(0, [{ name: 'siem', to: victim.url }]),
      tenantRules(1, [{ name: 'siem', to: other.url }]),
    ],
  }
  made = new Router({ listeners }, rules)
  return made.start()
}

/** Both tenants in turn; tenant 0 has the even numbers. */
function* events(from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) yield dfwLine(n % 2, n)
}

const evens = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, n) => from + n).filter((n) => n % 2 === 0)
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

function missing(from: number, to: number): number[] {
  return evens(from, to).filter((n) => !victim.seen.has(n))
}

test('its process ends and comes back: every event arrives once or more, the other tenant sees no gap', async () => {
  const router = await start()
  const sending = sendLines(router.port('tcp'), events(0, EVENTS), RATE)
  await victim.until(() => victim.lines > EVENTS / 8)
  await victim.close('reset')
  await pause(DOWN_MS)
  const spooled = forwarderOf(await router.status(), 'tenant-0', 'siem')
  expect(spooled.state).toBe('retrying')
  await victim.open()
  await sending
  await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').delivered === EVENTS / 2, 60_000)
  await victim.until(() => missing(0, EVENTS).length === 0)
  expect(other.seen.size).toBe(EVENTS / 2)
  expect(other.longest_gap).toBeLessThan(1000)
  expectBalanced(await router.status())
  expect(await router.stop()).toBe(0)
})

test('the router is stopped with SIGTERM while it is away: everything is there after the restart', async () => {
  const router = await start()
  const third = EVENTS / 2
  await victim.close()
  await sendLines(router.port('tcp'), events(0, third), RATE)
  expect(await router.stop()).toBe(0)
  await router.start()
  await sendLines(router.port('tcp'), events(third, EVENTS), RATE)
  await victim.open()
  await victim.until(() => missing(0, EVENTS).length === 0)
  const ledger = await router.until((now) => {
    const { queued, spooled, in_flight } = forwarderOf(now, 'tenant-0', 'siem')
    return queued + spooled + in_flight === 0
  })
  expectBalanced(ledger)
  expect(await router.stop()).toBe(0)
})

test('the router is killed with SIGKILL while it is away: lost is at most the last moments, and how much is said', async () => {
  const router = await start()
  await victim.close()
  await sendLines(router.port('tcp'), events(0, EVENTS), RATE)
  await router.kill()
  await router.start()
  const recovered = forwarderOf(await router.status(), 'tenant-0', 'siem').enqueued
  await victim.open()
  await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').delivered === recovered, 60_000)
  await victim.until(() => victim.seen.size >= recovered)
  const lost = missing(0, EVENTS)
  // batch.age 100 ms + spill_after 1 s, and as much again for a disk that is slow on this machine.
  const bound = (RATE / 2) * 2.2
  console.info(
    `SIGKILL: ${lost.length} of ${EVENTS / 2} events lost, at most ${Math.round(bound)} are allowed`,
  )
  expect(lost.length).toBeLessThanOrEqual(bound)
  // What is lost is the end, not something in between.
  expect(lost).toEqual(evens(EVENTS - lost.length * 2, EVENTS))
  expectBalanced(await router.status())
  expect(await router.stop()).toBe(0)
})
