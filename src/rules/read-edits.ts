/** What a forwarder changes in its events: `hide_hosts`, `redact` and `set` into an {@link EditPlan}, `sample` into a part. */
import { meant } from '../config/nearest.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { EditPlan, RedactField, RedactPlan, Replacement, SetPlan } from './edit-plan.ts'
import { patternProblem } from './pattern.ts'
import type { ConditionField } from './plan.ts'
import { FACILITIES, FIELD_NAMES, fieldOf, SEVERITIES } from './read-where-fields.ts'
import { isAddress } from './replacement.ts'
import type { ForwarderParts } from './schema-forwarder.ts'

type Entry = NonNullable<ForwarderParts['redact']>[number]
type Form = 'text' | 'address' | 'number' | 'digits'

/** Fields whose bytes stand in the event, with what may take their place. */
const FORMS: Readonly<Partial<Record<ConditionField, Form>>> = {
  hostname: 'text',
  app_name: 'text',
  proc_id: 'text',
  msg_id: 'text',
  message: 'text',
  label: 'text',
  peer: 'address',
  'firewall.rule_id': 'digits',
  'firewall.source_ip': 'address',
  'firewall.destination_ip': 'address',
  'firewall.source_port': 'number',
  'firewall.destination_port': 'number',
}

const ENDS: Readonly<Record<string, readonly RedactField[]>> = {
  'firewall.address': ['firewall.source_ip', 'firewall.destination_ip'],
  'firewall.port': ['firewall.source_port', 'firewall.destination_port'],
}

/** The part of the events that a forwarder gets; null: all. */
export function samplePart(text: string | undefined): number | null {
  if (text === undefined) return null
  const part = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : 1 / Number(text.slice(2))
  return part >= 1 ? null : part
}

