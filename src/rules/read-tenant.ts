/** One tenant: names, ids, owners of gateways, labels, forwarders. What tenants have to do with each other is `read-across.ts`'s. */
import type { z } from 'zod'
import { unknownKey } from '../config/fields.ts'
import { meant, nearest } from '../config/nearest.ts'
import { kindOf, readPiece, valueAt } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type {
  ForwarderModel,
  GatewayModel,
  GroupModel,
  IdName,
  KeyModel,
  RuleIdsModel,
  TenantModel,
} from './model.ts'
import { readForwarder } from './read-forwarder.ts'
import type { WhereContext } from './read-where.ts'
import { bareOwnerId } from './read-ids.ts'
import { tenantParts } from './schema.ts'

export interface TenantContext {
  readonly report: Report
  readonly forwarders_per_tenant: number
  readonly stream: (name: string, path: Path) => void
  readonly named: WhereContext['named']
  /** What is the tenant's own stands in the inventory. */
  readonly inventory?: boolean
  /** Forwarders of it could not be read. */
  readonly lacking?: boolean
}

type Parts = { readonly [Key in keyof typeof tenantParts]: z.output<(typeof tenantParts)[Key]> }

/** The name under which the provider's forwarders are shown; no tenant may have it. */
const PROVIDER = 'provider'

/** Keys that are gone when a tenant is read: they have become its forwarders (`shelf.ts`). */
const BY_SHELF = ['use', 'with', 'hide_hosts', 'tags', 'redact']

/** The tenant as far as it could be read, after reporting everything that is wrong with it; undefined: it has no name even. */
export function readTenant(value: unknown, path: Path, context: TenantContext): TenantModel | undefined {
  const { report } = context
  const before = report.errors
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report.error(path, `expected a mapping, found ${kindOf(value)}`, 'begin with `- name:`')
    return undefined
  }
  const parts = readParts(value, path, report)
  const { name } = parts
  const forwarders = readForwarders(
    valueAt(value, ['forwarders']),
    [...path, 'forwarders'],
    name ?? '',
    context,
  )
  if (name?.toLowerCase() === PROVIDER) {
    const message = '`provider` is the name of the provider’s own forwarders'
    report.error([...path, 'name'], message, 'choose another name')
  }
  const read = readOwned(parts, path, report)
  if (name === undefined) return undefined
  if (parts.gone?.stopped === true) return stoppedTenant(name, parts, path, report)
  warnOfState(name, parts, path, report)
  const keys = readKeys(parts, path, report)
  const broken = report.errors > before || context.lacking === true
  // Tenants that only the inventory knows have none yet.
  if (forwarders.length === 0 && context.inventory !== true && !broken) {
    report.warn(path, `tenant ${name} has no forwarders: its events go to the provider only`)
  }
  return {
    place: report.place(path),
    name,
    ...read,
    labels: (parts.labels ?? []).map((text, index) => ({
      place: report.place([...path, 'labels', index]),
      text: text.trim(),
    })),
    ...keys,
    rate_max: parts.rate_max ?? null,
    forwarders,
    source: { value, path, report },
    ...(context.inventory === true ? { inventory: true } : {}),
    ...(broken ? { broken } : {}),
  }
}

/** Each part by itself: a mistake in one hides none in another. Parts with mistakes are left out. */
function readParts(value: object, path: Path, report: Report): Partial<Parts> {
  const known = [...Object.keys(tenantParts), 'forwarders', ...BY_SHELF]
  // What was meant by a mistyped key is unread, not empty.
  const unread = new Set<string | undefined>()
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const [message = '', hint = ''] = unknownKey(key, known, {}).split('\t')
    report.error([...path, key], message, hint, { at_key: true })
    unread.add(nearest(key, known))
  }
  const read = Object.entries(tenantParts).flatMap(([key, schema]) => {
    const part = valueAt(value, [key])
    return part === undefined && unread.has(key)
      ? []
      : [[key, readPiece(schema, part, [...path, key], report)]]
  })
  return Object.fromEntries(read) as Partial<Parts>
}

