/**
 * A forwarder's queue over the real spool against a plain list, with crashes, stops, a disk that is full or fails, and an operator's purge as
 * commands. What a sender was told to be safe, or the spool said is written, comes out in a later life, in order, unless it was
 * delivered before or counted as dropped; nothing comes out twice in one life; a stop loses nothing; the books balance.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FaultPoint } from '../../src/base/faults.ts'
import type { QueueLimits } from '../../src/queue/forwarder-queue.ts'
import { turn, World } from '../support/queue-lives.ts'

type Step =
  | { readonly do: 'append'; readonly events: number; readonly size: number }
  | {
      readonly do:
        | 'lease'
        | 'settle'
        | 'back'
        | 'spill'
        | 'yield'
        | 'tick'
        | 'crash'
        | 'stop'
        | 'full'
        | 'purge'
    }
  | { readonly do: 'crash at'; readonly point: FaultPoint }
  | { readonly do: 'disk'; readonly writes: 'commit' | 'full' | 'error' }

/** Where a crash leaves something half done. */
const POINTS: readonly FaultPoint[] = [
  'spool.open',
  'spool.write.before',
  'spool.write.after',
  'spool.commit.before',
  'spool.commit.after',
  'spool.ack.before',
  'spool.ack.after',
  'spool.seal',
  'spool.unlink',
  'spool.stop',
]
const USUAL: readonly FaultPoint[] = [
  'spool.write.after',
  'spool.commit.before',
  'spool.commit.after',
  'spool.ack.after',
]

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      events: fc.integer({ min: 1, max: 20 }),
      size: fc.integer({ min: 8, max: 2000 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'lease',
        'lease',
        'lease',
        'lease',
        'settle',
        'settle',
        'back',
        'spill',
        'spill',
        'yield',
        'yield',
        'tick',
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('crash', 'stop', 'stop', 'full', 'full', 'purge') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash at' as const),
      point: fc.constantFrom(...POINTS, ...USUAL, ...USUAL),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('disk' as const),
      writes: fc.constantFrom('commit', 'commit', 'commit', 'full', 'error'),
    }),
  },
)

async function act(world: World, one: Step): Promise<void> {
  const { life } = world
  switch (one.do) {
    case 'append':
      return world.append(one.events, one.size)
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
      return life.client.tick()
    case 'crash':
      return world.crash()
    case 'crash at':
      return world.crashAt(one.point)
    case 'stop':
      return world.stop()
    case 'disk':
      life.client.writes = one.writes
      return
    case 'purge':
      // Whatever comes next comes while it is under way.
      void life.queue.purge()
      return
    case 'full':
      // More than memory takes, at once.
      for (let n = 0; n < 8; n++) world.append(5, 1900)
      return
  }
}

const RUNS = Number(process.env['LOGWEIR_MODEL_RUNS'] ?? 40)

async function history(limits: Partial<QueueLimits>, steps: readonly Step[], seen: Seen): Promise<void> {
  const world = new World(limits)
  try {
    for (const one of steps) {
      await act(world, one)
      if (one.do === 'crash') seen.crashes += 1
      if (world.ended) {
        seen.moments += 1
        world.crash()
      } else world.life.balance()
    }
    await world.rest()
    if (world.ended) world.crash()
    seen.told += world.safe.size
    const owed = [...world.life.client.said.values()].flat()
    await world.drain()
    for (const number of [...owed, ...world.safe])
      expect(world.delivered.has(number) || world.dropped.has(number)).toBe(true)
  } finally {
    world.end()
  }
}

interface Seen {
  crashes: number
  /** Crashes in the middle of something. */
  moments: number
  told: number
}

for (const spool of ['overflow', 'always'] as const) {
  for (const when_full of ['drop_oldest', 'drop_newest'] as const) {
    test(`through crashes and stops: what is safe comes out, in order, once a life (${spool}, ${when_full})`, async () => {
      const seen: Seen = { crashes: 0, moments: 0, told: 0 }
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) =>
          history({ spool, when_full, disk_max: 512 * 1024 }, steps, seen),
        ),
        { numRuns: RUNS },
      )
      expect(seen.crashes).toBeGreaterThan(RUNS / 10)
      expect(seen.moments).toBeGreaterThan(RUNS / 10)
      if (spool === 'always') expect(seen.told).toBeGreaterThan(RUNS)
    })
  }
}
