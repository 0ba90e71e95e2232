/** Does anything that a rule hides ever get out, whatever replacements meet, and do the bytes around it stay? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventView } from '../../src/classify/view.ts'
import { compileRules } from '../../src/rules/compile.ts'
import { Editor } from '../../src/rules/editor.ts'
import type { EditPlan, RedactField, RedactPlan, Replacement } from '../../src/rules/edit-plan.ts'
import { readRules } from '../../src/rules/read.ts'
import { model } from '../support/model.ts'
import { makeView } from '../support/view.ts'

const { plan } = compileRules(model([]), 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const env = { listeners: [], sources: [] }
const deps = { plan, env, key: 'k'.repeat(32), read: () => undefined }

/** Words that a rule hides; no replacement holds one of them. */
const SECRETS = ['bob', 'Zoë', '10.1.2.3', 'esx01', '\u{1f600}x']
const word = fc.constantFrom(...SECRETS, 'a', '-', '  ', 'user=', '.example.com', 'ü', '=', 'x1')
const text = fc.array(word, { maxLength: 12 }).map((parts) => parts.join(''))

const hiding: fc.Arbitrary<Replacement> = fc.oneof(
  fc.record({ kind: fc.constant('with' as const), text: fc.constantFrom(null, '', '***') }),
  fc.constant({ kind: 'hash' as const }),
)
const showing: fc.Arbitrary<Replacement> = fc.record({
  kind: fc.constant('keep' as const),
  first: fc.nat({ max: 12 }),
  last: fc.nat({ max: 12 }),
})
const fields: readonly RedactField[] = ['hostname', 'app_name', 'proc_id', 'msg_id', 'message', 'label']
const others: fc.Arbitrary<RedactPlan> = fc.oneof(
  fc.record({
    fields: fc.subarray([...fields], { minLength: 1 }),
    pattern: fc.constant(null),
    how: fc.oneof(hiding, showing),
  }),
  fc.record({
    fields: fc.constantFrom<RedactField[]>(['body'], ['message'], ['hostname', 'label']),
    pattern: fc.constantFrom('user=.*', '.{3}', '[a-z]+', '(.)b', 'ü.*?x', '.*', '\\d+'),
    how: fc.oneof(hiding, showing),
  }),
)
const escaped = SECRETS.map((secret) => secret.replaceAll('.', '\\.')).join('|')
/** Hides every secret wherever it stands; what else is replaced must not bring one back. */
const all: RedactPlan = {
  fields: ['hostname', 'app_name', 'proc_id', 'msg_id', 'message', 'label'],
  pattern: escaped,
  how: { kind: 'with', text: '?' },
}

const made = fc.record({
  host: fc.option(text, { nil: undefined }),
  app: fc.option(text, { nil: undefined }),
  msgid: fc.option(text, { nil: undefined }),
  message: text,
  label: fc.option(text, { nil: undefined }),
  entries: fc.array(others, { maxLength: 4 }),
  at: fc.nat({ max: 4 }),
  hide_hosts: fc.boolean(),
})

test('what a pattern hides is nowhere, whatever else is replaced around and across it', () => {
  fc.assert(
    fc.property(made, ({ entries, at, hide_hosts, host, app, msgid, message, label }) => {
      const redact = [...entries.slice(0, at), all, ...entries.slice(at)]
      const edit: EditPlan = { scope: 'acme', hide_hosts, redact, set: [] }
      const view = makeView({
        message,
        ...(host === undefined ? {} : { host }),
        ...(app === undefined ? {} : { app }),
        ...(msgid === undefined ? {} : { msgid }),
        ...(label === undefined ? {} : { label }),
      })
      const { buf, start, end } = new Editor(edit, deps).edit(view)
      const found = buf.toString('utf8', start, end)
      // What is deleted may join what was apart.
      if (entries.some(({ how }) => how.kind === 'with' && how.text === '')) return
      for (const secret of SECRETS) expect(found).not.toContain(secret)
    }),
    { numRuns: 3000 },
  )
})

