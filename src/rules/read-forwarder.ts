/** One forwarder: its parts by the schema, then what goes together, then defaults by type and scheme. */
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { parseAddress } from '../config/addresses.ts'
import { checkAuthorities, readCertificate, readKey } from '../config/certificates.ts'
import { NOT_YET } from '../config/fields.ts'
import { meant } from '../config/nearest.ts'
import { readPiece, valueAt } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { ForwarderSettings, ForwarderTls, Target } from './forwarder-settings.ts'
import { FORWARDER_TYPES, type ForwarderType, TYPES } from './forwarder-types.ts'
import { withTenant } from './file-pattern.ts'
import type { ForwarderModel } from './model.ts'
import { checkTogether } from './read-forwarder-checks.ts'
import { readEdits, samplePart, sortedTags } from './read-edits.ts'
import { fileOf, httpOf } from './read-forwarder-http.ts'
import { readFailover, readTarget } from './read-target.ts'
import { readWhere, type WhereContext } from './read-where.ts'
import { type ForwarderParts, LATER_TYPES, providerForwarder, tenantForwarder } from './schema-forwarder.ts'

export interface ForwarderContext {
  readonly report: Report
  /** Null: the provider's. */
  readonly tenant: string | null
  readonly stream: (name: string, path: Path) => void
  readonly named: WhereContext['named']
}

const MIB = 2 ** 20

/** The forwarder, or undefined after reporting everything that is wrong with it. */
export function readForwarder(
  value: unknown,
  path: Path,
  context: ForwarderContext,
): ForwarderModel | undefined {
  const { report } = context
  const before = report.errors
  const provider = context.tenant === null
  const parts = readPiece(provider ? providerForwarder : tenantForwarder, value, path, report)
  // Looked at even when other parts are wrong, so that all mistakes show at once.
  const where = readWhereOf(value, path, context, provider)
  const to = valueAt(value, ['to'])
  const target = typeof to === 'string' && to !== '' ? readTarget(to, [...path, 'to'], report) : undefined
  const type =
    typeof to === 'string' ? readType(valueAt(value, ['type']), target, [...path, 'type'], report) : undefined
  if (parts === undefined || target === undefined || type === undefined) return undefined
  checkTogether({ parts, type, target, path, provider, value, report })
  const failover = readFailover(parts.failover ?? [], target, [...path, 'failover'], report)
  const tls = readTls(parts, path, report)
  const edit = readEdits(parts, path, context.tenant, report)
  if (report.errors > before || where === undefined) return undefined
  const folder = dirname(report.fileAt([...path, 'proxy', 'ca']))
  const scope = provider ? (parts as z.output<typeof providerForwarder>).scope : 'owned'
  return {
    place: report.place(path),
    name: parts.name,
    scope,
    where,
    where_place: report.place(where === null ? path : [...path, 'where']),
    source: { value, path, report },
    edit,
    sample: samplePart(parts.sample),
    rate_max: parts.rate_max ?? null,
    ...(parts.shared_destination === undefined ? {} : { shared_destination: parts.shared_destination }),
    settings: settingsOf(parts, type, targetOf(target, context.tenant), failover, tls, folder),
  }
}

/** Of a tenant's own forwarder the tenant is known, so that only the date is left to stand for something. */
function targetOf(target: Target, tenant: string | null): Target {
  if (target.scheme !== 'file' || tenant === null) return target
  return { ...target, path: withTenant(target.path, tenant) }
}

function readWhereOf(
  value: unknown,
  path: Path,
  context: ForwarderContext,
  provider: boolean,
): ForwarderModel['where'] | undefined {
  const where = valueAt(value, ['where'])
  if (where === undefined) return null
  const warn_not = provider && valueAt(value, ['scope']) !== 'owned'
  const { report, stream, named } = context
  return readWhere(where, [...path, 'where'], { report, stream, warn_not, named })
}

function readType(
  value: unknown,
  target: Target | undefined,
  path: Path,
  report: Report,
): ForwarderType | undefined {
  if (value === undefined) return target === undefined ? undefined : defaultType(target)
  if (typeof value !== 'string') return undefined
  if (LATER_TYPES.includes(value)) {
    report.error(path, `type ${value} ${NOT_YET}`, `use one of ${TYPES.join(', ')}`)
    return undefined
  }
  if (TYPES.includes(value)) return value as ForwarderType
  report.error(path, `unknown type ${quoted(value)}`, meant(value, TYPES))
  return undefined
}

function defaultType(target: Target): ForwarderType {
  if (target.scheme === 'file') return 'file'
  return target.scheme === 'http' || target.scheme === 'https' ? 'http' : 'syslog'
}

/** PEM paths made absolute and looked at; the destination's certificate is met only when connecting. */
function readTls(parts: ForwarderParts, path: Path, report: Report): ForwarderTls {
  const absolute = (file: string | undefined, name: string): string | null =>
    file === undefined ? null : resolve(dirname(report.fileAt([...path, 'tls', name])), file)
  const { ca, certificate, key, fingerprint, server_name } = parts.tls ?? {}
  const files = {
    ca: absolute(ca, 'ca'),
    certificate: absolute(certificate, 'certificate'),
    key: absolute(key, 'key'),
  }
  const at = (name: string): Path => [...path, 'tls', name]
  if (files.ca !== null) checkAuthorities(files.ca, at('ca'), report)
  const own =
    files.certificate === null ? undefined : readCertificate(files.certificate, at('certificate'), report)
  const secret = files.key === null ? undefined : readKey(files.key, at('key'), report)
  if (own !== undefined && secret !== undefined && !own.checkPrivateKey(secret)) {
    report.error(
      at('key'),
      `${files.key ?? ''} is not the key of ${files.certificate ?? ''}`,
      'name the pair that belongs together',
    )
  }
  return { ...files, fingerprint: fingerprint ?? null, server_name: server_name ?? null }
}

function settingsOf(
  parts: ForwarderParts,
  type: ForwarderType,
  target: Target,
  failover: readonly Target[],
  tls: ForwarderTls,
  folder: string,
): ForwarderSettings {
  const traits = FORWARDER_TYPES[type]
  const stream = target.scheme === 'tcp' || target.scheme === 'tls'
  return {
    type,
    to: target,
    failover,
    from_address: parts.from_address === undefined ? null : (parseAddress(parts.from_address) ?? null),
    format: parts.format ?? traits.formats[0] ?? 'json',
    tags: sortedTags(parts.tags),
    encoding: parts.encoding ?? traits.encoding,
    framing: framingOf(parts, target),
    queue: parts.queue,
    spool: parts.spool,
    replay: stream ? (parts.replay ?? 4 * MIB) : 0,
    retry: parts.retry,
    concurrency: parts.concurrency ?? 1,
    timeout: parts.timeout,
    tls,
    http: httpOf(parts, type, folder),
    rotate: fileOf(parts),
  }
}

function framingOf(parts: ForwarderParts, target: Target): ForwarderSettings['framing'] {
  if (target.scheme === 'file') return 'newline'
  if (target.scheme === 'tls') return parts.framing ?? 'octet-counting'
  return target.scheme === 'tcp' ? (parts.framing ?? 'newline') : 'none'
}
