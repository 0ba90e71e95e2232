/** Whatever bytes come: does anything throw, lose text, read past its frame, or say something else for another cut? */
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { Classifier } from '../../src/classify/classifier.ts'
import { eventObject } from '../../src/classify/event-json.ts'
import { writeEventJson } from '../../src/classify/event-json-writer.ts'
import { scanStructuredData } from '../../src/classify/structured-data.ts'
import { clockSkewMs, eventMs, timestampMs } from '../../src/classify/timestamp.ts'
import { EventView } from '../../src/classify/view.ts'
import { headerSpans, lostText, viewSpans } from '../support/spans.ts'
import { linesOf, RECEIVED_AT, shippedStreams } from '../support/classify.ts'
import { bytewise, frameAll } from '../support/framing.ts'
import { fuzz, fuzzRuns } from '../support/fuzz.ts'
import { root } from '../support/tree.ts'

const FIXTURES = path.join(root, 'fixtures')
const LINES = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => linesOf(readFileSync(path.join(FIXTURES, name))))

/** Headers that no fixture has. */
const HEADERS = [
  '<13>1 2026-02-03T04:05:06.123456-07:30 h a p m [a@1 b="\\"\\]\\\\" b="2"][c] \uFEFFtext',
  '<13>1 - - - - - -',
  '<13>Feb  3 04:05:06 h prog[1]: text',
  '<13>Feb 03 2026 04:05:06.5 h  prog : text',
  '<13>Feb  3 04:05:06 relay <14>1 2026-02-03T04:05:06Z h a p m - text',
  '2026-02-03T04:05:06.123Z No(13)+ prog[1]: [x y="z"] text',
  '126 <14>1 2026-02-03T04:05:06Z h a p m - text',
  '<189>105: 000104: sw-1: *Mar 12 07:12:10.295: %SYS-5-X: text',
  '<189>:2026 Mar 12 07:12:10 sw-1 %X: text',
  '<190>:2026-02-03T04:05:06+02: %X: text',
  '<164>NoneZ host Hostd: text',
].map((text) => Buffer.from(text))

const WORDS = [
  '<13>',
  '<-1>',
  '<0>',
  '<192>',
  '<1234>',
  '1 ',
  '- ',
  ' ',
  '  ',
  ': ',
  '[',
  ']',
  '"',
  '\\',
  '\\"',
  '=',
  '="',
  '->',
  '/',
  '<',
  'Feb  3 04:05:06 ',
  'FEB 29 24:60:60',
  '2026 ',
  '2026-02-03T04:05:06Z ',
  '2026-02-30T23:59:60.1234567+24:00 ',
  'NoneZ ',
  'No(13) ',
  '643: ',
  '*',
  '.',
  '%X-1-Y: ',
  'INET ',
  'INET6 ',
  'TERM ',
  'match ',
  'DROP ',
  'PROTO 1 ',
  'message repeated 3 times: [ ',
  '[nsx@6876 ',
  'comp="nsx-edge" ',
  'msgModified="true"',
  '[tags@47450 ',
  'organization_id="',
  'firewall[]: ',
  'DROP_1IN=',
  'SRC=',
  'FIREWALL_PKTLOG: ',
  'NSX ',
  'vpxd ',
  'Hostd: ',
  'Event [1] [1-1] [',
  '[Originator@6876 sub=',
  ' | ',
  '{"',
  '\n',
  '\r',
  '\0',
  '\xef\xbb\xbf',
  '\xff',
  '\xc3\xa9',
  '#012',
  'x'.repeat(130),
  '9'.repeat(20),
]

/** Surroundings of a frame: none of their bytes may change what is read. */
const AROUND = [
  ['', ''],
  ['<13>1 - ', ' INET match DROP 1 IN 1 TCP 1.1.1.1/1->2.2.2.2/2 S label'],
  ['\\"[a b="', '"] 0123456789]: \xff'],
].map((pair) => pair.map((text) => Buffer.from(text, 'latin1')))

const ZONES = ['UTC', 'Europe/Berlin', 'No/Where']

/** Everything that classifying says, relative to the frame's start. */
function snapshot(view: EventView): string {
  const { form, pri, version, flags, stream, grammar, family } = view
  return [form, pri, version, flags, stream, grammar, family, ...viewSpans(view)].join(' ')
}

/** As `expect` would say it, which is too slow for each of many thousand inputs. */
function same(said: unknown, wanted: unknown): void {
  if (said !== wanted) expect(said).toBe(wanted)
}

