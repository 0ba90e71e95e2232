/** Laws of framing that hold for every input. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nativeMemory } from '../../src/base/native-memory.ts'
import { FrameFlag } from '../../src/framing/frames.ts'
import { bytewise, type Framed, frameAll, framerFor, type Framing } from '../support/framing.ts'

const framing = fc.constantFrom<Framing>('auto', 'octet-counting', 'newline')
const FRAME_MAX = 40

/** Bytes that look like framing often enough to meet every branch. */
const piece = fc.oneof(
  fc.constantFrom(
    '\n',
    '\r',
    '\r\n',
    '\0',
    ' ',
    '<',
    '>',
    '<13>',
    '<-1>',
    '<191>x',
    '5 ',
    '5 <1>ab',
    '05 <1>ab',
  ),
  fc.constantFrom('9 <1>a\nb\r\0', '60 <1>', '9999999 <1>', '\x16', '\x03', '12', '0', '3 <', 'ξ', '\xff'),
  fc.string({ maxLength: 50 }),
  fc.integer({ min: 0, max: 120 }).map((n) => `<14>${'m'.repeat(n)}\n`),
  fc.integer({ min: 0, max: 120 }).map((n) => `${n + 4} <14>${'c'.repeat(n)}`),
)
const stream = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'))
const cuts = fc.array(fc.nat(), { maxLength: 40 })

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((n) => n % (bytes.length + 1)))].toSorted((a, b) => a - b)
  const chunks: Buffer[] = []
  let from = 0
  for (const to of [...places, bytes.length]) {
    chunks.push(Buffer.from(bytes.subarray(from, to)))
    from = to
  }
  return chunks
}

test('chunking does not matter (R38)', () => {
  fc.assert(
    fc.property(stream, cuts, framing, fc.constantFrom('fin', 'reset'), (bytes, at, mode, end) => {
      const options = { framing: mode, frame_max: FRAME_MAX, end } as const
      const whole = frameAll([bytes], options)
      expect(frameAll(cut(bytes, at), options)).toEqual(whole)
      expect(frameAll(bytewise(bytes), options)).toEqual(whole)
    }),
    { numRuns: 3_000 },
  )
})

/** Pushes each chunk from where sockets are read to, at any place of it and with anything behind. */
function frameNative(
  chunks: readonly Buffer[],
  place: number,
  behind: number,
  options: { readonly framing: Framing; readonly end: 'fin' | 'reset' },
): Framed {
  const read = nativeMemory()?.read
  if (read === undefined) throw new Error('there is no native memory')
  const { framer, out } = framerFor(options.framing, FRAME_MAX)
  for (const chunk of chunks) {
    const at = place % (read.length - chunk.length)
    read.fill(behind, at, at + chunk.length + 40)
    chunk.copy(read, at)
    framer.push(read.subarray(at, at + chunk.length))
  }
  framer.end(options.end)
  return out
}

test('nor does where it lies: line ends that compiled code lists are the same', () => {
  fc.assert(
    fc.property(
      stream,
      cuts,
      framing,
      fc.constantFrom('fin', 'reset'),
      fc.nat({ max: 60_000 }),
      fc.constantFrom(0, 10, 13, 65),
      (bytes, at, mode, end, place, behind) => {
        const options = { framing: mode, end } as const
        const chunks = cut(bytes, at)
        const wanted = frameAll(chunks, { ...options, frame_max: FRAME_MAX })
        expect(frameNative(chunks, place, behind, options)).toEqual(wanted)
      },
    ),
    { numRuns: 3_000 },
  )
})

test('a chunk with more line ends than are listed', () => {
  const bytes = Buffer.from('<1>a\n'.repeat(3000))
  const options = { framing: 'auto', end: 'fin' } as const
  expect(frameNative([bytes], 0, 0, options).frames).toHaveLength(3000)
})

test('the flags tell the truth', () => {
  fc.assert(
    fc.property(stream, cuts, framing, (bytes, at, mode) => {
      const out: Framed = frameAll(cut(bytes, at), { framing: mode, frame_max: FRAME_MAX })
      for (const [i, frame] of out.frames.entries()) {
        const flags = out.flags[i] ?? 0
        expect((flags & FrameFlag.control) !== 0).toBe(/[\n\r\0]/.test(frame))
        expect(frame.length).toBeGreaterThan(0)
        expect(frame.length).toBeLessThanOrEqual(FRAME_MAX)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('well-framed messages come out as they went in, whatever stands in them', () => {
  const body = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  const message = body.map((text) => `<14>${text}.`)
  const counted = message.map((text) => ({ wire: `${text.length} ${text}`, text }))
  const line = message
    .map((text) => text.replaceAll(/[\n\r\0]/g, '_'))
    .chain((text) => fc.constantFrom('\n', '\r\n', '\0').map((trailer) => ({ wire: text + trailer, text })))
  fc.assert(
    fc.property(fc.array(fc.oneof(counted, line), { maxLength: 20 }), cuts, (messages, at) => {
      const wire = Buffer.from(messages.map((one) => one.wire).join(''), 'latin1')
      const out = frameAll(cut(wire, at))
      expect(out.frames).toEqual(messages.map((one) => one.text))
      expect(out.faults).toEqual([])
    }),
    { numRuns: 1_000 },
  )
})

test('memory is bounded by the bytes received and by the limit (R34)', () => {
  fc.assert(
    fc.property(stream, cuts, framing, (bytes, at, mode) => {
      const { framer } = framerFor(mode, FRAME_MAX)
      let received = 0
      for (const chunk of cut(bytes, at)) {
        framer.push(chunk)
        received += chunk.length
        expect(framer.held_bytes).toBeLessThanOrEqual(Math.min(FRAME_MAX + 2, Math.max(256, received * 2)))
      }
    }),
    { numRuns: 1_000 },
  )
})
