/** Where the rules say what they say: places of forwarders, conditions, streams, tenants and their objects. */
import path from 'node:path'
import type { Place } from '../../config/findings.ts'
import type { ForwarderModel, RulesModel } from '../../rules/model.ts'
import type { ConditionField, OwnerPlan } from '../../rules/plan.ts'
import { comparisonPlace } from '../../rules/where-places.ts'

export class RulePlaces {
  readonly #forwarders: ReadonlyMap<string, ForwarderModel>
  readonly #model: RulesModel

  constructor(model: RulesModel) {
    this.#model = model
    const own = model.tenants.flatMap(({ name, forwarders }) =>
      forwarders.map((forwarder) => [`${name}/${forwarder.name}`, forwarder] as const),
    )
    const provider = model.provider.map((forwarder) => [`provider/${forwarder.name}`, forwarder] as const)
    this.#forwarders = new Map([...own, ...provider])
  }

  /** `key`: `acme/siem`. */
  forwarder(key: string): Place | undefined {
    return this.#forwarders.get(key)?.place
  }

  /** Of its condition; of the forwarder where it has none. */
  where(key: string): Place | undefined {
    return this.#forwarders.get(key)?.where_place
  }

  /** Of the comparison of a field in a forwarder's `where`; of the `where` when several compare it. */
  comparison(key: string, field: ConditionField): Place | undefined {
    const forwarder = this.#forwarders.get(key)
    return forwarder === undefined ? undefined : comparisonPlace(forwarder, field)
  }

  /** Of a named condition. */
  condition(name: string): Place | undefined {
    return this.#model.conditions.find((one) => one.name === name)?.place
  }

  /** Of a stream, or of the way by which it was recognised. */
  stream(name: string, match = -1): Place | undefined {
    const stream = this.#model.streams.find((one) => one.name === name)
    return stream?.match_places?.[match] ?? stream?.place
  }

  tenant(name: string): Place | undefined {
    return this.#model.tenants.find((one) => one.name === name)?.place
  }

  /** Of the object that an owner is: the gateway, group or Org VDC, a literal label, else the tenant. */
  owner(owner: OwnerPlan, tenant: string, label: string | null): Place | undefined {
    const model = this.#model.tenants.find((one) => one.name === tenant)
    if (model === undefined) return undefined
    const id = (owner.gateway ?? owner.data_center_group ?? owner.org_vdc)?.id
    const objects = [...model.gateways, ...model.data_center_groups, ...model.org_vdcs]
    const object = objects.find((one) => one.id === id)
    const literal =
      owner.reason === 'literal' ? model.labels.find(({ text }) => text.trim() === label) : undefined
    return (object ?? literal ?? model).place
  }
}

/** `examples/rules/acme.yaml:34:16`; empty for no place. */
export function placeText(place: Place | undefined, cwd: string = process.cwd()): string {
  if (place === undefined || place.file === '') return ''
  const near = path.relative(cwd, place.file)
  const file = near === '' || near.startsWith(`..${path.sep}`) ? place.file : near
  return place.line === 0 ? file : `${file}:${place.line}:${place.column}`
}
