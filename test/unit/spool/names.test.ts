import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeKey,
  encodeKey,
  fileName,
  isCut,
  parseFileName,
  parseStopName,
  stopName,
} from '../../../src/spool/names.ts'

test('an ordinary key can be read in its folder name', () => {
  expect(encodeKey('acme/siem-1')).toBe('acme%2fsiem-1')
  expect(decodeKey('acme%2fsiem-1')).toBe('acme/siem-1')
})

test.each([
  '../x',
  'a/b',
  'a\0b',
  '.',
  '..',
  '',
  'CON',
  'nul',
  'ü',
  '%2f',
  'a~b',
  ' ',
  'a\nb',
  'x'.repeat(255),
])('R21: %j is one harmless path piece', (key) => {
  const name = encodeKey(key)
  expect(name).toMatch(/^[a-z0-9_%~.-]{1,150}$/)
  expect(name).not.toMatch(/^\./)
  if (!isCut(name)) expect(decodeKey(name)).toBe(key)
})

test('R21: keys that differ, also only in case, have names that differ where case does not count', () => {
  const key = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme' }),
    fc.string({ minLength: 100, maxLength: 400 }),
  )
  fc.assert(
    fc.property(key, key, (one, other) => {
      for (const twin of [other, one.toUpperCase(), one.toLowerCase(), `${one}.`]) {
        // Lone surrogates have no UTF-8: they are one and the same on disk and in a configuration file.
        if (Buffer.from(one).equals(Buffer.from(twin))) continue
        expect(encodeKey(one).toLowerCase()).not.toBe(encodeKey(twin).toLowerCase())
      }
      expect(encodeKey(one).length).toBeLessThanOrEqual(150)
    }),
    { numRuns: 2000 },
  )
})

test('a folder name that was not made by us is nobody’s', () => {
  for (const name of ['Acme', 'a%2F', 'a b', '%zz', '.hidden', 'a%', '%61'])
    expect(decodeKey(name)).toBeUndefined()
})

test('file names sort by sequence and say their shift', () => {
  expect(fileName(7) < fileName(10)).toBe(true)
  expect(parseFileName(fileName(7))).toEqual({ sequence: 7, shift: 0 })
  expect(parseFileName(fileName(7, 400, 2))).toEqual({ sequence: 7, shift: 400 })
  for (const name of [
    '7.db',
    'x.db',
    '0000000000000007',
    '0000000000000007.db-journal',
    '000000000000000x.db',
  ]) {
    expect(parseFileName(name)).toBeUndefined()
  }
  expect(parseStopName(stopName(3))).toBe(3)
  expect(parseStopName('stop-.db')).toBeUndefined()
})
