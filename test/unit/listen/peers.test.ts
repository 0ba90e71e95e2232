import { describe, expect, test } from 'vitest'
import { ConnectionCounts } from '../../../src/listen/limits.ts'
import { PeerRates } from '../../../src/listen/peer-rates.ts'
import { PeerTable, type Remembered } from '../../../src/listen/peer-table.ts'
import { newBucket, takeToken } from '../../../src/listen/rates.ts'
import { Refusals } from '../../../src/listen/refusals.ts'
import { bench } from '../../support/intake.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const entry = (): Remembered => ({ recent: false })

describe('rates', () => {
  test('a second’s worth at once, then the rate', () => {
    const bucket = newBucket(10, 1000)
    const taken = (now: number, tries: number): number =>
      Array.from({ length: tries }, () => takeToken(bucket, 10, now)).filter(Boolean).length
    expect(taken(1000, 30)).toBe(10)
    expect(taken(1050, 30)).toBe(0)
    expect(taken(1500, 30)).toBe(5)
    expect(taken(1_000_000, 30)).toBe(10)
  })

  test('over a long time the rate is kept, however the events come', () => {
    const bucket = newBucket(100, 0)
    let taken = 0
    for (let now = 0; now <= 10_000; now += 1) if (takeToken(bucket, 100, now)) taken++
    expect(taken).toBeGreaterThanOrEqual(1090)
    expect(taken).toBeLessThanOrEqual(1100)
  })
})

describe('rates of peers', () => {
  test('connections of one peer share a bucket, also one that comes right after another', () => {
    const rates = new PeerRates(10)
    const bucket = rates.acquire('a', 0)
    expect(rates.acquire('a', 0)).toBe(bucket)
    expect(rates.acquire('b', 0)).not.toBe(bucket)
    rates.release('a', 10)
    rates.release('a', 20)
    expect(rates.acquire('a', 900)).toBe(bucket)
  })

  test('what is remembered is bounded by open connections and the last seconds (R33)', () => {
    const rates = new PeerRates(10)
    const steady = rates.acquire('steady', 0)
    for (let i = 0; i < 1_000_000; i++) {
      rates.acquire(`${i}`, i)
      rates.release(`${i}`, i)
    }
    expect(rates.size).toBeLessThanOrEqual(2001)
    for (let i = 0; i < 200_000; i++) {
      rates.acquire(`at once ${i}`, 1_000_000)
      rates.release(`at once ${i}`, 1_000_000)
    }
    expect(rates.size).toBeLessThanOrEqual(65_537)
    expect(rates.acquire('steady', 1_000_000)).toBe(steady)
  })
})

describe('the table of peers (R33)', () => {
  test('is bounded whatever is forged, and keeps who is seen again and again', () => {
    const table = new PeerTable<Remembered>(1000)
    table.set('steady', entry())
    for (let i = 0; i < 1_000_000; i++) {
      table.set(`forged ${i}`, { recent: false })
      if (i % 500 === 0) expect(table.get('steady')).toBeDefined()
    }
    expect(table.size).toBe(1000)
    expect(table.get('forged 0')).toBeUndefined()
    expect(table.get('forged 999999')).toBeDefined()
  })

  test('a table full of steady peers still lets go of one', () => {
    const table = new PeerTable<Remembered>(20)
    for (let i = 0; i < 20; i++) table.set(`${i}`, entry())
    for (let i = 0; i < 20; i++) table.get(`${i}`)
    table.set('new', entry())
    expect(table.size).toBe(20)
    expect(table.get('new')).toBeDefined()
  })
})

test('connections are counted in all and by address, and forgotten', () => {
  const counts = new ConnectionCounts(3, 2)
  counts.add('a')
  counts.add('a')
  expect(counts.over('a')).toBe('per_address')
  expect(counts.over('b')).toBe(null)
  counts.add('b')
  expect(counts.over('c')).toBe('max')
  counts.remove('a')
  expect(counts.over('a')).toBe(null)
})

test('refusals are all counted and named once in ten seconds, with how many were not named (R70)', () => {
  const clock = new ManualClock()
  const { tally, said, deps } = bench({}, clock)
  const refusals = new Refusals('l', tally, clock, deps.log)
  for (let i = 0; i < 1000; i++) refusals.refuse('rate', `10.0.0.${i % 250}`)
  refusals.refuse('empty', '10.0.0.1')
  clock.advance(10_000)
  refusals.refuse('rate', '10.0.0.9', 'more')
  expect(tally.reasons).toEqual({ rate: 1001, empty: 1 })
  expect(said.map(({ fields }) => fields)).toEqual([
    { listener: 'l', reason: 'rate', peer: '10.0.0.0' },
    { listener: 'l', reason: 'empty', peer: '10.0.0.1' },
    { listener: 'l', reason: 'rate', peer: '10.0.0.9', detail: 'more', unnamed_before: 999 },
  ])
})
