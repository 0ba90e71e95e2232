/** Any header that a sender may write is read into its fields, and the fields give the header again, byte for byte. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scanHeader } from '../../src/classify/header.ts'
import { EventFlag, type EventView, HeaderForm } from '../../src/classify/view.ts'
import { viewOf } from '../support/classify.ts'

const ASCII = Array.from({ length: 94 }, (_, n) => String.fromCharCode(n + 33))
const word = (max: number, without = ''): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...ASCII.filter((c) => !without.includes(c))),
    minLength: 1,
    maxLength: max,
  })
const field = (max: number): fc.Arbitrary<string> => word(max)
const two = (max: number, least = 0): fc.Arbitrary<string> =>
  fc.integer({ min: least, max }).map((n) => String(n).padStart(2, '0'))
const clock = fc.tuple(two(23), two(59), two(59)).map((parts) => parts.join(':'))
const fraction = fc.option(
  fc
    .integer({ min: 1, max: 6 })
    .chain((n) => fc.nat(10 ** n - 1).map((f) => `.${String(f).padStart(n, '0')}`)),
  {
    nil: '',
  },
)
const rfc3339 = fc
  .tuple(
    fc.nat(9999).map((n) => String(n).padStart(4, '0')),
    two(12, 1),
    two(28, 1),
    clock,
    fraction,
    fc.oneof(
      fc.constant('Z'),
      fc.tuple(fc.constantFrom('+', '-'), two(23), two(59)).map(([sign, h, m]) => `${sign}${h}:${m}`),
    ),
  )
  .map(([y, mo, d, hms, f, zone]) => `${y}-${mo}-${d}T${hms}${f}${zone}`)
const bsd = fc
  .tuple(
    fc.constantFrom(...'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')),
    fc.integer({ min: 1, max: 28 }).map((n) => String(n).padStart(2, ' ')),
    clock,
  )
  .map((parts) => parts.join(' '))
const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const sdValue = fc.string({ unit: 'grapheme', maxLength: 12 }).map((v) => v.replaceAll(/[\\"\]]/g, '\\$&'))
const sdName = word(32, '="]')
const element = fc
  .tuple(sdName, fc.array(fc.tuple(sdName, sdValue), { maxLength: 3 }))
  .map(([id, params]) => ({ id, text: `[${id}${params.map(([n, v]) => ` ${n}="${v}"`).join('')}]` }))
const sd = fc.oneof(
  fc.constant('-'),
  fc
    .uniqueArray(element, { minLength: 1, maxLength: 4, selector: ({ id }) => id })
    .map((all) => all.map((e) => e.text).join('')),
)
const pri = fc.nat(191)

const span = (view: EventView, start: number, end: number): string =>
  start < 0 ? '-' : view.buf.toString('utf8', start, end)

function scanned(line: string): EventView {
  const view = viewOf(line)
  scanHeader(view)
  return view
}

/** RFC 5424 from its fields; where the message is absent, so is the blank before it. */
function rebuilt5424(view: EventView, bom: boolean, message: boolean): string {
  const fields = [
    span(view, view.time_start, view.time_end),
    span(view, view.host_start, view.host_end),
    span(view, view.app_start, view.app_end),
    span(view, view.proc_start, view.proc_end),
    span(view, view.msgid_start, view.msgid_end),
    span(view, view.sd_start, view.sd_end),
  ]
  const tail = message ? ` ${bom ? '\uFEFF' : ''}${span(view, view.msg_start, view.end)}` : ''
  return `<${view.pri}>${view.version} ${fields.join(' ')}${tail}`
}

test('RFC 5424: the fields give the line again, and it is valid', () => {
  const nil = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | '-'> => fc.oneof(fc.constant('-' as const), some)
  const parts = fc.tuple(
    pri,
    fc.integer({ min: 1, max: 999 }),
    nil(rfc3339),
    nil(field(255)),
    nil(field(48)),
    nil(field(128)),
    nil(field(32)),
    sd,
    fc.boolean(),
    fc.option(text),
  )
  fc.assert(
    fc.property(parts, ([p, version, time, host, app, proc, msgid, data, bom, body]) => {
      const message = body === null ? '' : ` ${bom ? '\uFEFF' : ''}${body}`
      fc.pre(bom || body?.startsWith('\uFEFF') !== true)
      const line = `<${p}>${version} ${time} ${host} ${app} ${proc} ${msgid} ${data}${message}`
      const view = scanned(line)
      expect(rebuilt5424(view, bom, body !== null)).toBe(line)
      expect(view.form).toBe(HeaderForm.rfc5424)
      expect(view.flags & EventFlag.invalid).toBe(0)
    }),
    { numRuns: 1000 },
  )
})

