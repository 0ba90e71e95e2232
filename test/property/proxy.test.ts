/** Laws of the PROXY header that hold for every input, however it is cut. */
import { Buffer } from 'node:buffer'
import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PROXY_HEADER_MAX, readProxyHeader } from '../../src/listen/proxy-header.ts'
import { ProxyWatch } from '../../src/listen/proxy-watch.ts'
import { proxyV1, proxyV2 } from '../support/proxy.ts'

const bytes = (max: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array))
const address = fc.oneof(fc.ipV4(), fc.ipV6())
/** Headers that are right, nearly right, and what is none at all. */
const opening = fc.oneof(
  fc
    .tuple(address, fc.integer({ min: 0, max: 70_000 }))
    .map(([one, port]) => Buffer.from(proxyV1(one, port))),
  fc
    .tuple(fc.constantFrom(0x20, 0x21, 0x22, 0x11), fc.integer({ min: 0, max: 255 }), bytes(260))
    .map(([command, family, rest]) => proxyV2(command, family, rest)),
  fc
    .tuple(fc.constantFrom('PROXY ', 'PROXY TCP4 ', 'PROXY UNKNOWN', '\r\n\r\n\0\r\nQUIT\n'), bytes(200))
    .map(([word, rest]) => Buffer.concat([Buffer.from(word, 'latin1'), rest])),
  bytes(300),
)
const stream = fc
  .tuple(opening, fc.nat({ max: 400 }), fc.nat({ max: 255 }), bytes(50))
  .map(([head, at, value, behind]) => {
    const all = Buffer.concat([head, behind])
    // One byte is changed in every other run or so: past the end nothing is.
    if (at < all.length) all[at] = value
    return all
  })

test('what a beginning says once, all of it says: cuts do not matter', () => {
  fc.assert(
    fc.property(stream, (all) => {
      const whole = readProxyHeader(all)
      for (let length = 0; length <= all.length; length++) {
        const part = readProxyHeader(all.subarray(0, length))
        if (part.kind === 'more') continue
        expect({ ...part, detail: '' }).toEqual({ ...whole, detail: '' })
      }
    }),
    { numRuns: 2000 },
  )
})

test('a sender is an address, a header ends within its bytes and bounds, and nothing waits beyond them', () => {
  fc.assert(
    fc.property(stream, (all) => {
      const read = readProxyHeader(all)
      if (read.kind === 'more') expect(all.length).toBeLessThan(PROXY_HEADER_MAX)
      if (read.kind !== 'header') return
      expect(read.length).toBeLessThanOrEqual(Math.min(all.length, PROXY_HEADER_MAX))
      if (read.sender !== null) expect(isIP(read.sender)).toBeGreaterThan(0)
    }),
    { numRuns: 5000 },
  )
})

test('every header that is taken is seen as forged where none belongs', () => {
  fc.assert(
    fc.property(stream, fc.nat({ max: 20 }), (all, size) => {
      if (readProxyHeader(all).kind !== 'header') return
      const watch = new ProxyWatch()
      let seen = watch.push(Buffer.alloc(0))
      for (let at = 0; at < all.length && seen === 'more'; at += size + 1)
        seen = watch.push(all.subarray(at, at + size + 1))
      expect(seen).toBe('forged')
    }),
    { numRuns: 2000 },
  )
})
