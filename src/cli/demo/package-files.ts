/** What the demo takes from the package: the example configuration and rules, and the fixtures. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { LogweirError } from '../../base/errors.ts'

/** The package's folder: three above this file, from `src` and from `dist`. */
export const HOME: string = path.resolve(import.meta.dirname, '../../..')

/** The messages of one fixture file. */
export interface Fixture {
  readonly name: string
  /** As latin1, a character a byte: not all of them are UTF-8. */
  readonly lines: readonly string[]
}

/** Texts of the example rules by file name. @throws {LogweirError} when the package lacks them. */
export function exampleRules(): { readonly name: string; readonly text: string }[] {
  return namesIn('examples/rules', /(?<!\.test)\.ya?ml$/).map((name) => ({
    name,
    text: readFileSync(path.join(HOME, 'examples/rules', name), 'utf8'),
  }))
}

export function exampleConfiguration(): string {
  const file = path.join(HOME, 'examples/logweir.yaml')
  if (!existsSync(file)) throw missing('examples/logweir.yaml')
  return readFileSync(file, 'utf8')
}

/** All fixtures: a message a line, empty lines and comments left out. */
export function fixtures(): Fixture[] {
  return namesIn('fixtures', /\.log$/).map((name) => ({
    name,
    lines: readFileSync(path.join(HOME, 'fixtures', name), 'latin1')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  }))
}

function namesIn(folder: string, pattern: RegExp): string[] {
  const whole = path.join(HOME, folder)
  const names = existsSync(whole) ? readdirSync(whole).filter((name) => pattern.test(name)) : []
  if (names.length === 0) throw missing(folder)
  return names.toSorted()
}

function missing(what: string): LogweirError {
  return new LogweirError(
    'LW_DEMO_FILES',
    `the demo needs ${what}, and ${path.join(HOME, what)} is not there`,
    'install the package again',
  )
}
