/** Which configuration a command means. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { errorText, LogweirError } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'
import type { Door, LoadedSettings } from '../config/settings.ts'
import type { Settings } from '../config/types.ts'

const USUAL = 'logweir.yaml'
/** Files of findings are read again for their lines; a larger one is shown without. */
const SHOWN_MAX = 16 * 1024 * 1024

/**
 * The absolute path of the configuration that was named, or of ./logweir.yaml.
 * @throws {LogweirError} when it is not there or cannot be read.
 */
export function configFile(given: string | undefined): string {
  if (given === undefined && !existsSync(USUAL)) {
    throw new LogweirError(
      'LW_NO_CONFIG',
      `no configuration: there is no ${USUAL} in this folder`,
      'name one with `--config FILE`; examples/logweir.yaml is one to begin with',
    )
  }
  const file = path.resolve(given ?? USUAL)
  try {
    accessSync(file, constants.R_OK)
    if (!statSync(file).isFile()) throw new Error('it is not a file')
  } catch (error) {
    throw new LogweirError(
      'LW_NO_CONFIG',
      `cannot read the configuration ${file}: ${errorText(error)}`,
      'name a file that this user can read with `--config FILE`',
    )
  }
  return file
}

/** The settings of a configuration. @throws {LogweirError} when it has errors. */
export async function readSettings(given: string | undefined): Promise<Settings> {
  const { file, settings, findings } = await read(given)
  if (settings !== undefined) return settings
  throw unusable(file, findings)
}

/**
 * Where the router of a configuration is reached. It runs with what it read at its start or last reload: what is wrong in the
 * file meanwhile, or cannot be had here (a secret's environment variable), is no reason not to ask it.
 * @throws {LogweirError} when `admin` or `data` themselves are wrong.
 */
export async function readDoor(given: string | undefined): Promise<Door> {
  const { file, door, findings } = await read(given)
  if (door !== undefined) return door
  throw unusable(file, findings)
}

async function read(given: string | undefined): Promise<LoadedSettings & { readonly file: string }> {
  const { loadSettings } = await import('../config/settings.ts')
  const file = configFile(given)
  return { ...loadSettings(file, process.env), file }
}

function unusable(file: string, findings: readonly Finding[]): LogweirError {
  const errors = findings.filter((finding) => finding.level === 'error')
  const [first] = errors
  const place = first === undefined ? file : `${first.file}:${first.line}:${first.column}`
  return new LogweirError(
    'LW_CONFIG',
    `${errors.length} errors in the configuration, the first at ${place}: ${first?.message ?? ''}`,
    `\`logweir check --config ${file}\` shows them all`,
  )
}

/** The texts of the files that findings speak of, to show their lines; what cannot be read is left out. */
export function sourcesOf(findings: readonly Finding[]): Map<string, string> {
  const texts = new Map<string, string>()
  for (const file of new Set(findings.map((finding) => finding.file))) {
    if (file === '') continue
    try {
      if (statSync(file).size <= SHOWN_MAX) texts.set(file, readFileSync(file, 'utf8'))
    } catch {
      // The finding itself says what is wrong with the file.
    }
  }
  return texts
}
