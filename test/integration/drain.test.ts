/** Does a drained node leave its balancer: not ready first, senders let go, everything delivered, and back on request? */
import { once } from 'node:events'
import { createServer, connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { DrainAnswer } from '../../src/control/drain.ts'
import type { Ledger } from '../../src/control/ledger.ts'
import { logweir } from './cli/support.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { Sender } from '../support/relp-sender.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const here = { bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }
const settings = {
  listeners: [
    { name: 'tcp', transport: 'tcp', ...here },
    { name: 'relp', transport: 'relp', ...here },
  ],
  queue: { spill_after: '100ms' },
  drain: { grace: '1h', close: '30s' },
}

function* numbered(from: number, count: number): Generator<string> {
  for (let n = from; n < from + count; n++) yield dfwLine(0, n)
}

interface SetUp {
  readonly a: Receiver
  readonly b: Receiver
  readonly router: Router
  readonly cli: () => string[]
}

async function setUp(more: object = {}): Promise<SetUp> {
  const [a, b] = [await new Receiver().open(), await new Receiver().open()]
  const forwarders = [
    { name: 'siem', to: a.url, retry: { first: '50ms', max: '200ms' } },
    { name: 'second', to: b.url, retry: { first: '50ms', max: '200ms' } },
  ]
  const router = new Router({ ...settings, ...more }, { tenants: [tenantRules(0, forwarders)] })
  open.push(router, a, b)
  await router.start()
  return { a, b, router, cli: () => ['--config', router.config, '--admin', router.admin] }
}

const ready = async (router: Router): Promise<[number, string]> => {
  const answer = await fetch(`${router.admin}/readyz`)
  return [answer.status, ((await answer.json()) as { reason: string }).reason]
}

const drain = (router: Router, grace?: string): Promise<DrainAnswer> =>
  router.ask('/api/v1/drain', 'POST', grace === undefined ? {} : { grace }) as Promise<DrainAnswer>

const shown = (router: Router): Promise<Ledger & { drain: { state: string; left: number } | null }> =>
  router.status() as Promise<Ledger & { drain: { state: string; left: number } | null }>

const emptying = (router: Router): Promise<unknown> =>
  router.seen(({ msg }) => msg === 'draining: listeners are closed; what is held is delivered')

async function refused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const answer = await Promise.race([once(socket, 'connect').then(() => false), failed(socket)])
  socket.destroy()
  return answer
}

const failed = (socket: Socket): Promise<boolean> =>
  new Promise((done) =>
    socket.on('error', ({ code }: NodeJS.ErrnoException) => done(code === 'ECONNREFUSED')),
  )

test('not ready first; then senders finish, and memory and disk are emptied to the last event', async () => {
  const { a, b, router, cli } = await setUp({ workers: 2 })
  await b.close()
  await sendLines(router.port('tcp'), numbered(0, 1000))
  await router.until((now) => forwarderOf(now, 'tenant-0', 'second').spooled > 0)

  expect(await ready(router)).toEqual([200, 'ready'])
  expect(await drain(router)).toMatchObject({ state: 'announced' })
  expect(await ready(router)).toEqual([503, 'draining'])
  // Whoever has not heard of it yet is still served.
  await sendLines(router.port('tcp'), numbered(1000, 100))
  const staying = connect({ port: router.port('tcp'), host: '127.0.0.1', allowHalfOpen: true })
  await once(staying, 'connect')
  const ended = once(staying, 'end')
  staying.resume()
  await a.until(() => a.lines === 1100)

  // The second call shortens the first.
  await drain(router, '0s')
  await ended
  // Told to go: what it has on its way is taken all the same.
  staying.end(`${[...numbered(1100, 100)].join('\n')}\n`)
  await once(staying, 'close')
  await emptying(router)
  expect([await refused(router.port('tcp')), await refused(router.port('relp'))]).toEqual([true, true])
  await a.until(() => a.lines === 1200)
  // Over plain tcp what was written counts as delivered a quiet second later.
  await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered === 1200)

  const left = await logweir(['drain', '--wait', '1s', ...cli()])
  expect([left.code, left.stdout.split('\n')[0]]).toEqual([
    1,
    'not drained: 1200 events are left; the router goes on delivering',
  ])
  expect(left.stdout).toMatch(/^tenant-0\/second +1200 .*ECONNREFUSED|^tenant-0\/second +1200 .*refused/m)
  expect((await shown(router)).drain).toMatchObject({ state: 'emptying', left: 1200 })
  const text = await logweir(['status', ...cli()])
  expect(text.stdout).toMatch(/^draining since .*: listeners are closed, 1200 events are left$/m)

  await b.open()
  const done = await logweir(['drain', '--wait', '30s', '--json', ...cli()])
  expect([done.code, JSON.parse(done.stdout)]).toMatchObject([
    0,
    { state: 'drained', left: 0, forwarders: [] },
  ])
  expect([a.missing(1200), b.missing(1200)]).toEqual([[], []])
  const now = await shown(router)
  expect([now.received, now.drain?.state, now.refused]).toEqual([1200, 'drained', {}])
  expectBalanced(now)
  expect(await router.stop()).toBe(0)
})

test('RELP senders are answered, told to go, and send the rest again where they are taken', async () => {
  const { a, router, cli } = await setUp({ workers: 1 })
  const sender = new Sender()
  const sending = sender.run(() => router.port('relp'))
  await a.until(() => a.lines > 500)
  const answer = await logweir(['drain', '--grace', '0s', '--wait', '30s', ...cli()])
  expect([answer.code, answer.stdout]).toEqual([
    0,
    'drained: everything is delivered; nothing is taken until `logweir drain --cancel` or a restart\n',
  ])
  // What was answered is there; the rest its sender has.
  expect([...sender.safe].filter((number) => !a.seen.has(number))).toEqual([])
  const before = a.lines
  expect((await logweir(['drain', '--cancel', ...cli()])).stdout).toBe('not draining: listeners are open\n')
  await a.until(() => a.lines > before + 100)
  sender.stop = true
  await sending
  await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').delivered >= sender.next)
  expect(a.missing(sender.next)).toEqual([])
  expectBalanced(await router.status())
  await router.stop()
})

