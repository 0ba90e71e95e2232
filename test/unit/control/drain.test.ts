import { expect, test } from 'vitest'
import { Drain, type DrainDeps } from '../../../src/control/drain.ts'
import type { Ledger } from '../../../src/control/ledger.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** A drain whose one worker answers when the test says so. */
function scene(): { drain: Drain; clock: ManualClock; asked: string[]; open: () => void } {
  const clock = new ManualClock()
  const asked: string[] = []
  let opened: () => void = () => undefined
  const worker = {
    ask: ({ type }: { readonly type: string }): Promise<unknown> => {
      asked.push(type)
      return Promise.resolve({})
    },
  }
  const drain = new Drain({
    clock,
    log: () => undefined,
    times: () => ({ grace: 1000, close: 10 }),
    workers: () => [worker] as unknown as ReturnType<DrainDeps['workers']>,
    open: () => new Promise((done) => (opened = done)),
    ledger: () => Promise.resolve({ forwarders: [] } as unknown as Ledger),
  })
  return { drain, clock, asked, open: () => opened() }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

test('a drain that is asked for while a cancelled one opens its listeners again comes after it, and is not lost', async () => {
  const { drain, clock, asked, open } = scene()
  await drain.begin('0s')
  clock.advance(1)
  await turn()
  expect(asked).toEqual(['close'])
  const cancelled = drain.cancel()
  await turn()
  const again = drain.begin('1s')
  await turn()
  open()
  await cancelled
  expect((await again).state).toBe('announced')
  expect(drain.active).toBe(true)
  clock.advance(1000)
  await turn()
  expect(asked).toEqual(['close', 'reopen', 'close'])
  drain.end()
})

test('a time that is none is refused', async () => {
  const { drain } = scene()
  await expect(drain.begin('soon')).rejects.toMatchObject({ exit: 2 })
  expect(drain.active).toBe(false)
})
