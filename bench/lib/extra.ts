/** What is not a row of routers: memory with idle forwarders, a stalled destination. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Workload } from '../workload.ts'
import { ledgerFaults } from './ledger.ts'
import { type Bench, expectedAt, type Plan, type Row, send, setupOf, startSinks } from './measure.ts'
import { memoryMb } from './proc.ts'
import { OUT, type Router } from './routers.ts'
import type { Extras } from './targets.ts'

const IDLE_ROW: Row = {
  id: 'idle',
  tenants: 1000,
  connections: 1,
  transport: 'tcp',
  framing: 'newline',
  out: 'tenants',
}
const STALLED_ROW: Row = { ...IDLE_ROW, id: 'stalled', tenants: 10 }
const STALLED_MEMORY = { text: '64MiB', mb: (64 * 2 ** 20) / 1e6 }
const DRAIN_MS = 90_000
/** Until V8 has given back what the start took. */
const SETTLED_MS = 8000
const DROPPED = 'dropped queue_full'

/** 1,000 forwarders that were all used, and whose connections were closed again because nothing came. */
export async function idleForwarders(
  bench: Bench,
  router: Router,
  workload: Workload,
): Promise<Extras['idle_mb']> {
  const folder = fresh('idle')
  const sinks = await startSinks(bench, IDLE_ROW)
  const proc = await router.start({ ...setupOf(bench, IDLE_ROW, workload, folder), forwarder_idle: '2s' })
  try {
    const plan: Plan = { events: 20_000, repeat: 1, warm: 0, passes: 1, rate: 0 }
    await send(bench, proc, IDLE_ROW, workload, plan)
    // Delivered within a second; then the idle time, and until V8 has given back what the start took (8 s after).
    await sleep(14_000)
    const { total } = expectedAt(IDLE_ROW, workload, plan.events, 1)
    const { events } = (await sinks.tenants.ask('t')) as { readonly events: number }
    if (events !== total) throw new Error(`${events} of ${total} events arrived`)
    return memoryMb(proc.pid).now
  } finally {
    await proc.stop()
    await sinks.tenants.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Every tenant stops reading; the sender goes on; then they read again. Every event must arrive or be counted as dropped
 * because memory was full: the sender knows no pace, and the disk may.
 */
export async function stalledDestination(
  bench: Bench,
  router: Router,
  workload: Workload,
  repeat: number,
): Promise<Extras['stalled']> {
  const folder = fresh('stalled')
  const sinks = await startSinks(bench, STALLED_ROW)
  const proc = await router.start({
    ...setupOf(bench, STALLED_ROW, workload, folder),
    memory_max: STALLED_MEMORY.text,
  })
  try {
    await sinks.tenants.ask('s')
    await sleep(SETTLED_MS)
    const plan: Plan = { events: workload.events, repeat, warm: 0, passes: 1, rate: 0 }
    await send(bench, proc, STALLED_ROW, workload, plan)
    await sleep(1000)
    const stalled = memoryMb(proc.pid).peak
    await sinks.tenants.ask('g')
    const { total } = expectedAt(STALLED_ROW, workload, workload.events, repeat)
    const faults = await ledgerFaults(bench.ports.admin_port)
    const dropped = faults.get(DROPPED) ?? 0
    let arrived = 0
    for (
      const until = Date.now() + DRAIN_MS;
      Date.now() < until && arrived + dropped < total;
      await sleep(100)
    ) {
      arrived = ((await sinks.tenants.ask('t')) as { readonly events: number }).events
    }
    const peak_mb = Math.max(stalled, memoryMb(proc.pid).peak)
    const at_end = await ledgerFaults(bench.ports.admin_port)
    const wrong = [...at_end].flatMap(([what, n]) =>
      what === DROPPED && n === dropped ? [] : `${what} ${n}`,
    )
    if (arrived + dropped !== total)
      wrong.push(`${total - arrived} of ${total} events are missing, ${dropped} of them dropped`)
    return { peak_mb, memory_max_mb: STALLED_MEMORY.mb, dropped, wrong: wrong.join('; ') || null }
  } finally {
    await proc.stop()
    await sinks.tenants.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function fresh(name: string): string {
  const folder = join(OUT, 'run', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}
