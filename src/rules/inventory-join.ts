/**
 * Tenants of the inventory and what people write about them, joined by `org.id` and by nothing else: a name may be given
 * anew to another customer. What Cloud Director knows comes from the inventory; names of tenants, forwarders and further
 * labels come from people. Every value knows where it stands.
 */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ComposedFile, ComposedReferences } from '../config/composed.ts'
import type { Finding } from '../config/findings.ts'
import { valueAt } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import { isMapping } from './merge-layers.ts'
import { parseId, type IdKind } from './read-ids.ts'

/** A tenant's entry as written. */
export interface TenantEntry {
  readonly value: unknown
  readonly path: Path
  readonly report: Report
}

/** Beside the inventory's files while a new inventory takes their place. */
export const COMMIT_MARK: readonly string[] = ['.new', 'commit.json']

const LISTS = [
  ['org_vdcs', 'org_vdc'],
  ['data_center_groups', 'data_center_group'],
  ['gateways', 'gateway'],
] as const

interface Known extends TenantEntry {
  joined: TenantEntry | undefined
}

/** A folder that rules are read from. */
interface Watched {
  /** When it changed last, before the first of its files was read. */
  readonly state: string
  files: number
  inventory: boolean
}

export class InventoryJoin {
  readonly #findings: Finding[]
  readonly #known = new Map<string, Known>()
  readonly #unjoined: Known[] = []
  readonly #folders = new Map<string, Watched>()

  constructor(findings: Finding[]) {
    this.#findings = findings
  }

  /** A tenant of a file that `inventory pull` wrote. */
  add(entry: TenantEntry): void {
    const known: Known = { ...entry, joined: undefined }
    const watched = this.#folders.get(dirname(entry.report.yaml.file))
    if (watched !== undefined) watched.inventory = true
    const id = orgId(entry.value)
    const first = id === undefined ? undefined : this.#known.get(id)
    if (first !== undefined) {
      const { file, line } = first.report.place(first.path)
      const message = `the organisation stands in the inventory already, at ${file}:${line}`
      entry.report.error(
        [...entry.path, 'org', 'id'],
        message,
        'two inventories must not hold one organisation',
      )
    } else if (id !== undefined) this.#known.set(id, known)
    this.#unjoined.push(known)
  }

  /** Tenants of the inventory that nobody has written about. */
  get rest(): readonly TenantEntry[] {
    return this.#unjoined.filter(({ joined }) => joined === undefined)
  }

