/** Does what is written for one event parse as exactly that event, whatever its bytes (R68)? */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { eventObject } from '../../src/classify/event-json.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { EventFlag, EventView, HeaderForm } from '../../src/classify/view.ts'
import { BatchEncoder, type EventEncoder, type Framing } from '../../src/forward/encode/batch-encoder.ts'
import { CloudEncoder } from '../../src/forward/encode/cloud.ts'
import { encodedJson } from '../../src/forward/encode/encodings.ts'
import { EventReader } from '../../src/forward/encode/event-reader.ts'
import { JsonEncoder } from '../../src/forward/encode/json.ts'
import { originalEncoder } from '../../src/forward/encode/original.ts'
import { Rfc3164Encoder } from '../../src/forward/encode/rfc3164.ts'
import { Rfc5424Encoder } from '../../src/forward/encode/rfc5424.ts'
import type { Batch } from '../../src/queue/batch.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { makeBatch } from '../support/batches.ts'
import { frameAll } from '../support/framing.ts'

const reader = (): EventReader => new EventReader(() => [])
const encoders: readonly (readonly [string, EventEncoder])[] = [
  ['original', originalEncoder],
  ['rfc5424', new Rfc5424Encoder(reader())],
  ['rfc3164', new Rfc3164Encoder(reader())],
  ['json', new JsonEncoder(reader())],
  ['ecs', encodedJson('ecs', { streams: () => [] })],
  ['otel', encodedJson('otel', { streams: () => [] })],
]

/** Bytes that hurt: controls, broken UTF-8, quotes, and headers that are too long or half there. */
const word = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    '-',
    '',
    '\n',
    '\r\n',
    '\0',
    '\ufeff',
    '"',
    '\\',
    ']',
    '<14>',
    '12 <13>x',
    '\u{1f525}'.repeat(20),
  ),
)
const header = fc.oneof(
  fc
    .tuple(word, word, word, word)
    .map(([host, app, proc, id]) => `<14>1 2026-01-02T03:04:05.123Z ${host} ${app} ${proc} ${id} [a b="c"] `),
  fc.tuple(word, word).map(([host, tag]) => `<13>Jan  2 03:04:05 ${host} ${tag}[1]: `),
  fc.tuple(word, word).map(([host, tag]) => `<13>2026-01-02T03:04:05Z ${host} ${tag}: `),
  fc.constantFrom('<14>', '', '<999>', '<14>1 - - - - - - '),
)
const event = fc.oneof(
  fc.tuple(header, word).map(([head, message]) => Buffer.from(head + message)),
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
)
const events = fc.array(
  event.filter((bytes) => bytes.length > 0),
  { minLength: 1, maxLength: 12 },
)

function batchOf(texts: readonly Buffer[], form: PayloadForm = PayloadForm.bare): Batch {
  return makeBatch({
    events: texts.map((text) => ({
      text,
      owner: 1,
      stream: 0,
      flags: EventFlag.control,
      received_at: 1_767_323_045_678,
    })),
    form,
    escape: form === PayloadForm.newline,
  })
}

function encodeAll(encoder: EventEncoder, framing: Framing, batch: Batch): Buffer {
  return Buffer.from(new BatchEncoder(encoder, framing, null).encode(batch).bytes)
}

describe.each(encoders)('%s', (_, encoder) => {
  test('octet-counted: the count equals the bytes, one frame an event', () => {
    fc.assert(
      fc.property(events, (texts) => {
        const bytes = encodeAll(encoder, 'octet-counting', batchOf(texts))
        let at = 0
        let frames = 0
        while (at < bytes.length) {
          const space = bytes.indexOf(0x20, at)
          const count = bytes.toString('latin1', at, space)
          expect(count).toMatch(/^[1-9][0-9]*$/)
          at = space + 1 + Number(count)
          frames += 1
        }
        expect(at).toBe(bytes.length)
        expect(frames).toBe(texts.length)
      }),
    )
  })

  test('newline: one line an event, without CR and NUL', () => {
    fc.assert(
      fc.property(events, (texts) => {
        const bytes = encodeAll(encoder, 'newline', batchOf(texts))
        const lines = bytes.toString('latin1').split('\n')
        expect(lines.pop()).toBe('')
        expect(lines.length).toBe(texts.length)
        expect(bytes.includes(0x0d) || bytes.includes(0)).toBe(false)
      }),
    )
  })
})

/** What could be framing at a frame's end is not part of it. */
const trim = (text: string): string => text.replace(/[\r\n\0 ]+$/, '')

describe.each(encoders.slice(1, 3))('%s', (_, encoder) => {
  test.each(['octet-counting', 'newline'] as const)('our own framer reads each %s frame back', (framing) => {
    fc.assert(
      fc.property(events, (texts) => {
        const apart = texts.map((text) => encodeAll(encoder, framing, batchOf([text])).toString('latin1'))
        const bodies = apart.map((text) => (framing === 'newline' ? text : text.slice(text.indexOf(' ') + 1)))
        const framed = frameAll([encodeAll(encoder, framing, batchOf(texts))])
        expect(framed.frames.map(trim)).toEqual(bodies.map(trim))
        expect(framed.faults).toEqual([])
      }),
    )
  })
})

