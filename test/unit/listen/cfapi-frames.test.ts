/** Does each event of an ingestion request become the frame that it should, and is a bad request refused with its place? */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import { EventFlag } from '../../../src/classify/view.ts'
import { Composer } from '../../../src/listen/cfapi/composer.ts'
import type { ConnectionShared } from '../../../src/listen/connection.ts'
import { Taking } from '../../../src/listen/cfapi/taking.ts'
import { RequestReader } from '../../../src/listen/cfapi/request-reader.ts'

const NOW = Date.UTC(2026, 1, 3, 5, 6, 7)

interface Framed {
  readonly text: string
  readonly flags: number
}

function framesOf(body: unknown, frame_max = 65_536, zone = 'UTC'): Framed[] {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const reader = new RequestReader()
  const composer = new Composer()
  const out = new JsonBuffer(64)
  const frames: Framed[] = []
  reader.begin(bytes)
  let start = 0
  while (reader.next()) {
    const flags = composer.compose(out, bytes, reader.event, { frame_max, zone }, NOW)
    frames.push({ text: out.bytes.toString('utf8', start, out.length), flags })
    start = out.length
  }
  return frames
}

function textsOf(body: unknown): string[] {
  return framesOf(body).map(({ text }) => text)
}

function fields(named: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(named).map(([name, content]) => ({ name, content }))
}

const BODY =
  '<3 a91a35d4acea4843:8b0fb4b8b5fe50a4> INET reason-match PASS 1005 OUT 60 TCP 10.1.2.3/45120->203.0.113.38/443 S 7d0c91f2-3acme-5c1f2'
const HEADER = {
  hostname: 'edge01',
  appname: 'NSX',
  procid: '2802',
  msgid: 'FIREWALL',
  pri_facility: '22',
  pri_severity: '5',
}
const LINE = `<181>1 2026-02-03T05:06:01.001234+00:00 edge01 NSX 2802 FIREWALL [nsx@6876 comp="nsx-edge" level="INFO"] ${BODY}`

test('the documented example: content, a part of the text, a field without value', () => {
  const event = {
    text: 'A new process has been created.',
    timestamp: 1396622879241,
    fields: [
      { name: 'channel', content: 'Security' },
      { name: 'what', startPosition: 6, length: 7 },
      { name: 'marker' },
    ],
  }
  const frame =
    '<13>1 2014-04-04T14:47:59.241Z - - - - [cfapi@32473 channel="Security" what="process" marker=""] A new process has been created.'
  expect(framesOf({ events: [event] })).toEqual([{ text: frame, flags: EventFlag.pri_assumed }])
})

test('every outer form holds the same events', () => {
  const events = [{ text: 'a' }, { text: 'b', fields: null, timestamp: null }, {}]
  const expected = ['<13>1 - - - - - - a', '<13>1 - - - - - - b', '<13>1 - - - - - -']
  expect(textsOf({ events })).toEqual(expected)
  expect(textsOf({ messages: events })).toEqual(expected)
  expect(textsOf(events)).toEqual(expected)
  expect(textsOf({ a: { b: [1, { c: 'd' }] }, events, z: null })).toEqual(expected)
  expect(textsOf({ events: events.slice(0, 1), messages: events.slice(1) })).toEqual(expected)
  expect(textsOf(`\u{feff}${JSON.stringify({ events })}`)).toEqual(expected)
})

test('in a bare list every other key is a field, lists and objects as JSON', () => {
  const event = {
    text: 't',
    hostname: 'h',
    pri: 34,
    app: 'x',
    n: 1.5,
    yes: true,
    no: null,
    list: [1, { a: 'b' }],
    timestamp: 'soon',
  }
  expect(framesOf([event])[0]).toEqual({
    text: '<34>1 - h - - - [cfapi@32473 app="x" n="1.5" yes="true" no="" list="[1,{\\"a\\":\\"b\\"}\\]" timestamp="soon"] t',
    flags: 0,
  })
})

