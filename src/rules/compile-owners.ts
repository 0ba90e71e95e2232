/** The owners that keys of tables lead to. */
import type { NamedId, OwnerPlan } from './plan.ts'

export const NOBODY: OwnerPlan = {
  tenant: -1,
  org_vdc: null,
  data_center_group: null,
  gateway: null,
  by: '',
  reason: 'label',
}

/** Owners by what they say, so that the keys of one object share one. */
export class Owners {
  readonly list: OwnerPlan[] = [NOBODY]
  readonly #indices = new Map<string, number>()

  index(owner: OwnerPlan): number {
    const text = JSON.stringify(owner)
    let index = this.#indices.get(text)
    if (index === undefined) {
      index = this.list.push(owner) - 1
      this.#indices.set(text, index)
    }
    return index
  }

  /** The owner that says only what both do: a key that fits two objects of a tenant tells no more. */
  shared(a: number, b: number): number {
    const [one, other] = [this.list[a] ?? NOBODY, this.list[b] ?? NOBODY]
    return this.index({
      ...one,
      org_vdc: shared(one.org_vdc, other.org_vdc),
      data_center_group: shared(one.data_center_group, other.data_center_group),
      gateway: shared(one.gateway, other.gateway),
    })
  }
}

function shared(one: NamedId | null, other: NamedId | null): NamedId | null {
  return one !== null && one.id === other?.id ? one : null
}
