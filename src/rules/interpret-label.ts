/** Which tenants a label fits, by spelling out every label that each object can have and comparing. */
import type { LabelFormatModel, LabelPartModel, RulesModel, StreamModel, TenantModel } from './model.ts'

export interface LabelTenants {
  readonly literal: ReadonlySet<string>
  readonly whole: ReadonlySet<string>
  /** By a lone part. */
  readonly lone: ReadonlySet<string>
}

interface Names {
  readonly name: string | null
  readonly id: string | null
  readonly owner_id: string | null
  readonly owner_name: string | null
}

/** What an object's labels look like, in lower case where the format does not mind case. */
interface Spelled {
  readonly tenant: string
  readonly format: LabelFormatModel
  readonly wholes: ReadonlySet<string>
  readonly lones: readonly Lone[]
}

interface Lone {
  readonly text: string
  readonly place: 'prefix' | 'suffix'
  /** Bytes of the whole label at most. */
  readonly most: number
}

const spelledOut = new WeakMap<RulesModel, readonly Spelled[]>()

/** `label` is a byte string: a character of 0–255 a byte. */
export function labelTenants(model: RulesModel, stream: StreamModel, label: string): LabelTenants {
  const found = { literal: new Set<string>(), whole: new Set<string>(), lone: new Set<string>() }
  for (const { name, labels } of model.tenants) {
    if (labels.some(({ text }) => trim(bytesOf(text)) === label)) found.literal.add(name)
  }
  const spelled = spelledOut.get(model) ?? spellOut(model)
  spelledOut.set(model, spelled)
  for (const { tenant, format, wholes, lones } of spelled) {
    if (!stream.label_formats.includes(format.name)) continue
    const asked = fold(format, label)
    if (wholes.has(asked)) found.whole.add(tenant)
    const fits = ({ text, place, most }: Lone): boolean =>
      label.length <= most && (place === 'prefix' ? asked.startsWith(text) : asked.endsWith(text))
    if (lones.some(fits)) found.lone.add(tenant)
  }
  return found
}

function spellOut(model: RulesModel): Spelled[] {
  return model.tenants.flatMap((tenant) =>
    model.label_formats.flatMap((format) =>
      objects(tenant, format).map((names) => ({
        tenant: tenant.name,
        format,
        wholes: new Set(wholeLabels(format, names).map((label) => fold(format, label))),
        lones: loneParts(format, names),
      })),
    ),
  )
}

function trim(bytes: string): string {
  return bytes.replaceAll(/^[ \t]+|[ \t]+$/g, '')
}

function under(
  owner: { readonly id: string; readonly name: string | null } | null,
): Pick<Names, 'owner_id' | 'owner_name'> {
  return { owner_id: owner?.id ?? null, owner_name: owner?.name ?? null }
}

function objects(tenant: TenantModel, { of }: LabelFormatModel): Names[] {
  const parents = [...tenant.org_vdcs, ...tenant.data_center_groups]
  if (of === 'org')
    return tenant.org === null ? [] : [{ id: tenant.org.id, name: tenant.org.name, ...under(null) }]
  if (of !== 'gateway') {
    const own = of === 'org_vdc' ? tenant.org_vdcs : tenant.data_center_groups
    return own.map(({ id, name }) => ({ id, name, ...under(tenant.org) }))
  }
  const gateways = tenant.gateways.flatMap(({ id, name, owner }) => {
    const own = parents.filter((parent) => owner === null || owner === parent.id || owner === parent.name)
    return own.length === 0
      ? [{ id, name, ...under(null) }]
      : own.map((parent) => ({ id, name, ...under(parent) }))
  })
  return [...gateways, ...parents.map((parent) => ({ id: null, name: null, ...under(parent) }))]
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function fold(format: LabelFormatModel, bytes: string): string {
  return format.case === 'any' ? bytes.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : bytes
}

function wholeLabels(format: LabelFormatModel, names: Names): string[] {
  const separators = format.parts.length === 1 ? [''] : format.separators
  const labels = separators.flatMap((separator) => {
    let joined = ['']
    for (const [place, part] of format.parts.entries()) {
      const glue = place === 0 ? '' : bytesOf(separator)
      const spelled = spellings(part, format, names)
      joined = joined.flatMap((head) => spelled.map((text) => head + glue + text))
    }
    return joined
  })
  const { cut } = format
  return (cut === null ? labels : labels.flatMap((label) => [label, ...cuts(label, cut)])).map(trim)
}

function loneParts(format: LabelFormatModel, names: Names): Lone[] {
  const last = format.parts.length - 1
  if (last === 0) return []
  return format.parts.flatMap((part, index) => {
    if (!part.alone || (index !== 0 && index !== last)) return []
    const place = index === 0 ? 'prefix' : 'suffix'
    const glue = Math.max(...format.separators.map((separator) => bytesOf(separator).length)) * last
    const beside = format.parts
      .filter((other) => other !== part)
      .reduce((sum, other) => sum + longest(other), glue)
    return spellings(part, format, names).map(
      (text): Lone => ({ text: fold(format, text), place, most: text.length + beside }),
    )
  })
}

function longest({ take, first }: LabelPartModel): number {
  if (take === 'id' || take === 'owner_id') return Math.min(36, first ?? 36)
  return first === null ? 1024 : first * 4
}

/** Everything that the part can look like; nothing when the object has no such name. */
function spellings(part: LabelPartModel, format: LabelFormatModel, names: Names): string[] {
  const text = names[part.take]
  if (text === null) return []
  const isName = part.take === 'name' || part.take === 'owner_name'
  let texts: string[]
  if (isName) {
    const trimmed = trim(text)
    texts = [text, trimmed, trimmed.replaceAll(/[ \t]+/g, ' ')]
    if (format.case === 'any') texts = texts.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()])
  } else {
    texts = part.hyphens.map((hyphens) => (hyphens === 'remove' ? text.replaceAll('-', '') : text))
  }
  const { first } = part
  const spelled = texts.map(bytesOf).flatMap((bytes) => (first === null ? [bytes] : cuts(bytes, first)))
  const all = isName ? spelled.flatMap((bytes) => [bytes, trim(bytes)]) : spelled
  return [...new Set(all)].filter((bytes) => bytes !== '')
}

/** Cut after `count` characters, UTF-16 units, or bytes. */
function cuts(bytes: string, count: number): string[] {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  const units = text.slice(0, count)
  const half = /[\ud800-\udbff]$/.test(units)
  const whole = half ? units.slice(0, -1) : units
  const byUnits = half ? [whole, `${whole}?`, `${whole}\uFFFD`] : [whole]
  return [bytesOf(Array.from(text).slice(0, count).join('')), ...byUnits.map(bytesOf), bytes.slice(0, count)]
}
