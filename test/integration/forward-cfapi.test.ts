/** Does a CFAPI forwarder send what every generation takes, log in, and do what the answers ask? */
import { Buffer } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import { createListener } from '../../src/listen/create.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { cfapiSettings } from '../support/cfapi.ts'
import { bench } from '../support/intake.ts'
import { FakeLane, TestLog, testDeps, testSettings } from '../support/lanes.ts'
import { type HttpAnswer, type HttpRequest, type HttpSink, httpSink } from '../support/sinks.ts'
import { tempFolder } from '../support/temp-folder.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const LINE = '<181>1 2026-02-03T05:06:01.001Z edge01 NSX 2802 FIREWALL - seq=1 "quoted"'

function make(
  port: number,
  http: Partial<ForwarderSettings['http']> = {},
  over: Partial<ForwarderSettings> = {},
  deps: Partial<ForwardDeps> = {},
): { lane: FakeLane; log: TestLog } {
  const base = testSettings({
    to: { scheme: 'http', url: `http://127.0.0.1:${port}/` },
    type: 'cfapi',
    ...over,
  })
  const cfapi = { provider: 'Local', agent_secret: null } as const
  const settings = { ...base, http: { ...base.http, cfapi, ...http } }
  const log = new TestLog()
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(
    createDestination({ key: lane.key, settings }, lane, testDeps({ log, ...deps })),
  )
  ends.push(() => destination.stop(0))
  return { lane, log }
}

async function sinkOf(answer: (request: HttpRequest, count: number) => HttpAnswer): Promise<HttpSink> {
  const sink = await httpSink(answer)
  ends.push(() => sink.close())
  return sink
}

interface Sent {
  readonly events: readonly {
    readonly text: string
    readonly timestamp: number
    readonly fields: readonly { readonly name: string; readonly content: string }[]
  }[]
}

function sentIn({ body }: HttpRequest): Sent {
  return JSON.parse(body) as Sent
}

test('another router takes what is sent, and makes the same frame of it', async () => {
  const { intake, deps } = bench()
  const listener = await createListener(cfapiSettings(), 0, deps)
  ends.push(() => listener.stop(0))
  const { lane } = make(listener.address.port, {}, { tags: { site: 'fra1' } })
  lane.add(LINE, '<34>Oct 11 22:14:15 mymachine su: \u00e9')
  await intake.untilFrames(2)
  await lane.until(() => lane.settled.length === 1)
  const [first = '', second = ''] = intake.taken.map(({ text }) => Buffer.from(text, 'latin1').toString())
  expect(first).toMatch(
    /^<181>1 2026-02-03T05:06:01\.001Z edge01 NSX 2802 FIREWALL \[cfapi@32473 log_timestamp="1770095161001" .*site="fra1"\] seq=1 "quoted"$/,
  )
  expect(second).toMatch(/^<34>1 \S+ mymachine su - - \[cfapi@32473 .*\] é$/)
})

