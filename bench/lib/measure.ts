/** One measurement: a router, a row of the table, a warm-up, some passes, and every tenant's count checked. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expectedCounts, type Workload } from '../workload.ts'
import type { JsonType, ProviderForwarder, Setup } from './configs.ts'
import { ledgerFault } from './ledger.ts'
import { cpuSeconds, memoryMb, Proc, udpDrops } from './proc.ts'
import { OUT, ROOT, type Router, tool } from './routers.ts'

export interface Row {
  readonly id: string
  readonly tenants: number
  readonly connections: number
  readonly transport: 'tcp' | 'tls' | 'udp' | 'cfapi'
  readonly framing: 'newline' | 'octet'
  /** What leaves: to each tenant, to each tenant and one forwarder for all, to that one only, or as JSON over HTTP. */
  readonly out: 'tenants' | 'tenants+all' | 'one' | JsonOut
}

/** Destinations that take events as JSON, compressed, over HTTP. */
export type JsonOut = 'cloud' | 'http' | 'splunk' | 'elasticsearch' | 'cfapi'

const JSON_OUT: Readonly<Record<JsonOut, { readonly type: JsonType; readonly path: string }>> = {
  cloud: { type: 'log-insight-cloud', path: '/ingest' },
  http: { type: 'http', path: '/ingest' },
  splunk: { type: 'splunk-hec', path: '' },
  elasticsearch: { type: 'elasticsearch', path: '' },
  cfapi: { type: 'cfapi', path: '' },
}

function jsonOut(row: Row): (typeof JSON_OUT)[JsonOut] | undefined {
  return Object.entries(JSON_OUT).find(([name]) => name === row.out)?.[1]
}

export interface Plan {
  /** Events of the file that are sent, how often, and how many of them to warm up. */
  readonly events: number
  readonly repeat: number
  readonly warm: number
  /** How often the warm-up is sent; left out: once. */
  readonly warm_repeat?: number
  readonly passes: number
  /** Events a second, 0: as fast as they are taken. Below 0: so many bytes a write (TCP). */
  readonly rate: number
}

export interface Measured {
  readonly row: string
  readonly router: string
  readonly events: number
  /** CPU of the router, µs an event (= CPU seconds per million events); the median of the passes. */
  readonly cpu: number
  readonly events_per_second: number
  /** CPU of the warm-up, µs an event: what the first events after a start cost. */
  readonly first_cpu: number
  readonly drops: number
  readonly rss_mb: number
  /** Null: every count was right. Otherwise what was wrong, and the figures are not to be believed. */
  readonly wrong: string | null
}

export interface Ports {
  readonly in_port: number
  readonly admin_port: number
  readonly http_port: number
  readonly first_port: number
}

/** Ports of this process, so that several benches can run at once, below the ports that the kernel gives to connections (32768 on), also with 10,000 tenants. */
export function choosePorts(): Ports {
  const base = 11_000 + (process.pid % 9) * 1250
  return { in_port: base, admin_port: base + 1, http_port: base + 2, first_port: base + 10 }
}

export interface Bench {
  readonly ports: Ports
  readonly certificate: string
  readonly key: string
}

interface Sent {
  readonly events: number
  readonly start_ns: number
}

interface Totals {
  readonly events: number
  readonly last_ns: number
}

const SETTLE_MS = 150
const QUIET_MS = 1500

