/**
 * Loaded into a router with `--import`: looks, in the threads that events pass through, how long the event loop was held.
 * Each hold above `LEAST_MS` is a line of LOGWEIR_BENCH_STALL: when, how long by the clock, and of that processor time of
 * the thread, which is the part that other programs on the machine do not change.
 */
import { openSync, writeSync } from 'node:fs'
import { threadName } from 'node:worker_threads'

const LEAST_MS = 1
const file = process.env['LOGWEIR_BENCH_STALL']

if (file !== undefined && threadName?.startsWith('pipeline-') === true) {
  const out = openSync(file, 'a')
  const cpu = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let then = performance.now()
  let cpu_then = cpu()
  const tick = (): void => {
    const now = performance.now()
    const cpu_now = cpu()
    const wall = now - then - 1
    if (wall > LEAST_MS)
      writeSync(out, `${JSON.stringify({ at: Date.now(), wall, cpu: Math.min(wall, cpu_now - cpu_then) })}\n`)
    then = performance.now()
    cpu_then = cpu()
    setTimeout(tick, 1)
  }
  setTimeout(tick, 1)
}
