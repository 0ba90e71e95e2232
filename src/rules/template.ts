/**
 * Templates of tenants: forwarders with parameters, so that forty tenants with the same three forwarders are forty short
 * entries. `${name}` in any text of a template stands for a parameter; a text that is nothing else takes the parameter's
 * value as it is (a number, a list, a condition); `$${` is `${`. References are resolved once parameters are in place.
 */
import type { Finding, Place } from '../config/findings.ts'
import { ComposedFile, ComposedReferences, type Origin } from '../config/composed.ts'
import { meant, nearest } from '../config/nearest.ts'
import { kindOf, valueAt } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import { type References, resolveReferences } from '../config/secrets.ts'
import type { Path, YamlFile } from '../config/yaml.ts'
import { isMapping, type Layer } from './merge-layers.ts'

/** What a tenant gives to a template: values with where they stand. */
export type Arguments = ReadonlyMap<string, { readonly value: unknown; readonly origin: Origin }>

/** Parameters that every template has: they come from the tenant's own entry. */
export const GIVEN = ['tenant', 'org.id', 'org.name'] as const
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
const PLACEHOLDER = /\$\$\{|\$\{([^}]*)\}/g

export interface TemplateParameter {
  readonly required: boolean
  readonly value: unknown
  readonly path: Path
}

/** A template as it stands in its file. */
export class Template {
  readonly name: string
  readonly path: Path
  readonly report: Report
  readonly parameters: ReadonlyMap<string, TemplateParameter>
  readonly forwarders: readonly unknown[]
  readonly rate_max: unknown
  /** Its parameters or forwarders stand under a mistyped key: what is missing there nobody should be told of. */
  readonly broken: boolean
  used = false

  private constructor(
    name: string,
    value: Readonly<Record<string, unknown>>,
    path: Path,
    report: Report,
    parameters: ReadonlyMap<string, TemplateParameter>,
    broken: boolean,
  ) {
    this.name = name
    this.path = path
    this.report = report
    this.parameters = parameters
    this.broken = broken
    const { forwarders } = value as { readonly forwarders?: unknown }
    this.forwarders = Array.isArray(forwarders) && !broken ? forwarders : []
    this.rate_max = value['rate_max']
  }

  /** The template, or undefined after reporting. `value`: as in the file, references unresolved. */
  static read(name: string, value: unknown, path: Path, report: Report): Template | undefined {
    if (!isMapping(value)) {
      report.error(path, `expected a mapping, found ${kindOf(value)}`, 'write `forwarders:` below the name')
      return undefined
    }
    let broken = false
    for (const key of Object.keys(value)) {
      if (KEYS.includes(key)) continue
      const near = nearest(key, KEYS)
      if (near !== undefined && near !== 'rate_max' && value[near] === undefined) broken = true
      report.error([...path, key], `unknown key ${quoted(key)}`, meant(key, KEYS, 'known keys:'), {
        at_key: true,
      })
    }
    const parameters = readParameters(value['parameters'], [...path, 'parameters'], report)
    const { forwarders } = value as { readonly forwarders?: unknown }
    if (forwarders !== undefined && !Array.isArray(forwarders)) {
      const hint = 'begin each forwarder with `- name:`'
      report.error([...path, 'forwarders'], `expected a list, found ${kindOf(forwarders)}`, hint)
    }
    const known = [...parameters.keys(), ...GIVEN]
    if (!broken) {
      checkPlaceholders(forwarders, [...path, 'forwarders'], known, report)
      checkPlaceholders(value['rate_max'], [...path, 'rate_max'], known, report)
    }
    return new Template(name, value, path, report, parameters, broken)
  }

  get place(): Place {
    return this.report.yaml.keyPlace(this.path)
  }

  /** One of its forwarders with the arguments in place; undefined when the entry is no mapping, which was reported. */
  forwarder(
    index: number,
    args: Arguments,
    via: Place,
    env: NodeJS.ProcessEnv,
    findings: Finding[],
  ): Layer | undefined {
    const layer = this.#instance(['forwarders', index], this.forwarders[index], args, via, env, findings)
    if (isMapping(layer.value)) return { value: layer.value, origin: layer.origin }
    this.report.error(
      layer.origin.path,
      `expected a mapping, found ${kindOf(layer.value)}`,
      'begin with `- name:`',
    )
    return undefined
  }

  /** `rate_max` with the arguments in place. */
  rate(
    args: Arguments,
    via: Place,
    env: NodeJS.ProcessEnv,
    findings: Finding[],
  ): { value: unknown; origin: Origin } {
    return this.#instance(['rate_max'], this.rate_max, args, via, env, findings)
  }

  #instance(
    below: Path,
    value: unknown,
    args: Arguments,
    via: Place,
    env: NodeJS.ProcessEnv,
    findings: Finding[],
  ): { value: unknown; origin: Origin } {
    const path = [...this.path, ...below]
    const { yaml, references } = this.report
    const file = new ComposedFile({ yaml, references, from: `template ${this.name}`, via })
    const filled = fill(value, path, args, file, (at, name) => {
      const hint = 'let it be the whole text: `${' + name + '}`'
      this.report.error(
        at,
        `the value of ${name} comes from outside the file and must not become a part of a text`,
        hint,
      )
    })
    // Values of arguments were resolved where they stand; what they hold is never taken for a reference again.
    const { value: resolved, references: own } = resolveInside(filled, path, file, env, findings)
    file.set(path, { yaml, references: own, path, from: `template ${this.name}`, via })
    for (const [at, origin] of filled.arguments) file.set(at, origin)
    return {
      value: resolved,
      origin: { yaml: file, references: new ComposedReferences(file), path, from: '', via },
    }
  }
}

