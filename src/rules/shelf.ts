/**
 * What tenants and forwarders may use of the whole rule set: templates and defaults. Puts each entry together before it is
 * read, from the least to the most special: `defaults.forwarders`, `defaults.tenant_forwarders` (or
 * `provider_forwarders`), the template's forwarder, the tenant's own keys, the forwarder's own keys.
 */
import type { Finding } from '../config/findings.ts'
import { ComposedFile, ComposedReferences } from '../config/composed.ts'
import { meant } from '../config/nearest.ts'
import { kindOf, readPiece } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import { isMapping, type Layer, mergeLayers } from './merge-layers.ts'
import { defaultFits } from './read-forwarder-checks.ts'
import { defaultsSchema } from './schema-forwarder.ts'
import { Template } from './template.ts'
import { type Used, usedTemplates } from './template-use.ts'

const DEFAULTS = ['forwarders', 'tenant_forwarders', 'provider_forwarders'] as const
type DefaultsName = (typeof DEFAULTS)[number]

/** Keys of a tenant that hold for all of its forwarders. */
const TENANT_WIDE = ['hide_hosts', 'tags', 'redact'] as const

/** An entry as it is to be read. */
export interface Composed {
  readonly value: unknown
  readonly report: Report
  /** A template could not be used, which has been told: forwarders of the tenant are missing. */
  readonly lacking?: boolean
}

export class Shelf {
  readonly #findings: Finding[]
  readonly #env: NodeJS.ProcessEnv
  readonly #templates = new Map<string, Template>()
  readonly #defaults = new Map<DefaultsName, Layer>()
  /** A file could not be read: what is missing may stand there. */
  incomplete = false
  /** Tenants could not be read: who uses what is not known. */
  users_unknown = false
  /** Templates that are nothing to be used. */
  readonly #broken = new Set<string>()

  constructor(findings: Finding[], env: NodeJS.ProcessEnv) {
    this.#findings = findings
    this.#env = env
  }