const shipped = readRules('/rules', { forwarders_per_tenant: 10, file_max: 8 * 2 ** 20 }, {}, []).model
const streams = compileRules(shipped ?? model([]), 1, { forwarders_per_tenant: 10 }).plan?.streams ?? []

test('whatever the bytes are, nothing throws, and what was set is what a reader finds', () => {
  const classifier = new Classifier(streams)
  const edit: EditPlan = {
    scope: 'acme',
    hide_hosts: false,
    redact: [
      { fields: ['message', 'label', 'firewall.source_ip'], pattern: null, how: { kind: 'hash' } },
      { fields: ['body'], pattern: '.', how: { kind: 'keep', first: 1, last: 0 } },
    ],
    set: [
      { field: 'hostname', text: 'set.example' },
      { field: 'msg_id', text: 'ID' },
      { field: 'severity', text: '1' },
    ],
  }
  const editor = new Editor(edit, { ...deps, read: (view, stream) => classifier.read(view, stream) })
  const header = fc.constantFrom(
    '<13>1 2026-01-02T03:04:05Z h a p m [x@1 a="b"] ',
    '<13>1 - - - - - - ',
    '<13>Jan  2 03:04:05 h a[7]: ',
    '<191>2026-01-02T03:04:05Z esx01 Hostd: ',
    '<999>1 9999-12-31T23:59:60Z ',
    '<13>',
    '',
  )
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom('x INET match DROP 1 OUT 52 TCP 10.1.2.3/1->10.0.0.5/2 S label', '[x@1 a="\\"] ')
      .map((one) => Buffer.from(one)),
  )
  fc.assert(
    fc.property(header, body, fc.nat({ max: 60 }), (head, rest, cut) => {
      const bytes = Buffer.concat([Buffer.from(head), rest])
      const view = new EventView()
      view.buf = bytes
      view.end = Math.max(0, bytes.length - (cut > 40 ? cut - 40 : 0))
      view.received_at = Date.UTC(2026, 0, 2)
      classifier.classify(view)
      const { buf, start, end } = editor.edit(view)
      const again = new EventView()
      again.buf = buf
      again.start = start
      again.end = end
      classifier.classify(again)
      expect(again.pri & 7).toBe(1)
      expect(buf.toString('latin1', again.host_start, again.host_end)).toBe('set.example')
      expect(buf.toString('latin1', again.msgid_start, again.msgid_end)).toBe('ID')
    }),
    { numRuns: 3000 },
  )
})

test('without a match every byte stays, and the event is not even copied', () => {
  fc.assert(
    fc.property(text, (message) => {
      const redact: RedactPlan[] = [
        { fields: ['body'], pattern: 'never stands there', how: { kind: 'hash' } },
      ]
      const view = makeView({ message })
      const found = new Editor({ scope: 'acme', hide_hosts: false, redact, set: [] }, deps).edit(view)
      expect([found.buf, found.start, found.end]).toEqual([view.buf, view.start, view.end])
    }),
  )
})

test('hidden hosts: the name of the header is nowhere outside of other words, in any case', () => {
  const name = fc.constantFrom('esx01', 'esx01.example.com', 'edge-7', 'NSX', 'a1b', '10.20.0.9', 'x')
  const near = fc.constantFrom(' ', '.', '-', ',', '"', 'x', '0', '')
  fc.assert(
    fc.property(name, fc.array(fc.tuple(near, fc.boolean(), near), { maxLength: 6 }), (host, places) => {
      const message = places
        .map(([left, upper, right]) => `${left}${upper ? host.toUpperCase() : host}${right}`)
        .join(' | ')
      const edit: EditPlan = { scope: 'acme', hide_hosts: true, redact: [], set: [] }
      const { buf, start, end } = new Editor(edit, deps).edit(makeView({ host, message }))
      const found = buf.toString('utf8', start, end)
      const alone = new RegExp(`(?<![\\w-])${host.replaceAll('.', '\\.')}(?![\\w-])`, 'i')
      expect(alone.test(found)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})
