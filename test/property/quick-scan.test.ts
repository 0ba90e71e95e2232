import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nativeMemory } from '../../src/base/native-memory.ts'
import { readGrammar } from '../../src/classify/classifier.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { labelIsRead, scanQuick } from '../../src/classify/quick/quick-scan.ts'
import { EventFlag, EventView, Fw, Grammar } from '../../src/classify/view.ts'
import { buildLabelTable, LabelTable } from '../../src/rules/label-table.ts'
import { frame } from '../support/firewall-frames.ts'

const HEADER = [
  'form',
  'pri',
  'version',
  'time_start',
  'time_end',
  'host_start',
  'host_end',
  'app_start',
  'app_end',
  'proc_start',
  'proc_end',
  'msgid_start',
  'msgid_end',
  'sd_start',
  'sd_end',
  'msg_start',
  'flags',
] as const

const quick = new EventView()
const slow = new EventView()

function point(view: EventView, buf: Buffer, start: number, end: number): void {
  view.buf = buf
  view.start = start
  view.end = end
  view.flags = EventFlag.control
}

function spans(view: EventView): Record<string, number | undefined> {
  const of: Record<string, number | undefined> = {}
  for (const name of HEADER) of[name] = view[name]
  if (view.grammar === Grammar.none) return of
  of['label_start'] = view.label_start
  of['label_end'] = view.label_end
  for (const [name, slot] of Object.entries(Fw)) {
    if (slot === Fw.slots) continue
    of[name] = view.fw[slot]
    if (view.fw[slot] !== -1) of[`${name}_end`] = view.fw[slot + 1]
  }
  return of
}

/** Whether the quick scanner read the frame; what it read must be what the others read. */
function agrees(buf: Buffer, start: number, end: number): boolean {
  point(quick, buf, start, end)
  if (!scanQuick(quick)) return false
  point(slow, buf, start, end)
  scanHeader(slow)
  if (quick.grammar === Grammar.none) {
    slow.grammar = Grammar.none
    expect(quick.label_start).toBe(-1)
    for (let slot = 0; slot < Fw.slots; slot += 2) expect(quick.fw[slot]).toBe(-1)
  } else expect(readGrammar(slow, quick.grammar)).toBe(true)
  expect(spans(quick), buf.toString('latin1', start, end)).toEqual(spans(slow))
  return true
}

const NOISE = ' <>[]{}%:=";-+/.,09AZafgzTINE16\\\r\n\0\x7f\x80\xef\xff'

/** From 0 to 1, evenly; `fc.double` gives mostly what is next to 0. */
const share = fc.nat(1000).map((n) => n / 1000)

/** A frame with a few bytes changed, put in or taken out, or cut. */
const broken = fc
  .tuple(
    frame,
    fc.array(fc.tuple(share, fc.nat(3), fc.nat(NOISE.length - 1)), {
      maxLength: 3,
    }),
  )
  .map(([text, edits]) => {
    let out = text
    for (const [where, kind, which] of edits) {
      const at = Math.trunc(where * out.length)
      const put = kind === 1 ? '' : NOISE.charAt(which)
      out = kind === 3 ? out.slice(0, at) : out.slice(0, at) + put + out.slice(kind === 0 ? at : at + 1)
    }
    return out
  })
/** A frame with a long run of something in it, so that what is read in pieces of 64 to 1,024 bytes is cut anywhere. */
const stretched = fc
  .tuple(
    fc.oneof(frame, broken),
    share,
    fc.constantFrom('h', ' ', '7', 'ab ', '1 ', 'a', '-', '\xe4 '),
    fc.oneof(fc.nat(80), fc.nat(1500)),
  )
  .map(([text, where, run, times]) => {
    const at = Math.trunc(where * text.length)
    return text.slice(0, at) + run.repeat(times) + text.slice(at)
  })
const around = fc.string({ maxLength: 24, unit: fc.constantFrom(...NOISE.split('')) })

test('what the quick scanner reads is what the scanners read, wherever the frame stands', () => {
  const native = nativeMemory()?.read
  fc.assert(
    fc.property(fc.oneof(frame, broken, stretched), around, around, (text, before, after) => {
      const all = Buffer.from(before + text + after, 'latin1')
      const end = before.length + text.length
      const here = agrees(all, before.length, end)
      if (native === undefined) return
      all.copy(native)
      expect(agrees(native, before.length, end)).toBe(here)
    }),
    { numRuns: Number(process.env['LOGWEIR_FUZZ_RUNS'] ?? 5000) },
  )
})

