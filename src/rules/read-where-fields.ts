/** The fields that `where` knows: how each is written, and of which kind its values are. */
import { FAMILIES } from '../classify/inner.ts'
import type { ConditionField } from './plan.ts'

/**
 * What values a field takes. `words`: a fixed set in capitals. `id`: text that is usually a number. `value`: text that
 * may be one. `uuid`: an id of Cloud Director. `time`: an instant.
 */
export type FieldKind =
  | 'text'
  | 'words'
  | 'id'
  | 'value'
  | 'uuid'
  | 'time'
  | 'number'
  | 'severity'
  | 'facility'
  | 'address'
  | 'truth'
  | 'stream'

export interface FieldInfo {
  readonly field: ConditionField
  readonly kind: FieldKind
  /** Events without this field are common: `not` of it surprises. */
  readonly optional: boolean
}

const FIREWALL: Readonly<Record<string, FieldKind>> = {
  event: 'text',
  action: 'words',
  direction: 'words',
  protocol: 'words',
  rule_id: 'id',
  source_ip: 'address',
  destination_ip: 'address',
  address: 'address',
  source_port: 'number',
  destination_port: 'number',
  port: 'number',
  tcp_flags: 'words',
  ip_version: 'number',
  length: 'number',
  close: 'words',
  icmp_type: 'number',
  icmp_code: 'number',
  packets_in: 'number',
  packets_out: 'number',
  bytes_in: 'number',
  bytes_out: 'number',
  ruleset: 'text',
  interface: 'text',
  application: 'text',
  repeated: 'number',
}

const PLAIN: Readonly<Record<string, FieldKind>> = {
  stream: 'stream',
  severity: 'severity',
  facility: 'facility',
  hostname: 'text',
  app_name: 'text',
  proc_id: 'text',
  msg_id: 'text',
  message: 'text',
  label: 'text',
  peer: 'address',
  listener: 'text',
  source: 'text',
  site: 'text',
  header: 'text',
  valid: 'truth',
  truncated: 'truth',
  tenant: 'text',
  version: 'number',
  timestamp: 'time',
  received_at: 'time',
  'owner.by': 'text',
}

const OWNERS = ['org', 'org_vdc', 'data_center_group', 'gateway'] as const

/** Fields of the event JSON that conditions cannot read, and why. */
export const UNASKED: Readonly<Record<string, string>> = {
  schema: 'is the same for every event',
  id: 'is given when the event enters a batch, after conditions were asked',
  structured_data: 'holds elements: name one of their parameters',
  owner: 'holds objects: name one, for example `owner.org_vdc.name`',
  firewall: 'holds fields: name one, for example `firewall.action`',
  ...Object.fromEntries(
    FAMILIES.map(({ name, fields }) => [
      name,
      `holds fields: name one, for example \`${fields[0]?.name ?? name}\``,
    ]),
  ),
}

/** Plain fields that most events do not have; of the firewall and owner fields that goes without saying. */
const RARE = new Set(['label', 'tenant', 'version', 'owner.by'])

const FIELDS: ReadonlyMap<string, FieldInfo> = build()

/** The names that may stand in a `where`, for spelling help. */
export const FIELD_NAMES: readonly string[] = [...FIELDS.keys()]

/** Name of an SD-ID or PARAM-NAME (RFC 5424 §6.3.2). */
const SD_NAME = /^[!#-<>-\\^-~]{1,32}$/

/** The field of a name, dotted or alone. */
export function fieldOf(name: string): FieldInfo | undefined {
  if (!name.startsWith(STRUCTURED_DATA)) return FIELDS.get(name)
  // An SD-ID may hold dots (`a.b@123`); a parameter that does is written in the nested form.
  const dot = name.lastIndexOf('.')
  return dot < STRUCTURED_DATA.length
    ? undefined
    : sdFieldOf(name.slice(STRUCTURED_DATA.length, dot), name.slice(dot + 1))
}

const STRUCTURED_DATA = 'structured_data.'

/** A parameter of structured data; undefined when the names can be none. */
export function sdFieldOf(id: string, parameter: string): FieldInfo | undefined {
  if (!SD_NAME.test(id) || !SD_NAME.test(parameter)) return undefined
  return { field: `structured_data.${id} ${parameter}`, kind: 'value', optional: true }
}

/** Values of a fixed set, where the set is known: a value outside it can never match. */
export const WORDS: Readonly<Partial<Record<ConditionField, readonly string[]>>> = {
  'firewall.action': [
    'PASS',
    'DROP',
    'REJECT',
    'NAT',
    'NONAT',
    'RDR',
    'NORDR',
    'PUNT',
    'REDIRECT',
    'COPY',
    'PBR',
    'LB',
    'ACCEPT',
    'SNAT',
    'DNAT',
  ],
  'firewall.direction': ['IN', 'OUT'],
  'firewall.close': ['RST', 'FIN', 'TIMEOUT'],
}

/** RFC 5424 §6.2.1, with the short names that syslog.conf uses. */
export const SEVERITIES: Readonly<Record<string, number>> = {
  emergency: 0,
  emerg: 0,
  panic: 0,
  alert: 1,
  critical: 2,
  crit: 2,
  error: 3,
  err: 3,
  warning: 4,
  warn: 4,
  notice: 5,
  informational: 6,
  info: 6,
  debug: 7,
}

export const FACILITIES: Readonly<Record<string, number>> = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  ntp: 12,
  audit: 13,
  alert: 14,
  clock: 15,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
}

function build(): Map<string, FieldInfo> {
  const fields = new Map<string, FieldInfo>()
  for (const [name, kind] of Object.entries(PLAIN)) {
    fields.set(name, { field: name as ConditionField, kind, optional: RARE.has(name) })
  }
  for (const [name, kind] of Object.entries(FIREWALL)) {
    const info = { field: `firewall.${name}` as ConditionField, kind, optional: true }
    fields.set(info.field, info)
    fields.set(name, info)
  }
  for (const inner of FAMILIES.flatMap((family) => family.fields)) {
    fields.set(inner.name, { field: inner.name, kind: inner.kind, optional: true })
  }
  for (const owner of OWNERS) {
    for (const part of ['id', 'name']) {
      const name = `owner.${owner}.${part}`
      const kind = part === 'id' ? 'uuid' : 'text'
      fields.set(name, { field: name as ConditionField, kind, optional: true })
    }
  }
  return fields
}
