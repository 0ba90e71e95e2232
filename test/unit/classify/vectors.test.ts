/** Does a header say here what other programs' tests expect of it, or is the difference written down with a reason? */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { eventObject } from '../../../src/classify/event-json.ts'
import { octetCountEnd } from '../../../src/classify/header-odd.ts'
import { scanHeader } from '../../../src/classify/header.ts'
import { bsdTimeEnd, rfc3339End, yearFirstEnd } from '../../../src/classify/time-scan.ts'
import { EventFlag, HeaderForm, type EventView } from '../../../src/classify/view.ts'
import { RECEIVED_AT, viewOf } from '../../support/classify.ts'
import {
  decidedIds,
  type ExpectedFields,
  type FieldCase,
  frameOf,
  type MessageCase,
  readCases,
} from '../../support/vectors.ts'

const HOUR_MS = 3_600_000

function scanned(line: Buffer | string, received?: number): EventView {
  const view = viewOf(line, received)
  scanHeader(view)
  return view
}

/** Where the peer fixed the year of a BSD time, the event came an hour later. */
function receivedAt({ timestamp, timestamp_local }: ExpectedFields): number {
  const instant = timestamp ?? (timestamp_local === undefined ? undefined : `${timestamp_local}Z`)
  return instant === undefined ? RECEIVED_AT : Date.parse(instant) + HOUR_MS
}

/** What the expectation asks, as the event says it: absent, empty and "the sender's address" are one. */
function asked(view: EventView, zone: string, want: ExpectedFields): [object, object] {
  const event = eventObject(view, 'other', { zone })
  const said: ExpectedFields = {
    facility: event.facility,
    severity: event.severity,
    version: event.version,
    timestamp: event.timestamp,
    timestamp_yearless: event.timestamp?.slice(5, 19) ?? '',
    timestamp_local: event.timestamp?.slice(0, 19) ?? '',
    hostname: event.hostname,
    appname: event.app_name,
    procid: event.proc_id,
    msgid: event.msg_id,
    structured_data: event.structured_data,
    message: event.message,
    message_base64: view.buf.toString('base64', view.msg_start, view.end),
  }
  const ours: Record<string, unknown> = {}
  const theirs: Record<string, unknown> = {}
  for (const key of Object.keys(said) as (keyof ExpectedFields)[]) {
    const wanted = want[key]
    if (wanted === undefined) continue
    const other_words = want.timestamp_yearless ?? want.timestamp_local
    if (key === 'timestamp' && wanted === null && other_words !== undefined) continue
    ours[key] = normal(key, said[key])
    theirs[key] = normal(key, wanted)
  }
  return [ours, theirs]
}

function normal(key: string, value: unknown): unknown {
  if (key === 'structured_data') return JSON.parse(JSON.stringify(value ?? {}))
  if (typeof value !== 'string' || key === 'message_base64') return value
  // Ours are whole milliseconds.
  if (key === 'timestamp') return Math.floor(Date.parse(value))
  if (key === 'timestamp_yearless') return value.slice(0, 14)
  if (key === 'timestamp_local') return value.slice(0, 19)
  return value === '' || value === '<peer address>' ? null : value
}

function agrees(view: EventView, zone: string, want: ExpectedFields): boolean {
  const [ours, theirs] = asked(view, zone, want)
  try {
    expect(ours).toEqual(theirs)
    return true
  } catch {
    return false
  }
}

/** Why a case differs, or nothing. */
function difference(one: MessageCase): string | undefined {
  const expected = one.expect ?? {}
  const view = scanned(frameOf(one), receivedAt(expected))
  const zone = one.options?.how === undefined ? (one.options?.timezone ?? 'UTC') : 'UTC'
  const valid = (view.flags & EventFlag.invalid) === 0
  if (one.strict_grammar !== undefined && one.strict_grammar !== valid) return `valid is ${valid}`
  if (one.raw_structured_data !== undefined) {
    const raw = view.buf.toString('utf8', view.sd_start, view.sd_end)
    if (raw !== one.raw_structured_data) return `structured data is ${raw}`
  }
  if (!one.valid) {
    if (valid) return 'valid'
    // Peers that stop at the first mistake found no more than what is there.
    const parts = Object.entries(one.partial ?? {}).filter(
      ([key, value]) => value !== null && key !== 'structured_data' && !key.startsWith('message'),
    )
    return view.form === HeaderForm.none || agrees(view, zone, Object.fromEntries(parts))
      ? undefined
      : 'partial'
  }
  if (!agrees(view, zone, expected)) return JSON.stringify(asked(view, zone, expected))
  const peers = Object.values(one.expect_by ?? {}).filter((peer) => peer.valid !== false)
  if (peers.length > 0 && !peers.some((peer) => agrees(view, zone, peer))) return 'no peer agrees'
  return undefined
}

