/** Events that destinations refused and that were set aside, by forwarder: what all workers say of them. */
import type { DeadLettersStatus } from '../queue/lane.ts'

export type DeadLetterCounts = Readonly<Record<string, DeadLettersStatus>>

/** One file is written for all workers. */
export function mergeDeadLetters(answers: readonly (DeadLetterCounts | undefined)[]): DeadLetterCounts {
  const merged: Record<string, DeadLettersStatus> = {}
  for (const answer of answers) {
    for (const [key, { file, events }] of Object.entries(answer ?? {}))
      merged[key] = { file, events: events + (merged[key]?.events ?? 0) }
  }
  return merged
}
