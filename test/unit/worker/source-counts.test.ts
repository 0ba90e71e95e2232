/** Is what each source sends counted, and are its senders' clocks looked at, at little cost? */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { Counters, FORMS_MAX } from '../../../src/base/counters.ts'
import { EventFlag, EventView, HEADER_FORM_NAMES, HeaderForm } from '../../../src/classify/view.ts'
import { readSources, type SourceLedger } from '../../../src/control/sources.ts'
import type { SourceSettings } from '../../../src/config/types.ts'
import { SourceCounts, sourceNames } from '../../../src/worker/source-counts.ts'

const NOW = Date.parse('2026-03-04T05:06:07.000Z')
const streams = ['other', 'esxi', 'nsxt.dfw'].map((name) => ({ name })) as unknown as Parameters<
  typeof readSources
>[2]
const sources: SourceSettings[] = [
  { name: 'hosts', from: ['10.0.0.0/8'], streams: ['esxi'], site: 'fra1', zone: 'UTC' },
  { name: 'berlin', from: ['10.1.0.0/16'], streams: null, site: null, zone: 'Europe/Berlin' },
]

function counting(with_: SourceSettings[] = sources): { counts: SourceCounts; read: () => SourceLedger[] } {
  const counters = new Counters()
  counters.allocate([
    { kind: 'worker', name: 'worker' },
    ...sourceNames(with_).map((name) => ({ kind: 'source' as const, name })),
  ])
  const counts = new SourceCounts(counters, with_)
  const read = (): SourceLedger[] => {
    counters.publish()
    return readSources([counters], with_, streams, counts.worstClocks())
  }
  return { counts, read }
}

/** An event whose header has this time. */
function event(source: number, time: string, with_: Partial<EventView> = {}): EventView {
  const view = new EventView()
  view.buf = Buffer.from(time)
  view.time_start = 0
  view.time_end = time.length
  view.form = HeaderForm.rfc5424
  return Object.assign(view, { source, received_at: NOW, peer: '10.0.0.1', stream: 1, ...with_ })
}

const iso = (offset_ms: number): string => new Date(NOW + offset_ms).toISOString()

test('there is room for every form of header', () => {
  expect(HEADER_FORM_NAMES.length).toBe(FORMS_MAX)
})

test('events by stream and form, marks, and streams that the source does not list', () => {
  const { counts, read } = counting()
  counts.count(event(1, iso(0)), 0)
  counts.count(event(1, iso(0), { stream: 2, form: HeaderForm.rfc3164 }), 1)
  counts.count(event(1, iso(0), { flags: EventFlag.truncated | EventFlag.invalid }), 2)
  counts.count(event(2, iso(0), { flags: EventFlag.cut_by_sender | EventFlag.control }), 3)
  const [hosts, berlin] = read()
  expect(hosts).toMatchObject({
    source: 'hosts',
    site: 'fra1',
    received: 3,
    streams: { esxi: 2, 'nsxt.dfw': 1 },
    unlisted: { 'nsxt.dfw': 1 },
    headers: { rfc5424: 2, rfc3164: 1 },
    invalid: 1,
    truncated: 1,
    cut_by_sender: 0,
    last_seen: new Date(NOW).toISOString(),
  })
  expect(berlin).toMatchObject({ source: 'berlin', received: 1, unlisted: {}, cut_by_sender: 1, invalid: 0 })
  expect(read()).toHaveLength(2)
})

test('without sources all events are those of no source', () => {
  const { counts, read } = counting([])
  counts.count(event(0, iso(0)), 0)
  expect(read()).toMatchObject([{ source: null, received: 1, streams: { esxi: 1 }, unlisted: {} }])
})

test('clocks: one sample a second, least and most of the last minute, and who is farthest off', () => {
  const { counts, read } = counting()
  const skew = (): SourceLedger['clock_skew'] => read()[0]?.clock_skew ?? null
  counts.count(event(1, 'no time', { time_start: -1 }), 0)
  expect(skew()).toBe(null)
  counts.count(event(1, iso(-200)), 1000)
  counts.count(event(1, iso(9_999_000)), 1500)
  expect(skew()).toEqual({ least: -0.2, most: -0.2, peer: '10.0.0.1' })
  counts.count(event(1, iso(3_600_000), { peer: '10.0.0.9' }), 2000)
  expect(skew()).toEqual({ least: -0.2, most: 3600, peer: '10.0.0.9' })
  for (let second = 3; second < 80; second++) counts.count(event(1, iso(-100)), second * 1000)
  expect(skew()).toEqual({ least: -0.1, most: -0.1, peer: '10.0.0.1' })
  counts.count(event(1, iso(50)), 10_000_000)
  expect(skew()).toEqual({ least: 0.05, most: 0.05, peer: '10.0.0.1' })
})

test('times without a zone are those of the source', () => {
  const { counts, read } = counting()
  counts.count(event(2, 'Mar  4 06:06:07', { form: HeaderForm.rfc3164 }), 0)
  counts.count(event(1, 'Mar  4 06:06:07', { form: HeaderForm.rfc3164 }), 0)
  expect(read().map((one) => one.clock_skew?.most)).toEqual([3600, 0])
})

test('several workers: counts are summed, the latest time and the widest bounds taken', () => {
  const workers = [new Counters(), new Counters()]
  for (const [n, counters] of workers.entries()) {
    counters.allocate([
      { kind: 'worker', name: 'worker' },
      ...sourceNames(sources).map((name) => ({ kind: 'source' as const, name })),
    ])
    const counts = new SourceCounts(counters, sources)
    counts.count(event(1, iso(n * 1000), { received_at: NOW + n * 500 }), 0)
    counters.publish()
  }
  expect(readSources(workers, sources, streams, { hosts: '10.0.0.1' })[0]).toMatchObject({
    received: 2,
    last_seen: iso(500),
    clock_skew: { least: 0, most: 0.5, peer: '10.0.0.1' },
  })
})
