/** Can a spool be looked at without its router, whatever has become of its files, and is not a byte of it written then (R22)? */
import { createHash } from 'node:crypto'
import {
  cpSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockDataFolder } from '../../src/spool/lock.ts'
import { surveySpool, type Survey } from '../../src/spool/survey.ts'
import { logweir } from '../integration/cli/support.ts'
import { buildChain, CHAIN, chainFiles, chance, damageSpool, KEY } from '../support/spool-damage.ts'
import { MiB, OpenSpool, row, TempFolder } from '../support/spools.ts'

/** Of batches 0 to 23 in files and 24 in a stop file, without those that were delivered. */
const LEFT = 22

/** A data folder as a router that was stopped leaves it. */
function original(): TempFolder {
  const folder = new TempFolder()
  buildChain(folder.path, 24)
  lockDataFolder(folder.path).release()
  using open = new OpenSpool(folder.path)
  open.spool.acknowledge(KEY, [0, 1, 5])
  open.spool.stop([{ key: KEY, row: row(24) }])
  return folder
}

/** Everything about a folder that a write would change: names, kinds, modes, sizes, times, and what is in the files. */
function state(folder: string): string[] {
  return [...readdirSync(folder, { recursive: true })]
    .map(String)
    .toSorted()
    .map((name) => {
      const path = join(folder, name)
      const found = lstatSync(path)
      const { mode, size, mtimeMs, ino, nlink } = found
      const inside =
        found.isFile() && size < 64 * MiB ? createHash('sha256').update(readFileSync(path)) : null
      const link = found.isSymbolicLink() ? readlinkSync(path) : ''
      return [name, mode, size, mtimeMs, ino, nlink, link, inside?.digest('hex')].join(' ')
    })
}

/** Looks, and holds that nothing changed. */
function surveyed(folder: string): Survey {
  const before = state(folder)
  const survey = surveySpool(folder)
  expect(state(folder)).toEqual(before)
  return survey
}

const counted = ({ files }: Survey): number => files.reduce((sum, { batches }) => sum + batches, 0)

test('R22: what is there is counted without the router, and nothing is written', () => {
  using folder = original()
  const survey = surveyed(folder.path)
  expect(counted(survey)).toBe(LEFT)
  expect(survey.files.every(({ problem, key }) => problem === null && key === KEY)).toBe(true)
  // A router that starts afterwards finds the same.
  using open = new OpenSpool(folder.path)
  expect(open.spool.state(KEY)).toMatchObject({ batches: LEFT })
})

test('R22: none of 500 mutated spools stops the look, and nothing is written', () => {
  using whole = original()
  const pick = chance(3)
  let unreadable = 0
  for (let run = 0; run < 500; run++) {
    using folder = new TempFolder()
    cpSync(whole.path, folder.path, { recursive: true, preserveTimestamps: true })
    for (let times = 1 + pick(3); times > 0; times--) damageSpool(folder.path, pick)
    const survey = surveyed(folder.path)
    // Copies of a file and cursors that are gone count more; never without end.
    expect(counted(survey)).toBeLessThanOrEqual(25 * 4)
    unreadable += survey.files.filter(({ problem }) => problem !== null).length
  }
  expect(unreadable).toBeGreaterThan(50)
})

test('R22: a flipped bit costs the look at most its file, and nothing is written', () => {
  using whole = original()
  const names = chainFiles(whole.path)
  const per_file = Math.ceil(24 / names.length) + 1
  const pick = chance(4)
  for (let run = 0; run < 300; run++) {
    using folder = new TempFolder()
    cpSync(whole.path, folder.path, { recursive: true, preserveTimestamps: true })
    const path = join(folder.path, CHAIN, names[pick(names.length)] as string)
    const flipped = readFileSync(path)
    const at = pick(statSync(path).size)
    flipped[at] = (flipped[at] as number) ^ (1 << pick(8))
    writeFileSync(path, flipped)
    const { files } = surveyed(folder.path)
    const others = files.filter(({ file }) => !path.endsWith(file))
    expect(others.map(({ problem }) => problem).filter((problem) => problem !== null)).toEqual([])
    expect(others.reduce((sum, { batches }) => sum + batches, 0)).toBeGreaterThanOrEqual(LEFT - per_file)
  }
})

test('R22: ten gigabytes of holes beside an unfinished transaction are not copied to be read', () => {
  using folder = original()
  const path = join(folder.path, CHAIN, chainFiles(folder.path)[0] as string)
  truncateSync(path, 10_000 * MiB)
  writeFileSync(`${path}-journal`, 'not a journal')
  const { files } = surveyed(folder.path)
  expect(files.find(({ file }) => path.endsWith(file))?.problem).toMatch(/too many for a copy/)
  expect(files.filter(({ problem }) => problem === null).length).toBeGreaterThan(1)
})

test('R22: `spool list` and `spool show` of a damaged spool say what cannot be read, and write nothing', async () => {
  using whole = original()
  using config = new TempFolder()
  const file = join(config.path, 'logweir.yaml')
  const pick = chance(5)
  let said = 0
  for (let run = 0; run < 4; run++) {
    using folder = new TempFolder()
    cpSync(whole.path, folder.path, { recursive: true, preserveTimestamps: true })
    damageSpool(folder.path, pick)
    damageSpool(folder.path, pick)
    writeFileSync(
      file,
      `version: 1
listeners: [{ name: in, transport: tcp, bind: "127.0.0.1:0", allow: ["127.0.0.0/8"] }]
data: ${folder.path}
admin: { bind: "unix:none.sock" }
`,
    )
    const before = state(folder.path)
    const list = await logweir(['spool', 'list', '--config', file])
    const shown = await logweir(['spool', 'show', 'acme', '--json', '--config', file])
    expect(state(folder.path)).toEqual(before)
    expect([list.code, list.stderr]).toEqual([0, ''])
    expect([0, 1]).toContain(shown.code)
    said += list.stdout.split('\n').filter((line) => line.includes('cannot be read')).length
  }
  expect(said).toBeGreaterThan(0)
})