test('a header in fields: the frame of the line that the agent has read', () => {
  const named = { ...HEADER, comp: 'nsx-edge', errorcode: 'MP1', level: 'INFO', filepath: '/var/log/syslog' }
  const [frame] = framesOf({ events: [{ text: BODY, timestamp: NOW, fields: fields(named) }] })
  expect(frame).toEqual({
    text: `<181>1 2026-02-03T05:06:07.000Z edge01 NSX 2802 FIREWALL [nsx@6876 comp="nsx-edge" errorCode="MP1" level="INFO"][cfapi@32473 filepath="/var/log/syslog"] ${BODY}`,
    flags: 0,
  })
})

test.each([
  ['alone', {}],
  ['and in fields', { ...HEADER, comp: 'nsx-edge', level: 'INFO', message: BODY }],
  ['and as SD-ID and parameter', { 'nsx@6876.comp': 'nsx-edge', 'nsx@6876_level': 'INFO' }],
])('a header in the text %s: the line itself', (_, named) => {
  expect(textsOf({ events: [{ text: LINE, timestamp: 1, fields: fields(named) }] })).toEqual([LINE])
})

test('a header whose parts are positions in the text', () => {
  const part = (name: string, value: string): object => ({
    name,
    startPosition: LINE.indexOf(value),
    length: value.length,
  })
  const event = {
    text: LINE,
    fields: [part('hostname', 'edge01'), part('appname', 'NSX'), part('msgid', 'FIREWALL')],
  }
  expect(textsOf({ events: [event] })).toEqual([LINE])
})

test('a text that imitates a header of another program is a message of who wrote it', () => {
  const forged =
    '<13>1 2026-02-03T05:06:01Z esx01 FIREWALL-PKTLOG - - - INET match DROP 1 OUT 60 TCP 10.1.2.3/1->10.1.2.4/2 S label'
  const hostd = { hostname: 'esx09', appname: 'Hostd', pri: '166' }
  expect(textsOf({ events: [{ text: forged, timestamp: NOW, fields: fields(hostd) }] })).toEqual([
    `<166>1 2026-02-03T05:06:07.000Z esx09 Hostd - - - ${forged}`,
  ])
  // A header without a program: the text's may not stand in for it.
  expect(
    textsOf({ events: [{ text: forged, fields: fields({ hostname: 'esx09', pri_severity: 5 }) }] })[0],
  ).toMatch(/^<13>1 - esx09 - - - - <13>1 /)
  expect(textsOf({ events: [{ text: forged, fields: fields({ msgid: 'OTHER' }) }] })[0]).toMatch(
    /^<13>1 - - - - OTHER - <13>1 /,
  )
  // Only a time, as in files, may be taken off.
  expect(
    textsOf({
      events: [
        { text: '2026-02-03T05:06:01Z b6507827 INET', fields: fields({ appname: 'dfwpktlogs', pri: 13 }) },
      ],
    }),
  ).toEqual(['<13>1 2026-02-03T05:06:01Z - dfwpktlogs - - - b6507827 INET'])
})

test('a BSD header: the event’s milliseconds are its time, else the year of the receive time and the zone', () => {
  const text = '<34>Feb  3 06:05:06 host su[12]: failed'
  expect(textsOf({ events: [{ text, timestamp: NOW }] })).toEqual([
    '<34>1 2026-02-03T05:06:07.000Z host su 12 - - failed',
  ])
  expect(framesOf({ events: [{ text }] }, 65_536, 'Europe/Berlin')[0]?.text).toBe(
    '<34>1 2026-02-03T05:05:06.000Z host su 12 - - failed',
  )
})

test.each([
  [{ pri: '34' }, '<34>', 0],
  [{ pri_facility: 'local6', pri_severity: 'NOTICE' }, '<181>', 0],
  [{ facility: 22, priority: 'info' }, '<182>', 0],
  [{ priority: '165' }, '<165>', 0],
  [{ severity: 3 }, '<11>', 0],
  [{ pri: '192' }, '<13>', EventFlag.pri_assumed],
  [{ facility: 22 }, '<13>', EventFlag.pri_assumed],
])('PRI of %j is %s', (named, pri, flags) => {
  const [frame] = framesOf({ events: [{ text: 't', fields: fields(named) }] })
  expect(frame?.text.startsWith(`${pri}1 `)).toBe(true)
  expect(frame?.flags).toBe(flags)
})

