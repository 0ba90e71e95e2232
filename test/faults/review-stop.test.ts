/** The spool thread dies where somebody waits for its answer: nobody may wait for ever. */
import { afterEach, expect, test } from 'vitest'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, forwarderOf, Router, tenantRules } from '../support/router.ts'

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
  made = new Router(
    { listeners, queue: { memory_max: '256MiB', spill_after: '60s' } },
    { tenants: [tenantRules(0, [{ name: 'siem', to: receiver.url }])] },
  )
  return made.start({ LOGWEIR_FAULTS: faults })
}

test('it dies while it writes the stop file, again and again: the stop ends all the same, and says what is lost', async () => {
  const router = await start('spool.stop=exit')
  await receiver?.close()
  await sendLines(router.port('tcp'), events(1000))
  await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').queued === 1000)
  await router.stop()
  expect(router.log.some(({ msg }) => msg.startsWith('stop:'))).toBe(true)
})

test('it dies again and again while it commits: the process ends with 70, and does not wait for it', async () => {
  const router = await start('spool.commit.before=exit')
  router.writeSettings({ listeners, queue: { memory_max: '256MiB', spill_after: '100ms' } })
  await receiver?.close()
  const again = router.next(({ msg }) => msg.startsWith('rules generation'))
  router.signal('SIGHUP')
  await again
  await sendLines(router.port('tcp'), events(1000))
  expect(await router.exit).toBe(70)
  expect(router.log.some(({ msg }) => msg.startsWith('the stop took too long'))).toBe(false)
})
