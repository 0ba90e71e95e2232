/** Notices when the disk refuses to be written and when it takes again: for the log and for `/readyz` (R15). */
import type { Clock } from '../base/clock.ts'
import type { SpoolClient, SpoolWriteOutcome } from '../queue/spool-port.ts'

/** Milliseconds between lines about the same trouble. */
const SAY_EVERY_MS = 10_000

export interface SpoolHealthEvents {
  /** Wall clock of the latest refusal, 0 when a write has succeeded since. Quotas are no refusal. */
  readonly failed_at: (wall: number) => void
  readonly log: (level: 'info' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** `client`, watched. */
export function watchSpool(client: SpoolClient, clock: Clock, events: SpoolHealthEvents): SpoolClient {
  let failing = false
  let said_at = Number.NEGATIVE_INFINITY
  const note = (answer: SpoolWriteOutcome): void => {
    if (answer.outcome === 'committed' ? !failing : !isTrouble(answer)) return
    failing = answer.outcome !== 'committed'
    events.failed_at(failing ? clock.wall() : 0)
    const now = clock.monotonic()
    if (answer.outcome === 'committed') {
      said_at = Number.NEGATIVE_INFINITY
      events.log('info', 'the spool is written again', {})
    } else if (now - said_at >= SAY_EVERY_MS) {
      said_at = now
      const mend =
        'free space on the disk of `data`, or mend the disk; events stay in memory as far as that goes'
      events.log('error', `the spool cannot be written: ${answer.reason}`, { mend })
    }
  }
  return {
    recover: () => client.recover(),
    write: async (...batch) => {
      const answer = await client.write(...batch)
      note(answer)
      return answer
    },
    read: (key, after, bytes) => client.read(key, after, bytes),
    acknowledge: (key, sequences) => client.acknowledge(key, sequences),
    dropOldest: (key, after, bytes) => client.dropOldest(key, after, bytes),
    stop: (rows) => client.stop(rows),
    state: (key) => client.state(key),
  }
}

/** An error, or a disk that is full: for everybody, not for one forwarder's quota. The reason names the setting. */
function isTrouble({ outcome, reason }: Exclude<SpoolWriteOutcome, { outcome: 'committed' }>): boolean {
  return outcome === 'error' || reason.includes('disk_free_min')
}
