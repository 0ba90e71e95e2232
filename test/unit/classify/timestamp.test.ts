import { describe, expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import { scanHeader } from '../../../src/classify/header.ts'
import {
  clockSkewMs,
  eventMs,
  putUtc,
  timestampKind,
  timestampMs,
  timestampText,
  utcText,
} from '../../../src/classify/timestamp.ts'
import { LocalTime, localToUtc, zoneOffset } from '../../../src/classify/zone.ts'
import type { EventView } from '../../../src/classify/view.ts'
import { viewOf } from '../../support/classify.ts'

function read(time: string, received = '2026-02-03T13:00:00Z'): EventView {
  const view = viewOf(`<13>${/^\d/.test(time) ? '1 ' : ''}${time} host app: - - -`, Date.parse(received))
  scanHeader(view)
  return view
}

function stamp(time: string, zone = 'UTC', received = '2026-02-03T13:00:00Z'): string | null {
  const view = read(time, received)
  expect(view.time_start, 'the header has a time').toBeGreaterThan(0)
  const text = timestampText(view, zone)
  const target = new JsonBuffer(64)
  putUtc(target, timestampMs(view, zone))
  expect(target.written().toString()).toBe(JSON.stringify(text))
  return text
}

describe('RFC 3339', () => {
  test.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.6Z', '2026-01-02T03:04:05.600Z'],
    ['2026-01-02T03:04:05.6789999Z', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T03:04:05+05:30', '2026-01-01T21:34:05.000Z'],
    ['2026-01-02T03:04:05-0700', '2026-01-02T10:04:05.000Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59-23:59', null],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2025-02-29T00:00:00Z', null],
    ['1900-02-29T00:00:00Z', null],
    ['2026-06-30T23:59:60Z', null],
    ['2026-06-30T24:00:00Z', null],
    ['2026-06-30T12:00:00+24:00', null],
  ])('%s', (time, expected) => {
    expect(stamp(time)).toBe(expected)
  })

  test("a time without a zone is in the source's", () => {
    expect(stamp('2026-07-02T03:04:05', 'Europe/Berlin')).toBe('2026-07-02T01:04:05.000Z')
  })
})

