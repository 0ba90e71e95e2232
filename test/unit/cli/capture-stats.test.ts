/** Counts of a captured file: right, and bounded whatever the file holds. */
import { expect, test } from 'vitest'
import { captureLines } from '../../../src/cli/events/capture-report.ts'
import { CaptureStats } from '../../../src/cli/events/capture-stats.ts'
import { Tally } from '../../../src/cli/events/tally.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { ownershipOf } from '../../../src/rules/ownership.ts'
import { Reader } from '../../support/classify.ts'
import { formats, idName, model, tenant } from '../../support/model.ts'

const GROUP = '7d0cae11-2222-4333-8444-5555666677aa'
const dfw = (label: string): string =>
  `<13>1 2026-02-03T04:05:06Z esx01 FIREWALL-PKTLOG 1 - - 5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/5->10.0.0.5/443 S ${label}`
const LINES = [
  dfw(`acme-${GROUP.slice(0, 27)}`),
  dfw(`acme-${GROUP.slice(0, 27)}`),
  dfw('somebody'),
  dfw(`acme-${GROUP.slice(0, 27).replaceAll('-', '_')}`),
  dfw(''),
  '<13>Feb  3 04:05:07 host mytool: x',
  'no header',
  '',
]

function read(lines: readonly string[], owned: boolean): ReturnType<CaptureStats['report']> {
  const reader = new Reader()
  const acme = tenant('acme', { data_center_groups: [idName(GROUP, 'acme-dcg')] })
  const streams = reader.streams.slice(1).map((stream) => ({
    ...stream,
    place: acme.place,
    label_formats: stream.name === 'nsxt.dfw' ? ['vcd.dfw'] : [],
  }))
  const rules = model([acme], { streams, label_formats: [formats.dfw] })
  const own = compileRules(rules, 1, { forwarders_per_tenant: 10 }).plan
  if (own === undefined) throw new Error('no plan')
  const ownership = ownershipOf(own, [])
  const stats = new CaptureStats(owned ? own : undefined)
  for (const line of lines)
    stats.add(reader.read(line), owned ? ownership.decideTrusted(reader.view, true) : 0)
  return stats.report(reader.streams, owned ? own : undefined)
}

test('streams, header forms, what is not valid, and labels', () => {
  const report = read(LINES, false)
  expect(report).toMatchObject({
    schema: 'logweir.capture/1',
    lines: 8,
    from: '2026-02-03T04:05:06.000Z',
    to: '2026-02-03T04:05:07.000Z',
    streams: [
      {
        stream: 'nsxt.dfw',
        lines: 5,
        headers: { rfc5424: 5, none: 0 },
        invalid: 0,
        labelled: 4,
        labels: [{ label: `acme-${GROUP.slice(0, 27)}`, lines: 2 }, { lines: 1 }, { lines: 1 }],
        more_labels: false,
      },
      { stream: 'other', lines: 3, headers: { rfc3164: 1, none: 2 }, invalid: 2 },
    ],
    other_programs: [
      { program: '', lines: 2 },
      { program: 'mytool', lines: 1 },
    ],
  })
  expect(report).not.toHaveProperty('tenants')
})

test('with rules: whose the lines are, and how unknown labels differ from known ones', () => {
  const report = read(LINES, true)
  expect(report.tenants).toEqual([{ tenant: 'acme', lines: 2 }])
  expect(report.streams[0]).toMatchObject({
    owned: 2,
    orphaned: { unknown_label: 2, no_label: 1 },
    labels: [
      { label: 'somebody', nearest: null },
      {
        label: `acme-${GROUP.slice(0, 27).replaceAll('-', '_')}`,
        nearest: { tenant: 'acme', differs: { kind: 'separators' } },
      },
    ],
  })
  const text = captureLines('x.log', report).join('\n')
  expect(text).toMatch(/^x\.log: 8 lines, \d+ bytes, 2026-02-03T04:05:06\.000Z to /)
  expect(text).toMatch(/^nsxt\.dfw +5 +62\.5 %/m)
  expect(text).toMatch(/nsxt\.dfw: 2 lines with a label that nobody owns; most of them:/)
  expect(text).toMatch(/"acme-7d0cae11_.*": nearest .*differs in separators/)
  expect(text).toMatch(/lines of tenants: acme 2/)
})

test('nothing in, nothing out', () => {
  expect(read([], false)).toMatchObject({ lines: 0, bytes: 0, from: null, to: null, streams: [] })
  expect(captureLines('x', read([], true))[0]).toBe('x: 0 lines, 0 bytes')
})

test('the most frequent of many texts are found in bounded memory, and their counts are never too low', () => {
  const tally = new Tally(10)
  for (let n = 0; n < 10_000; n++) {
    tally.add(`rare ${n}`)
    if (n % 3 === 0) tally.add('often')
    if (n % 5 === 0) tally.add('sometimes')
  }
  expect(tally.size).toBe(10)
  expect(tally.exact).toBe(false)
  const [first, second] = tally.top(2)
  expect([first?.text, second?.text]).toEqual(['often', 'sometimes'])
  expect(first?.count).toBeGreaterThanOrEqual(3334)
  expect(second?.count).toBeGreaterThanOrEqual(2000)
})
