/** Who sees an event as whose, for people's questions; the router keeps the same in arrays. */
import type { RulesPlan } from './plan.ts'

/**
 * The owner that an event of `owner` has for the forwarders of `tenant` (-1: the provider's): the owner itself, one of a copy where
 * its group is shared with the tenant, or 0 where they do not see it.
 */
export function seenAs({ owners, copies = [] }: RulesPlan, owner: number, tenant: number): number {
  if (owner <= 0 || tenant < 0 || owners[owner]?.tenant === tenant) return Math.max(0, owner)
  return copies.find((copy) => copy.owner === owner && owners[copy.as]?.tenant === tenant)?.as ?? 0
}