describe('BSD times', () => {
  test.each([
    ['Feb  3 12:59:59', 'UTC', '2026-02-03T13:00:00Z', '2026-02-03T12:59:59.000Z'],
    ['Dec 31 23:59:59', 'UTC', '2026-01-01T00:00:05Z', '2025-12-31T23:59:59.000Z'],
    ['Jan  1 00:00:05', 'UTC', '2025-12-31T23:59:59Z', '2026-01-01T00:00:05.000Z'],
    // Days ahead: a wrong clock. Months ahead: an old line.
    ['Feb  5 12:00:00', 'UTC', '2026-02-03T13:00:00Z', '2026-02-05T12:00:00.000Z'],
    ['Mar  7 12:00:00', 'UTC', '2026-02-03T13:00:00Z', '2025-03-07T12:00:00.000Z'],
    ['Jan  1 00:00:00', 'UTC', '2025-12-15T12:00:00Z', '2026-01-01T00:00:00.000Z'],
    ['Jan  1 00:30:00', 'Pacific/Kiritimati', '2025-12-31T10:30:00Z', '2025-12-31T10:30:00.000Z'],
    ['Dec 31 23:30:00', 'Pacific/Pago_Pago', '2026-01-01T10:30:00Z', '2026-01-01T10:30:00.000Z'],
    ['Feb 29 12:00:00', 'UTC', '2024-03-01T00:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['Feb 29 12:00:00', 'UTC', '2025-01-05T00:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['Feb 29 12:00:00', 'UTC', '2027-01-05T00:00:00Z', null],
    ['Feb  3 14:00:00', 'Europe/Berlin', '2026-02-03T13:00:00Z', '2026-02-03T13:00:00.000Z'],
    ['Jul  3 14:00:00', 'Europe/Berlin', '2026-07-03T13:00:00Z', '2026-07-03T12:00:00.000Z'],
    ['Jan  1 00:30:00', 'Asia/Kolkata', '2025-12-31T19:00:00Z', '2025-12-31T19:00:00.000Z'],
    ['Mar 29 02:30:00', 'Europe/Berlin', '2026-03-29T02:00:00Z', '2026-03-29T01:30:00.000Z'],
    // Shown twice: the one nearer to the receive time.
    ['Oct 25 02:30:00', 'Europe/Berlin', '2026-10-25T00:30:01Z', '2026-10-25T00:30:00.000Z'],
    ['Oct 25 02:30:00', 'Europe/Berlin', '2026-10-25T01:30:01Z', '2026-10-25T01:30:00.000Z'],
    ['Oct 25 02:59:59', 'Europe/Berlin', '2026-10-25T02:00:00Z', '2026-10-25T01:59:59.000Z'],
    ['Apr  5 02:30:00', 'Australia/Sydney', '2026-04-04T15:30:09Z', '2026-04-04T15:30:00.000Z'],
    ['Apr  5 02:30:00', 'Australia/Sydney', '2026-04-04T16:30:09Z', '2026-04-04T16:30:00.000Z'],
    ['Oct 25 02:30:00', 'America/New_York', '2026-10-25T07:00:00Z', '2026-10-25T06:30:00.000Z'],
    ['Feb  3 12:59:59', 'No/Where', '2026-02-03T13:00:00Z', null],
    ['Feb  3 2020 12:59:59.25', 'UTC', '2026-02-03T13:00:00Z', '2020-02-03T12:59:59.250Z'],
  ])('%s in %s received at %s', (time, zone, received, expected) => {
    expect(stamp(time, zone, received)).toBe(expected)
  })

  test('without a receive time nothing is guessed', () => {
    expect(stamp('Feb  3 12:59:59', 'UTC', '1970-01-01T00:00:00Z')).toBeNull()
  })
})

describe('times that a zone shows twice or never are marked', () => {
  test.each([
    ['Oct 25 02:30:00', 'Europe/Berlin', LocalTime.repeated],
    ['Oct 25 01:59:59', 'Europe/Berlin', LocalTime.once],
    ['Oct 25 02:00:00', 'Europe/Berlin', LocalTime.repeated],
    ['Oct 25 03:00:00', 'Europe/Berlin', LocalTime.once],
    ['Oct 25 02:30:00', 'UTC', LocalTime.once],
    ['2026-10-25T02:30:00', 'Europe/Berlin', LocalTime.repeated],
    ['2026-10-25T02:30:00+02:00', 'Europe/Berlin', LocalTime.once],
    ['2026-03-29T02:30:00', 'Europe/Berlin', LocalTime.skipped],
    ['2026-03-29T01:59:59', 'Europe/Berlin', LocalTime.once],
    ['2026-03-29T03:00:00', 'Europe/Berlin', LocalTime.once],
    ['2026-10-25T02:30:61', 'Europe/Berlin', LocalTime.once],
    ['2026-10-25T02:30:00', 'No/Where', LocalTime.once],
  ])('%s in %s', (time, zone, kind) => {
    expect(timestampKind(read(time, '2026-10-25T02:00:00Z'), zone)).toBe(kind)
  })
})

describe("a sender's clock", () => {
  test.each([
    ['2026-02-03T13:00:05Z', 'UTC', 5000],
    ['2026-02-03T12:59:58.500Z', 'UTC', -1500],
    ['Feb  3 13:00:05', 'UTC', 5000],
    ['Feb  3 14:00:05', 'Europe/Berlin', 5000],
    // The source's zone is wrong: a whole hour.
    ['Feb  3 14:00:00', 'UTC', 3_600_000],
    // A clock that is days ahead or behind is not taken for another year's.
    ['Feb 13 13:00:00', 'UTC', 864_000_000],
    ['Jan 24 13:00:00', 'UTC', -864_000_000],
    ['2025-02-29T12:00:00Z', 'UTC', Number.NaN],
    ['2026-02-03T13:00:00+24:00', 'UTC', Number.NaN],
  ])('%s in %s is off by %d ms', (time, zone, skew) => {
    expect(clockSkewMs(read(time), zone)).toBe(skew)
  })

  test('says nothing of an hour that is shown twice, nor without a time', () => {
    const twice = read('Oct 25 02:30:00', '2026-10-25T01:30:00Z')
    expect(clockSkewMs(twice, 'Europe/Berlin')).toBeNaN()
    const none = viewOf('<13>text')
    scanHeader(none)
    expect(clockSkewMs(none, 'UTC')).toBeNaN()
  })

  test('where the header says nothing, an event happened when it came', () => {
    const none = viewOf('<13>text', 1234)
    scanHeader(none)
    expect(eventMs(none, 'UTC')).toBe(1234)
    expect(eventMs(read('2026-02-03T13:00:00+24:00'), 'UTC')).toBe(Date.parse('2026-02-03T13:00:00Z'))
    expect(eventMs(read('2026-02-03T12:00:00Z'), 'UTC')).toBe(Date.parse('2026-02-03T12:00:00Z'))
  })
})

test('zones are what the platform says, at every hour of a year and around its changes', () => {
  const names = [
    'Europe/Berlin',
    'America/St_Johns',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
    'Asia/Kolkata',
    '-05:00',
  ]
  for (const zone of names) {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    for (let ms = Date.UTC(2025, 11, 30, 23, 59, 59); ms < Date.UTC(2027, 0, 3); ms += 7 * 3_600_000) {
      const part = Object.fromEntries(
        format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
      )
      const local = Date.UTC(
        part['year'] ?? 0,
        (part['month'] ?? 0) - 1,
        part['day'],
        part['hour'],
        part['minute'],
        part['second'],
      )
      if (zoneOffset(zone, ms) !== local - ms) expect.unreachable(`${zone} at ${new Date(ms).toISOString()}`)
      if (localToUtc(zone, local, ms) !== ms)
        expect.unreachable(`${zone} back to ${new Date(ms).toISOString()}`)
    }
  }
})

test('a change of offset is known to the second, and years out of reason cost no memory', () => {
  expect(zoneOffset('Europe/Berlin', Date.UTC(2026, 2, 29, 0, 59, 59, 999))).toBe(3_600_000)
  expect(zoneOffset('Europe/Berlin', Date.UTC(2026, 2, 29, 1))).toBe(7_200_000)
  expect(zoneOffset('Africa/Monrovia', Date.UTC(1972, 0, 7, 0, 44, 29))).toBe(-2_670_000)
  expect(zoneOffset('Africa/Monrovia', Date.UTC(1972, 0, 7, 0, 44, 30))).toBe(0)
  expect(zoneOffset('Europe/Berlin', Date.UTC(2500, 6, 1))).toBe(7_200_000)
  expect(zoneOffset('Europe/Berlin', Date.UTC(1800, 6, 1))).toBe(3_208_000)
  expect(zoneOffset('Europe/Berlin', Number.NaN)).toBeNaN()
})

test('instants that four digits of a year cannot name have no text', () => {
  expect(utcText(Number.NaN)).toBeNull()
  expect(utcText(Number.POSITIVE_INFINITY)).toBeNull()
  expect(utcText(8.64e15)).toBeNull()
  expect(utcText(-1)).toBe('1969-12-31T23:59:59.999Z')
})

test('every day is written as its date', () => {
  const target = new JsonBuffer(64)
  for (let day = -719_528; day <= 2_932_896; day += 37) {
    const ms = day * 86_400_000 + 86_399_999
    target.clear()
    putUtc(target, ms)
    if (target.written().toString() !== JSON.stringify(utcText(ms))) expect.unreachable(String(day))
  }
})
