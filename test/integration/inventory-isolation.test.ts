/**
 * Every way in which an object that is renamed, copied, shared, moved or lost could bring one tenant's events to another: to whom do
 * its lines go before, meanwhile and afterwards?
 */
import { expect, test } from 'vitest'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventView } from '../../src/classify/view.ts'
import { ConditionSet } from '../../src/rules/conditions.ts'
import { explainEvent } from '../../src/rules/explain.ts'
import { ownershipOf } from '../../src/rules/ownership.ts'
import { CaptureRouter } from '../support/capture.ts'
import { bare, dfwLabel, dfwLine, gatewayLabel, Owners, Pulling } from '../support/inventory.ts'
import { gatewayOf, groupOf, makeWorld, orgOf, urn, uuidOf, Vcd, vdcOf } from '../support/vcd.ts'

const AMBIGUOUS = '-3'
const UNKNOWN = '-2'
const HOUR = 3_600_000
const ORG = [0, 1, 2].map((n) => uuidOf(0, n))

/** A rules file with a forwarder for an organisation. */
function siem(name: string, org: string | undefined, more = ''): string {
  const id = org === undefined ? '' : `\n    org: { id: "${org}" }`
  return `version: 1\ntenants:\n  - name: ${name}${id}${more}\n    forwarders: [{ name: siem, to: "tcp://${name}.example.com:1" }]\n`
}

/** Who is given a DFW line, as `tenant/forwarder`. */
function receivers(pulling: Pulling, label: string): string[] {
  const plan = pulling.plan()
  const router = new CaptureRouter(plan, { sources: [], env: { listeners: [], sources: [] } })
  const view = new EventView()
  view.buf = Buffer.from(dfwLine(label))
  view.start = 0
  view.end = view.buf.length
  new Classifier(plan.streams).classify(view)
  router.route(view)
  for (const { key, owner } of router.taken) {
    // What a forwarder is given says that it is its own tenant's: nothing of another's name goes with it.
    const tenant = plan.tenants[plan.owners[owner]?.tenant ?? -1]?.name
    expect(key.startsWith(`${tenant}/`)).toBe(true)
  }
  return router.taken.map(({ key }) => key)
}

test('a file of forwarders is joined by the id: the name of the tenant is the operator’s, that of the organisation is not asked', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd, { 'acme.yaml': siem('acme', ORG[0]) })
  await pulling.pull()
  const owners = new Owners(pulling.plan())
  const [first, second] = vcd.world.vdcGroups
  expect(owners.dfw(dfwLabel(first!))).toBe('acme')
  expect(owners.dfw(dfwLabel(second!))).toBe('org-1')
  expect(receivers(pulling, dfwLabel(first!))).toEqual(['acme/siem'])
  expect(receivers(pulling, dfwLabel(second!))).toEqual([])
  expect(pulling.findings()).toEqual([])
})

test('a customer that takes over a name gets nothing of what was the other’s', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd, { 'zero.yaml': siem('org-0', ORG[0], '\n    labels: [LEGACY]') })
  await pulling.pull()
  const [group] = vcd.world.vdcGroups
  expect(receivers(pulling, dfwLabel(group!))).toEqual(['org-0/siem'])
  // The organisation is renamed, and a new one gets its old name.
  const renamed = { ...vcd.world.orgs[0]!, name: 'other' }
  const heir = orgOf(2, 'org-0')
  const vdc = vdcOf(9, heir)
  const its = groupOf(9, heir, [vdc], group!.name)
  vcd.world.orgs = [renamed, vcd.world.orgs[1]!, heir]
  vcd.world.vdcs.push(vdc)
  vcd.world.vdcGroups.push(its)
  const { differences } = await pulling.pull()
  expect(differences).toContain('~ tenant org-0: organisation org-0 is called other')
  const owners = new Owners(pulling.plan())
  expect(owners.dfw(dfwLabel(group!))).toBe('org-0')
  const name = `org-0-${ORG[2]!.slice(0, 8)}`
  expect(owners.dfw(dfwLabel(its))).toBe(name)
  expect(receivers(pulling, dfwLabel(its))).toEqual([])
  expect(receivers(pulling, 'LEGACY')).toEqual(['org-0/siem'])
})

