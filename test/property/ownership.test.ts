/**
 * R28, R29: frames made of tenants' labels and keys, and of near misses, through the real classifier: each is whose the rules,
 * interpreted slowly, say; what speaks for one tenant only is never another's; what speaks for two is nobody's.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventFlag } from '../../src/classify/view.ts'
import { compileRules } from '../../src/rules/compile.ts'
import { interpretEvent, type PlainEvent } from '../../src/rules/interpret.ts'
import type { PlainKeys } from '../../src/rules/interpret-keys.ts'
import type { RulesModel, TenantModel } from '../../src/rules/model.ts'
import { orphanReason, ownershipOf } from '../../src/rules/ownership.ts'
import { readRules } from '../../src/rules/read.ts'
import { viewOf } from '../support/classify.ts'
import { gateway, idName, place, tenant, uuid } from '../support/model.ts'

const SOURCES = [
  { name: 'fra1', site: 'fra1', streams: null },
  { name: 'ams1', site: 'ams1', streams: ['nsxt.dfw', 'cf', 'other'] },
  { name: 'elsewhere', site: null, streams: null },
]
const LIMITS = { forwarders_per_tenant: 10, sources: SOURCES }

const key = (id: string) => ({ place: place(), id })

/** Tenants have objects of their own numbers; the few that are drawn from a common pool make rules that clash. */
const tenantOf = (index: number): fc.Arbitrary<TenantModel> =>
  fc
    .record({
      name: fc.constantFrom('acme', 'acme corp', 'Grüne', 'x', 'ACME-1 prod', '  lead'),
      labels: fc.subarray(['LEGACY', `hand set ${index}`, `${index}-A-LABEL-THAT-IS-LONGER-THAN-NSX-KEEPS`]),
      common: fc.integer({ min: 0, max: 30 }),
      owned: fc.boolean(),
      projects: fc.subarray([`p${index}`, `vpc-${index}`], { minLength: 1 }),
      rules: fc.subarray([`${index + 1}01`, `${index + 1}02`], { minLength: 1 }),
      shared_rule: fc.integer({ min: 0, max: 9 }),
      scope: fc.constantFrom({ site: 'fra1' }, { site: 'ams1' }, { source: 'elsewhere' }),
      interfaces: fc.subarray([0, 1], { minLength: 1 }),
      organization: fc.boolean(),
    })
    .map((made) => {
      const base = (index + 1) * 100
      const group = idName(uuid(made.common === 0 ? 1 : base), made.name)
      const vdc = idName(uuid(base + 1), made.name)
      const rules = [...made.rules, ...(made.shared_rule === 0 ? ['999'] : [])]
      const interfaces = made.interfaces.map((n) => key(uuid(base + 10 + n)))
      return tenant(`t${index}`, {
        org: idName(uuid(base + 2)),
        org_vdcs: [vdc],
        data_center_groups: [group],
        gateways: [{ ...gateway(uuid(base + 3), made.name, made.owned ? group.id : vdc.id), interfaces }],
        labels: made.labels.filter((label) => label !== 'LEGACY' || index === 0),
        nsx_projects: made.projects.map(key),
        rule_ids: rules.length === 0 ? [] : [{ place: place(), scope: made.scope, ids: rules }],
        cf_organizations: made.organization ? [key(uuid(base + 4))] : [],
      })
    })

const tenants = fc
  .integer({ min: 1, max: 4 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => tenantOf(index))))

type Kind = 'dfw' | 'gateway' | 'nsxv' | 'cf' | 'manager' | 'decoy'

/** Labels that objects of a tenant can have in a stream. */
function labelsOf({ data_center_groups, org_vdcs, gateways, labels }: TenantModel, kind: Kind): string[] {
  const literals = labels.flatMap(({ text }) => [text, text.slice(0, 32)])
  const group = data_center_groups[0]
  const vdc = org_vdcs[0]
  const edge = gateways[0]
  if (group === undefined || vdc === undefined || edge === undefined) return literals
  const name = (group.name ?? '').trim()
  const bare = group.id.replaceAll('-', '')
  if (kind === 'nsxv') return [...literals, vdc.id, vdc.id.slice(0, 32), vdc.id.replaceAll('-', '')]
  if (kind === 'gateway') {
    const owner = edge.owner ?? ''
    return [
      ...literals,
      `${owner.slice(0, 10)}${name.slice(0, 5)}${edge.id.slice(0, 5)}`,
      `${owner.replaceAll('-', '').slice(0, 10)}_anything`,
      owner.slice(0, 10),
    ]
  }
  return [
    ...literals,
    `${name.slice(0, 5)}${group.id.slice(0, 27)}`,
    `${name.slice(0, 5).toUpperCase()}-${bare.slice(0, 27)}`.slice(0, 32),
    `renam_${group.id.slice(0, 27)}`.slice(0, 32),
    group.id.slice(0, 27),
  ]
}

