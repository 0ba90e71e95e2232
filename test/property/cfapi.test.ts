/** Whatever a client posts: is it JSON exactly when JSON.parse says so, does each event become one sound frame, at a cost that grows no faster? */
import { Buffer } from 'node:buffer'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { structuredDataObject } from '../../src/classify/structured-data.ts'
import { EventFlag, EventView, HeaderForm } from '../../src/classify/view.ts'
import { decode } from '../../src/listen/cfapi/body.ts'
import { Composer } from '../../src/listen/cfapi/composer.ts'
import { JsonError } from '../../src/listen/cfapi/json-scanner.ts'
import { RequestReader, ShapeError } from '../../src/listen/cfapi/request-reader.ts'
import { Coverage } from '../support/coverage.ts'
import { fuzz, fuzzRuns } from '../support/fuzz.ts'

const NOW = Date.UTC(2026, 1, 3)
const FRAME_MAX = 2048
const reader = new RequestReader()
const composer = new Composer()
const out = new JsonBuffer(64)

interface Framed {
  readonly bytes: Buffer
  readonly flags: number
}

/** The frames of a body; undefined when it is refused. */
function framesOf(body: Buffer, frame_max = FRAME_MAX): Framed[] | undefined {
  const frames: Framed[] = []
  out.clear()
  reader.begin(body)
  try {
    while (reader.next()) {
      const start = out.length
      const flags = composer.compose(out, body, reader.event, { frame_max, zone: 'Europe/Berlin' }, NOW)
      frames.push({ bytes: Buffer.from(out.bytes.subarray(start, out.length)), flags })
    }
    return frames
  } catch (error) {
    if (error instanceof JsonError || error instanceof ShapeError) return undefined
    throw error
  }
}

const view = new EventView()

/** What a frame says, to whoever reads it next. */
function read({ bytes }: Framed): EventView {
  view.buf = bytes
  view.start = 0
  view.end = bytes.length
  view.flags = 0
  view.received_at = NOW
  scanHeader(view)
  return view
}

function expectSound(frame: Framed, frame_max = FRAME_MAX): void {
  const { form, pri, version } = read(frame)
  if (frame.bytes.length > frame_max) expect.unreachable(`${frame.bytes.length} bytes`)
  if (form !== HeaderForm.rfc5424 || version !== 1 || pri < 0 || pri > 191)
    expect.unreachable(`no header: ${frame.bytes.toString()}`)
  const control = /[\n\r\0]/.test(frame.bytes.toString('latin1'))
  if (control && (frame.flags & EventFlag.control) === 0)
    expect.unreachable('control characters without the flag')
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom(
    '<13>1 2026-02-03T04:05:06Z h app p m [a@1 b="c"] text',
    '<34>Feb  3 04:05:06 host su[1]: text',
    '2026-02-03T04:05:06.1Z b6507827 INET match PASS 1 OUT 60 TCP 1.2.3.4/5->6.7.8.9/10 S label',
    'prog[1]: text',
    '<13>',
    '[a b="c"] text',
  ),
)
const names = [
  'hostname',
  'appname',
  'procid',
  'msgid',
  'pri',
  'pri_severity',
  'facility',
  'priority',
  'timestamp',
  'message',
  'comp',
  'nsx@6876.comp',
  'a@1.2.b',
]
const field = fc.record(
  {
    name: fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })),
    content: fc.oneof(
      text,
      fc.constantFrom('NSX', 'app', '181', 'local6', 'notice', '2026-02-03T04:05:06Z'),
      fc.nat(),
      fc.constant(null),
    ),
    startPosition: fc.nat(80),
    length: fc.nat(80),
  },
  { requiredKeys: ['name'] },
)
const event = fc.record(
  { text, timestamp: fc.integer(), fields: fc.array(field, { maxLength: 8 }) },
  { requiredKeys: [] },
)

test('every event becomes one frame that can be read, with its fields in it or in its header', () => {
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('events', 'messages'),
      (events, key) => {
        const frames = framesOf(Buffer.from(JSON.stringify({ [key]: events }))) ?? []
        expect(frames.length).toBe(events.length)
        for (const frame of frames) expectSound(frame)
      },
    ),
    { numRuns: fuzzRuns(600) },
  )
})

