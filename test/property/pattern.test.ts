/** Patterns: the verdicts of another engine, positions of what is refused, and linear time (R67). */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteFinder, ByteSet } from '../../src/rules/byte-set.ts'
import { Pattern, patternProblem } from '../../src/rules/pattern.ts'

const letters = fc.constantFrom(...['a', 'b', 'ü', '0', ' ', '-'])
const atom = fc.oneof(
  letters,
  fc.constantFrom('[a-z]', '[^a]', '\\d', '\\w', '\\.', '(?:ab|b)', '(a)', '\\bb', '^', '$', '[ü0]'),
)
const piece = fc
  .tuple(atom, fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '*?'))
  .map(([one, count]) => (/^[\^$]|\\b/.test(one) ? one : one + count))
const pattern = fc
  .array(fc.array(piece, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 })
  .map((alternatives) => alternatives.map((parts) => parts.join('')).join('|'))
const text = fc.array(letters, { maxLength: 12 }).map((parts) => parts.join(''))

test('a pattern fits where another engine says so, over texts and over bytes between others', () => {
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      expect(patternProblem(source)).toBe(undefined)
      const expected = new RegExp(source, 'u').test(subject)
      const made = new Pattern(source)
      expect(made.testText(subject)).toBe(expected)
      const bytes = Buffer.from(subject)
      const buf = Buffer.concat([Buffer.from('ab0 ü-'), bytes, Buffer.from('ab0 ü-')])
      expect(made.test(buf, 7, 7 + bytes.length)).toBe(expected)
    }),
    { numRuns: 5000 },
  )
})

test('every match is found, where another engine finds it', () => {
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      if (source.includes('(a)')) return
      const found: string[] = []
      const bytes = Buffer.from(subject)
      new Pattern(source).each(bytes, 0, bytes.length, (start, end) =>
        found.push(bytes.toString('utf8', start, end)),
      )
      const expected = [...subject.matchAll(new RegExp(source, 'gu'))]
        .map(([match]) => match)
        .filter((match) => match !== '')
      expect(found).toEqual(expected)
    }),
    { numRuns: 3000 },
  )
})

test('whatever a pattern is, it is read or refused at a place inside it, and nothing throws', () => {
  const any = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc
      .array(fc.constantFrom(...Array.from('()[]{}|*+?\\^$.a1<>=!:P-')), { maxLength: 24 })
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(any, text, (source, subject) => {
      const problem = patternProblem(source)
      if (problem === undefined) new Pattern(source).testText(subject)
      else {
        expect(problem.offset).toBeGreaterThanOrEqual(0)
        expect(problem.offset).toBeLessThanOrEqual(source.length)
        expect(problem.message).not.toBe('')
      }
    }),
    { numRuns: 5000 },
  )
})

const HOSTILE: readonly (readonly [string, string])[] = [
  ['^(a+)+$', 'a'],
  ['(x+x+)+y', 'x'],
  ['(a|aa)+$', 'a'],
  ['([a-zA-Z]+)*b', 'a'],
  ['(.*)(.*)(.*)(.*)(.*)[^a]$', 'a'],
  ['[01]*1[01]{12}$', '01'],
  ['(?:(?:a?){20}){20}b', 'a'],
]

describe('linear time', () => {
  test.each(HOSTILE)('%s', (source, repeated) => {
    expect(patternProblem(source)).toBe(undefined)
    const made = new Pattern(source)
    const time = (length: number): number => {
      const bytes = Buffer.from(repeated.repeat(length / repeated.length))
      made.test(bytes, 0, bytes.length)
      let best = Number.POSITIVE_INFINITY
      for (let n = 0; n < 5; n += 1) {
        const start = process.hrtime.bigint()
        made.test(bytes, 0, bytes.length)
        best = Math.min(best, Number(process.hrtime.bigint() - start))
      }
      return best
    }
    // Twice the length in about twice the time; quadratic would be four times. Small absolute times are noise.
    const [short, long] = [time(32_768), time(131_072)]
    expect(long).toBeLessThan(Math.max(short * 12, 20e6))
  })
})

const bytes = fc
  .array(fc.constantFrom(97, 98, 255, 0), { minLength: 1, maxLength: 5 })
  .map((list) => Uint8Array.from(list))

test('many texts at once are found as one after the other', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { minLength: 1, maxLength: 8 }),
      fc.array(fc.constantFrom(97, 98, 255, 0, 99), { maxLength: 20 }),
      (texts, list) => {
        const buf = Buffer.from([1, ...list, 97, 98])
        const span = buf.subarray(1, 1 + list.length)
        const expected = texts.some((one) => span.includes(Buffer.from(one)))
        expect(new ByteFinder(texts).in(buf, 1, 1 + list.length)).toBe(expected)
        const equal = texts.some((one) => span.equals(one))
        expect(new ByteSet(texts).has(buf, 1, 1 + list.length)).toBe(equal)
      },
    ),
    { numRuns: 3000 },
  )
})
