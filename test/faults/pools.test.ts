/**
 * What all tenants share, and one of them tries to use up (R25): memory, disk, names, the threads for files. In each the others get
 * everything, once, as if it were not there. And the disk does not wait for names (R26).
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, expect, test, type TestContext } from 'vitest'
import { NameServerSink } from '../support/name-server.ts'
import { NumberSink } from '../support/numbers.ts'
import { folderBytes, MIB, mib } from '../support/process.ts'
import { sendLines } from '../support/receiver.ts'
import { Sender } from '../support/relp-sender.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { blackHole, httpSink, refuse } from '../support/sinks.ts'
import { tempFolder } from '../support/temp-folder.ts'

const allow = ['127.0.0.0/8']
const tcp = { name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow }
const relp = { name: 'relp', transport: 'relp', bind: '127.0.0.1:0', allow }
const retry = { first: '20ms', max: '100ms' }
/** Tenants beside the one that takes what it can. */
const OTHERS = 9
const EACH = 2000
/** Names of one tenant that nobody answers for: more than are asked for at once. */
const HANGING = 100
/** A small line is 200 bytes: so many are more than any bound below. */
const FLOOD = 400_000

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function sinks(count: number, numbers = EACH): Promise<NumberSink[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new NumberSink(numbers).open()))
  ends.push(...made.map((sink) => () => sink.close()))
  return made
}

async function started(
  settings: object,
  tenants: readonly object[],
  env?: NodeJS.ProcessEnv,
): Promise<Router> {
  const router = new Router(settings, { tenants })
  ends.push(() => router.clean())
  return router.start(env)
}

function* flood(tenant: number, count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield dfwLine(tenant, n)
}

/** Of tenants 1 to `OTHERS`. */
function* honest(count: number): Generator<string> {
  for (let n = 0; n < count; n++) for (let tenant = 1; tenant <= OTHERS; tenant++) yield dfwLine(tenant, n)
}

/** Each of the others has everything, once, in order, and lost nothing. */
async function expectUntouched(router: Router, all: readonly NumberSink[]): Promise<void> {
  for (const sink of all) await sink.until(() => sink.distinct === EACH)
  const ledger = await router.until(({ forwarders }) =>
    all.every((_, n) =>
      forwarders.some((one) => one.tenant === `tenant-${n + 1}` && one.delivered + one.in_flight >= EACH),
    ),
  )
  expectBalanced(ledger)
  for (const [n, sink] of all.entries()) {
    expect([sink.lines, sink.inversions]).toEqual([EACH, 0])
    expect(forwarderOf(ledger, `tenant-${n + 1}`, 'siem')).toMatchObject({ enqueued: EACH, dropped: {} })
  }
}

test('R25, memory: a tenant whose destinations are all dead gets a quarter of it, and the senders of all are not held up', async () => {
  const all = await sinks(OTHERS)
  const dead = await blackHole()
  ends.push(() => dead.close())
  // Together twice of what there is, and no disk to speak of.
  const queue = { memory_max: '16MiB', disk_max: '1MiB' }
  const hostile = Array.from({ length: 8 }, (_, n) => ({
    name: `dead${n}`,
    to: `tcp://127.0.0.1:${dead.port}`,
    queue,
  }))
  const router = await started({ listeners: [tcp], queue: { memory_max: '64MiB' } }, [
    tenantRules(0, hostile),
    ...all.map(({ url }, n) => tenantRules(n + 1, [{ name: 'siem', to: url }])),
  ])
  const port = router.port('tcp')
  await Promise.all([sendLines(port, flood(0, FLOOD)), sendLines(port, honest(EACH))])
  await expectUntouched(router, all)
  const ledger = await router.until(({ received }) => received === FLOOD + OTHERS * EACH)
  expect(ledger.refused).toEqual({})
  const mine = ledger.forwarders.filter(({ tenant }) => tenant === 'tenant-0')
  const held = mine.reduce((sum, one) => sum + one.queued_bytes, 0)
  say(`R25 memory: ${Math.round(held / MIB)} MiB held of ${FLOOD * 8} events for dead destinations`)
  // Copies on their way to the disk may pass it by a sixteenth, and each forwarder has one.
  expect(held).toBeLessThanOrEqual(17 * MIB + 2 * 8 * 65_536)
  expect(mine.every(({ dropped }) => (dropped['queue_full'] ?? 0) > 0)).toBe(true)
  expect(await router.stop()).toBe(0)
})