test('reloads are taken meanwhile and open nothing; cancelling opens what the settings say then', async () => {
  const { a, b, router, cli } = await setUp()
  await drain(router, '0s')
  await emptying(router)
  await router.seen(({ msg }) => msg === 'drained: nothing is held, and nothing is taken')
  const port = router.port('tcp')
  router.writeSettings({
    ...settings,
    listeners: [...settings.listeners, { name: 'new', transport: 'udp', ...here }],
  })
  expect(await router.ask('/api/v1/reload', 'POST')).toMatchObject({ outcome: 'accepted' })
  expect(await refused(port)).toBe(true)
  expect(await router.status()).toMatchObject({ listeners: [], drain: { state: 'drained' } })
  expect(await ready(router)).toEqual([503, 'draining'])

  // Somebody took the port: all stay closed, and it is said.
  const thief = createServer().listen(port, '127.0.0.1')
  await once(thief, 'listening')
  const blocked = await logweir(['drain', '--cancel', ...cli()])
  expect([blocked.code, blocked.stderr]).toMatchObject([1, expect.stringContaining('the port is in use')])
  expect(await ready(router)).toEqual([503, 'draining'])
  expect(await refused(router.port('relp'))).toBe(true)
  thief.close()
  await once(thief, 'close')

  expect(await router.ask('/api/v1/drain/cancel', 'POST')).toMatchObject({ state: 'none', since: null })
  expect(await ready(router)).toEqual([200, 'ready'])
  const status = (await router.status()) as Ledger & { listeners: { name: string }[]; drain: unknown }
  expect(status.listeners.map(({ name }) => name)).toEqual(['tcp', 'relp', 'new'])
  expect(status.drain).toBeNull()
  await sendLines(port, numbered(0, 50))
  await Promise.all([a, b].map((one) => one.until(() => one.lines === 50)))
  expectBalanced(await router.status())
  await router.stop()
})

test('a worker that dies is started again without listeners; a restart of the router takes events', async () => {
  const { a, router, cli } = await setUp()
  await drain(router)
  // Before anything was closed nothing has to be opened.
  expect((await logweir(['drain', '--cancel', ...cli()])).code).toBe(0)
  await sendLines(router.port('tcp'), numbered(0, 50))
  await a.until(() => a.lines === 50)
  await router.stop()

  await router.start({ LOGWEIR_FAULTS: 'worker.settle=exit@1' })
  const port = router.port('tcp')
  await a.close()
  await sendLines(port, numbered(50, 50))
  await router.until((now) => now.received === 50)
  await drain(router, '0s')
  await emptying(router)
  await a.open()
  await router.seen(({ msg }) => msg === 'worker 0 runs again')
  expect(await refused(port)).toBe(true)
  const ended = await logweir(['drain', '--wait', '30s', ...cli()])
  expect(ended.code).toBe(0)
  expectBalanced(await router.status())
  await router.stop()

  await router.start()
  expect(await ready(router)).toEqual([200, 'ready'])
  await sendLines(router.port('tcp'), numbered(100, 50))
  await a.until(() => a.seen.has(149))
  expectBalanced(await router.status())
  await router.stop()
})

test('a stop does not wait for senders as long as a drain does', async () => {
  const { router } = await setUp({ drain: { grace: '0s', close: '10m' } })
  const stuck = connect({ port: router.port('tcp'), host: '127.0.0.1', allowHalfOpen: true })
  open.push({ close: async () => void stuck.destroy() })
  stuck.on('error', () => undefined)
  await once(stuck, 'connect')
  stuck.write(`${dfwLine(0, 0)}\nunfinished`)
  await router.until((now) => now.received === 1)
  await drain(router)
  await router.seen(({ msg }) => msg.startsWith('draining: listeners close'))
  expect(await router.stop()).toBe(0)
  expect(router.log.at(-1)).toMatchObject({ msg: 'stopped', received: 1, imbalance: 0 })
})

test('what nobody delivers is named: a forwarder that left the rules, a paused one; a wrong time is one sentence', async () => {
  const { a, router, cli } = await setUp()
  await a.close()
  await logweir(['forwarder', 'pause', 'tenant-0/second', ...cli()])
  await sendLines(router.port('tcp'), numbered(0, 10))
  await router.until((now) => now.forwarders.every(({ queued, spooled }) => queued + spooled === 10))
  router.writeRules({
    tenants: [tenantRules(0, [{ name: 'second', to: 'udp://127.0.0.1:9' }])],
  })
  expect(await router.ask('/api/v1/reload', 'POST')).toMatchObject({ outcome: 'accepted' })
  await router.until((now) => forwarderOf(now, 'tenant-0', 'siem').state === 'stopped')
  const left = await logweir(['drain', '--grace', '0s', '--wait', '3s', ...cli()])
  expect(left.code).toBe(1)
  expect(left.stdout).toMatch(/^tenant-0\/siem +10 .*not in the rules: nobody delivers it$/m)
  expect(left.stdout).toMatch(/^tenant-0\/second +10 .*paused by an operator$/m)
  for (const words of [
    ['--grace', '5'],
    ['--grace', '2h'],
    ['--wait', 'long'],
    ['--cancel', '--wait', '1s'],
  ])
    expect((await logweir(['drain', ...words, ...cli()])).code).toBe(2)
  expectBalanced(await router.status())
  await router.stop()
})
