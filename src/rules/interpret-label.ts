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

/** `label` is a byte string: a character of 0–255 a byte. */
export function labelTenants(model: RulesModel, stream: StreamModel, label: string): LabelTenants {
  const found = { literal: new Set<string>(), whole: new Set<string>(), lone: new Set<string>() }
  for (const tenant of model.tenants) {
    if (tenant.labels.some(({ text }) => bytesOf(text).replaceAll(/^[ \t]+|[ \t]+$/g, '') === label)) {
      found.literal.add(tenant.name)
    }
    for (const format of model.label_formats) {
      if (!stream.label_formats.includes(format.name)) continue
      for (const names of objects(tenant, format)) {
        if (fitsWhole(format, names, label)) found.whole.add(tenant.name)
        if (fitsLone(format, names, label)) found.lone.add(tenant.name)
      }
    }
  }
  return found
}

function objects(tenant: TenantModel, { of }: LabelFormatModel): Names[] {
  const parents = [...tenant.org_vdcs, ...tenant.data_center_groups]
  const under = (owner: { readonly id: string; readonly name: string | null } | null) => ({
    owner_id: owner?.id ?? null,
    owner_name: owner?.name ?? null,
  })
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

function equal(format: LabelFormatModel, one: string, other: string): boolean {
  return one === other || (format.case === 'any' && fold(one) === fold(other))
}

function fold(bytes: string): string {
  return [...bytes].map((char) => (char >= 'A' && char <= 'Z' ? char.toLowerCase() : char)).join('')
}

function fitsWhole(format: LabelFormatModel, names: Names, label: string): boolean {
  const separators = format.parts.length === 1 ? [''] : format.separators
  for (const separator of separators) {
    let labels = ['']
    for (const [place, part] of format.parts.entries()) {
      const spelled = spellings(part, format, names)
      labels = labels.flatMap((head) =>
        spelled.map((text) => head + (place === 0 ? '' : bytesOf(separator)) + text),
      )
    }
    for (const whole of labels) {
      for (const cut of format.cut === null ? [whole] : [whole, ...cuts(whole, format.cut)]) {
        if (equal(format, cut.replaceAll(/^[ \t]+|[ \t]+$/g, ''), label)) return true
      }
    }
  }
  return false
}

function fitsLone(format: LabelFormatModel, names: Names, label: string): boolean {
  const last = format.parts.length - 1
  if (last === 0) return false
  return format.parts.some((part, place) => {
    if (!part.alone || (place !== 0 && place !== last)) return false
    const glue = Math.max(...format.separators.map((separator) => bytesOf(separator).length)) * last
    const beside = format.parts
      .filter((other) => other !== part)
      .reduce((sum, other) => sum + longest(other), glue)
    return spellings(part, format, names).some((text) => {
      const piece = place === 0 ? label.slice(0, text.length) : label.slice(-text.length)
      return label.length <= text.length + beside && equal(format, piece, text)
    })
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
    const trimmed = text.replaceAll(/^[ \t]+|[ \t]+$/g, '')
    texts = [text, trimmed, trimmed.replaceAll(/[ \t]+/g, ' ')]
    if (format.case === 'any') texts = texts.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()])
  } else {
    texts = part.hyphens.map((hyphens) => (hyphens === 'remove' ? text.replaceAll('-', '') : text))
  }
  const { first } = part
  const spelled = texts.map(bytesOf).flatMap((bytes) => (first === null ? [bytes] : cuts(bytes, first)))
  const all = isName ? spelled.flatMap((bytes) => [bytes, bytes.replaceAll(/^[ \t]+|[ \t]+$/g, '')]) : spelled
  return all.filter((bytes) => bytes !== '')
}

/** Cut after `count` characters, UTF-16 units, or bytes. */
function cuts(bytes: string, count: number): string[] {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  const units = text.slice(0, count)
  const half = /[\ud800-\udbff]$/.test(units)
  const whole = half ? units.slice(0, -1) : units
  const byUnits = half ? [whole, `${whole}?`, `${whole}\uFFFD`] : [whole]
  return [bytesOf([...text].slice(0, count).join('')), ...byUnits.map(bytesOf), bytes.slice(0, count)]
}
