/**
 * Forwarders of Log Insight (its REST API 9.0, `/api/v2/log-forwarder`) as forwarders of tenants. A filter on the text of a UUID
 * or label becomes ownership of the object; one that is not understood is never left out, which would widen what is sent: then the
 * forwarder is not carried.
 */
import { stringify } from 'yaml'
import { z } from 'zod'
import { bareUuid } from '../rules/read-ids.ts'
import { type FilterRow, parseFilter, valueCondition } from './filter.ts'
import type { Meant, OwnerTexts } from './owners.ts'

export interface Imported {
  /** A rules file. */
  readonly yaml: string
  /** `forwarder: what`, a line each. */
  readonly not_carried: readonly string[]
  readonly forwarders: number
}

const shape = z.looseObject({
  name: z.string().min(1).max(1024),
  host: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[A-Za-z0-9.:_-]+$/),
  port: z.int().min(1).max(65_535),
  protocol: z.string().max(32),
  transportProtocol: z.string().max(32).nullish(),
  sslEnabled: z.boolean().nullish(),
  acceptCert: z.boolean().nullish(),
  workerCount: z.int().nullish(),
  connectionRefreshInterval: z.int().nullish(),
  diskCacheSize: z.int().min(0).nullish(),
  tags: z.record(z.string(), z.string()).nullish(),
  filter: z.string().nullish(),
  forwardComplementaryFields: z.boolean().nullish(),
})
type LogInsight = z.output<typeof shape>

const KNOWN = new Set([...Object.keys(shape.shape), 'id', 'testConnection', 'forwarderStats', 'enabled'])
const FORWARDERS_MAX = 10_000
/** Fields of Log Insight's filters that events have here too. */
const FIELDS: Readonly<Record<string, string>> = {
  text: 'message',
  hostname: 'hostname',
  source: 'hostname',
  appname: 'app_name',
  procid: 'proc_id',
  msgid: 'msg_id',
}

type Where = Readonly<Record<string, unknown>>

interface Entry {
  readonly tenant: string | null
  readonly org: string | null
  readonly labels: readonly string[]
  readonly forwarder: Record<string, unknown>
}

