/** Reloads that follow each other faster than destinations stop. */
import { expect, test } from 'vitest'
import { Counters } from '../../../src/base/counters.ts'
import { atOnce } from '../../../src/base/slices.ts'
import { BufferPool, MemoryBudget } from '../../../src/queue/memory.ts'
import { OpenBatches } from '../../../src/queue/open-batches.ts'
import type { Destination } from '../../../src/queue/lane.ts'
import type { RulesPlan } from '../../../src/rules/plan.ts'
import type { Settings } from '../../../src/config/types.ts'
import { Forwarders } from '../../../src/worker/forwarders.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { testSettings } from '../../support/lanes.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const IDENTITY = { epoch: 1, worker: 0, generation: 1 }
const NAMES = { stream: () => 'other', owner: () => null, listener: () => '', source: () => null }
const SETTINGS = {
  batch: { bytes: 65_536, age: 100 },
  queue: { memory_max: 1 << 20, spill_after: 1000 },
} as Settings

/** A destination whose stop ends when the test says so. */
class Slow implements Destination {
  readonly state = 'active'
  readonly last_error = null
  readonly held_bytes = 0
  readonly port: number
  stops = 0
  #end = (): void => undefined
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve
  })

  constructor(port: number) {
    this.port = port
  }

  wake(): void {}

  stop(): Promise<void> {
    this.stops += 1
    return this.#ended
  }

  end(): void {
    this.#end()
  }
}

function rig() {
  const made: Slow[] = []
  const counters = new Counters()
  counters.allocate([{ kind: 'forwarder', name: 'acme/siem' }])
  const budget = new MemoryBudget(1 << 20)
  const forwarders = new Forwarders({
    clock: new ManualClock(),
    budget,
    pool: new BufferPool({ max: 1 << 26, used: 0 }),
    opens: new OpenBatches(),
    disk: { client: new FakeSpool(), writing_max: 1 << 20, writing: 0 },
    counters,
    opened: () => undefined,
    watch: () => undefined,
    makeDestination: (plan) => {
      const { to } = plan.settings
      const slow = new Slow('port' in to ? to.port : 0)
      made.push(slow)
      return slow
    },
    log: () => undefined,
  })
  const prepare = (port: number | null, when_full: 'block' | 'drop_oldest' = 'drop_oldest') => {
    const settings = testSettings({
      to: { scheme: 'tcp', host: '127.0.0.1', port: port ?? 0 },
      queue: { memory_max: 65_536, disk_max: 1 << 20, when_full },
    })
    const list =
      port === null ? [] : [{ key: 'acme/siem', tenant: -1, scope: 'all', condition: -1, settings }]
    const plan = { forwarders: list, tenants: [] } as unknown as RulesPlan
    return atOnce(forwarders.preparing(plan, SETTINGS, IDENTITY))
  }
  /** Commits rules with the forwarder going to `port`, or without it. */
  const reload = (...asked: Parameters<typeof prepare>) => {
    const prepared = prepare(...asked)
    forwarders.commit(prepared, NAMES)
    atOnce(forwarders.settling())
    return prepared.queues[0]
  }
  return { made, prepare, reload, forwarders, budget }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

test('changed, changed back and changed again while the first stops: one new destination', async () => {
  const { made, reload } = rig()
  const queue = reload(1)
  reload(2)
  reload(1)
  reload(2)
  made[0]?.end()
  await turn()
  expect(made.map(({ port }) => port)).toEqual([1, 2])
  expect(queue?.destination).toBe(made[1])
})

test('removed and brought back twice while it stops: one new destination', async () => {
  const { made, reload } = rig()
  const queue = reload(1)
  reload(null)
  reload(1)
  reload(null)
  reload(1)
  made[0]?.end()
  await turn()
  expect(made).toHaveLength(2)
  expect(queue?.destination).toBe(made[1])
})

test('a forwarder that blocks the intake and leaves the rules blocks it no more', () => {
  const { reload, budget } = rig()
  const queue = reload(1, 'block')
  const buf = Buffer.alloc(1000, 'x')
  const event = { start: 0, end: 1000, flags: 0, received_at: 1, stream: 0, listener: 0, source: 0 }
  for (let n = 0; n < 200; n++) queue?.append({ buf, peer: '', ...event }, 0)
  expect(budget.full).toBe(true)
  reload(null)
  expect(budget.full).toBe(false)
})

test('a rule set that is prepared and never taken over leaves no queue behind: the next one has the same', () => {
  const { prepare, reload } = rig()
  const [first] = prepare(1).queues
  const [second] = prepare(2).queues
  expect(second).toBe(first)
  expect(reload(3)).toBe(first)
})