test('a name in a rules file joins nothing, and a name that differs is a warning', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const named = siem('acme', ORG[0]).replace(`"${ORG[0]}"`, `"${ORG[0]}", name: ACME`)
  const pulling = new Pulling(vcd, { 'a.yaml': named, 'b.yaml': siem('org-1', undefined) })
  await pulling.pull()
  const [, group] = vcd.world.vdcGroups
  expect(receivers(pulling, dfwLabel(group!))).toEqual([])
  expect(new Owners(pulling.plan()).dfw(dfwLabel(group!))).toBe(`org-1-${ORG[1]!.slice(0, 8)}`)
  const findings = pulling.findings().join('\n')
  expect(findings).toContain(
    'rules/a.yaml:4: warning: tenants[0].org.name: Cloud Director calls it "org-0" now, not "ACME"',
  )
  expect(findings).toContain(
    'the inventory has an organisation of the name "org-1", which is joined by its id only',
  )
})

test('two entries for one organisation are an error that names both', async () => {
  const vcd = await Vcd.start(makeWorld(1))
  const pulling = new Pulling(vcd, { 'a.yaml': siem('a', ORG[0]), 'b.yaml': siem('b', ORG[0]) })
  await pulling.pull()
  expect(pulling.findings().join()).toMatch(
    /b\.yaml:4: error: .*the organisation has an entry already, at .*a\.yaml:3/,
  )
})

test('an organisation that is gone keeps its forwarders for the grace time, then they stop; its name is nobody’s', async () => {
  const vcd = await Vcd.start(makeWorld(3))
  const pulling = new Pulling(vcd, { 'zero.yaml': siem('zero', ORG[0], '\n    labels: [LEGACY]') })
  await pulling.pull()
  const [group] = vcd.world.vdcGroups
  const all = vcd.world
  const without = makeWorld(3)
  without.orgs.shift()
  without.vdcs.splice(0, 2)
  without.vdcGroups.shift()
  without.edgeGateways.splice(0, 2)
  vcd.world = without
  const first = await pulling.pull()
  expect(first.alarms).toEqual([
    `organisation org-0 (${ORG[0]}) is gone: its forwarders stop in the grace time`,
  ])
  expect(receivers(pulling, dfwLabel(group!))).toEqual(['zero/siem'])
  expect(pulling.findings().join()).toContain(
    'its organisation is gone from Cloud Director since 2026-01-02T03:04:05Z',
  )
  const files = pulling.files()
  pulling.now += HOUR - 1
  expect(await pulling.pull()).toMatchObject({ files: 0, alarms: [] })
  expect(pulling.files()).toEqual(files)
  pulling.now += 1
  expect((await pulling.pull()).alarms.join()).toContain('its forwarders are stopped')
  expect(receivers(pulling, dfwLabel(group!))).toEqual([])
  expect(receivers(pulling, 'LEGACY')).toEqual([])
  expect(pulling.plan().forwarders).toEqual([])
  expect(pulling.findings().join()).toContain('its forwarders are stopped')
  // Neither a clock that goes back nor another reading starts them again; the organisation itself does.
  pulling.now -= 10 * HOUR
  pulling.now += 10 * HOUR
  await pulling.pull()
  expect(pulling.plan().forwarders).toEqual([])
  vcd.world = all
  expect((await pulling.pull()).alarms).toEqual([`organisation org-0 (${ORG[0]}) is back`])
  expect(receivers(pulling, dfwLabel(group!))).toEqual(['zero/siem'])
})

test('an object that one reading lacks stays its tenant’s for the grace time', async () => {
  const vcd = await Vcd.start(makeWorld(3))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const group = vcd.world.vdcGroups.shift()!
  vcd.world.edgeGateways.shift()
  await pulling.pull()
  expect(new Owners(pulling.plan()).dfw(dfwLabel(group))).toBe('org-0')
  pulling.now += HOUR
  await pulling.pull()
  expect(new Owners(pulling.plan()).dfw(dfwLabel(group))).toBe(UNKNOWN)
})

