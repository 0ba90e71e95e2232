/** How long does a session of CFAPI last, and where? */
import { expect, test } from 'vitest'
import { Sessions } from '../../../src/listen/cfapi/sessions.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const SETTINGS = { users: [{ name: 'nsx', password: 'right' }], ttl: 60_000, required: true }

test('R65: jumps of the wall clock neither end nor lengthen a session', () => {
  const clock = new ManualClock()
  const sessions = new Sessions(SETTINGS, clock)
  const bearer = `Bearer ${sessions.logIn('nsx', 'right')?.id ?? ''}`
  for (const years of [-50, 100]) {
    clock.jump(years * 365 * 86_400_000)
    expect(sessions.judge(bearer)).toBe('good')
  }
  clock.advance(60_001)
  clock.jump(-86_400_000)
  expect(sessions.judge(bearer)).toBe('expired')
})

test('a session of another boot, whose monotonic time says nothing here, is over', () => {
  const clock = new ManualClock()
  const before = new Sessions(SETTINGS, clock, 'one boot')
  const bearer = `Bearer ${before.logIn('nsx', 'right')?.id ?? ''}`
  expect(new Sessions(SETTINGS, clock, 'one boot').judge(bearer)).toBe('good')
  expect(new Sessions(SETTINGS, clock, 'the next').judge(bearer)).toBe('expired')
})
