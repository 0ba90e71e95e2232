/** The classifier asks as few ways as it can: it must answer what one gets who asks all of them, one after the other. */
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Classifier, readGrammar } from '../../src/classify/classifier.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { isEsxi } from '../../src/classify/inner-esxi.ts'
import { isVcd } from '../../src/classify/inner-vcd.ts'
import { isVcenter } from '../../src/classify/inner-vcenter.ts'
import { GRAMMARS } from '../../src/classify/recognise.ts'
import type { GrammarName, StreamMatch, StreamPlan } from '../../src/classify/streams.ts'
import { type EventView, Fw, HEADER_FORM_NAMES } from '../../src/classify/view.ts'
import { linesOf, shippedStreams, viewOf } from '../support/classify.ts'
import { fuzzRuns } from '../support/fuzz.ts'

// ---- all ways, one after the other -------------------------------------------------------------------

interface Element {
  readonly id: string
  readonly params: readonly (readonly [string, string])[]
}

/** Well-formed structured data by a regular expression: values as they are written. */
function elementsOf(text: string): Element[] {
  const found = text.matchAll(/\[([^\s=\]"]+)((?: [^\s=\]"]+="(?:\\["\\\]]|[^"\]])*")*)\]/g)
  return [...found].map(([, id = '', params = '']) => ({
    id,
    params: [...params.matchAll(/ ([^\s=\]"]+)="((?:\\["\\\]]|[^"\]])*)"/g)].map(
      ([, name = '', value = '']) => [name, value] as const,
    ),
  }))
}

class Asker {
  readonly #view: EventView

  constructor(line: Buffer) {
    this.#view = viewOf(line)
    scanHeader(this.#view)
  }

  streamOf(streams: readonly StreamPlan[]): number {
    const ways = streams.flatMap((plan, stream) => plan.match.map((match) => ({ plan, stream, match })))
    const text_only = ({ match }: { readonly match: StreamMatch }): boolean =>
      Object.keys(match).every((key) => ['body', 'ruleset', 'contains'].includes(key))
    const ordered = [...ways.filter((way) => !text_only(way)), ...ways.filter(text_only)]
    return ordered.find(({ plan, match }) => this.#fits(plan, match))?.stream ?? 0
  }

  #text(start: number, end: number): string | null {
    return start < 0 ? null : this.#view.buf.toString('latin1', start, end)
  }

  #fits(plan: StreamPlan, match: StreamMatch): boolean {
    const view = this.#view
    const message = this.#text(view.msg_start, view.end) ?? ''
    const one = (wanted: readonly string[] | undefined, got: string | null): boolean =>
      wanted === undefined || (got !== null && wanted.includes(got))
    const begins = (wanted: readonly string[] | undefined, got: string | null): boolean =>
      wanted === undefined || (got !== null && wanted.some((text) => got.startsWith(text)))
    return (
      one(match.program, this.#text(view.app_start, view.app_end)) &&
      one(match.msg_id, this.#text(view.msgid_start, view.msgid_end)) &&
      begins(match.proc_id, this.#text(view.proc_start, view.proc_end)) &&
      one(match.header, HEADER_FORM_NAMES[view.form] ?? '') &&
      begins(match.message, message.replace(/^ +/, '')) &&
      (match.contains ?? ['']).some((text) => message.slice(0, 512).includes(text)) &&
      this.#sdFits(match.structured_data) &&
      this.#bodyFits(match.body ?? (match.ruleset === undefined ? undefined : plan.grammar), match.ruleset)
    )
  }

  #sdFits(wanted: StreamMatch['structured_data']): boolean {
    if (wanted === undefined) return true
    const { sd_start, sd_end } = this.#view
    return elementsOf(this.#text(sd_start, sd_end) ?? '').some(
      ({ id, params }) =>
        wanted.id.includes(id) &&
        Object.entries(wanted.params).every(([name, values]) =>
          values.includes(params.find(([other]) => other === name)?.[1] ?? '\0'),
        ),
    )
  }

  #bodyFits(body: GrammarName | 'none' | undefined, ruleset: readonly string[] | undefined): boolean {
    const view = this.#view
    if (body === undefined || body === 'none') return ruleset === undefined
    if (body === 'esxi') return isEsxi(view)
    if (body === 'vcenter') return isVcenter(view)
    if (body === 'vcd') return isVcd(view)
    if (!readGrammar(view, GRAMMARS[body])) return false
    const said = this.#text(view.fw[Fw.ruleset] ?? -1, view.fw[Fw.ruleset + 1] ?? -1)
    return ruleset === undefined || (said !== null && ruleset.some((text) => said.startsWith(text)))
  }
}

// ---- lines that hit and just miss --------------------------------------------------------------------

const FIXTURES = join(import.meta.dirname, '../../fixtures')
const lines = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => linesOf(readFileSync(join(FIXTURES, name))))

