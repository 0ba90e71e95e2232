import { expect, test } from 'vitest'
import { durationText, parseDuration, parseSize, sizeText } from '../../../src/config/quantities.ts'

const value = (parsed: ReturnType<typeof parseSize>): unknown =>
  'value' in parsed ? parsed.value : parsed.problem
const hint = (parsed: ReturnType<typeof parseSize>): unknown => ('hint' in parsed ? parsed.hint : '')

test.each([
  ['0B', 0],
  ['512B', 512],
  ['64KiB', 65_536],
  ['4 MiB', 4_194_304],
  ['10GiB', 10 * 2 ** 30],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['2TiB', 2 * 2 ** 40],
])('%s is %d bytes', (text, bytes) => {
  expect(value(parseSize(text))).toBe(bytes)
})

test.each([
  ['0ms', 0],
  ['250ms', 250],
  ['30s', 30_000],
  ['0.5s', 500],
  ['10m', 600_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
])('%s is %d milliseconds', (text, ms) => {
  expect(value(parseDuration(text))).toBe(ms)
})

test.each([
  ['64', 'a size needs its unit', 'write 64B, 64KiB or 64MiB'],
  ['64KB', 'unknown unit in "64KB"', 'write 64KiB: units are B, KiB, MiB, GiB and TiB'],
  ['64kib', 'unknown unit in "64kib"', 'write 64KiB: units are B, KiB, MiB, GiB and TiB'],
  ['64M', 'unknown unit in "64M"', 'write 64MiB: units are B, KiB, MiB, GiB and TiB'],
  ['64 apples', 'unknown unit in "64 apples"', 'units are B, KiB, MiB, GiB and TiB'],
  ['64constructor', 'unknown unit in "64constructor"', 'units are B, KiB, MiB, GiB and TiB'],
  ['-1KiB', '"-1KiB" is not a size', 'write for example 64KiB, 4MiB or 10GiB'],
  ['1.5B', '"1.5B" is not a whole number of bytes', 'use a smaller unit or a smaller number'],
  ['99999999TiB', '"99999999TiB" is not a whole number of bytes', 'use a smaller unit or a smaller number'],
  ['', '"" is not a size', 'write for example 64KiB, 4MiB or 10GiB'],
])('the size %j is refused with its mend', (text, problem, mend) => {
  expect([value(parseSize(text)), hint(parseSize(text))]).toEqual([problem, mend])
})

test.each([
  ['30', 'a time needs its unit', 'write 30ms, 30s or 30m'],
  ['30 seconds', 'unknown unit in "30 seconds"', 'units are ms, s, m, h and d'],
  ['30S', 'unknown unit in "30S"', 'units are ms, s, m, h and d'],
  ['soon', '"soon" is not a time', 'write for example 250ms, 30s, 10m or 24h'],
])('the time %j is refused with its mend', (text, problem, mend) => {
  expect([value(parseDuration(text)), hint(parseDuration(text))]).toEqual([problem, mend])
})

test('a text without end costs nothing and is shortened in the message', () => {
  const text = '9'.repeat(1_000_000)
  const problem = String(value(parseSize(text)))
  expect(problem.length).toBeLessThan(120)
})

test('quantities are written with the largest unit that divides them', () => {
  expect([0, 1000, 65_536, 2 ** 30].map(sizeText)).toEqual(['0B', '1000B', '64KiB', '1GiB'])
  expect([0, 250, 30_000, 90_000, 86_400_000].map(durationText)).toEqual(['0ms', '250ms', '30s', '90s', '1d'])
})
