/**
 * `{ env: NAME }` and `{ file: PATH }`: any value may be one, secrets must be. Resolved before the schema looks, and
 * remembered by path, so that no message ever repeats what a reference resolved to.
 */
import { dirname, resolve } from 'node:path'
import { statSync } from 'node:fs'
import type { Finding, Place } from './findings.ts'
import { quoted } from './quantities.ts'
import { type Path, readBounded, type YamlFile } from './yaml.ts'

/** Bytes of a `{ file: … }` value: a token, a password, an address; never a data file. */
const REFERENCED_MAX = 64 * 1024

/** Values of one file after aliases are followed. A 10,000-tenant file has about a tenth of it. */
const VALUES_MAX = 2_000_000
/** Keys whose values are secrets. */
const SECRET_KEY = /^(token|password|agent_secret|key)$/
/** Permission bits of everybody else. */
const OTHERS = 0o006
/** Levels of a file: more is an alias that holds itself. */
const DEPTH_MAX = 100

/** Mappings whose keys are the operator's own, so that `env` or `file` alone in them is a name like any other. */
const OWN_KEYS = new Set(['headers', 'tags', 'params', 'with', 'parameters', 'conditions', 'templates'])

/** Keys that take a path to a PEM file: `{ file: PATH }` there means that very file. */
const PEM_KEYS = new Set(['key', 'certificate', 'ca', 'client_ca'])

/** The key of redactions is no PEM file, although it is called like one. */
function isPem(path: Path): boolean {
  return PEM_KEYS.has(String(path.at(-1))) && path[0] !== 'redaction'
}

interface Origin {
  /** `environment variable X` or `file /etc/x`, for messages. */
  readonly what: string
  readonly text: string
}

/** The references of one file, by path. */
export class References {
  readonly #resolved = new Map<string, Origin>()
  readonly #failed = new Set<string>()

  set(path: Path, origin: Origin): void {
    this.#resolved.set(key(path), origin)
  }

  fail(path: Path): void {
    this.#failed.add(key(path))
  }

  /** Whether the value came from outside the file. */
  has(path: Path): boolean {
    return this.#resolved.has(key(path))
  }

