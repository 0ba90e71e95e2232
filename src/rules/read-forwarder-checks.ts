/** Settings of one forwarder that contradict each other: each is refused by name rather than quietly without effect. */
import { parseAddress } from '../config/addresses.ts'
import { kindOf, valueAt } from '../config/pieces.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { ForwarderSettings, Target } from './forwarder-settings.ts'
import { FORWARDER_TYPES, foreignKeys, typesWith } from './forwarder-types.ts'
import { checkHttp } from './read-forwarder-http-checks.ts'
import type { ForwarderParts } from './schema-forwarder.ts'

export interface Together {
  readonly parts: ForwarderParts
  readonly type: ForwarderSettings['type']
  readonly target: Target
  readonly path: Path
  readonly provider: boolean
  /** As written, references resolved: tells what was set from what is a default. */
  readonly value: unknown
  readonly report: Report
}

type Scheme = Target['scheme']

/** Keys that only some schemes can do anything with. */
const KEY_SCHEMES: Readonly<Record<string, readonly Scheme[]>> = {
  from_address: ['udp', 'tcp', 'tls', 'relp', 'relp-tls', 'http', 'https'],
  framing: ['tcp', 'tls'],
  replay: ['tcp', 'tls'],
  tls: ['tls', 'relp-tls', 'https'],
  token: ['http', 'https'],
  headers: ['http', 'https'],
  gzip: ['http', 'https'],
  batch: ['http', 'https'],
  username: ['http', 'https'],
  password: ['http', 'https'],
  proxy: ['http', 'https'],
  dead_letters: ['http', 'https'],
  body: ['http', 'https'],
  structure: ['http', 'https'],
  hec: ['http', 'https'],
  elasticsearch: ['http', 'https'],
  cfapi: ['http', 'https'],
  rotate: ['file'],
  fsync: ['file'],
  mode: ['file'],
}

/**
 * Whether a default can mean something for a forwarder with these values. Defaults are for all, so one that another
 * scheme or type needs is left out here instead of being an error.
 */
export function defaultFits(
  key: string,
  value: unknown,
  forwarder: Readonly<Record<string, unknown>>,
): boolean {
  const { to, type: written, format } = forwarder
  const scheme = typeof to === 'string' ? (/^([a-z]+):/i.exec(to)?.[1] ?? '').toLowerCase() : ''
  if (KEY_SCHEMES[key]?.includes(scheme as Scheme) === false) return false
  const by_scheme = scheme === 'file' ? 'file' : scheme.startsWith('http') ? 'http' : 'syslog'
  const type = typeof written === 'string' ? written : by_scheme
  if (!Object.hasOwn(FORWARDER_TYPES, type)) return true
  const { formats } = FORWARDER_TYPES[type as ForwarderSettings['type']]
  if (key === 'format') return formats.some((one) => one === value)
  if (key === 'encoding' && (format ?? formats[0]) !== 'json') return false
  return !foreignKeys(type as ForwarderSettings['type']).includes(key)
}

/** Headers that carry secrets, by name. */
const SECRET_HEADER = /authorization|cookie|token|secret|password|api[-_]?key/i
/** Headers that the sender makes itself. */
const OWN_HEADER = /^(host|content-length|content-encoding|transfer-encoding|connection|te|upgrade)$/i
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** Reports every contradiction. */
export function checkTogether(together: Together): void {
  const { type, target, path, report } = together
  const { schemes: own } = FORWARDER_TYPES[type]
  if (!own.includes(target.scheme)) {
    const hint = `use ${own.map((scheme) => `${scheme}:`).join(' or ')}, or another type`
    report.error([...path, 'type'], `type ${type} does not go to ${target.scheme}:`, hint)
    return
  }
  for (const [key, schemes] of Object.entries(KEY_SCHEMES)) {
    if (valueAt(together.value, [key]) === undefined || schemes.includes(target.scheme)) continue
    const hint = `it is for ${schemes.join(', ')}: remove it`
    report.error([...path, key], `has no meaning for ${target.scheme}`, hint, { at_key: true })
  }
  for (const key of foreignKeys(type)) {
    // Said above already, where the scheme is what it does not fit.
    if (valueAt(together.value, [key]) === undefined || KEY_SCHEMES[key]?.includes(target.scheme) === false)
      continue
    const hint = `it is for ${typesWith(key)}: remove it`
    report.error([...path, key], `has no meaning for type ${type}`, hint, { at_key: true })
  }
  checkFormat(together)
  checkTags(together)
  checkSecrets(together)
  checkHttp(together)
  checkTls(together)
  checkQueue(together)
  if (together.parts.from_address !== undefined) checkFrom(together, together.parts.from_address)
}

