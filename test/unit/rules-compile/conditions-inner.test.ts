/** Conditions on inner fields: do they say what the event JSON says, and do they read nothing that is not asked for? */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAMILIES, type InnerName, innerField } from '../../../src/classify/inner.ts'
import type { EventView } from '../../../src/classify/view.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { compileCondition } from '../../../src/rules/conditions.ts'
import { because } from '../../../src/rules/explain-because.ts'
import type { Condition } from '../../../src/rules/plan.ts'
import { linesOf, Reader } from '../../support/classify.ts'
import { model } from '../../support/model.ts'

const FIXTURES = join(import.meta.dirname, '../../../fixtures')
const reader = new Reader()
const ENV = { listeners: [], sources: [] }

function newPlan() {
  const { plan } = compileRules(model([]), 1, { forwarders_per_tenant: 10 })
  if (plan === undefined) throw new Error('no plan')
  return plan
}

const equals = (field: InnerName, value: string): Condition => ({ op: 'equals', field, values: [value] })

test('every field of every fixture equals its value in the event JSON, and nothing else', () => {
  let asked = 0
  for (const name of readdirSync(FIXTURES).filter((file) => file.endsWith('.log'))) {
    for (const line of linesOf(readFileSync(join(FIXTURES, name)))) {
      const event = reader.json(line)
      // Parts of long events would know their first: that is for the tests below.
      const plan = newPlan()
      for (const { name: family, fields } of FAMILIES) {
        const inner = event[family as 'esxi']
        for (const { name: field, key } of fields) {
          const value = inner?.[key] ?? null
          const view = reader.read(line)
          const exists = compileCondition({ op: 'exists', field, present: true }, plan, ENV)
          expect(exists(view, 0), `${name} ${field}`).toBe(value !== null)
          if (value === null) continue
          asked += 1
          const holds = compileCondition(equals(field, String(value)), plan, ENV)
          expect(holds(view, 0), `${name} ${field}`).toBe(true)
          expect(compileCondition(equals(field, `${String(value)}0`), plan, ENV)(view, 0)).toBe(false)
        }
      }
    }
  }
  expect(asked).toBeGreaterThan(300)
})

test('numbers are compared as numbers, addresses as addresses, texts by their parts', () => {
  const plan = newPlan()
  const login =
    '<38>2026-02-03T08:02:06Z esx01 sshd[1]: Accepted password for root from 192.0.2.7 port 50022 ssh2'
  const holds = (condition: Condition): boolean =>
    compileCondition(condition, plan, ENV)(reader.read(login), 0)
  expect(holds({ op: 'between', field: 'esxi.source_port', ranges: [[50_000, 50_100]] })).toBe(true)
  expect(holds({ op: 'between', field: 'esxi.source_port', ranges: [[1, 50_000]] })).toBe(false)
  expect(holds({ op: 'network', field: 'esxi.source_ip', networks: ['192.0.2.0/24'] })).toBe(true)
  expect(holds({ op: 'network', field: 'esxi.source_ip', networks: ['10.0.0.0/8'] })).toBe(false)
  expect(holds({ op: 'starts_with', field: 'esxi.text', values: ['Accepted'] })).toBe(true)
  expect(holds(equals('esxi.login', 'accepted'))).toBe(true)
  expect(because(equals('esxi.user', 'admin'), false, reader.read(login), 0, plan, ENV)).toBe(
    'where.esxi.user: root is not admin',
  )
})

test('nothing is read until a condition of the family asks', () => {
  const plan = newPlan()
  const view = reader.read('<38>2026-02-03T08:02:06Z esx01 Hostd: info hostd[1] [Originator@6876 sub=A] x')
  compileCondition({ op: 'equals', field: 'app_name', values: ['Hostd'] }, plan, ENV)(view, 0)
  expect(view.inner_read).toBe(false)
  compileCondition(equals('vcenter.user', 'root'), plan, ENV)(view, 0)
  expect(view.inner_read).toBe(false)
  expect(compileCondition(equals('esxi.sub', 'A'), plan, ENV)(view, 0)).toBe(true)
  expect(view.inner_read).toBe(true)
  // The next event starts anew.
  const next = reader.read('<38>2026-02-03T08:02:06Z esx01 Hostd: nothing of that kind')
  expect(compileCondition(equals('esxi.sub', 'A'), plan, ENV)(next, 0)).toBe(false)
})

const part = (id: string, n: string, rest: string, host = 'vc01'): string =>
  `<14>1 2026-02-03T09:01:02.263383+00:00 ${host} vpxd 58650 - -  Event [${id}] [${n}] ${rest}`
const first = (id: string, type: string, host = 'vc01'): string =>
  part(id, '1-3', `[2026-02-03T09:01:02Z] [${type}] [info] [root] [] [${id}] [text`, host)

function asker(): (
  field: InnerName,
  value: string,
  line: string,
  change?: (view: EventView) => void,
) => boolean {
  const plan = newPlan()
  return (field, value, line, change) => {
    const view = reader.read(line)
    view.peer = '192.0.2.1'
    change?.(view)
    return compileCondition(equals(field, value), plan, ENV)(view, 0)
  }
}

test('later parts of a long event go where its first goes', () => {
  const ask = asker()
  const type = 'vim.event.VmReconfiguredEvent'
  expect(ask('vcenter.event_type', type, part('7', '2-3', 'more'))).toBe(false)
  expect(ask('vcenter.event_type', type, first('7', type))).toBe(true)
  expect(ask('vcenter.event_type', 'vim.event.Other', first('8', 'vim.event.Other'))).toBe(true)
  expect(ask('vcenter.event_type', type, part('7', '2-3', 'more'))).toBe(true)
  expect(ask('vcenter.user', 'root', part('7', '3-3', 'the end]'))).toBe(true)
  expect(ask('vcenter.complete', 'false', part('7', '3-3', 'the end]'))).toBe(true)
  expect(ask('vcenter.text', 'the end]', part('7', '3-3', 'the end]'))).toBe(true)
  expect(ask('vcenter.event_type', type, part('8', '2-3', 'more'))).toBe(false)
})

test('what was remembered is of that sender, that host and that minute only', () => {
  const ask = asker()
  const type = 'vim.event.VmReconfiguredEvent'
  expect(ask('vcenter.event_type', type, first('7', type))).toBe(true)
  const later = part('7', '2-3', 'more')
  expect(ask('vcenter.event_type', type, part('7', '2-3', 'more', 'vc02'))).toBe(false)
  expect(ask('vcenter.event_type', type, later, (view) => (view.peer = '192.0.2.66'))).toBe(false)
  expect(ask('vcenter.event_type', type, later, (view) => (view.received_at += 61_000))).toBe(false)
  expect(ask('vcenter.event_type', type, later)).toBe(true)
})

test('the window is bounded: the oldest of many events makes room, and long fields are not kept', () => {
  const ask = asker()
  const type = 'vim.event.VmReconfiguredEvent'
  for (let id = 1; id <= 300; id += 1)
    expect(ask('vcenter.event_type', type, first(String(id), type))).toBe(true)
  expect(ask('vcenter.event_type', type, part('1', '2-3', 'more'))).toBe(false)
  expect(ask('vcenter.event_type', type, part('300', '2-3', 'more'))).toBe(true)
  const long = `vim.event.${'x'.repeat(2000)}`
  expect(ask('vcenter.event_type', long, first('301', long))).toBe(true)
  expect(ask('vcenter.event_type', long, part('301', '2-3', 'more'))).toBe(false)
})

test('every name of a field is found', () => {
  for (const { fields } of FAMILIES) for (const field of fields) expect(innerField(field.name)).toBe(field)
})