test('headers, structured data and every grammar: nothing throws, loses text or looks around its frame', () => {
  const streams = shippedStreams()
  const classifier = new Classifier(streams)
  const target = new JsonBuffer(64)
  const view = new EventView()
  view.received_at = RECEIVED_AT
  const check = (input: Buffer): void => {
    let first: string | undefined
    for (const [before = input, after = input] of AROUND) {
      view.buf = Buffer.concat([before, input, after])
      view.start = before.length
      view.end = view.start + input.length
      view.flags = 0
      classifier.classify(view)
      target.clear()
      writeEventJson(view, 'any', target, {})
      const said = `${snapshot(view)} ${target.written().toString()}`
      first ??= said
      same(said, first)
    }
    for (const [start, end] of viewSpans(view)) {
      if (start < 0 || end < start || end > input.length) throw new Error(`a span from ${start} to ${end}`)
    }
    const header = headerSpans(view).toSorted(([a], [b]) => a - b)
    for (const [i, [start]] of header.entries())
      if (start < (header[i - 1]?.[1] ?? 0)) throw new Error(`two fields share the byte at ${start}`)
    same(lostText(view), '')
    for (const zone of ZONES) {
      const name = streams[view.stream]?.name ?? '?'
      target.clear()
      writeEventJson(view, name, target, { zone })
      const object: unknown = JSON.parse(JSON.stringify(eventObject(view, name, { zone })))
      if (!isDeepStrictEqual(JSON.parse(target.written().toString()), object))
        same(target.written().toString(), JSON.stringify(object))
      same(Math.abs(timestampMs(view, zone)) === Number.POSITIVE_INFINITY, false)
      same(Math.abs(clockSkewMs(view, zone)) === Number.POSITIVE_INFINITY, false)
      same(Number.isFinite(eventMs(view, zone)), true)
    }
  }
  fuzz({ seeds: [...LINES, ...HEADERS], words: WORDS, inside: '/src/classify/', check }, fuzzRuns(3000))
})

/** RFC 5424 §6.3 with its leniencies, as one expression that cannot backtrack over a byte twice. */
const NAME = String.raw`[!#-<>-\\^-~]+`
const VALUE = String.raw`(?:\\["\\\]]|\\(?!["\\\]])|[^"\\\]])*`
const ELEMENTS = new RegExp(String.raw`(?:\[${NAME}(?: ${NAME}="${VALUE}")*\])+`, 'sy')

test('structured data ends where an expression of the standard says, for any bytes', () => {
  const check = (input: Buffer): void => {
    const text = `[${input.toString('latin1')}`
    ELEMENTS.lastIndex = 0
    const end = ELEMENTS.exec(text)?.[0].length ?? 0
    const poisoned = Buffer.from(`[[${text} a="b"]`, 'latin1')
    const found = scanStructuredData(poisoned, 2, 2 + text.length) >>> 2
    // Where an element behind good ones is broken, all of it is text; the expression stops before it.
    same(found, end === 0 || text[end] === '[' ? 0 : end + 2)
  }
  const seeds = ['a]', 'a b="c"][d e="f" e="g"]', 'a b="\\"\\\\\\]x\\y"] text'].map((text) =>
    Buffer.from(text),
  )
  const words = [
    '[',
    ']',
    '"',
    '\\',
    '=',
    ' ',
    '="',
    '"]',
    '" ',
    '][',
    '\\"',
    '\\]',
    'msgModified="1"',
    '\xff',
  ]
  fuzz({ seeds, words, inside: '/src/classify/structured-data', check }, fuzzRuns(10_000))
})

test('framing: the same frames however the bytes are cut, and nothing made up', () => {
  const check = (input: Buffer): void => {
    const framing = (['auto', 'octet-counting', 'newline'] as const)[(input[0] ?? 0) % 3] ?? 'auto'
    const end = (input[1] ?? 0) % 2 === 0 ? 'fin' : 'reset'
    const stream = input.subarray(2)
    const options = { framing, frame_max: 60, end } as const
    const whole = frameAll([stream], options)
    const said = JSON.stringify(whole)
    same(JSON.stringify(frameAll(bytewise(stream), options)), said)
    const half = stream.length >> 1
    same(JSON.stringify(frameAll([stream.subarray(0, half), stream.subarray(half)], options)), said)
    const text = stream.toString('latin1')
    let from = 0
    for (const frame of whole.frames) {
      const at = text.indexOf(frame, from)
      if (frame.length > 60 || at < from) throw new Error(`a frame that nobody sent: ${frame}`)
      from = at + frame.length
    }
  }
  const seeds = [
    'ab12 <14>1 - - -\n<13>x\n',
    'ba5 <1>ab5 <1>cd',
    'cc<13>a\r\n\0<14>b',
    'aa0000012 <14>1 - - -\n',
  ]
  const words = [
    '\n',
    '\r\n',
    '\0',
    '<13>',
    '5 <1>ab',
    '70 <1>',
    '9999999 <1>',
    '99999999 ',
    '\x16\x03\x01',
    '00',
    ' ',
  ]
  fuzz(
    { seeds: seeds.map((text) => Buffer.from(text)), words, inside: '/src/framing/', check },
    fuzzRuns(6000),
  )
})