/** What an event is made of: whose label, whose keys, and how they were spoiled. */
const recipe = fc.record({
  kind: fc.constantFrom<Kind>('dfw', 'dfw', 'dfw', 'gateway', 'gateway', 'nsxv', 'cf', 'manager', 'decoy'),
  label: fc.option(fc.record({ of: fc.nat({ max: 3 }), which: fc.nat({ max: 20 }) }), { nil: null, freq: 3 }),
  spoil: fc.constantFrom('no', 'no', 'no', 'flip', 'cut', 'longer', 'case', 'both', 'swap'),
  at: fc.nat({ max: 40 }),
  project: fc.constantFrom(null, null, null, null, 0, 1, 2),
  vpc: fc.constantFrom(null, null, null, null, 0, 1, 2),
  interface: fc.constantFrom(null, null, 0, 1, 2),
  rule: fc.constantFrom('101', '201', '301', '102', '202', '1010', '10', '999', '5', '6', '7', '8'),
  organization: fc.option(fc.nat({ max: 3 }), { nil: null, freq: 3 }),
  near_key: fc.boolean(),
  source: fc.constantFrom(0, 1, 1, 1, 1, 1, 2, 3),
  pri: fc.constantFrom(true, true, true, true, true, true, false),
  truncated: fc.constantFrom(false, false, false, false, false, true),
})
type Recipe = typeof recipe extends fc.Arbitrary<infer T> ? T : never

function spoiled(text: string, { spoil, at }: Recipe, other: string): string {
  if (text === '') return text
  const n = at % text.length
  switch (spoil) {
    case 'flip':
      return `${text.slice(0, n)}${text[n] === '0' ? '1' : '0'}${text.slice(n + 1)}`
    case 'cut':
      return text.slice(0, n)
    case 'longer':
      return `${text}${at}`
    case 'case':
      return text.toUpperCase()
    case 'both':
      return `${other.slice(0, 10)}${text}`
    case 'swap':
      return `${text.slice(n)}${text.slice(0, n)}`
    default:
      return text
  }
}

interface Made {
  readonly frame: Buffer
  readonly plain: PlainEvent
  readonly flags: number
  readonly source: number
  /** Whose unspoiled, whole label it carries where labels count; -1: nobody's. */
  readonly labelled: number
}

const STREAM: Readonly<Record<Kind, string>> = {
  dfw: 'nsxt.dfw',
  gateway: 'nsxt.gateway',
  nsxv: 'nsxv.dfw',
  cf: 'cf',
  manager: 'nsxt.manager',
  decoy: 'esxi',
}
const FLOW = 'INET match DROP'
const TIME = '2026-02-03T04:05:06.789Z'