test('R25, disk: a tenant that fills it gets a quarter of it, and another one’s dead destination still has room', async () => {
  const [late] = (await sinks(1)) as [NumberSink]
  await late.close()
  // Small files, as an eighth of it: what is given up is a small part.
  const queue = { memory_max: '1MiB', disk_max: '2MiB' }
  const dead = await refuse()
  const hostile = Array.from({ length: 4 }, (_, n) => ({
    name: `dead${n}`,
    to: `tcp://127.0.0.1:${dead}`,
    retry,
    queue,
  }))
  const router = await started(
    { listeners: [tcp], queue: { spill_after: '100ms' }, spool: { disk_max: '16MiB', compression: 'off' } },
    [tenantRules(0, hostile), tenantRules(1, [{ name: 'siem', to: late.url, retry, queue }])],
  )
  const port = router.port('tcp')
  // At a pace that a disk keeps up with, until the share is full: a slow one needs longer, as memory refuses what comes too fast for it.
  const chains = join(router.folder, 'var/spool')
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, folderBytes(chains))), 50)
  ends.push(() => clearInterval(watch))
  for (let n = 0; n < 10 && most <= 3 * MIB; n++) await sendLines(port, flood(0, 15_000), 15_000)
  const full = await router.until(({ forwarders }) =>
    forwarders.every(({ tenant, dropped }) => tenant !== 'tenant-0' || (dropped['queue_full'] ?? 0) > 0),
  )
  expectBalanced(full)
  clearInterval(watch)
  say(`R25 disk: at most ${mib(most)} of 16 MiB held for a tenant with four dead destinations`)
  // What SQLite keeps beside its files comes on top.
  expect(most).toBeLessThanOrEqual(4 * MIB + MIB)
  expect(most).toBeGreaterThan(3 * MIB)
  await sendLines(port, flood(1, EACH))
  const there = await router.until((ledger) => forwarderOf(ledger, 'tenant-1', 'siem').spooled > 0)
  expectBalanced(there)
  await late.open()
  await expectUntouched(router, [late])
  expect(await router.stop()).toBe(0)
})

test('R25, connections: more than a tenant may have is a mistake of the rules, which a reload refuses', async () => {
  const [siem] = (await sinks(1)) as [NumberSink]
  const http = { name: 'api', type: 'http', to: 'http://127.0.0.1:1', concurrency: 60 }
  const others = [tenantRules(1, [{ name: 'siem', to: siem.url }])]
  const router = await started({ listeners: [tcp] }, [
    tenantRules(0, [http, { ...http, name: 'b' }]),
    ...others,
  ])
  router.writeRules({
    tenants: [tenantRules(0, [http, { ...http, name: 'b' }, { ...http, name: 'c' }]), ...others],
  })
  const { outcome, findings } = (await router.ask('/api/v1/reload', 'POST')) as {
    outcome: string
    findings: { level: string; message: string }[]
  }
  expect(outcome).toBe('rejected')
  expect(findings.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
    expect.stringContaining('180 connections and more by their `concurrency`, and 128 are allowed'),
  ])
  await sendLines(router.port('tcp'), flood(1, EACH))
  await expectUntouched(router, [siem])
  expect(await router.stop()).toBe(0)
})

test('R25, names: a tenant whose names are never answered leaves the name server to the others', async () => {
  const all = await sinks(OTHERS)
  const hangs = (name: string): boolean => name.endsWith('.hangs.example')
  const names = await new NameServerSink((name) => (hangs(name) ? 'silence' : ['127.0.0.1'])).open()
  ends.push(() => names.close())
  const hostile = Array.from({ length: HANGING }, (_, n) => ({
    name: `h${n}`,
    to: `tcp://h${n}.hangs.example:514`,
    retry,
  }))
  // The provider's: a tenant's name may not lead to this machine.
  const forwarders = all.map(({ port }, n) => ({
    name: `s${n}`,
    to: `tcp://s${n}.answers.example:${port}`,
    retry,
    where: { tenant: `tenant-${n + 1}` },
  }))
  const router = new Router(
    { listeners: [tcp], limits: { forwarders_per_tenant: HANGING } },
    {
      tenants: [tenantRules(0, hostile), ...all.map((_, n) => tenantRules(n + 1, []))],
      provider: { forwarders },
    },
  )
  ends.push(() => router.clean())
  await router.start(names.environment)
  const port = router.port('tcp')
  await sendLines(port, flood(0, 1000))
  await router.until(() => names.asked.filter(hangs).length >= 8)
  await sendLines(port, honest(EACH))
  for (const sink of all) await sink.until(() => sink.distinct === EACH)
  const asked = new Set(names.asked)
  for (const [n, sink] of all.entries()) {
    expect([sink.lines, sink.inversions]).toEqual([EACH, 0])
    expect(asked).toContain(`s${n}.answers.example`)
  }
  const not_asked = router.log.filter(({ msg }) => msg.includes('was not asked for'))
  expect(not_asked.filter(({ msg }) => !msg.startsWith('forwarder tenant-0/'))).toEqual([])
  expect(not_asked.length).toBeGreaterThan(0)
  say(`R25 names: ${[...asked].filter(hangs).length} of ${HANGING} that hang were asked for`)
  expect(router.log.filter(({ msg }) => msg.startsWith('the system was asked'))).toEqual([])
  const ledger = await router.status()
  expectBalanced(ledger)
  for (let n = 0; n < OTHERS; n++)
    expect(forwarderOf(ledger, 'provider', `s${n}`)).toMatchObject({ enqueued: EACH, dropped: {} })
  await router.kill()
})

