import { expect, test } from 'vitest'
import { Classifier } from '../../../src/classify/classifier.ts'
import type { StreamMatch, StreamPlan } from '../../../src/classify/streams.ts'
import { EventView, Fw, Grammar } from '../../../src/classify/view.ts'
import { viewOf } from '../../support/classify.ts'

const BODY = '5c4d7b1e INET match DROP mainrs/3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S the label'

function stream(name: string, match: readonly StreamMatch[], more: Partial<StreamPlan> = {}): StreamPlan {
  return { name, grammar: 'none', match, label: 'none', label_formats: [], ...more }
}

const other = stream('other', [])
const dfw = { grammar: 'dfw', label: 'rest' } as const

function classify(streams: readonly StreamPlan[], line: string): string {
  const view = viewOf(line)
  new Classifier(streams).classify(view)
  return describeView(view, streams)
}

function describeView(view: EventView, streams: readonly StreamPlan[]): string {
  const label = view.label_start < 0 ? '-' : view.buf.toString('utf8', view.label_start, view.label_end)
  return `${streams[view.stream]?.name} ${view.grammar} ${label}`
}

const line = (program: string, body: string): string => `<13>2026-02-03T04:05:06Z host ${program}: ${body}`

function labelled(label: StreamPlan['label']): string {
  const streams = [other, stream('fw', [{ program: ['p'] }], { grammar: 'dfw', label })]
  return classify(streams, line('p', BODY))
}

test('without streams everything is other', () => {
  const view = viewOf(line('x', BODY))
  new Classifier([]).classify(view)
  expect([view.stream, view.grammar, view.label_start]).toEqual([0, Grammar.none, -1])
})

test('the first stream that fits wins, and within an entry all keys must hold', () => {
  const streams = [
    other,
    stream('a', [{ program: ['p'], message: ['one', 'two'] }]),
    stream('b', [{ message: ['none'] }, { program: ['p', 'q'] }]),
    stream('c', [{ program: ['p', 'r'] }]),
  ]
  const names = [
    line('p', ' two'),
    line('p', 'three'),
    line('q', 'one'),
    line('r', 'one'),
    line('s', 'one'),
    'one',
  ]
  expect(names.map((text) => classify(streams, text).split(' ')[0])).toEqual([
    'a',
    'b',
    'b',
    'c',
    'other',
    'other',
  ])
})

test('msg_id and structured data are compared whole, in the element and parameter that are named', () => {
  const streams = [
    other,
    stream('m', [{ msg_id: ['FIREWALL'] }]),
    stream('s', [
      { structured_data: { id: ['nsx@6876'], params: { comp: ['nsx-edge', 'edge'], level: ['INFO'] } } },
    ]),
  ]
  const named = (msgid: string, sd: string): string =>
    classify(streams, `<13>1 2026-02-03T04:05:06Z h NSX 1 ${msgid} ${sd} text`).split(' ')[0] ?? ''
  expect(named('FIREWALL', '-')).toBe('m')
  expect(named('FIREWALLS', '-')).toBe('other')
  expect(named('-', '[nsx@6876 x="1" comp="edge" level="INFO"]')).toBe('s')
  expect(named('-', '[nsx@6876 comp="edge"]')).toBe('other')
  expect(named('-', '[nsx@6876 comp="edges" level="INFO"]')).toBe('other')
  expect(named('-', '[other@1 comp="edge" level="INFO"]')).toBe('other')
  expect(named('-', '[other@1 comp="x"][nsx@6876 level="INFO" comp="nsx-edge"]')).toBe('s')
})

test('a body takes no event from a program that another stream names, whatever the order', () => {
  const streams = [other, stream('fw', [{ body: 'dfw' }], dfw), stream('host', [{ program: ['Hostd'] }])]
  expect(classify(streams, line('Hostd', BODY))).toBe('host 0 -')
  expect(classify(streams, line('unknown', BODY))).toBe('fw 1 the label')
  expect(classify(streams, BODY)).toBe('fw 1 the label')
})

test('a body must be the grammar from its first word on', () => {
  const streams = [other, stream('fw', [{ body: 'dfw' }], dfw)]
  for (const before of ['x ', 'Event [1] ', '<3>', '"', '[a] ', '5c4d7b1e ']) {
    expect(classify(streams, line('x', before + BODY)), before).toBe('other 0 -')
  }
  expect(classify(streams, line('x', `  ${BODY}`))).toBe('fw 1 the label')
})

