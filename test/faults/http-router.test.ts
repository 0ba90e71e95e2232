/**
 * The whole router before receivers over HTTP: two workers, every type at once, refusals and dead letters in `status`;
 * and what a kill does to a destination that knows events by their identity. Ends with the ledger and with the
 * receivers' own counts.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { KINDS, type Kind, TOKEN } from '../support/http-lanes.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import type { Limits } from '../support/products.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, sequenceOf, tenantRules } from '../support/router.ts'
import { makeAuthority, putFile } from '../support/authority.ts'
import { say } from '../support/say.ts'
import { type Fault, NONE, seqOf, StrictServer } from '../support/strict-http.ts'

const EVENTS = Number(process.env['LOGWEIR_FAULT_EVENTS'] ?? 20_000)
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const ENV = { TOKEN, NO_PROXY: '*' }
const token = { env: 'TOKEN' }
/** Everything at once comes faster than a disk takes it: this much may wait. */
const queue = { memory_max: '64MiB' }

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function serverOf(
  name: string,
  limits: Limits = {},
  fault?: (count: number) => Fault,
): Promise<StrictServer> {
  const server = await new StrictServer((KINDS[name] as Kind).product(limits), fault).listen()
  ends.push(() => server.close())
  return server
}

function router(settings: object, rules: object): Router {
  const made = new Router({ listeners, ...settings }, rules)
  ends.push(() => made.clean())
  return made
}

function* lines(from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) yield dfwLine(0, n)
}

const url = (server: StrictServer, path = ''): string => `http://127.0.0.1:${server.port}${path}`

test('every type at once with two workers: each receiver has everything, once; what one refuses is in its dead letters', async () => {
  const count = Math.min(EVENTS, 20_000)
  const poison = (text: string): boolean => seqOf(text) % 5000 === 77
  const refused = Array.from({ length: count }, (_, n) => n).filter((n) => n % 5000 === 77)
  const servers = {
    array: await serverOf('http, array'),
    lines: await serverOf('http, ndjson'),
    cloud: await serverOf('log-insight-cloud'),
    hec: await serverOf('splunk-hec, acknowledged'),
    search: await serverOf('elasticsearch', { poison }),
  }
  const made = router(
    { workers: 2, queue: { memory_max: '512MiB' } },
    {
      tenants: [
        tenantRules(0, [
          { name: 'array', queue, type: 'http', to: url(servers.array, '/in') },
          {
            name: 'lines',
            queue,
            type: 'http',
            to: url(servers.lines, '/in'),
            body: 'ndjson',
            encoding: 'ecs',
          },
          {
            name: 'hec',
            queue,
            type: 'splunk-hec',
            to: url(servers.hec),
            token,
            hec: { index: 'main', acknowledge: true },
          },
          { name: 'search', queue, type: 'elasticsearch', to: url(servers.search), token },
          { name: 'files', queue, to: 'file:out/{tenant}-{date}.log' },
        ]),
      ],
      provider: {
        forwarders: [{ name: 'cloud', queue, type: 'log-insight-cloud', to: url(servers.cloud), token }],
      },
    },
  )
  await made.start(ENV)
  // Several connections, so that both workers have some.
  const part = count / 8
  await Promise.all(
    Array.from({ length: 8 }, (_, i) => sendLines(made.port('tcp'), lines(i * part, (i + 1) * part))),
  )
  const ledger = await made.until(
    ({ forwarders }) =>
      forwarders.every(
        ({ enqueued, queued, spooled, in_flight }) =>
          enqueued === count && queued + spooled + in_flight === 0,
      ),
    60_000,
  )
  expectBalanced(ledger)
  for (const [name, server] of Object.entries(servers)) {
    expect(server.missing(count), name).toEqual(name === 'search' ? refused : [])
    expect(server.doubled, name).toBe(0)
  }
  const search = forwarderOf(ledger, 'tenant-0', 'search')
  expect(search.dropped).toMatchObject({ rejected: refused.length })
  expect(search.dead_letters).toMatchObject({ events: refused.length })
  const file = search.dead_letters?.file ?? ''
  expect(file).toBe(join(made.folder, 'var/dead-letters/tenant-0/search.jsonl'))
  const letters = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string })
  expect(letters.map(({ event }) => sequenceOf(event)).toSorted((a, b) => a - b)).toEqual(refused)
  const out = join(made.folder, 'rules/out')
  const written = readdirSync(out).flatMap((name) => {
    expect(name).toMatch(/^tenant-0-\d{4}-\d\d-\d\d\.log$/)
    return readFileSync(join(out, name), 'utf8').trimEnd().split('\n')
  })
  expect(new Set(written.map(sequenceOf)).size).toBe(count)
  expect(written.length).toBe(count)
  expect(await made.stop()).toBe(0)
})

