import { expect, test } from 'vitest'
import { EventFlag } from '../../../src/classify/view.ts'
import { unknownLabelLines } from '../../../src/cli/unknown-labels.ts'
import { mergeUnknown } from '../../../src/control/unknown-labels.ts'
import { UnknownLabels } from '../../../src/worker/unknown-labels.ts'
import { makeView } from '../../support/view.ts'

const NAMES = ['other', 'nsxt.dfw', 'nsxt.gateway']
const seen = (labels: readonly string[], stream = 1): UnknownLabels => {
  const unknown = new UnknownLabels()
  for (const label of labels) unknown.note(makeView({ stream, label }))
  return unknown
}

test('all are counted, and the last different ones kept, the newest first', () => {
  const labels = Array.from({ length: 20 }, (_, n) => `L${n}`)
  const { 'nsxt.dfw': dfw } = seen([...labels, 'L15', 'L15']).list(NAMES)
  expect(dfw?.events).toBe(22)
  expect(dfw?.last.map(({ label, events }) => `${label} ${events}`)).toEqual([
    'L15 3',
    ...['L19', 'L18', 'L17', 'L16', 'L14', 'L13', 'L12'].map((label) => `${label} 1`),
  ])
})

test('a flood of one label leaves the others; labels that begin alike, or are long, are told apart', () => {
  const flood = Array.from({ length: 1000 }, () => 'flood')
  const { 'nsxt.dfw': dfw } = seen(['a', 'ab', ...flood, 'x'.repeat(300), '\u00fc']).list(NAMES)
  expect(dfw?.last.map(({ label }) => label)).toEqual(['\u00fc', 'x'.repeat(128), 'flood', 'ab', 'a'])
})

test('a label of an event that was cut is marked', () => {
  const unknown = new UnknownLabels()
  unknown.note(makeView({ stream: 2, label: 'acme', flags: EventFlag.cut_by_sender }))
  expect(unknown.list(NAMES)).toEqual({
    'nsxt.gateway': { events: 1, last: [{ label: 'acme', events: 1, cut: true }] },
  })
})

test('other rules: counts stay with the stream’s name, labels go, since they may be known now', () => {
  const unknown = seen(['a', 'b'])
  unknown.renumber(NAMES, ['other', 'new', 'nsxt.dfw'])
  unknown.note(makeView({ stream: 2, label: 'c' }))
  expect(unknown.list(['other', 'new', 'nsxt.dfw'])).toEqual({
    'nsxt.dfw': { events: 3, last: [{ label: 'c', events: 1, cut: false }] },
  })
})

test('workers are summed', () => {
  const one = seen(['a', 'b']).list(NAMES)
  const other = seen(['b', 'c']).list(NAMES)
  const merged = mergeUnknown([one, undefined, other])['nsxt.dfw']
  expect(merged?.events).toBe(4)
  expect(merged?.last.map(({ label, events }) => `${label} ${events}`)).toEqual(['b 2', 'c 1', 'a 1'])
})

test('people are told what all have in common', () => {
  const label = (text: string, known: string) => ({
    label: text,
    events: 2,
    cut: false,
    nearest: {
      label: known,
      tenant: 'acme',
      object: 'Data Center Group acme-dcg',
      by: 'vcd.dfw',
      differs: { kind: 'separators' as const, text: 'differs' },
    },
  })
  const lines = unknownLabelLines({
    'nsxt.dfw': { events: 7, last: [label('a.b', 'a-b'), label('c.\u001bd', 'c-d')] },
  })
  expect(lines).toEqual([
    'nsxt.dfw: 7 events with a label that nobody owns; the last ones:',
    '   "a.b" (2 events): nearest "a-b" (acme, Data Center Group acme-dcg, by vcd.dfw): differs',
    '   "c.\u00b7d" (2 events): nearest "c-d" (acme, Data Center Group acme-dcg, by vcd.dfw): differs',
    '   they all differ in separators or hyphens: add those to `separators` or `hyphens` of the label format',
  ])
})