  /** What people wrote, with what the inventory knows of the organisation; the entry itself where it knows nothing. */
  join(entry: TenantEntry): TenantEntry & { readonly inventory: boolean } {
    const alone = { ...entry, inventory: false }
    if (this.#unjoined.length === 0 || !isMapping(entry.value)) return alone
    const id = orgId(entry.value)
    const known = id === undefined ? undefined : this.#known.get(id)
    if (known === undefined) {
      this.#warnAlone(entry, id)
      return alone
    }
    const { path, report } = entry
    if (known.joined !== undefined) {
      const { file, line } = known.joined.report.place(known.joined.path)
      const message = `the organisation has an entry already, at ${file}:${line}`
      report.error([...path, 'org', 'id'], message, 'put the forwarders into one entry')
      return alone
    }
    known.joined = entry
    if (!isMapping(known.value)) return alone
    return { ...this.#merge(entry, entry.value, known, known.value), inventory: true }
  }

  #warnAlone({ value, path, report }: TenantEntry, id: string | undefined): void {
    if (id !== undefined) {
      const message = 'the inventory has no organisation with this id: only what stands here counts'
      report.warn([...path, 'org', 'id'], message)
      return
    }
    const name = valueAt(value, ['name'])
    if (typeof name !== 'string') return
    const same = this.#unjoined.find((known) => {
      const names = [valueAt(known.value, ['name']), valueAt(known.value, ['org', 'name'])]
      return names.some((one) => typeof one === 'string' && one.toLowerCase() === name.toLowerCase())
    })
    if (same === undefined) return
    const message = `the inventory has an organisation of the name ${quoted(name)}, which is joined by its id only`
    report.warn([...path, 'name'], message, 'set `org.id`')
  }

  #merge(
    { path, report }: TenantEntry,
    own: Readonly<Record<string, unknown>>,
    known: Known,
    theirs: Readonly<Record<string, unknown>>,
  ): TenantEntry {
    const file = new ComposedFile({ yaml: report.yaml, references: report.references, from: '' })
    const composed = new Report(file, new ComposedReferences(file), this.#findings)
    const merged: Record<string, unknown> = { ...own }
    const { yaml, references } = known.report
    const from = (key: string, ...below: Path): void => {
      const origin = { yaml, references, path: [...known.path, key, ...below], from: 'inventory' }
      file.set([...path, key, ...below], origin)
    }
    warnOfName(
      valueAt(own, ['org', 'name']),
      valueAt(theirs, ['org', 'name']),
      [...path, 'org', 'name'],
      report,
    )
    merged['org'] = theirs['org']
    from('org')
    if (theirs['gone'] !== undefined) {
      merged['gone'] = theirs['gone']
      from('gone')
    }
    for (const [key, kind] of LISTS) {
      const list = this.#list(key, kind, { path, report, value: own }, known, theirs, file)
      if (list !== undefined) merged[key] = list
    }
    return { value: merged, path, report: composed }
  }

  /** Objects of the inventory, with what people add to them; then those that only people know. */
  #list(
    key: string,
    kind: IdKind,
    own: TenantEntry,
    known: Known,
    theirs: Readonly<Record<string, unknown>>,
    file: ComposedFile,
  ): unknown {
    const [written, read] = [valueAt(own.value, [key]), theirs[key]]
    if (!Array.isArray(read) || (written !== undefined && !Array.isArray(written))) return written ?? read
    const ours = (written ?? []).map((value: unknown, index) => ({ value, index, id: idIn(value, kind) }))
    const { yaml, references } = own.report
    const list: unknown[] = []
    for (const [index, object] of read.entries()) {
      const at = [...own.path, key, list.length]
      const origin = { path: [...known.path, key, index], from: 'inventory' }
      file.set(at, { yaml: known.report.yaml, references: known.report.references, ...origin })
      const id = idIn(object, kind)
      const same = id === undefined ? undefined : ours.find((one) => one.id === id)
      if (same === undefined || !isMapping(object)) {
        list.push(object)
        continue
      }
      ours.splice(ours.indexOf(same), 1)
      const there = [...own.path, key, same.index]
      warnOfName(valueAt(same.value, ['name']), object['name'], [...there, 'name'], own.report)
      const more: Record<string, unknown> = {}
      for (const name of ['interfaces', 'contested']) {
        const value = valueAt(same.value, [name])
        if (value === undefined) continue
        more[name] = value
        file.set([...at, name], { yaml, references, path: [...there, name], from: '' })
      }
      // Contested is what either says.
      if (object['contested'] === true) more['contested'] = true
      list.push({ ...object, ...more })
    }
    for (const { value, index } of ours) {
      file.set([...own.path, key, list.length], {
        yaml,
        references,
        path: [...own.path, key, index],
        from: '',
      })
      list.push(value)
    }
    return list
  }

  /** Remembers how the folder of a file is before the file is read. */
  watch(path: string): void {
    const folder = dirname(path)
    const watched = this.#folders.get(folder) ?? { state: stateOf(folder), files: 0, inventory: false }
    watched.files += 1
    this.#folders.set(folder, watched)
  }

  /** An error for each folder of the inventory that changed while it was read: half of two would be neither. */
  checkWhole(): void {
    for (const [folder, { state, files, inventory }] of this.#folders) {
      const complain = (message: string, hint: string): void => {
        this.#findings.push({ level: 'error', file: folder, line: 0, column: 0, message, hint })
      }
      const after = stateOf(folder)
      if (after === WRITING || state === WRITING)
        complain(
          'the inventory is being written',
          'reload again; if its writer died, `logweir inventory pull` completes it',
        )
      else if (inventory && (state !== after || files !== countFiles(folder)))
        complain('the inventory changed while it was read', 'reload again')
    }
  }
}

const WRITING = 'writing'

/** The time of the last change, or that a new inventory is just taking its place. */
function stateOf(folder: string): string {
  if (statSync(join(folder, ...COMMIT_MARK), { throwIfNoEntry: false }) !== undefined) return WRITING
  return String(statSync(folder, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? 'gone')
}

function warnOfName(written: unknown, read: unknown, path: Path, report: Report): void {
  if (typeof written !== 'string' || typeof read !== 'string' || written === read) return
  report.warn(
    path,
    `Cloud Director calls it ${quoted(read)} now, not ${quoted(written)}`,
    'the id joins; correct the name',
  )
}

function orgId(value: unknown): string | undefined {
  return idIn(valueAt(value, ['org']), 'org')
}

function idIn(value: unknown, kind: IdKind): string | undefined {
  const text = valueAt(value, ['id'])
  if (typeof text !== 'string') return undefined
  const parsed = parseId(text, kind)
  return 'id' in parsed ? parsed.id : undefined
}

/** Rules files in it, as `read-folder.ts` takes them. */
function countFiles(folder: string): number {
  return readdirSync(folder).filter((name) => /^[^.].*\.ya?ml$/i.test(name) && !/\.test\.ya?ml$/i.test(name))
    .length
}