function checkFormat({ parts, type, target, path, report }: Together): void {
  const { format } = parts
  const { formats } = FORWARDER_TYPES[type]
  if (format !== undefined && formats.length === 0) {
    report.error([...path, 'format'], `${type} has a form of its own`, 'remove it', { at_key: true })
  } else if (format !== undefined && !formats.includes(format)) {
    const sends = formats.length === 1 && formats[0] === 'json' ? 'JSON' : formats.join(' or ')
    const hint = `write \`format: ${formats[0] ?? ''}\` or remove it`
    report.error([...path, 'format'], `type ${type} sends ${sends}, not ${format}`, hint)
  }
  if (parts.encoding !== undefined && (format ?? formats[0]) !== 'json' && formats.includes('json')) {
    report.error([...path, 'encoding'], 'names the fields of JSON', 'write `format: json` beside it', {
      at_key: true,
    })
  }
  if (target.scheme === 'file' && (parts.concurrency ?? 1) > 1) {
    report.error([...path, 'concurrency'], 'a file is written by one delivery at a time', 'remove it')
  }
}

/** Names of the flat objects of Log Insight Cloud that are taken. */
const CLOUD_NAMES =
  /^(text|source|appname|log_timestamp|stream|tenant|org|org_id|org_vdc|org_vdc_id|data_center_group|data_center_group_id|gateway|gateway_id|hostname|procid|msgid|pri_facility|pri_severity|text_cut|timestamp|action|rule_id|direction|protocol|(source|destination)_(ip|port))$/

/** Names of the fields that Splunk is given. */
const HEC_NAMES =
  /^(id|stream|tenant|org|org_id|org_vdc|org_vdc_id|data_center_group|data_center_group_id|gateway|gateway_id|action|rule_id|direction|protocol|(source|destination)_(ip|port))$/

function checkTags({ parts, type, path, report }: Together): void {
  const names = Object.keys(parts.tags ?? {})
  if (names.length === 0) return
  const { formats } = FORWARDER_TYPES[type]
  const format = parts.format ?? formats[0]
  // Splunk has them beside the event, whatever that is.
  if (type !== 'splunk-hec' && (format === 'original' || format === 'rfc3164')) {
    const message = `format ${format} has no place for tags`
    const others = formats.filter((one) => one !== 'original' && one !== 'rfc3164')
    const hint =
      others.length === 0 ? 'write `tags: {}`' : `write \`format: ${others.join('` or `')}\`, or \`tags: {}\``
    report.error([...path, 'tags'], message, hint, { at_key: true })
  }
  for (const name of names) {
    const at = [...path, 'tags', name]
    if (!/^[a-z][a-z0-9_]{0,31}$/.test(name))
      report.error(at, 'is not the name of a tag', 'use lower-case letters, digits and `_`', { at_key: true })
    else if (
      (formats.length === 0 && CLOUD_NAMES.test(name)) ||
      (type === 'splunk-hec' && HEC_NAMES.test(name))
    )
      report.error(at, `${type} has a field of that name already`, 'choose another name', { at_key: true })
  }
}

