/**
 * Signals in pairs at random moments: while events flow, while it spools, and while it starts (R10). Whatever comes of it,
 * nothing on disk is damaged, the next start succeeds, and nothing that a sender was told is safe is lost.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { runSeed, seeded } from '../support/chance.ts'
import { NumberSink } from '../support/numbers.ts'
import { Sender } from '../support/relp-sender.ts'
import { expectBalanced, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** By hand: LOGWEIR_FAULT_SIGNALS=200. */
const PAIRS = Number(process.env['LOGWEIR_FAULT_SIGNALS'] ?? 6)
const EVENTS_MAX = 4_000_000

let router: Router | undefined
let sink: NumberSink | undefined
afterEach(async () => {
  await router?.clean()
  await sink?.close()
})

const FIRST = ['SIGTERM', 'SIGTERM', 'SIGINT'] as const
const SECOND = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

test('R10: SIGTERM in the middle of the start ends it in order, SIGHUP there is a reload', async () => {
  const listeners = [{ name: 'udp', transport: 'udp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const made = new Router({ listeners }, {})
  router = made
  const listener = (): Promise<unknown> => made.next(({ msg }) => msg.includes('receive buffer'))
  for (const signals of [['SIGTERM'], ['SIGHUP', 'SIGINT', 'SIGTERM']] as const) {
    const opened = listener()
    const starting = made.start()
    await opened
    // Its listener is open: it may have taken something.
    for (const signal of signals) made.signal(signal)
    expect(await made.exit).toBe(0)
    await starting.catch(() => undefined)
    expect(made.log.at(-1)).toMatchObject({ msg: 'stopped', imbalance: 0 })
  }
  const opened = listener()
  const starting = made.start()
  await opened
  made.signal('SIGHUP')
  await starting
  await made.seen(({ msg }) => msg === 'rules generation 2 runs')
  expect(await made.stop()).toBe(0)
})

test('R10: signals twice, in the run and in the start, damage nothing and lose nothing that was acknowledged', {
  timeout: 120_000 + PAIRS * 10_000,
}, async () => {
  const seed = runSeed()
  const random = seeded(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  sink = await new NumberSink(EVENTS_MAX).open()
  const destination = sink
  const retry = { first: '10ms', max: '100ms' }
  const forwarder = { name: 'siem', to: sink.url, spool: 'always', retry, queue: { disk_max: '64MiB' } }
  const listeners = [{ name: 'relp', transport: 'relp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const made = new Router({ listeners }, { tenants: [tenantRules(0, [forwarder])] })
  router = made
  const began = performance.now()
  await made.start()
  const start_ms = performance.now() - began
  const sender = new Sender(EVENTS_MAX)
  const running = sender.run(() => made.port('relp') || 1)
  const ended: Record<string, number> = {}

  /** Two signals; then how it ended. Nobody saw damage. */
  const pair = async (): Promise<number | null> => {
    made.signal(pick(FIRST))
    await sleep(random() * 200)
    made.signal(pick(SECOND))
    const code = await made.exit
    expect(made.log.filter(({ msg }) => /damaged|quarantine|set aside|is gone|lost/.test(msg))).toEqual([])
    return code
  }

  for (let n = 0; n < PAIRS; n++) {
    const goal = sender.safe.size + 300
    for (let turn = 0; turn < 400 && sender.safe.size < goal; turn++) await sleep(5)
    if (n % 2 === 1) await destination.close()
    if (n % 4 >= 2) {
      // In the start: until it listens to signals it is as if it were killed.
      await made.stop()
      const starting = made.start().catch(() => undefined)
      await sleep(random() * start_ms)
      const code = await pair()
      await starting
      expect([0, null]).toContain(code)
      ended[`start ${code}`] = (ended[`start ${code}`] ?? 0) + 1
    } else {
      expect(await pair()).toBe(0)
      expect(made.log.at(-1)).toMatchObject({ msg: 'stopped', imbalance: 0 })
      ended['run 0'] = (ended['run 0'] ?? 0) + 1
    }
    await destination.open()
    await made.start()
    expectBalanced(await made.status())
  }
  sender.stop = true
  await running
  const lost = (): number => [...sender.safe].filter((number) => destination.times[number] === 0).length
  await destination.until(() => lost() === 0)
  const quarantine = join(made.folder, 'var/spool/quarantine')
  expect(existsSync(quarantine) ? readdirSync(quarantine) : []).toEqual([])
  say(
    `R10: seed ${seed}: ${PAIRS} pairs (${JSON.stringify(ended)}), ${sender.safe.size} acknowledged, none lost`,
  )
  expectBalanced(await made.status())
  expect(await made.stop()).toBe(0)
})
