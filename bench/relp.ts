/**
 * `npm run bench:relp`: what rsyslog delivers to Logweir over RELP, beside plain TCP from the same rsyslog.
 *
 *   npm run bench:relp               1,000,000 events a row (RELP with `spool: always`: a fifth)
 *   npm run bench:relp -- --short    50,000
 *
 * rsyslog corks its socket while it fills its window of 128 events, and sends a segment that is not full after 200 ms
 * only. Loopback's segments of 64 KiB hold more than the window, so that there it sends 128 events in 200 ms to any
 * receiver, its own included. On a network segments are 1,460 bytes and nothing waits. So this runs in a network of its
 * own with such segments (`unshare -n`, needs root); where that is not possible it says so.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { answerOffers, ANSWER_BYTES, RelpCommand, relpFrame, writeAnswer } from '../src/relp/frames.ts'
import { RelpReader } from '../src/relp/reader.ts'
import { cpuSeconds, listening, Proc, stopAll } from './lib/proc.ts'
import { OUT, ROOT, rsyslogRoot } from './lib/routers.ts'

const { values: options } = parseArgs({ options: { short: { type: 'boolean', default: false } } })
const NETWORK = 'LOGWEIR_BENCH_NETWORK'
const EVENTS = options.short ? 50_000 : 1_000_000
const LIMIT_MS = 300_000
const folder = join(OUT, 'run', 'relp')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

interface Way {
  readonly name: string
  readonly transport: 'tcp' | 'relp'
  readonly spool: 'overflow' | 'always'
  /** Further settings of rsyslog's action. */
  readonly more: string
  /** A receiver that only reads and answers takes the place of Logweir: what the sender can do. */
  readonly bare: boolean
  readonly events: number
}

const plain = { spool: 'overflow', more: '', bare: false, events: EVENTS } as const
const WAYS: readonly Way[] = [
  { ...plain, name: 'plain TCP', transport: 'tcp' },
  { ...plain, name: 'RELP', transport: 'relp' },
  { ...plain, name: 'RELP, `windowSize="1000"`', transport: 'relp', more: 'windowSize="1000"' },
  { ...plain, name: 'RELP, `spool: always`', transport: 'relp', spool: 'always', events: EVENTS / 5 },
  { ...plain, name: 'RELP to a receiver that only answers', transport: 'relp', bare: true },
]

const LINE =
  '<13>1 2026-05-15T19:41:25.001Z esx01.example.net FIREWALL-PKTLOG - - - INET match PASS 1 OUT 60 TCP ' +
  `10.0.1.1/50000->10.9.9.9/443 S dcg0-10000000-aaaa-4bbb-8ccc-1000${'x'.repeat(50)}\n`

/** Counts line ends of what tenants would get. */
class Sink {
  events = 0
  readonly #server = createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) this.events += 1
    })
    socket.on('error', () => undefined)
  })

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }
}

/** A RELP receiver that does nothing else. */
class Answerer {
  events = 0
  readonly #server = createServer((socket) => this.#take(socket))

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }

  #take(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    const answers = Buffer.alloc(8192 * ANSWER_BYTES)
    let end = 0
    const reader = new RelpReader(65_536, {
      relp: (txnr, command, buf, from, to) => {
        if (command === RelpCommand.open) {
          socket.write(relpFrame(txnr, 'rsp', answerOffers(buf.toString('latin1', from, to)).data))
        } else if (command === RelpCommand.syslog) {
          this.events += 1
          end = writeAnswer(answers, end, txnr)
        }
      },
      fault: (reason) => say(`the sender wrote no RELP: ${reason}`),
    })
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      if (end > 0) socket.write(Buffer.from(answers.subarray(0, end)))
      end = 0
    })
  }
}

async function logweir(way: Way, port: number, out: number): Promise<Proc> {
  mkdirSync(join(folder, 'rules'), { recursive: true })
  writeFileSync(
    join(folder, 'logweir.yaml'),
    `version: 1
listeners: [{ name: in, transport: ${way.transport}, bind: "127.0.0.1:${port}", allow: ["127.0.0.0/8"] }]
rules: rules
data: var
admin: { bind: "unix:${join(folder, 'admin.sock')}" }
log: { level: warn, format: json }
`,
  )
  writeFileSync(
    join(folder, 'rules', 'all.yaml'),
    `version: 1
provider:
  forwarders:
    - name: all
      to: "tcp://127.0.0.1:${out}"
      spool: ${way.spool}
      # The receiver is this process, which also feeds rsyslog: it must not cost events.
      queue: { memory_max: 64MiB, when_full: block }
`,
  )
  const args = [join(ROOT, 'bin', 'logweir.js'), 'run', '--config', join(folder, 'logweir.yaml')]
  const proc = new Proc(process.execPath, args, { cwd: folder })
  await listening(proc, port, 'tcp', 30_000)
  return proc
}

