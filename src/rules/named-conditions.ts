/** Conditions that have a name (`conditions:`), each read once, when the first rule uses it or at the end. */
import { kindOf } from '../config/pieces.ts'
import { meant, nearest } from '../config/nearest.ts'
import { quoted } from '../config/quantities.ts'
import type { Place } from '../config/findings.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { NamedConditionModel } from './model.ts'
import type { Condition } from './plan.ts'
import { readWhere, type WhereContext } from './read-where.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

interface Definition {
  readonly name: string
  readonly value: unknown
  readonly path: Path
  readonly report: Report
  readonly place: Place
  readonly stream: WhereContext['stream']
  state: 'unread' | 'reading' | 'read'
  condition: Condition | undefined
  used: boolean
}

/** See the module. */
export class NamedConditions {
  readonly #definitions = new Map<string, Definition>()
  /** A file could not be read: what is missing may stand there. */
  incomplete = false
  /** Rules could not be read: who uses what is not known. */
  users_unknown = false

  /** The conditions of one file. */
  add(value: unknown, path: Path, report: Report, stream: WhereContext['stream']): void {
    if (value === undefined || value === null) return
    if (typeof value !== 'object' || Array.isArray(value)) {
      const hint = 'write a name and its condition, for example `refused: { action: [DROP, REJECT] }`'
      return report.error(path, `expected a mapping, found ${kindOf(value)}`, hint)
    }
    for (const [name, condition] of Object.entries(value))
      this.#define(name, condition, [...path, name], report, stream)
  }

  #define(name: string, value: unknown, path: Path, report: Report, stream: WhereContext['stream']): void {
    const first = this.#definitions.get(name)
    if (!NAME.test(name)) {
      const hint = 'use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit'
      return report.error(path, `${quoted(name)} is not a name`, hint, { at_key: true })
    }
    if (first !== undefined) {
      const { file, line } = first.place
      const message = `condition ${quoted(name)} is defined twice, first at ${file}:${line}`
      return report.error(path, message, 'give each its own name', { at_key: true })
    }
    const place = report.yaml.keyPlace(path)
    this.#definitions.set(name, {
      name,
      value,
      path,
      report,
      place,
      stream,
      state: 'unread',
      condition: undefined,
      used: false,
    })
  }

  /** The condition of a name, for a `use` at `path`; undefined after reporting. */
  find(name: string, path: Path, report: Report): Condition | undefined {
    const definition = this.#definitions.get(name)
    if (definition === undefined) {
      if (this.incomplete) return undefined
      const names = [...this.#definitions.keys()]
      // Not one that nobody uses, too.
      const near = this.#definitions.get(nearest(name, names) ?? '')
      if (near !== undefined) near.used = true
      const hint = names.length === 0 ? 'name it under `conditions:`' : meant(name, names)
      report.error(path, `there is no condition ${quoted(name)}`, hint)
      return undefined
    }
    if (definition.state === 'reading') {
      report.error(path, `condition ${quoted(name)} uses itself`, 'write out what is meant')
      return undefined
    }
    definition.used = true
    return this.#read(definition)
  }

  #read(definition: Definition): Condition | undefined {
    if (definition.state === 'read') return definition.condition
    definition.state = 'reading'
    const { value, path, report, stream } = definition
    const named = this.find.bind(this)
    const condition = readWhere(value, path, { report, stream, warn_not: false, named })
    if (condition === null) report.error(path, 'an empty condition holds for every event', 'name a field')
    definition.state = 'read'
    definition.condition = condition ?? undefined
    return definition.condition
  }

  /** Reads those that nobody used too, so that their mistakes show; says which they are. */
  finish(): NamedConditionModel[] {
    return [...this.#definitions.values()].flatMap((definition) => {
      const { name, place, path, report } = definition
      const condition = this.#read(definition)
      if (!definition.used && !this.users_unknown)
        report.warn(path, `no rule uses condition ${quoted(name)}`, 'remove it, or name it with `use:`', {
          at_key: true,
        })
      return condition === undefined ? [] : [{ name, place, condition }]
    })
  }
}
