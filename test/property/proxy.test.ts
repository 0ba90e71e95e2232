/** Laws of the PROXY header that hold for every input, however it is cut. */
import { Buffer } from 'node:buffer'
import { isIP, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProxyGate } from '../../src/listen/proxy-gate.ts'
import { PROXY_HEADER_MAX, readProxyHeader } from '../../src/listen/proxy-header.ts'
import { ProxyWatch } from '../../src/listen/proxy-watch.ts'
import { readingWith } from '../../src/listen/reading.ts'
import type { Refusals } from '../../src/listen/refusals.ts'
import { ManualClock } from '../support/manual-clock.ts'
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

// ---- the gate: what stands behind a header reaches the protocol whole ----------------------------------

interface Seen {
  reason: string | null
  sender: string | null | undefined
  behind: Buffer
}

const refusing = (seen: Seen): Refusals =>
  ({ refuse: (reason: string) => (seen.reason = reason) }) as unknown as Refusals
const settings = { name: 'in', proxy_from: ['127.0.0.1'], frame_timeout: 30_000, quiet_max: null }

/** All at once, as the definition has it. */
function expected(all: Buffer): Seen {
  const read = readProxyHeader(all)
  if (read.kind === 'header')
    return { reason: null, sender: read.sender, behind: Buffer.from(all.subarray(read.length)) }
  // At the end of the connection an unfinished header is a missing one; nothing at all is nothing.
  const unfinished = all.length > 0 ? 'proxy_missing' : null
  const reason = read.kind === 'more' ? unfinished : `proxy_${read.kind}`
  return { reason, sender: undefined, behind: Buffer.alloc(0) }
}

function cut(all: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((n) => n % (all.length + 1)))].toSorted((a, b) => a - b)
  const edges = [0, ...places, all.length]
  return edges.slice(1).map((to, n) => Buffer.from(all.subarray(edges[n], to)))
}

const cuts = fc.array(fc.nat(), { maxLength: 12 })

test('the gate hands on each byte behind the header once, however it was cut: by readings', () => {
  fc.assert(
    fc.property(stream, cuts, (all, at) => {
      const seen: Seen = { reason: null, sender: undefined, behind: Buffer.alloc(0) }
      const socket = new PassThrough() as unknown as Socket
      let take: (chunk: Buffer) => void = () => undefined
      const reading = { socket, start: (act: (chunk: Buffer) => void) => void (take = act) }
      const gate = new ProxyGate(settings, { clock: new ManualClock() }, refusing(seen))
      gate.readBy(reading, '127.0.0.1', (sender, rest) => {
        seen.sender = sender
        readingWith(reading, rest).start((chunk) => {
          seen.behind = Buffer.concat([seen.behind, chunk])
        })
      })
      for (const chunk of cut(all, at)) {
        // The buffer of a reading is written over by the next one.
        const lent = Buffer.from(chunk)
        if (lent.length > 0) take(lent)
        lent.fill(0xff)
      }
      socket.emit('end')
      expect(seen).toEqual(expected(all))
    }),
    { numRuns: 3000 },
  )
})

test('the gate hands on each byte behind the header once, however it was cut: by sockets', async () => {
  await fc.assert(
    fc.asyncProperty(stream, cuts, async (all, at) => {
      const seen: Seen = { reason: null, sender: undefined, behind: Buffer.alloc(0) }
      const socket = new PassThrough()
      const gate = new ProxyGate(settings, { clock: new ManualClock() }, refusing(seen))
      gate.read(socket as unknown as Socket, '127.0.0.1', (sender) => {
        seen.sender = sender
        socket.on('data', (chunk: Buffer) => {
          seen.behind = Buffer.concat([seen.behind, chunk])
        })
        socket.resume()
      })
      const over = new Promise((resolve) => socket.on('close', resolve))
      for (const chunk of cut(all, at)) {
        if (!socket.destroyed) socket.write(chunk)
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (!socket.destroyed) socket.end()
      await over
      expect(seen).toEqual(expected(all))
    }),
    { numRuns: 400 },
  )
})
