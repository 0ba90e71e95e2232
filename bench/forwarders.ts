/**
 * `npm run bench:forwarders`: what forwarders cost that do little.
 *
 *   npm run bench:forwarders               20 s a figure
 *   npm run bench:forwarders -- --short    4 s
 *   … --only dead, --only many             one half of it
 *
 * A dead forwarder, of each kind of dead, with events that wait for it: under 1 % of a core, measured over 50 of them and
 * against a router without. 1,000 forwarders that get an event now and then: under 250 MB of memory, and next to no
 * processor time when nothing comes, their connections open. Ends with 1 when a figure is above what is promised.
 */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAuthority, putFile } from '../test/support/authority.ts'
import { noSynAnswer } from '../test/support/no-answer.ts'
import { processorMs, residentBytes } from '../test/support/process.ts'
import { sendLines } from '../test/support/receiver.ts'
import { dfwLine, type forwarderOf, Router, tenantRules } from '../test/support/router.ts'
import { blackHole, httpSink, noServerHello, refuse } from '../test/support/sinks.ts'

const { values: options } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string', default: 'all' } },
})
const SECONDS = options.short ? 4 : 20
const DEAD = 50
const MANY = 1000
const EVENTS = 20
const DEAD_MAX = 0.01
const MEMORY_MAX = 250_000_000
/** Of a core, all together, with nothing to do. */
const REST_MAX = 0.05

const ends: (() => Promise<unknown>)[] = []
const listeners = [
  {
    name: 'tcp',
    transport: 'tcp',
    bind: '127.0.0.1:0',
    allow: ['127.0.0.0/8'],
    connections_per_address: 4000,
  },
]
let broken = 0

/** A figure with what is promised of it. */
function say(text: string, ok = true): void {
  if (!ok) broken += 1
  process.stdout.write(`${text}${ok ? '' : '   ABOVE WHAT IS PROMISED'}\n`)
}

const percent = (part: number): string => `${(part * 100).toFixed(3)} %`
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`

/** Part of one core that a process takes over so long, and how often its threads were woken in a second. */
async function busy(pid: number, seconds = SECONDS): Promise<{ part: number; wakes: number }> {
  const [before, woken, began] = [processorMs(pid), wakes(pid), performance.now()]
  await sleep(seconds * 1000)
  const took = performance.now() - began
  return { part: (processorMs(pid) - before) / took, wakes: ((wakes(pid) - woken) * 1000) / took }
}

/** Times that the threads of a process went to sleep by themselves. */
function wakes(pid: number): number {
  const folder = `/proc/${pid}/task`
  return readdirSync(folder).reduce((sum, task) => {
    try {
      const status = readFileSync(join(folder, task, 'status'), 'utf8')
      return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0)
    } catch {
      return sum
    }
  }, 0)
}

async function started(rules: object, env: NodeJS.ProcessEnv = {}): Promise<Router> {
  const router = new Router({ listeners }, rules)
  return router.start(env)
}

/** Waits until every forwarder is in a state, as the status says. */
async function all(
  router: Router,
  count: number,
  what: (one: ReturnType<typeof forwarderOf>) => boolean,
): Promise<void> {
  await router.until((ledger) => {
    const own = ledger.forwarders.filter(({ tenant }) => tenant.startsWith('tenant-'))
    return own.length === count && own.every(what)
  }, 120_000)
}

interface Dead {
  readonly name: string
  readonly forwarder: object
}

async function deads(): Promise<readonly Dead[]> {
  const [hole, hello, silent, syn] = [
    await blackHole(),
    await noServerHello(),
    await httpSink(() => ({ status: 200, hang: true })),
    await noSynAnswer(),
  ]
  const busy_http = await httpSink(() => ({ status: 503 }))
  for (const one of [hole, hello, silent, syn, busy_http]) ends.push(() => one.close())
  const refused = await refuse()
  return [
    { name: 'tcp, refused', forwarder: { to: `tcp://127.0.0.1:${refused}` } },
    { name: 'tcp, no answer to SYN', forwarder: { to: `tcp://127.0.0.1:${syn.port}` } },
    { name: 'tcp, never reads', forwarder: { to: `tcp://127.0.0.1:${hole.port}` } },
    { name: 'tcp, a name that is not', forwarder: { to: 'tcp://nobody.invalid:514' } },
    { name: 'tls, no ServerHello', forwarder: { to: `tls://127.0.0.1:${hello.port}` } },
    { name: 'relp, silent', forwarder: { to: `relp://127.0.0.1:${hello.port}` } },
    { name: 'http, refused', forwarder: { to: `http://127.0.0.1:${refused}/`, type: 'http' } },
    { name: 'http, never answers', forwarder: { to: `http://127.0.0.1:${silent.port}/`, type: 'http' } },
    { name: 'http, 503', forwarder: { to: `http://127.0.0.1:${busy_http.port}/`, type: 'http' } },
    { name: 'udp, a name that is not', forwarder: { to: 'udp://nobody.invalid:514' } },
    { name: 'file, no folder', forwarder: { to: 'file:/dev/null/out.log', type: 'file' } },
  ]
}

