/** Rules for the plain interpreter, whose texts are byte strings. */
import type { RulesModel } from '../../src/rules/model.ts'
import type { Condition } from '../../src/rules/plan.ts'

/** Plain messages are byte strings here, as labels of any bytes stand in them: so must be the texts looked for in them. */
export function latinCondition(asked: Condition): Condition {
  if (asked.op === 'not' || asked.op === 'use') return { ...asked, of: latinCondition(asked.of) }
  if (asked.op === 'all' || asked.op === 'any') return { op: asked.op, of: asked.of.map(latinCondition) }
  if (!('values' in asked) || asked.field !== 'message') return asked
  return { ...asked, values: asked.values.map((text) => Buffer.from(text).toString('latin1')) }
}

function latinEntries<T extends { readonly where: Condition | null }>(list: readonly T[]): T[] {
  return list.map((entry) => ({ ...entry, where: entry.where === null ? null : latinCondition(entry.where) }))
}

/** The rules as the interpreter must have them; see {@link latinCondition}. */
export function latinRules(own: RulesModel): RulesModel {
  const tenants = own.tenants.map((entry) => ({ ...entry, forwarders: latinEntries(entry.forwarders) }))
  return { ...own, provider: latinEntries(own.provider), tenants }
}
