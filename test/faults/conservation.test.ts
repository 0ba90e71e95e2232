/**
 * Conservation over restarts (R66): senders, a destination that comes and goes, reloads, stops and kills in a drawn
 * order. At the end the destination's counts and the books are held against what was sent.
 */
import { afterEach, expect, test } from 'vitest'
import { runSeed, seeded } from '../support/chance.ts'
import { NumberSink } from '../support/numbers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** By hand: LOGWEIR_FAULT_STEPS=500. */
const STEPS = Number(process.env['LOGWEIR_FAULT_STEPS'] ?? 25)
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

let history: History | undefined
afterEach(async () => {
  await history?.router.clean()
  await history?.sink.close()
})

type Step = 'send' | 'down' | 'up' | 'reload' | 'stop' | 'kill'

class History {
  readonly router: Router
  readonly sink: NumberSink
  /** Numbers below have been sent. */
  sent = 0
  /** Numbers that were on disk or delivered by the router's own books at a kill. */
  readonly promised = new Set<number>()
  /** How many were not, over all kills. */
  at_risk = 0
  kills = 0
  #up = true
  /** Numbers below were there at an earlier kill. */
  #settled = 0

  constructor(router: Router, sink: NumberSink) {
    this.router = router
    this.sink = sink
  }

  async take(step: Step, random: () => number): Promise<void> {
    if (step === 'send') return this.#send(100 + Math.floor(random() * 3000))
    if (step === 'down' && this.#up) {
      this.#up = false
      return this.sink.close()
    }
    if (step === 'up' && !this.#up) return this.up()
    if (step === 'reload') return this.#reload()
    if (step === 'stop') {
      expect(await this.router.stop()).toBe(0)
      await this.router.start()
    }
    if (step === 'kill') await this.#kill()
  }

  async up(): Promise<void> {
    if (this.#up) return
    this.#up = true
    await this.sink.open()
  }

  async #send(count: number): Promise<void> {
    const from = this.sent
    this.sent += count
    const before = (await this.router.status()).received
    await sendLines(
      this.router.port('tcp'),
      Array.from({ length: count }, (_, n) => dfwLine(0, from + n)),
      10_000,
    )
    await this.router.until((ledger) => ledger.received === before + count)
  }

  async #reload(): Promise<void> {
    const done = this.router.next(({ msg }) => /^rules generation \d+ runs$/.test(msg))
    this.router.signal('SIGHUP')
    await done
  }

  /**
   * With `always` a batch is sent when disk has it, and order is kept: only the youngest, as many as the books call
   * queued, may be in memory alone.
   */
  async #kill(): Promise<void> {
    const ledger = await this.router.status()
    const { queued, dropped } = forwarderOf(ledger, 'tenant-0', 'siem')
    expectBalanced(ledger)
    expect(dropped).toEqual({})
    for (let n = this.#settled; n < this.sent - queued; n++) this.promised.add(n)
    this.#settled = this.sent
    this.at_risk += queued
    this.kills += 1
    await this.router.kill()
    await this.router.start()
  }
}

const WEIGHTS: readonly Step[] = [
  'send',
  'send',
  'send',
  'send',
  'down',
  'up',
  'up',
  'reload',
  'stop',
  'kill',
]

async function run(spool: 'always' | 'overflow', steps: readonly Step[], seed: number): Promise<History> {
  const random = seeded(seed)
  const sink = await new NumberSink(STEPS * 4000).open()
  const retry = { first: '10ms', max: '100ms' }
  const forwarder = { name: 'siem', to: sink.url, spool, retry, queue: { memory_max: '8MiB' } }
  const settings = { listeners, queue: { spill_after: '100ms' } }
  const router = await new Router(settings, { tenants: [tenantRules(0, [forwarder])] }).start()
  const made = new History(router, sink)
  history = made
  for (let n = 0; n < STEPS; n++) {
    await made.take(steps[Math.floor(random() * steps.length)] as Step, random)
    expectBalanced(await router.status())
  }
  await made.up()
  const end = await router.until((ledger) => {
    const { queued, spooled, in_flight } = forwarderOf(ledger, 'tenant-0', 'siem')
    return queued + spooled + in_flight === 0
  })
  expectBalanced(end)
  expect(forwarderOf(end, 'tenant-0', 'siem').dropped).toEqual({})
  return made
}

test('R66: stops, reloads and a destination that comes and goes lose nothing', async () => {
  const seed = runSeed()
  say(`R66: seed ${seed}`)
  const { sink, sent, router } = await run(
    'overflow',
    WEIGHTS.filter((step) => step !== 'kill'),
    seed,
  )
  await sink.until(() => sink.distinct === sent)
  say(`R66: ${sent} sent, ${sink.doubled} doubled`)
  expect(await router.stop()).toBe(0)
})

test('R66: with `spool: always` a kill loses nothing that the books called spooled or delivered', async () => {
  const seed = runSeed()
  say(`R66: seed ${seed}`)
  const { sink, sent, promised, kills, at_risk, router } = await run('always', WEIGHTS, seed)
  const lost = (): number[] => [...promised].filter((n) => sink.times[n] === 0)
  await sink.until(() => lost().length === 0)
  const missing = sink.missing(sent)
  say(
    `R66: ${kills} kills, ${sent} sent, ${promised.size} promised, ${missing} of ${at_risk} at risk lost, ${sink.doubled} doubled`,
  )
  expect(missing).toBeLessThanOrEqual(at_risk)
  expect(await router.stop()).toBe(0)
})
