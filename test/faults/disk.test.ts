/** The disk of the data folder: full, shared with others, read-only. The router lives on and what it drops it counts (R15, R16). */
import { join } from 'node:path'
import { afterEach, expect, test, type TestContext } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { folderBytes, MIB, mib } from '../support/process.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { refuse } from '../support/sinks.ts'
import { SmallDisk } from '../support/small-disk.ts'

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const retry = { first: '20ms', max: '100ms' }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

function made(settings: object, rules: object): Router {
  const router = new Router({ listeners, ...settings }, rules)
  ends.push(() => router.clean())
  return router
}

/** The router's data folder on a disk of its own. */
function onSmallDisk(context: TestContext, router: Router, bytes: number): SmallDisk {
  const disk = SmallDisk.mount(join(router.folder, 'var'), bytes)
  if (disk === undefined) context.skip('this user may not mount a tmpfs')
  const mounted = disk
  ends.push(async () => {
    await router.kill()
    mounted.unmount()
  })
  return mounted
}

async function sink(count: number): Promise<NumberSink> {
  const one = await new NumberSink(count).open()
  ends.push(() => one.close())
  return one
}

function* events(tenants: number, from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) for (let tenant = 0; tenant < tenants; tenant++) yield dfwLine(tenant, n)
}

async function readiness(router: Router): Promise<{ readonly status: number; readonly reason: string }> {
  const answer = await fetch(`${router.admin}/readyz`)
  const { reason } = (await answer.json()) as { reason: string }
  return { status: answer.status, reason }
}

test('R15: a full disk: the process lives, routes from memory, drops by count, says so, and goes on by itself', async (context) => {
  const count = 60_000
  const [dead, healthy] = [await sink(count * 2), await sink(count * 2)]
  await dead.close()
  const queue = { memory_max: '4MiB', disk_max: '1GiB' }
  const router = made(
    { spool: { disk_free_min: '0B', compression: 'off' } },
    {
      tenants: [
        tenantRules(0, [{ name: 'siem', to: dead.url, queue, retry }]),
        tenantRules(1, [{ name: 'siem', to: healthy.url }]),
      ],
    },
  )
  const disk = onSmallDisk(context, router, 40 * MIB)
  await router.start()
  disk.fill(MIB)
  await sendLines(router.port('tcp'), events(2, 0, count), 60_000)
  await healthy.until(() => healthy.distinct === count)
  const full = await router.until(
    (ledger) => (forwarderOf(ledger, 'tenant-0', 'siem').dropped['queue_full'] ?? 0) > 0,
  )
  expectBalanced(full)
  expect(forwarderOf(full, 'tenant-1', 'siem').dropped).toEqual({})
  await expect
    .poll(() => readiness(router), { timeout: 5000 })
    .toMatchObject({ status: 503, reason: expect.stringMatching(/spool/) as string })

  disk.empty()
  const before = forwarderOf(await router.status(), 'tenant-0', 'siem').spooled
  await sendLines(router.port('tcp'), events(2, count, count * 2), 60_000)
  await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').spooled > before, 10_000)
  await expect.poll(() => readiness(router), { timeout: 10_000 }).toMatchObject({ status: 200 })
  await dead.open()
  const end = await router.until((ledger) => {
    const { queued, spooled, in_flight } = forwarderOf(ledger, 'tenant-0', 'siem')
    return queued + spooled + in_flight === 0
  })
  expectBalanced(end)
  const { enqueued, delivered, dropped } = forwarderOf(end, 'tenant-0', 'siem')
  expect(enqueued).toBe(count * 2)
  expect(Object.keys(dropped)).toEqual(['queue_full'])
  await dead.until(() => dead.distinct === delivered)
  // Exactly what was not dropped has come, and nothing of it twice.
  expect(dead.lines).toBe(delivered)
  say(`R15: ${dropped['queue_full']} of ${enqueued} events dropped while the disk was full`)
  await healthy.until(() => healthy.distinct === count * 2)
  expect(await router.stop()).toBe(0)
})

test('R16: the free space that belongs to others stays free, with every destination dead', async (context) => {
  const count = 40_000
  const to = `tcp://127.0.0.1:${await refuse()}`
  const queue = { memory_max: '2MiB', disk_max: '1GiB' }
  const forwarders = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, to, queue, retry }))
  const router = made(
    { spool: { disk_free_min: '24MiB', compression: 'off' } },
    { tenants: [tenantRules(0, forwarders)] },
  )
  const disk = onSmallDisk(context, router, 48 * MIB)
  await router.start()
  let least = disk.free
  const watch = setInterval(() => (least = Math.min(least, disk.free)), 20)
  await sendLines(router.port('tcp'), events(1, 0, count))
  const ledger = await router.until((now) =>
    now.forwarders.every((one) => (one.dropped['queue_full'] ?? 0) > 0),
  )
  clearInterval(watch)
  expectBalanced(ledger)
  for (const one of ledger.forwarders) expect(one.enqueued).toBe(count)
  say(`R16: ${mib(least)} free at least, 24 MiB were to stay`)
  // One commit at a time is measured against the floor: its journal comes on top.
  expect(least).toBeGreaterThan(20 * MIB)
  expect(await router.stop()).toBe(0)
})

test('R16: quotas of forwarders and of the whole spool hold to within one file, with every destination dead', async () => {
  const count = 60_000
  const to = `tcp://127.0.0.1:${await refuse()}`
  const queue = { memory_max: '2MiB', disk_max: '4MiB' }
  const forwarders = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, to, queue, retry }))
  const router = made(
    { spool: { disk_max: '12MiB', tenant_disk_max: '12MiB', compression: 'off' } },
    { tenants: [tenantRules(0, forwarders)] },
  )
  await router.start()
  const spool = join(router.folder, 'var/spool')
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, folderBytes(spool))), 50)
  await sendLines(router.port('tcp'), events(1, 0, count))
  const ledger = await router.until((now) =>
    now.forwarders.every((one) => (one.dropped['queue_full'] ?? 0) > 0),
  )
  clearInterval(watch)
  expectBalanced(ledger)
  say(`R16: ${mib(most)} on disk at most, ${mib(12 * MIB)} allowed`)
  expect(most).toBeLessThanOrEqual(12 * MIB + MIB)
  for (const one of ledger.forwarders) expect(one.spooled_bytes).toBeLessThanOrEqual(4 * MIB)
  expect(await router.stop()).toBe(0)
})

test('a data folder on a disk that cannot be written is one sentence, and nothing starts', async (context) => {
  const router = made({}, {})
  const disk = onSmallDisk(context, router, MIB)
  disk.readOnly()
  await expect(router.start()).rejects.toThrow(/ended with 2: .*data folder .*\/var: .*\n.*can write/)
})
