/** What people read: tables, progress, outcomes, stories. */
import { expect, test } from 'vitest'
import { outcome } from '../../../src/cli/reload.ts'
import { shortStory } from '../../../src/cli/trace/story.ts'
import { progressLine } from '../../../src/cli/send/progress.ts'
import { cell, table } from '../../../src/cli/text-table.ts'

test('a table has columns as wide as they need, numbers to the right', () => {
  expect(
    table(
      ['who', 'events'],
      [
        ['acme', '7'],
        ['globex', '12'],
      ],
    ),
  ).toEqual(['who     events', '------  ------', 'acme         7', 'globex      12'])
})

test('what came over the network cannot steer the terminal', () => {
  expect(cell('a\u001b[31mb\r\n\u202ec', 20)).toBe('a\u00b7[31mb\u00b7\u00b7\u00b7c')
  expect(cell('abcdef', 4)).toBe('abc\u2026')
  expect(cell('abcd', 4)).toBe('abcd')
})

test('progress is a bar where the end is known', () => {
  expect(progressLine(50, 2, 0.5)).toBe(`[${'='.repeat(15)}${' '.repeat(15)}] 50% 50 messages, 25 a second`)
  expect(progressLine(50, 0, null)).toBe('50 messages, 0 a second')
})

test('a reload says what changed, or that nothing did', () => {
  const nothing = {
    tenants: { added: [], removed: [], renamed: [], changed: [] },
    destinations: [],
    owners: { added: [], removed: [], moved: [] },
    forwarders: { added: [], changed: [], removed: [], keys: {} },
    labels_changed: false,
    needs_restart: [],
  }
  const accepted = { outcome: 'accepted', generation: 3, findings: [] } as const
  expect(outcome({ ...accepted, changes: nothing })).toEqual([
    'accepted: generation 3 runs',
    '  nothing changed',
  ])
  const some = {
    ...nothing,
    tenants: { ...nothing.tenants, added: ['acme'] },
    owners: { ...nothing.owners, moved: [{ object: 'Org VDC a', from: 'globex', to: 'acme' }] },
    labels_changed: true,
    needs_restart: ['log'],
  }
  expect(outcome({ ...accepted, changes: some })).toEqual([
    'accepted: generation 3 runs',
    '  tenants added: acme',
    '  moved to another tenant: Org VDC a: globex -> acme',
    '  needs a restart: log',
  ])
  expect(outcome({ outcome: 'rejected', generation: 2, findings: [], changes: null })).toEqual([
    'rejected: generation 2 runs on, nothing changed',
  ])
})

test('a story names whose the event is and what each forwarder does', () => {
  const event = {
    stream: 'nsxt.dfw',
    header: 'rfc5424',
    valid: true,
    label: 'l\u001b',
    tenant: 'acme',
  } as const
  const forwarders = [
    { tenant: 'acme', forwarder: 'siem', decision: 'forward', because: 'no where' },
    { tenant: 'provider', forwarder: 'orphans', decision: 'skip', because: 'not an orphan' },
  ] as const
  expect(shortStory(4, { ...event, reason: 'label', forwarders })).toEqual([
    `4: nsxt.dfw, rfc5424 header, label "l\u00b7": acme's, by label`,
    '   forward  acme/siem         no where',
    '   skip     provider/orphans  not an orphan',
  ])
})
