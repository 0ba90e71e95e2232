import { expect, test } from 'vitest'
import { editDistance, meant, nearest } from '../../../src/config/nearest.ts'

test.each([
  ['when_full', 'when_full', 0],
  ['when_ful', 'when_full', 1],
  ['wehn_full', 'when_full', 1],
  ['ab', 'ba', 1],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
])('%j and %j are %d apart', (a, b, distance) => {
  expect(editDistance(a, b, 10)).toBe(distance)
})

test('a distance above the bound is not worked out', () => {
  expect(editDistance('aaaaaaaa', 'bbbbbbbb', 2)).toBe(3)
  expect(editDistance('a', 'abcdef', 2)).toBe(3)
})

test.each([
  ['when_ful', 'when_full'],
  ['When-Full', 'when_full'],
  ['memmory_max', 'memory_max'],
  ['zzz', undefined],
  ['', undefined],
  ['x'.repeat(1000), undefined],
])('%j was meant to be %j', (word, key) => {
  expect(nearest(word, ['memory_max', 'disk_max', 'when_full'])).toBe(key)
})

test('where nothing is near, few known words are listed and many are not', () => {
  expect(meant('zzz', ['udp', 'tcp'])).toBe('use one of udp, tcp')
  expect(
    meant(
      'zzz',
      Array.from({ length: 30 }, (_, n) => `word${n}`),
    ),
  ).toBe('')
})