/** The forwarders of a tenant (null: of the provider): counted, named once, each read by itself. */
export function readForwarders(
  value: unknown,
  path: Path,
  tenant: string | null,
  context: TenantContext,
): ForwarderModel[] {
  const { report, stream, named } = context
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    report.error(path, `expected a list, found ${kindOf(value)}`, 'begin each forwarder with `- name:`')
    return []
  }
  const most = tenant === null ? Number.POSITIVE_INFINITY : context.forwarders_per_tenant
  if (value.length > most) {
    const whose = tenant === '' ? 'a tenant' : `tenant ${quoted(tenant ?? '')}`
    const message = `${whose} has ${value.length} forwarders, at most ${most} are allowed (\`limits.forwarders_per_tenant\`)`
    report.error([...path, most], message, 'remove some or raise the limit')
  }
  const names = new Map<string, { name: string; index: number }>()
  return value.flatMap((entry: unknown, index) => {
    const at = [...path, index]
    const name = valueAt(entry, ['name'])
    if (typeof name === 'string') checkName(name, index, names, path, report)
    return readForwarder(entry, at, { report, tenant, stream, named }) ?? []
  })
}

/** Names become file names, so those that differ only in case would meet on some disks. */
function checkName(
  name: string,
  index: number,
  names: Map<string, { name: string; index: number }>,
  path: Path,
  report: Report,
): void {
  const first = names.get(name.toLowerCase())
  if (first === undefined) {
    names.set(name.toLowerCase(), { name, index })
    return
  }
  const { line } = report.place([...path, first.index, 'name'])
  const same = first.name === name
  const message = same
    ? `forwarder ${quoted(name)} is named twice, first on line ${line}`
    : `forwarder ${quoted(name)} differs from ${quoted(first.name)} on line ${line} only in case`
  report.error([...path, index, 'name'], message, 'give each its own name')
}

type Keys = Pick<TenantModel, 'nsx_projects' | 'rule_ids' | 'cf_organizations'>

/** Keys other than labels. Whether another tenant has them too is asked when the rules are compiled. */
function readKeys(parts: Partial<Parts>, path: Path, report: Report): Keys {
  const { nsx_projects = [], rule_ids = [], cf_organizations = [] } = parts
  const rules = rule_ids.map(({ site, source, ids }, index): RuleIdsModel => {
    const scope = site === undefined ? { source: source ?? '' } : { site }
    return { place: report.place([...path, 'rule_ids', index]), scope, ids }
  })
  return {
    nsx_projects: placedKeys(nsx_projects, [...path, 'nsx_projects'], report),
    rule_ids: rules,
    cf_organizations: placedKeys(cf_organizations, [...path, 'cf_organizations'], report),
  }
}

function placedKeys(ids: readonly string[], path: Path, report: Report): KeyModel[] {
  return ids.map((id, index) => ({ place: report.place([...path, index]), id }))
}

/** Its organisation is gone for longer than the grace time: it owns nothing and sends nowhere. */
function stoppedTenant(name: string, parts: Partial<Parts>, path: Path, report: Report): TenantModel {
  const message = `tenant ${name}: its organisation is gone from Cloud Director since ${parts.gone?.since ?? ''}: its forwarders are stopped`
  report.warn([...path, 'gone'], message, 'remove its files when its events are no longer needed')
  const { org } = parts
  return {
    place: report.place(path),
    name,
    org:
      org === undefined
        ? null
        : { place: report.place([...path, 'org']), id: org.id, name: org.name ?? null },
    org_vdcs: [],
    data_center_groups: [],
    gateways: [],
    labels: [],
    nsx_projects: [],
    rule_ids: [],
    cf_organizations: [],
    rate_max: null,
    forwarders: [],
    inventory: true,
  }
}

function warnOfState(name: string, parts: Partial<Parts>, path: Path, report: Report): void {
  if (parts.gone !== undefined) {
    const message = `tenant ${name}: its organisation is gone from Cloud Director since ${parts.gone.since}`
    report.warn(
      [...path, 'gone'],
      message,
      'its forwarders stop when the grace time of `inventory pull` is over',
    )
  }
  for (const key of ['org_vdcs', 'data_center_groups', 'gateways'] as const) {
    for (const [index, object] of (parts[key] ?? []).entries()) {
      if (object.contested !== true) continue
      const message = `tenant ${name}: labels of ${quoted(object.name)} contradict those of another object: its events belong to nobody`
      report.warn([...path, key, index], message, '`logweir inventory pull` says which')
    }
  }
}

type Owned = Pick<TenantModel, 'org' | 'org_vdcs' | 'data_center_groups' | 'gateways'>