/** In one order, so that another order in the file is no change. */
export function sortedTags(tags: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Null when events pass as they are. What is wrong goes to the report. */
export function readEdits(
  { hide_hosts = false, redact = [], set = {} }: ForwarderParts,
  path: Path,
  tenant: string | null,
  report: Report,
): EditPlan | null {
  const entries = redact.flatMap((entry, index) => readEntry(entry, [...path, 'redact', index], report) ?? [])
  const fields = readSet(set, [...path, 'set'], report)
  const hidden = hide_hosts ? ['hostname'] : []
  const taken = new Set<string>([
    ...hidden,
    ...entries.flatMap((entry) => (entry.pattern === null ? entry.fields : [])),
  ])
  for (const { field } of fields) {
    if (!taken.has(field)) continue
    const other = hide_hosts && field === 'hostname' ? '`hide_hosts`' : '`redact`'
    report.error([...path, 'set', field], `is written by ${other} already`, 'keep one of them', {
      at_key: true,
    })
  }
  if (!hide_hosts && entries.length === 0 && fields.length === 0) return null
  return { scope: tenant ?? 'provider', hide_hosts, redact: entries, set: fields }
}

function readEntry(entry: Entry, path: Path, report: Report): RedactPlan | undefined {
  const before = report.errors
  const { field, pattern } = entry
  if (field === undefined && pattern === undefined)
    report.error(path, 'says neither `field` nor `pattern`', 'name what is to be replaced')
  const named = field === undefined ? [] : typeof field === 'string' ? [field] : field
  const forms = new Set<Form>()
  const fields = named.flatMap((name, index) => {
    const at = typeof field === 'string' ? [...path, 'field'] : [...path, 'field', index]
    return readField(name, at, pattern !== undefined, forms, report)
  })
  if (pattern !== undefined) {
    const problem = patternProblem(pattern)
    if (problem !== undefined)
      report.errorIn([...path, 'pattern'], problem.offset, problem.message, problem.hint)
  }
  const how = readHow(entry, pattern === undefined ? forms : new Set<Form>(['text']), path, report)
  if (report.errors > before || how === undefined) return undefined
  return { fields: field === undefined ? ['body'] : fields, pattern: pattern ?? null, how }
}

function readField(
  name: string,
  path: Path,
  by_pattern: boolean,
  forms: Set<Form>,
  report: Report,
): RedactField[] {
  const info = fieldOf(name)
  if (info === undefined) {
    report.error(
      path,
      `unknown field ${quoted(name)}`,
      meant(name, FIELD_NAMES, 'fields are those of conditions:'),
    )
    return []
  }
  const fields = ENDS[info.field] ?? [info.field as RedactField]
  for (const field of fields) {
    const form = field.startsWith('structured_data.') ? 'text' : FORMS[field as ConditionField]
    if (by_pattern && field === 'peer') {
      report.error(path, 'no pattern looks into the address of the sender', 'leave `pattern` out')
      return []
    }
    if (form === undefined) {
      const known = Object.keys(FORMS).map((one) => one.replace('firewall.', ''))
      report.error(
        path,
        `${quoted(name)} cannot be redacted`,
        `fields are ${[...known, 'address', 'port'].join(', ')}, and parameters of structured_data`,
      )
      return []
    }
    forms.add(form)
  }
  return [...fields]
}

function readHow(
  entry: Entry,
  forms: ReadonlySet<Form>,
  path: Path,
  report: Report,
): Replacement | undefined {
  const { with: text, hash, keep } = entry
  const said = [text, hash === true ? hash : undefined, keep].filter((value) => value !== undefined).length
  if (said > 1) {
    report.error(path, 'says more than one of `with`, `hash` and `keep`', 'keep one of them')
    return undefined
  }
  if (hash === true) {
    if (!forms.has('number')) return { kind: 'hash' }
    report.error(
      [...path, 'hash'],
      'a port has too few values to be hidden by a hash',
      'leave `hash` out: 0 stands in its place',
    )
    return undefined
  }
  if (keep !== undefined) return readKeep(keep, forms, [...path, 'keep'], report)
  if (text !== undefined) checkText(text, forms, entry, [...path, 'with'], report)
  return { kind: 'with', text: text ?? null }
}

function readKeep(
  { first, last, ipv4, ipv6 }: NonNullable<Entry['keep']>,
  forms: ReadonlySet<Form>,
  path: Path,
  report: Report,
): Replacement | undefined {
  const characters = first !== undefined || last !== undefined
  const bits = ipv4 !== undefined || ipv6 !== undefined
  const addresses = forms.has('address')
  if (forms.size > 1 || forms.has('number') || forms.has('digits')) {
    const message = forms.size > 1 ? 'these fields are of different kinds' : 'nothing of a number can be kept'
    report.error(
      path,
      message,
      forms.size > 1 ? 'write one entry for each' : 'leave `keep` out: 0 stands in its place',
    )
  } else if (addresses ? characters || !bits : bits || !characters) {
    const hint = addresses
      ? 'write for example keep: { ipv4: 24, ipv6: 48 }'
      : 'write for example keep: { first: 3 }'
    report.error(path, addresses ? 'an address keeps bits' : 'a text keeps characters', hint)
  } else {
    if (addresses) return { kind: 'network', ipv4: ipv4 ?? 0, ipv6: ipv6 ?? 0 }
    return { kind: 'keep', first: first ?? 0, last: last ?? 0 }
  }
  return undefined
}

/** What would break the header, the structured data or the line that it stands in is refused. */
function checkText(
  text: string,
  forms: ReadonlySet<Form>,
  { field, pattern }: Entry,
  path: Path,
  report: Report,
): void {
  const free = pattern !== undefined || field === 'message' || field === 'label'
  if (forms.has('address') && !isAddress(text))
    report.error(
      path,
      `${quoted(text)} is no address, as the others that stand there are`,
      'write for example 0.0.0.0',
    )
  else if ((forms.has('number') || forms.has('digits')) && !/^\d{1,5}$/.test(text))
    report.error(
      path,
      `${quoted(text)} is no number, as the others that stand there are`,
      'write for example 0',
    )
  else if (!/^[ -~]*$/.test(text) || /["\\[\]]/.test(text))
    report.error(
      path,
      'holds characters that end a field',
      'use printable ASCII without quotes, brackets and backslashes',
    )
  else if (!free && (text === '' || text.includes(' ')))
    report.error(path, 'a field of the header is one word', 'write it without blanks')
}

function readSet(set: NonNullable<ForwarderParts['set']>, path: Path, report: Report): SetPlan[] {
  const plans: SetPlan[] = []
  for (const field of ['facility', 'severity', 'hostname', 'app_name', 'proc_id', 'msg_id'] as const) {
    const value = set[field]
    if (value === undefined) continue
    if (field !== 'facility' && field !== 'severity') {
      plans.push({ field, text: String(value) })
      continue
    }
    const [names, most] = field === 'facility' ? [FACILITIES, 23] : [SEVERITIES, 7]
    const named = Object.hasOwn(names, String(value).toLowerCase())
      ? names[String(value).toLowerCase()]
      : undefined
    const number = named ?? (/^\d{1,2}$/.test(String(value)) ? Number(value) : Number.NaN)
    if (number >= 0 && number <= most) plans.push({ field, text: String(number) })
    else
      report.error(
        [...path, field],
        `${quoted(String(value))} is no ${field}`,
        meant(String(value), Object.keys(names)),
      )
  }
  return plans
}
