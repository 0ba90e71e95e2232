/**
 * What was known and what was read now become what is kept. Pure. Nothing is dropped because one reading lacks it: it is
 * marked, and goes after a grace time. What may belong to two tenants belongs to nobody meanwhile.
 */
import { contest } from './contest.ts'
import { TenantNames } from './names.ts'
import type {
  KeptGateway,
  KeptGroup,
  KeptObject,
  KeptTenant,
  KindKey,
  Scan,
  ScannedGateway,
  ScannedGroup,
  ScannedOrg,
} from './types.ts'
import { KINDS } from './types.ts'
import type { LabelRules } from './contest.ts'

export interface Reconciling {
  /** Wall-clock milliseconds. */
  readonly now: number
  /** Milliseconds that something gone is kept for. */
  readonly grace: number
  /** Share of the objects of a kind, 0 to 1, that one reading may lack. */
  readonly max_loss: number
  /** Names of tenants that people wrote, with their organisation's id. */
  readonly taken: readonly { readonly name: string; readonly org: string | null }[]
  readonly rules: LabelRules
}

export interface Reconciled {
  readonly tenants: readonly KeptTenant[]
  /** What somebody should look at, a line each. */
  readonly alarms: readonly string[]
  /** Why nothing may be taken of it; empty when all may. */
  readonly refusals: readonly string[]
}

export function reconcile(known: readonly KeptTenant[], scan: Scan, how: Reconciling): Reconciled {
  const refusals = losses(known, scan, how.max_loss)
  const alarms: string[] = []
  if (refusals.length > 0) return { tenants: known, alarms, refusals }
  const names = new TenantNames()
  for (const { name, org } of how.taken) names.take(name, org)
  for (const { name, org } of known) names.take(name, org.id)
  const before = new Map(known.map((tenant) => [tenant.org.id, tenant]))
  const seen = sorted(scan, alarms)
  const orgs = new Map(scan.orgs.map((org) => [org.id, org]))
  // Those that come first are named first: by id, so that every reading names alike.
  const fresh = scan.orgs.filter(({ id }) => !before.has(id)).toSorted(byId)
  const made = [...known.map(({ org }) => orgs.get(org.id) ?? org), ...fresh].map((org) => {
    const old = before.get(org.id)
    const name = old?.name ?? names.choose(org)
    return keepTenant(name, org, orgs.has(org.id), old, seen, how, alarms)
  })
  const { tenants, alarms: contested } = contest(
    made.toSorted((a, b) => byId(a.org, b.org)),
    how.rules,
  )
  return { tenants, alarms: [...alarms, ...contested], refusals }
}

// ---- what would be lost --------------------------------------------------------------------------

function losses(known: readonly KeptTenant[], scan: Scan, max: number): string[] {
  const live = known.filter(({ gone }) => gone === null)
  const objects = (key: KindKey): KeptObject[] => live.flatMap((tenant) => tenant[key])
  const kinds: [string, readonly string[], readonly { readonly id: string }[]][] = [
    ['organisation', live.map(({ org }) => org.id), scan.orgs],
    ...KINDS.map(([key, what]): [string, string[], readonly { readonly id: string }[]] => [
      what,
      objects(key).flatMap(({ id, gone_since }) => (gone_since === null ? [id] : [])),
      { org_vdcs: scan.vdcs, data_center_groups: scan.groups, gateways: scan.gateways }[key],
    ]),
  ]
  return kinds.flatMap(([what, ids, now]) => {
    const there = new Set(now.map(({ id }) => id))
    const before = new Set(ids)
    const lost = [...before].filter((id) => !there.has(id)).length
    if (lost === 0 || lost <= max * before.size) return []
    const share = Math.ceil((100 * lost) / before.size)
    return [
      `${lost} of ${before.size} ${what}s would be lost (${share} %, and ${Math.round(max * 100)} % are allowed)`,
    ]
  })
}

// ---- one tenant ----------------------------------------------------------------------------------

/** What belongs to each organisation now, and what contradicts itself within the reading. */
interface Seen {
  readonly vdcs: ReadonlyMap<string, readonly ScannedVdcOf[]>
  readonly groups: ReadonlyMap<string, readonly ScannedGroup[]>
  readonly gateways: ReadonlyMap<string, readonly ScannedGateway[]>
  readonly odd: ReadonlySet<string>
}
type ScannedVdcOf = Scan['vdcs'][number]

