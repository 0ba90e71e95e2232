import { expect, test } from 'vitest'
import { EventFlag, Fw } from '../../../src/classify/view.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { LabelTable } from '../../../src/rules/label-table.ts'
import { Orphan, orphanReason, Ownership, sourceStreams } from '../../../src/rules/ownership.ts'
import { model, tenant } from '../../support/model.ts'
import { makeView } from '../../support/view.ts'

const { plan } = compileRules(model([tenant('acme', { labels: ['ACME'] })]), 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const stream = (name: string) => plan.streams.findIndex((entry) => entry.name === name)
const ownership = (sources: readonly { streams: readonly string[] | null }[]) =>
  new Ownership(plan, new LabelTable(plan.labels), sourceStreams(plan, sources))
const open = ownership([])
const bound = ownership([{ streams: ['nsxt.dfw'] }, { streams: null }])
const dfw = stream('nsxt.dfw')

test.each([
  ['a known label', open, makeView({ stream: dfw, label: 'ACME' }), 1],
  ['no label', open, makeView({ stream: dfw }), Orphan.no_label],
  ['an empty label', open, makeView({ stream: dfw, label: '' }), Orphan.no_label],
  ['an unknown label', open, makeView({ stream: dfw, label: 'NOBODY' }), Orphan.unknown_label],
  ['a stream without labels', open, makeView({ stream: stream('esxi'), label: 'ACME' }), Orphan.no_label],
  ['other', open, makeView({ stream: 0, label: 'ACME' }), Orphan.no_label],
  ['a stream that no rule knows', open, makeView({ stream: 99, label: 'ACME' }), Orphan.untrusted_source],
  [
    'a header that is not complete',
    open,
    makeView({ stream: dfw, label: 'ACME', flags: 0 }),
    Orphan.untrusted_source,
  ],
  [
    'a header that is not complete, without label',
    open,
    makeView({ stream: dfw, flags: 0 }),
    Orphan.no_label,
  ],
  ['a source that may send it', bound, makeView({ stream: dfw, label: 'ACME', source: 1 }), 1],
  [
    'a source that may send all',
    bound,
    makeView({ stream: stream('nsxt.gateway'), label: 'ACME', source: 2 }),
    1,
  ],
  [
    'a source that may not',
    bound,
    makeView({ stream: stream('nsxt.gateway'), label: 'ACME', source: 1 }),
    Orphan.untrusted_source,
  ],
  [
    'a source that may not, without label',
    bound,
    makeView({ stream: stream('esxi'), source: 1 }),
    Orphan.untrusted_source,
  ],
  [
    'no source where sources are configured',
    bound,
    makeView({ stream: dfw, label: 'ACME' }),
    Orphan.untrusted_source,
  ],
  [
    'a source that is not configured',
    bound,
    makeView({ stream: dfw, label: 'ACME', source: 9 }),
    Orphan.untrusted_source,
  ],
] as const)('%s', (_, asked, view, expected) => expect(asked.decide(view)).toBe(expected))

test('what is left of a label after a cut is no label: it may be the whole one of another tenant', () => {
  for (const cut of [EventFlag.truncated, EventFlag.cut_by_sender]) {
    const view = makeView({ stream: dfw, label: 'ACME', flags: EventFlag.complete_header | cut })
    expect(open.decide(view)).toBe(Orphan.unknown_label)
    // The label of an NSX-V edge stands before the fields: what was cut is not it.
    view.end += 8
    expect(open.decide(view)).toBe(1)
  }
})

test('the bracket of a repeated line that was cut may be one in the middle of a label', () => {
  const view = makeView({ stream: dfw, label: 'ACME', flags: EventFlag.complete_header })
  view.fw[Fw.repeated] = view.label_start
  view.end += 1
  expect(open.decide(view)).toBe(1)
  view.flags |= EventFlag.truncated
  expect(open.decide(view)).toBe(Orphan.unknown_label)
})

test('codes and names agree', () => {
  for (const [name, code] of Object.entries(Orphan)) expect(orphanReason(code)).toBe(name)
})
