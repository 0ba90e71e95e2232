/** Cloud Director's ids: bare UUIDs or URNs in, bare lower-case hyphenated UUIDs out. */
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'

/** What an id is of, with the URN kind that Cloud Director gives it. */
export const URN_KINDS = {
  org: 'org',
  org_vdc: 'vdc',
  data_center_group: 'vdcGroup',
  gateway: 'gateway',
} as const
export type IdKind = keyof typeof URN_KINDS

const NAMES: Readonly<Record<IdKind, string>> = {
  org: 'an organisation',
  org_vdc: 'an Org VDC',
  data_center_group: 'a Data Center Group',
  gateway: 'an edge gateway',
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const NIL = '00000000-0000-0000-0000-000000000000'

/** The bare id, or undefined after reporting. */
export function readId(text: string, kind: IdKind, path: Path, report: Report): string | undefined {
  const wanted = `write the UUID, or urn:vcloud:${URN_KINDS[kind]}:UUID`
  let bare = text.trim()
  if (/^urn:/i.test(bare)) {
    const [, namespace = '', type = '', rest = '', more] = bare.split(':')
    if (namespace.toLowerCase() !== 'vcloud' || rest === '' || more !== undefined) {
      report.error(path, `${quoted(text)} is not an id of Cloud Director`, wanted)
      return undefined
    }
    if (type.toLowerCase() !== URN_KINDS[kind].toLowerCase()) {
      const other = (Object.keys(URN_KINDS) as IdKind[]).find(
        (one) => URN_KINDS[one].toLowerCase() === type.toLowerCase(),
      )
      const found = other === undefined ? `of kind ${quoted(type)}` : `the id of ${NAMES[other]}`
      report.error(path, `${quoted(text)} is ${found}, not of ${NAMES[kind]}`, wanted)
      return undefined
    }
    bare = rest
  }
  if (!UUID.test(bare)) {
    report.error(path, `${quoted(text)} is not a UUID`, wanted)
    return undefined
  }
  const hex = bare.replaceAll('-', '').toLowerCase()
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  )
  if (id !== NIL) return id
  report.error(path, 'the nil UUID is nobody’s id', wanted)
  return undefined
}

/** The bare id of any kind of URN, or the text itself when it is none: for `owner`, which is a name or an id. */
export function bareId(text: string): string {
  const last = /^urn:vcloud:(?:vdc|vdcGroup):(.+)$/i.exec(text.trim())?.[1] ?? text.trim()
  if (!UUID.test(last)) return text
  const hex = last.replaceAll('-', '').toLowerCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
