/** logweir.yaml into {@link Settings}: reads, resolves, checks each part, then the parts against each other. */
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { checkSettings } from './settings-checks.ts'
import type { Finding, Place } from './findings.ts'
import { sortFindings } from './findings-format.ts'
import { unknownKey } from './fields.ts'
import { meant } from './nearest.ts'
import { kindOf, readPiece, valueAt } from './pieces.ts'
import { quoted } from './quantities.ts'
import { Report } from './report.ts'
import { resolveReferences } from './secrets.ts'
import {
  cfapiListener,
  cfapiTlsListener,
  relpListener,
  relpTlsListener,
  sections,
  settingsFile,
  source,
  tcpListener,
  tlsListener,
  TRANSPORTS,
  udpListener,
} from './settings-schema.ts'
import type {
  BindAddress,
  CfapiListenerSettings,
  ListenerSettings,
  ListenerTls,
  Settings,
  SourceSettings,
} from './types.ts'
import { FILE_MAX_DEFAULT, type Path, parseYaml, readBounded } from './yaml.ts'

export interface Door {
  readonly bind: BindAddress
  readonly data: string
}

export interface LoadedSettings {
  /** Only when no finding is an error. */
  readonly settings?: Settings
  /** Where a router of this file listens for commands and keeps its data, also when other things are wrong. */
  readonly door?: Door
  /** The rules folder, also when other things are wrong: so that all mistakes can be told at once. */
  readonly rules?: string
  /** What rules refer to, also when other things are wrong. */
  readonly named?: NamedParts
  /** By file and place. Never holds a secret. */
  readonly findings: readonly Finding[]
  /** Texts of the files read, for {@link import('./findings-format.ts').formatFindings}. */
  readonly sources: ReadonlyMap<string, string>
  /** Where a value of the file stands, for checks that need the rules too; undefined when the file could not be parsed. */
  readonly place?: (path: Path) => Place
}

/** Listeners and sources; undefined: one of them is wrong. */
export interface NamedParts {
  readonly listeners: readonly ListenerSettings[] | undefined
  readonly sources: readonly SourceSettings[] | undefined
}

/** Reads the configuration. Never throws: whatever is wrong is a finding. */
export function loadSettings(file: string, env: NodeJS.ProcessEnv = process.env): LoadedSettings {
  const path = resolve(file)
  const findings: Finding[] = []
  const text = readBounded(path, FILE_MAX_DEFAULT, findings, 'of a configuration file')
  return text === undefined ? { findings, sources: new Map() } : settingsOf(path, text, env, findings)
}

function settingsOf(file: string, text: string, env: NodeJS.ProcessEnv, findings: Finding[]): LoadedSettings {
  const sources = new Map([[file, text]])
  const yaml = parseYaml(file, text, findings)
  if (yaml === undefined) return { findings: sortFindings(findings), sources }
  const { value, references } = resolveReferences(yaml, env, findings)
  const report = new Report(yaml, references, findings)
  const { settings, named: parts } = assemble(value, report)
  const good = settings !== undefined && !findings.some((finding) => finding.level === 'error')
  const place = (path: Path): Place => yaml.place(path)
  const named = valueAt(value, ['rules']) ?? 'rules'
  const rules = typeof named === 'string' ? { rules: resolve(dirname(file), named) } : {}
  const door = readDoor(value, new Report(yaml, references, []))
  return {
    ...(good ? { settings } : {}),
    ...(door === undefined ? {} : { door }),
    ...(parts === undefined ? {} : { named: parts }),
    ...rules,
    findings: sortFindings(findings),
    sources,
    place,
  }
}

interface Assembled {
  readonly settings?: Settings
  readonly named?: NamedParts
}

