/** What must hold for every line: header fields come back as they were written, labels stand where the grammar leaves them, and nothing is read twice too often. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Classifier } from '../../src/classify/classifier.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { EventFlag, type EventView, Fw, Grammar, HeaderForm } from '../../src/classify/view.ts'
import { linesOf, Reader, shippedStreams, viewOf } from '../support/classify.ts'

const reader = new Reader()
const text = (view: EventView, start: number, end: number): string | null =>
  start < 0 ? null : view.buf.toString('utf8', start, end)

const printable = (max: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.integer({ min: 33, max: 126 }).map((c) => String.fromCharCode(c)),
    minLength: 1,
    maxLength: max,
  })
const field = (max: number): fc.Arbitrary<string | null> =>
  fc.option(printable(max).filter((word) => word !== '-'))
const digits = (max: number, width: number): fc.Arbitrary<string> =>
  fc.nat(max).map((n) => String(n).padStart(width, '0'))
const plusOne = (two: string): string => String(Number(two) + 1).padStart(2, '0')
const nil = (value: string | null): string => value ?? '-'
const rfc3339 = fc
  .tuple(
    digits(9999, 4),
    digits(11, 2),
    digits(27, 2),
    digits(23, 2),
    digits(59, 2),
    digits(59, 2),
    digits(999_999, 6),
  )
  .map(([y, mo, d, h, mi, s, f]) => {
    return `${y}-${plusOne(mo)}-${plusOne(d)}T${h}:${mi}:${s}.${f}`
  })
  .chain((local) => fc.constantFrom('Z', '+00:00', '-07:30').map((zone) => local + zone))
const message = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((some) => !some.startsWith('\uFEFF'))
const sdName = fc.string({
  unit: fc
    .integer({ min: 33, max: 126 })
    .map((c) => String.fromCharCode(c))
    .filter((c) => !'="]'.includes(c)),
  minLength: 1,
  maxLength: 32,
})
const sdValue = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.replaceAll(/[\\"\]]/g, (special) => `\\${special}`))
const sd = fc.option(
  fc
    .uniqueArray(fc.tuple(sdName, fc.array(fc.tuple(sdName, sdValue), { maxLength: 4 })), {
      minLength: 1,
      maxLength: 4,
      selector: ([id]) => id,
    })
    .map((elements) =>
      elements
        .map(([id, params]) => `[${id}${params.map(([name, value]) => ` ${name}="${value}"`).join('')}]`)
        .join(''),
    ),
)

test('a written RFC 5424 header is read back, valid', () => {
  const parts = fc.tuple(
    fc.nat(191),
    fc.option(rfc3339),
    field(255),
    field(48),
    field(128),
    field(32),
    sd,
    message,
  )
  fc.assert(
    fc.property(parts, ([pri, time, host, app, proc, msgid, data, body]) => {
      const line = `<${pri}>1 ${nil(time)} ${nil(host)} ${nil(app)} ${nil(proc)} ${nil(msgid)} ${nil(data)} ${body}`
      const view = viewOf(line)
      scanHeader(view)
      expect([view.form, view.pri, view.version]).toEqual([HeaderForm.rfc5424, pri, 1])
      expect(text(view, view.time_start, view.time_end)).toBe(time)
      expect(text(view, view.host_start, view.host_end)).toBe(host)
      expect(text(view, view.app_start, view.app_end)).toBe(app)
      expect(text(view, view.proc_start, view.proc_end)).toBe(proc)
      expect(text(view, view.msgid_start, view.msgid_end)).toBe(msgid)
      expect(text(view, view.sd_start, view.sd_end)).toBe(data)
      expect(text(view, view.msg_start, view.end)).toBe(body)
      expect(view.flags & EventFlag.invalid).toBe(0)
      expect((view.flags & EventFlag.complete_header) !== 0).toBe(time !== null && host !== null)
    }),
    { numRuns: 500 },
  )
})

describe('firewall lines', () => {
  const ipv4 = fc.ipV4()
  const ipv6 = fc.tuple(fc.ipV6()).map(([address]) => address.split('.')[0] ?? address)
  const label = fc
    .string({
      unit: fc.constantFrom(...Array.from('abcdef0123456789-_ GloXYZ/>[]:.é')),
      minLength: 1,
      maxLength: 40,
    })
    .map((some) => some.trim())
    .filter((some) => some !== '' && !/^F?S?R?P?A?U?E?W?$/.test(some.split(' ')[0] ?? ''))
  const flow = fc.record({
    six: fc.boolean(),
    reason: fc.constantFrom('match', 'bad-offset', 'SpoofGuard', 'state-mismatch', 'short'),
    action: fc.constantFrom('PASS', 'DROP', 'REJECT', 'NONAT', 'REDIRECT'),
    rule: fc.tuple(fc.constantFrom('', 'mainrs/', 'domain-c7/', 'a/b/'), fc.nat(4_000_000)),
    dir: fc.constantFrom('IN', 'OUT'),
    length: fc.option(fc.nat(65_535)),
    proto: fc.constantFrom('TCP', 'UDP', 'ICMP', 'PROTO 2', 'PROTO 1'),
    src: ipv4,
    dst: ipv4,
    src6: ipv6,
    dst6: ipv6,
    ports: fc.option(fc.tuple(fc.nat(65_535), fc.nat(65_535))),
    flags: fc.constantFrom('', ' S', ' SEW', ' PA', ' FPA'),
    label: fc.option(label),
    term: fc.boolean(),
    counters: fc.option(fc.array(fc.nat(1_000_000_000), { minLength: 4, maxLength: 4 })),
  })

  test('every field and the label come back from where they stand', () => {
    fc.assert(
      fc.property(flow, fc.boolean(), (f, gateway) => {
        const [src, dst] = f.six ? [f.src6, f.dst6] : [f.src, f.dst]
        const [sport, dport] = f.ports === null ? ['', ''] : f.ports.map((port) => `/${port}`)
        const tail = f.term
          ? f.counters && ` ${f.counters[0]}/${f.counters[1]} ${f.counters[2]}/${f.counters[3]}`
          : f.proto === 'TCP' && f.flags
        const body = [
          gateway ? '<12 0123456789abcdef:fedcba9876543210>' : '9a00f3c2',
          f.six ? 'INET6' : 'INET',
          f.term ? `TERM ${f.action}` : `${gateway ? 'reason-match' : f.reason} ${f.action}`,
          `${f.rule[0]}${f.rule[1]} ${f.dir}${f.length === null ? '' : ` ${f.length}`} ${f.proto}`,
          `${src}${sport}->${dst}${dport}${tail || ''}${f.label === null ? '' : ` ${f.label}`}`,
        ].join(' ')
        const program = gateway
          ? '1 2026-02-03T04:05:06Z edge NSX 1 FIREWALL -'
          : '2026-02-03T04:05:06Z esx dfwpktlogs:'
        const view = reader.read(`<13>${program} ${body}`)
        expect(view.grammar).toBe(gateway ? Grammar.gateway : Grammar.dfw)
        const slot = (at: number): string | null => text(view, view.fw[at] ?? -1, view.fw[at + 1] ?? -1)
        expect(slot(Fw.event)).toBe(f.term ? 'TERM' : gateway ? 'match' : f.reason)
        expect(slot(Fw.action)).toBe(f.action)
        expect(slot(Fw.rule_id)).toBe(String(f.rule[1]))
        expect(slot(Fw.direction)).toBe(f.dir)
        expect(slot(Fw.length)).toBe(f.length === null ? null : String(f.length))
        expect(slot(Fw.protocol)).toBe(f.proto.replace('PROTO ', ''))
        expect(slot(Fw.source_ip)).toBe(src)
        expect(slot(Fw.destination_ip)).toBe(dst)
        expect(slot(Fw.source_port)).toBe(f.ports === null ? null : String(f.ports[0]))
        expect(slot(Fw.bytes_out)).toBe(f.term && f.counters !== null ? String(f.counters[3]) : null)
        expect(text(view, view.label_start, view.label_end)).toBe(f.label)
      }),
      { numRuns: 1000 },
    )
  })
})

/** Fixture lines with a few bytes changed, and plain noise. */
const FIXTURES = join(import.meta.dirname, '../../fixtures')
const lines = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => linesOf(readFileSync(join(FIXTURES, name))))
const edit = fc.record({
  at: fc.nat(1000),
  cut: fc.nat(6),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom(...Array.from(' :[]"=-/<>')).map((c) => Buffer.from(c)),
  ),
})
const mutated = fc
  .tuple(fc.constantFrom(...lines), fc.array(edit, { minLength: 1, maxLength: 4 }))
  .map(([line, edits]) =>
    edits.reduce((bytes, { at, cut, put }) => {
      const p = at % (bytes.length + 1)
      return Buffer.concat([bytes.subarray(0, p), put, bytes.subarray(p + cut)])
    }, line),
  )
