/**
 * Phase one of a reload, from main's side: a worker gets its counters and the rule set, and makes what it needs of it.
 * Everything goes in parts: a worker reads each between two reads of a socket.
 */
import type { CounterGrant, CounterKind, Counters } from '../base/counters.ts'
import type { Settings } from '../config/types.ts'
import { divideLimits } from '../rules/divide-limits.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { planParts, planRest } from '../worker/plan-parts.ts'
import { ruleBlocks } from '../worker/rule-hits.ts'
import { sourceNames } from '../worker/source-counts.ts'
import { redactionKey } from './redaction-key.ts'
import { dividedQueue } from './spool-settings.ts'
import type { WorkerThread } from './thread.ts'

/** Names of one grant. */
const BLOCKS = 128
/** Parts that a worker may have before it: it reads them in one turn of its event loop. */
const AHEAD = 2

export interface GivenRules {
  readonly settings: Settings
  readonly plan: RulesPlan
  /** All counters of the worker. */
  readonly counters: Counters
  /** Where it notes when each owner was met. */
  readonly seen: SharedArrayBuffer
  /** The rules that the worker runs; undefined for a new one, which has none of its counters either. */
  readonly before: RulesPlan | undefined
}

export async function giveRules(worker: WorkerThread, given: GivenRules): Promise<void> {
  const { settings, plan, counters, seen, before } = given
  const fresh = grantsFor(counters, blocksOf(settings, plan))
  const share = {
    ...settings,
    queue: dividedQueue(settings),
    redaction: { key: plan.edits.length === 0 ? null : redactionKey(settings) },
  }
  const divided = divideLimits(plan, settings.workers)
  const running = before === undefined ? undefined : divideLimits(before, settings.workers)
  await worker.ask({ type: 'begin' })
  const waiting: Promise<unknown>[] = []
  const give = async (answer: Promise<unknown>): Promise<void> => {
    waiting.push(answer)
    if (waiting.length >= AHEAD) await Promise.all(waiting.splice(0))
  }
  for (const grant of before === undefined ? counters.grants() : fresh)
    await give(worker.ask({ type: 'counters', grant }))
  for (const part of planParts(divided, running)) await give(worker.ask({ type: 'part', part }))
  await Promise.all(waiting)
  await worker.ask({ type: 'prepare', settings: share, plan: planRest(divided), seen })
}

type Block = { readonly kind: CounterKind; readonly name: string }

function blocksOf(settings: Settings, plan: RulesPlan): Block[] {
  return [
    { kind: 'worker', name: 'worker' },
    ...settings.listeners.map(({ name }) => ({ kind: 'listener' as const, name })),
    ...sourceNames(settings.sources).map((name) => ({ kind: 'source' as const, name })),
    ...plan.tenants.map(({ name }) => ({ kind: 'tenant' as const, name })),
    ...plan.forwarders.map(({ key }) => ({ kind: 'forwarder' as const, name: key })),
    ...ruleBlocks(plan),
  ]
}

function grantsFor(counters: Counters, blocks: readonly Block[]): CounterGrant[] {
  const fresh = blocks.filter(({ kind, name }) => counters.find(kind, name) === undefined)
  const grants: CounterGrant[] = []
  for (let from = 0; from < fresh.length; from += BLOCKS)
    grants.push(counters.allocate(fresh.slice(from, from + BLOCKS)))
  return grants
}
