/** What the router says about itself is bounded, whatever is sent to it, and does not come back into it (R70). */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, type LogLine, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { refuse } from '../support/sinks.ts'

const allow = ['127.0.0.0/8']
/** Of one forwarder; 20 were written down, and each reason of a loss has one. */
const SERIES_MAX = 40
const NAMES = 100_000
const WARN = 40

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function series(router: Router): Promise<string[]> {
  const text = await (await fetch(`${router.admin}/metrics`)).text()
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
}

/** Lines of the log at warning and above, without the numbers that make each its own. */
function causes(log: readonly LogLine[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const { level, msg } of log) {
    if (level < WARN) continue
    found.set(msg, (found.get(msg) ?? 0) + 1)
  }
  return found
}

test('R70: a hundred thousand host names, programs, labels and senders make no new series, and few lines of the log', async () => {
  const siem = await new NumberSink(NAMES).open()
  ends.push(() => siem.close())
  const listeners = [
    { name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow },
    { name: 'udp', transport: 'udp', bind: '127.0.0.1:0', allow: ['127.0.0.1/32'] },
  ]
  const router = new Router({ listeners }, { tenants: [tenantRules(0, [{ name: 'siem', to: siem.url }])] })
  ends.push(() => router.clean())
  await router.start()
  await sendLines(router.port('tcp'), [dfwLine(0, 0)])
  await router.until(({ received }) => received === 1)
  const before = await series(router)
  function* names(): Generator<string> {
    for (let n = 1; n < NAMES; n++) {
      const line = dfwLine(0, n).replace('esx01.example.net', `host-${n}.example.net`)
      // Every tenth is nobody's, with a label that nobody has.
      yield n % 10 === 0 ? line.replace(/\S+$/, `label-${n}`) : line.replace(' - - - ', ` ${n} id${n} - `)
    }
  }
  await sendLines(router.port('tcp'), names(), 20_000)
  // Senders that may not send, from many addresses.
  const refused = createSocket('udp4')
  refused.bind(0, '127.0.0.2')
  await once(refused, 'listening')
  for (let n = 0; n < 2000; n++) refused.send(`<13>refused ${n}`, router.port('udp'), '127.0.0.1')
  const ledger = await router.until(
    ({ received, refused: by }) => received === NAMES && Object.values(by).some((count) => count > 0),
  )
  refused.close()
  expectBalanced(ledger)
  const after = await series(router)
  // A reason of a loss has a series from its first one on: there are so many reasons, and no more.
  const fresh = after.filter((one) => !before.includes(one) && !/_refused_total|outcome=/.test(one))
  expect(fresh).toEqual([])
  const own = after.filter((one) => one.includes('forwarder="siem"'))
  expect(own.length).toBeLessThanOrEqual(SERIES_MAX)
  expect(after.join('\n')).not.toMatch(/host-\d+|label-\d+/)
  for (const [cause, times] of causes(router.log)) expect(times, cause).toBeLessThanOrEqual(2)
  say(`R70: ${after.length} series before and after ${NAMES} names, ${own.length} of one forwarder`)
  expect(await router.stop()).toBe(0)
})

test('R70: a router that is pointed at itself sends no line of its own log to itself, and a cause that repeats is said once in ten seconds', async () => {
  // What it sends there comes back to it, as from another router behind which it stands.
  let back = 0
  const relay = createServer((socket) => {
    const to = connect(back, '127.0.0.1')
    for (const one of [socket, to]) one.on('error', () => undefined)
    socket.pipe(to)
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  ends.push(() => new Promise((done) => relay.close(done)))
  const { port } = relay.address() as AddressInfo
  const retry = { first: '10ms', max: '20ms' }
  const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow }]
  const dead = await refuse()
  const rules = {
    tenants: [tenantRules(0, [{ name: 'siem', to: `tcp://127.0.0.1:${dead}`, retry }])],
    // Whatever it had to say of its own would be nobody's, and come back.
    provider: {
      forwarders: [{ name: 'self', to: `tcp://127.0.0.1:${port}`, scope: 'orphans' }],
    },
  }
  const router = new Router({ listeners }, rules)
  ends.push(() => router.clean())
  await router.start()
  back = router.port('tcp')
  await sendLines(back, [dfwLine(0, 0)])
  const failing = (): LogLine[] => router.log.filter(({ msg }) => msg.startsWith('forwarder tenant-0/siem: '))
  const began = performance.now()
  // It knocks fifty times a second and more, and the log says so every ten seconds, with how often.
  await router.seen(
    ({ msg, repeated }) => msg.startsWith('forwarder tenant-0/siem: ') && Number(repeated) > 20,
  )
  const seconds = (performance.now() - began) / 1000
  expect(failing().length).toBeLessThanOrEqual(2 + seconds / 10)
  const ledger = await router.status()
  expectBalanced(ledger)
  expect([ledger.received, ledger.orphaned]).toEqual([1, 0])
  expect(await router.stop()).toBe(0)
}, 90_000)