function readOwned(parts: Partial<Parts>, path: Path, report: Report): Owned {
  const vdcs = (parts.org_vdcs ?? []).map(({ id, name, contested }, index): Placed<IdName> => {
    const at = [...path, 'org_vdcs', index]
    return { item: { place: report.place(at), id, name, ...contestedPart(contested) }, path: at }
  })
  const groups = (parts.data_center_groups ?? []).map((group, index): Placed<GroupModel> => {
    const at = [...path, 'data_center_groups', index]
    const { id, name, contested, participants } = group
    const item = { place: report.place(at), id, name, ...contestedPart(contested) }
    return { item: participants === undefined ? item : { ...item, participants }, path: at }
  })
  // With one of the lists unread, every owner in it would look unknown.
  const complete = parts.org_vdcs !== undefined && parts.data_center_groups !== undefined
  const owners = complete ? [...vdcs, ...groups].map(({ item }) => item) : undefined
  const gateways = readGateways(parts.gateways ?? [], owners, path, report)
  checkIds([...vdcs, ...groups, ...gateways], report)
  checkLabels(parts.labels ?? [], [...path, 'labels'], report)
  const { org } = parts
  return {
    org:
      org === undefined
        ? null
        : { place: report.place([...path, 'org']), id: org.id, name: org.name ?? null },
    org_vdcs: vdcs.map(({ item }) => item),
    data_center_groups: groups.map(({ item }) => item),
    gateways: gateways.map(({ item }) => item),
  }
}

/** An object with where it stands, for messages. */
interface Placed<Item extends IdName> {
  readonly item: Item
  readonly path: Path
}

function readGateways(
  gateways: Parts['gateways'],
  owners: readonly IdName[] | undefined,
  path: Path,
  report: Report,
): Placed<GatewayModel>[] {
  return gateways.map(({ id, name, owner: written, interfaces: ids, former = [], contested }, index) => {
    const at = [...path, 'gateways', index]
    const owner = owners === undefined ? null : readOwner(written, owners, at, report)
    const interfaces = placedKeys(ids, [...at, 'interfaces'], report)
    const item = { place: report.place(at), id, name, owner, interfaces, ...contestedPart(contested) }
    // One that is no longer the tenant's own could not be told from a stranger's.
    const known = former
      .map((one) => bareOwnerId(one.owner))
      .filter((one) => owners?.some(({ id: own }) => own === one))
    return { item: known.length === 0 ? item : { ...item, former: known }, path: at }
  })
}

function contestedPart(contested: boolean | undefined): { readonly contested?: boolean } {
  return contested === true ? { contested } : {}
}

/** The bare id of the owner; null when none is named, or after reporting. */
function readOwner(
  owner: string | undefined,
  owners: readonly IdName[],
  path: Path,
  report: Report,
): string | null {
  if (owner === undefined) {
    const message = 'without `owner` no gateway label can be composed for it'
    report.warn(path, message, 'name the Org VDC or Data Center Group that it belongs to')
    return null
  }
  const id = bareOwnerId(owner)
  const byId = owners.find((one) => one.id === id)
  if (byId !== undefined) return byId.id
  const named = owners.filter((one) => one.name === owner)
  const [only] = named
  if (named.length === 1 && only !== undefined) return only.id
  const at = [...path, 'owner']
  if (named.length > 1) {
    const lines = named.map((one) => one.place.line).join(' and ')
    report.error(at, `${quoted(owner)} is ambiguous: lines ${lines} have that name`, 'write the id instead')
  } else {
    const names = owners.flatMap((one) => one.name ?? [])
    const hint = names.length === 0 ? 'list it under `org_vdcs` or `data_center_groups`' : meant(owner, names)
    report.error(at, `this tenant has no Org VDC or Data Center Group ${quoted(owner)}`, hint)
  }
  return null
}

function checkIds(objects: readonly Placed<IdName>[], report: Report): void {
  const seen = new Map<string, IdName>()
  for (const { item, path } of objects) {
    const first = seen.get(item.id)
    if (first === undefined) seen.set(item.id, item)
    else
      report.error(
        [...path, 'id'],
        `this id stands on line ${first.place.line} already`,
        'remove one of them',
      )
  }
}

function checkLabels(labels: readonly string[], path: Path, report: Report): void {
  const seen = new Map<string, number>()
  for (const [index, label] of labels.entries()) {
    const text = label.trim()
    if (text === '') {
      report.error([...path, index], 'a label must not be blank')
      continue
    }
    const first = seen.get(text)
    if (first === undefined) seen.set(text, index)
    else
      report.warn(
        [...path, index],
        `label ${quoted(text)} stands on line ${report.place([...path, first]).line} already`,
        'remove one of them',
      )
  }
}
