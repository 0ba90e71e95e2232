/** The books of all workers, put together with what only workers know. */
import type { Counters } from '../base/counters.ts'
import type { Settings } from '../config/types.ts'
import type { RulesPlan } from '../rules/plan.ts'
import type { MeasureAnswer } from '../worker/protocol.ts'
import { mergeDeadLetters } from './dead-letters.ts'
import { type Ledger, type Operated, readLedger } from './ledger.ts'
import { readSources, type SourceLedger } from './sources.ts'
import { mergeUnknown, type UnknownStreams } from './unknown-labels.ts'

export interface Measure {
  readonly ledger: Ledger
  readonly unknown_labels: UnknownStreams
  readonly unknown_requests: MeasureAnswer['unknown_requests']
  readonly sources: readonly SourceLedger[]
}

export interface Measured {
  readonly counters: readonly Counters[]
  readonly settings: Settings
  readonly plan: RulesPlan
  readonly operated: Operated
}

/** `answers`: of the workers; undefined of one that died. */
export function gather(
  answers: readonly (MeasureAnswer | undefined)[],
  { counters, settings, plan, operated }: Measured,
): Measure {
  const last_errors: Record<string, string> = {}
  const worst_clocks: Record<string, string> = {}
  for (const answer of answers) {
    Object.assign(last_errors, answer?.last_errors)
    Object.assign(worst_clocks, answer?.worst_clocks)
  }
  const dead_letters = mergeDeadLetters(answers.map((answer) => answer?.dead_letters))
  return {
    ledger: readLedger(counters, Date.now(), last_errors, dead_letters, operated),
    unknown_labels: mergeUnknown(answers.map((answer) => answer?.unknown_labels)),
    unknown_requests: answers.flatMap((answer) => answer?.unknown_requests ?? []),
    sources: readSources(counters, settings.sources, plan.streams, worst_clocks),
  }
}
