import { describe, expect, test } from 'vitest'
import { outcomeOf, retryAfter } from '../../../src/forward/outcome.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')
const answer = (status: number, retry_after?: string): Parameters<typeof outcomeOf>[0] => ({
  status,
  retry_after,
  text: '',
})

describe('every status has one meaning', () => {
  const delivered = [200, 201, 202, 204, 299]
  const events = [400, 413, 422]
  const retry = [408, 425, 429, 440, 500, 502, 503, 504, 599]
  const paused = [501, 505, 300, 301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 410, 411, 415, 431, 451]
  test.each([
    ...delivered.map((status) => [status, 'delivered']),
    ...events.map((status) => [status, 'events']),
    ...retry.map((status) => [status, 'retry']),
    ...paused.map((status) => [status, 'paused']),
  ] as [number, string][])('%i is %s', (status, kind) => {
    expect(outcomeOf(answer(status), false, NOW).kind).toBe(kind)
  })

  test('only 413 is about size', () => {
    expect(outcomeOf(answer(413), false, NOW)).toMatchObject({ too_large: true })
    expect(outcomeOf(answer(400), false, NOW)).toMatchObject({ too_large: false })
  })
})

describe('how long to wait', () => {
  test('a 429 of a quota waits slowly, unless a time is named', () => {
    expect(outcomeOf(answer(429), true, NOW)).toMatchObject({ wait: { kind: 'slow' } })
    expect(outcomeOf(answer(429), false, NOW)).toMatchObject({ wait: { kind: 'backoff' } })
    expect(outcomeOf(answer(429, '5'), true, NOW)).toMatchObject({ wait: { kind: 'named', ms: 5000 } })
    expect(outcomeOf(answer(503, '0'), true, NOW)).toMatchObject({ wait: { kind: 'named', ms: 0 } })
  })

  test.each([
    ['120', 120_000],
    [' 7 ', 7000],
    ['0', 0],
    ['86400', 300_000],
    ['9999999999', 300_000],
    ['Fri, 02 Jan 2026 03:04:35 GMT', 30_000],
    ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
    ['Sat, 02 Jan 2027 03:04:35 GMT', 300_000],
    ['Friday, 02-Jan-26 03:04:35 GMT', 30_000],
    ['-5', null],
    ['1e9', null],
    ['soon', null],
    ['', null],
    ['2026', 300_000],
    ['x'.repeat(1000), null],
    [undefined, null],
  ] as const)('Retry-After %j', (text, ms) => {
    expect(retryAfter(text, NOW)).toBe(ms)
  })
})

test('what an answer says is kept short and on one line', () => {
  const outcome = outcomeOf(
    { status: 400, retry_after: undefined, text: `a\r\nb\u0000c${'x'.repeat(5000)}` },
    false,
    NOW,
  )
  expect(outcome).toMatchObject({ kind: 'events' })
  const why = 'why' in outcome ? outcome.why : ''
  expect(why.startsWith('answered 400 "a  b cxxx')).toBe(true)
  expect(why.length).toBeLessThan(200)
})
