/** The ways to recognise a stream beyond program and body, and whose text takes nothing away from whom. */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { Classifier } from '../../../src/classify/classifier.ts'
import type { StreamMatch, StreamPlan } from '../../../src/classify/streams.ts'
import { Reader, viewOf } from '../../support/classify.ts'
import { frameAll } from '../../support/framing.ts'

const shipped = new Reader()

function stream(name: string, match: StreamMatch, more: Partial<StreamPlan> = {}): StreamPlan {
  return { name, grammar: 'none', match: [match], label: 'none', label_formats: [], ...more }
}

const other: StreamPlan = { name: 'other', grammar: 'none', match: [], label: 'none', label_formats: [] }

function streamOf(streams: readonly StreamPlan[], line: string): string | undefined {
  const view = viewOf(line)
  const all = [other, ...streams]
  new Classifier(all).classify(view)
  return all[view.stream]?.name
}

const RFC5424 = '<14>1 2026-02-03T04:05:06Z host app [APP/0] - [a@1 k="v"][b@1 k="w"] text of a message'

test('PROCID is asked by its beginning, the header by its form', () => {
  expect(streamOf([stream('s', { proc_id: ['[APP'] })], RFC5424)).toBe('s')
  expect(streamOf([stream('s', { proc_id: ['APP'] })], RFC5424)).toBe('other')
  expect(streamOf([stream('s', { proc_id: ['4'] })], '<14>Feb  3 04:05:06 host prog[47]: text')).toBe('s')
  expect(streamOf([stream('s', { header: ['rfc3164', 'rfc5424'] })], RFC5424)).toBe('s')
  expect(streamOf([stream('s', { program: ['app'], header: ['rfc3339'] })], RFC5424)).toBe('other')
})

test('structured data: any of the ids, and the parameters of that element', () => {
  const sd = (id: string[], params: Record<string, string[]> = {}): StreamPlan[] => [
    stream('s', { structured_data: { id, params } }),
  ]
  expect(streamOf(sd(['x@1', 'b@1']), RFC5424)).toBe('s')
  expect(streamOf(sd(['x@1']), RFC5424)).toBe('other')
  expect(streamOf(sd(['b@1'], { k: ['w'] }), RFC5424)).toBe('s')
  expect(streamOf(sd(['a@1'], { k: ['w'] }), RFC5424)).toBe('other')
})

test('what the text holds is asked last, in the first 512 bytes, and within the frame', () => {
  const streams = [stream('text', { contains: ['needle'] }), stream('program', { program: ['app'] })]
  expect(streamOf(streams, RFC5424.replace('text', 'needle'))).toBe('program')
  const line = (text: string): string => `<14>1 2026-02-03T04:05:06Z host any - - - ${text}`
  expect(streamOf(streams, line('a needle'))).toBe('text')
  expect(streamOf(streams, line(`${'x'.repeat(506)}needle`))).toBe('text')
  expect(streamOf(streams, line(`${'x'.repeat(507)}needle`))).toBe('other')
  expect(streamOf(streams, line('a needl'))).toBe('other')
  // Together with a program it is asked in order, like everything else.
  const both = [stream('both', { program: ['app'], contains: ['needle'] }), ...streams]
  expect(streamOf(both, RFC5424.replace('text', 'needle'))).toBe('both')
})

test('text of a known program does not choose the stream', () => {
  const texts = [
    'com/vmware/vcloud/event/session/login',
    "[SystemEvent] Time:'now', Severity:'High'",
    '[nsx@6876 comp="nsx-manager"] text',
    '[nsxv@6876 comp="nsx-manager"] text',
    'cpu1:2)WARNING: text',
    '2026-02-03 04:05:06,789 | INFO     | thread | Class | text | ',
    '5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->203.0.113.5/443 S label',
    'DROP, domain-c8/1007, OUT, 60, TCP, 172.18.8.121, 36486, 172.18.8.119, 22, S, label',
  ]
  for (const text of texts) {
    const event = shipped.json(`<166>2026-02-03T04:05:06Z esx01 Hostd: ${text}`)
    expect([event.stream, event.label, event.firewall], text).toEqual(['esxi', null, null])
  }
  const event = shipped.json(
    '<166>2026-02-03T04:05:06Z esx01 Vpxa: Event [1] [1-1] [a] [b] [c] [d] [e] [f] [g]',
  )
  expect(event.stream).toBe('vcenter')
})

test('captures of a stream of one’s own take the place of the shipped ones', () => {
  const captures = { user: { after: ['by <'], keep: false, until: '>' } }
  const own = [other, stream('vcd', { program: ['cell'] }, { grammar: 'vcd', captures })]
  const reader = new Reader(own)
  const event = reader.json('<14>Feb  3 04:05:06 cell01 cell: started by <operator of acme>')
  expect(event.vcd).toMatchObject({ user: 'operator of acme', event_type: null })
})

test('octet counts that hold the trailing newline of Cloud Foundry’s agent', () => {
  const line =
    '<14>1 2026-02-03T11:02:01.012345+00:00 o.s.a app-id [APP/PROC/WEB/1] - [tags@47450 organization_id="o1"] text'
  const frame = `${Buffer.byteLength(line) + 1} ${line}\n`
  const frames = (['auto', 'octet-counting'] as const).flatMap(
    (framing) => frameAll([frame + frame], { framing }).frames,
  )
  expect(frames.length).toBe(4)
  for (const text of frames) {
    const event = shipped.json(text)
    expect([event.stream, event.message, event.valid]).toEqual(['cf', 'text', true])
    expect(event.cf).toMatchObject({ organization_id: 'o1', process: 'APP/PROC/WEB', instance: 1 })
  }
})
