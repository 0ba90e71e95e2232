/**
 * Can a forwarder of each type be added to a running router, broken, watched in `status`, and mended, while the events
 * wait? Ends with the ledger and with the receivers' own counts.
 */
import { mkdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { KINDS, type Kind, TOKEN } from '../support/http-lanes.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, sequenceOf, tenantRules } from '../support/router.ts'
import { StrictServer } from '../support/strict-http.ts'

const COUNT = 2000
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

function* lines(from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) yield dfwLine(0, n)
}

async function reload(router: Router, forwarders: readonly object[]): Promise<void> {
  router.writeRules({ tenants: [tenantRules(0, forwarders)] })
  const done = router.next(({ msg }) => /^rules generation \d+ runs$|^reload rejected/.test(msg))
  router.signal('SIGHUP')
  expect((await done).msg).toMatch(/^rules generation/)
}

async function started(): Promise<Router> {
  const router = new Router({ listeners }, { tenants: [tenantRules(0, [])] })
  ends.push(() => router.clean())
  return router.start()
}

const TYPES: Readonly<Record<string, { readonly kind: string; readonly rules: object }>> = {
  'log-insight-cloud': { kind: 'log-insight-cloud', rules: { type: 'log-insight-cloud' } },
  'splunk-hec': {
    kind: 'splunk-hec, acknowledged',
    rules: { type: 'splunk-hec', hec: { index: 'main', acknowledge: true } },
  },
  elasticsearch: { kind: 'elasticsearch', rules: { type: 'elasticsearch' } },
}

test.each(Object.entries(TYPES))(
  '%s: added with a wrong token, paused, mended',
  async (_, { kind, rules }) => {
    const server = await new StrictServer((KINDS[kind] as Kind).product()).listen()
    ends.push(() => server.close())
    const router = await started()
    const path = join(router.folder, 'rules', 'token')
    writeFileSync(path, 'a-wrong-token')
    const forwarder = {
      name: 'one',
      to: `http://127.0.0.1:${server.port}`,
      token: { file: 'token' },
      retry: { max: '200ms' },
      ...rules,
    }
    await reload(router, [forwarder])
    await sendLines(router.port('tcp'), lines(0, COUNT))
    const broken = await router.until((now) => forwarderOf(now, 'tenant-0', 'one').state === 'paused')
    expectBalanced(broken)
    const said = forwarderOf(broken, 'tenant-0', 'one')
    expect(said.last_error).toMatch(/answered 40[13]/)
    expect(said.delivered).toBe(0)
    expect(said.enqueued).toBe(COUNT)
    expect(server.stored.size).toBe(0)
    writeFileSync(path, TOKEN)
    await reload(router, [forwarder])
    const mended = await router.until((now) => forwarderOf(now, 'tenant-0', 'one').delivered === COUNT)
    expectBalanced(mended)
    expect(forwarderOf(mended, 'tenant-0', 'one')).toMatchObject({ state: 'active', last_error: null })
    expect(server.missing(COUNT)).toEqual([])
    expect(server.doubled).toBe(0)
    expect(JSON.stringify(router.log)).not.toMatch(new RegExp(`a-wrong-token|${TOKEN}`))
    expect(await router.stop()).toBe(0)
  },
)

test('http: added before its receiver is there, retrying, there', async () => {
  const kind = KINDS['http, ndjson'] as Kind
  const first = await new StrictServer(kind.product()).listen()
  const { port } = first
  await first.close()
  const router = await started()
  await reload(router, [
    {
      name: 'one',
      type: 'http',
      to: `http://127.0.0.1:${port}/in`,
      body: 'ndjson',
      encoding: 'ecs',
      retry: { max: '200ms' },
    },
  ])
  await sendLines(router.port('tcp'), lines(0, COUNT))
  const broken = await router.until((now) => forwarderOf(now, 'tenant-0', 'one').state === 'retrying')
  expect(forwarderOf(broken, 'tenant-0', 'one').last_error).toContain('nothing listens there')
  const server = await new StrictServer(kind.product()).listen(port)
  ends.push(() => server.close())
  const mended = await router.until((now) => forwarderOf(now, 'tenant-0', 'one').delivered === COUNT)
  expectBalanced(mended)
  expect(server.missing(COUNT)).toEqual([])
  expect(server.doubled).toBe(0)
  expect(await router.stop()).toBe(0)
})

test('file: added where a folder stands in the way, retrying, removed', async () => {
  const router = await started()
  const out = join(router.folder, 'rules', 'out')
  await reload(router, [{ name: 'one', to: 'file:out/{tenant}.log', fsync: true, retry: { max: '200ms' } }])
  mkdirSync(join(out, 'tenant-0.log'), { recursive: true })
  await sendLines(router.port('tcp'), lines(0, COUNT))
  const broken = await router.until((now) => forwarderOf(now, 'tenant-0', 'one').state === 'retrying')
  expect(forwarderOf(broken, 'tenant-0', 'one').last_error).toContain('it is a folder')
  rmdirSync(join(out, 'tenant-0.log'))
  const mended = await router.until((now) => forwarderOf(now, 'tenant-0', 'one').delivered === COUNT)
  expectBalanced(mended)
  const written = readFileSync(join(out, 'tenant-0.log'), 'utf8').trimEnd().split('\n').map(sequenceOf)
  expect(written).toEqual(Array.from({ length: COUNT }, (_, n) => n))
  rmSync(out, { recursive: true })
  expect(await router.stop()).toBe(0)
})
