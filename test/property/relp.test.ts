/** Laws of RELP that hold for every input. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameFlag } from '../../src/framing/frames.ts'
import { RelpAnswers } from '../../src/listen/relp-answers.ts'
import { answerOffers, openObjection, RelpCommand } from '../../src/relp/frames.ts'
import { RelpReader, trimmed } from '../../src/relp/reader.ts'
import { frame, readRelp } from '../support/relp.ts'

const DATA_MAX = 40

/** Bytes that look like RELP often enough to meet every branch. */
const piece = fc.oneof(
  fc.constantFrom(
    '1 open 5 a=b\nc\n',
    '2 syslog 3 a\nb\n',
    '3 close 0\n',
    '0 serverclose 0 \n',
    '4 rsp 6 200 OK\n',
  ),
  fc.constantFrom(
    '1',
    ' ',
    '\n',
    'syslog',
    ' syslog ',
    '999999999 ',
    '9999999 ',
    '5 abc',
    '\x16',
    '\0',
    '\r\n',
    '0',
  ),
  fc.string({ maxLength: 20 }),
  fc.tuple(fc.integer({ min: 0, max: 1e9 - 1 }), fc.string({ maxLength: 80 })).map(([txnr, data]) =>
    frame(
      txnr,
      'syslog',
      Buffer.from(data, 'latin1')
        .toString('latin1')
        .replaceAll(/[^\x00-\x7f]/g, '?'),
    ),
  ),
)
const stream = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'))
const cuts = fc.array(fc.nat(), { maxLength: 40 })

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((n) => n % (bytes.length + 1)))].toSorted((a, b) => a - b)
  const chunks: Buffer[] = []
  let from = 0
  for (const to of [...places, bytes.length]) {
    chunks.push(bytes.subarray(from, to))
    from = to
  }
  return chunks
}

const bytewise = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.of(byte))

test('chunking does not matter, whatever comes (R38)', () => {
  fc.assert(
    fc.property(stream, cuts, (bytes, at) => {
      const { held: _, ...whole } = readRelp([bytes], DATA_MAX)
      for (const chunks of [cut(bytes, at), bytewise(bytes)]) {
        const { held, ...pieces } = readRelp(chunks, DATA_MAX)
        expect(pieces).toEqual(whole)
        expect(held).toBeLessThanOrEqual(DATA_MAX)
      }
    }),
    { numRuns: 3_000 },
  )
})

test('what is written is read: numbers, commands, data with every byte, cut at the limit, flags', () => {
  const sent = fc.array(
    fc.record({ txnr: fc.integer({ min: 0, max: 999_999_999 }), data: fc.uint8Array({ maxLength: 60 }) }),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(sent, cuts, (frames, at) => {
      const bytes = Buffer.concat(
        frames.map(({ txnr, data }) =>
          Buffer.concat([
            Buffer.from(`${txnr} syslog ${data.length}${data.length > 0 ? ' ' : ''}`),
            data,
            Buffer.from('\n'),
          ]),
        ),
      )
      const read = readRelp(cut(bytes, at), DATA_MAX)
      expect(read.fault).toBeNull()
      expect(read.unfinished).toBe(false)
      expect(read.frames).toEqual(
        frames.map(({ txnr, data }) => {
          const kept = data.subarray(0, DATA_MAX)
          const body = kept.subarray(0, trimmed(kept, 0, kept.length))
          const control = [0, 10, 13].some((byte) => body.includes(byte)) ? FrameFlag.control : 0
          const truncated = data.length > DATA_MAX ? FrameFlag.truncated : 0
          const text = Buffer.from(kept).toString('latin1')
          return { txnr, command: RelpCommand.syslog, data: text, flags: control | truncated }
        }),
      )
    }),
    { numRuns: 2_000 },
  )
})

test('answers come in the order of the transactions, each once, whatever order the reads are safe in', () => {
  const reads = fc.array(fc.array(fc.boolean(), { maxLength: 50 }), { maxLength: 12 })
  fc.assert(
    fc.property(reads, fc.array(fc.nat(), { maxLength: 12 }), (came, order) => {
      const answers = new RelpAnswers()
      const expected: string[] = []
      const open: (() => void)[] = []
      let txnr = 0
      let got = ''
      for (const [n, read] of came.entries()) {
        for (const known of read) {
          txnr += 1
          answers.add(txnr, known)
          expected.push(frame(txnr, 'rsp', known ? '200 OK' : '500 command not supported'))
        }
        const safe = answers.endRead()
        if (safe !== undefined) open.push(safe)
        const pick = order[n]
        if (pick !== undefined && open.length > 0) open.splice(pick % open.length, 1)[0]?.()
        got += answers.take()?.toString() ?? ''
        expect(expected.join('').startsWith(got)).toBe(true)
      }
      for (const safe of open.toReversed()) safe()
      got += answers.take()?.toString() ?? ''
      expect(got).toBe(expected.join(''))
      expect(answers.owed).toBe(0)
    }),
    { numRuns: 500 },
  )
})

test('offers of any kind are answered, and what we answer can be worked with', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), stream.map(String)), (text) => {
      const { accepted, data } = answerOffers(text)
      expect(openObjection(data) === null).toBe(accepted)
      const objection = openObjection(text)
      expect(objection === null || objection.length < 400).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

/** A chunk that counts how often one of its bytes is looked at, by index or by search. */
function counting(bytes: Buffer): { readonly chunk: Buffer; looks(): number } {
  let looks = 0
  const chunk = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) {
        looks += 1
        return target[Number(key)]
      }
      if (key === 'indexOf') {
        return (byte: number, from: number) => {
          const at = target.indexOf(byte, from)
          looks += (at === -1 ? target.length : at) - from
          return at
        }
      }
      if (key === 'copy')
        return (to: Buffer, at: number, from: number, end: number) => target.copy(to, at, from, end)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
  return { chunk, looks: () => looks }
}

test.each([
  ['a length without data', '1 syslog 9999999 '],
  ['line ends in data', `1 syslog 60 ${'\n'.repeat(60)}\n`],
  ['long words', `${'1'.repeat(9)} ${'s'.repeat(32)} 0\n`],
  ['control bytes', frame(1, 'syslog', '\r\0'.repeat(500))],
  ['small frames', '1 syslog 1 a\n'],
])('a byte is looked at a bounded number of times, however the stream is cut: %s (R67)', (_, unit) => {
  const bytes = Buffer.from(unit.repeat(Math.ceil(100_000 / unit.length)), 'latin1')
  for (const size of [1, 7, 4096, bytes.length]) {
    const reader = new RelpReader(1000, { relp: () => undefined, fault: () => undefined })
    let looks = 0
    for (let at = 0; at < bytes.length; at += size) {
      const counted = counting(bytes.subarray(at, at + size))
      reader.push(counted.chunk)
      looks += counted.looks()
    }
    expect(looks).toBeGreaterThan(20)
    expect(looks).toBeLessThanOrEqual(bytes.length * 6)
    expect(reader.held_bytes).toBeLessThanOrEqual(1000)
  }
})
