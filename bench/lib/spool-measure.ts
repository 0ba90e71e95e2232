/**
 * One row of the spool's table. The destination is down while numbered events come in (spill), then it is there (drain),
 * and which numbers came is counted. Then the same anew, with a `kill -9` in the middle of the spilling: the router is
 * held first, so that it is known to the byte what it had read; the sender goes on with the next event after its restart.
 * Over RELP it goes on with the first event that was not acknowledged.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchTenant, FIRST_NUMBER, type NumberedWorkload } from '../workload.ts'
import { ledgerFault } from './ledger.ts'
import { cpuSeconds, Proc, unreadBytes } from './proc.ts'
import { OUT, ROOT, tool } from './routers.ts'
import type { SpoolSetup } from './spool-configs.ts'
import type { SpoolPlan, SpoolRow } from './spool-rows.ts'

export interface Phase {
  /** CPU of the router process, µs an event. */
  readonly cpu: number
  readonly events_per_second: number
}

export interface Counted {
  readonly lost: number
  readonly twice: number
  /** Events that came behind one with a later number. */
  readonly backwards: number
}

export interface Killed extends Counted {
  /** Events that it had read when it was killed; over RELP, that it had acknowledged. */
  readonly taken: number
}

export interface SpoolMeasured {
  readonly row: string
  readonly events: number
  readonly spill: Phase | null
  readonly drain: Phase | null
  /** Bytes on disk an event, once all were spilled. */
  readonly disk: number
  readonly counted: Counted | null
  readonly killed: Killed | null
  readonly wrong: string | null
}

interface Numbers {
  readonly distinct: number
  readonly twice: number
  readonly backwards: number
  readonly unread: number
  readonly first_ns: number
}

interface Totals {
  readonly events: number
  readonly last_ns: number
}

interface Sent {
  readonly bytes: number
  readonly start_ns: number
}

interface Place {
  readonly row: SpoolRow
  readonly workload: NumberedWorkload
  readonly setup: SpoolSetup
}

const RELP_SENDER = join(ROOT, 'bench/tools/relp-sender.ts')
const TAKE_MS = 90_000
const QUIET_MAX_MS = 60_000
const PORTS = { from: 22_500, to: 32_000 }
const SAMPLE_MS = 50
/** After a drain; and after spilling, which Logweir begins a second after it could not deliver. */
const QUIET_MS = 500
const SPILLED_MS = { logweir: 1500, others: 700 }
const ARRIVE_MS = 240_000
/** With a second between attempts, nothing comes any more. */
const SILENCE_MS = 3000
/** Which part of what is spilled is on disk when it is killed. */
const KILL_AT = 0.4

export async function measureSpool(
  row: SpoolRow,
  workload: NumberedWorkload,
  tenants: readonly BenchTenant[],
  plan: SpoolPlan,
): Promise<SpoolMeasured> {
  const [in_port, admin_port, out_port] = await freePorts()
  const placed = (name: string): Place => {
    const folder = join(OUT, 'run', `${row.id}-${name}`)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const setup = {
      folder,
      tenants,
      transport: row.transport,
      in_port,
      admin_port,
      out_port,
    }
    return { row, workload, setup }
  }
  if (row.transport === 'relp') {
    const nothing = { row: row.id, events: plan.events, spill: null, drain: null, disk: 0, counted: null }
    return { ...nothing, killed: await killedOverRelp(placed('killed'), plan.events), wrong: null }
  }
  const found = await steady(placed('steady'), plan)
  const killed = await killedOnce(placed('killed'), plan, found.disk * plan.events).catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  )
  if (typeof killed !== 'string') return { ...found, killed }
  return {
    ...found,
    killed: null,
    wrong: [found.wrong, `kill: ${killed}`].filter((w) => w !== null).join('; '),
  }
}

