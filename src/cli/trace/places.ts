/** Where the rules say what they say: places of forwarders, conditions, streams, tenants and their objects. */
import path from 'node:path'
import type { Place } from '../../config/findings.ts'
import { valueAt } from '../../config/pieces.ts'
import type { Path } from '../../config/yaml.ts'
import type { ForwarderModel, RulesModel } from '../../rules/model.ts'
import type { ConditionField, OwnerPlan } from '../../rules/plan.ts'
import { fieldOf, sdFieldOf } from '../../rules/read-where-fields.ts'

/** Values of one `where` that are looked at: conditions are bounded, aliases inside them not. */
const STEPS_MAX = 10_000

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
    const source = forwarder?.source
    if (forwarder === undefined || source === undefined) return undefined
    const found: Path[] = []
    collect(valueAt(source.value, ['where']), [...source.path, 'where'], field, found, { steps: 0 })
    const [only] = found
    return found.length === 1 && only !== undefined
      ? source.report.yaml.keyPlace(only)
      : forwarder.where_place
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

function collect(
  value: unknown,
  at: Path,
  field: ConditionField,
  found: Path[],
  count: { steps: number },
): void {
  count.steps += 1
  if (count.steps > STEPS_MAX || typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const path = [...at, Array.isArray(value) ? Number(key) : key]
    if (Array.isArray(value) || key === 'any' || key === 'all' || key === 'not')
      collect(inner, path, field, found, count)
    else if (key === 'structured_data') collectNested(inner, path, field, found)
    else if (fieldOf(key)?.field === field) found.push(path)
  }
}

function collectNested(value: unknown, at: Path, field: ConditionField, found: Path[]): void {
  if (typeof value !== 'object' || value === null) return
  for (const [id, parameters] of Object.entries(value)) {
    if (typeof parameters !== 'object' || parameters === null) continue
    for (const name of Object.keys(parameters as object))
      if (sdFieldOf(id, name)?.field === field) found.push([...at, id, name])
  }
}

/** `examples/rules/acme.yaml:34:16`; empty for no place. */
export function placeText(place: Place | undefined, cwd: string = process.cwd()): string {
  if (place === undefined || place.file === '') return ''
  const near = path.relative(cwd, place.file)
  const file = near === '' || near.startsWith(`..${path.sep}`) ? place.file : near
  return place.line === 0 ? file : `${file}:${place.line}:${place.column}`
}
