/**
 * The rules folder into a {@link RulesModel}: all files read, every entry checked by itself, then against each other.
 * The shipped streams and label formats come first; the operator's of the same name take their place.
 */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { unknownKey } from '../config/fields.ts'
import type { Finding } from '../config/findings.ts'
import { sortFindings } from '../config/findings-format.ts'
import { nearest } from '../config/nearest.ts'
import { kindOf, readPiece, valueAt } from '../config/pieces.ts'
import { Report } from '../config/report.ts'
import { resolveReferences } from '../config/secrets.ts'
import { FILE_MAX_DEFAULT, parseYaml, type Path, readBounded } from '../config/yaml.ts'
import { sections } from '../config/settings-schema.ts'
import { InventoryJoin, type TenantEntry } from './inventory-join.ts'
import type { LabelFormatModel, RulesModel, SharedModel, StreamModel, TenantModel } from './model.ts'
import {
  checkFiles,
  checkFormatUses,
  checkOrganisations,
  checkProviderNames,
  checkStreamUses,
  checkTenantNames,
  type ProviderEntry,
  type StreamUse,
} from './read-across.ts'
import { checkReplaced, fingerprintOf, type ShippedEntry } from './check-replaced.ts'
import { listRules } from './read-folder.ts'
import { type Entry, readLabelFormat, readStream, replaceByName } from './read-streams.ts'
import { NamedConditions } from './named-conditions.ts'
import { readShared } from './read-shared.ts'
import { readForwarders, readTenant } from './read-tenant.ts'
import { LATER_TOP, rulesFile } from './schema.ts'
import { Shelf } from './shelf.ts'

export interface RulesLimits {
  readonly forwarders_per_tenant: number
  /** Bytes of one file. */
  readonly file_max: number
}

export interface ReadRules {
  /** Only when no finding is an error. */
  readonly model?: RulesModel
  /** The same; with errors what could be read, so that more can be checked. */
  readonly readable: RulesModel
  /** By file and place. Never holds a secret. */
  readonly findings: readonly Finding[]
  /** Texts of the files read, for `formatFindings`. */
  readonly sources: ReadonlyMap<string, string>
  /** The operator's files, for the last good rules. */
  readonly files: readonly RulesText[]
}

/** Tenants of one rule set. */
const TENANTS_MAX = 100_000

/** A rules file as it was read. */
export interface RulesText {
  /** Absolute; paths inside the text are relative to its folder. */
  readonly path: string
  readonly text: string
}

/**
 * Reads the shipped rules and the folder, or instead of the folder `saved` texts of its files. Never throws:
 * whatever is wrong is a finding.
 */
export function readRules(
  folder: string,
  limits: RulesLimits,
  env: NodeJS.ProcessEnv = process.env,
  saved?: readonly RulesText[],
): ReadRules {
  const reader = new RulesReader(limits, env)
  const path = resolve(folder)
  const files = saved?.map((file) => file.path) ?? listRules(path, reader.findings)
  const shipped = shippedRules()
  if (shipped === undefined) {
    const hint = 'install Logweir again'
    reader.findings.push({
      level: 'error',
      file: '',
      line: 0,
      column: 0,
      message: 'rules/vmware.yaml is missing from the installation',
      hint,
    })
  } else {
    reader.read(shipped, true)
  }
  for (const [n, file] of files.entries()) {
    if (!sameFile(file, shipped)) reader.read(file, false, saved?.[n]?.text)
  }
  return reader.finish(path)
}

/** The shipped rules of this installation; found from `src` and from `dist`. */
export function shippedRules(): string | undefined {
  let folder = import.meta.dirname
  for (let up = 0; up < 4; up += 1) {
    folder = dirname(folder)
    const file = join(folder, 'rules', 'vmware.yaml')
    if (existsSync(file)) return file
  }
  return undefined
}