test('a scan that would lose more than its share is refused, kind by kind', async () => {
  const vcd = await Vcd.start(makeWorld(10))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const files = pulling.files()
  vcd.world.vdcGroups.splice(0, 3)
  await expect(pulling.pull({ max_loss: 0.2 })).rejects.toThrow(
    '3 of 10 Data Center Groups would be lost (30 %',
  )
  expect(pulling.files()).toEqual(files)
  expect((await pulling.pull({ max_loss: 0.3 })).written).toBe(true)
})

test('a clone whose labels contradict: both are nobody’s, with an alarm, and everything else goes on', async () => {
  const vcd = await Vcd.start(makeWorld(3))
  const pulling = new Pulling(vcd, { 'zero.yaml': siem('zero', ORG[0]) })
  await pulling.pull()
  const [first, , third] = vcd.world.vdcGroups
  // The first 27 characters of the id are all that a label has of it.
  const id = bare(first!.id)
  const clone = {
    ...groupOf(50, vcd.world.orgs[1]!, []),
    name: first!.name,
    id: urn('vdcGroup', `${id.slice(0, 30)}ffffff`),
  }
  vcd.world.vdcGroups.push(clone)
  const { alarms } = await pulling.pull()
  expect(alarms.length).toBeGreaterThan(0)
  expect(alarms.join('\n')).toMatch(
    /group-0 of org-\d .* and .*group-0 of org-\d .* have labels that could be confused: contested/,
  )
  const owners = new Owners(pulling.plan())
  expect(owners.dfw(dfwLabel(first!))).toBe(AMBIGUOUS)
  expect(owners.dfw(`renam${id.slice(0, 27)}`)).toBe(AMBIGUOUS)
  expect(owners.dfw(dfwLabel(third!))).toBe('org-2')
  expect(owners.gateway(gatewayLabel(vcd.world.edgeGateways[1]!, vcd.world.vdcs[0]!))).toBe('zero')
  expect(receivers(pulling, dfwLabel(first!))).toEqual([])
  expect(pulling.findings().filter((line) => line.includes('contradict')).length).toBe(3)
  // When the clone has gone, its labels are still doubtful for the grace time.
  vcd.world.vdcGroups.pop()
  await pulling.pull()
  expect(new Owners(pulling.plan()).dfw(dfwLabel(first!))).toBe(AMBIGUOUS)
  pulling.now += HOUR
  await pulling.pull()
  expect(new Owners(pulling.plan()).dfw(dfwLabel(first!))).toBe('zero')
})

test('two Org VDCs whose ids begin alike: gateways of both are nobody’s', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const [vdc] = vcd.world.vdcs
  const alike = {
    ...vdcOf(60, vcd.world.orgs[1]!),
    id: urn('vdc', `${bare(vdc!.id).slice(0, 12)}${uuidOf(1, 60).slice(12)}`),
  }
  const gateway = gatewayOf(60, vcd.world.orgs[1]!, alike)
  vcd.world.vdcs.push(alike)
  vcd.world.edgeGateways.push(gateway)
  const pulling = new Pulling(vcd)
  const { alarms } = await pulling.pull()
  expect(alarms.length).toBeGreaterThan(0)
  const owners = new Owners(pulling.plan())
  expect(owners.gateway(gatewayLabel(gateway, alike))).toBe(AMBIGUOUS)
  expect(owners.gateway(gatewayLabel(vcd.world.edgeGateways[1]!, vdc!))).toBe(AMBIGUOUS)
  expect(owners.gateway(`${bare(vdc!.id).slice(0, 10)}other12345`)).toBe(AMBIGUOUS)
  expect(owners.gateway(gatewayLabel(vcd.world.edgeGateways[0]!, vcd.world.vdcGroups[0]!))).toBe('org-0')
})

test('what the inventory and a rules file both claim is nobody’s, and no error that would keep all rules out', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const [group] = vcd.world.vdcGroups
  const more = `\n    data_center_groups: [{ name: "${group!.name}", id: "${bare(group!.id)}" }]`
  const pulling = new Pulling(vcd, { 'x.yaml': siem('x', undefined, more) })
  await pulling.pull()
  expect(new Owners(pulling.plan()).dfw(dfwLabel(group!))).toBe(AMBIGUOUS)
  expect(receivers(pulling, dfwLabel(group!))).toEqual([])
  expect(pulling.findings().join()).toContain('its events belong to nobody')
})

