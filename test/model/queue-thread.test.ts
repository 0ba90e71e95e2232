/**
 * A forwarder's queue over the real client and service of the spool thread, whose thread dies as a command: what lies on disk at that
 * moment is all that the next one finds, and the client asks it what had no answer. Every event is delivered once and in order, or counted.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { QueueLimits } from '../../src/queue/forwarder-queue.ts'
import { SpoolPortClient } from '../../src/spool/port-client.ts'
import { SpoolService } from '../../src/spool/service.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Life, turn } from '../support/queue-lives.ts'
import { TempFolder } from '../support/spools.ts'

const KEY = 'acme/siem'
/** More than any history needs. */
const TURNS = 3000

/** One spool thread after the other, each in this thread, before one client. */
class Threads {
  readonly client: SpoolPortClient
  readonly clock = new ManualClock()
  #folder = new TempFolder()
  #service = this.#serve()
  #port: MessagePort

  constructor() {
    const [near, far] = this.#ports()
    this.#port = near
    this.client = new SpoolPortClient(far)
  }

  #serve(): SpoolService {
    const settings = { disk_max: 1e12, disk_free_min: 0, sync: 'off' } as const
    const folder = join(this.#folder.path, 'spool')
    return new SpoolService({ ...settings, folder }, () => undefined, this.clock)
  }

  #ports(): [MessagePort, MessagePort] {
    const { port1, port2 } = new MessageChannel()
    this.#service.attach(0, port1)
    return [port1, port2]
  }

  /** It answers nothing any more; another takes its place. */
  die(): void {
    const folder = new TempFolder()
    cpSync(this.#folder.path, folder.path, { recursive: true })
    this.#bury()
    this.#folder = folder
    this.#service = this.#serve()
    const [near, far] = this.#ports()
    this.#port = near
    this.client.replacePort(far)
  }

  #bury(): void {
    this.#port.close()
    this.#service.context.files.closeAll()
    this.#folder[Symbol.dispose]()
  }

  end(): void {
    this.client.close()
    this.#bury()
  }
}

type Step =
  | { readonly do: 'append'; readonly events: number; readonly size: number }
  | { readonly do: 'lease' | 'settle' | 'back' | 'spill' | 'yield' | 'tick' | 'die' }

const word = (weight: number, ...words: Exclude<Step['do'], 'append'>[]) => ({
  weight,
  arbitrary: fc.record({ do: fc.constantFrom(...words) }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      events: fc.integer({ min: 1, max: 20 }),
      size: fc.integer({ min: 8, max: 2000 }),
    }),
  },
  word(9, 'lease', 'lease', 'settle', 'settle', 'back', 'spill', 'spill', 'yield', 'yield', 'tick'),
  // No purges here: one that is under way when the thread dies is asked again, and may count twice what was written meanwhile.
  word(2, 'die'),
)

class Scene {
  readonly threads = new Threads()
  readonly life: Life<SpoolPortClient>
  deaths = 0
  #next = 0

  constructor(limits: Partial<QueueLimits>) {
    const nothing = { key: KEY, batches: 0, events: 0, bytes: 0, file_bytes: 0, last_sequence: -1 }
    this.life = new Life(this.threads.client, limits, nothing)
  }

  async act(one: Step): Promise<void> {
    const { life, threads } = this
    switch (one.do) {
      case 'append':
        for (let n = 0; n < one.events; n++) life.append(this.#next++, one.size)
        return
      case 'lease':
        life.lease()
        return
      case 'settle':
        return life.settle()
      case 'back':
        return life.giveBack(1)
      case 'spill':
        life.clock.advance(1100)
        life.queue.sealOpen()
        life.queue.spill()
        return
      case 'yield':
        return turn()
      case 'tick':
        // Cursors are written.
        threads.clock.advance(250)
        return
      case 'die':
        this.deaths += 1
        return threads.die()
    }
  }

  /** The destination takes everything. */
  async drain(): Promise<void> {
    const { life, threads } = this
    life.giveBack()
    life.queue.sealOpen()
    for (let turns = 0; !life.queue.empty && turns < TURNS; turns++) {
      while (life.lease()) life.settle()
      life.clock.advance(600)
      threads.clock.advance(250)
      life.queue.spill()
      await turn()
    }
    expect(life.queue.empty).toBe(true)
  }
}

for (const spool of ['overflow', 'always'] as const) {
  test(`through deaths of the spool thread every event is delivered once and in order, or counted (${spool})`, async () => {
    let deaths = 0
    let kept = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
        fc.constantFrom('drop_oldest' as const, 'drop_newest' as const),
        async (steps, when_full) => {
          const scene = new Scene({ spool, when_full, disk_max: 512 * 1024 })
          const { life, threads } = scene
          try {
            for (const one of steps) {
              await scene.act(one)
              life.balance()
            }
            await scene.drain()
            life.balance()
            const { delivered, came } = life
            expect(delivered).toEqual([...new Set(delivered)].sort((a, b) => a - b))
            expect(delivered.length + life.dropped).toBe(came)
            // No death costs an event.
            if (life.droppedAs('queue_full') === 0) expect(delivered.length).toBe(came)
            deaths += scene.deaths
            kept += delivered.length
          } finally {
            threads.end()
          }
        },
      ),
      { numRuns: Number(process.env['LOGWEIR_MODEL_RUNS'] ?? 40) },
    )
    expect(deaths).toBeGreaterThan(40)
    expect(kept).toBeGreaterThan(1000)
  })
}
