/**
 * How long a reload holds up the thread that events pass through: a router as it is run, 9,000 events a second, and a look from
 * inside at each hold of its event loop (`tools/stall.ts`), during reloads and for as long without. The router delivers
 * nothing: its rules let nothing through, so that what is held is held by the reload.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Workload } from '../workload.ts'
import { listening, Proc } from './proc.ts'
import { ROOT } from './routers.ts'

const EVERY_MS = 4
const PIECE = 8 * 1024

interface Hold {
  readonly at: number
  readonly wall: number
  readonly cpu: number
}

export interface Held {
  /** Longest hold of each time span, processor milliseconds: during a reload, and in as long without one. */
  readonly reloads: readonly number[]
  readonly quiet: readonly number[]
  /** From asking to the answer, milliseconds. */
  readonly took: readonly number[]
}

/** `change` writes the rules of the n-th reload. */
export async function reloadHolds(
  file: string,
  folder: string,
  ports: { readonly listen: number; readonly admin: number },
  workload: Workload,
  times: number,
  change: (n: number) => void,
): Promise<Held> {
  const holds = join(folder, 'holds')
  writeFileSync(holds, '')
  const env = { ...process.env, MALLOC_ARENA_MAX: '2', LOGWEIR_BENCH_STALL: holds }
  const stall = join(ROOT, 'bench', 'tools', 'stall.ts')
  const args = ['--import', stall, join(ROOT, 'bin', 'logweir.js'), 'run', '--config', file]
  const proc = new Proc(process.execPath, args, { cwd: folder, env })
  try {
    await listening(proc, ports.listen, 'tcp', 60_000)
    const sending = new AbortController()
    const sent = send(ports.listen, readFileSync(workload.newline_file), sending.signal)
    await sleep(3000)
    const found: Held = { reloads: [], quiet: [], took: [] }
    for (let n = 0; n < times; n++) {
      change(n)
      const took = await measured(holds, found.reloads as number[], () => reload(ports.admin, folder))
      ;(found.took as number[]).push(took)
      await sleep(500)
      await measured(holds, found.quiet as number[], () => sleep(took))
    }
    sending.abort()
    await sent
    return found
  } finally {
    await proc.stop(10_000)
  }
}

async function measured(holds: string, into: number[], act: () => Promise<unknown>): Promise<number> {
  const from = Date.now()
  await act()
  const to = Date.now()
  await sleep(20)
  const longest = readHolds(holds)
    .filter(({ at, wall }) => at >= from && at - wall <= to)
    .reduce((most, { cpu }) => Math.max(most, cpu), 0)
  into.push(longest)
  return to - from
}

function readHolds(file: string): Hold[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Hold)
}

async function reload(admin: number, folder: string): Promise<void> {
  const token = readFileSync(join(folder, 'var', 'admin.token'), 'utf8').trim()
  const headers = { authorization: `Bearer ${token}` }
  const answer = await fetch(`http://127.0.0.1:${admin}/api/v1/reload`, { method: 'POST', headers })
  const { outcome, findings } = (await answer.json()) as { outcome: string; findings: unknown[] }
  if (outcome !== 'accepted')
    throw new Error(`the reload was ${outcome}: ${JSON.stringify(findings.slice(0, 3))}`)
}

/** In small pieces at a steady pace: a hold must not be the reading of what waited meanwhile. */
async function send(port: number, data: Buffer, signal: AbortSignal): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  let at = 0
  while (!signal.aborted) {
    socket.write(data.subarray(at, at + PIECE))
    at = at + PIECE >= data.length ? 0 : at + PIECE
    await sleep(EVERY_MS)
  }
  socket.destroy()
}
