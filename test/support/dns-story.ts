/**
 * A program for namespaces of its own (`unshare -mn`): destinations whose names a real name server knows, does not know yet,
 * moves, and forgets. Prints what happened, a line a step. Its clock runs 100 times as fast.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { CachedResolver } from '../../src/forward/resolve.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { event, KINDS, type Kind, TOKEN } from './http-lanes.ts'
import { FakeLane, testDeps, testSettings } from './lanes.ts'
import { NameServerSink } from './name-server.ts'
import { RelpServer } from './relp-server.ts'
import { StreamSink } from './sinks.ts'
import { seqOf, StrictServer } from './strict-http.ts'

const [folder = '', kind = ''] = process.argv.slice(2)
const NAME = 'siem.example.com'
const PORT = 5514
const FASTER = 100
const fast: Clock = {
  wall: systemClock.wall,
  monotonic: () => systemClock.monotonic() * FASTER,
  after: (ms, act) => systemClock.after(ms / FASTER, act),
}

const resolv_conf = join(folder, 'resolv.conf')
const useServer = (address: string): void =>
  writeFileSync(resolv_conf, `nameserver ${address}\n# ${Date.now()}\n`)
const run = (words: string): void => void execFileSync('/usr/bin/env', words.split(' '))
useServer('127.0.0.1')
run('ip link set lo up')
run(`mount --bind ${resolv_conf} /etc/resolv.conf`)

const until = async (holds: () => boolean, act: () => void = () => undefined): Promise<void> => {
  for (let n = 0; !holds(); n++) {
    if (n > 2000) throw new Error('it never came to that')
    act()
    await pause(10)
  }
}

interface Receiver {
  readonly seen: () => readonly number[]
  restart(): Promise<unknown>
  close(): Promise<unknown>
}

/** A receiver of this kind at an address, on the port that all have. */
async function receive(host: string): Promise<Receiver> {
  if (kind === 'udp') {
    const seen: number[] = []
    let socket = createSocket('udp4')
    const open = async (): Promise<void> => {
      socket = createSocket('udp4')
      socket.on('message', (message) => seen.push(seqOf(message.toString())))
      socket.bind(PORT, host)
      await once(socket, 'listening')
    }
    await open()
    // There is no connection that could break.
    return { seen: () => seen, restart: () => Promise.resolve(), close: async () => void socket.close() }
  }
  if (kind === 'relp') {
    const server = await new RelpServer().listen(PORT, host)
    const restart = async (): Promise<void> => {
      await server.close()
      await server.listen(PORT, host)
    }
    return { seen: () => server.accepted.map(seqOf), restart, close: () => server.close() }
  }
  if (kind === 'http') {
    const server = await new StrictServer((KINDS['http, array'] as Kind).product()).listen(PORT, host)
    const restart = async (): Promise<void> => {
      await server.close()
      await server.listen(PORT, host)
    }
    return { seen: () => server.order, restart, close: () => server.close() }
  }
  const sink = await new StreamSink((socket, its) => {
    socket.on('data', (chunk: Buffer) => its.add(chunk))
  }).listen(PORT, host)
  const restart = async (): Promise<void> => {
    await sink.close()
    await sink.listen(PORT, host)
  }
  return { seen: () => sink.lines().map(seqOf), restart, close: () => sink.close() }
}

const SETTINGS: Readonly<Record<string, Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>>> = {
  tcp: { to: { scheme: 'tcp', host: NAME, port: PORT } },
  udp: { to: { scheme: 'udp', host: NAME, port: PORT }, framing: 'none' },
  relp: { to: { scheme: 'relp', host: NAME, port: PORT }, framing: 'none' },
  http: { to: { scheme: 'http', url: `http://${NAME}:${PORT}/in` }, type: 'http', format: 'json' },
}

let known: readonly string[] = []
const first = await new NameServerSink(() => (known.length === 0 ? 'gone' : known)).open('127.0.0.1', 53)
const resolver = new CachedResolver(fast)
const base = testSettings({ to: { scheme: 'http', url: 'http://x/' } }).http
const whole: ForwarderSettings = testSettings({
  retry: { first: 100, max: 1000 },
  timeout: { connect: 200_000, request: 200_000 },
  http: { ...base, token: TOKEN, ...(KINDS['http, array'] as Kind).http },
  ...(SETTINGS[kind] as (typeof SETTINGS)[string]),
})
const lane = new FakeLane(payloadForm(whole))
const destination = lane.attach(
  createDestination({ key: lane.key, settings: whole }, lane, testDeps({ clock: fast, resolver })),
)
let sent = 0
const send = (): void => void lane.add(event(sent++))

const here = await receive('127.0.0.2')
const there = await receive('127.0.0.3')
send()
await until(() => destination.last_error !== null)
console.log(`at first: ${destination.last_error}`)

known = ['127.0.0.2']
await until(() => here.seen().length === 1)
console.log('then it is known: the event arrives')

known = ['127.0.0.3']
await until(() => there.seen().length > 0, send)
const moved = sent
await until(() => there.seen().includes(moved), send)
await until(() => new Set([...here.seen(), ...there.seen()]).size === sent)
console.log(`the name moves, the old one still takes: traffic moves, last error ${destination.last_error}`)

await first.close()
const before = there.seen().length
await there.restart()
await until(() => there.seen().length > before, send)
console.log('the name server is gone, the connection breaks: the last good answer serves')

const second = await new NameServerSink(() => ['127.0.0.9', '127.0.0.2']).open('127.0.0.54', 53)
useServer('127.0.0.54')
const old = here.seen().length
await there.close()
await until(() => here.seen().length > old, send)
console.log('another name server, two addresses of which one is dead: the other one has it')

await until(() => lane.waiting + lane.in_flight === 0)
lane.check()
const all = new Set([...here.seen(), ...there.seen()])
const missing = Array.from({ length: sent }, (_, n) => n).filter((n) => !all.has(n))
console.log(`missing: ${JSON.stringify(missing)}`)
await destination.stop(0)
for (const one of [here, second]) await one.close()
process.exit(0)