function assemble(value: unknown, report: Report): Assembled {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report.error([], `expected a mapping, found ${kindOf(value)}`, 'begin with `version: 1` and `listeners:`')
    return {}
  }
  checkKeys(value, report)
  const before = report.errors
  const listeners = readListeners(valueAt(value, ['listeners']), report)
  const listening = listeners.flatMap((item) => item ?? [])
  const between = report.errors
  const sources = readList(valueAt(value, ['sources']), 'sources', report, readSource)
  const sending = (sources ?? []).flatMap((item) => item ?? [])
  const named = {
    listeners: between > before ? undefined : listening,
    sources: report.errors > between ? undefined : sending,
  }
  const read = readSections(value, report)
  const folder = dirname(report.yaml.file)
  const open = valueAt(value, ['sources']) === undefined
  checkSettings({ listeners, sources: sources ?? [], open, value, report, sections: read })
  if (report.errors > 0 || read === undefined) return { named }
  const settings: Settings = {
    file: report.yaml.file,
    listeners: listening,
    sources: sending,
    rules: resolve(folder, read.rules),
    data: resolve(folder, read.data),
    queue: {
      ...read.queue,
      tenant_memory_max: read.queue.tenant_memory_max ?? quarterOf(read.queue.memory_max),
      provider_memory_max: read.queue.provider_memory_max ?? Math.floor(read.queue.memory_max / 2),
    },
    batch: read.batch,
    spool: {
      ...read.spool,
      tenant_disk_max: read.spool.tenant_disk_max ?? quarterOf(read.spool.disk_max),
      provider_disk_max: read.spool.provider_disk_max ?? Math.floor(read.spool.disk_max / 2),
      key_file: read.spool.key_file === undefined ? null : resolve(folder, read.spool.key_file),
    },
    limits: read.limits,
    workers: read.workers,
    admin: { ...read.admin, bind: absoluteBind(read.admin.bind, folder) },
    reload: read.reload,
    drain: read.drain,
    redaction: { key: read.redaction.key ?? null },
    log: read.log,
  }
  return { settings, named }
}

/** What commands need to reach a router that runs, whatever else of its files is wrong meanwhile; undefined: that is wrong. */
function readDoor(value: unknown, report: Report): Door | undefined {
  const folder = dirname(report.yaml.file)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const admin = readPiece(sections.admin, valueAt(value, ['admin']), ['admin'], report)
  const data = readPiece(sections.data, valueAt(value, ['data']), ['data'], report)
  if (admin === undefined || data === undefined || report.errors > 0) return undefined
  return { bind: absoluteBind(admin.bind, folder), data: resolve(folder, data) }
}

type Sections = { readonly [Key in keyof typeof sections]: z.output<(typeof sections)[Key]> }

/** Each section by itself, so that all their mistakes are found; undefined when one has any. */
function readSections(value: object, report: Report): Sections | undefined {
  const before = report.errors
  const read = Object.fromEntries(
    Object.entries(sections).map(([key, schema]) => [
      key,
      readPiece(schema, valueAt(value, [key]), [key], report),
    ]),
  )
  return report.errors === before ? (read as unknown as Sections) : undefined
}

function checkKeys(value: object, report: Report): void {
  const known = Object.keys(settingsFile.shape)
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const [message = '', hint = ''] = unknownKey(key, known, {}).split('\t')
    report.error([key], message, hint, { at_key: true })
  }
}

function readListeners(value: unknown, report: Report): (ListenerSettings | undefined)[] {
  const listeners = readList(value, 'listeners', report, readListener)
  if (listeners === undefined && value === undefined) {
    report.error(['listeners'], 'is missing', 'name at least one listener')
  } else if (listeners?.length === 0) {
    report.error(['listeners'], 'must not be empty', 'name at least one listener')
  }
  return listeners ?? []
}

/** The entries of a list, undefined in the place of those that were reported; undefined when there is no list. */
function readList<Item>(
  value: unknown,
  key: string,
  report: Report,
  read: (entry: unknown, path: Path, report: Report) => Item | undefined,
): (Item | undefined)[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) {
    report.error([key], `expected a list, found ${kindOf(value)}`, 'begin each entry with `- `')
    return undefined
  }
  return value.map((entry: unknown, index) => read(entry, [key, index], report))
}

