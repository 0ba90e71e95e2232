/** What is wrong across the entries of a rule set: names twice, names of nothing, limits passed. */
import type { Finding, Place } from '../config/findings.ts'
import { meant } from '../config/nearest.ts'
import { gatewayParents, parentsOf } from './compile-subjects.ts'
import type { ForwarderModel, RulesModel, TenantModel } from './model.ts'
import { checkWhere, type KnownNames } from './compile-where.ts'

/** Collects findings; `where` is a place of the rules. */
export class Findings {
  readonly list: Finding[] = []

  error(place: Place, message: string, hint: string): void {
    this.list.push({ level: 'error', ...placed(place), message, hint })
  }

  warning(place: Place, message: string, hint: string): void {
    this.list.push({ level: 'warning', ...placed(place), message, hint })
  }

  /** An error for each of the entries whose name another one has already. */
  unique(what: string, entries: readonly { readonly place: Place; readonly name: string }[]): void {
    const first = new Map<string, Place>()
    for (const { name, place } of entries) {
      const earlier = first.get(name)
      if (earlier === undefined) first.set(name, place)
      else
        this.error(
          place,
          `${what} "${name}" is there twice`,
          `the first is at ${atPlace(earlier)}; rename one`,
        )
    }
  }
}

export function atPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}

function placed({ file, line, column }: Place): Place {
  return { file, line, column }
}

/** What one tenant may have of what all share (R25). */
export interface TenantLimits {
  readonly forwarders_per_tenant: number
  readonly connections_per_tenant?: number
}

/** Everything but labels. What one entry says by itself, and warnings about it, are the reader's. */
export function checkModel(
  model: RulesModel,
  limits: TenantLimits,
  known: KnownNames,
  findings: Findings,
): void {
  checkObjects(model.tenants, findings)
  for (const tenant of model.tenants) checkConnections(tenant, limits, findings)
  // Of a rule set with mistakes the reader has told the rest.
  if (model.unread === undefined) checkEntries(model, limits, findings)
  for (const [key, forwarder] of keyedForwarders(model)) checkWhere(key, forwarder, known, findings)
}

function checkEntries(model: RulesModel, limits: TenantLimits, findings: Findings): void {
  findings.unique('tenant', model.tenants)
  findings.unique('stream', model.streams)
  findings.unique('label format', model.label_formats)
  checkStreams(model, findings)
  for (const tenant of model.tenants) checkTenant(tenant, limits, findings)
  findings.unique('provider forwarder', model.provider)
}

/** All forwarders, with `acme/siem` and the like. */
export function keyedForwarders(model: RulesModel): [string, ForwarderModel][] {
  const tenants = model.tenants.flatMap(({ name, forwarders }) =>
    forwarders.map((forwarder): [string, ForwarderModel] => [`${name}/${forwarder.name}`, forwarder]),
  )
  return [
    ...tenants,
    ...model.provider.map((forwarder): [string, ForwarderModel] => [`provider/${forwarder.name}`, forwarder]),
  ]
}

function checkStreams(model: RulesModel, findings: Findings): void {
  const formats = model.label_formats.map((format) => format.name)
  for (const { name, place, label, label_formats } of model.streams) {
    if (name === 'other')
      findings.error(place, 'stream "other" is what nothing recognises', 'choose another name')
    for (const format of label_formats) {
      if (formats.includes(format)) continue
      findings.error(place, `stream "${name}": unknown label format "${format}"`, meant(format, formats))
    }
    if (label === 'none' && label_formats.length > 0) {
      findings.warning(
        place,
        `stream "${name}" has label formats but no label`,
        'say where the label stands: `label: rest`',
      )
    }
  }
}

/** An object of two tenants would make two tenants of one event. */
function checkObjects(tenants: readonly TenantModel[], findings: Findings): void {
  const first = new Map<string, { readonly tenant: TenantModel; readonly place: Place }>()
  for (const tenant of tenants) {
    for (const { id, place, contested } of [
      ...tenant.org_vdcs,
      ...tenant.data_center_groups,
      ...tenant.gateways,
    ]) {
      const earlier = first.get(id)
      if (earlier === undefined) first.set(id, { tenant, place })
      else if (earlier.tenant !== tenant) {
        // Their labels are nobody's then.
        const soft = contested === true || tenant.inventory === true || earlier.tenant.inventory === true
        const message = `id ${id} belongs to tenant "${tenant.name}" here and to tenant "${earlier.tenant.name}" at ${atPlace(earlier.place)}`
        const hint = 'an object belongs to one tenant; remove it from the other'
        if (soft) findings.warning(place, `${message}: its events belong to nobody`, hint)
        else findings.error(place, message, hint)
      }
    }
  }
}

/** Each delivery at once may need a connection, and so a descriptor, of which the process has so many. */
function checkConnections(
  { name, forwarders }: TenantModel,
  { connections_per_tenant: max = Number.POSITIVE_INFINITY }: TenantLimits,
  findings: Findings,
): void {
  let sum = 0
  for (const { place, settings } of forwarders) {
    const before = sum
    sum += settings.concurrency
    if (before > max || sum <= max) continue
    const message = `tenant "${name}": its forwarders may have ${sum} connections and more by their \`concurrency\`, and ${max} are allowed`
    findings.error(place, message, 'lower `concurrency`, or raise `limits.connections_per_tenant`')
  }
}

function checkTenant(tenant: TenantModel, limits: TenantLimits, findings: Findings): void {
  const { name, place, forwarders } = tenant
  if (name === 'provider')
    findings.error(place, 'tenant name "provider" stands for the provider', 'choose another name')
  findings.unique(`tenant "${name}": forwarder`, forwarders)
  const { forwarders_per_tenant: forwardersMax } = limits
  const over = forwarders[forwardersMax]
  if (over !== undefined) {
    const message = `tenant "${name}" has ${forwarders.length} forwarders, and ${forwardersMax} are allowed`
    findings.error(over.place, message, 'remove some, or raise `limits.forwarders_per_tenant`')
  }
  for (const forwarder of forwarders) {
    if (forwarder.settings.queue.when_full === 'block') {
      const message = `forwarder "${name}/${forwarder.name}": \`when_full: block\` would let one tenant stop all`
      findings.error(
        forwarder.place,
        message,
        "use `drop_oldest` or `drop_newest`; only the provider's may block",
      )
    }
    if (forwarder.scope !== 'owned') {
      const message = `forwarder "${name}/${forwarder.name}": a tenant's forwarder sees its own events only`
      findings.error(forwarder.place, message, 'remove `scope`, or move the forwarder to `provider`')
    }
  }
  checkGateways(tenant, findings)
}

function checkGateways(tenant: TenantModel, findings: Findings): void {
  const parents = parentsOf(tenant)
  for (const gateway of tenant.gateways) {
    const text = `tenant "${tenant.name}": gateway "${gateway.name ?? gateway.id}"`
    if (gateway.owner === null) continue
    const own = gatewayParents(tenant, gateway)
    if (own.length === 1) continue
    const names = parents.flatMap(({ object }) => (object.name === null ? [object.id] : [object.name]))
    const message =
      own.length === 0
        ? `${text}: owner "${gateway.owner}" is no Org VDC or group of the tenant`
        : `${text}: owner "${gateway.owner}" is the name of ${own.length} objects`
    findings.error(
      gateway.place,
      message,
      own.length === 0 ? meant(gateway.owner, names) : 'name the owner by its id',
    )
  }
}