function sorted(scan: Scan, alarms: string[]): Seen {
  const orgs = new Set(scan.orgs.map(({ id }) => id))
  const parents = new Map([...scan.vdcs, ...scan.groups].map(({ id, org }) => [id, org]))
  const odd = new Set<string>()
  for (const { id, name, org } of [...scan.vdcs, ...scan.groups, ...scan.gateways]) {
    if (!orgs.has(org))
      alarms.push(`${name} (${id}) is of organisation ${org}, which is not seen: it is left out`)
  }
  for (const { id, name, org, owner } of scan.gateways) {
    const of = parents.get(owner)
    if (of === undefined)
      alarms.push(`gateway ${name} (${id}) is under ${owner}, which is not seen: it is left out`)
    if (of === undefined || of === org) continue
    // A gateway in the group of another organisation: nobody can say whose its events are.
    odd.add(id)
    alarms.push(`gateway ${name} (${id}) is of organisation ${org} and under an object of ${of}: contested`)
  }
  return {
    vdcs: byOrg(scan.vdcs),
    groups: byOrg(scan.groups),
    // With the owner, whose id its label begins with.
    gateways: byOrg(
      scan.gateways.flatMap((one) => {
        const org = parents.get(one.owner)
        return org === undefined ? [] : [{ ...one, org }]
      }),
    ),
    odd,
  }
}

function keepTenant(
  name: string,
  org: ScannedOrg,
  there: boolean,
  old: KeptTenant | undefined,
  seen: Seen,
  how: Reconciling,
  alarms: string[],
): KeptTenant {
  const stamp = stampOf(how.now)
  const gone = there ? null : { since: old?.gone?.since ?? stamp, stopped: false }
  if (gone !== null) {
    const over = isOver(gone.since, how)
    if (!over && old?.gone === null)
      alarms.push(`organisation ${org.name} (${org.id}) is gone: its forwarders stop in the grace time`)
    if (over) {
      if (old?.gone?.stopped !== true)
        alarms.push(
          `organisation ${org.name} (${org.id}) is gone since ${gone.since}: its forwarders are stopped`,
        )
      const nothing = { org_vdcs: [], data_center_groups: [], gateways: [] }
      return { name, org: old?.org ?? org, gone: { ...gone, stopped: true }, ...nothing }
    }
  } else if (old !== undefined && old.gone !== null)
    alarms.push(`organisation ${org.name} (${org.id}) is back`)
  const vdcs = (seen.vdcs.get(org.id) ?? []).map((one): KeptObject => ({ ...live(one), contested: false }))
  const groups = (seen.groups.get(org.id) ?? []).map((one): KeptGroup => {
    const participants = one.participants.filter((id) => id !== one.org)
    return { ...live(one), contested: false, participants }
  })
  const org_vdcs = keepObjects(vdcs, old?.org_vdcs ?? [], how)
  const data_center_groups = keepObjects(groups, old?.data_center_groups ?? [], how)
  const parents = new Set([...org_vdcs, ...data_center_groups].map(({ id }) => id))
  const gateways = (seen.gateways.get(org.id) ?? []).map((one): KeptGateway => {
    const former = formerOwners(one, old, parents, how)
    return { ...live(one), contested: seen.odd.has(one.id), owner: one.owner, former }
  })
  const kept = keepObjects(gateways, old?.gateways ?? [], how).filter(({ owner }) => parents.has(owner))
  return { name, org, gone, org_vdcs, data_center_groups, gateways: kept }
}

function live({ id, name }: ScannedOrg): { id: string; name: string; gone_since: null } {
  return { id, name, gone_since: null }
}

/** What is there, and what was there a short time ago. */
function keepObjects<Kept extends KeptObject>(
  now: readonly Kept[],
  before: readonly Kept[],
  how: Reconciling,
): Kept[] {
  const there = new Set(now.map(({ id }) => id))
  const gone = before.flatMap((one): Kept[] => {
    if (there.has(one.id)) return []
    const gone_since = one.gone_since ?? stampOf(how.now)
    return isOver(gone_since, how) ? [] : [{ ...one, contested: false, gone_since }]
  })
  return [...now, ...gone].toSorted(byId)
}

function formerOwners(
  now: ScannedGateway,
  old: KeptTenant | undefined,
  parents: ReadonlySet<string>,
  how: Reconciling,
): KeptGateway['former'] {
  const before = old?.gateways.find(({ id }) => id === now.id)
  if (before === undefined) return []
  const moved = before.owner === now.owner ? [] : [{ owner: before.owner, since: stampOf(how.now) }]
  const owners = new Map([...before.former, ...moved].map((one) => [one.owner, one]))
  return [...owners.values()]
    .filter(({ owner, since }) => owner !== now.owner && parents.has(owner) && !isOver(since, how))
    .toSorted((a, b) => (a.owner < b.owner ? -1 : 1))
}

// ---- helpers -------------------------------------------------------------------------------------

/** Whole seconds: finer ones would only be noise in a review. */
export function stampOf(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`
}

/** A clock that went back ends no grace time. */
function isOver(since: string, { now, grace }: Reconciling): boolean {
  return now - Date.parse(since) >= grace
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function byOrg<Item extends { readonly org: string }>(items: readonly Item[]): Map<string, Item[]> {
  const map = new Map<string, Item[]>()
  for (const item of items) {
    const list = map.get(item.org)
    if (list === undefined) map.set(item.org, [item])
    else list.push(item)
  }
  return map
}
