/** The real router over queues that keep what they are given: who gets which bytes, without sockets, disk or time. */
import { TenantCell, WorkerCell } from '../../src/base/counters.ts'
import type { Random } from '../../src/base/random.ts'
import { atOnce } from '../../src/base/slices.ts'
import type { Classifier } from '../../src/classify/classifier.ts'
import type { EventView } from '../../src/classify/view.ts'
import type { Appendable } from '../../src/queue/batch.ts'
import type { ForwarderQueue } from '../../src/queue/forwarder-queue.ts'
import { Router, routerTables } from '../../src/route/router.ts'
import { ConditionSet } from '../../src/rules/conditions.ts'
import type { ConditionEnv } from '../../src/rules/conditions-fields.ts'
import { makeEditors } from '../../src/rules/editor.ts'
import { ownershipOf } from '../../src/rules/ownership.ts'
import type { RulesPlan } from '../../src/rules/plan.ts'

/** An event as it was appended: its own copy of the bytes. */
export interface Captured {
  readonly key: string
  readonly owner: number
  readonly bytes: Buffer
  readonly stream: number
  readonly peer: string
  readonly received_at: number
}

export interface CaptureOptions {
  readonly sources: Parameters<typeof ownershipOf>[1]
  readonly env: ConditionEnv
  readonly classifier?: Classifier
  readonly random?: Random
  readonly key?: string
}

export class CaptureRouter {
  /** Of the last event. */
  readonly taken: Captured[] = []
  /** `key: reason` of the last event's drops. */
  readonly dropped: string[] = []
  readonly worker = new Float64Array(WorkerCell.size)
  readonly conditions: ConditionSet
  readonly router: Router
  readonly plan: RulesPlan

  constructor(
    plan: RulesPlan,
    { sources, env, classifier, random = () => 0, key = 'k'.repeat(32) }: CaptureOptions,
  ) {
    this.plan = plan
    const queues: ForwarderQueue[] = []
    // Most events never touch the queue itself: they go to its open batch, by number.
    const opens = {
      put: (number: number, event: Appendable, owner: number): void => queues[number]?.append(event, owner),
    }
    queues.push(...plan.forwarders.map((forwarder, number) => this.#queue(forwarder.key, number, opens)))
    this.conditions = new ConditionSet(plan, env)
    const read = (view: EventView, stream: number): void => classifier?.read(view, stream)
    const rules = {
      ownership: ownershipOf(plan, sources),
      conditions: this.conditions,
      editors: makeEditors({ plan, env, key, read }),
      random,
    }
    const tenants = plan.tenants.map(() => new Float64Array(TenantCell.size))
    const tables = atOnce(routerTables(plan, rules, queues, 0))
    this.router = new Router(tables, rules, { worker: this.worker, tenants })
  }

  #queue(key: string, number: number, opens: object): ForwarderQueue {
    const queue = {
      number,
      opens,
      append: ({ buf, start, end, stream, peer, received_at }: Appendable, owner: number): void => {
        this.taken.push({
          key,
          owner,
          bytes: Buffer.from(buf.subarray(start, end)),
          stream,
          peer,
          received_at,
        })
      },
      refuse: (reason: string): void => {
        this.dropped.push(`${key}: ${reason}`)
      },
    }
    return queue as unknown as ForwarderQueue
  }

  /** Routes one event; returns what decided. `now`: monotonic milliseconds. */
  route(view: EventView, now = 0): number {
    this.taken.length = 0
    this.dropped.length = 0
    return this.router.route(view, now)
  }
}