async function rsyslog(way: Way, input: number, to: number): Promise<Proc> {
  const library = join(rsyslogRoot(), 'usr/lib/x86_64-linux-gnu')
  const type = way.transport === 'relp' ? 'type="omrelp"' : 'type="omfwd" protocol="tcp"'
  writeFileSync(
    join(folder, 'rsyslog.conf'),
    `global(workDirectory="${folder}" maxMessageSize="64k")
module(load="imptcp")
module(load="omrelp")
main_queue(queue.type="FixedArray" queue.size="100000")
template(name="raw" type="string" string="%rawmsg%")
input(type="imptcp" address="127.0.0.1" port="${input}")
action(${type} target="127.0.0.1" port="${to}" template="raw" ${way.more})
`,
  )
  const args = ['-n', '-f', join(folder, 'rsyslog.conf'), '-i', join(folder, 'rsyslog.pid')]
  const env = { ...process.env, LD_LIBRARY_PATH: library, RSYSLOG_MODDIR: join(library, 'rsyslog') }
  const proc = new Proc(join(rsyslogRoot(), 'usr/sbin/rsyslogd'), args, { env })
  await listening(proc, input, 'tcp', 30_000)
  return proc
}

async function feed(port: number, events: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const bytes = Buffer.from(LINE.repeat(1000))
  for (let sent = 0; sent < events; sent += 1000) if (!socket.write(bytes)) await once(socket, 'drain')
  socket.end()
}

async function measure(way: Way): Promise<string> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const sink = way.bare ? new Answerer() : new Sink()
  const out = await sink.listen()
  const [input, port] = [await freePort(), way.bare ? out : await freePort()]
  const router = way.bare ? undefined : await logweir(way, port, out)
  const sender = await rsyslog(way, input, port)
  const warm = Math.min(20_000, way.events / 5)
  await feed(input, warm)
  await until(() => sink.events >= warm)
  const cpu = router === undefined ? 0 : cpuSeconds(router.pid)
  const began = performance.now()
  await feed(input, way.events)
  await until(() => sink.events >= warm + way.events)
  const seconds = (performance.now() - began) / 1000
  const used = router === undefined ? 0 : cpuSeconds(router.pid) - cpu
  await sender.stop()
  await router?.stop()
  sink.close()
  const exact = sink.events === warm + way.events ? '' : `, but ${sink.events - warm} arrived`
  const each = router === undefined ? '' : `${((used / way.events) * 1e6).toFixed(2)} µs of CPU an event`
  return `${way.name.padEnd(40)} ${Math.round(way.events / seconds)
    .toLocaleString('en')
    .padStart(9)} a second  ${each}${exact}`
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!holds()) {
    if (performance.now() > end) throw new Error('events are missing')
    await sleep(5)
  }
}

async function freePort(): Promise<number> {
  const sink = new Sink()
  const port = await sink.listen()
  sink.close()
  return port
}

/** Runs this again in a network of its own; false where that is not allowed. */
function inOwnNetwork(): boolean {
  const again = [process.execPath, ...process.argv.slice(1)].map((word) => `'${word}'`).join(' ')
  const script = `ip link set lo mtu 1500 && ip link set lo up && exec ${again}`
  if (spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'mtu', '1500']).status !== 0) return false
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script], {
    stdio: 'inherit',
    env: { ...process.env, [NETWORK]: '1' },
  })
  process.exitCode = status ?? 1
  return true
}

async function run(): Promise<void> {
  if (!existsSync(join(rsyslogRoot(), 'usr/lib/x86_64-linux-gnu/rsyslog/omrelp.so')))
    return say('no omrelp here (scripts/fetch-peers.sh): nothing is measured')
  if (process.env[NETWORK] === undefined) {
    if (inOwnNetwork()) return
    say(
      'no network of its own here: on loopback rsyslog sends 128 events in 200 ms over RELP, to any receiver',
    )
  }
  try {
    for (const way of WAYS) {
      const slow = process.env[NETWORK] === undefined && way.transport === 'relp'
      say(await measure(slow ? { ...way, events: 5000 } : way))
    }
  } finally {
    await stopAll()
  }
}

await run()
