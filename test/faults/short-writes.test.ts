/** Files that are written while the disk becomes full: whole or not at all, and never half without a word. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { withFolder, writeFiles } from '../../src/inventory/write.ts'
import { writeWhole } from '../../src/spool/safe-files.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 2 ** 20
const LARGE = 'x'.repeat(MIB)

function smallDisk(context: TestContext): SmallDisk {
  const disk = SmallDisk.mount(join(tempFolder(), 'disk'), 2 * MIB)
  if (disk === undefined) return context.skip('no file system may be mounted here')
  context.onTestFinished(() => disk.unmount())
  return disk
}

test('an inventory for which there is no room changes nothing', async (context) => {
  const disk = smallDisk(context)
  await withFolder(disk.folder, () =>
    Promise.resolve(writeFiles(disk.folder, new Map([['acme.yaml', 'old\n']]))),
  )
  disk.fill(MIB / 2)
  const changes = new Map([
    ['acme.yaml', LARGE],
    ['globex.yaml', 'new\n'],
  ])
  await expect(
    withFolder(disk.folder, () => Promise.resolve(writeFiles(disk.folder, changes))),
  ).rejects.toThrow(/could not be written .*ENOSPC/)
  expect(readFileSync(join(disk.folder, 'acme.yaml'), 'utf8')).toBe('old\n')
  disk.empty()
  await withFolder(disk.folder, () => Promise.resolve(writeFiles(disk.folder, changes)))
  expect(readFileSync(join(disk.folder, 'acme.yaml'), 'utf8')).toBe(LARGE)
  expect(readFileSync(join(disk.folder, 'globex.yaml'), 'utf8')).toBe('new\n')
})

test('a file that is written whole is not written half', (context) => {
  const disk = smallDisk(context)
  disk.fill(MIB / 2)
  expect(() => writeWhole(join(disk.folder, 'key'), LARGE)).toThrow(/ENOSPC/)
})
