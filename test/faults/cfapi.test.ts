/** Is every event that a CFAPI client was told is safe there after a kill, and is nothing taken of a request that breaks off? */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ask, INGEST } from '../support/cfapi.ts'
import { Receiver } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const listeners = [{ name: 'cfapi', transport: 'cfapi', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const KILLS = Number(process.env['LOGWEIR_KILLS'] ?? 6)

function events(from: number, count: number): object {
  return { events: Array.from({ length: count }, (_, n) => ({ text: dfwLine(0, from + n) })) }
}

test('the router is killed again and again with `spool: always`: what was answered 200 is delivered', async () => {
  const a = await new Receiver().open()
  open.push(a)
  const siem = { name: 'siem', to: a.url, spool: 'always' }
  const made = new Router({ listeners }, { tenants: [tenantRules(0, [siem])] })
  open.push(made)
  const promised = new Set<number>()
  let next = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    await made.start()
    const port = made.port('cfapi')
    let alive = true
    const client = async (): Promise<void> => {
      while (alive) {
        const from = next
        next += 50
        const status = await ask(port, INGEST, events(from, 50)).then(
          (answer) => answer.status,
          () => 0,
        )
        if (status === 200) for (let n = from; n < from + 50; n += 1) promised.add(n)
        else alive = false
      }
    }
    // The destination is away in every second round, so that spool and memory both have something.
    if (kill % 2 === 1) await a.close()
    const clients = [client(), client(), client()]
    const wanted = promised.size + 500
    while (promised.size < wanted)
      await Promise.race([...clients, new Promise((done) => setTimeout(done, 5))])
    await made.kill()
    alive = false
    await Promise.all(clients)
    if (kill % 2 === 1) await a.open()
  }
  await made.start()
  await a.until(() => [...promised].every((n) => a.seen.has(n)))
  expectBalanced(await made.status())
  await made.stop()
})

test('clients that die in the middle of a body leave nothing: no event, no memory, no connection', async () => {
  const a = await new Receiver().open()
  open.push(a)
  const made = await new Router(
    { listeners },
    { tenants: [tenantRules(0, [{ name: 'siem', to: a.url }])] },
  ).start()
  open.push(made)
  const port = made.port('cfapi')
  const body = JSON.stringify(events(0, 100))
  for (let n = 0; n < 40; n += 1) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'connect')
    const part = body.slice(0, Math.floor((body.length * n) / 40))
    socket.write(`POST ${INGEST} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${part}`)
    await new Promise((done) => setImmediate(done))
    if (n % 2 === 0) socket.resetAndDestroy()
    else socket.end()
    await once(socket, 'close')
  }
  expect((await ask(port, INGEST, events(1000, 10))).status).toBe(200)
  await a.until(() => a.lines === 10)
  const ledger = await made.status()
  expectBalanced(ledger)
  expect(ledger.received).toBe(10)
  await made.stop()
})
