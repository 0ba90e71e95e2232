/** A 64 KiB frame that arrives byte by byte, beside one that arrives whole: in framing alone, and through a socket. */
import { Buffer } from 'node:buffer'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Framer as FramerClass } from '../../src/framing/framer.ts'
import { makeTenants, type Workload } from '../workload.ts'
import { type Bench, type Plan, type Row, send, setupOf } from './measure.ts'
import { cpuSeconds } from './proc.ts'
import { OUT, ROOT, type Router } from './routers.ts'
import type { FrameCost } from './targets.ts'

const FRAME = 64 * 1024
const SHORT = 256
const whole = Buffer.from(`${'<13>'.padEnd(FRAME - 1, 'x')}\n`)
const short = Buffer.from(`${'<13>'.padEnd(SHORT - 1, 'x')}\n`.repeat(FRAME / SHORT))

/** CPU of framing as built, µs for 64 KiB; null when it is not built. */
export async function framingCost(): Promise<FrameCost | null> {
  const built = join(ROOT, 'dist/framing/framer.js')
  if (!existsSync(built)) return null
  const { Framer } = (await import(pathToFileURL(built).href)) as { readonly Framer: typeof FramerClass }
  let frames = 0
  const sink = { frame: () => void frames++, leadingZeros: () => undefined, fault: () => undefined }
  const framing = (): FramerClass => new Framer({ framing: 'auto', frame_max: FRAME }, sink)
  return {
    whole_us: run(framing(), [whole], 2000),
    bytewise_us: run(framing(), bytes(whole), 60),
    short_frames_us: run(framing(), bytes(short), 60),
  }
}

function bytes(all: Buffer): Buffer[] {
  return Array.from(all, (_, i) => all.subarray(i, i + 1))
}

/** Best of five runs: the least disturbed. */
function run(framer: FramerClass, chunks: readonly Buffer[], times: number): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < times; i++) for (const chunk of chunks) framer.push(chunk)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / times)
  }
  return best
}

const ROW: Row = {
  id: 'frame',
  tenants: 10,
  connections: 1,
  transport: 'tcp',
  framing: 'newline',
  out: 'tenants',
}

/** The same through a socket: CPU of the router, reads included. The sender writes single bytes without delay. */
export async function socketCost(bench: Bench, router: Router): Promise<FrameCost> {
  const folder = join(OUT, 'run', 'frame')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const [long_file, short_file] = [join(folder, 'long'), join(folder, 'short')]
  writeFileSync(long_file, whole)
  writeFileSync(short_file, short)
  const workload = {
    tenants: makeTenants(10),
    events: 1,
    owners: new Int32Array(1),
    octet_file: '',
    average: 0,
  }
  const proc = await router.start(setupOf(bench, ROW, { ...workload, newline_file: long_file }, folder))
  const cost = async (file: string, events: number, repeat: number, rate: number): Promise<number> => {
    const plan: Plan = { events, repeat, warm: 0, passes: 1, rate }
    const source: Workload = { ...workload, newline_file: file }
    const { cpu_before } = await send(bench, proc, ROW, source, plan)
    await sleep(500)
    return ((cpuSeconds(proc.pid) - cpu_before) * 1e6) / repeat
  }
  try {
    await cost(long_file, 1, 500, 0)
    const whole_us = await cost(long_file, 1, 4000, 0)
    return {
      whole_us,
      bytewise_us: await cost(long_file, 1, 20, -1),
      short_frames_us: await cost(short_file, FRAME / SHORT, 20, -1),
    }
  } finally {
    await proc.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
