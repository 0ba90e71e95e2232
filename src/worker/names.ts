/** What the numbers in a batch mean while it is in memory: the rule set and the configuration that it was made under. */
import type { Settings } from '../config/types.ts'
import type { BatchNames, OwnerName, SourceName } from '../queue/batch.ts'
import type { RulesPlan } from '../rules/plan.ts'

export class PlanNames implements BatchNames {
  readonly #plan: RulesPlan
  readonly #settings: Pick<Settings, 'listeners' | 'sources'>

  constructor(plan: RulesPlan, settings: Pick<Settings, 'listeners' | 'sources'>) {
    this.#plan = plan
    this.#settings = settings
  }

  stream(id: number): string {
    return this.#plan.streams[id]?.name ?? 'other'
  }

  owner(id: number): OwnerName | null {
    const owner = this.#plan.owners[id]
    const tenant = owner === undefined ? undefined : this.#plan.tenants[owner.tenant]
    if (owner === undefined || tenant === undefined) return null
    const { org_vdc, data_center_group, gateway, by } = owner
    return { tenant: tenant.name, owner: { org: tenant.org, org_vdc, data_center_group, gateway, by } }
  }

  listener(id: number): string {
    return this.#settings.listeners[id]?.name ?? ''
  }

  source(id: number): SourceName | null {
    const source = this.#settings.sources[id - 1]
    return source === undefined ? null : { name: source.name, site: source.site, zone: source.zone }
  }
}