  /** Whether the value, or something it stands in, could not be resolved. */
  failedAt(path: Path): boolean {
    if (this.#failed.size === 0) return false
    for (let length = path.length; length >= 0; length -= 1) {
      if (this.#failed.has(key(path.slice(0, length)))) return true
    }
    return false
  }

  /** The message and hint, or others in their place when they would repeat a resolved value. */
  unsaid(path: Path, message: string, hint: string): { message: string; hint: string } {
    if (this.#resolved.size === 0) return { message, hint }
    for (const [at, origin] of this.#resolved) {
      if (!covers(at, key(path)) || origin.text === '') continue
      if (!repeats(message, origin.text) && !repeats(hint, origin.text)) continue
      return {
        message: `the value of ${origin.what} does not fit here`,
        hint: 'correct it where it is set',
      }
    }
    return { message, hint }
  }
}

/**
 * The file's value with every reference replaced by its text, and what was replaced. Copies; the original stays. What
 * `skip` says of is left as it is.
 */
export function resolveReferences(
  yaml: YamlFile,
  env: NodeJS.ProcessEnv,
  findings: Finding[],
  skip: (path: Path) => boolean = () => false,
): { value: unknown; references: References } {
  const references = new References()
  let values = 0
  const walk = (value: unknown, path: Path): unknown => {
    values += 1
    if (skip(path)) return value
    if (values > VALUES_MAX || typeof value !== 'object' || value === null) return value
    // An alias that holds itself has no end.
    if (path.length > DEPTH_MAX) {
      values = VALUES_MAX + 1
      return undefined
    }
    if (Array.isArray(value)) return value.map((entry: unknown, index) => walk(entry, [...path, index]))
    const entries = Object.entries(value)
    const reference = referenceOf(entries, path)
    if (reference !== undefined) return resolveOne(yaml, path, reference, env, references, findings)
    return Object.fromEntries(entries.map(([name, entry]) => [name, walk(entry, [...path, name])]))
  }
  const value = walk(yaml.value, [])
  if (values > VALUES_MAX) {
    const hint = 'split the file, use fewer aliases, and none that holds itself'
    findings.push({
      level: 'error',
      ...yaml.place([]),
      message: `holds more than ${VALUES_MAX} values, or more than ${DEPTH_MAX} levels`,
      hint,
    })
  }
  return { value: values > VALUES_MAX ? {} : value, references }
}

interface Reference {
  readonly kind: 'env' | 'file'
  readonly target: unknown
}

function referenceOf(entries: readonly (readonly [string, unknown])[], path: Path): Reference | undefined {
  const [first] = entries
  if (entries.length !== 1 || first === undefined) return undefined
  const [kind, target] = first
  if (kind !== 'env' && kind !== 'file') return undefined
  return path.length === 0 || OWN_KEYS.has(String(path.at(-1))) ? undefined : { kind, target }
}

function resolveOne(
  yaml: YamlFile,
  path: Path,
  reference: Reference,
  env: NodeJS.ProcessEnv,
  references: References,
  findings: Finding[],
): unknown {
  const fail = (message: string, hint: string): undefined => {
    references.fail(path)
    findings.push({ level: 'error', ...yaml.place([...path, reference.kind]), message, hint })
    return undefined
  }
  const { target } = reference
  if (typeof target !== 'string' || target === '') {
    return fail(
      `\`${reference.kind}\` takes ${reference.kind === 'env' ? 'the name of a variable' : 'a path'}`,
      '',
    )
  }
  if (reference.kind === 'env') {
    const text = env[target]
    if (text === undefined)
      return fail(
        `environment variable ${quoted(target)} is not set`,
        'set it for the process, or correct its name',
      )
    references.set(path, { what: `environment variable ${target}`, text })
    return text
  }
  const file = resolve(dirname(yaml.file), target)
  if (isPem(path)) return file
  const problems: Finding[] = []
  const text = readBounded(file, REFERENCED_MAX, problems, 'of a referenced value')
  const [problem] = problems
  if (text === undefined)
    return fail(`file ${file}: ${problem?.message ?? 'cannot be read'}`, problem?.hint ?? '')
  // Editors and `echo` end a file with a newline that is no part of a token.
  const trimmed = text.replace(/\r?\n$/, '')
  references.set(path, { what: `file ${file}`, text: trimmed })
  if (isSecret(path)) warnOthers(file, yaml.place([...path, 'file']), findings)
  return trimmed
}

/** Whether the key takes a secret, so that the file it stands in is one. */
function isSecret(path: Path): boolean {
  return SECRET_KEY.test(String(path.at(-1))) || path.at(-2) === 'headers'
}

/** A file with a secret that every user of this machine can read. */
function warnOthers(file: string, place: Place, findings: Finding[]): void {
  let mode: number
  try {
    mode = statSync(file).mode
  } catch {
    // Gone since it was read.
    return
  }
  if ((mode & OTHERS) === 0) return
  const message = `${file} holds a secret, and every user of this machine can ${(mode & 0o002) === 0 ? 'read' : 'change'} it`
  findings.push({ level: 'warning', ...place, message, hint: `\`chmod o= ${file}\`` })
}

function key(path: Path): string {
  return path.join('\u0000')
}

/** Characters that a message may share with a secret: messages cut and quote values, so a part counts as well. */
const SHARED = 3

function repeats(said: string, text: string): boolean {
  if (text.length <= SHARED) return said.includes(text)
  for (let at = 0; at + SHARED < said.length; at += 1) {
    if (text.includes(said.slice(at, at + SHARED + 1))) return true
  }
  return false
}

function covers(at: string, path: string): boolean {
  return path === at || path.startsWith(`${at}\u0000`) || at.startsWith(`${path}\u0000`)
}
