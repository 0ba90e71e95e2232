/** Is every body a whole gzip file of its own, although compressors are used again and lie in one memory? */
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compress } from '../../../src/forward/http-gzip.ts'

const sizes = [1, 2, 300, 65_535, 65_536, 131_072, 1_000_000, 0, 7]

test('one after the other, of any size, empty and incompressible ones too', async () => {
  for (const size of sizes) {
    for (const body of [Buffer.alloc(size, 'event '), randomBytes(size)]) {
      expect(gunzipSync(await compress(body)).equals(body)).toBe(true)
    }
  }
})

test('many at once, more than are kept', async () => {
  const bodies = Array.from({ length: 24 }, (_, n) => Buffer.alloc(1000 * n + 1, `body ${n} `))
  const members = await Promise.all(bodies.map(compress))
  members.forEach((member, n) => expect(gunzipSync(member).equals(bodies[n] as Buffer)).toBe(true))
})

test('what was handed out never changes, and its body may change at once', async () => {
  const body = Buffer.alloc(100_000, 'mine ')
  const member = await compress(body)
  const copy = Buffer.from(member)
  body.fill('other ')
  for (let n = 0; n < 30; n++) await compress(randomBytes(50_000))
  expect(member.equals(copy)).toBe(true)
  expect(gunzipSync(member).equals(Buffer.alloc(100_000, 'mine '))).toBe(true)
})

test('any bodies in any order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 8 }), async (bodies) => {
      const members = await Promise.all(bodies.map((bytes) => compress(Buffer.from(bytes))))
      members.forEach((member, n) => expect(gunzipSync(member).equals(bodies[n] as Uint8Array)).toBe(true))
    }),
    { numRuns: 50 },
  )
})
