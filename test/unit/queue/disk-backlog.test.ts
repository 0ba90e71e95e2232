/** Does what a forwarder has on disk stay within what was counted, whatever the disk says of what is gone? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DiskBacklog } from '../../../src/queue/disk-backlog.ts'
import type { SpoolClient } from '../../../src/queue/spool-port.ts'
import { FakeSpool } from '../../support/fake-spool.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

test('events that a disk says it dropped are never more than were counted', async () => {
  const answer = fc.record({ batches: fc.nat({ max: 4 }), events: fc.nat({ max: 300 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 6 }), async (answers) => {
      const spool = new FakeSpool()
      let asked = 0
      const client: SpoolClient = {
        recover: () => spool.recover(),
        write: (key, disk_max, row) => spool.write(key, disk_max, row),
        read: (key, after, bytes) => spool.read(key, after, bytes),
        acknowledge: (key, sequences) => spool.acknowledge(key, sequences),
        dropOldest: () => {
          const { batches, events } = answers[asked % answers.length] ?? { batches: 0, events: 0 }
          asked += 1
          return Promise.resolve({ batches, events, bytes: 1000, through: asked })
        },
        stop: (rows) => spool.stop(rows),
        state: (key) => spool.state(key),
      }
      let lost = 0
      const backlog = new DiskBacklog(
        'acme/siem',
        { client, writing_max: 1 << 20, writing: 0 },
        new ManualClock(),
        {
          committed: () => undefined,
          refused: () => undefined,
          charge: () => undefined,
          ready: () => undefined,
          memory: () => [],
          lost: (_, events) => {
            expect(events).toBeGreaterThanOrEqual(0)
            lost += events
          },
        },
      )
      backlog.adopt(5, 400, 5000)
      for (let n = 0; n < answers.length; n++) {
        backlog.dropOldest()
        await turn()
        expect(lost).toBeLessThanOrEqual(400)
      }
      await backlog.purge()
      expect(backlog.batches === 0 ? lost : 400).toBe(400)
    }),
    { numRuns: 200 },
  )
})
