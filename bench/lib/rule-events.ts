/**
 * What conditions cost: framing, reading, routing and appending of one stream of events, in this process, under rules with
 * one forwarder a tenant that asks nothing and under rules with several that ask. Deliveries are not in it: batches are
 * settled as they are sealed, and under both rules about as many events are delivered.
 */
import type { Buffer } from 'node:buffer'
import { ForwarderCell, TenantCell, WorkerCell } from '../../src/base/counters.ts'
import { atOnce } from '../../src/base/slices.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventView } from '../../src/classify/view.ts'
import { Framer } from '../../src/framing/framer.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { ForwarderQueue } from '../../src/queue/forwarder-queue.ts'
import type { Destination, Lane } from '../../src/queue/lane.ts'
import { OpenBatches, openMemory } from '../../src/queue/open-batches.ts'
import { BufferPool, MemoryBudget } from '../../src/queue/memory.ts'
import type { QueueDeps } from '../../src/queue/queue-deps.ts'
import type { SpoolClient } from '../../src/queue/spool-port.ts'
import { Router, routerTables } from '../../src/route/router.ts'
import { ConditionSet } from '../../src/rules/conditions.ts'
import { ownershipOf } from '../../src/rules/ownership.ts'
import type { RulesPlan } from '../../src/rules/plan.ts'

const CHUNK = 64 * 1024
const ENV = { listeners: ['in'], sources: [] }

export interface Routed {
  /** Pushes all of `bytes` through; gives back CPU of this thread in µs. */
  run(bytes: Buffer): number
  /** Events that were appended to queues so far. */
  delivered(): number
}

export function routed(plan: RulesPlan): Routed {
  const classifier = new Classifier(plan.streams)
  const conditions = new ConditionSet(plan, ENV)
  const budget = new MemoryBudget(1 << 30)
  const pool = new BufferPool({ max: 1 << 30, used: 0 })
  const opens = new OpenBatches(openMemory())
  const cells: Float64Array[] = []
  const queues = plan.forwarders.map(({ key }) => {
    const own = new Float64Array(ForwarderCell.size)
    cells.push(own)
    return makeQueue(key, own, { budget, pool, opens })
  })
  const rules = { ownership: ownershipOf(plan, []), conditions, editors: [], random: Math.random }
  const worker = new Float64Array(WorkerCell.size)
  const tenants = plan.tenants.map(() => new Float64Array(TenantCell.size))
  const router = new Router(atOnce(routerTables(plan, rules, queues, 0)), rules, { worker, tenants })
  const view = new EventView()
  view.peer = '127.0.0.1'
  const frame = (buf: Buffer, start: number, end: number): void => {
    view.buf = buf
    view.start = start
    view.end = end
    view.flags = 0
    view.received_at = 1
    classifier.classify(view)
    router.route(view, 0)
  }
  const sink = { frame, leadingZeros: () => undefined, fault: () => undefined }
  return {
    run: (bytes) => {
      const framer = new Framer({ framing: 'auto', frame_max: 65_536 }, sink)
      const before = process.threadCpuUsage()
      for (let at = 0; at < bytes.length; at += CHUNK) framer.push(bytes.subarray(at, at + CHUNK))
      for (const queue of queues) queue.sealOpen()
      const { user, system } = process.threadCpuUsage(before)
      return user + system
    },
    delivered: () => cells.reduce((sum, own) => sum + (own[ForwarderCell.delivered] as number), 0),
  }
}

/** Settles whatever there is. */
class Nowhere implements Destination {
  readonly state = 'active'
  readonly last_error = null
  readonly held_bytes = 0
  readonly #lane: Lane

  constructor(lane: Lane) {
    this.#lane = lane
  }

  wake(): void {
    for (let batch = this.#lane.lease(); batch !== undefined; batch = this.#lane.lease())
      this.#lane.settle(batch)
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}

function makeQueue(
  key: string,
  cells: Float64Array,
  memory: Pick<QueueDeps, 'budget' | 'pool' | 'opens'>,
): ForwarderQueue {
  const identity = { epoch: 1, worker: 0, forwarder: key, generation: 1 }
  const names = { stream: () => '', owner: () => null, listener: () => '', source: () => null }
  const limits = {
    batch_bytes: 65_536,
    spill_after: 1000,
    memory_max: 8 << 20,
    disk_max: 0,
    when_full: 'drop_oldest',
    spool: 'overflow',
  } as const
  // Nothing is ever written: batches are settled at once.
  const disk = { client: {} as SpoolClient, writing_max: 0, writing: 0 }
  const seams = {
    ...memory,
    clock: systemClock,
    disk,
    cells,
    opened: () => undefined,
    watch: () => undefined,
  }
  const queue = new ForwarderQueue(identity, PayloadForm.newline, names, limits, seams, 0)
  queue.attach(new Nowhere(queue))
  return queue
}
