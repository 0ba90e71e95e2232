/** Whether events may be sent here: what `/readyz` says. */
import { type Counters, WorkerCell } from '../base/counters.ts'
import { isWritable } from './writable.ts'

/** A refusal of the disk younger than this means that the spool cannot be written. */
const SPOOL_TROUBLE_MS = 5000

export interface Ready {
  readonly ready: boolean
  readonly reason: string
}

export interface ReadyParts {
  readonly stopping: boolean
  readonly draining: boolean
  /** Listeners were opened. */
  readonly listening: boolean
  readonly workers_live: boolean
  readonly spool_lives: boolean
  readonly counters: readonly Counters[]
  /** The data folder. */
  readonly data: string
}

/** Listeners are up, rules are loaded, all threads live, and nothing says that the spool cannot be written. */
export function readiness(parts: ReadyParts): Ready {
  const reason = obstacle(parts)
  return reason === undefined ? { ready: true, reason: 'ready' } : { ready: false, reason }
}

function obstacle(parts: ReadyParts): string | undefined {
  if (parts.stopping) return 'stopping'
  // A balancer that asks must hear of it first, whatever else is wrong.
  if (parts.draining) return 'draining'
  if (!parts.listening) return 'listeners are not open yet'
  if (!parts.workers_live) return 'a worker is starting again'
  if (!parts.spool_lives) return 'the spool thread is starting again'
  if (spoolFails(parts.counters)) return 'the spool cannot be written: the log says why'
  // Full is another thing: a full spool degrades, it does not make the node unready.
  return isWritable(parts.data) ? undefined : 'the data folder cannot be written'
}

/**
 * A disk that refuses is asked again twice a second while something waits for it: an old refusal says nothing, nor does
 * one of the future, before a jump of the clock.
 */
function spoolFails(all: readonly Counters[]): boolean {
  const now = Date.now()
  return all.some((counters) => {
    const at = counters.find('worker', 'worker')?.[WorkerCell.spool_failed_at] ?? 0
    return at !== 0 && Math.abs(now - at) < SPOOL_TROUBLE_MS
  })
}
