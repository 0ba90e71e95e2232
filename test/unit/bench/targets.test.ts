/** The judge of the benchmark: does it believe only what was counted right, and compare with the better peer? */
import { expect, test } from 'vitest'
import type { Measured } from '../../../bench/lib/measure.ts'
import { type Extras, judge } from '../../../bench/lib/targets.ts'

const nothing: Extras = { idle_mb: null, stalled: null, frame_socket: null, frame_framing: null }
const TEN = 'tcp-newline_10_1_tenants'

function measured(router: string, cpu: number, more: Partial<Measured> = {}): Measured {
  const row = {
    row: TEN,
    router,
    events: 1,
    cpu,
    events_per_second: 1,
    first_cpu: 1,
    drops: 0,
    rss_mb: 1,
    wrong: null,
  }
  return { ...row, ...more }
}

function verdictOf(start: string, results: readonly Measured[], extras = nothing): string | undefined {
  return judge(results, extras).find((v) => v.target.startsWith(start))?.verdict
}

test('Logweir is compared with the better of the peers', () => {
  const peers = [measured('rsyslog', 6), measured('syslog-ng', 9), measured('rsyslog-lookup', 14)]
  expect(verdictOf('10 tenants, TCP to TCP: at most 1/6', [...peers, measured('logweir', 1)])).toBe('pass')
  expect(verdictOf('10 tenants, TCP to TCP: at most 1/6', [...peers, measured('logweir', 1.1)])).toBe('fail')
})

test('figures of a run whose counts were wrong are not compared', () => {
  const wrong = measured('logweir', 0.1, { wrong: '3 of 10 events are missing' })
  expect(verdictOf('10 tenants', [measured('rsyslog', 6), wrong])).toBe('not measured')
  expect(verdictOf('10 tenants', [measured('rsyslog', 6, { wrong: 'x' }), measured('logweir', 1)])).toBe(
    'not measured',
  )
})

test('one lost datagram fails the UDP target', () => {
  const udp = measured('logweir', 3, { row: 'udp_10_1_tenants', drops: 1 })
  expect(verdictOf('UDP to 10 tenants: no drop', [udp])).toBe('fail')
  expect(verdictOf('UDP to 10 tenants: no drop', [{ ...udp, drops: 0 }])).toBe('pass')
})

test('nothing measured is neither pass nor fail', () => {
  expect(new Set(judge([], nothing).map((v) => v.verdict))).toEqual(new Set(['not measured']))
})
