/**
 * A hundred reloads under load: is every event delivered once to exactly those whom one generation of the rules names? Each generation
 * writes its number into every sixteenth event: seven forwarders of the provider stand for its bits. One connection, so that
 * what lies between two events of one generation is of that generation too. Longer and faster by LOGWEIR_RELOADS, LOGWEIR_RELOAD_RATE
 * and LOGWEIR_RELOAD_MEMORY.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Reload } from '../../src/control/reload-book.ts'
import { dfwLine, expectBalanced, Router, tenantRules } from '../support/router.ts'

const RELOADS = Number(process.env['LOGWEIR_RELOADS'] ?? 100)
/** Events a second; 200,000 where the machine gives it. */
const RATE = Number(process.env['LOGWEIR_RELOAD_RATE'] ?? 10_000)
const EVENTS_MAX = Math.max(8_000_000, RATE * 150)
const PIECE = 250
/** Where receivers share two cores with the router they are late at times. */
const MEMORY = process.env['LOGWEIR_RELOAD_MEMORY'] ?? '64MiB'
const BITS = 7
const STAMP = 16
const MARK = Buffer.from(' PASS ')

/** Counts how often each number came. */
class Sink {
  readonly seen = new Uint8Array(EVENTS_MAX)
  connections = 0
  readonly #server = createServer((socket) => this.#take(socket))
  readonly #sockets = new Set<Socket>()

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #take(socket: Socket): void {
    this.connections += 1
    this.#sockets.add(socket)
    let rest = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const end = bytes.lastIndexOf(0x0a) + 1
      for (let at = bytes.indexOf(MARK); at >= 0 && at < end; at = bytes.indexOf(MARK, at + 1)) {
        let number = 0
        for (let i = at + MARK.length; bytes[i] !== 0x20; i++)
          number = number * 10 + (bytes[i] as number) - 0x30
        this.seen[number] = (this.seen[number] as number) + 1
      }
      rest = Buffer.from(bytes.subarray(end))
    })
  }
}

const NAMES = ['all', 'orphans', 't0', 't1', 't2', 't3', 't4a', 't4b', 't4x', 't5'] as const
type Name = (typeof NAMES)[number]
type Sinks = Readonly<Record<Name, Sink>> & { readonly bits: readonly Sink[] }

/** Tenant whose label event `n` has; 6 is nobody's. */
const labelOf = (n: number): number => (n * 5 + (n >> 4)) % 7
const portOf = (n: number): number => 400 + (n % STAMP)

/** Events as they are written, each as what stands before its number and what behind. */
const TEXTS = Array.from({ length: 7 * STAMP }, (_, k) => {
  const line = dfwLine(Math.floor(k / STAMP), 0).replace('->10.9.9.9/443', `->10.9.9.9/${portOf(k)}`)
  const [head = '', tail = ''] = line.split(' PASS 0 ')
  return { head: `${head} PASS `, tail: ` ${tail}\n` }
})

/** A piece of the stream: events from `first` on. */
function textOf(first: number, count: number): string {
  let text = ''
  for (let n = first; n < first + count; n++) {
    const { head, tail } = TEXTS[labelOf(n) * STAMP + (n % STAMP)] as (typeof TEXTS)[number]
    text += head + n + tail
  }
  return text
}

/** The rules of a generation: tenants come and go, a group changes hands, destinations and conditions change. */
function rulesOf(g: number, to: Sinks): object {
  const siem = (name: Name): object => ({ name: 'siem', to: to[name].url })
  const moved = (tenantRules(2, []) as { data_center_groups: object[] }).data_center_groups
  const third = tenantRules(3, [siem('t3')]) as { data_center_groups: object[] }
  const own = third.data_center_groups
  const port = g % 2 === 0 ? '408-415' : '400-407'
  return {
    tenants: [
      tenantRules(0, [siem('t0')]),
      ...(g % 3 === 0 ? [] : [tenantRules(1, [siem('t1')])]),
      { ...tenantRules(2, [siem('t2')]), data_center_groups: g % 2 === 0 ? moved : [] },
      { ...third, data_center_groups: g % 2 === 0 ? own : [...own, ...moved] },
      tenantRules(4, [
        siem(g % 2 === 0 ? 't4a' : 't4b'),
        ...(g % 4 === 0 ? [{ name: 'extra', to: to.t4x.url }] : []),
      ]),
      tenantRules(5, [{ ...siem('t5'), where: { destination_port: port } }]),
    ],
    provider: {
      forwarders: [
        { name: 'all', to: to.all.url },
        { name: 'orphans', to: to.orphans.url, scope: 'orphans' },
        ...to.bits.map((sink, bit) => ({
          name: `bit${bit}`,
          to: sink.url,
          where: { destination_port: (g >> bit) & 1 ? 400 : 399 },
        })),
      ],
    },
  }
}

/** Who gets event `n` under generation `g`: read off the rules above by hand. */
function wanted(g: number, n: number): readonly string[] {
  const even = g % 2 === 0
  switch (labelOf(n)) {
    case 0:
      return ['t0']
    case 1:
      return g % 3 === 0 ? ['orphans'] : ['t1']
    case 2:
      return even ? ['t2'] : ['t3']
    case 3:
      return ['t3']
    case 4:
      return g % 4 === 0 ? ['t4', 't4x'] : ['t4']
    case 5:
      return portOf(n) >= 408 === even ? ['t5'] : []
    default:
      return ['orphans']
  }
}

