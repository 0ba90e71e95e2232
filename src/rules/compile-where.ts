/** What a `where` names that does not exist, and where `not` says more than it seems to. */
import { meant } from '../config/nearest.ts'
import type { Findings } from './compile-checks.ts'
import type { ForwarderModel } from './model.ts'
import type { Condition, ConditionField } from './plan.ts'

/** Names that conditions may compare with; left out: not checked. */
export interface KnownNames {
  readonly stream: readonly string[]
  readonly tenant: readonly string[]
  readonly listener?: readonly string[] | undefined
  readonly source?: readonly string[] | undefined
  readonly site?: readonly string[] | undefined
}

/** Firewall fields that every firewall line has. */
const ALWAYS_THERE: ReadonlySet<string> = new Set<ConditionField>([
  'firewall.event',
  'firewall.rule_id',
  'firewall.direction',
  'firewall.protocol',
  'firewall.source_ip',
  'firewall.destination_ip',
  'firewall.address',
  'firewall.ip_version',
])

export function checkWhere(
  forwarder: ForwarderModel,
  ofTenant: boolean,
  known: KnownNames,
  findings: Findings,
): void {
  if (forwarder.where === null) return
  const surprising = new Set<string>()
  for (const [condition, negated, present] of walk(forwarder.where, false, new Set())) {
    if (condition.op === 'equals') checkNames(condition.field, condition.values, forwarder, known, findings)
    if (!negated || condition.op === 'exists' || present.has(condition.field)) continue
    const { field } = condition
    const optional =
      field.startsWith('owner.') || (field.startsWith('firewall.') && !(ofTenant && ALWAYS_THERE.has(field)))
    if (optional) surprising.add(field)
  }
  for (const field of surprising) {
    const message = `forwarder "${forwarder.name}": \`not\` with \`${field}\` also takes events that have no \`${field}\``
    findings.warning(
      forwarder.where_place,
      message,
      `add \`${field}: { exists: true }\` if that is not meant`,
    )
  }
}

function checkNames(
  field: ConditionField,
  values: readonly string[],
  forwarder: ForwarderModel,
  known: KnownNames,
  findings: Findings,
): void {
  if (
    field !== 'stream' &&
    field !== 'tenant' &&
    field !== 'listener' &&
    field !== 'source' &&
    field !== 'site'
  )
    return
  const names = known[field]
  if (names === undefined) return
  for (const value of values) {
    if (names.includes(value)) continue
    const message = `forwarder "${forwarder.name}": where: unknown ${field} "${value}"`
    findings.error(forwarder.where_place, message, meant(value, names))
  }
}

type Leaf = Extract<Condition, { readonly field: ConditionField }>

/** Every comparison, whether an odd number of `not` stands around it, and the fields that must exist beside it. */
function* walk(
  condition: Condition,
  negated: boolean,
  present: ReadonlySet<string>,
): Generator<[Leaf, boolean, ReadonlySet<string>]> {
  if ('field' in condition) yield [condition, negated, present]
  else if (condition.op === 'not') yield* walk(condition.of, !negated, present)
  else {
    const beside = new Set(present)
    if (condition.op === 'all' && !negated) {
      for (const inner of condition.of) if (inner.op === 'exists' && inner.present) beside.add(inner.field)
    }
    for (const inner of condition.of) yield* walk(inner, negated, beside)
  }
}
