/** What a reload changed, in the words of the log and of `logweir reload`. */
import type { Settings } from '../config/types.ts'
import type { RulesPlan } from '../rules/plan.ts'

export interface Changes {
  readonly tenants: { readonly added: readonly string[]; readonly removed: readonly string[] }
  readonly forwarders: {
    readonly added: readonly string[]
    readonly changed: readonly string[]
    readonly removed: readonly string[]
  }
  readonly labels_changed: boolean
  /** Keys of the configuration that differ and are only read at a start. */
  readonly needs_restart: readonly string[]
}

/** Compares what runs with what is to run. */
export function compare(before: RulesPlan, after: RulesPlan, old: Settings, settings: Settings): Changes {
  const forwarders = (plan: RulesPlan): Map<string, string> =>
    new Map(
      plan.forwarders.map(({ key, scope, condition, edit, sample, rate_max, settings: own }) => [
        key,
        JSON.stringify([
          scope,
          own,
          plan.conditions[condition] ?? null,
          plan.edits[edit] ?? null,
          sample,
          rate_max,
        ]),
      ]),
    )
  const was = forwarders(before)
  const is = forwarders(after)
  const tenants = (plan: RulesPlan): string[] => plan.tenants.map((tenant) => tenant.name)
  return {
    tenants: {
      added: without(tenants(after), tenants(before)),
      removed: without(tenants(before), tenants(after)),
    },
    forwarders: {
      added: without([...is.keys()], [...was.keys()]),
      changed: [...is].filter(([key, json]) => was.has(key) && was.get(key) !== json).map(([key]) => key),
      removed: without([...was.keys()], [...is.keys()]),
    },
    labels_changed: JSON.stringify(before.owners) !== JSON.stringify(after.owners),
    needs_restart: restartKeys(old, settings),
  }
}

function without(list: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others)
  return list.filter((item) => !known.has(item))
}

function restartKeys(old: Settings, settings: Settings): string[] {
  const parts: [string, unknown, unknown][] = [
    ['data', old.data, settings.data],
    ['queue.memory_max', old.queue.memory_max, settings.queue.memory_max],
    ['batch.age', old.batch.age, settings.batch.age],
    ['limits.forwarder_idle', old.limits.forwarder_idle, settings.limits.forwarder_idle],
    ['spool', old.spool, settings.spool],
    ['workers', old.workers, settings.workers],
    ['admin', old.admin, settings.admin],
    ['log', old.log, settings.log],
  ]
  return parts.filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b)).map(([key]) => key)
}