describe.each([
  ['rfc5424.jsonl', 'RFC 5424 vectors'],
  ['rfc3164.jsonl', 'RFC 3164 vectors'],
])('%s', (file, heading) => {
  const all = readCases<MessageCase>(file)
  const listed =
    all.length === 0
      ? new Set<string>()
      : decidedIds(
          heading,
          all.map(({ id }) => id),
        )

  test.skipIf(all.length === 0)('every case says what is expected, or is listed', () => {
    const wrong = all.flatMap((one) => {
      const differs = difference(one)
      if (listed.has(one.id)) return differs === undefined ? [`${one.id}: listed, but does not differ`] : []
      return differs === undefined ? [] : [`${one.id}: ${differs}`]
    })
    expect(wrong).toEqual([])
    expect(all.length).toBeGreaterThan(300)
  })
})

const HEAD = '<13>1 2026-02-03T04:05:06Z'

/** What is read of one part of a message, in the form in which its cases expect it; null where it is not valid. */
function readField({ id, kind, raw, valid, clock }: FieldCase): unknown {
  const text = (view: EventView, start: number, end: number): string | null =>
    start < 0 ? null : view.buf.toString('utf8', start, end)
  switch (kind) {
    case 'structured-data': {
      const view = scanned(`${HEAD} h a p m ${raw}`)
      const event = eventObject(view, 'other')
      if (view.sd_start < 0 && raw !== '-') return null
      return event.valid || valid ? (event.structured_data ?? {}) : null
    }
    case 'timestamp-rfc5424': {
      const event = eventObject(scanned(`<13>1 ${raw} h a p m -`), 'other')
      return event.valid ? event.timestamp : null
    }
    case 'timestamp-rfc3164':
    case 'year-rule': {
      const view = scanned(`<13>${raw} h a: text`, clock === undefined ? RECEIVED_AT : Date.parse(clock))
      return view.form === HeaderForm.rfc3164 ? eventObject(view, 'other').timestamp : null
    }
    case 'timestamp':
      return consumed(Buffer.from(raw), id.includes('/iso/'))
    case 'pri':
    case 'prival': {
      const view = scanned(kind === 'pri' ? raw : `<${raw}>`)
      return view.pri >= 0 && view.pri <= 191 ? view.pri : null
    }
    case 'tag': {
      const view = scanned(`<13>Feb  3 04:05:06 h ${raw}`)
      return text(view, view.app_start, view.app_end)
    }
    case 'hostname': {
      const view = scanned(`<13>Feb  3 04:05:06 ${raw}a: text`)
      return text(view, view.host_start, view.host_end)
    }
    case 'app-name':
    case 'procid':
    case 'msgid': {
      const fields = ['app-name', 'procid', 'msgid'].map((name) => (name === kind ? raw.trim() : '-'))
      const view = scanned(`${HEAD} h ${fields.join(' ')} - text`)
      return (view.flags & EventFlag.invalid) === 0 ? raw.trim() : null
    }
    case 'octet-prefix': {
      const bytes = Buffer.from(raw)
      return { verdict: octetCountEnd(bytes, 0, bytes.length) === 0 ? 'no' : 'yes' }
    }
    default:
      return `a kind that this test does not know: ${kind}`
  }
}

/** The length of the time at the head of a text. */
function consumed(text: Buffer, iso: boolean): unknown {
  const blank = text.indexOf(' ')
  const { length } = text
  const end = iso
    ? rfc3339End(text, 0, blank === -1 ? length : blank)
    : bsdTimeEnd(text, 0, length) || yearFirstEnd(text, 0, length)
  return end === 0 ? null : { consumed: Math.abs(end) }
}

function fieldAgrees(one: FieldCase): boolean {
  const said = readField(one)
  const { expect: wanted } = one
  if (one.yearless !== undefined) return typeof said === 'string' && said.slice(5, 19) === one.yearless
  if (one.kind.startsWith('timestamp-') || one.kind === 'year-rule') {
    const instant = (value: unknown): number | null =>
      typeof value === 'string' ? Math.floor(Date.parse(value)) : null
    return instant(said) === instant(wanted)
  }
  // Only framing can wait for more: here the frame is whole.
  if (one.kind === 'octet-prefix' && JSON.stringify(wanted) === '{"verdict":"need more"}')
    return JSON.stringify(said) === '{"verdict":"no"}'
  return JSON.stringify(said) === JSON.stringify(one.valid || one.kind === 'octet-prefix' ? wanted : null)
}

describe('fields.jsonl', () => {
  const all = readCases<FieldCase>('fields.jsonl')
  const listed =
    all.length === 0
      ? new Set<string>()
      : decidedIds(
          'Field vectors',
          all.map(({ id }) => id),
        )

  test.skipIf(all.length === 0)('every part says what is expected, or is listed', () => {
    const wrong = all.flatMap((one) => {
      const same = fieldAgrees(one)
      if (listed.has(one.id)) return same ? [`${one.id}: listed, but does not differ`] : []
      return same ? [] : [`${one.id}: ${JSON.stringify(readField(one))}`]
    })
    expect(wrong).toEqual([])
    expect(all.length).toBeGreaterThan(100)
  })
})
