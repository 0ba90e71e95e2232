/** What a reload changes, in the words of the log, of `logweir reload` and of `logweir diff`. */
import type { Settings } from '../config/types.ts'
import type { ForwarderPlan, RulesPlan } from '../rules/plan.ts'
import { type OwnerChanges, ownerChanges } from './owner-changes.ts'
import { targetText } from './target-text.ts'

/** From where to where. */
interface Move {
  readonly from: string
  readonly to: string
}

export interface Changes {
  readonly tenants: {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    /** The same organisation under another name: another tenant, whose spool begins empty. */
    readonly renamed: readonly Move[]
    /** Another organisation or rate. */
    readonly changed: readonly string[]
  }
  /** Forwarders whose events go somewhere else than before; null: nowhere. */
  readonly destinations: readonly DestinationChange[]
  /** Org VDCs, groups, gateways and literal labels. */
  readonly owners: OwnerChanges
  readonly forwarders: {
    readonly added: readonly string[]
    readonly changed: readonly string[]
    readonly removed: readonly string[]
    /** What differs of each that changed: keys as in rules. */
    readonly keys: Readonly<Record<string, readonly string[]>>
  }
  readonly labels_changed: boolean
  /** Keys of the configuration that differ and are only read at a start. */
  readonly needs_restart: readonly string[]
}

interface DestinationChange {
  readonly forwarder: string
  readonly from: string | null
  readonly to: string | null
}

/** Compares what runs with what is to run. */
export function compare(before: RulesPlan, after: RulesPlan, old: Settings, settings: Settings): Changes {
  const was = new Map(before.forwarders.map((forwarder) => [forwarder.key, forwarder]))
  const is = new Map(after.forwarders.map((forwarder) => [forwarder.key, forwarder]))
  const keys: Record<string, string[]> = {}
  const destinations: DestinationChange[] = []
  for (const [key, forwarder] of is) {
    const other = was.get(key)
    const to = targetText(forwarder.settings.to)
    const from = other === undefined ? null : targetText(other.settings.to)
    if (from !== to) destinations.push({ forwarder: key, from, to })
    const differ = other === undefined ? [] : differingKeys(partsOf(other, before), partsOf(forwarder, after))
    if (differ.length > 0) keys[key] = differ
  }
  for (const [key, { settings: own }] of was)
    if (!is.has(key)) destinations.push({ forwarder: key, from: targetText(own.to), to: null })
  const owners = ownerChanges(before, after)
  return {
    tenants: tenantChanges(before, after),
    destinations,
    owners,
    forwarders: {
      added: without([...is.keys()], [...was.keys()]),
      changed: Object.keys(keys),
      removed: without([...was.keys()], [...is.keys()]),
      keys,
    },
    labels_changed: labelsDiffer(before, after),
    needs_restart: restartKeys(old, settings),
  }
}

function tenantChanges(before: RulesPlan, after: RulesPlan): Changes['tenants'] {
  const was = new Map(before.tenants.map((tenant) => [tenant.name, tenant]))
  const is = new Map(after.tenants.map((tenant) => [tenant.name, tenant]))
  const added = without([...is.keys()], [...was.keys()])
  const removed = without([...was.keys()], [...is.keys()])
  const by_org = new Map(removed.map((name) => [was.get(name)?.org?.id, name]))
  const renamed = added.flatMap((to): Move[] => {
    const id = is.get(to)?.org?.id
    const from = id === undefined ? undefined : by_org.get(id)
    return from === undefined ? [] : [{ from, to }]
  })
  const changed = [...is.values()].flatMap(({ name, rate_max, org }) => {
    const other = was.get(name)
    return other === undefined || (other.rate_max === rate_max && other.org?.id === org?.id) ? [] : [name]
  })
  return { added, removed, renamed, changed }
}

/** Everything about a forwarder, by the keys of rules. Secrets are compared and never told. */
function partsOf(
  { scope, condition, edit, sample, rate_max, settings }: ForwarderPlan,
  plan: RulesPlan,
): object {
  const where = plan.conditions[condition] ?? null
  return { ...settings, scope, where, redact: plan.edits[edit] ?? null, sample, rate_max }
}

function differingKeys(a: object, b: object): string[] {
  const others = new Map(Object.entries(b))
  return Object.entries(a).flatMap(([key, value]) =>
    JSON.stringify(value) === JSON.stringify(others.get(key)) ? [] : [key],
  )
}

/** Owners by number say nothing about which labels they have: the tables are compared as well. */
function labelsDiffer(before: RulesPlan, after: RulesPlan): boolean {
  const tables = [
    [before.labels.keys, after.labels.keys],
    [before.labels.slots, after.labels.slots],
    [before.keys?.table.keys, after.keys?.table.keys],
    [before.keys?.table.slots, after.keys?.table.slots],
  ] as const
  if (tables.some(([a, b]) => !equalBytes(a, b))) return true
  return JSON.stringify(before.owners) !== JSON.stringify(after.owners)
}

function equalBytes(a: SharedArrayBuffer | undefined, b: SharedArrayBuffer | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(new Uint8Array(a), new Uint8Array(b)) === 0
}

function without(list: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others)
  return list.filter((item) => !known.has(item))
}

function restartKeys(old: Settings, settings: Settings): string[] {
  const parts: [string, unknown, unknown][] = [
    ['data', old.data, settings.data],
    ['queue.memory_max', old.queue.memory_max, settings.queue.memory_max],
    ['queue.tenant_memory_max', old.queue.tenant_memory_max, settings.queue.tenant_memory_max],
    ['queue.provider_memory_max', old.queue.provider_memory_max, settings.queue.provider_memory_max],
    ['batch.age', old.batch.age, settings.batch.age],
    ['limits.forwarder_idle', old.limits.forwarder_idle, settings.limits.forwarder_idle],
    // Looked at when it is needed.
    ['spool', { ...old.spool, removed_keep: null }, { ...settings.spool, removed_keep: null }],
    ['workers', old.workers, settings.workers],
    ['admin', old.admin, settings.admin],
    ['log', old.log, settings.log],
  ]
  return parts.filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b)).map(([key]) => key)
}
