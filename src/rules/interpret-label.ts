/** Which tenants a label fits, by spelling out every label that each object can have and comparing. */
import type { LabelFormatModel, LabelPartModel, RulesModel, StreamModel, TenantModel } from './model.ts'

export interface LabelTenants {
  readonly literal: ReadonlySet<string>
  readonly whole: ReadonlySet<string>
  /** By a lone part. */
  readonly lone: ReadonlySet<string>
  /** A label of an object that is contested. */
  readonly contested: boolean
}

interface Names {
  readonly contested: { readonly object: boolean; readonly owner: boolean }
  readonly name: string | null
  readonly id: string | null
  readonly owner_id: string | null
  readonly owner_name: string | null
}

/** What an object's labels look like, in lower case where the format does not mind case. */
interface Spelled {
  readonly tenant: string
  readonly contested: boolean
  readonly format: LabelFormatModel
  readonly wholes: ReadonlySet<string>
  readonly lones: readonly Lone[]
}

interface Lone {
  readonly contested: boolean
  readonly text: string
  readonly place: 'prefix' | 'suffix'
  /** Bytes of the whole label at most. */
  readonly most: number
}

const spelledOut = new WeakMap<RulesModel, readonly Spelled[]>()

/** `label` is a byte string: a character of 0–255 a byte. */
export function labelTenants(model: RulesModel, stream: StreamModel, label: string): LabelTenants {
  const found = { literal: new Set<string>(), whole: new Set<string>(), lone: new Set<string>() }
  let nobodys = false
  for (const { name, labels } of model.tenants) {
    const known = labels.flatMap(({ text }) => literalForms(model, trim(bytesOf(text))))
    if (known.includes(label)) found.literal.add(name)
  }
  const spelled = spelledOut.get(model) ?? spellOut(model)
  spelledOut.set(model, spelled)
  for (const { tenant, contested, format, wholes, lones } of spelled) {
    if (!stream.label_formats.includes(format.name)) continue
    const asked = fold(format, label)
    if (wholes.has(asked)) {
      if (contested) nobodys = true
      else found.whole.add(tenant)
    }
    const fits = ({ text, place, most }: Lone): boolean =>
      label.length <= most && (place === 'prefix' ? asked.startsWith(text) : asked.endsWith(text))
    for (const lone of lones.filter(fits)) {
      if (lone.contested) nobodys = true
      else found.lone.add(tenant)
    }
  }
  return { ...found, contested: nobodys }
}

/** As it was typed, and as it is when something cuts labels where a format in use says so. */
function literalForms({ streams, label_formats }: RulesModel, text: string): string[] {
  const used = label_formats.filter(({ name }) =>
    streams.some((stream) => stream.label !== 'none' && stream.label_formats.includes(name)),
  )
  return [text, ...used.flatMap(({ cut }) => (cut === null ? [] : cuts(text, cut).map(trim)))]
}

function spellOut(model: RulesModel): Spelled[] {
  return model.tenants.flatMap((tenant) =>
    model.label_formats.flatMap((format) =>
      objects(tenant, format).map((names) => ({
        tenant: tenant.name,
        contested: names.contested[tellsObject(format) ? 'object' : 'owner'],
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

function tellsObject({ parts }: LabelFormatModel): boolean {
  return parts.some(({ take }) => take === 'name' || take === 'id')
}

const SURE = { object: false, owner: false }

function contestedOf(object: boolean | undefined, owner: boolean | undefined): Names['contested'] {
  return { object: object === true || owner === true, owner: owner === true }
}

function objects(tenant: TenantModel, { of }: LabelFormatModel): Names[] {
  const parents = [...tenant.org_vdcs, ...tenant.data_center_groups]
  if (of === 'org')
    return tenant.org === null
      ? []
      : [{ id: tenant.org.id, name: tenant.org.name, ...under(null), contested: SURE }]
  if (of !== 'gateway') {
    const own = of === 'org_vdc' ? tenant.org_vdcs : tenant.data_center_groups
    return own.map(({ id, name, contested }) => {
      return { id, name, ...under(tenant.org), contested: contestedOf(contested, false) }
    })
  }
  const gateways = tenant.gateways.flatMap(({ id, name, owner, former = [], contested }): Names[] => {
    const own = parents.filter(
      (parent) =>
        owner === null || owner === parent.id || owner === parent.name || former.includes(parent.id),
    )
    if (own.length === 0) return [{ id, name, ...under(null), contested: contestedOf(contested, false) }]
    return own.map((parent) => {
      return { id, name, ...under(parent), contested: contestedOf(contested, parent.contested) }
    })
  })
  const bare = parents.map((parent): Names => {
    return { id: null, name: null, ...under(parent), contested: contestedOf(false, parent.contested) }
  })
  return [...gateways, ...bare]
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
    return spellings(part, format, names).flatMap((text): Lone[] => {
      const contested = names.contested[part.take.startsWith('owner') ? 'owner' : 'object']
      const whole: Lone = { contested, text: fold(format, text), place, most: text.length + beside }
      const pieces = place === 'suffix' ? cutLengths(format).filter((left) => left < text.length) : []
      return [
        whole,
        ...pieces.map(
          (left): Lone => ({
            contested,
            text: fold(format, text.slice(0, left)),
            place,
            most: left + beside,
          }),
        ),
      ]
    })
  })
}

/** Characters of the last part that a cut label has, where the other parts are as long as they can be. */
function cutLengths({ cut, parts, separators }: LabelFormatModel): number[] {
  let beside = 0
  for (const part of parts.slice(0, -1)) {
    const size = part.first ?? part.last ?? (part.take.endsWith('id') ? 36 : null)
    if (size === null) return []
    beside += size
  }
  if (cut === null) return []
  return separators
    .map((separator) => cut - beside - Array.from(separator).length * (parts.length - 1))
    .filter((left) => left >= 8)
}

function longest({ take, first, last }: LabelPartModel): number {
  const size = first ?? last
  if (take === 'id' || take === 'owner_id') return Math.min(36, size ?? 36)
  return size === null ? 1024 : size * 4
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
      .flatMap((name) => part.blanks.flatMap((how) => withoutBlanks(name, how)))
      .flatMap((name) => part.non_ascii.map((how) => asAscii(name, how)))
    if (format.case === 'any') texts = texts.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()])
  } else {
    texts = part.hyphens.map((hyphens) => (hyphens === 'remove' ? text.replaceAll('-', '') : text))
  }
  const { first, last } = part
  const spelled = texts.map(bytesOf).flatMap((bytes) => {
    if (first !== null) return cuts(bytes, first)
    return last === null ? [bytes] : ends(bytes, last)
  })
  const all = isName ? spelled.flatMap((bytes) => [bytes, trim(bytes)]) : spelled
  return [...new Set(all)].filter((bytes) => bytes !== '')
}

function withoutBlanks(name: string, how: LabelPartModel['blanks'][number]): string[] {
  if (how === 'keep') return [name]
  const words = trim(name).split(/[ \t]/)
  const glue = how === 'remove' ? '' : how
  return [words.join(glue), words.filter((word) => word !== '').join(glue)]
}

function asAscii(name: string, how: LabelPartModel['non_ascii'][number]): string {
  if (how === 'keep') return name
  return Array.from(name, (char) => (char > '\x7f' ? (how === 'remove' ? '' : how) : char)).join('')
}

/** The last `count` characters, UTF-16 units, or bytes. */
function ends(bytes: string, count: number): string[] {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  const points = Array.from(text)
  return [bytesOf(points.slice(-count).join('')), bytesOf(text.slice(-count)), bytes.slice(-count)]
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
