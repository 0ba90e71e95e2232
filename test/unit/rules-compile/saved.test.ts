import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { armFaults } from '../../../src/base/faults.ts'
import { readLastGood, saveLastGood } from '../../../src/rules/saved.ts'

let data = ''
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'saved-'))
})
afterEach(async () => {
  armFaults({})
  await rm(data, { recursive: true })
})

const NOW = Date.parse('2026-01-02T03:04:05Z')
const files = [
  { path: '/etc/logweir/rules/a.yaml', text: 'tenants: [ü]\r\n' },
  { path: '/etc/logweir/rules/sub/b.yaml', text: '' },
]

test('what was saved is read', async () => {
  expect(await readLastGood(data)).toBeNull()
  await saveLastGood(data, files, NOW)
  expect(await readLastGood(data)).toEqual({ saved_at: '2026-01-02T03:04:05.000Z', files })
})

test('the newest set only is kept, for the owner alone', async () => {
  await saveLastGood(data, files, NOW)
  await saveLastGood(data, files.slice(1), NOW)
  await saveLastGood(data, files.slice(1), NOW + 1)
  expect((await readLastGood(data))?.files).toEqual(files.slice(1))
  const folder = join(data, 'last-good')
  const entries = await readdir(folder, { recursive: true })
  expect(entries).toHaveLength(4)
  for (const entry of ['', ...entries]) {
    const { mode } = await stat(join(folder, entry))
    expect(mode & 0o077, entry).toBe(0)
  }
})

test('a crash before the end leaves the old set, and the next save goes through', async () => {
  await saveLastGood(data, files, NOW)
  armFaults({ LOGWEIR_FAULTS: 'rules.save=throw:EIO', LOGWEIR_TEST: '1' })
  await expect(saveLastGood(data, files.slice(1), NOW)).rejects.toMatchObject({ code: 'LW_LAST_GOOD_WRITE' })
  armFaults({})
  expect((await readLastGood(data))?.files).toEqual(files)
  await saveLastGood(data, files.slice(1), NOW)
  expect((await readLastGood(data))?.files).toEqual(files.slice(1))
  expect(await readdir(join(data, 'last-good'))).toHaveLength(2)
})

test('a set that was changed on disk is refused, and written again by the next save', async () => {
  await saveLastGood(data, files, NOW)
  const name = (await readFile(join(data, 'last-good', 'current'), 'utf8')).trim()
  const first = join(data, 'last-good', name, '00000.yaml')
  await chmod(first, 0o600)
  await writeFile(first, 'tenants: []\n')
  await expect(readLastGood(data)).rejects.toMatchObject({ code: 'LW_LAST_GOOD_DAMAGED' })
  await saveLastGood(data, files, NOW)
  expect((await readLastGood(data))?.files).toEqual(files)
})

test('a pointer that leads elsewhere is not followed', async () => {
  await saveLastGood(data, files, NOW)
  await writeFile(join(data, 'last-good', 'current'), '../../etc\n')
  expect(await readLastGood(data)).toBeNull()
})