function readListener(value: unknown, path: Path, report: Report): ListenerSettings | undefined {
  const transport = valueAt(value, ['transport'])
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report.error(path, `expected a mapping, found ${kindOf(value)}`)
    return undefined
  }
  if (transport === 'udp') return udp(readPiece(udpListener, value, path, report))
  if (transport === 'tcp') return stream(readPiece(tcpListener, value, path, report))
  if (transport === 'relp') return stream(readPiece(relpListener, value, path, report))
  if (transport === 'cfapi') return cfapi(readPiece(cfapiListener, value, path, report), path, report)
  const folder = dirname(report.yaml.file)
  if (transport === 'cfapi-tls') {
    const read = cfapi(readPiece(cfapiTlsListener, value, path, report), path, report)
    return read === undefined ? undefined : { ...read, tls: tlsOf(read.tls, folder) }
  }
  if (transport === 'tls') return tls(readPiece(tlsListener, value, path, report), folder)
  if (transport === 'relp-tls') return tls(readPiece(relpTlsListener, value, path, report), folder)
  const at = [...path, 'transport']
  if (typeof transport !== 'string') {
    report.error(
      at,
      transport === undefined ? 'is missing' : `expected text, found ${kindOf(transport)}`,
      `use one of ${TRANSPORTS.join(', ')}`,
    )
    return undefined
  }
  report.error(at, `unknown transport ${quoted(transport)}`, meant(transport, TRANSPORTS))
  return undefined
}

function udp(read: z.output<typeof udpListener> | undefined): ListenerSettings | undefined {
  if (read === undefined) return undefined
  const { bind, allow, rate_max, ...rest } = read
  return { ...rest, ...bind, allow: allow ?? null, rate_max: rate_max ?? null }
}

function stream(
  read: z.output<typeof tcpListener> | z.output<typeof relpListener> | undefined,
): ListenerSettings | undefined {
  if (read === undefined) return undefined
  const { bind, allow, rate_max, ...rest } = read
  return { ...rest, ...bind, allow: allow ?? null, rate_max: rate_max ?? null }
}

function tls(
  read: z.output<typeof tlsListener> | z.output<typeof relpTlsListener> | undefined,
  folder: string,
): ListenerSettings | undefined {
  if (read === undefined) return undefined
  const { bind, allow, rate_max, tls: given, ...rest } = read
  return {
    ...rest,
    ...bind,
    allow: allow ?? null,
    rate_max: rate_max ?? null,
    tls: tlsOf(given, folder),
  }
}

function tlsOf(given: z.output<typeof tlsListener>['tls'], folder: string): ListenerTls {
  const asked = given.client_ca !== undefined || given.client_fingerprints.length > 0
  return {
    ...given,
    certificate: resolve(folder, given.certificate),
    key: resolve(folder, given.key),
    client_ca: given.client_ca === undefined ? null : resolve(folder, given.client_ca),
    client_auth: given.client_auth ?? (asked ? 'required' : 'none'),
  }
}

type CfapiRead = z.output<typeof cfapiListener> | z.output<typeof cfapiTlsListener>

/** The part that both transports have; a password must come from elsewhere, as every secret. */
function cfapi<Read extends CfapiRead>(
  read: Read | undefined,
  path: Path,
  report: Report,
): CfapiPart<Read> | undefined {
  if (read === undefined) return undefined
  const { bind, allow, rate_max, sessions, ...rest } = read
  for (const [index] of (sessions?.users ?? []).entries()) {
    const at = [...path, 'sessions', 'users', index, 'password']
    if (report.references.has(at)) continue
    const hint =
      'write `password: { env: NAME }` or `{ file: PATH }`, and use another one: this one stands in a file'
    report.error(at, 'a password must not stand in the configuration', hint, { hide_source: true })
  }
  return { ...rest, ...bind, allow: allow ?? null, rate_max: rate_max ?? null, sessions: sessions ?? null }
}

type CfapiPart<Read extends CfapiRead> = Omit<Read, 'bind' | 'allow' | 'rate_max' | 'sessions'> &
  Pick<CfapiListenerSettings, 'host' | 'port' | 'allow' | 'rate_max' | 'sessions'>

function readSource(value: unknown, path: Path, report: Report): SourceSettings | undefined {
  const read = readPiece(source, value, path, report)
  return read && { ...read, streams: read.streams ?? null, site: read.site ?? null }
}

function absoluteBind(bind: BindAddress, folder: string): BindAddress {
  return bind.kind === 'unix' ? { kind: 'unix', path: resolve(folder, bind.path) } : bind
}

/** What one tenant may have of what all have together, unless it is said (R25). */
function quarterOf(all: number): number {
  return Math.max(2 ** 20, Math.floor(all / 4))
}