describe('a header that is written anew', () => {
  const view = new EventView()
  const parse = (bytes: Buffer): EventView => {
    view.buf = bytes
    view.start = 0
    view.end = bytes.length
    view.flags = 0
    scanHeader(view)
    return view
  }

  test('is sound RFC 5424, with the message byte for byte', () => {
    fc.assert(
      fc.property(event, (text) => {
        const batch = batchOf([text])
        const before = parse(text)
        const message = text.toString('latin1', before.msg_start, before.end)
        const out = parse(encodeAll(new Rfc5424Encoder(reader()), 'none', batch))
        expect(out.form).toBe(HeaderForm.rfc5424)
        expect(out.flags & EventFlag.invalid).toBe(0)
        const kept = out.buf.toString('latin1', out.msg_start, out.end)
        // A byte order mark says UTF-8 and is not part of the message.
        expect(kept === message || `\u00ef\u00bb\u00bf${kept}` === message).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('fields stay within the limits of RFC 5424 and are printable', () => {
    const long = `<14>2026-01-02T03:04:05Z ${'h'.repeat(300)}\u00e4 ${'a'.repeat(60)}[${'9'.repeat(50)}]: x`
    const bytes = encodeAll(new Rfc5424Encoder(reader()), 'none', batchOf([Buffer.from(long)])).toString(
      'latin1',
    )
    const [, time, host, app, proc] = bytes.split(' ')
    expect([time, host?.length, app?.length, proc?.length]).toEqual(['2026-01-02T03:04:05Z', 255, 48, 50])
    expect(bytes).toMatch(/^[\x20-\x7e]+$/)
  })
})

describe('JSON', () => {
  test('is one object an event that any reader takes', () => {
    fc.assert(
      fc.property(events, (texts) => {
        const bytes = encodeAll(new JsonEncoder(reader()), 'newline', batchOf(texts))
        const lines = new TextDecoder('utf8', { fatal: true }).decode(bytes).trimEnd().split('\n')
        for (const line of lines)
          expect(JSON.parse(line)).toMatchObject({ schema: 'logweir.event/1', tenant: 'tenant-1' })
      }),
    )
  })

  test('is the object that parse shows, with how each event came', () => {
    const way = fc.record({
      owner: fc.nat(3),
      stream: fc.nat(2),
      listener: fc.nat(2),
      source: fc.nat(2),
      peer: fc.constantFrom('192.0.2.1', '2001:db8::1', 'odd "peer"\\'),
      received_at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    })
    const made = fc.tuple(
      event.filter((bytes) => bytes.length > 0),
      way,
    )
    fc.assert(
      fc.property(fc.array(made, { minLength: 1, maxLength: 12 }), fc.nat(1e9), (list, first_position) => {
        const batch = makeBatch({
          events: list.map(([text, from]) => ({ text, flags: EventFlag.control, ...from })),
          form: PayloadForm.bare,
          first_position,
        })
        const lines = encodeAll(new JsonEncoder(reader()), 'newline', batch).toString().trimEnd().split('\n')
        const again = reader()
        for (const [n, line] of lines.entries()) {
          const { names } = batch
          const view = again.fields(batch, n)
          const source = names.source(batch.source(n))
          const object = eventObject(view, names.stream(batch.stream(n)), {
            arrival: {
              id: batch.eventId(n),
              listener: names.listener(batch.listener(n)),
              source: source?.name ?? null,
              site: source?.site ?? null,
            },
            ownership: names.owner(batch.owner(n)),
            zone: source?.zone ?? 'UTC',
          })
          expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(object)))
          expect(Object.keys(JSON.parse(line) as object)).toEqual(Object.keys(object))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('bytes are plain when JSON writes them as they are', () => {
    const some = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }))
    fc.assert(
      fc.property(some, fc.nat(9), (text, start) => {
        const bytes = Buffer.from(text)
        const from = Math.min(start, bytes.length)
        const part = bytes.toString('latin1', from)
        const same = JSON.stringify(part) === `"${part}"` && bytes.subarray(from).every((byte) => byte < 0x80)
        expect(new JsonBuffer().isPlain(bytes, from, bytes.length)).toBe(same)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(['ecs', 'otel'] as const)('with the names of %s, the message is there as it is', (encoding) => {
    fc.assert(
      fc.property(events, (texts) => {
        const batch = batchOf(texts)
        const own = encodeAll(new JsonEncoder(reader()), 'newline', batch).toString().trimEnd().split('\n')
        const bytes = encodeAll(encodedJson(encoding, { streams: () => [] }), 'newline', batch)
        const lines = new TextDecoder('utf8', { fatal: true }).decode(bytes).trimEnd().split('\n')
        expect(lines.length).toBe(own.length)
        for (const [n, line] of lines.entries()) {
          const event = JSON.parse(line) as Record<string, unknown>
          const same = JSON.parse(own[n] ?? '') as Record<string, unknown>
          expect(event[encoding === 'ecs' ? 'message' : 'body']).toBe(same['message'])
        }
      }),
    )
  })

  test('for the cloud keeps the event as its text', () => {
    fc.assert(
      fc.property(events, (texts) => {
        const out = new JsonBuffer()
        const encoder = new CloudEncoder(reader())
        const batch = batchOf(texts)
        for (let n = 0; n < batch.events; n++) {
          out.clear()
          expect(encoder.encode(out, batch, n)).toBe(true)
          const object = JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(out.written())) as Record<
            string,
            unknown
          >
          expect(object['text']).toBe(new TextDecoder('utf8', { ignoreBOM: true }).decode(texts[n]))
          expect(object['log_timestamp']).toMatch(/^[0-9]{13,16}$/)
          expect(Object.keys(object).every((key) => /^[a-z_][a-z0-9_]{0,63}$/.test(key))).toBe(true)
          for (const value of Object.values(object)) expect(typeof value).toBe('string')
        }
      }),
    )
  })
})
