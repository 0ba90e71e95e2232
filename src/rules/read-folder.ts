/** Which files make the rule set: a folder read recursively, with bounds, and without following a loop. */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, errorText } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'

/** Folders inside each other. */
const DEPTH_MAX = 16
/** Rules files of one rule set. */
const FILES_MAX = 10_000
/** Entries looked at, rules files or not: someone may name `/`. */
const ENTRIES_MAX = 100_000

const RULES = /\.ya?ml$/i
const TESTS = /\.test\.ya?ml$/i

/** Whether a file of this name holds rule tests, and no rules. */
export function isRuleTests(name: string): boolean {
  return TESTS.test(name)
}

/** Paths of the rules files below a folder, sorted, so that the same folder is always read in the same order. */
export function listRules(folder: string, findings: Finding[], files_max = FILES_MAX): string[] {
  return walkRules(folder, findings, files_max).files
}

/** The same, with the real paths of all folders that were looked into. */
export function walkRules(
  folder: string,
  findings: Finding[],
  files_max = FILES_MAX,
): { readonly files: string[]; readonly folders: ReadonlySet<string> } {
  const walk: Walk = { files: [], folders: new Set(), entries: 0, files_max, findings }
  try {
    if (!statSync(folder).isDirectory()) {
      complain(findings, folder, 'is not a folder', '`rules:` names a folder with rules files')
      return walk
    }
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT'
    const hint = missing
      ? 'make it, or correct `rules:` in the configuration'
      : 'give the user of Logweir leave to read it'
    complain(
      findings,
      folder,
      missing ? 'there is no such folder' : `cannot be read: ${errorText(error)}`,
      hint,
    )
    return walk
  }
  visit(folder, 0, walk)
  return walk
}

interface Walk {
  readonly files: string[]
  /** Real paths of the folders on the way and behind, so that a link back is not followed. */
  readonly folders: Set<string>
  entries: number
  readonly files_max: number
  readonly findings: Finding[]
}

function visit(folder: string, depth: number, walk: Walk): void {
  if (depth > DEPTH_MAX) {
    complain(walk.findings, folder, `is more than ${DEPTH_MAX} folders deep and is not read`, 'move it up')
    return
  }
  let names: string[]
  try {
    const real = realpathSync(folder)
    if (walk.folders.has(real)) {
      complain(
        walk.findings,
        folder,
        'is a link to a folder that is read already, and is not read again',
        'remove the link',
        'warning',
      )
      return
    }
    walk.folders.add(real)
    // Dot entries are editors' and Kubernetes' own (`..data`): reading them would read every file twice.
    names = readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .toSorted()
  } catch (error) {
    complain(
      walk.findings,
      folder,
      `cannot be read: ${errorText(error)}`,
      'give the user of Logweir leave to read it',
    )
    return
  }
  for (const name of names) {
    walk.entries += 1
    if (walk.entries > ENTRIES_MAX) {
      if (walk.entries === ENTRIES_MAX + 1)
        complain(
          walk.findings,
          folder,
          `more than ${ENTRIES_MAX} entries`,
          'name a folder of its own for rules',
        )
      return
    }
    look(join(folder, name), name, depth, walk)
  }
}

function look(path: string, name: string, depth: number, walk: Walk): void {
  const rules = RULES.test(name) && !isRuleTests(name)
  try {
    if (statSync(path).isDirectory()) {
      visit(path, depth + 1, walk)
      return
    }
  } catch (error) {
    // Gone since it was listed, or a link to nowhere: of no interest unless it would have been read.
    if (rules) complain(walk.findings, path, vanished(error), 'remove the link, or put the file back')
    return
  }
  if (!rules) return
  if (walk.files.length < walk.files_max) walk.files.push(path)
  else if (walk.files.length === walk.files_max) {
    walk.files.push(path)
    complain(
      walk.findings,
      path,
      `more than ${walk.files_max} rules files`,
      'put several tenants into one file',
    )
  }
}

function vanished(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ENOENT') return 'is listed but not there'
  return code === 'ELOOP' ? 'is a link to itself' : `cannot be read: ${errorText(error)}`
}

function complain(
  findings: Finding[],
  file: string,
  message: string,
  hint: string,
  level: Finding['level'] = 'error',
): void {
  findings.push({ level, file, line: 0, column: 0, message, hint })
}