const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

async function makeSinks(): Promise<Sinks> {
  const make = async (): Promise<Sink> => {
    const sink = await new Sink().open()
    open.push(sink)
    return sink
  }
  const named = await Promise.all(NAMES.map(async (name) => [name, await make()] as const))
  const bits = await Promise.all(Array.from({ length: BITS }, make))
  return { ...(Object.fromEntries(named) as Record<Name, Sink>), bits }
}

/** Sends at the rate until told to end; returns how many, and how many a second. */
async function send(port: number, ended: () => boolean): Promise<{ sent: number; rate: number }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const began = performance.now()
  let sent = 0
  while (!ended()) {
    if (sent + PIECE > EVENTS_MAX) throw new Error('no room for more events: fewer reloads, or a lower rate')
    const more = socket.write(textOf(sent, PIECE))
    sent += PIECE
    if (!more) await once(socket, 'drain')
    const wait = began + (sent / RATE) * 1000 - performance.now()
    if (wait > 1) await new Promise((done) => setTimeout(done, wait))
  }
  const rate = sent / ((performance.now() - began) / 1000)
  socket.end()
  socket.resume()
  await once(socket, 'close')
  return { sent, rate: Math.round(rate) }
}

/** The names that got event `n`, as often as they got it. */
function gotBy(n: number, to: Sinks): string[] {
  const times = (name: string, count: number): string[] => Array.from({ length: count }, () => name)
  return NAMES.slice(1).flatMap((name) => times(name.replace(/^t4[ab]$/, 't4'), to[name].seen[n] as number))
}

test('R61: a hundred reloads under load: nothing lost, doubled, or at a wrong tenant; each event of one generation', {
  timeout: 900_000,
}, async () => {
  const to = await makeSinks()
  const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  const settings = {
    listeners,
    queue: { memory_max: MEMORY },
    // A bit that is not set for half of the reloads has no event: where reloads take seconds its connection would be closed as idle.
    limits: { forwarder_idle: '1h' },
  }
  const router = new Router(settings, rulesOf(1, to))
  open.push(router)
  await router.start()
  let reloaded = false
  const sending = send(router.port('tcp'), () => reloaded)
  for (let g = 2; g <= RELOADS + 1; g++) {
    router.writeRules(rulesOf(g % 2 ** BITS || 1, to))
    const { outcome, findings } = (await router.ask('/api/v1/reload', 'POST')) as Reload
    expect({ outcome, findings: outcome === 'accepted' ? [] : findings }).toEqual({
      outcome: 'accepted',
      findings: [],
    })
  }
  reloaded = true
  const { sent, rate } = await sending
  const ledger = await router.until(
    (one) => one.received === sent && one.forwarders.every((f) => f.queued + f.in_flight + f.spooled === 0),
    120_000,
  )
  expectBalanced(ledger)
  console.info(`${RELOADS} reloads under ${sent} events, ${rate} a second`)
  const drops = ledger.forwarders.flatMap(({ tenant, forwarder, dropped }) =>
    Object.entries(dropped).flatMap(([why, n]) => (n > 0 ? [`${tenant}/${forwarder}: ${n} ${why}`] : [])),
  )
  expect(drops).toEqual([])
  const counts = to.all.seen.subarray(0, sent)
  expect({ lost: counts.filter((n) => n === 0).length, doubled: counts.filter((n) => n > 1).length }).toEqual(
    {
      lost: 0,
      doubled: 0,
    },
  )
  const wrong = judge(sent, to)
  expect(wrong).toEqual({ stamps: [], events: [] })
  // What did not change kept its connection.
  expect(
    [to.all, to.orphans, to.t0, ...to.bits].map(({ connections }) => connections).filter((n) => n > 1),
  ).toEqual([])
})

/** Events that did not reach exactly those whom one generation names; the first ten. */
function judge(sent: number, to: Sinks): { stamps: string[]; events: string[] } {
  const stamps: string[] = []
  const events: string[] = []
  const generation = (n: number): number => {
    const bits = to.bits.map((sink, bit) => (sink.seen[n] as number) << bit)
    if (to.bits.some((sink) => (sink.seen[n] as number) > 1)) stamps.push(`${n}: a bit came twice`)
    return bits.reduce((sum, bit) => sum + bit, 0)
  }
  let now = 1
  for (let from = 0; from < sent && events.length < 10 && stamps.length < 10; from += STAMP) {
    const before = now
    now = generation(from)
    // Numbers go round after 127.
    if (now < 1 || (now < before && before - now < 100))
      stamps.push(`${from}: generation ${now} behind ${before}`)
    const next = from + STAMP < sent ? generation(from + STAMP) : now
    const possible = next >= now ? Array.from({ length: next - now + 1 }, (_, k) => now + k) : [now, next]
    for (let n = from; n < Math.min(sent, from + STAMP); n++) {
      const got = gotBy(n, to).join(' ')
      const may = n === from ? [now] : possible
      if (!may.some((g) => wanted(g, n).join(' ') === got) && events.length < 10)
        events.push(`${n} (generation ${may.join(' or ')}, tenant ${labelOf(n)}): ${got}`)
    }
  }
  return { stamps, events }
}
