/** Do events of a Log Insight agent on NSX reach the right tenant through a whole router, and nobody else? */
import { Agent } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { ask, INGEST } from '../support/cfapi.ts'
import { Receiver } from '../support/receiver.ts'
import { dfwLine, expectBalanced, Router, tenantRules, testTenant } from '../support/router.ts'

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

const listeners = [{ name: 'cfapi', transport: 'cfapi', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]

async function receivers(count: number): Promise<Receiver[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new Receiver().open()))
  open.push(...made)
  return made
}

async function started(settings: object, rules: object): Promise<Router> {
  const made = new Router(settings, rules)
  open.push(made)
  return made.start()
}

/** What the agent makes of a firewall line of tenant n: the header in fields, the message as text. */
function agentEvent(n: number, sequence: number, over: Readonly<Record<string, string>> = {}): object {
  const [, message = ''] = / - - - (.*)$/.exec(dfwLine(n, sequence)) ?? []
  const named = {
    hostname: 'esx01.example.net',
    appname: 'FIREWALL-PKTLOG',
    procid: '2106467',
    pri_facility: '1',
    pri_severity: '5',
    filepath: '/var/log/dfwpktlogs.log',
    ...over,
  }
  const fields = Object.entries(named).map(([name, content]) => ({ name, content }))
  return { text: message, timestamp: Date.now(), fields }
}

/** A gateway line carries its label in the same place; its header is NSX's. */
function gatewayEvent(n: number, sequence: number): object {
  const { label } = testTenant(n)
  const text = `INET match PASS ${sequence} OUT 60 TCP 10.1.2.3/45120->203.0.113.38/443 S ${label}`
  const named = {
    hostname: 'esx02',
    appname: 'NSX',
    msgid: 'FIREWALL-PKTLOG',
    pri_severity: 'notice',
    pri_facility: 'local6',
    comp: 'nsx-esx',
  }
  return {
    text,
    timestamp: Date.now(),
    fields: Object.entries(named).map(([name, content]) => ({ name, content })),
  }
}

test('every shape, with a header in the text or in fields, reaches the tenant whose label stands last', async () => {
  const [a, b, all] = (await receivers(3)) as [Receiver, Receiver, Receiver]
  const made = await started(
    { listeners },
    {
      tenants: [tenantRules(0, [{ name: 'siem', to: a.url }]), tenantRules(1, [{ name: 'siem', to: b.url }])],
      provider: { forwarders: [{ name: 'all', to: all.url }] },
    },
  )
  const port = made.port('cfapi')
  const agent = new Agent({ keepAlive: true })
  const events = (from: number): object[] => [
    agentEvent(0, from),
    agentEvent(1, from + 1),
    { text: dfwLine(0, from + 2), fields: [{ name: 'filepath', content: '/var/log/syslog' }] },
    gatewayEvent(1, from + 3),
  ]
  const flat = events(16).map((one) => {
    const { text, timestamp, fields } = one as {
      text: string
      timestamp?: number
      fields: { name: string; content: string }[]
    }
    return { text, timestamp, ...Object.fromEntries(fields.map(({ name, content }) => [name, content])) }
  })
  const answers = [
    await ask(port, INGEST, { events: events(0) }, { agent }),
    await ask(port, '/api/v2/events/ingest/0', { messages: events(4) }, { agent }),
    await ask(port, '/api/v1/messages/ingest/0', { messages: events(8) }, { agent }),
    await ask(port, INGEST, gzipSync(JSON.stringify({ events: events(12) })), {
      agent,
      headers: { 'content-encoding': 'gzip' },
    }),
    await ask(port, '/api/v2/events', flat, { agent }),
  ]
  expect(answers.map(({ status, json }) => [status, json['ingested'], json['received']])).toEqual(
    answers.map(() => [200, 4, 4]),
  )
  agent.destroy()
  await Promise.all([
    a.until(() => a.lines === 10),
    b.until(() => b.lines === 10),
    all.until(() => all.lines === 20),
  ])
  expect([...a.seen.keys()].sort((x, y) => x - y)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
  expect([...b.seen.keys()].every((n) => n % 2 === 1)).toBe(true)
  const ledger = await made.status()
  expectBalanced(ledger)
  expect([ledger.received, ledger.owned]).toEqual([20, 20])
  expect(await made.stop()).toBe(0)
})

test('nothing reaches a tenant by what a message, a field or a missing header says', async () => {
  const [a, orphans] = (await receivers(2)) as [Receiver, Receiver]
  const made = await started(
    { listeners },
    {
      tenants: [tenantRules(0, [{ name: 'siem', to: a.url }])],
      provider: { forwarders: [{ name: 'orphans', to: orphans.url, scope: 'orphans' }] },
    },
  )
  const { label } = testTenant(0)
  const fields = (named: Readonly<Record<string, string>>): object[] =>
    Object.entries(named).map(([name, content]) => ({ name, content }))
  const forged = [
    // The label in fields, where nobody looks.
    {
      text: 'hello',
      timestamp: 1,
      fields: fields({ hostname: 'h', pri: '13', appname: 'FIREWALL-PKTLOG', label, tag: label }),
    },
    // A firewall line, header and all, in a message of Hostd.
    { text: dfwLine(0, 1), timestamp: 1, fields: fields({ hostname: 'h', pri: '166', appname: 'Hostd' }) },
    // A line that no parser took apart: the rest of somebody's message.
    {
      text: / - - - (.*)$/.exec(dfwLine(0, 2))?.[1],
      timestamp: 1,
      fields: fields({ hostname: 'h', appname: 'FIREWALL-PKTLOG' }),
    },
    { text: dfwLine(0, 3).replace('<13>1 ', ''), fields: fields({ filepath: '/var/log/x' }) },
    // Two lines in one text.
    { text: `text\n${dfwLine(0, 4)}`, timestamp: 1, fields: fields({ hostname: 'h', pri: '13' }) },
  ]
  expect((await ask(made.port('cfapi'), INGEST, { events: forged })).json['ingested']).toBe(forged.length)
  await orphans.until(() => orphans.lines === forged.length)
  // What an agent asks for that nobody documents is there to look at.
  await ask(made.port('cfapi'), '/api/v1/agent/status', '{"hello":1}', {
    headers: { authorization: 'Bearer x' },
  })
  const ledger = await made.status()
  expectBalanced(ledger)
  expect([ledger.owned, ledger.orphaned, a.lines]).toEqual([0, forged.length, 0])
  expect(ledger).toMatchObject({
    unknown_requests: [
      { listener: 'cfapi', method: 'POST', path: '/api/v1/agent/status', first: '{"hello":1}', times: 1 },
    ],
  })
  await made.stop()
})

test('two workers share the port; a stop answers what it took', async () => {
  const [a] = (await receivers(1)) as [Receiver]
  const made = await started(
    { listeners, workers: 2 },
    { tenants: [tenantRules(0, [{ name: 'siem', to: a.url }])] },
  )
  const port = made.port('cfapi')
  let taken = 0
  let stopping = false
  const client = async (from: number): Promise<void> => {
    for (let n = 0; n < 2000 && !stopping; n += 1) {
      const events = [agentEvent(0, from + n)]
      const status = await ask(port, INGEST, { events }).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status === 200) taken += 1
      if (taken === 100) stopping = true
    }
  }
  const clients = [0, 1, 2, 3].map((n) => client(n * 10_000))
  await Promise.all(clients)
  expect(await made.stop()).toBe(0)
  await made.start()
  await a.until(() => a.seen.size >= taken)
  await made.stop()
})