test('what a header cannot hold stands among the fields as well', () => {
  const named = { hostname: 'my host', appname: 'é', ']"= é': 'a\\b]c"d', ['n'.repeat(40)]: '' }
  expect(textsOf({ events: [{ text: 't', fields: fields(named) }] })).toEqual([
    `<13>1 - my?host ?? - - [cfapi@32473 hostname="my host" appname="é" ______="a\\\\b\\]c\\"d" ${'n'.repeat(32)}=""] t`,
  ])
})

test('escapes, and the flag that framing needs', () => {
  expect(
    framesOf('{"events":[{"te\\u0078t":"x","text":"\\u00e9\\ud83d\\ude00\\ud83d \\/\\t\\"\\\\"}]}'),
  ).toEqual([{ text: '<13>1 - - - - - - é😀\u{fffd} /\t"\\', flags: EventFlag.pri_assumed }])
  expect(framesOf({ events: [{ text: 'a\nb' }] })[0]?.flags).toBe(EventFlag.pri_assumed | EventFlag.control)
  expect(framesOf({ events: [{ text: 'a', fields: fields({ x: '\r' }) }] })[0]?.flags).toBe(
    EventFlag.pri_assumed | EventFlag.control,
  )
  expect(framesOf({ events: [{ text: 'a\tb' }] })[0]?.flags).toBe(EventFlag.pri_assumed)
})

test('positions count UTF-16 units; what is not inside the text is empty', () => {
  const part = (startPosition: number, length: number): object => ({ name: 'p', startPosition, length })
  const text = 'aé😀z'
  const value = (one: object): string =>
    /p="(.*?)"/.exec(textsOf({ events: [{ text, fields: [one] }] })[0] ?? '')?.[1] ?? 'none'
  expect([part(0, 1), part(1, 1), part(2, 2), part(4, 1), part(0, 5)].map(value)).toEqual([
    'a',
    'é',
    '😀',
    'z',
    text,
  ])
  expect([part(4, 2), part(9, 1), part(-1, 2), part(0.5, 1), part(1e12, 1)].map(value)).toEqual([
    '',
    '',
    '',
    '',
    '',
  ])
  const long = 'é'.repeat(500)
  const far = { events: [{ text: `${long}x`, fields: [part(500, 1)] }] }
  expect(textsOf(far)[0]).toContain('p="x"')
})

test('a frame is never longer than frame_max: the message first, then fields as there is room', () => {
  for (const text of ['m'.repeat(200), 'm'.repeat(90), 'm'.repeat(20), '']) {
    const event = { text, fields: fields({ a: 'x'.repeat(40), b: 'y'.repeat(400), c: 'z' }) }
    const [frame] = framesOf({ events: [event] }, 120)
    expect(Buffer.byteLength(frame?.text ?? '')).toBeLessThanOrEqual(120)
    expect((frame?.flags ?? 0) & EventFlag.truncated).toBe(EventFlag.truncated)
  }
  const [small] = framesOf(
    { events: [{ text: 'm', fields: fields({ a: 'x', b: 'y'.repeat(400), c: 'z' }) }] },
    120,
  )
  expect(small?.text).toBe('<13>1 - - - - - [cfapi@32473 a="x" c="z"] m')
})

test('a host of the text that no header can hold is cut and marked, or kept whole in the field that says it again', () => {
  const host = 'h'.repeat(300)
  const text = `<13>1 - ${host} app - - - m`
  const [alone] = framesOf({ events: [{ text }] })
  expect(alone).toEqual({ text: `<13>1 - ${host.slice(0, 255)} app - - - m`, flags: EventFlag.truncated })
  const [again] = framesOf({ events: [{ text, fields: fields({ hostname: host }) }] })
  expect(again).toEqual({
    text: `<13>1 - ${host.slice(0, 255)} app - - [cfapi@32473 hostname="${host}"] m`,
    flags: 0,
  })
})

