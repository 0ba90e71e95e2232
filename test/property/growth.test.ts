/** Does twice as long a line cost at most twice as much, whatever it repeats (R67), and is no byte outside the frame looked at? */
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { Classifier, readGrammar } from '../../src/classify/classifier.ts'
import { writeEventJson } from '../../src/classify/event-json-writer.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { EventView, Grammar } from '../../src/classify/view.ts'
import { linesOf, RECEIVED_AT, shippedStreams, viewOf } from '../support/classify.ts'
import { Coverage } from '../support/coverage.ts'
import { frameAll } from '../support/framing.ts'
import { fuzzRuns } from '../support/fuzz.ts'
import { root } from '../support/tree.ts'

const FIXTURES = path.join(root, 'fixtures')
const LINES = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => linesOf(readFileSync(path.join(FIXTURES, name))))
  .map((line) => line.toString('latin1'))

/** What hostile senders repeat: marks, halves of marks, and pieces that grammars look for. */
const PIECES = [
  ...Array.from('<>[]()"\\=:;|/-+.,*%{}# \t\0\xff0aAm'),
  ...[
    '\\"',
    '[a]',
    '[a b="c"]',
    '[example]',
    ' a=1',
    '1/',
    '->',
    '1.',
    'x ',
    '1 ',
    '] ',
    '": "',
    '{"a":',
    '[[',
    '{{',
    ']]',
  ],
  ...[
    'INET ',
    'TERM ',
    'PROTO 1 ',
    'msgModified',
    'm m',
    'message repeated 1 times: [ ',
    '<13>',
    '5 <13>',
    'Feb  3 04:05:06 ',
  ],
  ...[
    '2026-02-03T04:05:06Z ',
    '1: ',
    'a: ',
    '\xc3\xa9',
    '\xef\xbb\xbf',
    '#012',
    'Event [1] ',
    'LEN=1 ',
    '| ',
    '[Originator@6876 sub=a',
  ],
]

/** A line that holds a piece once, cut off behind it or not: the piece is what grows. */
const grown = fc
  .record({
    line: fc.constantFrom(...LINES),
    at: fc.nat(1000).map((n) => n / 1000),
    piece: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom(...PIECES), fc.constantFrom(...PIECES))
          .map((two) => two.join('')),
      },
    ),
    cut: fc.boolean(),
  })
  .map(({ line, at, piece, cut }) => {
    const place = Math.round(at * line.length)
    const tail = cut ? '' : line.slice(place)
    return (count: number): Buffer => Buffer.from(line.slice(0, place) + piece.repeat(count) + tail, 'latin1')
  })

/** Blocks that code enters for the line itself, whatever it repeats. */
const BASE = 4000
/** Twice the length, and some room: blocks are not bytes. */
const GROWTH = 2.5

function expectLinear(
  coverage: Coverage,
  line: (count: number) => Buffer,
  run: (bytes: Buffer) => void,
): void {
  const [short, long] = [line(300), line(600)]
  // Once before, so that what happens only the first time is not counted.
  run(short)
  const few = coverage.steps(() => run(short))
  const many = coverage.steps(() => run(long))
  if (many > few * GROWTH + BASE)
    expect.unreachable(
      `${few} steps become ${many}: ${JSON.stringify(short.toString('latin1').slice(0, 400))}`,
    )
}

test('classifying and writing JSON: steps grow no faster than the line (R67)', () => {
  const streams = shippedStreams()
  const classifier = new Classifier(streams)
  const target = new JsonBuffer(64)
  const run = (bytes: Buffer): void => {
    const view = viewOf(bytes)
    classifier.classify(view)
    target.clear()
    writeEventJson(view, streams[view.stream]?.name ?? '?', target, {})
  }
  const coverage = new Coverage('/src/')
  try {
    fc.assert(
      fc.property(grown, (line) => expectLinear(coverage, line, run)),
      { numRuns: fuzzRuns(150) },
    )
  } finally {
    coverage.close()
  }
})

test('framing: steps grow no faster than the bytes (R67)', () => {
  const coverage = new Coverage('/src/framing/')
  try {
    fc.assert(
      fc.property(grown, fc.constantFrom('auto', 'octet-counting', 'newline'), (line, framing) => {
        expectLinear(coverage, line, (bytes) => frameAll([bytes], { framing, frame_max: 1024 }))
      }),
      { numRuns: fuzzRuns(150) },
    )
  } finally {
    coverage.close()
  }
})

const GRAMMARS = [Grammar.dfw, Grammar.gateway, Grammar.nsxv_edge]

test('header and firewall grammars look at no byte outside the frame, and at each inside a few times', () => {
  const watched = new EventView()
  watched.received_at = RECEIVED_AT
  const edited = fc
    .tuple(fc.constantFrom(...LINES), fc.nat(), fc.nat(12), fc.constantFrom('', ...PIECES), fc.boolean())
    .map(([line, place, gone, put, cut]) => {
      const at = place % (line.length + 1)
      return line.slice(0, at) + put + (cut ? '' : line.slice(at + gone))
    })
  fc.assert(
    fc.property(edited, (text) => {
      const { buf, start, end } = viewOf(Buffer.from(text, 'latin1'))
      let reads = 0
      watched.start = start
      watched.end = end
      watched.buf = new Proxy(buf, {
        get(bytes, key) {
          const at = Number(key)
          reads += 1
          if (at < start || at >= end) throw new Error(`byte ${at - start} of ${end - start} is read`)
          return bytes[at]
        },
      })
      scanHeader(watched)
      for (const grammar of GRAMMARS) readGrammar(watched, grammar)
      if (reads > 30 * (text.length + 10)) throw new Error(`${reads} reads of ${text.length} bytes`)
    }),
    { numRuns: fuzzRuns(3000) },
  )
})
