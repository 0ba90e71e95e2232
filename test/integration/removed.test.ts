/** What becomes of what a forwarder holds when it leaves the rules: kept and listed, its own again, or given up in the end. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { logweir } from './cli/support.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { root } from '../support/tree.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const EVENTS = 2000
const settings = (removed_keep: string): object => ({
  listeners: [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }],
  queue: { spill_after: '100ms' },
  spool: { removed_keep },
})

function* numbered(from: number, count: number): Generator<string> {
  for (let n = from; n < from + count; n++) yield dfwLine(0, n)
}

interface SetUp {
  readonly siem: Receiver
  readonly router: Router
  readonly cli: () => string[]
  /** Writes the rules with the forwarder, or without it, and reloads. */
  readonly rules: (names: readonly string[]) => Promise<void>
}

/** A router that holds {@link EVENTS} for a forwarder whose destination is down. */
async function holding(removed_keep: string): Promise<SetUp> {
  const siem = await new Receiver().open()
  const other = await new Receiver().open()
  const all = new Map([
    ['siem', siem],
    ['other', other],
  ])
  const rulesOf = (names: readonly string[]): object => ({
    tenants: [
      tenantRules(
        0,
        names.map((name) => ({ name, to: all.get(name)?.url, retry: { first: '50ms', max: '200ms' } })),
      ),
    ],
  })
  const router = new Router(settings(removed_keep), rulesOf(['siem', 'other']))
  open.push(router, siem, other)
  await router.start()
  await siem.close()
  await sendLines(router.port('tcp'), numbered(0, EVENTS))
  await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').enqueued === EVENTS)
  const rules = async (names: readonly string[]): Promise<void> => {
    router.writeRules(rulesOf(names))
    expect(await router.ask('/api/v1/reload', 'POST')).toMatchObject({ outcome: 'accepted' })
  }
  return { siem, router, rules, cli: () => ['--config', router.config, '--admin', router.admin] }
}

/** All of it is on disk only, and nobody delivers it. */
const atRest = (router: Router) =>
  router.until((now) => {
    const one = forwarderOf(now, 'tenant-0', 'siem')
    return one.state === 'stopped' && one.spooled === EVENTS && one.queued === 0
  })

/** Files of the forwarder, with their sizes. */
function filesOf(router: Router): Record<string, number> {
  const folder = join(router.folder, 'var/spool/0/tenant-0%2fsiem')
  if (!existsSync(folder)) return {}
  const names = readdirSync(folder).filter((name) => name.endsWith('.db'))
  return Object.fromEntries(names.map((name) => [name, statSync(join(folder, name)).size]))
}

test('R18: removed, reloaded, restarted and there again: not a byte is deleted, and all of it arrives', async () => {
  const { siem, router, rules, cli } = await holding('7d')
  await rules(['other'])
  await atRest(router)
  const files = filesOf(router)
  expect(Object.keys(files).length).toBeGreaterThan(0)
  // Reloads without it, events for others.
  await sendLines(router.port('tcp'), numbered(EVENTS, 100))
  await rules(['other'])
  await router.until((now) => forwarderOf(now, 'tenant-0', 'other').delivered === EVENTS + 100)
  expect(filesOf(router)).toEqual(files)
  const shown = await logweir(['status', ...cli()])
  expect(shown.stdout).toMatch(/tenant-0\/siem: not in the rules since .*; what it holds is purged in 7 days/)
  const list = await logweir(['spool', 'list', ...cli()])
  expect(list.stdout).toMatch(/^tenant-0\/siem +stopped +2000 .* 7 days$/m)

  expect(await router.stop()).toBe(0)
  expect(filesOf(router)).toEqual(files)
  const stopped = await logweir(['spool', 'list', '--json', '--config', router.config])
  const listed = JSON.parse(stopped.stdout) as {
    forwarders: { forwarder: string; purged_in_seconds: number }[]
  }
  expect(listed).toMatchObject({ forwarders: [{ forwarder: 'siem', events: EVENTS }] })
  expect(listed.forwarders[0]?.purged_in_seconds).toBeGreaterThan(7 * 86_400 - 600)

  await router.start()
  expect(filesOf(router)).toEqual(files)
  const since = (await atRest(router)).forwarders.find(({ forwarder }) => forwarder === 'siem')?.removed
    ?.since
  expect(Date.parse(since ?? '')).toBeLessThan(Date.now())
  await siem.open()
  await rules(['siem', 'other'])
  await siem.until(() => siem.missing(EVENTS).length === 0)
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered === EVENTS)
  expect(forwarderOf(ledger, 'tenant-0', 'siem')).toMatchObject({ dropped: {}, removed: null, spooled: 0 })
  expect(siem.lines).toBe(EVENTS)
  expectBalanced(ledger)
  await router.stop()
})

test('after `spool.removed_keep` it is purged, said and counted; another time needs no restart', async () => {
  const { router, rules } = await holding('1h')
  await rules(['other'])
  await atRest(router)
  router.writeSettings(settings('1s'))
  const reload = (await router.ask('/api/v1/reload', 'POST')) as { changes: { needs_restart: string[] } }
  expect(reload.changes.needs_restart).toEqual([])
  const line = await router.seen(({ msg }) => msg.includes('its spool is purged'))
  expect(line).toMatchObject({
    msg: 'forwarder tenant-0/siem left the rules: its spool is purged (spool.removed_keep)',
    tenant: 'tenant-0',
    forwarder: 'tenant-0/siem',
    events: EVENTS,
  })
  expect([typeof line['oldest_seconds'], typeof line['removed']]).toEqual(['number', 'string'])
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').spooled === 0)
  expect(forwarderOf(ledger, 'tenant-0', 'siem').dropped).toEqual({ purged: EVENTS })
  expectBalanced(ledger)
  expect(Object.keys(filesOf(router))).toEqual([])
  await router.stop()
})

test('the time goes on over a restart, and what a graceful stop put aside goes too', async () => {
  const { router } = await holding('1h')
  // It leaves while the router is stopped: what it held is partly in the stop file.
  await router.stop()
  router.writeRules({ tenants: [tenantRules(0, [{ name: 'other', to: 'udp://127.0.0.1:9' }])] })
  await router.start()
  await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').removed !== null)
  await router.stop()
  router.writeSettings(settings('1s'))
  await router.start()
  expect(await router.seen(({ msg }) => msg.includes('its spool is purged'))).toMatchObject({
    events: EVENTS,
  })
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').spooled === 0)
  expect(forwarderOf(ledger, 'tenant-0', 'siem')).toMatchObject({
    enqueued: EVENTS,
    dropped: { purged: EVENTS },
  })
  expectBalanced(ledger)
  await router.stop()
  const list = await logweir(['spool', 'list', '--config', router.config])
  expect(list.stdout).toBe('nothing is on disk\n')
})

test('R65: a wall clock that jumps by years purges nothing early, and keeps nothing from being purged', async () => {
  const jumps = pathToFileURL(join(root, 'test/support/jumping-clock.ts')).href
  const { router, rules } = await holding('1h')
  await rules(['other'])
  await atRest(router)
  await router.stop()
  await router.start({ NODE_OPTIONS: `--import=${jumps}` })
  // Each of its eight times has been there for a quarter of a second.
  for (const end = performance.now() + 2500; performance.now() < end; ) await rules(['other'])
  expect(forwarderOf(await router.status(), 'tenant-0', 'siem').spooled).toBe(EVENTS)
  router.writeSettings(settings('1s'))
  await rules(['other'])
  await router.seen(({ msg }) => msg.includes('its spool is purged'))
  expectBalanced(await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').spooled === 0))
  await router.stop()
})