test('a gateway that moved keeps its old label for the grace time', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const [gateway, other] = vcd.world.edgeGateways
  const [group] = vcd.world.vdcGroups
  const [vdc] = vcd.world.vdcs
  vcd.world.edgeGateways = [
    { ...gateway!, ownerRef: { id: vdc!.id, name: vdc!.name } },
    other!,
    ...vcd.world.edgeGateways.slice(2),
  ]
  const { differences } = await pulling.pull()
  expect(differences).toEqual([
    `~ tenant org-0: gateway gw-0 (${bare(gateway!.id)}) moved from ${bare(group!.id)} to ${bare(vdc!.id)}`,
  ])
  const named = (label: string): string | null | undefined => {
    const plan = pulling.plan()
    const owners = new Owners(plan)
    expect(owners.gateway(label)).toBe('org-0')
    return pulling.files()['org-0.yaml']?.includes('former') === true ? 'kept' : 'dropped'
  }
  expect(named(gatewayLabel(gateway!, vdc!))).toBe('kept')
  expect(named(gatewayLabel(gateway!, group!))).toBe('kept')
  pulling.now += HOUR
  await pulling.pull()
  // The group's own part of the label still says whose it is.
  expect(named(gatewayLabel(gateway!, group!))).toBe('dropped')
})

test('a gateway or group that moved to another organisation is nobody’s for the grace time, then the new one’s', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const [gateway] = vcd.world.edgeGateways
  const [group, other] = vcd.world.vdcGroups
  const to = vcd.world.orgs[1]!
  vcd.world.edgeGateways[0] = { ...gateway!, orgRef: to, ownerRef: { id: other!.id, name: other!.name } }
  vcd.world.vdcGroups[0] = { ...group!, orgId: to.id }
  expect((await pulling.pull()).alarms.filter((line) => line.includes('have one id')).length).toBe(2)
  let owners = new Owners(pulling.plan())
  expect(owners.gateway(gatewayLabel(gateway!, group!))).toBe(AMBIGUOUS)
  expect(owners.gateway(gatewayLabel(gateway!, other!))).toBe(AMBIGUOUS)
  expect(owners.dfw(dfwLabel(group!))).toBe(AMBIGUOUS)
  expect(owners.dfw(dfwLabel(other!))).toBe('org-1')
  expect(owners.gateway(gatewayLabel(vcd.world.edgeGateways[2]!, other!))).toBe('org-1')
  pulling.now += HOUR
  expect((await pulling.pull()).alarms).toEqual([])
  owners = new Owners(pulling.plan())
  expect(owners.gateway(gatewayLabel(gateway!, other!))).toBe('org-1')
  expect(owners.dfw(dfwLabel(group!))).toBe('org-1')
})

test('a gateway in a group of another organisation is nobody’s', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const [group] = vcd.world.vdcGroups
  const odd = gatewayOf(70, vcd.world.orgs[1]!, group!)
  vcd.world.edgeGateways.push(odd)
  const pulling = new Pulling(vcd)
  expect((await pulling.pull()).alarms.join()).toContain('gateway gw-70')
  const owners = new Owners(pulling.plan())
  expect(owners.gateway(gatewayLabel(odd, group!))).toBe(AMBIGUOUS)
  expect(owners.gateway(gatewayLabel(vcd.world.edgeGateways[0]!, group!))).toBe('org-0')
})

// ---- shared groups ---------------------------------------------------------------------------------

const three = { 'a.yaml': siem('zero', ORG[0]), 'b.yaml': siem('one', ORG[1]), 'c.yaml': siem('two', ORG[2]) }

async function shared(rules: string): Promise<{ vcd: Vcd; pulling: Pulling; label: string }> {
  const vcd = await Vcd.start(makeWorld(3))
  const [group] = vcd.world.vdcGroups
  vcd.world.vdcGroups[0] = groupOf(0, vcd.world.orgs[0]!, [vcd.world.vdcs[0]!, vcd.world.vdcs[2]!])
  const text = rules.replace('GROUP', bare(group!.id)).replace('ONE', ORG[1]!).replace('TWO', ORG[2]!)
  const pulling = new Pulling(vcd, { ...three, 'shared.yaml': `version: 1\n${text}\n` })
  await pulling.pull()
  return { vcd, pulling, label: dfwLabel(group!) }
}