test('killed while it delivers, with `spool: always`: nothing that was safe is lost, and ids keep everything single', async () => {
  const search = await serverOf('elasticsearch', {}, (count) => (count % 5 === 0 ? { kind: 'silent' } : NONE))
  const forwarder = {
    name: 'search',
    type: 'elasticsearch',
    to: url(search),
    token,
    spool: 'always',
    timeout: { request: '500ms' },
    retry: { max: '200ms' },
    batch: { events: 200 },
  }
  const made = router({}, { tenants: [tenantRules(0, [forwarder])] })
  await made.start(ENV)
  const sending = sendLines(made.port('tcp'), lines(0, EVENTS), 20_000).catch(() => undefined)
  await search.until(() => search.stored.size > EVENTS / 10)
  const before = await made.status()
  await made.kill()
  await sending
  const safe = forwarderOf(before, 'tenant-0', 'search')
  const held = safe.delivered + safe.spooled + safe.in_flight
  await made.start(ENV)
  const ledger = await made.until((now) => {
    const { queued, spooled, in_flight } = forwarderOf(now, 'tenant-0', 'search')
    return queued + spooled + in_flight === 0
  }, 60_000)
  expectBalanced(ledger)
  say(`killed: ${held} were safe, ${search.stored.size} are stored, ${search.doubled} twice`)
  expect(search.stored.size).toBeGreaterThanOrEqual(held)
  // Stored are the first ones without a hole: what is lost is the end.
  expect(search.missing(search.stored.size)).toEqual([])
  expect(search.doubled).toBe(0)
  expect(await made.stop()).toBe(0)
})

test('through the proxy of the environment, over TLS, by a router whose destination goes away and comes back', async () => {
  const authority = await makeAuthority()
  const pair = await authority.issue(['siem.example.com'])
  const kind = KINDS['elasticsearch'] as Kind
  const tls = { cert: pair.cert, key: pair.key }
  let server = await new StrictServer(kind.product(), undefined, tls).listen()
  const { port } = server
  ends.push(() => server.close())
  const proxy = await new HttpProxy('user:a-password').listen()
  ends.push(() => proxy.close())
  const made = router({}, {})
  const ca = putFile(made.folder, 'ca.pem', authority.ca)
  const to = `https://siem.example.com:${port}`
  made.writeRules({
    tenants: [
      tenantRules(0, [
        { name: 'search', type: 'elasticsearch', to, token, tls: { ca }, retry: { max: '200ms' } },
      ]),
    ],
  })
  const env = {
    TOKEN,
    HTTPS_PROXY: `http://user:a-password@127.0.0.1:${proxy.port}`,
    NO_PROXY: '',
    no_proxy: '',
  }
  await made.start(env)
  await sendLines(made.port('tcp'), lines(0, 2000))
  await server.until(() => server.stored.size === 2000)
  await server.close()
  const first = server.stored
  await sendLines(made.port('tcp'), lines(2000, 4000))
  const away = await made.until((now) => forwarderOf(now, 'tenant-0', 'search').state === 'retrying')
  expect(forwarderOf(away, 'tenant-0', 'search').last_error).toContain('answered 502')
  server = await new StrictServer(kind.product(), undefined, tls).listen(port)
  const ledger = await made.until((now) => forwarderOf(now, 'tenant-0', 'search').delivered === 4000)
  expectBalanced(ledger)
  expect(first.size + server.stored.size).toBe(4000)
  expect(server.doubled).toBe(0)
  expect(made.log.map((line) => JSON.stringify(line)).join()).not.toContain('a-password')
  expect(await made.stop()).toBe(0)
})