function checkSecrets({ parts, type, target, path, value, report }: Together): void {
  const token = [...path, 'token']
  const http = target.scheme === 'http' || target.scheme === 'https'
  if (parts.token !== undefined && http) {
    const hint =
      'write `token: { env: NAME }` or `token: { file: PATH }`, and use another token: this one stands in a file'
    if (!report.references.has(token))
      report.error(token, 'a token must not stand in a rules file', hint, { hide_source: true })
    if (parts.token !== parts.token.trim() || /\s/.test(parts.token))
      report.error(token, 'holds blanks, which no token has')
  }
  if (FORWARDER_TYPES[type].needs_token && valueAt(value, ['token']) === undefined) {
    report.error(token, 'is missing', `${type} needs one: \`token: { env: NAME }\``)
  }
  let secret = parts.token !== undefined || parts.password !== undefined
  for (const [name, text] of Object.entries(parts.headers ?? {})) {
    const at = [...path, 'headers', name]
    if (!HEADER_NAME.test(name)) report.error(at, 'is not the name of a header', '', { at_key: true })
    else if (OWN_HEADER.test(name))
      report.error(at, `header ${name} is written by Logweir`, 'remove it', { at_key: true })
    if (/[^\t\u0020-\u007e\u0080-\u00ff]/.test(text))
      report.error(at, 'holds characters that no header may hold')
    if (!SECRET_HEADER.test(name)) continue
    secret = true
    if (report.references.has(at)) continue
    report.error(
      at,
      `the value of ${name} must not stand in a rules file`,
      `write { env: NAME } or { file: PATH }`,
      { hide_source: true },
    )
  }
  if (
    parts.token !== undefined &&
    Object.keys(parts.headers ?? {}).some((name) => /^authorization$/i.test(name))
  ) {
    report.error(token, 'stands beside an `authorization` header', 'keep one of them', { at_key: true })
  }
  if (secret && target.scheme === 'http')
    report.warn([...path, 'to'], 'a secret is sent without TLS', 'use https://')
}

function checkTls({ parts, path, report }: Together): void {
  const { tls } = parts
  if (tls === undefined) return
  const at = (key: string): Path => [...path, 'tls', key]
  if (tls.certificate !== undefined && tls.key === undefined) {
    report.error(at('certificate'), 'has no key', 'name its `key` beside it', { at_key: true })
  }
  if (tls.key !== undefined && tls.certificate === undefined) {
    report.error(at('key'), 'has no certificate', 'name its `certificate` beside it', { at_key: true })
  }
  if (tls.fingerprint !== undefined && tls.ca !== undefined) {
    const message = 'is never asked: a fingerprint takes the place of the authority'
    report.error(at('ca'), message, 'keep `ca` or `fingerprint`', { at_key: true })
  }
}

function checkQueue({ parts, path, provider, value, report }: Together): void {
  const at = [...path, 'queue', 'when_full']
  if (parts.queue.when_full === 'block') {
    if (provider) {
      const message = 'while this forwarder is full, listeners stop reading and every tenant waits'
      report.warn(at, message, 'use drop_oldest or drop_newest unless that is meant')
    } else {
      const message = 'one tenant’s forwarder must not stop the others'
      report.error(at, message, 'use drop_oldest or drop_newest; block is for the provider’s forwarders')
    }
  }
  if (!provider && parts.spool === 'always' && parts.queue.when_full === 'drop_newest') {
    const message =
      'while the disk share of this forwarder is full, RELP and CFAPI senders of every tenant wait'
    report.warn(at, message, 'use drop_oldest, unless that is meant')
  }
  if (parts.spool === 'always' && parts.queue.disk_max === 0) {
    report.error(
      [...path, 'spool'],
      '`always` writes to disk, and `queue.disk_max` is 0',
      'raise it or use `spool: overflow`',
    )
  }
  if (parts.retry.first > parts.retry.max) {
    const key = valueAt(value, ['retry', 'first']) === undefined ? 'max' : 'first'
    report.error(
      [...path, 'retry', key],
      '`retry.first` is longer than `retry.max`',
      'raise `max` or lower `first`',
    )
  }
}

function checkFrom({ target, path, report }: Together, from: string): void {
  const at = [...path, 'from_address']
  const address = parseAddress(from)
  if (address === undefined) {
    report.error(
      at,
      `expected an address, found ${kindOf(from)} that is none`,
      'write for example 100.64.12.5',
    )
    return
  }
  const host = 'host' in target ? parseAddress(target.host) : undefined
  if (host !== undefined && host.includes(':') !== address.includes(':')) {
    const [own, other] = host.includes(':') ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4']
    report.error(at, `is ${own}, the target is ${other}`, 'use addresses of one kind')
  }
}
