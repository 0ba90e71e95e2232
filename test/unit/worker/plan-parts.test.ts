/** A rule set that reaches a worker in parts is the same rule set. */
import { serialize } from 'node:v8'
import { expect, test } from 'vitest'
import type { Condition, RulesPlan } from '../../../src/rules/plan.ts'
import { PlanInbox, planParts, planRest } from '../../../src/worker/plan-parts.ts'
import { ruleSet } from '../../support/rule-set.ts'

const TENANTS = 120

const nothing: (n: number) => string = () => ''

function rules(change = nothing): RulesPlan {
  const tenants = Array.from({ length: TENANTS }, (_, n) => {
    const id = `5b2abda9-aa2e-4745-a33b-${String(n).padStart(12, '0')}`
    return `  - name: t${n}
    org: { id: "${id}", name: T${n} }
    labels: [LABEL-${n}]
    forwarders:
      - { name: a, to: "udp://192.0.2.1:${1000 + n}", where: { any: [{ use: refused }, { rule_id: ${n} }] }${change(n)} }
      - { name: b, to: "udp://192.0.2.2:${1000 + n}", where: { not: { protocol: ICMP }, any: [{ action: DROP }, { source_ip: 10.${n % 7}.0.0/16 }] }, redact: [{ field: source_ip, hash: true }] }`
  })
  return ruleSet(`version: 1
conditions:
  refused: { action: [DROP, REJECT], not: { protocol: ICMP } }
tenants:
${tenants.join('\n')}
`).plan
}

/** As a thread gets it. */
function sent(plan: RulesPlan, before: RulesPlan | undefined, inbox: PlanInbox): RulesPlan {
  inbox.clear()
  for (const part of planParts(plan, before)) inbox.add(structuredClone(part))
  return inbox.take(structuredClone(planRest(plan)))
}

/** Inner conditions with the index that each is shared by, in order of place. */
function sharedOf({ conditions, shared }: RulesPlan): (number | undefined)[] {
  const found: (number | undefined)[] = []
  const look = (condition: Condition): void => {
    found.push(shared.get(condition))
    if (condition.op === 'not' || condition.op === 'use') look(condition.of)
    else if (condition.op === 'all' || condition.op === 'any') condition.of.forEach(look)
  }
  conditions.forEach(look)
  return found
}

test('the parts make the plan again, shared conditions included, and none is large', () => {
  const plan = rules()
  const { shared: _, ...lists } = plan
  const { shared, ...got } = sent(plan, undefined, new PlanInbox())
  expect(got).toEqual(lists)
  expect(sharedOf({ ...got, shared })).toEqual(sharedOf(plan))
  expect(sharedOf(plan).filter((index) => index !== undefined).length).toBeGreaterThan(TENANTS)
  const sizes = [...planParts(plan, undefined)].map((part) => serialize(part).length)
  expect(sizes.length).toBeGreaterThan(7)
  expect(Math.max(...sizes)).toBeLessThan(100_000)
})

test('settings come only where they changed, and are those of the rules that run elsewhere', () => {
  const inbox = new PlanInbox()
  const first = rules()
  const ran = sent(first, undefined, inbox)
  inbox.committed()
  const second = rules((n) => (n % 50 === 0 ? ', format: rfc5424' : ''))
  const given = [...planParts(second, first)].flatMap((part) =>
    part.list === 'forwarders' ? part.items.filter(({ settings }) => settings !== null) : [],
  )
  expect(given.map(({ key }) => key)).toEqual(['t0/a', 't50/a', 't100/a'])
  const got = sent(second, first, inbox)
  expect(got.forwarders).toEqual(second.forwarders)
  // The very object: nothing of it need be compared.
  expect(got.forwarders[1]?.settings).toBe(ran.forwarders[1]?.settings)
})

test('what was sent and never taken over leaves nothing', () => {
  const inbox = new PlanInbox()
  const first = rules()
  sent(first, undefined, inbox)
  inbox.committed()
  const second = rules(() => ', format: rfc5424')
  sent(second, first, inbox)
  expect(sent(rules(), first, inbox).forwarders).toEqual(first.forwarders)
})
