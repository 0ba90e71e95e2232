/** Whose a text of a filter is: a UUID, or what a label is composed of. What could be two tenants' is nobody's. */
import { Buffer } from 'node:buffer'
import { compileLabels } from '../rules/compile-labels.ts'
import { Owners } from '../rules/compile-owners.ts'
import { LabelTable } from '../rules/label-table.ts'
import type { RulesModel } from '../rules/model.ts'
import { bareUuid } from '../rules/read-ids.ts'

/** An object of a tenant that a filter meant. */
export interface Meant {
  readonly tenant: string
  readonly org: string | null
  /** The field that tells its events, with the id; null: all of the tenant's. */
  readonly field: 'owner.org_vdc.id' | 'owner.data_center_group.id' | 'owner.gateway.id' | null
  readonly id: string
}

/** Fewer characters than a label's own part has say nothing. */
const TEXT_MIN = 10

export class OwnerTexts {
  readonly #model: RulesModel
  readonly #ids = new Map<string, Meant | null>()
  readonly #table: LabelTable
  readonly #owners = new Owners()

  constructor(model: RulesModel) {
    this.#model = model
    for (const tenant of model.tenants) {
      const { name, org } = tenant
      const add = (id: string, field: Meant['field'], contested = false): void => {
        const there = this.#ids.get(id)
        const sure = !contested && (there === undefined || there?.tenant === name)
        this.#ids.set(id, sure ? { tenant: name, org: org?.id ?? null, field, id } : null)
      }
      if (org !== null) add(org.id, null)
      for (const one of tenant.org_vdcs) add(one.id, 'owner.org_vdc.id', one.contested)
      for (const one of tenant.data_center_groups) add(one.id, 'owner.data_center_group.id', one.contested)
      for (const one of tenant.gateways) add(one.id, 'owner.gateway.id', one.contested)
    }
    this.#table = new LabelTable(compileLabels(model, model.streams, this.#owners).labels)
  }

  /** The object; null when it could be of two tenants; undefined when the text names none. */
  find(text: string): Meant | null | undefined {
    const bare = text.trim().replace(/^urn:vcloud:[A-Za-z]+:/i, '')
    const id = bareUuid(bare)
    if (id !== undefined && this.#ids.has(id)) return this.#ids.get(id)
    if (bare.length < TEXT_MIN) return undefined
    const bytes = Buffer.from(bare)
    const found = new Set<number>()
    for (const stream of this.#model.streams.keys()) {
      const owner = this.#table.find(stream, bytes, 0, bytes.length)
      if (owner !== 0) found.add(owner)
    }
    const meant = new Map<string, Meant | null>()
    for (const owner of found) {
      const one = this.#meant(owner)
      meant.set(JSON.stringify(one), one)
    }
    const [first, more] = meant.values()
    return more === undefined ? first : null
  }

  #meant(owner: number): Meant | null {
    const plan = this.#owners.list[owner]
    const tenant = this.#model.tenants[plan?.tenant ?? -1]
    if (plan === undefined || tenant === undefined) return null
    const of = { tenant: tenant.name, org: tenant.org?.id ?? null }
    // The gateway's own label is a gateway's, although its owner is known with it.
    if (plan.gateway !== null) return { ...of, field: 'owner.gateway.id', id: plan.gateway.id }
    if (plan.data_center_group !== null)
      return { ...of, field: 'owner.data_center_group.id', id: plan.data_center_group.id }
    if (plan.org_vdc !== null) return { ...of, field: 'owner.org_vdc.id', id: plan.org_vdc.id }
    return { ...of, field: null, id: tenant.org?.id ?? '' }
  }
}