/** The library of a disk that hangs; skips where there is no compiler. */
function hungDisk(context: TestContext): string {
  const library = join(tempFolder(), 'hung.so')
  const source = join(import.meta.dirname, '../support/hung-disk.c')
  try {
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'pipe' })
  } catch {
    context.skip('there is no gcc, or it cannot build for this system')
  }
  return library
}

test('R25, threads for files: a tenant whose ten files lie on a disk that hangs holds one thread; files and compressed requests of others go on', async (context) => {
  const library = hungDisk(context)
  const folder = tempFolder()
  const web = await httpSink(() => ({ status: 200 }))
  ends.push(() => web.close())
  const hostile = Array.from({ length: 10 }, (_, n) => ({
    name: `f${n}`,
    to: `file:${folder}/hung/f${n}.log`,
  }))
  const router = await started(
    { listeners: [tcp] },
    [
      tenantRules(0, hostile),
      tenantRules(1, [{ name: 'siem', to: `file:${folder}/well/out.log` }]),
      tenantRules(2, [{ name: 'siem', type: 'http', to: `http://127.0.0.1:${web.port}`, gzip: true }]),
    ],
    { LD_PRELOAD: library, HUNG_UNDER: '/hung/' },
  )
  const port = router.port('tcp')
  await sendLines(port, flood(0, EACH))
  const hung = await router.until(({ forwarders }) =>
    forwarders.every(({ tenant, in_flight }) => tenant !== 'tenant-0' || in_flight > 0),
  )
  expectBalanced(hung)
  for (const tenant of [1, 2]) await sendLines(port, flood(tenant, EACH))
  const done = await router.until((ledger) =>
    [1, 2].every((tenant) => forwarderOf(ledger, `tenant-${tenant}`, 'siem').delivered === EACH),
  )
  expectBalanced(done)
  const numbers = web.requests.flatMap(({ body }) =>
    [...body.matchAll(/ PASS (\d+) /g)].map(([, n]) => Number(n)),
  )
  expect(new Set(numbers).size).toBe(EACH)
  expect(web.requests.every(({ headers }) => headers['content-encoding'] === 'gzip')).toBe(true)
  for (let n = 0; n < 10; n++)
    expect(forwarderOf(done, 'tenant-0', `f${n}`)).toMatchObject({
      enqueued: EACH,
      delivered: 0,
      dropped: {},
    })
  // Threads that hang end with the process only.
  await router.kill()
})

test('R26: while 500 names are never answered the disk takes every event, and no name is asked for on a thread of the disk', async () => {
  const count = 500
  const [siem] = (await sinks(1, count)) as [NumberSink]
  const names = await new NameServerSink(() => 'silence').open()
  ends.push(() => names.close())
  const tenants = Array.from({ length: 50 }, (_, n) =>
    tenantRules(
      n + 1,
      Array.from({ length: 10 }, (_, k) => ({ name: `n${k}`, to: `tcp://n${k}.t${n}.example:514`, retry })),
    ),
  )
  const always = { name: 'siem', to: siem.url, spool: 'always' }
  const router = await started(
    { listeners: [tcp, relp], spool: { sync: 'full' } },
    [tenantRules(0, [always]), ...tenants],
    names.environment,
  )
  function* everybody(): Generator<string> {
    for (let tenant = 1; tenant <= 50; tenant++) yield dfwLine(tenant, 0)
  }
  await sendLines(router.port('tcp'), everybody())
  await router.until(() => names.asked.length >= 32)
  const sender = new Sender(count)
  const running = sender.run(() => router.port('relp'))
  // On a slow disk the files of 500 forwarders come first.
  await siem.until(() => siem.distinct === count, 100_000)
  sender.stop = true
  await running
  // Each answer came behind a commit with its sync, and meanwhile no name was ever known.
  expect(sender.safe.size).toBe(count)
  expect(names.answered).toBe(0)
  expect(router.log.filter(({ msg }) => msg.startsWith('the system was asked'))).toEqual([])
  const ledger = await router.status()
  expectBalanced(ledger)
  const named = ledger.forwarders.filter(({ tenant }) => tenant !== 'tenant-0')
  expect(named.reduce((sum, { enqueued }) => sum + enqueued, 0)).toBe(500)
  expect(named.every(({ delivered, dropped }) => delivered === 0 && Object.keys(dropped).length === 0)).toBe(
    true,
  )
  say(
    `R26: ${new Set(names.asked).size} names asked for, none answered; ${count} events committed and acknowledged`,
  )
  expect(await router.stop()).toBe(0)
})