/** `owners`: null without an inventory. @throws Error in words when it is no list of forwarders. */
export function importLogInsight(value: unknown, owners: OwnerTexts | null): Imported {
  const not_carried: string[] = []
  const names = new Map<string, Set<string>>()
  const entries = listOf(value).flatMap((one, index): Entry[] => {
    const parsed = shape.safeParse(one)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      not_carried.push(
        `forwarder ${index + 1}: nothing: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
      )
      return []
    }
    const lost: string[] = []
    const made = entryOf(parsed.data, one, owners, lost)
    not_carried.push(...lost.map((line) => `${printable(parsed.data.name)}: ${line}`))
    if (made === undefined) return []
    const key = made.tenant ?? ''
    const taken = names.get(key) ?? new Set<string>()
    names.set(key, taken)
    made.forwarder['name'] = unique(parsed.data.name, taken)
    return [made]
  })
  return { yaml: textOf(entries, not_carried), not_carried, forwarders: entries.length }
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value) && value.length <= FORWARDERS_MAX) return value
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    if ('host' in value) return [value]
    const lists: unknown[] = Object.values(value).filter((one) => Array.isArray(one))
    if (lists.length === 1) return listOf(lists[0])
  }
  throw new Error('it holds no list of forwarders, as GET /api/v2/log-forwarder answers')
}

function entryOf(
  one: LogInsight,
  raw: unknown,
  owners: OwnerTexts | null,
  lost: string[],
): Entry | undefined {
  const forwarder: Record<string, unknown> = { name: '', ...destination(one, lost) }
  if (!('to' in forwarder)) return undefined
  if (typeof raw === 'object' && raw !== null) {
    if ('constraints' in raw) {
      lost.push('nothing: its `constraints` (9.1) are not read, and without them it would get more')
      return undefined
    }
    if ('enabled' in raw && raw.enabled === false) {
      lost.push('nothing: it is disabled')
      return undefined
    }
    for (const key of Object.keys(raw)) if (!KNOWN.has(key)) lost.push(`\`${printable(key)}\`: unknown`)
  }
  const rows = parseFilter(one.filter ?? '')
  if (rows === undefined) {
    lost.push(
      `nothing: its filter is not understood, and without it it would get more: ${printable(one.filter ?? '')}`,
    )
    return undefined
  }
  const meaning = whoseOf(rows, owners)
  if (typeof meaning === 'string') {
    lost.push(`nothing: ${meaning}`)
    return undefined
  }
  const { where, meant, labels, note } = meaning
  if (note !== '') lost.push(note)
  if (where.length === 1) forwarder['where'] = where[0]
  else if (where.length > 1) forwarder['where'] = { all: where }
  const [first] = meant
  if (first === undefined && labels.length === 0) {
    if (rows.some(({ field, negative }) => field === 'text' && !negative))
      lost.push('its filter on text is matched as it was: whoever can write that text gets there')
    lost.push('no tenant: it is a forwarder of the provider, and sees events of all')
  }
  const tenant = first?.tenant ?? (labels.length > 0 ? slug(one.name) : null)
  return { tenant, org: first?.org ?? null, labels, forwarder }
}

// ---- whose ---------------------------------------------------------------------------------------

interface Meaning {
  readonly where: readonly Where[]
  readonly meant: readonly Meant[]
  readonly labels: readonly string[]
  readonly note: string
}

/** What the rows mean, or why they cannot be carried. */
function whoseOf(rows: readonly FilterRow[], owners: OwnerTexts | null): Meaning | string {
  const where: Where[] = []
  const meant: Meant[] = []
  let labels: string[] = []
  let note = ''
  for (const row of rows) {
    const found = row.values.map((value) => ownerOf(row, value, owners))
    const owned = found.filter((one) => one !== undefined)
    if (owned.length === 0) {
      const field = FIELDS[row.field.toLowerCase()]
      if (field === undefined) return `events have no field \`${row.field}\` that it filters on`
      where.push(plainWhere(field, row))
      continue
    }
    if (owned.length < found.length)
      return 'its filter has both an object of a tenant and other text in one row'
    if (owned.includes(null)) return 'its filter fits objects of two tenants, or a contested one'
    const objects = owned.filter((one): one is Meant => typeof one === 'object' && one !== null)
    const texts = owned.filter((one): one is string => typeof one === 'string')
    if (row.negative) {
      if (texts.length > 0) return 'it leaves out labels that only an inventory could tell'
      where.push({ not: objectsWhere(objects) })
      continue
    }
    if (meant.length > 0 || labels.length > 0) return 'two rows of its filter name objects'
    meant.push(...objects)
    labels = texts
    if (texts.length > 0)
      note = 'the object of its label is not known: check it, or import with `--inventory`'
    else if (objects.every(({ field }) => field !== null)) where.push(objectsWhere(objects))
  }
  if (new Set(meant.map(({ tenant }) => tenant)).size > 1) return 'its filter names objects of two tenants'
  return { where, meant, labels, note }
}

/** An object, a text that is perhaps a label, null where nobody can say, undefined when it is text like any other. */
function ownerOf(
  { field }: FilterRow,
  value: string,
  owners: OwnerTexts | null,
): Meant | string | null | undefined {
  if (field.toLowerCase() !== 'text') return undefined
  const inner = value.replaceAll(/^[*\s]+|[*\s]+$/g, '')
  if (/[*?\s]/.test(inner)) return undefined
  const found = owners?.find(inner)
  if (found !== undefined) return found
  const like =
    bareUuid(inner.replace(/^urn:vcloud:[A-Za-z]+:/i, '')) !== undefined ||
    /[0-9a-f]{8}-[0-9a-f]{1,4}(?:-|$)/i.test(inner)
  if (!like) return undefined
  // With an inventory that does not know it, it is nobody's; without one it is what was typed.
  return owners === null ? inner : null
}

function objectsWhere(objects: readonly Meant[]): Where {
  const fields = new Map<string, string[]>()
  for (const { field, id } of objects)
    if (field !== null) fields.set(field, [...(fields.get(field) ?? []), id])
  const all = [...fields].map(([field, ids]): Where => ({ [field]: ids.length === 1 ? ids[0] : ids }))
  return all.length === 1 ? (all[0] ?? {}) : { any: all }
}

function plainWhere(field: string, { values, negative }: FilterRow): Where {
  const each = values.map((value): Where => ({ [field]: valueCondition(value) }))
  const any = each.length === 1 ? (each[0] ?? {}) : { any: each }
  return negative ? { not: any } : any
}

// ---- where to ------------------------------------------------------------------------------------

function destination(one: LogInsight, lost: string[]): Record<string, unknown> {
  const { port, tags } = one
  const host = one.host.includes(':') ? `[${one.host.replaceAll(/[[\]]/g, '')}]` : one.host
  const protocol = one.protocol.toUpperCase()
  const transport = (one.transportProtocol ?? 'TCP').toUpperCase()
  const secure = one.sslEnabled === true
  const made: Record<string, unknown> = {}
  if (protocol === 'CFAPI') {
    made['type'] = 'cfapi'
    made['to'] = `${secure ? 'https' : 'http'}://${host}:${port}`
    if (tags !== undefined && tags !== null && Object.keys(tags).length > 0) made['tags'] = tags
    if (one.forwardComplementaryFields === true)
      lost.push('`forwardComplementaryFields`: fields are those of the event')
  } else if (
    ['SYSLOG', 'RAW', 'RAWPLUS'].includes(protocol) &&
    ['TCP', 'UDP', 'TCP_OCTET'].includes(transport)
  ) {
    if (transport === 'UDP' && secure) {
      lost.push('nothing: UDP with TLS')
      return {}
    }
    made['to'] = `${secure ? 'tls' : transport === 'UDP' ? 'udp' : 'tcp'}://${host}:${port}`
    if (transport !== 'UDP') made['framing'] = transport === 'TCP_OCTET' ? 'octet-counting' : 'newline'
    if (protocol === 'SYSLOG') lost.push('the new header of `SYSLOG`: lines are sent as they came')
    if (protocol === 'RAWPLUS') lost.push('what `RAWPlus` adds: it is not documented')
    if (tags !== undefined && tags !== null && Object.keys(tags).length > 0)
      lost.push('`tags`: lines are sent as they came')
  } else {
    lost.push(`nothing: protocol ${printable(one.protocol)} over ${printable(transport)} is unknown`)
    return {}
  }
  if (one.acceptCert === true && secure)
    lost.push('`acceptCert`: certificates are checked; name its CA with `tls: { ca: … }`')
  if ((one.workerCount ?? 1) > 1)
    lost.push('`workerCount`: one delivery at a time keeps the order; `concurrency` makes it more')
  if (one.diskCacheSize !== undefined && one.diskCacheSize !== null && one.diskCacheSize > 0)
    made['queue'] = { disk_max: `${one.diskCacheSize}B` }
  return made
}

// ---- text ----------------------------------------------------------------------------------------

function textOf(entries: readonly Entry[], not_carried: readonly string[]): string {
  const tenants = new Map<
    string,
    { name: string; org?: { id: string }; labels?: string[]; forwarders: unknown[] }
  >()
  const provider: unknown[] = []
  for (const { tenant, org, labels, forwarder } of entries) {
    if (tenant === null) {
      provider.push(forwarder)
      continue
    }
    const there = tenants.get(tenant) ?? {
      name: tenant,
      ...(org === null ? {} : { org: { id: org } }),
      forwarders: [],
    }
    if (labels.length > 0) there.labels = [...new Set([...(there.labels ?? []), ...labels])]
    there.forwarders.push(forwarder)
    tenants.set(tenant, there)
  }
  const value = {
    version: 1,
    ...(tenants.size === 0 ? {} : { tenants: [...tenants.values()] }),
    ...(provider.length === 0 ? {} : { provider: { forwarders: provider } }),
  }
  const list =
    not_carried.length === 0
      ? ''
      : `# What could not be carried:\n${not_carried.map((line) => `#   ${line}\n`).join('')}`
  return `# Made by \`logweir import log-insight\`. Look it over, then run \`logweir check\`.\n${list}${stringify(value, { lineWidth: 0 })}`
}

function unique(name: string, taken: Set<string>): string {
  const base = slug(name)
  let made = base
  for (let n = 2; taken.has(made.toLowerCase()); n++) made = `${base.slice(0, 58)}-${n}`
  taken.add(made.toLowerCase())
  return made
}

function slug(name: string): string {
  const made = name
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
    .replace(/[-._]+$/, '')
  return made === '' || made.toLowerCase() === 'provider' ? `imported-${made}`.replace(/-$/, '') : made
}

/** One line, for messages and comments. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').slice(0, 200)
}