async function measureDead(): Promise<void> {
  const none = await started({})
  await sleep(options.short ? 5000 : 15_000)
  const base = await busy(none.pid)
  await none.clean()
  say(`a router without forwarders: ${percent(base.part)} of a core, ${base.wakes.toFixed(0)} wakes a second`)
  for (const { name, forwarder } of await deads()) {
    const tenants = Array.from({ length: DEAD }, (_, n) => {
      const own =
        'type' in forwarder && forwarder.type === 'file' ? { to: `file:/dev/null/out-${n}.log` } : {}
      return tenantRules(n, [{ name: 'siem', shared_destination: 'bench', ...forwarder, ...own }])
    })
    const router = await started({ tenants })
    const lines = Array.from({ length: DEAD * EVENTS }, (_, n) => dfwLine(n % DEAD, n))
    await sendLines(router.port('tcp'), lines)
    await all(router, DEAD, (one) => one.enqueued === EVENTS)
    // Until the waits have grown.
    await sleep(options.short ? 4000 : 15_000)
    const { part, wakes: woken } = await busy(router.pid)
    const each = (part - base.part) / DEAD
    await router.clean()
    say(
      `dead: ${name.padEnd(24)} ${percent(Math.max(0, each))} of a core each, ${woken.toFixed(0)} wakes a second for ${DEAD}`,
      each < DEAD_MAX,
    )
  }
}

/** Takes everything over one port and counts the events. */
class Sink {
  events = 0
  port = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(tls?: { cert: string; key: string }) {
    const take = (socket: Socket): void => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('data', (chunk: Buffer) => {
        for (let at = chunk.indexOf('FIREWALL'); at !== -1; at = chunk.indexOf('FIREWALL', at + 1))
          this.events += 1
      })
    }
    this.#server = tls === undefined ? createServer(take) : createTls(tls, take)
  }

  get connections(): number {
    return this.#sockets.size
  }

  async listen(): Promise<this> {
    this.#server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 })
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as { port: number }).port
    return this
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

async function measureMany(
  name: string,
  made: () => Promise<{ forwarder: object; sink: Sink | null }>,
): Promise<void> {
  const { forwarder, sink } = await made()
  const tenants = Array.from({ length: MANY }, (_, n) =>
    tenantRules(n, [{ name: 'siem', shared_destination: 'bench', ...forwarder }]),
  )
  const router = await started({ tenants })
  let sent = 0
  let most = 0
  // 100 events a second, each forwarder's turn every ten seconds.
  const trickle = async (seconds: number): Promise<void> => {
    for (let n = 0; n < seconds * 10; n++) {
      const lines = Array.from({ length: 10 }, () => dfwLine(sent % MANY, sent++))
      await Promise.all([sendLines(router.port('tcp'), lines), sleep(100)])
      if (n % 10 === 0) most = Math.max(most, residentBytes(router.pid))
    }
  }
  const [before, began] = [processorMs(router.pid), performance.now()]
  await trickle(Math.max(11, SECONDS))
  const part = (processorMs(router.pid) - before) / (performance.now() - began)
  await all(router, MANY, (one) => one.delivered === one.enqueued && one.enqueued > 0)
  most = Math.max(most, residentBytes(router.pid))
  const rest = await busy(router.pid)
  const open = sink === null ? '' : `, ${sink.connections} connections`
  say(
    `${MANY} forwarders, ${name}: ${megabytes(most)}${open}, ${percent(part)} of a core at 100 events a second`,
    most < MEMORY_MAX,
  )
  say(
    `    at rest ${percent(rest.part)} of a core, ${rest.wakes.toFixed(0)} wakes a second`,
    rest.part < REST_MAX,
  )
  await router.clean()
  await sink?.close()
}

async function measureTrickles(): Promise<void> {
  const authority = await makeAuthority()
  const pair = await authority.issue(['127.0.0.1'])
  await measureMany('tcp', async () => {
    const sink = await new Sink().listen()
    return { sink, forwarder: { to: `tcp://127.0.0.1:${sink.port}` } }
  })
  await measureMany('tls', async () => {
    const sink = await new Sink(pair).listen()
    const { tmpdir } = await import('node:os')
    const ca = putFile(tmpdir(), `logweir-bench-${process.pid}.pem`, authority.ca)
    return { sink, forwarder: { to: `tls://127.0.0.1:${sink.port}`, tls: { ca } } }
  })
  await measureMany('http', async () => {
    const server = await httpSink(() => ({ status: 200 }))
    ends.push(() => server.close())
    return { sink: null, forwarder: { to: `http://127.0.0.1:${server.port}/`, type: 'http' } }
  })
}

try {
  if (options.only !== 'many') await measureDead()
  if (options.only !== 'dead') await measureTrickles()
} finally {
  for (const end of ends.toReversed()) await end()
}
if (broken > 0) {
  process.stderr.write(`${broken} figures are above what is promised\n`)
  process.exitCode = 1
}