test('fields have names that every generation takes; a text is cut at 16,000 bytes', async () => {
  const sink = await sinkOf(() => ({ status: 200, body: '{"status":"ok","received":1}' }))
  const { lane } = make(sink.port, {}, { tags: { site: 'a"b' } })
  lane.add(`<13>1 2026-02-03T05:06:01Z h a p m - ${'é'.repeat(9000)}`)
  await lane.until(() => lane.settled.length === 1)
  const [request] = sink.requests
  expect(request?.path).toMatch(
    /^\/api\/v1\/events\/ingest\/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  const [event] = sentIn(request as HttpRequest).events
  expect(Buffer.byteLength(event?.text ?? '')).toBeLessThanOrEqual(16_000)
  expect(event?.text.endsWith('é')).toBe(true)
  expect(event?.timestamp).toBe(Date.parse('2026-02-03T05:06:01Z'))
  const named = Object.fromEntries(event?.fields.map(({ name, content }) => [name, content]) ?? [])
  expect(named).toMatchObject({
    hostname: 'h',
    appname: 'a',
    procid: 'p',
    msgid: 'm',
    pri_facility: '1',
    pri_severity: '5',
    site: 'a"b',
    text_cut: 'true',
  })
  expect(Object.keys(named).filter((name) => !/^[a-z_][a-z0-9_]{0,63}$/.test(name))).toEqual([])
})

test('a user’s session is made once, used, and made anew when the server has forgotten it', async () => {
  let sessions = 0
  const sink = await sinkOf(({ path, headers, body }) => {
    if (path === '/api/v1/sessions') {
      expect(JSON.parse(body)).toEqual({ username: 'u', password: 'planted-password', provider: 'vIDM' })
      sessions += 1
      return { status: 200, body: JSON.stringify({ userId: 'x', sessionId: `s${sessions}`, ttl: 1800 }) }
    }
    if (headers['authorization'] !== `Bearer s${sessions}`) return { status: 401, body: 'Invalid session ID' }
    return sessions === 1 && sink.requests.length > 3
      ? { status: 440, body: 'Login Timeout' }
      : { status: 200, body: '' }
  })
  const { lane, log } = make(sink.port, {
    login: { username: 'u', password: 'planted-password' },
    cfapi: { provider: 'vIDM', agent_secret: null },
  })
  for (let n = 1; n <= 3; n += 1) {
    lane.add(LINE)
    await lane.until(() => lane.settled.length === n)
  }
  expect(sessions).toBe(2)
  expect(sink.requests.filter(({ headers }) => String(headers['authorization']).startsWith('Basic'))).toEqual(
    [],
  )
  expect(log.lines.join()).not.toContain('planted-password')
})

test('a wrong password pauses delivery, says so, and everything is kept', async () => {
  const sink = await sinkOf(() => ({ status: 401, body: 'wrong: planted-password' }))
  const { lane, log } = make(sink.port, { login: { username: 'u', password: 'planted-password' } })
  lane.add(LINE)
  await lane.until(() => lane.waiting === 1 && log.lines.length > 0)
  expect(log.lines.join()).toContain('log-in: answered 401')
  expect(log.lines.join()).not.toContain('planted-password')
})

test('an agent secret is exchanged, and the new one kept for the next time', async () => {
  const folder = tempFolder()
  const exchanged: unknown[] = []
  const sink = await sinkOf(({ path, headers, body }) => {
    if (path === '/api/v2/agent/secrets/exchange') {
      const asked = JSON.parse(body) as { secret: string; ttl: number }
      exchanged.push(asked)
      const next = `planted-${exchanged.length}`
      return {
        status: 200,
        body: JSON.stringify({
          access_token: `t${exchanged.length}`,
          name: 'a',
          new_secret: next,
          ttl: asked.ttl,
        }),
      }
    }
    return { status: headers['authorization'] === `Bearer t${exchanged.length}` ? 200 : 401, body: '' }
  })
  const http = { cfapi: { provider: 'Local', agent_secret: 'planted-0' } } as const
  for (let n = 0; n < 2; n += 1) {
    const { lane, log } = make(sink.port, http, {}, { secrets: folder })
    lane.add(LINE)
    await lane.until(() => lane.settled.length === 1)
    expect(log.lines.join()).not.toContain('planted')
  }
  expect(exchanged).toEqual([
    { secret: 'planted-0', ttl: 1_800_000 },
    { secret: 'planted-1', ttl: 1_800_000 },
  ])
  const [tenant = '', name = ''] = new FakeLane(0).key.split('/')
  const file = join(folder, tenant, `${name}.json`)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ secret: 'planted-2' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).not.toContain('planted-0')
})

test('one bad event is found and set aside, the others go on; fewer than sent is said', async () => {
  const sink = await sinkOf((request) => {
    const { events } = sentIn(request)
    if (events.some(({ text }) => text.includes('bad'))) return { status: 400, body: '{"errorMessage":"no"}' }
    return { status: 200, body: JSON.stringify({ ingested: events.length - 1 }) }
  })
  const { lane, log } = make(sink.port)
  lane.add(LINE, '<13>bad', LINE)
  await lane.until(() => lane.settled.length === 1)
  expect(lane.dropped).toEqual({ rejected: 1 })
  expect(log.lines.join()).toContain('the server took 0 of 1 events')
})

test('503 with Retry-After is waited for', async () => {
  let asked = 0
  const sink = await sinkOf(() => {
    asked += 1
    return asked === 1
      ? { status: 503, headers: { 'retry-after': '0' }, body: '' }
      : { status: 200, body: '' }
  })
  const { lane } = make(sink.port)
  lane.add(LINE)
  await lane.until(() => lane.settled.length === 1)
  expect(asked).toBe(2)
})