const streams = shippedStreams()
const texts = (pick: (match: StreamMatch) => readonly string[] | undefined): string[] => [
  ...new Set(streams.flatMap(({ match }) => match.flatMap((one) => pick(one) ?? []))),
]
const programs = texts(({ program }) => program)
const sd_ids = texts(({ structured_data }) => structured_data?.id)
const comps = texts(({ structured_data }) => structured_data?.params['comp'])
const snippets = [
  ...texts(({ contains }) => contains),
  ...texts(({ message }) => message),
  'INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S label',
  '5c4d7b1e INET match DROP domain-c7/3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S label',
  'PASS, domain-c7/1002, IN, 48, TCP, 10.1.2.3, 64208, 10.0.0.5, 443, S',
  '<3 a91a35d4acea4843:8b0fb4b8b5fe50a4> INET reason-match PASS 1 OUT 52 TCP 10.1.2.3/5->10.0.0.5/443',
  '[5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4]: DROP_131073IN=vNic_0 OUT= SRC=10.1.2.3',
  'message repeated 3 times: [ INET match DROP 3061 OUT 52 TCP 10.1.2.3/5->10.0.0.5/443 S label]',
  'Event [3481177] [1-1] [2026-02-03T09:01:01Z] [vim.event.X] [info] [root] [DC] [1] [text]',
  'info vpxd[7] [Originator@6876 sub=x] text',
  'verbose hostd[7] [Originator@6876 sub=x] text',
  'cpu0:33011)WARNING: text',
  '[vmfsCorrelator] 123us: [esx.problem.x] text',
  'INFO Authorization Result: User=x',
  '2026-02-03 04:05:06,789 | INFO     | thread | Class | text | ',
  'some other text',
  '',
]
const some = (from: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...from)
const param = fc.oneof(
  { weight: 3, arbitrary: some(comps).map((comp) => ` comp="${comp}"`) },
  { weight: 1, arbitrary: some([' a="1"', ' audit="true"', ' q="a\\]b\\"\\\\"', ' n\\="x"', ' c=""']) },
)
const element = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: some(sd_ids) }, { weight: 2, arbitrary: some(['x@1', 'y\\', 'z']) }),
    fc.array(param, { maxLength: 3 }),
  )
  .map(([id, params]) => `[${id}${params.join('')}]`)
const sd = fc.oneof(
  fc.constant('-'),
  fc.array(element, { minLength: 1, maxLength: 3 }).map((all) => all.join('')),
)
const program = fc.oneof(some(programs), some(['sudo', 'NSX', 'agent', 'root', '-', 'vpxA']))
const made = fc
  .tuple(
    program,
    some(['-', '12', '[APP/0]', '[']),
    some(['-', 'FIREWALL', 'FIREWALL-PKTLOG', 'x']),
    sd,
    fc.tuple(some(['', ' ', '  ', '\t', 'a ']), some(snippets), some(['', ' tail'])),
    fc.nat(2),
  )
  .map(([app, proc, msg_id, data, message, form]) => {
    const text = message.join('')
    if (form === 0) return `<13>1 2026-02-03T04:05:06Z host ${app} ${proc} ${msg_id} ${data} ${text}`
    const tag = proc === '-' ? app : `${app}[${proc.replace('[', '')}]`
    return `<13>${form === 1 ? '2026-02-03T04:05:06Z' : 'Feb  3 04:05:06'} host ${tag}: ${text}`
  })
  .map((text) => Buffer.from(text, 'latin1'))
const bent = fc
  .tuple(fc.constantFrom(...lines), fc.nat(), fc.nat(255), fc.boolean())
  .map(([line, place, byte, bend]) => {
    const copy = Buffer.from(line)
    if (bend && copy.length > 0) copy[place % copy.length] = byte === 10 ? 11 : byte
    return copy
  })

test('the shipped streams: narrowed down or asked one after the other, the same stream comes out', () => {
  const classifier = new Classifier(streams)
  const seen = new Set<number>()
  fc.assert(
    fc.property(fc.oneof(made, bent), (line) => {
      const view = viewOf(line)
      classifier.classify(view)
      seen.add(view.stream)
      expect(streams[view.stream]?.name).toBe(streams[new Asker(line).streamOf(streams)]?.name)
    }),
    { numRuns: fuzzRuns(3000) },
  )
  expect(seen.size).toBe(streams.length)
})

test('the same with streams of anybody’s own', () => {
  const texts_of = (from: readonly string[]): fc.Arbitrary<string[]> =>
    fc.uniqueArray(some(from), { minLength: 1, maxLength: 3 })
  const match = fc.record(
    {
      program: texts_of(['sudo', 'NSX', 'vpxd', 'hostd']),
      msg_id: texts_of(['FIREWALL', 'x']),
      proc_id: texts_of(['[', '1', '[APP']),
      header: fc.uniqueArray(fc.constantFrom(...HEADER_FORM_NAMES), { minLength: 1, maxLength: 2 }),
      structured_data: fc.record({
        id: texts_of(['nsx@6876', 'x@1', 'tags@47450', 'z', 'y\\']),
        params: fc.constantFrom({}, { comp: ['nsx-edge', 'nsx-manager'] }, { a: ['1'] }),
      }),
      message: texts_of(['Event', ' some', '\t', 's', '[']),
      contains: texts_of(['INET', 'text', '] [', 'DROP 3061 OUT', 'label', 'e']),
      body: fc.constantFrom<GrammarName>('dfw', 'gateway', 'nsxv_edge', 'esxi', 'vcenter', 'vcd'),
    },
    { requiredKeys: [] },
  )
  const plan = fc.record({
    name: fc.constant('s'),
    grammar: fc.constant('none' as const),
    match: fc.array(match, { minLength: 1, maxLength: 3 }),
    label: fc.constant('none' as const),
    label_formats: fc.constant([]),
  })
  const other: StreamPlan = { name: 'other', grammar: 'none', match: [], label: 'none', label_formats: [] }
  fc.assert(
    fc.property(
      fc.array(plan, { maxLength: 5 }),
      fc.array(made, { minLength: 1, maxLength: 8 }),
      (own, some_lines) => {
        const all = [other, ...own]
        const classifier = new Classifier(all)
        for (const line of some_lines) {
          const view = viewOf(line)
          classifier.classify(view)
          expect(view.stream).toBe(new Asker(line).streamOf(all))
        }
      },
    ),
    { numRuns: fuzzRuns(1000) },
  )
})
