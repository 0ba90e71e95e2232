/** Cloud Director's ids: bare UUIDs or URNs in, bare lower-case hyphenated UUIDs out. */
import { z } from 'zod'
import { refuse, say } from '../config/fields.ts'
import { quoted } from '../config/quantities.ts'

/** What an id is of, with the URN kind that Cloud Director gives it. */
const URN_KINDS = {
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

/** The bare id, or why it is none. */
export function parseId(text: string, kind: IdKind): { id: string } | { problem: string; hint: string } {
  const hint = `write the UUID, or urn:vcloud:${URN_KINDS[kind]}:UUID`
  let bare = text.trim()
  if (/^urn:/i.test(bare)) {
    const [, namespace = '', type = '', rest = '', more] = bare.split(':')
    if (namespace.toLowerCase() !== 'vcloud' || rest === '' || more !== undefined) {
      return { problem: `${quoted(text)} is not an id of Cloud Director`, hint }
    }
    const found = kindOfUrn(type)
    if (found !== kind) {
      const what = found === undefined ? `of kind ${quoted(type)}` : `the id of ${NAMES[found]}`
      return { problem: `${quoted(text)} is ${what}, not of ${NAMES[kind]}`, hint }
    }
    bare = rest
  }
  const id = hyphenated(bare)
  if (id === undefined) return { problem: `${quoted(text)} is not a UUID`, hint }
  return id === NIL ? { problem: 'the nil UUID is nobody’s id', hint } : { id }
}

/** A UUID with or without hyphens as a bare lower-case hyphenated one; undefined when it is none, or the nil UUID. */
export function bareUuid(text: string): string | undefined {
  const id = hyphenated(text.trim())
  return id === NIL ? undefined : id
}

/** A schema's field of such an id. */
export function idOf(kind: IdKind): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> {
  return z
    .string()
    .max(128, say('is longer than any id'))
    .transform((text, ctx) => {
      const parsed = parseId(text, kind)
      return 'id' in parsed ? parsed.id : refuse(ctx, say(parsed.problem, parsed.hint))
    })
    .meta({ description: `UUID, or urn:vcloud:${URN_KINDS[kind]}:UUID as Cloud Director shows it.` })
}

/** The bare id of an Org VDC or group, or the text itself: for `owner`, which is a name or an id. */
export function bareOwnerId(text: string): string {
  const last = /^urn:vcloud:(?:vdc|vdcGroup):(.+)$/i.exec(text.trim())?.[1] ?? text.trim()
  return hyphenated(last) ?? text
}

function kindOfUrn(type: string): IdKind | undefined {
  const kinds = Object.keys(URN_KINDS) as IdKind[]
  return kinds.find((kind) => URN_KINDS[kind].toLowerCase() === type.toLowerCase())
}

function hyphenated(text: string): string | undefined {
  if (!UUID.test(text)) return undefined
  const hex = text.replaceAll('-', '').toLowerCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
