/**
 * Does a burst of datagrams come through with what a new installation has? It needs the machine for itself: what a busy one
 * loses says nothing of the router.
 */
import { afterEach, expect, test } from 'vitest'
import { needsReceiveBuffer } from '../support/listening.ts'
import { expectBalanced, Router } from '../support/router.ts'
import { say } from '../support/say.ts'
import { NumberedSender } from '../support/udp-sender.ts'

const DATAGRAMS = 20_000
const BYTES = 512
const SECOND = 1000
const TICK_MS = 10
/** One in a thousand. */
const LOST_MAX = DATAGRAMS / 1000
const DEFAULT_BUFFER = 4 * 1024 * 1024

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

test('20,000 datagrams of 512 bytes in a second, at the default buffer and right after the start: at most one in a thousand lost (R31)', async (context) => {
  needsReceiveBuffer(context, DEFAULT_BUFFER)
  const listeners = [{ name: 'udp', transport: 'udp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const orphans = { name: 'orphans', to: 'file:out/orphans.log', scope: 'orphans' }
  const router = new Router({ listeners }, { provider: { forwarders: [orphans] } })
  ends.push(() => router.clean())
  await router.start()
  const buffer = await router.seen(({ msg }) => msg === 'receive buffer granted')
  expect(buffer).toMatchObject({ asked: DEFAULT_BUFFER, granted: DEFAULT_BUFFER })
  const sender = await NumberedSender.start({ port: router.port('udp'), bytes: BYTES })
  ends.push(() => sender.close())
  await inASecond(sender)
  const drops = async (): Promise<number> => {
    const text = await (await fetch(`${router.admin}/metrics`)).text()
    return Number(/^logweir_udp_kernel_drops_total\{[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0)
  }
  let lost = 0
  await expect
    .poll(async () => (await router.status()).received + (lost = await drops()), { timeout: 20_000 })
    .toBe(DATAGRAMS)
  say(`${lost} of ${DATAGRAMS} datagrams lost in the burst`)
  expect(lost).toBeLessThanOrEqual(LOST_MAX)
  expectBalanced(await router.status())
})

async function inASecond(sender: NumberedSender): Promise<void> {
  const since = performance.now()
  while (sender.granted < DATAGRAMS) {
    await new Promise((done) => setTimeout(done, TICK_MS))
    const part = Math.min(1, (performance.now() - since) / SECOND)
    sender.grant(Math.floor(part * DATAGRAMS))
  }
  sender.block()
}
