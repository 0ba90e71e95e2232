/** Does `status` say of a source what an operator should do? */
import { expect, test } from 'vitest'
import { sourceHints, sourceTable } from '../../../src/cli/status-sources.ts'
import type { SourceLedger } from '../../../src/control/sources.ts'

const one = (with_: Partial<SourceLedger> = {}): SourceLedger => ({
  source: 'hosts',
  site: null,
  received: 10,
  last_seen: '2026-03-04T05:06:07.000Z',
  streams: { esxi: 10 },
  unlisted: {},
  headers: { rfc5424: 10 },
  refused: {},
  invalid: 0,
  truncated: 0,
  cut_by_sender: 0,
  clock_skew: { least: -0.2, most: 0.1, peer: '10.0.0.1' },
  ...with_,
})

test('a source where all is well is a row and no more', () => {
  expect(sourceHints([one()])).toEqual([])
  expect(sourceTable([one()])[1]?.split(/ {2,}/)).toEqual([
    'hosts',
    '2026-03-04T05:06:07Z',
    '10',
    '0',
    '0',
    '0',
    '-0.2 s',
  ])
  const nobody = one({ source: null, last_seen: null, clock_skew: null, refused: { rate: 3, reset: 1 } })
  expect(sourceTable([nobody])[1]?.split(/ {2,}/)).toEqual(['(no source)', '-', '10', '4', '0', '0', '-'])
})

test.each([
  [{ cut_by_sender: 2 }, /2 events were cut by their sender.*Syslog\.global\.remoteHost\.maxMsgLen/],
  [{ truncated: 3 }, /3 events were cut on their way.*frame_max/],
  [{ unlisted: { vcenter: 4 } }, /does not list for it: vcenter 4/],
  [
    { clock_skew: { least: -1, most: 7200, peer: '10.0.0.9' } },
    /off by -1\.0 s to \+2\.0 h, most at 10\.0\.0\.9/,
  ],
  [{ clock_skew: { least: -16_617_657, most: -90, peer: null } }, /off by -192\.3 d to -90\.0 s/],
  [{ clock_skew: { least: -600, most: 0, peer: null } }, /off by -10\.0 min to \+0\.0 s/],
])('%j', (with_, words) => {
  const hints = sourceHints([one(with_)])
  expect(hints).toHaveLength(1)
  expect(hints[0]).toMatch(words)
})
