/** Tenants that cannot be told from whoever has their name next: said when a rule set is loaded. */
import type { Finding } from '../config/findings.ts'
import type { TenantModel } from './model.ts'

/** Names told; all of ten thousand would help nobody. */
const TOLD_MAX = 5

/**
 * One warning for all tenants without `org`. Queue and spool go by a tenant's name; only the organisation tells that the name
 * is another customer's now, so that what was held for the one before is not sent to the new one's destinations.
 */
export function checkOrgs(tenants: readonly TenantModel[]): Finding[] {
  const without = tenants.filter(
    ({ org, forwarders, broken }) => org === null && forwarders.length > 0 && broken !== true,
  )
  const [first] = without
  if (first === undefined) return []
  const names = without.slice(0, TOLD_MAX).map(({ name }) => name)
  const more = without.length > TOLD_MAX ? ` and ${without.length - TOLD_MAX} more` : ''
  const what = without.length === 1 ? 'tenant' : 'tenants'
  const { file, line, column } = first.place
  return [
    {
      level: 'warning',
      file,
      line,
      column,
      message: `${what} ${names.join(', ')}${more} without \`org\`: whoever gets such a name next cannot be told from the one before, and would be sent what is still held`,
      hint: 'set `org.id`',
    },
  ]
}
