/** Last results of tests, as the runs before left them, and which of them a name in the documentation means. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface Result {
  /** With the names of what it is in: `outer > inner`. */
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped'
  readonly at: string
  /** Why it was skipped. */
  readonly note: string
  /** Variables that made the run longer than every run is: `LOGWEIR_SOAK_MINUTES=3`. */
  readonly longer: string
}

const FOLDER = 'coverage/results'

/** Puts the results of a run in the place of the same tests' earlier ones. */
export function keepResults(root: string, file: string, results: readonly Result[]): void {
  const ran = new Set(results.map(({ name }) => name))
  const kept = [...readResults(root, file).filter(({ name }) => !ran.has(name)), ...results]
  const target = fileOf(root, file)
  mkdirSync(path.dirname(target), { recursive: true })
  // A run beside this one reads it whole or not at all.
  writeFileSync(`${target}.${process.pid}`, JSON.stringify(kept, undefined, 1))
  renameSync(`${target}.${process.pid}`, target)
}

/** Of one test file; none when it never ran here. */
export function readResults(root: string, file: string): Result[] {
  const target = fileOf(root, file)
  return existsSync(target) ? (JSON.parse(readFileSync(target, 'utf8')) as Result[]) : []
}

function fileOf(root: string, file: string): string {
  return path.join(root, FOLDER, `${file.replaceAll('/', '-')}.json`)
}

/** `LOGWEIR_FAULT_KILLS=200`: what makes tests longer, without the seed and what only changes what they print or write. */
export function lengthened(env: Readonly<Record<string, string | undefined>>): string {
  return Object.keys(env)
    .filter((key) => /^LOGWEIR_(FAULT|SOAK|FUZZ|PEER|LONG)_/.test(key))
    .toSorted()
    .map((key) => `${key}=${env[key] ?? ''}`)
    .join(' ')
}

/** Is it the test, or one of a table of tests, that the documentation quotes a part of? `%s`, `%i` and `$name` stand for anything. */
export function isNamed(fullName: string, quoted: string): boolean {
  const pattern = quoted
    .split(/%[sidjo]|\$\{?\w+\}?/)
    .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`))
  return new RegExp(pattern.join('.*')).test(fullName)
}

/** Does a title of a test in this source have the name in it? Comments are not titles. */
export function hasTitle(source: string, name: string): boolean {
  return source
    .split('\n')
    .some(
      (line) =>
        !/^\s*(?:\/\/|\/?\*)/.test(line) && /['"`]/.test(line.split(name, 1)[0] ?? '') && line.includes(name),
    )
}