  /** The templates of one file. `value`: with references unresolved. */
  addTemplates(value: unknown, report: Report): void {
    for (const [name, entry] of this.#entries(
      value,
      ['templates'],
      report,
      'write a name and its forwarders below it',
    )) {
      const path = ['templates', name]
      const first = this.#templates.get(name)
      if (first !== undefined) {
        const { file, line } = first.place
        const message = `template ${quoted(name)} is defined twice, first at ${file}:${line}`
        report.error(path, message, 'give each its own name', { at_key: true })
        continue
      }
      const template = Template.read(name, entry, path, report)
      if (template === undefined) this.#broken.add(name)
      else this.#templates.set(name, template)
    }
  }

  /** The defaults of one file; each kind stands in one file only, so that none is overruled by another's place in the folder. */
  addDefaults(value: unknown, report: Report): void {
    for (const [name, entry] of this.#entries(value, ['defaults'], report, 'write `forwarders:` below it')) {
      const path = ['defaults', name]
      if (!isDefaultsName(name)) {
        report.error(path, `unknown key ${quoted(name)}`, meant(name, DEFAULTS, 'known keys:'), {
          at_key: true,
        })
        continue
      }
      const first = this.#defaults.get(name)?.origin
      if (first !== undefined) {
        const { file, line } = first.yaml.keyPlace(first.path)
        report.error(path, `is set twice, first at ${file}:${line}`, 'keep one of them', { at_key: true })
        continue
      }
      const good = readPiece(defaultsSchema, entry, path, report) !== undefined
      const { yaml, references } = report
      const origin = { yaml, references, path, from: `defaults.${name}` }
      // With a mistake in them they would say it again for every forwarder.
      if (good && isMapping(entry)) this.#defaults.set(name, { value: entry, origin })
    }
  }

  #entries(value: unknown, path: Path, report: Report, hint: string): [string, unknown][] {
    if (value === undefined || value === null) return []
    if (isMapping(value)) return Object.entries(value)
    report.error(path, `expected a mapping, found ${kindOf(value)}`, hint)
    return []
  }

  /** A tenant's entry with the forwarders that it gets by templates, tenant-wide keys and defaults. */
  tenant(value: unknown, path: Path, report: Report): Composed {
    if (!isMapping(value)) return { value, report }
    const wide = this.#wide(value, path, report)
    if (
      value['use'] === undefined &&
      value['with'] === undefined &&
      wide === undefined &&
      !this.#has('tenant_forwarders')
    )
      return { value, report }
    const own = report.errors
    const asked = Array.isArray(value['use']) ? value['use'].length : value['use'] === undefined ? 0 : 1
    const file = new ComposedFile({ yaml: report.yaml, references: report.references, from: '' })
    const composed = new Report(file, new ComposedReferences(file), this.#findings)
    const used = usedTemplates(value, path, report, this.#templates, (name) => {
      const elsewhere = this.incomplete || this.#broken.has(name)
      if (elsewhere) composed.errorsElsewhere(1)
      return elsewhere
    })
    const forwarders = this.#forwarders(value, path, report, used, wide, file)
    const { use: _, with: __, ...rest } = value
    const merged: Record<string, unknown> = { ...rest }
    for (const key of TENANT_WIDE) delete merged[key]
    if (forwarders !== undefined) merged['forwarders'] = forwarders
    this.#rate(merged, used, path, file)
    // What was reported of the entry itself must keep it from being taken.
    if (report.errors > own) composed.errorsElsewhere(report.errors - own)
    const lacking = used.length < asked || used.some(({ template }) => template.broken)
    return { value: merged, report: composed, lacking }
  }

  /** The provider's forwarders with their defaults. */
  provider(value: unknown, path: Path, report: Report): Composed {
    if (!Array.isArray(value) || !this.#has('provider_forwarders')) return { value, report }
    const file = new ComposedFile({ yaml: report.yaml, references: report.references, from: '' })
    const merged = value.map((entry: unknown, index) => {
      const at = [...path, index]
      if (!isMapping(entry)) return entry
      return this.#merge([this.#own(entry, at, report)], 'provider_forwarders', at, file)
    })
    return { value: merged, report: new Report(file, new ComposedReferences(file), this.#findings) }
  }

  /** Templates that nobody used. */
  finish(): void {
    for (const { used, name, path, report } of this.#templates.values()) {
      if (!used && !this.users_unknown)
        report.warn(path, `no tenant uses template ${quoted(name)}`, 'remove it, or name it with `use:`', {
          at_key: true,
        })
    }
  }

  #has(kind: DefaultsName): boolean {
    return this.#defaults.has('forwarders') || this.#defaults.has(kind)
  }

  #own(value: Readonly<Record<string, unknown>>, path: Path, { yaml, references }: Report): Layer {
    return { value, origin: { yaml, references, path, from: '' } }
  }

  #wide(value: Readonly<Record<string, unknown>>, path: Path, report: Report): Layer | undefined {
    const keys = TENANT_WIDE.filter((key) => value[key] !== undefined)
    if (keys.length === 0) return undefined
    return this.#own(Object.fromEntries(keys.map((key) => [key, value[key]])), path, report)
  }

  /** Defaults that can mean something for this forwarder, then its own layers. */
  #merge(
    layers: readonly Layer[],
    kind: DefaultsName,
    path: Path,
    file: ComposedFile,
  ): Record<string, unknown> {
    const said = mergeLayers(layers, path, file)
    const defaults = (['forwarders', kind] as const).flatMap((name) => {
      const layer = this.#defaults.get(name)
      if (layer === undefined) return []
      const fitting = Object.entries(layer.value).filter(([key, value]) => defaultFits(key, value, said))
      return fitting.length === 0 ? [] : [{ value: Object.fromEntries(fitting), origin: layer.origin }]
    })
    return defaults.length === 0 ? said : mergeLayers([...defaults, ...layers], path, file)
  }

  /** Forwarders of templates first, each with what the tenant says under the same name; then the tenant's other ones. */
  #forwarders(
    value: Readonly<Record<string, unknown>>,
    path: Path,
    report: Report,
    used: readonly Used[],
    wide: Layer | undefined,
    file: ComposedFile,
  ): unknown {
    const { forwarders: written } = value as { readonly forwarders?: unknown }
    if (written !== undefined && !Array.isArray(written)) return written
    const own = (written ?? []).map((entry: unknown, index) => ({
      entry,
      at: [...path, 'forwarders', index],
    }))
    const merged: unknown[] = []
    const taken = new Set<unknown>()
    const put = (layers: readonly Layer[]): void => {
      const at = [...path, 'forwarders', merged.length]
      merged.push(this.#merge(layers, 'tenant_forwarders', at, file))
    }
    const between = wide === undefined ? [] : [wide]
    for (const { template, args, via } of used) {
      for (const index of template.forwarders.keys()) {
        const layer = template.forwarder(index, args, via, this.#env, this.#findings)
        if (layer === undefined) continue
        const name = layer.value['name']
        const same = own.find(({ entry }) => isMapping(entry) && entry['name'] === name && !taken.has(entry))
        if (same !== undefined) taken.add(same.entry)
        const over =
          same !== undefined && isMapping(same.entry) ? [this.#own(same.entry, same.at, report)] : []
        put([layer, ...between, ...over])
      }
    }
    for (const { entry, at } of own) {
      if (taken.has(entry)) continue
      if (isMapping(entry)) put([...between, this.#own(entry, at, report)])
      else {
        file.set([...path, 'forwarders', merged.length], this.#own({}, at, report).origin)
        merged.push(entry)
      }
    }
    return written === undefined && merged.length === 0 ? undefined : merged
  }

  /** A template's rate counts where the tenant says none. */
  #rate(merged: Record<string, unknown>, used: readonly Used[], path: Path, file: ComposedFile): void {
    for (const { template, args, via } of used) {
      if (merged['rate_max'] !== undefined || template.rate_max === undefined) continue
      const { value, origin } = template.rate(args, via, this.#env, this.#findings)
      merged['rate_max'] = value
      file.set([...path, 'rate_max'], origin)
    }
  }
}

function isDefaultsName(name: string): name is DefaultsName {
  return (DEFAULTS as readonly string[]).includes(name)
}
