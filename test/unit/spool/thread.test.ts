import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SpoolPortClient } from '../../../src/spool/port-client.ts'
import type { SpoolSettings } from '../../../src/spool/protocol.ts'
import { SpoolThread } from '../../../src/spool/spool-thread.ts'
import { MiB, row, TempFolder } from '../../support/spools.ts'

const KEY = 'acme/siem'
const ALL = 100 * MiB

/** A thread that tells when it died. */
function start(folder: string, settings: Partial<SpoolSettings> = {}) {
  const whole = {
    folder: join(folder, 'spool'),
    disk_max: 1e12,
    disk_free_min: 0,
    sync: 'off',
    ...settings,
  } as const
  const deaths = new EventTarget()
  const notices: string[] = []
  const thread = new SpoolThread(whole, {
    notice: ({ message }) => notices.push(message),
    died: () => deaths.dispatchEvent(new Event('died')),
  })
  return { thread, notices, died: once(deaths, 'died') }
}

test('two workers write, read and acknowledge through one thread', async () => {
  using folder = new TempFolder()
  const { thread } = start(folder.path)
  const clients = [0, 1].map((worker) => new SpoolPortClient(thread.attach(worker)))
  for (const client of clients) expect(await client.recover()).toEqual([])
  const writes = clients.flatMap((client) => [0, 1, 2, 3].map((n) => client.write(KEY, ALL, row(n))))
  for (const outcome of await Promise.all(writes)) expect(outcome).toEqual({ outcome: 'committed' })
  for (const client of clients) {
    client.acknowledge(KEY, [0, 1])
    const { rows, end } = await client.read(KEY, -1, ALL)
    expect(rows.map(({ sequence }) => sequence)).toEqual([2, 3])
    expect(end).toBe(true)
    expect(await client.state(KEY)).toMatchObject({ batches: 2, events: 4, last_sequence: 3 })
  }
  await thread.close()
})

test('a graceful stop is found by the next process', async () => {
  using folder = new TempFolder()
  const first = start(folder.path)
  const client = new SpoolPortClient(first.thread.attach(0))
  await client.write(KEY, ALL, row(0))
  await client.stop([{ key: KEY, row: row(1) }])
  await first.thread.close()
  const second = start(folder.path)
  const next = new SpoolPortClient(second.thread.attach(0))
  expect(await next.recover()).toMatchObject([{ key: KEY, batches: 2, events: 4, last_sequence: 1 }])
  await second.thread.close()
})

test('when the thread dies, the next one answers what the first did not, and knows what was acknowledged', async () => {
  using folder = new TempFolder()
  const first = start(folder.path)
  const client = new SpoolPortClient(first.thread.attach(0))
  for (let n = 0; n < 4; n++) expect(await client.write(KEY, ALL, row(n))).toEqual({ outcome: 'committed' })
  client.acknowledge(KEY, [0, 1])
  const dead = first.thread.kill()
  const write = client.write(KEY, ALL, row(4))
  const read = client.read(KEY, 1, ALL)
  await dead
  await first.died
  const second = start(folder.path)
  client.replacePort(second.thread.attach(0))
  expect(await write).toEqual({ outcome: 'committed' })
  const { rows } = await read
  expect(rows.map(({ sequence }) => sequence).slice(0, 2)).toEqual([2, 3])
  expect(await client.state(KEY)).toMatchObject({ batches: 3, events: 6, last_sequence: 4 })
  await second.thread.close()
})

test('when the thread dies with a batch that can be made again, it is; one that nobody needs any more is done with', async () => {
  using folder = new TempFolder()
  const first = start(folder.path)
  const client = new SpoolPortClient(first.thread.attach(0))
  await client.recover()
  const dead = first.thread.kill()
  await dead
  await first.died
  const wanted = row(0)
  let made = 0
  const again = (): ArrayBuffer => {
    made += 1
    return row(0).bytes
  }
  const write = client.write(KEY, ALL, wanted, again)
  const unwanted = client.write(KEY, ALL, row(1), () => undefined)
  // No second copy is held for a thread that may die.
  expect(wanted.bytes.detached).toBe(true)
  const second = start(folder.path)
  client.replacePort(second.thread.attach(0))
  expect(await write).toEqual({ outcome: 'committed' })
  expect(await unwanted).toEqual({ outcome: 'committed' })
  expect(made).toBe(1)
  const { rows } = await client.read(KEY, -1, ALL)
  expect(rows).toEqual([row(0)])
  await second.thread.close()
})

test('without another thread, what waits comes back with its row', async () => {
  using folder = new TempFolder()
  const { thread, died } = start(folder.path)
  const client = new SpoolPortClient(thread.attach(0))
  await client.recover()
  const dead = thread.kill()
  const write = client.write(KEY, ALL, row(7))
  await dead
  await died
  client.abandon('the spool thread died')
  const result = await write
  if (result.outcome === 'committed') return
  expect(result).toMatchObject({ outcome: 'error', reason: 'the spool thread died' })
  expect(result.row).toEqual(row(7))
})

test('a batch that a quota refuses comes back whole', async () => {
  using folder = new TempFolder()
  const { thread } = start(folder.path)
  const client = new SpoolPortClient(thread.attach(0))
  const result = await client.write(KEY, 1000, row(0))
  expect(result).toMatchObject({ outcome: 'full' })
  if (result.outcome !== 'committed') expect(result.row).toEqual(row(0))
  await thread.close()
})
