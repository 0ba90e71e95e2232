/** Does anything that a rule hides ever get out, whatever replacements meet, and do the bytes around it stay? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRules } from '../../src/rules/compile.ts'
import { Editor } from '../../src/rules/editor.ts'
import type { EditPlan, RedactField, RedactPlan, Replacement } from '../../src/rules/edit-plan.ts'
import { model } from '../support/model.ts'
import { makeView } from '../support/view.ts'

const { plan } = compileRules(model([]), 1, { forwarders_per_tenant: 10 })
if (plan === undefined) throw new Error('no plan')
const env = { listeners: [], sources: [] }
/** Of the event that is edited next. */
let number = 0
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
      const { buf, start, end } = new Editor(edit, deps).edit(view, number++)
      const found = buf.toString('utf8', start, end)
      // What is deleted may join what was apart.
      if (entries.some(({ how }) => how.kind === 'with' && how.text === '')) return
      for (const secret of SECRETS) expect(found).not.toContain(secret)
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
      const found = new Editor({ scope: 'acme', hide_hosts: false, redact, set: [] }, deps).edit(
        view,
        number++,
      )
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
      const { buf, start, end } = new Editor(edit, deps).edit(makeView({ host, message }), number++)
      const found = buf.toString('utf8', start, end)
      const alone = new RegExp(`(?<![\\w-])${host.replaceAll('.', '\\.')}(?![\\w-])`, 'i')
      expect(alone.test(found)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})
