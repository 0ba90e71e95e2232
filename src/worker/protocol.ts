/** What main and a pipeline worker say to each other. Plain data; a request's `id` comes back in its answer. */
import type { MessagePort } from 'node:worker_threads'
import type { CounterGrant } from '../base/counters.ts'
import type { Settings } from '../config/types.ts'
import type { ProbeReport } from '../forward/probe-types.ts'
import type { DeadLettersStatus } from '../queue/lane.ts'
import type { PlanPart, PlanRest } from './plan-parts.ts'
import type { UnknownStream } from './unknown-labels.ts'
import type { UnknownRequest } from '../listen/cfapi/unknown-requests.ts'

/** Handed to a worker when its thread starts. */
export interface WorkerStart {
  readonly index: number
  readonly workers: number
  /** Unique per start of a thread within the data folder; part of every event's identity. */
  readonly epoch: number
  readonly hostname: string
  readonly spool: MessagePort
  /** To the worker that owns `file:` destinations (worker 0 has the other ends). */
  readonly files: MessagePort | null
}

export type ToWorker =
  /** A rule set comes: this, then counters and parts in any number, then `prepare`. What came of one that was never finished is forgotten. */
  | { readonly type: 'begin'; readonly id: number }
  | { readonly type: 'counters'; readonly id: number; readonly grant: CounterGrant }
  | { readonly type: 'part'; readonly id: number; readonly part: PlanPart }
  | {
      readonly type: 'prepare'
      readonly id: number
      readonly settings: Settings
      readonly plan: PlanRest
      /** Per owner of the plan: when its last event came (wall ms), and how many. */
      readonly seen: SharedArrayBuffer
    }
  | { readonly type: 'commit'; readonly id: number }
  | { readonly type: 'discard'; readonly id: number }
  /** `ports` by listener: what `port: 0` became in the first worker, or before a worker died. */
  | { readonly type: 'listen'; readonly id: number; readonly ports: Readonly<Record<string, number>> }
  /** The node is drained: listeners close, and stay closed until `reopen` (followed by `listen`). */
  | { readonly type: 'close'; readonly id: number; readonly grace: number; readonly quiet: number }
  | { readonly type: 'reopen'; readonly id: number }
  | { readonly type: 'measure'; readonly id: number }
  /** All forwarders that operators paused. */
  | { readonly type: 'pause'; readonly id: number; readonly keys: readonly string[] }
  /** What the forwarder's destination waits for after a failure is over. */
  | { readonly type: 'retry'; readonly id: number; readonly key: string }
  /** Gives up what the forwarder has on disk; the answer says how much that was, null: no such forwarder. */
  | { readonly type: 'purge'; readonly id: number; readonly key: string }
  | { readonly type: 'spool'; readonly port: MessagePort }
  /** There will be no other spool thread. */
  | { readonly type: 'spool_lost'; readonly reason: string }
  | { readonly type: 'files'; readonly port: MessagePort }
  /** Answer: {@link ProbeAnswer}. */
  | { readonly type: 'probe'; readonly id: number; readonly key: string }
  | { readonly type: 'stop'; readonly id: number; readonly grace: number }

export type FromWorker =
  | { readonly type: 'answer'; readonly id: number; readonly error?: WorkerError; readonly value?: unknown }
  | {
      readonly type: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly type: 'grant'; readonly grant: CounterGrant }
  /** Its heap has nothing more to give: what the C library keeps can go. */
  | { readonly type: 'gave_back' }

export interface WorkerError {
  readonly code: string
  readonly message: string
  readonly mend: string
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Answer of `listen`: what was bound. */
export interface ListeningAnswer {
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[]
}

/** Answer of `measure`: what counters cannot hold. */
export interface MeasureAnswer {
  readonly last_errors: Readonly<Record<string, string>>
  /** By forwarder. */
  readonly dead_letters: Readonly<Record<string, DeadLettersStatus>>
  /** Per source: the peer whose clock was farthest off lately. */
  readonly worst_clocks: Readonly<Record<string, string>>
  /** By stream: labels that nobody owns. */
  readonly unknown_labels: Readonly<Record<string, UnknownStream>>
  readonly listeners: ListeningAnswer['listeners']
  /** Of CFAPI listeners. */
  readonly unknown_requests: readonly (UnknownRequest & { readonly listener: string })[]
}

/** Answer of `probe`: one report a target; null: the rules have no such forwarder. */
export type ProbeAnswer = readonly ProbeReport[] | null

/** Answer of `stop`: what went where. */
export interface StopAnswer {
  readonly spooled_events: number
  readonly failed: string | null
}