const anyBytes = fc.oneof(
  { weight: 3, arbitrary: mutated },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 120 }).map((b) => Buffer.from(b)) },
)

type Span = readonly [number, number]

function headerSpans(view: EventView): Span[] {
  const spans: Span[] = [
    [view.time_start, view.time_end],
    [view.host_start, view.host_end],
    [view.app_start, view.app_end],
    [view.proc_start, view.proc_end],
    [view.msgid_start, view.msgid_end],
    [view.sd_start, view.sd_end],
    [view.msg_start, view.end],
  ]
  return spans.filter(([start]) => start !== -1)
}

function spansOf(view: EventView): Span[] {
  const spans: Span[] = [...headerSpans(view), [view.label_start, view.label_end]]
  for (let slot = 0; slot < Fw.slots; slot += 2) spans.push([view.fw[slot] ?? -1, view.fw[slot + 1] ?? -1])
  return spans.filter(([start]) => start !== -1)
}

test('whatever comes, spans stay inside the frame, those of the header apart, and bytes around it change nothing', () => {
  const classifier = new Classifier(shippedStreams())
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const view = reader.read(bytes)
      const header = headerSpans(view).sort(([a], [b]) => a - b)
      for (const [i, [start]] of header.entries())
        expect(start).toBeGreaterThanOrEqual(header[i - 1]?.[1] ?? 0)
      for (const [start, end] of spansOf(view)) {
        expect(start).toBeGreaterThanOrEqual(view.start)
        expect(end).toBeGreaterThanOrEqual(start)
        expect(end).toBeLessThanOrEqual(view.end)
      }
      const alone = viewOf(bytes)
      alone.buf = Buffer.from(bytes)
      alone.start = 0
      alone.end = bytes.length
      classifier.classify(alone)
      const moved = spansOf(view).map(([start, end]) => [start - view.start, end - view.start])
      expect(spansOf(alone)).toEqual(moved)
      expect([alone.stream, alone.flags, alone.form, alone.pri]).toEqual([
        view.stream,
        view.flags,
        view.form,
        view.pri,
      ])
    }),
    { numRuns: 4000 },
  )
})

