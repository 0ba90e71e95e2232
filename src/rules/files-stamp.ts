/** What the files of a rule set look like from outside, so that a change shows without reading them. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { walkRules } from './read-folder.ts'

/** Stamps of one look; equal stamps mean that nothing has changed. */
export interface FilesStamp {
  readonly configuration: string
  /** The rules folder; null: the configuration could not be read. */
  readonly folder: string | null
  readonly rules: string
}

/** A look with the folders whose entries make the rule set. */
export interface FilesLook {
  readonly stamp: FilesStamp
  readonly folders: readonly string[]
}

/** Looks at the configuration only. */
export function stampConfiguration(file: string): string {
  return stampOne(file)
}

/** Looks at the rules folder, links followed, with the bounds of reading it. */
export function lookAtFiles(file: string, folder: string): FilesLook {
  const configuration = stampOne(file)
  const { files, folders } = walkRules(folder, [])
  const hash = createHash('sha256')
  for (const path of files) hash.update(`${path}\0${stampOne(path)}\n`)
  return { stamp: { configuration, folder, rules: hash.digest('base64') }, folders: [...folders] }
}

/** Size, times and number of a file: a rename puts another number there, whatever its time says. */
function stampOne(path: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path)
    return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    return 'gone'
  }
}
