import { describe, expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import { scanHeader } from '../../../src/classify/header.ts'
import { putUtc, timestampMs, timestampText, utcText } from '../../../src/classify/timestamp.ts'
import { viewOf } from '../../support/classify.ts'

function stamp(time: string, zone = 'UTC', received = '2026-02-03T13:00:00Z'): string | null {
  const view = viewOf(`<13>${/^\d/.test(time) ? '1 ' : ''}${time} host app: - - -`, Date.parse(received))
  scanHeader(view)
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
    ['Feb  5 12:00:00', 'UTC', '2026-02-03T13:00:00Z', '2025-02-05T12:00:00.000Z'],
    ['Feb 29 12:00:00', 'UTC', '2024-03-01T00:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['Feb 29 12:00:00', 'UTC', '2025-01-05T00:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['Feb 29 12:00:00', 'UTC', '2027-01-05T00:00:00Z', null],
    ['Feb  3 14:00:00', 'Europe/Berlin', '2026-02-03T13:00:00Z', '2026-02-03T13:00:00.000Z'],
    ['Jul  3 14:00:00', 'Europe/Berlin', '2026-07-03T13:00:00Z', '2026-07-03T12:00:00.000Z'],
    ['Jan  1 00:30:00', 'Asia/Kolkata', '2025-12-31T19:00:00Z', '2025-12-31T19:00:00.000Z'],
    ['Mar 29 02:30:00', 'Europe/Berlin', '2026-03-29T02:00:00Z', '2026-03-29T01:30:00.000Z'],
    ['Oct 25 02:30:00', 'Europe/Berlin', '2026-10-25T02:00:00Z', '2026-10-25T00:30:00.000Z'],
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