test('a text without a header is the message, byte for byte, and fields come back from the structured data', () => {
  const plain = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map((one) => `=${one}`)
  const named = fc.dictionary(
    fc.stringMatching(/^x[a-z]{1,9}$/),
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    { maxKeys: 5 },
  )
  fc.assert(
    fc.property(plain, named, (message, values) => {
      const fields = Object.entries(values).map(([name, content]) => ({ name, content }))
      const [frame] =
        framesOf(Buffer.from(JSON.stringify({ events: [{ text: message, fields }] })), 65_536) ?? []
      if (frame === undefined) throw new Error('refused')
      const { msg_start, end, buf, sd_start, sd_end } = read(frame)
      expect(buf.toString('utf8', msg_start, end)).toBe(message.toWellFormed())
      const found = sd_start < 0 ? {} : structuredDataObject(buf, sd_start, sd_end)['cfapi@32473']
      expect({ ...found }).toEqual(
        Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.toWellFormed()])),
      )
    }),
    { numRuns: fuzzRuns(400) },
  )
})

test('a program that fields name is the frame’s, whatever the text says', () => {
  fc.assert(
    fc.property(text, fc.constantFrom('Hostd', 'vpxd', 'shop'), (one, app) => {
      const fields = [
        { name: 'appname', content: app },
        { name: 'pri', content: '13' },
      ]
      const [frame] = framesOf(Buffer.from(JSON.stringify({ events: [{ text: one, fields }] }))) ?? []
      if (frame === undefined) throw new Error('refused')
      const { buf, app_start, app_end } = read(frame)
      expect(buf.toString('utf8', app_start, app_end)).toBe(app)
    }),
    { numRuns: fuzzRuns(300) },
  )
})

/** What JSON.parse takes, as far as there are not more than 32 levels. */
function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8').replace(/^\uFEFF/, ''))
    return true
  } catch {
    return false
  }
}

test('nothing is taken of a body that JSON.parse refuses, and JSON in the API’s shape is never refused', () => {
  const shapes = fc.oneof(
    fc.record({ events: fc.array(event) }),
    fc.array(event),
    fc.record({ a: fc.json({ depthSize: 'small' }), events: fc.array(event) }),
  )
  fc.assert(
    fc.property(
      shapes,
      fc.constantFrom(undefined, 2),
      fc.nat(),
      fc.nat(5),
      fc.constantFrom('', '"', '\\', ',', '{', ']', '0', 'e', '\u0000'),
      (value, space, place, gone, put) => {
        const whole = JSON.stringify(value, null, space)
        expect(framesOf(Buffer.from(whole))).toBeDefined()
        const at = place % whole.length
        const edited = Buffer.from(whole.slice(0, at) + put + whole.slice(at + gone))
        if (framesOf(edited) !== undefined && !isJson(edited)) expect.unreachable(edited.toString())
      },
    ),
    { numRuns: fuzzRuns(500) },
  )
})

const SEEDS = [
  '{"events":[{"text":"<13>1 - h a p m [a@1 b=\\"c\\"] t\\n\\u00e9\\ud83d\\ude00","timestamp":1396622879241,"fields":[{"name":"appname","content":"a"},{"name":"w","startPosition":1,"length":7},{"name":"m"}]}]}',
  '[{"text":"é😀","hostname":"h","n":-1.5e3,"l":[true,null,{"a":{}}]}]',
  '{"x":[[],{}],"messages":[{},{"text":null,"fields":null}],"events":null}',
  '{"events":[{"text":"t","fields":[{"name":"nsx@6876.comp","content":"nsx-edge"},{"name":"pri_severity","content":"notice"},{"name":"facility","content":22}]}]}',
].map((one) => Buffer.from(one))

test('fuzzing: nothing throws but the two refusals, and every frame is sound', () => {
  const words = [
    '{"events":[',
    '"text":',
    '"fields":[',
    '{"name":"',
    '","content":"',
    '"startPosition":',
    '"length":',
    '\\u',
    '\\ud83d',
    '\\',
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    'null',
    '1e9',
    '<13>',
    '\xff',
    '\xc3',
  ]
  const { found } = fuzz(
    {
      seeds: SEEDS,
      words,
      inside: '/src/listen/cfapi/',
      check: (input) => {
        for (const frame_max of [FRAME_MAX, 96])
          for (const frame of framesOf(input, frame_max) ?? []) expectSound(frame, frame_max)
      },
    },
    fuzzRuns(6000),
  )
  expect(found).toBeGreaterThanOrEqual(0)
})

