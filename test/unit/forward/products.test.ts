/** What do the answers of Splunk and Elasticsearch mean, whatever is in them? */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bulkOutcome } from '../../../src/forward/elasticsearch.ts'
import type { Answer } from '../../../src/forward/outcome.ts'
import { hecOutcome } from '../../../src/forward/splunk-hec.ts'
import { Work } from '../../../src/forward/work.ts'
import { makeBatch } from '../../support/batches.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')
const answer = (status: number, body: unknown, over: Partial<Answer> = {}): Answer => ({
  status,
  retry_after: undefined,
  text: typeof body === 'string' ? body : JSON.stringify(body),
  whole: true,
  ...over,
})

describe('splunk', () => {
  test.each([
    [200, 0, 'delivered'],
    [403, 1, 'paused'],
    [401, 2, 'paused'],
    [401, 3, 'paused'],
    [403, 4, 'paused'],
    [400, 5, 'events'],
    [400, 6, 'events'],
    [400, 7, 'paused'],
    [500, 8, 'retry'],
    [503, 9, 'retry'],
    [400, 10, 'paused'],
    [400, 11, 'paused'],
    [400, 12, 'events'],
    [400, 13, 'events'],
    [400, 14, 'paused'],
    [400, 15, 'events'],
    [400, 16, 'paused'],
    [503, 18, 'retry'],
    [503, 23, 'retry'],
    [429, 26, 'retry'],
  ])('%i with code %i: %s', (status, code, kind) => {
    expect(hecOutcome(answer(status, { text: 'x', code }), false, NOW).kind).toBe(kind)
  })

  test('a wrong index is the event’s fault where the index is', () => {
    expect(hecOutcome(answer(400, { code: 7 }), true, NOW).kind).toBe('events')
  })

  test('the event to blame is believed when it is a number', () => {
    const said = (at: unknown) => hecOutcome(answer(400, { code: 6, 'invalid-event-number': at }), false, NOW)
    expect(said(3)).toMatchObject({ at: 3 })
    for (const at of [-1, 1.5, '3', null, 1e300]) expect(said(at)).not.toHaveProperty('at')
  })

  test('413 without JSON is about size', () => {
    expect(hecOutcome(answer(413, 'too large'), false, NOW)).toMatchObject({
      kind: 'events',
      too_large: true,
    })
  })
})

describe('elasticsearch', () => {
  const items = (...statuses: number[]) =>
    answer(200, {
      errors: true,
      items: statuses.map((status) => ({
        create: { status, ...(status < 300 ? {} : { error: { type: 't', reason: 'r' } }) },
      })),
    })

  test('each event has its own status', () => {
    expect(bulkOutcome(items(201, 200, 409), 3, NOW)).toEqual({ kind: 'delivered' })
    expect(bulkOutcome(items(201, 429, 400, 503, 404), 5, NOW)).toMatchObject({
      kind: 'items',
      later: [1, 3],
      refused: [
        { n: 2, why: 'answered 400 "t: r"' },
        { n: 4, why: 'answered 404 "t: r"' },
      ],
      wait: { kind: 'backoff' },
    })
  })

  test('a Retry-After on the whole is obeyed', () => {
    const late = { ...items(429), retry_after: '7' }
    expect(bulkOutcome(late, 1, NOW)).toMatchObject({ wait: { kind: 'named', ms: 7000 } })
  })

  test('what was not read whole is no delivery', () => {
    const cut = { ...items(201, 201), whole: false }
    expect(bulkOutcome(cut, 2, NOW).kind).toBe('events')
    expect(bulkOutcome(cut, 1, NOW).kind).toBe('retry')
  })
})

test('nothing that an answer holds throws, and only what says so is delivered', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom('{"items":[null]}', '{"items":[{"create":3}]}', '[]'),
  )
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), anything, (status, text) => {
      const got = answer(status, text)
      for (const outcome of [bulkOutcome(got, 2, NOW), hecOutcome(got, false, NOW)])
        if (status < 200 || status > 299) expect(outcome.kind).not.toBe('delivered')
      expect(bulkOutcome(got, 2, NOW).kind).not.toBe('delivered')
    }),
  )
})

test('whatever an answer says of which events, each is done, dropped or sent again, and none twice', () => {
  const draws = fc.array(fc.tuple(fc.constantFrom('all', 'items', 'isolate', 'split'), fc.nat(), fc.nat()), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      draws,
      (sizes, steps) => {
        const batches = sizes.map((size, sequence) =>
          makeBatch({ events: Array.from({ length: size }, () => ({ text: 'x' })), sequence }),
        )
        const work = new Work(batches)
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const done = new Map<number, number>()
        const take = (event: number): void => void done.set(event, (done.get(event) ?? 0) + 1)
        let step = 0
        for (let guard = 0; work.current !== undefined; guard += 1) {
          expect(guard).toBeLessThan(1000)
          const sent: number[] = []
          work.visit(work.current.from, (_, __, event) => {
            sent.push(event)
            return true
          })
          const [how, a, b] = steps[step] ?? (['all', 0, 0] as const)
          step += 1
          if (sent.length === 0) work.done()
          else if (how === 'items') {
            const later = sent.filter((event) => (event + a) % 3 === 0)
            const refused = sent.filter((event) => (event + a) % 3 === 1 && (event + b) % 2 === 0)
            for (const event of refused) work.drop(event, 'rejected')
            for (const event of sent) if (!later.includes(event)) take(event)
            work.keep(later)
          } else if (how === 'isolate' && work.isolate(sent[a % sent.length] ?? 0)) continue
          else if (how === 'split' && work.split()) continue
          else {
            for (const event of sent) take(event)
            work.done()
          }
        }
        expect(done.size).toBe(total)
        for (const times of done.values()) expect(times).toBe(1)
        expect(work.finished().length).toBe(batches.length)
        expect(work.abandon()).toEqual([])
      },
    ),
  )
})
