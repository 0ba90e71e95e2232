/** What of a datagram is the event, and does it hold control bytes? */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameFlag } from '../../../src/framing/frames.ts'
import { datagramEnd, datagramFlags } from '../../../src/listen/datagram.ts'

const CONTROL = [0x00, 0x0a, 0x0d]
const memory = Buffer.allocUnsafeSlow(4096)
const words = new Uint32Array(memory.buffer)

/** Behind the datagram lies what was there before: control bytes. */
function place(bytes: Uint8Array): void {
  memory.fill(0)
  memory.set(bytes)
}

test.each([
  ['', 0],
  ['\n', 0],
  ['\r\n', 0],
  ['\0', 0],
  ['\r', 1],
  ['a\r', 2],
  ['a\n', 1],
  ['a\r\n', 1],
  ['a\0', 1],
  ['a\n\n', 2],
  ['a\0\n', 2],
  ['a\n\0', 2],
  ['ab', 2],
])('%j ends at %i', (text, end) => {
  place(Buffer.from(text, 'latin1'))
  expect(datagramEnd(memory, text.length)).toBe(end)
})

test('four bytes at a time are seen as one by one, at any place and of any value', () => {
  const bytes = fc.uint8Array({ maxLength: 40 })
  const plain = fc
    .array(fc.integer({ min: 14, max: 255 }), { maxLength: 40 })
    .map((list) => Uint8Array.from(list))
  const one = fc.tuple(plain, fc.nat(40), fc.integer({ min: 0, max: 15 })).map(([list, at, byte]) => {
    if (at < list.length) list[at] = byte
    return list
  })
  fc.assert(
    fc.property(fc.oneof(bytes, plain, one), (datagram) => {
      place(datagram)
      const holds = datagram.some((byte) => CONTROL.includes(byte))
      expect(datagramFlags(memory, words, datagram.length)).toBe(holds ? FrameFlag.control : 0)
    }),
    { numRuns: 2000 },
  )
})
