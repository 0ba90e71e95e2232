/** Loaded before a program (`--import`), in each of its threads: says every two seconds how late its event loop was, on standard output. */
import { writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { threadId } from 'node:worker_threads'

const RESOLUTION_MS = 10
const EVERY_MS = 2000

const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
histogram.enable()
setInterval(() => {
  // It measures the time between two of its own ticks.
  const late_ms = Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS)
  histogram.reset()
  writeSync(1, `${JSON.stringify({ level: 20, msg: 'loop delay', thread: threadId, late_ms })}\n`)
}, EVERY_MS).unref()