test('a body that is cut anywhere is refused', () => {
  for (const seed of SEEDS)
    for (let cut = 0; cut < seed.length; cut += 1) expect(framesOf(seed.subarray(0, cut))).toBeUndefined()
})

/** What hostile clients repeat: in lists of events, in fields, in texts. */
const REPEATED: readonly (readonly [name: string, make: (count: number) => string])[] = [
  ['events', (n) => `{"events":[${'{},'.repeat(n)}{}]}`],
  ['empty lists', (n) => `{${'"events":[],'.repeat(n)}"events":[]}`],
  ['keys', (n) => `{"events":[{${'"a":1,'.repeat(n)}"a":1}]}`],
  ['nested lists', (n) => `{"a":${'[['.repeat(n)}`],
  ['lists side by side', (n) => `{"a":[${'[],{},'.repeat(n)}[]]}`],
  ['escapes', (n) => `{"events":[{"text":"${'\\u00e9\\"\\n'.repeat(n)}"}]}`],
  ['half surrogates', (n) => `{"events":[{"text":"${'\\ud83d'.repeat(n)}"}]}`],
  ['fields', (n) => `{"events":[{"fields":[${'{"name":"abc","content":"d"},'.repeat(n)}{"name":"a"}]}]}`],
  [
    'ids',
    (n) => `{"events":[{"fields":[${Array.from({ length: n }, (_, i) => `{"name":"a${i}@1.b"}`).join()}]}]}`,
  ],
  [
    'parts of a long text',
    (n) =>
      `{"events":[{"text":"${'é'.repeat(n)}","fields":[${`{"name":"a","startPosition":1,"length":${n - 2}},`.repeat(n)}{"name":"a"}]}]}`,
  ],
  ['brackets', (n) => `{"events":[{"text":"<13>1 - - - - - ${'[a b=\\"c\\"]'.repeat(n)}"}]}`],
  ['quotes', (n) => `{"events":[{"fields":[{"name":"a","content":"${'\\"]\\\\'.repeat(n)}"}]}]}`],
]

test.each(REPEATED)('steps grow no faster than the body: %s', (_, make) => {
  const coverage = new Coverage('/src/')
  try {
    const [short, long] = [Buffer.from(make(300)), Buffer.from(make(600))]
    const run = (body: Buffer): void => void framesOf(body, 65_536)
    run(short)
    const few = coverage.steps(() => run(short))
    const many = coverage.steps(() => run(long))
    const growth = long.length / short.length
    if (many > few * growth * 1.25 + 4000) expect.unreachable(`${few} steps become ${many}`)
  } finally {
    coverage.close()
  }
})

test('inflating: bombs are cut, and bytes that are no gzip never throw', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  expect(bomb.length).toBeLessThan(50_000)
  expect(await decode(bomb, 'gzip', 1_000_000)).toEqual({ kind: 'too_large' })
  expect(await decode(deflateSync(Buffer.alloc(5_000_000)), 'deflate', 1_000_000)).toEqual({
    kind: 'too_large',
  })
  // Members behind each other count together.
  const part = gzipSync(Buffer.alloc(400_000))
  expect(await decode(Buffer.concat([part, part, part]), 'gzip', 1_000_000)).toEqual({ kind: 'too_large' })
  const good = gzipSync('{"events":[{"text":"a"}]}')
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.nat(255),
      fc.constantFrom('gzip', 'deflate'),
      fc.boolean(),
      async (place, byte, coding, cut) => {
        const broken = Buffer.from(good)
        broken[place % broken.length] = byte
        const bytes = cut ? broken.subarray(0, place % broken.length) : broken
        const { kind } = await decode(bytes, coding, 100_000)
        expect(['body', 'broken', 'too_large']).toContain(kind)
      },
    ),
    { numRuns: fuzzRuns(300) },
  )
})
