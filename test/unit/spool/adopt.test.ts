import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseBatch } from '../../../src/queue/batch-codec.ts'
import { adoptSpools } from '../../../src/spool/adopt.ts'
import { MiB, OpenSpool, row, TempFolder } from '../../support/spools.ts'

const KEY = 'acme/siem'
const LONG = `acme/${'l'.repeat(300)}`
const ALL = 100 * MiB

test('what former workers left stands behind what the present one has, nothing lost, nothing acknowledged offered', () => {
  using folder = new TempFolder()
  const own = new OpenSpool(folder.path, {}, 0)
  for (let n = 0; n < 3; n++) own.spool.write(KEY, [row(n)], ALL)
  own.close()
  const left = new OpenSpool(folder.path, {}, 1)
  for (let n = 0; n < 5; n++) left.spool.write(KEY, [row(n)], ALL)
  left.spool.write(LONG, [row(9, LONG)], ALL)
  left.spool.acknowledge(KEY, [0, 2])
  left.spool.stop([
    { key: KEY, row: row(5) },
    { key: 'globex/siem', row: row(1, 'globex/siem') },
  ])
  left.close()

  const notices: string[] = []
  adoptSpools(folder.path, 1, ({ message }) => notices.push(message))
  expect(notices).toEqual(['worker 0 took over 12 events that worker 1 left'])
  expect(existsSync(join(folder.path, 'spool', '1'))).toBe(false)

  using open = new OpenSpool(folder.path, {}, 0)
  expect(open.notices).toEqual([])
  const { rows } = open.spool.read(KEY, -1, ALL)
  expect(rows.map(({ bytes }) => parseBatch(bytes).sequence)).toEqual([0, 1, 2, 1, 3, 4, 5])
  expect(rows.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 4, 6, 7, 8])
  expect(open.spool.state(KEY)).toMatchObject({ batches: 7, last_sequence: 8 })
  expect(open.spool.read(LONG, -1, ALL).rows).toHaveLength(1)
  expect(open.spool.read('globex/siem', -1, ALL).rows).toHaveLength(1)
  open.spool.acknowledge(
    KEY,
    rows.map(({ sequence }) => sequence),
  )
  expect(open.spool.state(KEY)).toMatchObject({ batches: 0, events: 0 })
})

test('with nothing left behind, nothing is opened', () => {
  using folder = new TempFolder()
  new OpenSpool(folder.path, {}, 0).close()
  adoptSpools(folder.path, 1, () => expect.unreachable())
  adoptSpools(join(folder.path, 'nowhere'), 1, () => expect.unreachable())
})

test('a second lowering shifts what was shifted', () => {
  using folder = new TempFolder()
  for (const worker of [0, 1, 2]) {
    const left = new OpenSpool(folder.path, {}, worker)
    for (let n = 0; n < 2; n++) left.spool.write(KEY, [row(n)], ALL)
    left.close()
  }
  adoptSpools(folder.path, 2, () => undefined)
  adoptSpools(folder.path, 1, () => undefined)
  using open = new OpenSpool(folder.path, {}, 0)
  const { rows } = open.spool.read(KEY, -1, ALL)
  expect(rows.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4, 5])
  for (const { bytes } of rows) expect(parseBatch(bytes).events).toBe(2)
})