async function steady(place: Place, plan: SpoolPlan): Promise<SpoolMeasured> {
  const { row, setup } = place
  const proc = await start(place)
  try {
    await spill(place, proc, 0, plan.warm)
    await drain(place, proc, 0, plan.warm)
    const before = diskBytes(setup.folder)
    const spilled = await spill(place, proc, plan.warm, plan.events)
    const disk = Math.max(0, diskBytes(setup.folder) - before) / plan.events
    const drained = await drain(place, proc, plan.warm, plan.events)
    const fault = row.router === 'logweir' ? await ledgerFault(setup.admin_port) : null
    return {
      row: row.id,
      events: plan.events,
      spill: spilled,
      drain: drained.phase,
      disk,
      counted: drained.counted,
      killed: null,
      wrong: fault,
    }
  } finally {
    await proc.stop(20_000)
    rmSync(setup.folder, { recursive: true, force: true })
  }
}

async function killedOnce(place: Place, plan: SpoolPlan, disk: number): Promise<Killed> {
  const { workload, setup } = place
  let proc = await start(place)
  try {
    const before = diskBytes(setup.folder)
    const sender = newSender(place, 0, plan.events)
    for (
      const until = Date.now() + TAKE_MS;
      diskBytes(setup.folder) - before < disk * KILL_AT;
      await sleep(2)
    )
      if (Date.now() > until || (sender.ended && inKernel(place) === 0))
        throw new Error('everything was read before enough was on disk')
    proc.freeze()
    const kernel = await standingStill(setup.in_port)
    await proc.kill()
    const sent = JSON.parse(await sender.line(30_000)) as Sent
    const taken = eventsIn(workload, sent.bytes - kernel.unread - kernel.unsent)
    if (taken >= plan.events) throw new Error('everything was read before it was killed')
    proc = await start(place)
    await spill(place, proc, taken, plan.events - taken)
    const { counted } = await drain(place, proc, 0, plan.events)
    return { ...counted, taken }
  } finally {
    await proc.stop(20_000)
    rmSync(setup.folder, { recursive: true, force: true })
  }
}

/** The sender forgets what is acknowledged, so nothing of that may be missing. */
async function killedOverRelp(place: Place, events: number): Promise<Killed> {
  const { workload, setup } = place
  let proc = await start(place)
  const send = (first: number, tell: number): Proc => {
    const bytes = [workload.starts[first], workload.starts[events], tell].map(String)
    return new Proc(process.execPath, [RELP_SENDER, String(setup.in_port), workload.file, ...bytes])
  }
  const acknowledged = async (sender: Proc): Promise<number> =>
    (JSON.parse(await sender.line(TAKE_MS)) as { readonly acknowledged: number }).acknowledged
  try {
    const before = send(0, events / 2)
    await before.line(TAKE_MS)
    await proc.kill()
    const taken = await acknowledged(before)
    proc = await start(place)
    const after = await acknowledged(send(taken, 0))
    if (taken + after !== events)
      throw new Error(`only ${taken + after} of ${events} events were acknowledged`)
    await rest(proc, setup.folder, QUIET_MS)
    const { counted } = await drain(place, proc, 0, events)
    return { ...counted, taken }
  } finally {
    await proc.stop(20_000)
    rmSync(setup.folder, { recursive: true, force: true })
  }
}

/**
 * Free ports below those that the kernel gives to connections: a router that connects again and again to a port that
 * nobody listens at would else meet itself one day.
 */
async function freePorts(): Promise<[number, number, number]> {
  const found: number[] = []
  for (let n = 0; n < 1000 && found.length < 3; n++) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    if (!found.includes(port) && (await isFree(port))) found.push(port)
  }
  const [a, b, c] = found
  if (a === undefined || b === undefined || c === undefined) throw new Error('no free ports')
  return [a, b, c]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function start({ row, setup }: Place): Promise<Proc> {
  return row.start(setup.folder, row.write(setup), { port: setup.in_port, transport: 'tcp' })
}

function newSender({ workload, setup }: Place, first: number, events: number): Proc {
  const counts = [String(events), '1', '1', '0', String(first)]
  return new Proc(tool('sender'), ['tcp', String(setup.in_port), workload.file, 'newline', ...counts])
}

