/** A worker or the spool thread that dies comes back, and the books balance: what only its memory had is counted. */
import { afterEach, expect, test } from 'vitest'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
let made: Router | undefined
let receiver: Receiver | undefined

afterEach(async () => {
  await made?.clean()
  await receiver?.close()
})

function* events(count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield dfwLine(0, n)
}

async function start(faults: string): Promise<Router> {
  receiver = await new Receiver().open()
  made = new Router({ listeners }, { tenants: [tenantRules(0, [{ name: 'siem', to: receiver.url }])] })
  return made.start({ LOGWEIR_FAULTS: faults })
}

test('a worker dies while it seals: what it held is dropped as `crash`, and events flow again', async () => {
  const router = await start('worker.seal=exit@20')
  await sendLines(router.port('tcp'), events(20_000)).catch(() => undefined)
  await router.seen(({ msg }) => msg === 'worker 0 died and is started again')
  expectBalanced(await router.status())
  await router.seen(({ msg }) => msg === 'worker 0 runs again')
  await sendLines(router.port('tcp'), events(100))
  await receiver?.until(() => receiver?.sample.includes(' PASS 99 ') === true)
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').in_flight === 0)
  expectBalanced(ledger)
  expect(forwarderOf(ledger, 'tenant-0', 'siem').dropped['crash'] ?? 0).toBeGreaterThan(0)
  await router.stop()
})

test('the spool thread dies while it commits: nothing is lost, nothing waits for ever', async () => {
  const router = await start('spool.commit.after=exit@4')
  await receiver?.close()
  await sendLines(router.port('tcp'), events(20_000), 10_000)
  await router.seen(({ msg }) => msg === 'the spool thread died and is started again')
  await receiver?.open()
  await receiver?.until(() => receiver?.missing(20_000).length === 0)
  const ledger = await router.until((now) => {
    const { queued, spooled, in_flight } = forwarderOf(now, 'tenant-0', 'siem')
    return queued + spooled + in_flight === 0
  })
  expectBalanced(ledger)
  expect(forwarderOf(ledger, 'tenant-0', 'siem').dropped).toEqual({})
  await router.stop()
})

test('a thread that dies again and again ends the process with 70', async () => {
  const router = await start('worker.seal=exit@1')
  for (let death = 1; death <= 3; death++) {
    const again = router.next(({ msg }) => msg === 'worker 0 runs again')
    await sendLines(router.port('tcp'), events(10)).catch(() => undefined)
    await Promise.race([again, router.exit])
  }
  expect(await router.exit).toBe(70)
})
