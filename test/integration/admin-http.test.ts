/** What the admin interface says to whoever does not keep to it, and that it goes on. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectBalanced, Router, tenantRules } from '../support/router.ts'

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
let router: Router
let token = ''

beforeAll(async () => {
  router = new Router(
    { listeners },
    { tenants: [tenantRules(0, [{ name: 'siem', to: 'tcp://127.0.0.1:9' }])] },
  )
  await router.start()
  token = readFileSync(join(router.folder, 'var', 'admin.token'), 'utf8').trim()
})
afterAll(async () => {
  await router.clean()
})

const JSON_TYPE = { 'content-type': 'application/json' }

async function ask(
  method: string,
  path: string,
  {
    body,
    headers = {},
    known = true,
  }: { body?: string; headers?: Record<string, string>; known?: boolean } = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const answer = await fetch(`${router.admin}${path}`, {
    method,
    headers: { ...(known ? { authorization: `Bearer ${token}` } : {}), ...headers },
    ...(body === undefined ? {} : { body }),
  })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

/** Bytes written as they are, and all that comes back until the connection ends. */
function raw(bytes: string): Promise<string> {
  return new Promise((done, fail) => {
    const { hostname, port } = new URL(router.admin)
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('close', () => done(text))
    socket.on('error', fail)
  })
}

const PAUSE = '/api/v1/forwarders/tenant-0/siem/pause'

test('paths and methods: what is there, what is not, and HEAD', async () => {
  expect(JSON.parse((await ask('GET', '/healthz', { known: false })).text)).toEqual({ status: 'ok' })
  const head = await ask('HEAD', '/healthz', { known: false })
  expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', '15'])
  for (const path of ['/', '/api/v1/nothing', '/healthz/', '/api/v1/why/%zz', '/metricsx']) {
    const { status, text } = await ask('GET', path)
    expect([path, status]).toEqual([path, 404])
    expect(JSON.parse(text)).toHaveProperty('mend')
  }
  expect(await ask('POST', '/healthz')).toMatchObject({
    status: 405,
    text: expect.stringContaining('send GET'),
  })
  expect(await ask('GET', '/api/v1/reload')).toMatchObject({ status: 405 })
  expect(await ask('DELETE', PAUSE)).toMatchObject({
    status: 405,
    text: expect.stringContaining('send POST'),
  })
  expect((await ask('GET', '/readyz?x=1#y', { known: false })).status).toBe(200)
  expect((await ask('GET', '/metrics', { known: false })).headers.get('content-type')).toMatch(/^text\/plain/)
})

test('without the token nothing is done, nor is a body read', async () => {
  for (const path of ['/api/v1/status', '/api/v1/diff', '/api/v1/drain', '/api/v1/why/tenant-0'])
    expect((await ask('GET', path, { known: false })).status).toBe(401)
  for (const authorization of ['Bearer', 'Bearer x', `Basic ${token}`, token])
    expect((await ask('POST', PAUSE, { known: false, headers: { authorization } })).status).toBe(401)
  // Announces a gigabyte and sends none of it: the answer comes at once, and the connection ends.
  const answer = await raw(`POST ${PAUSE} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  expect(answer).toMatch(/connection: close/i)
})

test('bodies: too long, of another type, broken, with other keys', async () => {
  const post = (body: string, headers: Record<string, string> = JSON_TYPE) =>
    ask('POST', PAUSE, { body, headers })
  expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await post('{')).status).toBe(400)
  for (const body of [
    '[]',
    '"x"',
    '{"for": 1}',
    '{"fro": "1h"}',
    `{"reason": "${'x'.repeat(1001)}"}`,
    '{"__proto__": "x"}',
  ])
    expect([body.slice(0, 20), (await post(body)).status]).toEqual([body.slice(0, 20), 400])
  expect((await post(JSON.stringify({ reason: 'x'.repeat(70_000) }))).status).toBe(413)
  expect((await post('{"for": "soon"}')).status).toBe(400)
  expect((await ask('POST', '/api/v1/forwarders/tenant-0/none/pause')).status).toBe(404)
  expect((await post('{"for": "1h", "reason": "a test"}')).status).toBe(200)
  expect((await ask('POST', '/api/v1/forwarders/tenant-0/siem/resume')).status).toBe(200)
})

test('what is not HTTP is refused, and it goes on', async () => {
  expect(await raw('\x16\x03\x01 no HTTP at all\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  expect(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  )
  const broken = await raw(
    `POST ${PAUSE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
  )
  expect(broken).toMatch(/^HTTP\/1\.1 (400|500) /)
  expectBalanced(await router.status())
  expect(await router.stop()).toBe(0)
})