/** Sends into a router whose destination is down, until it has read everything and come to rest. */
async function spill(place: Place, proc: Proc, first: number, events: number): Promise<Phase> {
  const cpu_before = cpuSeconds(proc.pid)
  const sender = newSender(place, first, events)
  const sent = JSON.parse(await sender.line(TAKE_MS)) as Sent
  for (const until = Date.now() + TAKE_MS; Date.now() < until && !proc.ended; await sleep(5))
    if (inKernel(place) === 0) break
  const taken_ns = Number(process.hrtime.bigint())
  await rest(proc, place.setup.folder, SPILLED_MS[place.row.router === 'logweir' ? 'logweir' : 'others'])
  if (proc.ended) throw new Error(`ended: ${proc.errors}`)
  return {
    cpu: ((cpuSeconds(proc.pid) - cpu_before) / events) * 1e6,
    events_per_second: (events / (taken_ns - sent.start_ns)) * 1e9,
  }
}

/** The destination comes back, until everything is there or nothing comes any more. */
async function drain(
  { setup }: Place,
  proc: Proc,
  first: number,
  events: number,
): Promise<{ phase: Phase; counted: Counted }> {
  const cpu_before = cpuSeconds(proc.pid)
  const numbers_of = [FIRST_NUMBER + first, FIRST_NUMBER + first + events - 1].map(String)
  const sink = new Proc(tool('sink'), ['numbered', String(setup.out_port), '1', ...numbers_of])
  try {
    await sink.line(10_000)
    let found = 0
    let since = Date.now()
    let numbers: Numbers
    const until = Date.now() + ARRIVE_MS
    do {
      await sleep(50)
      numbers = (await sink.ask('n')) as Numbers
      if (numbers.distinct > found) since = Date.now()
      found = numbers.distinct
    } while (found < events && !proc.ended && Date.now() < until && Date.now() - since < SILENCE_MS)
    await rest(proc, setup.folder, QUIET_MS)
    const { last_ns } = (await sink.ask('t')) as Totals
    numbers = (await sink.ask('n')) as Numbers
    const { distinct, twice, backwards, first_ns, unread } = numbers
    if (unread > 0) throw new Error(`${unread} lines without a number arrived`)
    return {
      phase: {
        cpu: ((cpuSeconds(proc.pid) - cpu_before) / events) * 1e6,
        events_per_second: last_ns > first_ns ? (distinct / (last_ns - first_ns)) * 1e9 : 0,
      },
      counted: { lost: events - distinct, twice, backwards },
    }
  } finally {
    await sink.stop()
  }
}

/** Waits until the process does nothing and its files stay as they are. */
async function rest(proc: Proc, folder: string, quiet_ms: number): Promise<void> {
  let quiet = 0
  let cpu = cpuSeconds(proc.pid)
  let bytes = diskBytes(folder)
  for (const until = Date.now() + QUIET_MAX_MS; quiet < quiet_ms / SAMPLE_MS && Date.now() < until; ) {
    await sleep(SAMPLE_MS)
    if (proc.ended) return
    const [now, size] = [cpuSeconds(proc.pid), diskBytes(folder)]
    // A tick is timers and attempts to connect.
    quiet = now - cpu < 0.015 && size === bytes ? quiet + 1 : 0
    cpu = now
    bytes = size
  }
}

function inKernel({ setup }: Place): number {
  const { unread, unsent } = unreadBytes(setup.in_port)
  return unread + unsent
}

/** What stands in the kernel once a held router reads nothing and the sender cannot write any more. */
async function standingStill(port: number): Promise<ReturnType<typeof unreadBytes>> {
  let last = unreadBytes(port)
  for (let same = 0, n = 0; same < 10 && n < 200; n++) {
    await sleep(50)
    const now = unreadBytes(port)
    same = now.unread === last.unread && now.unsent === last.unsent ? same + 1 : 0
    last = now
  }
  return last
}

/** Whole events in the first `bytes` bytes of the file. */
function eventsIn({ starts, events }: NumberedWorkload, bytes: number): number {
  let [low, high] = [0, events]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] as number) <= bytes) low = middle
    else high = middle - 1
  }
  return low
}

/** What the files of a folder take, whatever their length. */
function diskBytes(folder: string): number {
  let sum = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    // A file may be gone meanwhile.
    if (entry.isFile())
      sum += (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.blocks ?? 0) * 512
  }
  return sum
}
