import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonBuffer, JsonPiece } from '../../../src/base/json-buffer.ts'
import { isUtf8Range } from '../../../src/base/utf8.ts'

test('any bytes become the JSON string that decoding and stringifying gives', () => {
  const target = new JsonBuffer(64)
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
    fc.constantFrom(Buffer.from([0xf0, 0x9f]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xe2, 0x82])),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const bytes = Buffer.concat(pieces)
      target.clear()
      target.putUtf8(bytes, 0, bytes.length)
      expect(target.written().toString()).toBe(JSON.stringify(bytes.toString('utf8')))
    }),
  )
})

test('any text becomes what JSON.stringify makes of it', () => {
  const target = new JsonBuffer(64)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
      target.clear()
      target.putText(text)
      expect(target.written().toString()).toBe(JSON.stringify(text))
    }),
  )
})

test('numbers are written as JSON writes them', () => {
  const target = new JsonBuffer(64)
  const numbers = fc.oneof(
    fc.nat(),
    fc.integer(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.constantFrom(9, 10, 99, 100),
  )
  fc.assert(
    fc.property(numbers, (value) => {
      target.clear()
      target.putNumber(value)
      expect(target.written().toString()).toBe(JSON.stringify(value))
    }),
  )
})

test('raw ranges, short and long, survive growth', () => {
  const target = new JsonBuffer(64)
  const source = Buffer.from('0123456789'.repeat(40))
  target.putRawRange(source, 3, 7)
  target.putRaw(source)
  target.putRawRange(source, 5, 105)
  expect(target.copyOut().toString()).toBe(`3456${source.toString()}${source.toString('latin1', 5, 105)}`)
})

test('a range is UTF-8 exactly when decoding it fatally succeeds', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decodes = (bytes: Uint8Array): boolean => {
    try {
      decoder.decode(bytes)
      return true
    } catch {
      return false
    }
  }
  const mixed = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'grapheme' }).map((t) => Buffer.from(t)),
    ),
  )
  fc.assert(
    fc.property(mixed, (pieces) => {
      const bytes = Buffer.concat(pieces)
      expect(isUtf8Range(bytes, 0, bytes.length)).toBe(decodes(bytes))
    }),
  )
})

test('spans of one source after another: escaped where they must be, the same where they need not', () => {
  const target = new JsonBuffer(64)
  const source = fc.uint8Array({ minLength: 1, maxLength: 80 })
  const plain = fc.string({ minLength: 1, maxLength: 80 }).map((text) => Buffer.from(text, 'latin1'))
  const key = new JsonPiece('key:')
  const cut = fc.tuple(fc.nat(80), fc.nat(80))
  fc.assert(
    fc.property(fc.oneof(source, plain), fc.array(cut), (bytes, cuts) => {
      // Between other bytes, as in a batch: none of them may get in.
      const all = Buffer.concat([Buffer.from('"\\"'), bytes, Buffer.from('\n"\n')])
      target.clear()
      for (const [a, b] of cuts) {
        const start = Math.min(a, b, bytes.length)
        const end = Math.min(Math.max(a, b), bytes.length)
        const text = Buffer.from(bytes.subarray(start, end)).toString('utf8')
        const as_json = JSON.stringify(text).slice(1, -1)
        const before = target.length
        const same = target.putInner(all, start + 3, end + 3)
        expect(target.written().toString('utf8', before)).toBe(as_json)
        expect(same).toBe(/^[\x20\x21\x23-\x5b\x5d-\x7f]*$/.test(text))
        const after = target.length
        target.putSame(key, all, start + 3, end + 3)
        const raw = bytes.subarray(start, end)
        expect(target.written().subarray(after)).toEqual(Buffer.concat([Buffer.from('key:'), raw]))
      }
    }),
    { numRuns: 500 },
  )
})

test('every byte at every place of a word is looked at', () => {
  const target = new JsonBuffer(64)
  for (let byte = 0; byte < 256; byte++) {
    for (let at = 0; at < 17; at++) {
      const bytes = Buffer.alloc(17, 'a')
      bytes[at] = byte
      target.clear()
      target.putUtf8(bytes, 0, bytes.length)
      expect(target.written().toString()).toBe(JSON.stringify(bytes.toString('utf8')))
    }
  }
})
