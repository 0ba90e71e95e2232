/** What each of several workers gets of limits that hold for all together. */
import type { ForwarderSettings } from './forwarder-settings.ts'
import type { RulesPlan } from './plan.ts'

/**
 * The plan as each of `workers` workers runs it: totals become shares, so that together they keep to what was
 * configured. That holds for `file:` destinations too: one worker writes, but each has a queue. No share falls below 1.
 */
export function divideLimits(plan: RulesPlan, workers: number): RulesPlan {
  if (workers <= 1) return plan
  const share = (total: number): number => (total === 0 ? 0 : Math.max(1, Math.floor(total / workers)))
  return {
    ...plan,
    tenants: plan.tenants.map((tenant) => ({
      ...tenant,
      rate_max: tenant.rate_max === null ? null : share(tenant.rate_max),
    })),
    forwarders: plan.forwarders.map((forwarder) => ({
      ...forwarder,
      rate_max: forwarder.rate_max === null ? null : share(forwarder.rate_max),
      settings: divided(forwarder.settings, share),
    })),
  }
}

function divided(settings: ForwarderSettings, share: (total: number) => number): ForwarderSettings {
  const { queue, replay, concurrency } = settings
  return {
    ...settings,
    queue: {
      ...queue,
      memory_max: share(queue.memory_max),
      disk_max: share(queue.disk_max),
      ...(queue.catch_up_max === undefined ? {} : { catch_up_max: share(queue.catch_up_max) }),
    },
    replay: share(replay),
    concurrency: share(concurrency),
  }
}
