/** Who reaches the admin interface has no token yet: however much of it is used, the router goes on. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectBalanced, Router, tenantRules } from '../support/router.ts'

const CONNECTIONS_MAX = 8
const SCRAPE = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'
let router: Router

beforeAll(async () => {
  router = new Router(
    {
      listeners: [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }],
      admin: { bind: '127.0.0.1:0', connections_max: CONNECTIONS_MAX },
    },
    { tenants: [tenantRules(0, [{ name: 'siem', to: 'tcp://127.0.0.1:9' }])] },
  )
  await router.start()
})
afterAll(async () => {
  await router.clean()
})

async function open(): Promise<Socket> {
  const { hostname, port } = new URL(router.admin)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** It may end by a reset. */
function end(socket: Socket): Promise<void> {
  return new Promise((done) => socket.on('close', () => done()))
}

async function ready(): Promise<number> {
  return (await fetch(`${router.admin}/readyz`, { headers: { connection: 'close' } })).status
}

test('idle connections make way for new ones, the oldest first, and it is said', async () => {
  const idle: Socket[] = []
  const gone: number[] = []
  for (let n = 0; n < CONNECTIONS_MAX; n++) {
    const socket = await open()
    socket.on('close', () => gone.push(n))
    idle.push(socket)
  }
  const first = end(idle[0] as Socket)
  const second = end(idle[1] as Socket)
  idle.push(await open())
  await first
  expect(await ready()).toBe(200)
  await second
  expect(gone).toEqual([0, 1])
  await router.seen(({ msg }) => msg.startsWith('the admin interface has all the connections'))
  // Whoever has one and uses it keeps it.
  const used = idle[CONNECTIONS_MAX] as Socket
  used.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(used, 'data')
  const flood = await Promise.all(Array.from({ length: CONNECTIONS_MAX - 1 }, () => open()))
  used.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(used, 'data')
  for (const socket of [...idle, ...flood]) socket.destroy()
})

test('a connection with many unanswered requests is closed, and the others are served', async () => {
  const flood = await open()
  const closed = end(flood)
  flood.resume()
  flood.write(SCRAPE.repeat(2000))
  await closed
  const patient = await open()
  let text = ''
  patient.on('data', (chunk) => (text += String(chunk)))
  patient.write(SCRAPE.repeat(3))
  while (text.split('HTTP/1.1 200').length < 4) await once(patient, 'data')
  patient.destroy()
  expect(await ready()).toBe(200)
  expectBalanced(await router.status())
  expect(await router.stop()).toBe(0)
})