function hostile(n: number): string[] {
  return [
    `<13>1 2026-02-03T04:05:06Z h a p m ${'[example]'.repeat(n)}`,
    `<13>1 2026-02-03T04:05:06Z h a p m ${Array.from({ length: n }, (_, i) => `[e${i} a="b"]`).join('')}x`,
    `<13>1 2026-02-03T04:05:06Z h a p m [a b="${'\\"'.repeat(n)}`,
    `<13>2026-02-03T04:05:06Z h a p m ${'[e a="b"]'.repeat(n)}x`,
    ...['[', '<', '"', ' ', '0', ':', 'm', 'x ', '[x]: ', '1/'].map((piece) => piece.repeat(n)),
    ...['[', '<', ' ', '0', 'a', 'A', '1 ', '1/'].map(
      (piece) => `<13>2026-02-03T04:05:06Z h dfwpktlogs: ${piece.repeat(n)}`,
    ),
    `<13>Feb  3 04:05:06 h dfwpktlogs: INET match DROP ${'1/'.repeat(n)}`,
    `<13>Feb  3 04:05:06 h dfwpktlogs: INET match DROP 1 IN TCP ${'1.'.repeat(n)}->1`,
    `<13>Feb  3 04:05:06 h x: message repeated 1 times: [ ${'] '.repeat(n)}`,
    `<13>Feb  3 04:05:06 h firewall[]: [u]: DROP_1IN= ${'LEN=1 '.repeat(n)}`,
    `<13>Feb  3 04:05:06 h x[1]: [${'m'.repeat(n)}`,
  ]
}

test('a byte is read a bounded number of times, however hostile the line', () => {
  const classifier = new Classifier(shippedStreams())
  for (const line of hostile(2000)) {
    const view = viewOf(line)
    let reads = 0
    view.buf = new Proxy(view.buf, {
      get(target, key) {
        if (key === 'indexOf')
          return (byte: number, from: number): number => {
            const at = target.indexOf(byte, from)
            reads += (at < 0 ? target.length : at + 1) - from
            return at
          }
        reads += 1
        return Reflect.get(target, key, target) as unknown
      },
    })
    classifier.classify(view)
    expect(reads / line.length, line.slice(0, 80)).toBeLessThan(20)
  }
})
