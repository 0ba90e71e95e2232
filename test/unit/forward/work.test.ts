import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Work } from '../../../src/forward/work.ts'
import type { Batch } from '../../../src/queue/batch.ts'
import { makeBatch } from '../../support/batches.ts'

const batches = (sizes: readonly number[]): Batch[] => {
  let next = 0
  return sizes.map((size, sequence) =>
    makeBatch({ events: Array.from({ length: size }, () => ({ text: `e${next++}` })), sequence }),
  )
}

function texts(work: Work): string[] {
  const found: string[] = []
  work.visit(work.current?.from ?? 0, (batch, n) => {
    found.push(batch.payload.toString('latin1', batch.offset(n), batch.offset(n) + batch.length(n)))
    return true
  })
  return found
}

describe('whatever a destination refuses', () => {
  test('exactly the refused events are dropped, the others are sent once and in order, each batch is finished once', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.nat(159), { maxLength: 6 }),
        fc.integer({ min: 1, max: 50 }),
        (shape, refused, limit) => {
          const all = batches(shape)
          const total = shape.reduce((sum, size) => sum + size, 0)
          const bad = new Set(refused.map((n) => n % total).map((n) => `e${n}`))
          const work = new Work(all)
          const sent: string[] = []
          const finished: Batch[] = []
          let dropped = 0
          for (let turns = 0; work.current !== undefined; turns++) {
            expect(turns).toBeLessThan(10_000)
            work.shorten(work.current.from + limit)
            const events = texts(work)
            if (events.some((text) => bad.has(text))) {
              if (!work.split()) {
                work.drop(work.current.from, 'rejected')
                work.done()
              }
            } else {
              sent.push(...events)
              work.done()
            }
            for (const { batch, dropped: counts } of work.finished()) {
              finished.push(batch)
              dropped += counts?.rejected ?? 0
            }
          }
          const expected = Array.from({ length: total }, (_, n) => `e${n}`).filter((text) => !bad.has(text))
          expect(sent).toEqual(expected)
          expect(finished).toEqual(all)
          expect(dropped).toBe(bad.size)
          expect(work.abandon()).toEqual([])
        },
      ),
      { numRuns: 500 },
    )
  })
})

test('a batch is finished when its last event is done, not before', () => {
  const work = new Work(batches([3, 2]))
  work.shorten(2)
  work.done()
  expect(work.finished()).toEqual([])
  work.shorten(4)
  work.done()
  expect(work.finished().map(({ batch }) => batch.sequence)).toEqual([0])
  expect(work.abandon().map((batch) => batch.sequence)).toEqual([1])
  expect(work.current).toBeUndefined()
})