export async function measure(
  bench: Bench,
  router: Router,
  row: Row,
  workload: Workload,
  plan: Plan,
): Promise<Measured> {
  const folder = join(OUT, 'run', `${row.id}-${router.name}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const sinks = await startSinks(bench, row)
  let proc: Proc | undefined
  try {
    proc = await router.start(setupOf(bench, row, workload, folder))
    const passes: Pass[] = [
      await pass(bench, router, proc, sinks, row, workload, {
        ...plan,
        events: plan.warm,
        repeat: plan.warm_repeat ?? 1,
      }),
    ]
    for (let i = 0; i < plan.passes; i++)
      passes.push(await pass(bench, router, proc, sinks, row, workload, plan))
    return summary(row, router, plan, passes, memoryMb(proc.pid).now)
  } finally {
    await proc?.stop()
    await sinks.tenants.stop()
    await sinks.cloud?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function setupOf(bench: Bench, row: Row, workload: Workload, folder: string): Setup {
  const all = `tcp://127.0.0.1:${bench.ports.first_port + row.tenants}`
  const provider: ProviderForwarder[] = []
  if (row.out === 'tenants+all') provider.push({ name: 'all', to: all, scope: 'all' })
  if (row.out === 'one') provider.push({ name: 'one', to: all, scope: 'owned' })
  const json = jsonOut(row)
  if (json !== undefined) {
    const to = `http://127.0.0.1:${bench.ports.http_port}${json.path}`
    provider.push({ name: 'cloud', to, scope: 'all', type: json.type })
  }
  return {
    folder,
    tenants: workload.tenants,
    transport: row.transport,
    framing: row.framing,
    in_port: bench.ports.in_port,
    first_port: bench.ports.first_port,
    admin_port: bench.ports.admin_port,
    certificate: bench.certificate,
    key: bench.key,
    provider,
    deliver: row.out === 'tenants' || row.out === 'tenants+all',
    memory_max: '256MiB',
    forwarder_idle: '10m',
  }
}

export interface Sinks {
  /** A port a tenant, and the last one for the forwarder that takes everything. */
  readonly tenants: Proc
  readonly cloud: Proc | null
}

export async function startSinks(bench: Bench, row: Row): Promise<Sinks> {
  const json = jsonOut(row) !== undefined
  const none = row.out === 'one' || json
  const ports = (none ? 0 : row.tenants) + 1
  const first = none ? bench.ports.first_port + row.tenants : bench.ports.first_port
  const tenants = new Proc(tool('sink'), ['newline', String(first), String(ports)])
  await tenants.line(10_000)
  if (!json) return { tenants, cloud: null }
  const cloud = new Proc(process.execPath, [
    join(ROOT, 'bench/tools/http-sink.ts'),
    String(bench.ports.http_port),
  ])
  await cloud.line(10_000)
  return { tenants, cloud }
}

interface Pass {
  readonly cpu: number
  readonly rate: number
  readonly drops: number
  readonly wrong: string | null
}

/** What the sinks must count: per tenant port, and in all. */
export function expectedAt(
  row: Row,
  workload: Workload,
  events: number,
  repeat: number,
): { counts: number[]; total: number } {
  const owned = expectedCounts(workload, events, repeat)
  const sum = owned.reduce((a, b) => a + b, 0)
  if (jsonOut(row) !== undefined) return { counts: [0], total: events * repeat }
  if (row.out === 'one') return { counts: [sum], total: sum }
  if (row.out === 'tenants+all') return { counts: [...owned, events * repeat], total: sum + events * repeat }
  return { counts: [...owned, 0], total: sum }
}

async function pass(
  bench: Bench,
  router: Router,
  proc: Proc,
  sinks: Sinks,
  row: Row,
  workload: Workload,
  plan: Plan,
): Promise<Pass> {
  const expected = expectedAt(row, workload, plan.events, plan.repeat)
  await sinks.tenants.ask('r')
  await sinks.cloud?.ask('r')
  const drops_before = row.transport === 'udp' ? udpDrops(bench.ports.in_port) : 0
  const { sent, cpu_before } = await send(bench, proc, row, workload, plan)
  const end = await arrived(sinks, expected.total, row, proc)
  await sleep(SETTLE_MS)
  const cpu = cpuSeconds(proc.pid) - cpu_before
  const drops = row.transport === 'udp' ? udpDrops(bench.ports.in_port) - drops_before : 0
  let wrong = await check(sinks, expected, drops)
  if (router.name === 'logweir') {
    const fault = await ledgerFault(bench.ports.admin_port)
    wrong = [wrong, fault].filter((text) => text !== null).join('; ') || null
  }
  const taken = sent.events - drops
  return { cpu: (cpu / taken) * 1e6, rate: end ? (taken / (end - sent.start_ns)) * 1e9 : 0, drops, wrong }
}

/** Runs a sender to its end. The CPU is read when everything is connected, so that TLS handshakes do not count. */
export async function send(
  bench: Bench,
  proc: Proc,
  row: Row,
  workload: Workload,
  plan: Plan,
): Promise<{ sent: Sent; cpu_before: number }> {
  const file = row.framing === 'octet' ? workload.octet_file : workload.newline_file
  const args = [
    String(bench.ports.in_port),
    file,
    row.framing,
    String(plan.events),
    String(plan.repeat),
    String(row.connections),
  ]
  const tool_of = { tls: 'tls-sender.ts', cfapi: 'cfapi-sender.ts', tcp: null, udp: null }[row.transport]
  const sender =
    tool_of === null
      ? newSender(row, plan, args)
      : new Proc(process.execPath, [join(ROOT, 'bench/tools', tool_of), ...args])
  let cpu_before = cpuSeconds(proc.pid)
  if (tool_of !== null) {
    await sender.line(60_000)
    await sleep(SETTLE_MS)
    cpu_before = cpuSeconds(proc.pid)
    sender.tell('go')
  }
  const sent = JSON.parse(await sender.line(240_000)) as Sent
  return { sent, cpu_before }
}

function newSender(row: Row, plan: Plan, args: readonly string[]): Proc {
  return new Proc(tool('sender'), [row.transport, ...args, String(plan.rate)])
}

/** Waits until everything is there, or until nothing came for a while. Gives back when the last came, ns. */
async function arrived(sinks: Sinks, total: number, row: Row, proc: Proc): Promise<number> {
  let last = -1
  let quiet_since = Date.now()
  const until = Date.now() + 240_000
  while (Date.now() < until && !proc.ended) {
    const now = (sinks.cloud ? await sinks.cloud.ask('t') : await sinks.tenants.ask('t')) as Totals & {
      readonly bytes: number
    }
    // Compressed bodies are not counted while it is measured: the cloud row waits for quiet.
    if (!sinks.cloud && now.events >= total) return now.last_ns
    if (now.bytes !== last) quiet_since = Date.now()
    last = now.bytes
    const patience =
      now.bytes === 0 ? 20_000 : jsonOut(row) !== undefined || row.transport === 'udp' ? QUIET_MS : 20_000
    if (Date.now() - quiet_since > patience) return now.last_ns
    await sleep(20)
  }
  return 0
}

async function check(
  sinks: Sinks,
  expected: { counts: number[]; total: number },
  drops: number,
): Promise<string | null> {
  if (sinks.cloud) {
    const found = (await sinks.cloud.ask('v')) as { readonly events: number; readonly gzip: number }
    if (found.events !== expected.total) return `${found.events} of ${expected.total} events arrived`
    return found.gzip > 0 ? null : 'bodies are not compressed'
  }
  const { counts } = (await sinks.tenants.ask('c')) as { readonly counts: readonly number[] }
  const over = counts.findIndex((n, i) => n > (expected.counts[i] ?? 0))
  if (over >= 0) return `port ${over} has ${counts[over]} events instead of ${expected.counts[over]}`
  const missing = expected.total - counts.reduce((a, b) => a + b, 0)
  return missing > drops ? `${missing} of ${expected.total} events are missing` : null
}

function middle<T>(list: readonly T[], by: (item: T) => number): number {
  const sorted = list.map(by).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

function summary(row: Row, router: Router, plan: Plan, passes: readonly Pass[], rss_mb: number): Measured {
  const measured = passes.slice(1)
  return {
    row: row.id,
    router: router.name,
    events: plan.events * plan.repeat,
    cpu: middle(measured, (p) => p.cpu),
    events_per_second: middle(measured, (p) => p.rate),
    first_cpu: passes[0]?.cpu ?? 0,
    drops: measured.reduce((sum, p) => sum + p.drops, 0),
    rss_mb,
    wrong: passes.map((p) => p.wrong).find((w) => w !== null) ?? null,
  }
}
