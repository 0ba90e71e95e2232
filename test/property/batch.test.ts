import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BatchDamaged, parseBatch, serialiseBatch, verifyBatch } from '../../src/queue/batch-codec.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { describeBatch, makeBatch, type MadeBatch } from '../support/batches.ts'

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })

const event = fc.record({
  text: fc.uint8Array({ maxLength: 200 }),
  received_at: fc.double({ min: 0, max: 4e12, noNaN: true }),
  owner: fc.integer({ min: 0, max: 5 }),
  stream: fc.oneof(fc.integer({ min: 0, max: 3 }), u16),
  peer: fc.oneof(
    fc.constantFrom('192.0.2.1', '2001:db8::1', ''),
    fc.string({ maxLength: 40, unit: 'grapheme' }),
  ),
  listener: u16,
  source: fc.integer({ min: 0, max: 3 }),
  flags: u16,
})

const made: fc.Arbitrary<MadeBatch> = fc.record({
  events: fc.array(event, { maxLength: 40 }),
  sequence: fc.maxSafeNat(),
  form: fc.constantFrom(...Object.values(PayloadForm)),
  forwarder: fc.string({ maxLength: 80, unit: 'grapheme' }),
  epoch: fc.maxSafeNat(),
  worker: u32,
  generation: u32,
  first_position: u32,
  escape: fc.boolean(),
})

test('what was written is read back, whatever it is', () => {
  fc.assert(
    fc.property(made, (what) => {
      const batch = makeBatch(what)
      expect(describeBatch(parseBatch(serialiseBatch(batch)))).toEqual(describeBatch(batch))
    }),
    { numRuns: 500 },
  )
})

test('R11: a flipped bit anywhere is found', () => {
  fc.assert(
    fc.property(
      made,
      fc.nat(999).map((n) => n / 1000),
      (what, where) => {
        const bytes = new Uint8Array(serialiseBatch(makeBatch(what)))
        const bit = Math.floor(where * bytes.length * 8)
        const at = bit >> 3
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
        expect(() => parseBatch(bytes)).toThrow(BatchDamaged)
        expect(() => verifyBatch(bytes)).toThrow(BatchDamaged)
      },
    ),
    { numRuns: 10_000 },
  )
})

test('a batch cut at any length, or with bytes behind it, is found', () => {
  const bytes = new Uint8Array(serialiseBatch(makeBatch({ events: [{ text: 'one' }, { text: 'two' }] })))
  for (let length = 0; length < bytes.length; length++) {
    expect(() => parseBatch(bytes.subarray(0, length))).toThrow(BatchDamaged)
  }
  expect(() => parseBatch(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(BatchDamaged)
})

test('random bytes, also behind a right magic and version, give a batch or BatchDamaged', () => {
  const start = Uint8Array.of(0x4c, 0x57, 0x42, 0x31, 1, 0)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, dressed) => {
      if (dressed) bytes.set(start.subarray(0, Math.min(start.length, bytes.length)))
      expect(() => parseBatch(bytes)).toThrow(BatchDamaged)
    }),
    { numRuns: 2_000 },
  )
})