function make(made: Recipe, all: readonly TenantModel[]): Made {
  const { kind, label: wanted, source, near_key } = made
  const pick = (n: number): TenantModel | undefined => all[n % all.length]
  const labels = wanted === null ? [] : labelsOf(pick(wanted.of) as TenantModel, kind)
  const others = labelsOf(pick((wanted?.of ?? 0) + 1) as TenantModel, kind)
  const plainLabel = wanted === null ? '' : (labels[wanted.which % Math.max(1, labels.length)] ?? '')
  const label = spoiled(plainLabel, made, others.at(-1) ?? '').trim()
  const near = (text: string): string => (near_key ? `${text}0` : text)
  const projects = [made.project, made.vpc].map((n, at) =>
    n === null ? null : near(at === 0 ? `p${n}` : `vpc-${n}`),
  )
  const id = made.interface === null ? uuid(77) : uuid((made.interface + 1) * 100 + 10)
  const edge = near_key ? id.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) : id
  const organization =
    made.organization === null ? null : uuid((made.organization + 1) * 100 + (near_key ? 5 : 4))
  const [proj = null, vpc = null] = projects
  const params = `${proj === null ? '' : ` proj="${proj}"`}${vpc === null ? '' : ` vpc="${vpc}"`}`
  const element = `[nsx@6876 comp="nsx-edge"${params} level="INFO"]`
  const pri = made.pri ? '<181>1 ' : '1 '
  const addresses = 'OUT 52 TCP 10.1.2.3/5->10.0.0.5/443 S'
  const lines: Readonly<Record<Kind, string>> = {
    dfw: `${pri}${TIME} esx01 FIREWALL-PKTLOG 7 - ${params === '' ? '-' : element} 5c4d7b1e ${FLOW} ${made.rule} ${addresses} ${label}`,
    gateway: `${pri}${TIME} edge1 NSX 7 FIREWALL ${element} <3 ${edge.replaceAll('-', '').replace(/^(.{16})/, '$1:')}> ${FLOW} ${made.rule} ${addresses} ${label}`,
    nsxv: `${pri}${TIME} esx01 FIREWALL-PKTLOG 7 - - 5c4d7b1e ${FLOW} domain-c7/${made.rule} ${addresses} ${label}`,
    cf: `${pri}${TIME} org.space.app app [APP/PROC/WEB/0] - ${organization === null ? '-' : `[tags@47450 app_id="a" organization_id="${organization}"]`} ${label}`,
    manager: `${pri}${TIME} manager NSX 7 - ${element.replace('nsx-edge', 'nsx-manager')} ${label}`,
    decoy: `${pri}${TIME} esx01 Hostd 7 - - x ${element} 5c4d7b1e ${FLOW} ${made.rule} ${addresses} ${label}`,
  }
  const keys: PlainKeys = {
    projects:
      kind === 'cf' || kind === 'decoy' || kind === 'nsxv' ? [] : projects.filter((one) => one !== null),
    interface: edge,
    rule_id: made.rule,
    organization,
    source: SOURCES[source - 1] ?? null,
  }
  const flags = made.truncated ? EventFlag.truncated : 0
  const plain: PlainEvent = {
    stream: STREAM[kind],
    label: label === '' ? null : Buffer.from(label),
    complete_header: made.pri,
    trusted: source > 0 && (SOURCES[source - 1]?.streams?.includes(STREAM[kind]) ?? true),
    cut: made.truncated,
    keys,
    fields: {},
  }
  const counts = (kind === 'dfw' || kind === 'gateway' || kind === 'nsxv') && !made.truncated
  const whole = label !== '' && label === plainLabel.trim()
  const labelled = counts && whole && wanted !== null ? wanted.of % all.length : -1
  return { frame: Buffer.from(lines[kind]), plain, flags, source, labelled }
}

test('a frame is the tenant’s whose label or keys it has, and no other’s', () => {
  const { model: shipped } = readRules('.', { forwarders_per_tenant: 10, file_max: 1_000_000 }, {}, [])
  if (shipped === undefined) throw new Error('the shipped rules have errors')
  const counts = {
    accepted: 0,
    label: 0,
    literal: 0,
    key: 0,
    ambiguous_label: 0,
    unknown_label: 0,
    untrusted_source: 0,
    no_label: 0,
  }
  const cases = fc.tuple(tenants, fc.array(recipe, { minLength: 30, maxLength: 60 }))
  fc.assert(
    fc.property(cases, ([all, recipes]) => {
      const model: RulesModel = { ...shipped, tenants: all }
      const { plan } = compileRules(model, 1, LIMITS)
      if (plan === undefined) return
      counts.accepted += 1
      const ownership = ownershipOf(plan, SOURCES)
      const classifier = new Classifier(plan.streams)
      for (const one of recipes) {
        const { frame, plain, flags, source, labelled } = make(one, all)
        const view = viewOf(frame)
        view.flags = flags
        view.source = source
        classifier.classify(view)
        expect(plan.streams[view.stream]?.name, frame.toString()).toBe(plain.stream)
        const decided = ownership.decide(view)
        const owner = decided > 0 ? plan.owners[decided] : undefined
        const name = plan.tenants[owner?.tenant ?? -1]?.name ?? null
        const reason = owner?.reason ?? orphanReason(decided)
        const told = reason === 'label' || reason === 'literal' || owner === undefined ? reason : 'key'
        const expected = interpretEvent(model, plain)
        expect([frame.toString(), name, told]).toEqual([frame.toString(), expected.tenant, expected.reason])
        // Whatever else is in it: with a tenant's label it is that tenant's, or nobody's.
        if (labelled >= 0) expect([null, all[labelled]?.name]).toContain(name)
        counts[told as keyof typeof counts] += 1
      }
    }),
    { numRuns: 400 },
  )
  // Each way to be owned, and not to be, was taken often enough to mean something.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(150)
})