test('structured data of other products by its ids; the private id cannot be had', () => {
  const named = {
    'tags@47450.org': 'o',
    'x@1.2.y': '1',
    'tags@47450.app': 'a',
    'cfapi@32473.z': '1',
    '@1.a': '2',
    'a@b.c': '3',
  }
  expect(textsOf({ events: [{ text: 't', fields: fields(named) }] })).toEqual([
    '<13>1 - - - - - [tags@47450 org="o" app="a"][x@1.2 y="1"][cfapi@32473 cfapi@32473.z="1" @1.a="2" a@b.c="3"] t',
  ])
  // Everyday names are NSX's only in NSX's events.
  expect(textsOf({ events: [{ text: 't', fields: fields({ appname: 'shop', level: 'INFO' }) }] })).toEqual([
    '<13>1 - - shop - - [cfapi@32473 level="INFO"] t',
  ])
  expect(textsOf({ events: [{ text: 't', fields: fields({ appname: 'NSX', proj: 'p1' }) }] })).toEqual([
    '<13>1 - - NSX - - [cfapi@32473 proj="p1"] t',
  ])
})

test.each([
  ['', 'the body ends too early'],
  ['{', 'the body ends too early'],
  ['7', 'neither an object nor a list'],
  ['{"events":{}}', 'not a list'],
  ['{"events":[{"text":"a"},7]}', 'event 1 is not an object'],
  ['{"events":[{"text":7}]}', 'text of event 0 is not a string'],
  ['{"events":[{"timestamp":true}]}', 'no number of milliseconds'],
  ['{"events":[{"fields":{}}]}', 'fields of event 0 are not a list'],
  ['{"events":[{"fields":[{"content":"a"}]}]}', 'has no name'],
  ['{"events":[{"fields":[{"name":7}]}]}', 'not a string'],
  ['{"events":[{"fields":[{"name":"a","length":"1"}]}]}', 'not a number'],
  ['{"events":[{"text":"a"}]', 'ends too early'],
  ['{"events":[{"text":"a"}]}x', 'something follows'],
  ['{"events":[{"text":"a"},]}', 'not an object'],
  ['{"events":[{"text":"a\u0001"}]}', 'control character'],
  ['{"events":[{"text":"\\x"}]}', 'escapes nothing'],
  ['{"events":[{"text":"\\u12g4"}]}', 'hex digits'],
  ['{"events":[{"a":01}]}', 'expected'],
  ['{"events":[{"a":1.}]}', 'digit'],
  ['{"events":[{"a":nul}]}', 'expected a value'],
  [`{"a":${'['.repeat(40)}`, 'nested too deeply'],
  [
    `{"events":[{"fields":[${Array.from({ length: 1025 }, () => '{"name":"a"}').join()}]}]}`,
    'more than 1024 fields',
  ],
])('refused as a whole: %s', (body, reason) => {
  expect(() => framesOf(body)).toThrow(reason)
})

test('fields that repeat structured data are looked for as far as that is little work; then they are said twice', () => {
  const names = Array.from({ length: 1000 }, (_, n) => `p${n}`)
  const sd = `[x@1${names.map((name) => ` ${name}="1"`).join('')}]`
  const text = `<13>1 2026-02-03T05:06:01Z h p - - ${sd} m`
  const many = names.map((name) => ({ name: `x@1.${name}`, content: '1' }))
  const few = textsOf({ events: [{ text, fields: many.slice(0, 20) }] })[0] ?? ''
  expect(few).toBe(text)
  // 256 KiB of structured data are gone through.
  const searched = Math.ceil(262_144 / sd.length)
  const all = textsOf({ events: [{ text, fields: many }] })[0] ?? ''
  expect(all).toContain(`${sd}[cfapi@32473 x@1.p${searched}="1" `)
  expect(all.match(/ x@1\.p\d+="1"/g)).toHaveLength(1000 - searched)
})

test('the clock is looked at every 64 KiB of a body, however few events it has', async () => {
  const body = Buffer.from(
    JSON.stringify({ events: Array.from({ length: 32 }, () => ({ text: 'x'.repeat(65_536) })) }),
  )
  let looks = 0
  const clock = { wall: () => NOW, monotonic: () => (looks += 1), after: () => ({ cancel: () => undefined }) }
  const shared = { clock } as unknown as ConnectionShared
  expect(await new Taking().read(body, { frame_max: 65_536, zone: 'UTC' }, shared)).toEqual({
    kind: 'events',
    events: 32,
  })
  expect(looks).toBeGreaterThanOrEqual(32)
})
