/** A dead destination costs its siblings nothing (R23), and a tenant with nothing but dead ones and a flood costs others nothing (R24). */
import { afterEach, expect, test } from 'vitest'
import { noSynAnswer } from '../support/no-answer.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { blackHole, httpSink, noServerHello, refuse, slowReader } from '../support/sinks.ts'

const EVENTS = Number(process.env['LOGWEIR_FAULT_EVENTS'] ?? 20_000)
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** The ways of being dead, or as good as dead; each gives the forwarder's settings. */
const DEAD: Readonly<Record<string, () => Promise<object>>> = {
  refused: async () => ({ to: `tcp://127.0.0.1:${await refuse()}` }),
  'a black hole': async () => ({ to: `tcp://127.0.0.1:${(await kept(blackHole())).port}` }),
  'a byte a second': async () => ({ to: `tcp://127.0.0.1:${(await kept(slowReader(1, 1000))).port}` }),
  'no SYN answer': async () => ({ to: `tcp://127.0.0.1:${(await kept(noSynAnswer())).port}` }),
  'TLS without ServerHello': async () => ({ to: `tls://127.0.0.1:${(await kept(noServerHello())).port}` }),
  'HTTP that never answers': async () => ({
    type: 'http',
    to: `http://127.0.0.1:${(await kept(httpSink(() => ({ status: 200, hang: true })))).port}`,
  }),
}

async function kept<T extends { close: () => Promise<unknown> }>(making: Promise<T>): Promise<T> {
  const made = await making
  ends.push(() => made.close())
  return made
}

async function receiver(): Promise<Receiver> {
  return kept(new Receiver().open())
}

async function started(settings: object, rules: object): Promise<Router> {
  const router = new Router(settings, rules)
  ends.push(() => router.clean())
  return router.start()
}

function* flood(tenant: number, count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield dfwLine(tenant, n)
}

/** One tenant whose nine siblings write to one receiver; milliseconds until they have everything. */
async function nineSiblings(tenth: object | undefined): Promise<number> {
  const siem = await receiver()
  const siblings = Array.from({ length: 9 }, (_, n) => ({ name: `s${n}`, to: siem.url }))
  const forwarders =
    tenth === undefined
      ? siblings
      : [...siblings.slice(0, 4), { name: 'dead', ...tenth }, ...siblings.slice(4)]
  const router = await started({ listeners }, { tenants: [tenantRules(0, forwarders)] })
  const began = performance.now()
  await sendLines(router.port('tcp'), flood(0, EVENTS))
  await siem.until(() => siem.lines >= EVENTS * 9)
  const took = performance.now() - began
  expect(siem.missing(EVENTS)).toEqual([])
  expect([...siem.seen.values()].every((times) => times === 9)).toBe(true)
  const ledger = await router.status()
  expectBalanced(ledger)
  for (const { name } of siblings) {
    const one = forwarderOf(ledger, 'tenant-0', name)
    expect(one).toMatchObject({
      state: 'active',
      enqueued: EVENTS,
      dropped: {},
      spooled: 0,
      last_error: null,
    })
  }
  if (tenth !== undefined) {
    const dead = forwarderOf(ledger, 'tenant-0', 'dead')
    expect(dead.enqueued).toBe(EVENTS)
    expect(dead.dropped).toEqual({})
  }
  await router.stop()
  return took
}

let alone = 0
test('nine siblings alone, for comparison', async () => {
  alone = await nineSiblings(undefined)
})

test.each(Object.keys(DEAD))(
  'R23, %s: the nine siblings get everything, once, and none is touched',
  async (kind) => {
    const dead = await DEAD[kind]?.()
    const took = await nineSiblings(dead)
    say(`R23 ${kind}: ${(took / alone).toFixed(2)} of the time without it (${Math.round(took)} ms)`)
  },
)

test('R24: 50 tenants, one floods and has ten dead outputs: the others lose nothing and all is delivered', async () => {
  const others = 49
  const each = 400
  const quiet = await Promise.all(Array.from({ length: others }, receiver))
  const dead = []
  for (const make of [...Object.values(DEAD), ...Object.values(DEAD)].slice(0, 10)) dead.push(await make())
  const queue = { memory_max: '4MiB', disk_max: '8MiB' }
  const rules = {
    tenants: [
      tenantRules(
        0,
        dead.map((to, n) => ({ name: `dead${n}`, queue, ...to })),
      ),
      ...quiet.map((siem, n) => tenantRules(n + 1, [{ name: 'siem', to: siem.url }])),
    ],
  }
  const router = await started({ listeners, queue: { memory_max: '64MiB' } }, rules)
  function* honest(): Generator<string> {
    for (let n = 0; n < each; n++) for (let tenant = 1; tenant <= others; tenant++) yield dfwLine(tenant, n)
  }
  const hostile = each * others * 5
  const port = router.port('tcp')
  await Promise.all([sendLines(port, flood(0, hostile)), sendLines(port, honest(), (each * others) / 3)])
  await Promise.all(quiet.map((siem) => siem.until(() => siem.seen.size === each)))
  const ledger = await router.until(({ received }) => received === hostile + each * others)
  expectBalanced(ledger)
  for (let tenant = 1; tenant <= others; tenant++) {
    const siem = quiet[tenant - 1] as Receiver
    expect(siem.missing(each)).toEqual([])
    expect(siem.lines).toBe(each)
    expect(forwarderOf(ledger, `tenant-${tenant}`, 'siem').dropped).toEqual({})
  }
  const lost = ledger.forwarders.filter(({ tenant }) => tenant === 'tenant-0').map(({ dropped }) => dropped)
  expect(lost.every((reasons) => Object.keys(reasons).every((reason) => reason === 'queue_full'))).toBe(true)
  say(`R24: hostile drops ${JSON.stringify(lost.map(({ queue_full }) => queue_full ?? 0))}`)
  say(`R24: longest gap of a quiet tenant ${Math.round(Math.max(...quiet.map((one) => one.longest_gap)))} ms`)
  await router.stop()
})
