/** Inner fields of any message: inside the frame, the same as bytes and as object, and in work that grows with the length only. */
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { Classifier } from '../../src/classify/classifier.ts'
import { FAMILIES, findInner, type InnerSpan, readInner } from '../../src/classify/inner.ts'
import { innerObject, putInnerJson } from '../../src/classify/inner-json.ts'
import { WORD_BYTES } from '../../src/classify/inner-spans.ts'
import { GRAMMARS } from '../../src/classify/recognise.ts'
import type { StreamPlan } from '../../src/classify/streams.ts'
import type { EventView } from '../../src/classify/view.ts'
import { linesOf, shippedStreams, viewOf } from '../support/classify.ts'
import { root } from '../support/tree.ts'

const captures = shippedStreams().find(({ name }) => name === 'vcd')?.captures ?? {}
const names = Object.entries(GRAMMARS).filter(([, grammar]) =>
  FAMILIES.some(({ family }) => family === grammar),
)
/** One stream for each family, to which `read` gives any event. */
const streams = names.map(([grammar], n): StreamPlan => {
  const plan = { name: `s${n}`, match: [], label: 'none' as const, label_formats: [] }
  return { ...plan, grammar: grammar as StreamPlan['grammar'], captures: grammar === 'vcd' ? captures : {} }
})
const classifier = new Classifier(streams)

const FIXTURES = path.join(root, 'fixtures')
const lines = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => linesOf(readFileSync(path.join(FIXTURES, name))))

const PIECES = [
  '[Originator@6876 sub=',
  ' opID=',
  ' user=CLOUD\\x',
  '[nsx@6876 ',
  'comp="',
  '" level="',
  '\\"',
  '] [',
  ']',
  '[',
  ' [',
  'Event [1] [1-3] ',
  'cpu1:2',
  ' opID=)',
  'info hostd[1] ',
  'Accepted a for b from c port 1',
  ' from ',
  'CMD: ',
  ' (duration: ',
  'Operation status: ',
  'UserName="',
  ', New value=[{"',
  "[SystemEvent] Time:'",
  "', Code:'",
  '2026-02-03 04:05:06,789 | INFO     | ',
  ' | ',
  'urn:vcloud:org:',
  'com/vmware/vcloud/event/',
  'CEF:0|',
  '{"user":"',
  '\\"type\\":\\"',
  '[auditlogger] {',
  'IN=',
  ' LEN=1',
  'é',
  '\xff',
]
const mutated = fc
  .tuple(
    fc.constantFrom(...lines),
    fc.array(fc.tuple(fc.nat(400), fc.constantFrom(...PIECES), fc.nat(6)), { maxLength: 6 }),
  )
  .map(([line, changes]) => {
    let text = line.toString('latin1')
    for (const [at, piece, cut] of changes) {
      const place = at % (text.length + 1)
      text = text.slice(0, place) + piece + text.slice(place + cut)
    }
    return Buffer.from(text, 'latin1')
  })

function read(line: Buffer, stream: number): EventView {
  const view = viewOf(line)
  classifier.read(view, stream)
  return view
}

test('all fields stand inside the frame, and bytes and object are the same JSON', () => {
  const target = new JsonBuffer(64)
  const span: InnerSpan = { buf: WORD_BYTES, start: 0, end: 0 }
  let found = 0
  fc.assert(
    fc.property(mutated, fc.nat(streams.length - 1), (line, stream) => {
      const view = read(line, stream)
      target.clear()
      putInnerJson(view, target)
      const text = JSON.stringify(innerObject(view))
      expect(target.written().toString()).toBe(text === '{}' ? '' : `,${text.slice(1, -1)}`)
      for (const field of FAMILIES.flatMap(({ fields }) => fields)) {
        if (!findInner(view, field, span)) continue
        found += 1
        expect(span.end).toBeGreaterThanOrEqual(span.start)
        if (span.buf !== view.buf) continue
        expect(span.start).toBeGreaterThanOrEqual(view.start)
        expect(span.end).toBeLessThanOrEqual(view.end)
      }
    }),
    { numRuns: 3000 },
  )
  expect(found).toBeGreaterThan(3000)
})

test('what stands behind the frame changes nothing', () => {
  fc.assert(
    fc.property(
      mutated,
      fc.nat(streams.length - 1),
      fc.constantFrom(...PIECES, '"', ']', ' x="y"'),
      (line, stream, more) => {
        const plain = innerObject(read(line, stream))
        const view = viewOf(line)
        view.buf = Buffer.concat([view.buf.subarray(0, view.end), Buffer.from(more, 'latin1')])
        classifier.read(view, stream)
        expect(innerObject(view)).toEqual(plain)
      },
    ),
    { numRuns: 2000 },
  )
})

/** How many bytes a reader looks at. */
function work(line: string, stream: number): number {
  const view = read(Buffer.from(line, 'latin1'), stream)
  let looks = 0
  const bytes = view.buf
  view.buf = new Proxy(bytes, {
    get(target, key) {
      looks += 1
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  view.inner_read = false
  readInner(view)
  return looks
}

const STARTS = [
  '<14>2026-02-03T04:05:06Z h shell: ',
  '<14>2026-02-03T04:05:06Z h Hostd: [Originator@6876 sub=',
  '<14>2026-02-03T04:05:06Z h Hostd: [nsx@6876 a="',
  '<14>2026-02-03T04:05:06Z h p: UserName="a", New value=[',
  '<14>2026-02-03T04:05:06Z h p: Event [1] [1-1] [',
  '<14>2026-02-03T04:05:06Z h p: INFO [auditlogger] {"user":"',
  '<14>2026-02-03T04:05:06Z h p: CMD: ',
  "<14>2026-02-03T04:05:06Z h p: [SystemEvent] Time:'",
  '<14>2026-02-03T04:05:06Z h p: Failed a for ',
  '<14>2026-02-03T04:05:06Z h p: 2026-02-03 04:05:06,789 | INFO     | ',
  '<14>2026-02-03T04:05:06Z h p: [a]: DROP_1IN=',
  '<14>1 2026-02-03T04:05:06Z h p [A/1] - ',
]

test('the work grows with the length, whatever is repeated', { timeout: 120_000 }, () => {
  for (const start of STARTS) {
    for (const piece of [...PIECES, '" a', '" a="', '="', '" ', '\\', ' a=', 'aaaa ', "', '", ': ', 'x']) {
      for (let stream = 0; stream < streams.length; stream += 1) {
        const less = work(start + piece.repeat(500 / piece.length), stream)
        const more = work(start + piece.repeat(2000 / piece.length), stream)
        // Four times as long: four times the work, and what does not grow.
        expect(more, `${streams[stream]?.grammar} ${start}${piece}…`).toBeLessThan(4.5 * less + 10_000)
        expect(more, `${streams[stream]?.grammar} ${start}${piece}…`).toBeLessThan(2000 * 80)
      }
    }
  }
})
