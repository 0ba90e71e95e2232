/** One tenant: names, ids, owners of gateways, labels, forwarders. What tenants have to do with each other is `read-across.ts`'s. */
import type { z } from 'zod'
import { meant } from '../config/nearest.ts'
import { kindOf, readPiece, valueAt } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { ForwarderModel, GatewayModel, IdName, TenantModel } from './model.ts'
import { readForwarder } from './read-forwarder.ts'
import { bareId, type IdKind, readId } from './read-ids.ts'
import { tenantHead } from './schema.ts'

export interface TenantContext {
  readonly report: Report
  readonly forwarders_per_tenant: number
  readonly stream: (name: string, path: Path) => void
}

type Head = z.output<typeof tenantHead>

/** The name under which the provider's forwarders are shown; no tenant may have it. */
export const PROVIDER = 'provider'

/** The tenant, or undefined after reporting everything that is wrong with it. */
export function readTenant(value: unknown, path: Path, context: TenantContext): TenantModel | undefined {
  const { report } = context
  const before = report.errors
  const head = readPiece(tenantHead, value, path, report)
  const written = valueAt(value, ['name'])
  const tenant = typeof written === 'string' ? written : ''
  const forwarders = readForwarders(valueAt(value, ['forwarders']), [...path, 'forwarders'], tenant, context)
  if (head === undefined) return undefined
  if (head.name.toLowerCase() === PROVIDER) {
    report.error(
      [...path, 'name'],
      '`provider` is the name of the provider’s own forwarders',
      'choose another name',
    )
  }
  const read = readOwned(head, path, report)
  if (report.errors > before) return undefined
  if (forwarders.length === 0)
    report.warn(path, `tenant ${head.name} has no forwarders: its events go to the provider only`)
  return {
    place: report.place(path),
    name: head.name,
    ...read,
    labels: head.labels.map((text, index) => ({
      place: report.place([...path, 'labels', index]),
      text: text.trim(),
    })),
    rate_max: head.rate_max ?? null,
    forwarders,
  }
}

/** The forwarders of a tenant (null: of the provider): counted, named once, each read by itself. */
export function readForwarders(
  value: unknown,
  path: Path,
  tenant: string | null,
  context: TenantContext,
): ForwarderModel[] {
  const { report, stream } = context
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
    return readForwarder(entry, at, { report, tenant, stream }) ?? []
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

type Owned = Pick<TenantModel, 'org' | 'org_vdcs' | 'data_center_groups' | 'gateways'>

function readOwned(head: Head, path: Path, report: Report): Owned {
  const orgId = head.org && readId(head.org.id, 'org', [...path, 'org', 'id'], report)
  const org =
    orgId === undefined
      ? null
      : { place: report.place([...path, 'org']), id: orgId, name: head.org?.name ?? null }
  const org_vdcs = readObjects(head.org_vdcs, 'org_vdc', [...path, 'org_vdcs'], report)
  const data_center_groups = readObjects(
    head.data_center_groups,
    'data_center_group',
    [...path, 'data_center_groups'],
    report,
  )
  const gateways = readGateways(head, [...org_vdcs, ...data_center_groups], path, report)
  checkIds([...org_vdcs, ...data_center_groups, ...gateways], report)
  checkLabels(head.labels, [...path, 'labels'], report)
  return { org, org_vdcs, data_center_groups, gateways }
}

interface Placed extends IdName {
  readonly path: Path
}

function readObjects(
  items: readonly { name: string; id: string }[],
  kind: IdKind,
  path: Path,
  report: Report,
): Placed[] {
  return items.flatMap((item, index) => {
    const at = [...path, index]
    const id = readId(item.id, kind, [...at, 'id'], report)
    return id === undefined ? [] : [placed({ place: report.place(at), id, name: item.name }, at)]
  })
}

function readGateways(
  head: Head,
  owners: readonly Placed[],
  path: Path,
  report: Report,
): (GatewayModel & Placed)[] {
  return head.gateways.flatMap((item, index) => {
    const at = [...path, 'gateways', index]
    const id = readId(item.id, 'gateway', [...at, 'id'], report)
    const owner = readOwner(item.owner, owners, at, report)
    return id === undefined || owner === undefined
      ? []
      : [placed({ place: report.place(at), id, name: item.name, owner }, at)]
  })
}

/** The path is for messages only: not enumerable, so that models compare and clone as plain data. */
function placed<Item extends IdName>(item: Item, path: Path): Item & { readonly path: Path } {
  return Object.defineProperty(item, 'path', { value: path, enumerable: false }) as Item & {
    readonly path: Path
  }
}

function readOwner(
  owner: string | undefined,
  owners: readonly Placed[],
  path: Path,
  report: Report,
): string | null | undefined {
  if (owner === undefined) {
    const message = 'without `owner` no gateway label can be composed for it'
    report.warn(path, message, 'name the Org VDC or Data Center Group that it belongs to')
    return null
  }
  const id = bareId(owner)
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
  return undefined
}

function checkIds(objects: readonly Placed[], report: Report): void {
  const seen = new Map<string, Placed>()
  for (const object of objects) {
    const first = seen.get(object.id)
    if (first === undefined) seen.set(object.id, object)
    else
      report.error(
        [...object.path, 'id'],
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