const KEYS = ['parameters', 'forwarders', 'rate_max']

function readParameters(value: unknown, path: Path, report: Report): ReadonlyMap<string, TemplateParameter> {
  const parameters = new Map<string, TemplateParameter>()
  if (value === undefined || value === null) return parameters
  if (!isMapping(value)) {
    const hint = 'write for example `siem: {}`, or `port: { default: 6514 }`'
    report.error(path, `expected a mapping, found ${kindOf(value)}`, hint)
    return parameters
  }
  for (const [name, about] of Object.entries(value)) {
    const at = [...path, name]
    if (!NAME.test(name) || name === 'tenant') {
      const message =
        name === 'tenant' ? '`tenant` is the name of the tenant' : `${quoted(name)} is not a name`
      report.error(at, message, 'use letters, digits and `_`, beginning with a letter', { at_key: true })
    } else if (about !== null && !isMapping(about)) {
      report.error(
        at,
        `expected nothing or a mapping, found ${kindOf(about)}`,
        'write `{ default: … }` for a value that may be left out',
      )
    } else {
      for (const key of Object.keys(about ?? {})) {
        if (key === 'default' || key === 'description') continue
        report.error([...at, key], `unknown key ${quoted(key)}`, 'known keys: default, description', {
          at_key: true,
        })
      }
      const required = !Object.hasOwn(about ?? {}, 'default')
      parameters.set(name, { required, value: valueAt(about, ['default']), path: [...at, 'default'] })
    }
  }
  return parameters
}

function checkPlaceholders(value: unknown, path: Path, known: readonly string[], report: Report): void {
  if (typeof value === 'string') {
    for (const { 1: name, index } of value.matchAll(PLACEHOLDER)) {
      if (name === undefined || known.includes(name)) continue
      report.errorIn(
        path,
        index,
        `there is no parameter ${quoted(name)}`,
        meant(name, known, 'parameters are'),
      )
    }
  } else if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) checkPlaceholders(entry, [...path, index], known, report)
  } else if (isMapping(value)) {
    for (const [key, entry] of Object.entries(value)) checkPlaceholders(entry, [...path, key], known, report)
  }
}

interface Filled {
  readonly value: unknown
  /** Paths that an argument's value took whole, with where it stands. */
  readonly arguments: readonly (readonly [Path, Origin])[]
}

type Refuse = (path: Path, name: string) => void

/** `refuse`: a secret that is a part of a text would no longer be known as one. */
function fill(value: unknown, path: Path, args: Arguments, file: ComposedFile, refuse: Refuse): Filled {
  const taken: (readonly [Path, Origin])[] = []
  const walk = (one: unknown, at: Path): unknown => {
    if (typeof one === 'string') {
      const whole = /^\$\{([^}]*)\}$/.exec(one)
      const argument = whole === null ? undefined : args.get(whole[1] ?? '')
      if (argument === undefined) {
        const text = replaced(one, args)
        for (const { 1: name = '' } of text === one ? [] : one.matchAll(PLACEHOLDER)) {
          const origin = args.get(name)?.origin
          if (origin?.references.has(origin.path) === true) refuse(at, name)
        }
        return text
      }
      taken.push([at, argument.origin])
      file.set(at, argument.origin)
      return argument.value
    }
    if (Array.isArray(one)) return one.map((entry: unknown, index) => walk(entry, [...at, index]))
    if (!isMapping(one)) return one
    return Object.fromEntries(Object.entries(one).map(([key, entry]) => [key, walk(entry, [...at, key])]))
  }
  return { value: walk(value, path), arguments: taken }
}

function replaced(text: string, args: Arguments): string {
  return text.replaceAll(PLACEHOLDER, (found, name: string | undefined) => {
    if (name === undefined) return '${'
    const value = args.get(name)?.value
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : found
  })
}

/** {@link resolveReferences} for a value that stands at `path`, leaving alone what came in as an argument. */
function resolveInside(
  filled: Filled,
  path: Path,
  file: ComposedFile,
  env: NodeJS.ProcessEnv,
  findings: Finding[],
): { value: unknown; references: References } {
  const nested: YamlFile = {
    file: file.file,
    text: file.text,
    value: path.toReversed().reduce<unknown>((value, step) => wrap(step, value), filled.value),
    place: (at, within) => file.place(at, within),
    keyPlace: (at) => file.keyPlace(at),
  }
  const skipped = new Set(filled.arguments.map(([at]) => at.join('\u0000')))
  const { value, references } = resolveReferences(nested, env, findings, (at) =>
    skipped.has(at.join('\u0000')),
  )
  return { value: valueAt(value, path), references }
}

function wrap(step: string | number, value: unknown): unknown {
  if (typeof step === 'string') return { [step]: value }
  const list: unknown[] = []
  list[step] = value
  return list
}