test('frames as VMware writes them are read quickly, with every body that the grammars read', () => {
  let bodies = 0
  fc.assert(
    fc.property(frame, (text) => {
      const buf = Buffer.from(text, 'latin1')
      expect(agrees(buf, 0, buf.length)).toBe(true)
      if (quick.grammar !== Grammar.none) bodies += 1
      else expect(readGrammar(slow, Grammar.dfw) || readGrammar(slow, Grammar.gateway)).toBe(false)
    }),
    { numRuns: 500 },
  )
  expect(bodies).toBeGreaterThan(100)
})

test('blanks up to and beyond what is listed at once', () => {
  const head = '<1>1 2026-01-02T03:04:05Z h FIREWALL-PKTLOG - - -'
  for (const body of [
    'INET match PASS 5 IN 60 TCP 192.0.2.1/5->192.0.2.2/6 S ACME-label',
    'INET match PASS 5 IN TCP 192.0.2.1->192.0.2.2 S',
    'INET TERM 5 OUT TCP RST 192.0.2.1/5->192.0.2.2/6 1/2 3/4 ACME',
    '<1 0:2a> INET6 match PASS m/5 IN ICMP 8 0 ::1->::2 ACME b',
    'e5d2 INET match DROP 5 IN PROTO 50 192.0.2.1->192.0.2.2 APP_X ACME',
  ]) {
    const words = body.split(' ')
    for (let gap = 0; gap <= words.length; gap++) {
      const before = [head, ...words.slice(0, gap)].join(' ')
      for (const place of [256, 512, 1024, 1280]) {
        for (let at = place - 3; at <= place + 3; at++) {
          const text = `${before.padEnd(at)}${words.slice(gap).join(' ')}`
          const buf = Buffer.from(text)
          agrees(buf, 0, buf.length)
        }
      }
    }
  }
})

test('a label read by the quick scanner is found as one that is read from its bytes', () => {
  const label = fc.string({
    unit: fc.constantFrom(...'aZ@[`{-_ 09\xc3\xe4'.split('')),
    minLength: 1,
    maxLength: 70,
  })
  fc.assert(
    fc.property(label, fc.boolean(), (text, same) => {
      const line = `<1>1 2026-01-02T03:04:05Z h FIREWALL-PKTLOG - - - INET match DROP 1 IN UDP ::/1->::/2 ${text}`
      const buf = Buffer.from(line, 'latin1')
      point(quick, buf, 0, buf.length)
      expect(scanQuick(quick)).toBe(true)
      const { label_start, label_end } = quick
      fc.pre(label_start >= 0)
      expect(labelIsRead(quick)).toBe(label_end - label_start <= 64)
      const bytes = Buffer.from(buf.subarray(label_start, label_end))
      if (!same) bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
      const key = { kind: 0, bytes, exact: false, owner: 1, tenant: 0 }
      const probe = { by: 'x', kind: 0, max: 1024, exact: false, length: 0, part: 'whole' } as const
      const table = new LabelTable(buildLabelTable([key], [[probe]]))
      const found = table.find(0, buf, label_start, label_end)
      expect(table.find(0, buf, label_start, label_end, labelIsRead(quick))).toBe(found)
      if (same) expect(found).toBe(1)
      // Another frame, whoever reads it: the label is not this view's any more.
      point(slow, buf, 0, 20)
      scanQuick(slow)
      expect(labelIsRead(quick)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('headers that only look like ESXi’s are left to the scanners', () => {
  const time = '<13>2026-01-02T03:04:05Z'
  for (const rest of [
    '- prog: text',
    'h %X: text',
    'h {"a": 1}',
    'h {"a: 1',
    'h "a: x',
    '--- prog: text',
    'h p:[x y]',
  ]) {
    const buf = Buffer.from(`${time} ${rest}`)
    agrees(buf, 0, buf.length)
  }
})

test('every fixture gives the same', () => {
  for (const name of ['nsxt-dfw', 'nsxt-gateway', 'nsxv-dfw', 'esxi']) {
    const lines = readFileSync(new URL(`../../fixtures/${name}.log`, import.meta.url), 'latin1').split('\n')
    for (const line of lines) {
      const buf = Buffer.from(line, 'latin1')
      agrees(buf, 0, buf.length)
    }
  }
})
