/** Which files hold rule tests: those named, and below folders all `*.test.yaml`, bounded and without following a loop. */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { errorText, LogweirError } from '../../base/errors.ts'

const TESTS = /\.test\.ya?ml$/i
const DEPTH_MAX = 16
const ENTRIES_MAX = 100_000
/** What is installed, not written. */
const SKIPPED = new Set(['node_modules'])

/** Absolute paths, sorted, each once. @throws {LogweirError} when one that was named is not there. */
export function testFiles(named: readonly string[]): string[] {
  const found = new Set<string>()
  const walk: Walk = { found, seen: new Set(), entries: 0 }
  for (const name of named) {
    const file = path.resolve(name)
    try {
      if (statSync(file).isDirectory()) look(file, 0, walk)
      else found.add(file)
    } catch (error) {
      const message = `cannot read ${name}: ${errorText(error)}`
      throw new LogweirError('LW_INPUT', message, 'name `*.test.yaml` files or folders that hold some')
    }
  }
  return [...found].toSorted()
}

interface Walk {
  readonly found: Set<string>
  /** Real paths of folders, so that a link back is not followed. */
  readonly seen: Set<string>
  entries: number
}

function look(folder: string, depth: number, walk: Walk): void {
  const real = realpathSync(folder)
  if (depth > DEPTH_MAX || walk.seen.has(real)) return
  walk.seen.add(real)
  for (const entry of readdirSync(folder).toSorted()) {
    walk.entries += 1
    if (walk.entries > ENTRIES_MAX)
      throw new LogweirError(
        'LW_INPUT',
        `${folder} holds more than ${ENTRIES_MAX} entries`,
        'name the folder of the rules',
      )
    if (entry.startsWith('.') || SKIPPED.has(entry)) continue
    const file = path.join(folder, entry)
    if (isFolder(file)) look(file, depth + 1, walk)
    else if (TESTS.test(entry)) walk.found.add(file)
  }
}

/** False too for what is gone since it was listed, and for links to nowhere: reading it says so. */
function isFolder(file: string): boolean {
  try {
    return statSync(file).isDirectory()
  } catch {
    return false
  }
}
