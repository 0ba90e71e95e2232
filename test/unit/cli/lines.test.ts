/** Are lines the same however the bytes were cut, and is memory bounded? */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter } from '../../../src/cli/lines.ts'

function split(chunks: readonly Buffer[], max = 1000): [string, boolean][] {
  const lines: [string, boolean][] = []
  const splitter = new LineSplitter(max, (buf, start, end, cut) => {
    lines.push([buf.toString('latin1', start, end), cut])
  })
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

const texts = (lines: readonly [string, boolean][]): string[] => lines.map(([text]) => text)

test('LF and CR LF end lines, empty lines are lines, a last one needs no end', () => {
  expect(texts(split([Buffer.from('a\nb\r\n\n\r\nc\rd\ne')]))).toEqual(['a', 'b', '', '', 'c\rd', 'e'])
  expect(split([])).toEqual([])
  expect(texts(split([Buffer.from('a\n')]))).toEqual(['a'])
})

test('a line longer than the limit is handed over cut, and its rest is nobody\u2019s', () => {
  const long = 'x'.repeat(25)
  expect(split([Buffer.from(`${long}\nshort\n${'y'.repeat(10)}\r\nend`)], 10)).toEqual([
    ['x'.repeat(10), true],
    ['short', false],
    ['y'.repeat(10), false],
    ['end', false],
  ])
})

test('where the input happens to be cut never changes the lines', () => {
  const bytes = fc.array(fc.constantFrom('a', 'b', '\n', '\r', '\r\n', 'longer text'), { maxLength: 60 })
  fc.assert(
    fc.property(
      bytes,
      fc.array(fc.nat(9), { maxLength: 40 }),
      fc.integer({ min: 1, max: 12 }),
      (parts, cuts, max) => {
        const whole = Buffer.from(parts.join(''))
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(whole.subarray(at, at + cut))
          at += cut
        }
        chunks.push(whole.subarray(at))
        expect(split(chunks, max)).toEqual(split([whole], max))
      },
    ),
    { numRuns: 500 },
  )
})

test('the lines of any text are what splitting it says', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z ]{0,8}$/), { maxLength: 20 }), (lines) => {
      expect(texts(split([Buffer.from(lines.map((line) => `${line}\n`).join(''))]))).toEqual(lines)
    }),
  )
})