class RulesReader {
  readonly findings: Finding[] = []
  readonly #limits: RulesLimits
  readonly #env: NodeJS.ProcessEnv
  readonly #sources = new Map<string, string>()
  readonly #files: RulesText[] = []
  readonly #tenants: Entry<TenantModel>[] = []
  /** Also of tenants with mistakes, so that a name used twice shows at once. */
  readonly #names: { name: string; path: Path; report: Report }[] = []
  readonly #providers: ProviderEntry[] = []
  readonly #streams: { shipped: StreamModel[]; own: Entry<StreamModel>[] } = { shipped: [], own: [] }
  readonly #formats: { shipped: LabelFormatModel[]; own: Entry<LabelFormatModel>[] } = {
    shipped: [],
    own: [],
  }
  readonly #uses: StreamUse[] = []
  /** Files whose tenants and provider are read when what they may use is known. */
  readonly #entries: { readonly value: object; readonly report: Report }[] = []
  readonly #named = new NamedConditions()
  /** Streams and label formats that come with Logweir: `stream nsxt.dfw`. */
  readonly #shipped = new Map<string, ShippedEntry>()
  readonly #shelf: Shelf
  readonly #shared: SharedModel[] = []
  readonly #inventory = new InventoryJoin(this.findings)
  readonly #unread = { tenants: false, names: false, streams: false }

  constructor(limits: RulesLimits, env: NodeJS.ProcessEnv) {
    this.#limits = limits
    this.#env = env
    this.#shelf = new Shelf(this.findings, env)
  }

  read(file: string, shipped: boolean, saved?: string): void {
    // The operator's limit is for the operator's files: a small one must not shut out ours.
    const max = shipped ? FILE_MAX_DEFAULT : this.#limits.file_max
    if (saved === undefined && !shipped) this.#inventory.watch(file)
    const text = saved ?? readBounded(file, max, this.findings, 'limits.file_max')
    if (text === undefined) return this.#lose()
    this.#sources.set(file, text)
    if (!shipped) this.#files.push({ path: file, text })
    const yaml = parseYaml(file, text, this.findings)
    if (yaml === undefined) return this.#lose()
    // A file of comments only is an empty rule set.
    if (yaml.value === null || yaml.value === undefined) return
    // Those of templates wait until parameters are in place.
    const { value, references } = resolveReferences(
      yaml,
      this.#env,
      this.findings,
      (path) => path.length === 1 && path[0] === 'templates',
    )
    const report = new Report(yaml, references, this.findings)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      report.error([], `expected a mapping, found ${kindOf(value)}`, 'begin with `version: 1`')
      return this.#lose()
    }
    for (const key of checkTop(value, report)) this.#loseKey(key)
    const stream = (name: string, path: Path): unknown => this.#uses.push({ name, path, report })
    this.#shelf.addTemplates(valueAt(value, ['templates']), report)
    this.#shelf.addDefaults(valueAt(value, ['defaults']), report)
    this.#named.add(valueAt(value, ['conditions']), ['conditions'], report, stream)
    this.#entries.push({ value, report })
    this.#shared.push(...readShared(valueAt(value, ['shared']), report))
    const before = report.errors
    for (const [entry, path] of entriesOf(value, 'streams', report)) {
      if (shipped) this.#ship('stream', entry, path, report)
      keep(readStream(entry, path, report), path, report, this.#streams, shipped)
    }
    for (const [entry, path] of entriesOf(value, 'label_formats', report)) {
      if (shipped) this.#ship('label format', entry, path, report)
      keep(readLabelFormat(entry, path, report), path, report, this.#formats, shipped)
    }
    if (report.errors > before) this.#unread.streams = true
  }

  /** A file that cannot be read: what stood in it nobody knows. */
  #lose(): void {
    Object.assign(this.#unread, { tenants: true, names: true, streams: true })
    this.#named.incomplete = true
    this.#shelf.incomplete = true
    this.#usersLost()
  }

  /** A key at the top of a file that is mistyped: what stands below it nobody knows. */
  #loseKey(meant: string): void {
    if (meant === 'conditions') this.#named.incomplete = true
    if (meant === 'templates') this.#shelf.incomplete = true
    if (meant === 'streams' || meant === 'label_formats') this.#unread.streams = true
    if (meant === 'tenants') Object.assign(this.#unread, { tenants: true, names: true })
    this.#usersLost()
  }

  #usersLost(): void {
    this.#named.users_unknown = true
    this.#shelf.users_unknown = true
  }

  finish(folder: string): ReadRules {
    this.#inventory.checkWhole()
    const tenants = this.#entries.flatMap(({ value, report }) => {
      const before = report.errors
      const entries = entriesOf(value, 'tenants', report)
      if (report.errors > before) this.#unread.names = true
      const found = entries.map(([entry, path]) => ({
        value: entry,
        path,
        report,
      }))
      if (valueAt(value, ['inventory']) === undefined) return found
      for (const entry of found) this.#inventory.add(entry)
      return []
    })
    for (const entry of tenants) this.#readTenant(entry, false)
    for (const entry of this.#inventory.rest) this.#readTenant(entry, true)
    for (const { value, report } of this.#entries) this.#readProvider(valueAt(value, ['provider']), report)
    const conditions = this.#named.finish()
    this.#shelf.finish()
    const streams = replaceByName(this.#streams.shipped, this.#streams.own, 'stream')
    const label_formats = replaceByName(this.#formats.shipped, this.#formats.own, 'label format')
    checkReplaced(this.#streams.own, this.#shipped, 'stream')
    checkReplaced(this.#formats.own, this.#shipped, 'label format')
    checkTenantNames(this.#names)
    checkOrganisations(this.#tenants)
    checkProviderNames(this.#providers)
    checkFiles(this.#tenants, this.#providers)
    if (!this.#unread.streams) {
      checkStreamUses(this.#uses, streams)
      checkFormatUses(this.#streams.own, label_formats)
    }
    if (this.#names.length > TENANTS_MAX) this.#complain(folder, 'error', `more than ${TENANTS_MAX} tenants`)
    const wrong = this.findings.some((finding) => finding.level === 'error')
    if (this.#names.length === 0 && !wrong) {
      this.#complain(folder, 'warning', 'no tenants: every event is an orphan')
    }
    const findings = sortFindings(once(this.findings))
    const provider = this.#providers.flatMap((entry) => entry.forwarders)
    const shared = this.#shared.length === 0 ? {} : { shared: this.#shared }
    const own = this.#tenants.map((entry) => entry.model)
    const readable: RulesModel = { tenants: own, provider, streams, label_formats, conditions, ...shared }
    const rest = { findings, sources: this.#sources, files: this.#files }
    if (!wrong) return { model: readable, readable, ...rest }
    return { readable: { ...readable, unread: this.#unread }, ...rest }
  }

  #readTenant({ value, path, report }: TenantEntry, inventory: boolean): void {
    const name = valueAt(value, ['name'])
    if (typeof name === 'string' && name !== '') this.#names.push({ name, path, report })
    const composed = this.#shelf.tenant(value, path, report)
    // Conditions that it uses may stand in what its templates would have taken.
    if (composed.lacking === true) this.#named.users_unknown = true
    const joined = inventory ? { ...composed, inventory } : this.#inventory.join({ ...composed, path })
    const model = readTenant(joined.value, path, {
      ...this.#context(joined.report),
      inventory: joined.inventory,
      lacking: composed.lacking === true,
    })
    if (model === undefined) this.#unread.names = true
    else this.#tenants.push({ model, path, report: joined.report })
    if (model === undefined || model.broken === true) this.#unread.tenants = true
  }

  #readProvider(value: unknown, report: Report): void {
    if (value === undefined) return
    const path = ['provider']
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      report.error(
        path,
        `expected a mapping, found ${kindOf(value)}`,
        'write `provider:` and `forwarders:` below it',
      )
      return
    }
    for (const key of Object.keys(value)) {
      if (key === 'forwarders') continue
      const [message = '', hint = ''] = unknownKey(key, ['forwarders'], {}).split('\t')
      report.error([...path, key], message, hint, { at_key: true })
    }
    const at = [...path, 'forwarders']
    const composed = this.#shelf.provider(valueAt(value, ['forwarders']), at, report)
    const forwarders = readForwarders(composed.value, at, null, this.#context(composed.report))
    this.#providers.push({ forwarders, report: composed.report })
  }

  #context(report: Report): Parameters<typeof readTenant>[2] {
    return {
      report,
      forwarders_per_tenant: this.#limits.forwarders_per_tenant,
      stream: (name, path) => this.#uses.push({ name, path, report }),
      named: (name, path, at) => this.#named.find(name, path, at),
    }
  }

  #ship(what: string, entry: unknown, path: Path, report: Report): void {
    const { file, line } = report.place(path)
    const fingerprint = fingerprintOf(entry)
    this.#shipped.set(`${what} ${String(valueAt(entry, ['name']))}`, { fingerprint, at: `${file}:${line}` })
  }

  #complain(file: string, level: Finding['level'], message: string): void {
    this.findings.push({ level, file, line: 0, column: 0, message, hint: '' })
  }
}

/** A mistake in a template shows at every tenant that uses it, and is told once. */
function once(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>()
  return findings.filter(({ level, file, line, column, message }) => {
    const text = JSON.stringify([level, file, line, column, message])
    return !seen.has(text) && seen.add(text)
  })
}

function keep<Model>(
  model: Model | undefined,
  path: Path,
  report: Report,
  into: { readonly shipped: Model[]; readonly own: Entry<Model>[] },
  shipped: boolean,
): void {
  if (model === undefined) return
  if (shipped) into.shipped.push(model)
  else into.own.push({ model, path, report })
}

/** Returns the keys that were probably meant by those that there are not. */
function checkTop(value: object, report: Report): string[] {
  const lost: string[] = []
  const known = Object.keys(rulesFile.shape)
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const tests =
      key === 'tests' ? { elsewhere: { tests: 'rule tests stand in files named *.test.yaml' } } : {}
    const [message = '', hint = ''] = unknownKey(key, known, { later: LATER_TOP, ...tests }).split('\t')
    report.error([key], message, hint, { at_key: true })
    lost.push(nearest(key, known) ?? '')
  }
  readPiece(sections.version, valueAt(value, ['version']), ['version'], report)
  return lost
}

function entriesOf(value: object, key: string, report: Report): (readonly [unknown, Path])[] {
  const list = valueAt(value, [key])
  if (list === undefined || list === null) return []
  if (Array.isArray(list)) return list.map((entry: unknown, index) => [entry, [key, index]])
  report.error([key], `expected a list, found ${kindOf(list)}`, 'begin each entry with `- `')
  return []
}

function sameFile(file: string, other: string | undefined): boolean {
  if (other === undefined) return false
  try {
    const [one, shipped] = [statSync(file, { bigint: true }), statSync(other, { bigint: true })]
    return one.ino === shipped.ino && one.dev === shipped.dev
  } catch {
    return false
  }
}