/** A host that nothing else can be: neither a tag, nor nil, nor text. */
const host = word(60, ':]').filter(
  (name) => !/^(-|%.*|--.*|.*,|INET6?|\(.*|(Em|Al|Cr|Er|Wa|No|In|Db)\(.*)$/.test(name),
)
const program = word(60, ':[').filter((name) => !/^["%{]/.test(name))
const pid = fc.option(word(30, '[]'))
const tag = fc.tuple(program, pid)
const written = ([name, id]: readonly [string, string | null]): string =>
  id === null ? `${name}:` : `${name}[${id}]:`

function rebuiltBsd(view: EventView): string {
  const id = view.proc_start < 0 ? null : span(view, view.proc_start, view.proc_end)
  const tag_text = written([span(view, view.app_start, view.app_end), id])
  const head = `<${view.pri}>${span(view, view.time_start, view.time_end)} ${span(view, view.host_start, view.host_end)} `
  return `${head}${tag_text} ${span(view, view.msg_start, view.end)}`
}

test.each([
  ['RFC 3164', bsd, HeaderForm.rfc3164],
  ['ESXi', rfc3339, HeaderForm.rfc3339],
] as const)('%s: the fields give the line again, and it is valid', (_, time, form) => {
  fc.assert(
    fc.property(pri, time, host, tag, text, (p, stamp, name, program_pid, body) => {
      const line = `<${p}>${stamp} ${name} ${written(program_pid)} ${body}`
      const view = scanned(line)
      expect(rebuiltBsd(view)).toBe(line)
      expect(view.form).toBe(form)
      expect(view.flags & (EventFlag.invalid | EventFlag.complete_header)).toBe(EventFlag.complete_header)
    }),
    { numRuns: 1000 },
  )
})

test('what is left out, doubled or put in front is found missing, and the rest is read all the same', () => {
  const line = fc.tuple(
    pri,
    rfc3339,
    host,
    field(48),
    two(59),
    field(32),
    sd.filter((data) => data !== '-'),
    text,
  )
  fc.assert(
    fc.property(line, ([p, time, name, app, proc, msgid, data, body]) => {
      fc.pre(!app.endsWith(':') && !app.includes('[') && !body.startsWith('\uFEFF'))
      const fields = `${time} ${name} ${app} ${proc} ${msgid} ${data} ${body}`
      const forms = [
        `<${p}>${fields}`,
        `1 ${fields}`,
        fields,
        `<${p + 192}>1 ${fields}`,
        `<-1>1 ${fields}`,
        `<>1 ${fields}`,
        `<${p}> 1 ${fields}`,
        `<${p}>1  ${fields}`,
        `${fields.length} <${p}>1 ${fields}`,
        `<${p}>0 ${fields}`,
      ]
      for (const form of forms) {
        const view = scanned(form)
        const said = rebuilt5424(view, false, true).replace(/^<-?\d+>-?\d+ /, '')
        expect(said, form).toBe(fields)
        expect(view.flags & EventFlag.invalid, form).not.toBe(0)
      }
    }),
    { numRuns: 300 },
  )
})

test('behind a relay the inner header is text, whichever the two are', () => {
  const inner = fc.oneof(
    fc.tuple(pri, bsd, host, tag).map(([p, time, name, t]) => `<${p}>${time} ${name} ${written(t)} text`),
    fc.tuple(bsd, host, tag).map(([time, name, t]) => `${time} ${name} ${written(t)} text`),
    fc.tuple(pri, rfc3339, host).map(([p, time, name]) => `<${p}>1 ${time} ${name} app - - - text`),
    fc.tuple(rfc3339, host, tag).map(([time, name, t]) => `${time} ${name} ${written(t)} text`),
  )
  fc.assert(
    fc.property(pri, fc.oneof(bsd, rfc3339), inner, (p, time, line) => {
      const view = scanned(`<${p}>${time} relay ${line}`)
      expect(span(view, view.host_start, view.host_end)).toBe('relay')
      expect(span(view, view.msg_start, view.end)).toBe(line)
      expect(view.flags & EventFlag.invalid).not.toBe(0)
    }),
    { numRuns: 500 },
  )
})
