/** Are pieces of the arena apart from each other, and is all of it one again when they are back? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Arena, PIECE_MIN } from '../../../src/queue/arena.ts'

const FROM = 262_144
const BYTES = 200 * PIECE_MIN

test('pieces never meet, lie inside, and come back whole', () => {
  const bytes = fc.integer({ min: 1, max: 40 * PIECE_MIN })
  const steps = fc.array(fc.oneof(bytes, fc.record({ give: fc.nat() })), { maxLength: 300 })
  fc.assert(
    fc.property(steps, (list) => {
      const arena = new Arena(FROM, BYTES)
      const held: { at: number; bytes: number }[] = []
      for (const step of list) {
        if (typeof step !== 'number') {
          const [one] = held.splice(step.give % Math.max(1, held.length), 1)
          if (one !== undefined) arena.give(one.at, one.bytes)
          continue
        }
        const at = arena.take(step)
        if (at === 0) continue
        const size = Arena.sizeOf(step)
        expect(at).toBeGreaterThanOrEqual(FROM)
        expect(at + size).toBeLessThanOrEqual(FROM + BYTES)
        for (const { at: other, bytes: its } of held)
          expect(at + size <= other || other + Arena.sizeOf(its) <= at).toBe(true)
        held.push({ at, bytes: step })
      }
      for (const { at, bytes: its } of held) arena.give(at, its)
      expect(arena.used).toBe(0)
      // Two hundred blocks: 128, 64 and 8 are whole again.
      for (const blocks of [128, 64, 8]) expect(arena.take(blocks * PIECE_MIN)).not.toBe(0)
      expect(arena.take(1)).toBe(0)
    }),
  )
})

test('low addresses go first, and a piece is given back once', () => {
  const arena = new Arena(FROM, BYTES)
  const first = arena.take(1)
  expect(arena.take(1)).toBe(first + PIECE_MIN)
  arena.give(first, 1)
  expect(() => arena.give(first, 1)).toThrow(/twice/)
})

test('what is larger than any piece is not to be had', () => {
  const arena = new Arena(FROM, 64 * 1024 * 1024)
  expect(arena.take(8 * 1024 * 1024)).not.toBe(0)
  expect(arena.take(8 * 1024 * 1024 + 1)).toBe(0)
})
