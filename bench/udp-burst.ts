/**
 * `npm run bench:udp-burst`: what of a burst of datagrams arrives with the default settings (R31): 20,000 of 512 bytes in a
 * second, each round; `--short`: one round.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { listening, Proc, stopAll, udpDrops } from './lib/proc.ts'
import { buildTools, OUT, ROOT, tool } from './lib/routers.ts'

const { values: options } = parseArgs({ options: { short: { type: 'boolean', default: false } } })
const ROUNDS = options.short ? 1 : 10
const EVENTS = 20_000
const BYTES = 512
const folder = join(OUT, 'run', 'udp-burst')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function router(port: number, admin: number): Promise<Proc> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'rules'), { recursive: true })
  writeFileSync(
    join(folder, 'logweir.yaml'),
    `version: 1
listeners: [{ name: in, transport: udp, bind: "127.0.0.1:${port}", allow: ["127.0.0.0/8"] }]
rules: rules
data: var
admin: { bind: "127.0.0.1:${admin}" }
log: { level: warn, format: json }
`,
  )
  writeFileSync(join(folder, 'rules', 'all.yaml'), 'version: 1\n')
  const args = [join(ROOT, 'bin', 'logweir.js'), 'run', '--config', join(folder, 'logweir.yaml')]
  const proc = new Proc(process.execPath, args, { cwd: folder })
  await listening(proc, admin, 'tcp', 30_000)
  return proc
}

/** Of the metrics: the sum of a name's series. */
async function counted(admin: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

async function run(): Promise<void> {
  const missing = buildTools()
  if (missing !== null) return say(missing)
  const [port, admin] = [await freePort(), await freePort()]
  await router(port, admin)
  const event = `<13>1 2026-05-15T19:41:25.001Z host app - - - ${'x'.repeat(BYTES)}`.slice(0, BYTES)
  const file = join(folder, 'events')
  writeFileSync(file, `${event}\n`.repeat(EVENTS))
  say(`net.core.rmem_max ${readFileSync('/proc/sys/net/core/rmem_max', 'utf8').trim()}, asked for 4 MiB`)
  let sent = 0
  for (let round = 0; round < ROUNDS; round++) {
    const args = ['udp', String(port), file, 'newline', String(EVENTS), '1', '1', String(EVENTS)]
    const sender = new Proc(tool('sender'), args)
    const { start_ns, end_ns } = JSON.parse(await sender.line(60_000)) as { start_ns: number; end_ns: number }
    sent += EVENTS
    await sleep(500)
    const received = await counted(admin, 'logweir_events_received_total')
    const dropped = await counted(admin, 'logweir_udp_kernel_drops_total')
    const took = ((end_ns - start_ns) / 1e9).toFixed(2)
    say(
      `${EVENTS} of ${BYTES} B in ${took} s: ${(((sent - received) / sent) * 100).toFixed(3)} % of all so far lost, ` +
        `${dropped} of ${sent - received} counted (the system says ${udpDrops(port)})`,
    )
  }
}

try {
  await run()
} finally {
  await stopAll()
}