test('a stream whose grammar does not fit keeps the event without a label', () => {
  const streams = [other, stream('fw', [{ program: ['p'] }], dfw)]
  expect(classify(streams, line('p', `no ${BODY}`))).toBe('fw 0 -')
})

test('the rule set tells streams of one program apart', () => {
  const streams = [
    other,
    stream(
      'v',
      [
        { program: ['p'], ruleset: ['domain-c'] },
        { body: 'dfw', ruleset: ['domain-c'] },
      ],
      dfw,
    ),
    stream('t', [{ program: ['p'] }, { body: 'dfw' }], dfw),
  ]
  const domain = BODY.replace('mainrs', 'domain-c7')
  const bare = BODY.replace('mainrs/', '')
  expect(classify(streams, line('p', domain))).toBe('v 1 the label')
  expect(classify(streams, line('p', BODY))).toBe('t 1 the label')
  expect(classify(streams, line('p', bare))).toBe('t 1 the label')
  expect(classify(streams, line('p', 'nothing'))).toBe('t 0 -')
  expect(classify(streams, domain)).toBe('v 1 the label')
  expect(classify(streams, bare)).toBe('t 1 the label')
})

test('a label can be a capture, or nowhere', () => {
  expect(labelled({ capture: 'rule_id' })).toBe('fw 1 3061')
  expect(labelled({ capture: 'ruleset' })).toBe('fw 1 mainrs')
  expect(labelled({ capture: 'label' })).toBe('fw 1 the label')
  expect(labelled({ capture: 'interface' })).toBe('fw 1 -')
  expect(labelled({ capture: 'nonsense' })).toBe('fw 1 -')
  expect(labelled('none')).toBe('fw 1 -')
})

test('nothing of one event is left in the next', () => {
  const streams = [other, stream('fw', [{ program: ['p'] }, { body: 'gateway' }], dfw)]
  const classifier = new Classifier(streams)
  const view = new EventView()
  for (const text of ['p', 'x', 'p', 'p-', 'p']
    .map((program) => line(program, BODY))
    .concat('', 'text', line('p', 'no'))) {
    const next = viewOf(text)
    Object.assign(view, { buf: next.buf, start: next.start, end: next.end, received_at: next.received_at })
    classifier.classify(view)
    const fresh = viewOf(text)
    new Classifier(streams).classify(fresh)
    // Where a field is absent its end says nothing.
    for (let slot = 0; slot < Fw.slots; slot += 2)
      if (view.fw[slot] === -1) view.fw[slot + 1] = fresh.fw[slot + 1] ?? 0
    Object.assign(fresh, { fw_at: view.fw_at, head_at: view.head_at })
    expect(view).toEqual(fresh)
  }
})

test("an event whose stream is known is read by that stream's grammar", () => {
  const streams = [other, stream('fw', [{ program: ['p'] }], dfw), stream('host', [{ program: ['Hostd'] }])]
  const classifier = new Classifier(streams)
  const view = viewOf(line('Hostd', BODY))
  classifier.read(view, 1)
  expect(describeView(view, streams)).toBe('fw 1 the label')
  classifier.read(view, 2)
  expect(describeView(view, streams)).toBe('host 0 -')
})

test('many programs in turn, and many rule sets in turn, each get their own streams', () => {
  const programs = Array.from({ length: 600 }, (_, n) => `${'p'.repeat(1 + (n % 19))}${n}`)
  const sets = [3, 7].map((every) => {
    const program = programs.filter((_, n) => n % every === 0)
    return [other, stream(`of${every}`, [{ program }])]
  })
  const classifiers = sets.map((streams) => new Classifier(streams))
  const view = new EventView()
  for (let round = 0; round < 3; round++) {
    // The second round goes back and forth between a few, so that numbers are found again.
    for (const n of round === 1 ? [0, 7, 1, 0, 7, 1, 0, 21, 3, 21] : programs.keys()) {
      const buf = Buffer.from(line(programs[n] ?? '', 'text'))
      for (const [set, classifier] of classifiers.entries()) {
        Object.assign(view, { buf, start: 0, end: buf.length })
        classifier.classify(view)
        expect([programs[n], view.stream]).toEqual([programs[n], Number(n % (set === 0 ? 3 : 7) === 0)])
      }
    }
  }
})