test('a shared group is its owner’s, and nobody else gets copies unless rules say so', async () => {
  const { pulling, label } = await shared('')
  expect(receivers(pulling, label)).toEqual(['zero/siem'])
})

test('`shared` gives copies to an organisation that takes part, as events of its own, and to no other', async () => {
  const { vcd, pulling, label } = await shared('shared: [{ data_center_group: GROUP, with: [ONE, TWO] }]')
  expect(receivers(pulling, label)).toEqual(['zero/siem', 'one/siem'])
  expect(pulling.findings()).toEqual([
    expect.stringContaining(
      `shared: organisation ${ORG[2]} takes no part in group group-0: it gets no copies`,
    ),
  ])
  // Events that are not the group's stay with their owner.
  expect(receivers(pulling, dfwLabel(vcd.world.vdcGroups[1]!))).toEqual(['one/siem'])
  // It leaves the group, and gets no more.
  vcd.world.vdcGroups[0] = groupOf(0, vcd.world.orgs[0]!, [vcd.world.vdcs[0]!])
  await pulling.pull()
  expect(receivers(pulling, label)).toEqual(['zero/siem'])
})

test('a group that is contested, gone or unknown is shared with nobody', async () => {
  const { vcd, pulling, label } = await shared('shared: [{ data_center_group: GROUP, with: [ONE] }]')
  const id = bare(vcd.world.vdcGroups[0]!.id)
  vcd.world.vdcGroups.push({
    ...groupOf(50, vcd.world.orgs[2]!, []),
    id: urn('vdcGroup', `${id.slice(0, 30)}ffffff`),
  })
  await pulling.pull()
  expect(receivers(pulling, label)).toEqual([])
  expect(pulling.findings().join()).toContain('is contested: it gets no copies')
})

test('explain says of a copy what it is, and asks conditions about the tenant that gets it', async () => {
  const { vcd, pulling } = await shared('shared: [{ data_center_group: GROUP, with: [ONE] }]')
  const plan = pulling.plan()
  const view = new EventView()
  view.buf = Buffer.from(dfwLine(dfwLabel(vcd.world.vdcGroups[0]!)))
  view.start = 0
  view.end = view.buf.length
  new Classifier(plan.streams).classify(view)
  const env = { listeners: [], sources: [] }
  const explainer = { plan, ownership: ownershipOf(plan, []), conditions: new ConditionSet(plan, env), env }
  const { forwarders, tenant } = explainEvent(view, explainer)
  expect(tenant).toBe('zero')
  expect(forwarders.map((one) => `${one.tenant} ${one.decision} ${one.because}`)).toEqual([
    "zero forward the event is zero's by label, no where",
    "one forward a copy: zero's group is shared, no where",
    "two skip the event is zero's",
  ])
})

test('an interface that a rules file gives to a gateway says nothing any more when the gateway is another’s', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const [gateway] = vcd.world.edgeGateways
  const [vdc] = vcd.world.vdcs
  const named = `{ name: gw-0, id: "${bare(gateway!.id)}", owner: "${bare(vdc!.id)}", interfaces: ["5c1f000000000000:00000000000000aa"] }`
  const own = `\n    org_vdcs: [{ name: vdc-0, id: "${bare(vdc!.id)}" }]\n    gateways: [${named}]`
  const pulling = new Pulling(vcd, { 'zero.yaml': siem('zero', ORG[0], own) })
  await pulling.pull()
  const owner = (): string => new Owners(pulling.plan()).gateway('')
  expect(owner()).toBe('zero')
  const to = vcd.world.orgs[1]!
  vcd.world.edgeGateways[0] = { ...gateway!, orgRef: to, ownerRef: { id: vcd.world.vdcs[2]!.id, name: '' } }
  await pulling.pull()
  expect(owner()).toBe('-1')
  pulling.now += HOUR
  await pulling.pull()
  // The file still says that it is zero's, and Cloud Director that it is not.
  expect(owner()).toBe('-1')
  expect(pulling.findings().join()).toContain(`id ${bare(gateway!.id)} belongs to tenant`)
})
