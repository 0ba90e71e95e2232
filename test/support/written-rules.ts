/**
 * Rule sets as operators write them (templates with parameters, defaults, named conditions, what tenants change for all of their forwarders,
 * limits), at random, and what they mean, read off the mappings themselves: nothing of the reader, the compiler or the router is used.
 */
import fc from 'fast-check'

export type Keys = Readonly<Record<string, unknown>>

/** A firewall line of a tenant, of nobody, or a line that is none. */
export interface WrittenEvent {
  readonly tenant: number
  readonly label: 'literal' | 'group' | 'unknown' | 'none'
  readonly firewall: boolean
  readonly pri: number
  readonly host: string
  readonly action: string
  readonly rule: number
  readonly source: string
  readonly port: number
}

export const event: fc.Arbitrary<WrittenEvent> = fc.record({
  tenant: fc.nat({ max: 3 }),
  label: fc.constantFrom('literal', 'literal', 'group', 'group', 'unknown', 'none'),
  firewall: fc.constantFrom(true, true, true, true, false),
  pri: fc.constantFrom(13, 181, 190),
  host: fc.constantFrom('esx01', 'esx02', 'edge7'),
  action: fc.constantFrom('DROP', 'PASS', 'REJECT'),
  rule: fc.constantFrom(1001, 3061),
  source: fc.constantFrom('10.1.2.3', '172.16.0.9'),
  port: fc.constantFrom(80, 443, 8443),
})

export const groupOf = (n: number): { name: string; id: string } => ({
  name: `grp${n}-dcg`,
  id: `8e1da20${n}-4f5b-4c6d-9e7f-0a1b2c3d4e5f`,
})

const labelOf = ({ label, tenant }: WrittenEvent): string =>
  ({
    literal: `LABEL-OF-${tenant}`,
    group: `grp${tenant}-8e1da20${tenant}-4f5b-4c6d-9e7f-0a1`,
    unknown: 'NOBODYS-LABEL',
    none: '',
  })[label]

export function lineOf(one: WrittenEvent): string {
  const { firewall, pri, host, action, rule, source, port } = one
  if (!firewall) return `<${pri}>1 2026-01-02T03:04:05.678Z ${host} app 7 - - hello ${source}`
  const label = labelOf(one)
  return (
    `<${pri}>1 2026-01-02T03:04:05.678Z ${host} FIREWALL_PKTLOG 77 - - 5c4d7b1e INET match ${action} ${rule} OUT 52 TCP ` +
    `${source}/50244->10.0.0.5/${port} S${label === '' ? '' : ` ${label}`}`
  )
}

const leaf: fc.Arbitrary<Keys> = fc.constantFrom<Keys>(
  { action: 'DROP' },
  { action: ['DROP', 'REJECT'] },
  { action: 'PASS' },
  { destination_port: 443 },
  { destination_port: [80, 443] },
  { destination_port: '400-9000' },
  { stream: 'nsxt.dfw' },
  { hostname: { starts_with: 'esx' } },
  { source_ip: '10.0.0.0/8' },
  { rule_id: 3061, action: ['DROP', 'PASS'] },
)
const use: fc.Arbitrary<Keys> = fc.constantFrom<Keys>({ use: 'n' }, { use: ['n', 'm'] }, { use: 'both' })

const tree = (leaves: fc.Arbitrary<Keys>): fc.Arbitrary<Keys> =>
  fc.letrec<{ tree: Keys }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      leaves,
      fc.record({ not: tie('tree') }),
      fc.record({ any: fc.array(tie('tree'), { minLength: 1, maxLength: 2 }) }),
      fc.record({
        all: fc.array(tie('tree'), { minLength: 1, maxLength: 2 }),
        stream: fc.constant('nsxt.dfw'),
      }),
    ),
  })).tree
const where = tree(fc.oneof(leaf, use, use))
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(one, { nil: undefined, freq: 2 })

const SELDOM: readonly undefined[] = Array.from({ length: 9 }, () => undefined)

/** Keys that may stand at every level, so that layers meet. Each `redact` of a level is of another field than the next level's. */
const level = (redact: Keys): fc.Arbitrary<Keys> =>
  fc
    .record({
      hide_hosts: maybe(fc.boolean()),
      redact: maybe(fc.constant([redact])),
      set: maybe(fc.constantFrom({ severity: 3 }, { app_name: 'fw' }, { severity: 1, app_name: 'x' })),
      sample: fc.constantFrom(...SELDOM, '50%', '1/4'),
      rate_max: fc.constantFrom(...SELDOM, 1, 2),
    })
    .map(given)
const given = (keys: Keys): Keys =>
  Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined))

const SOURCE = { field: 'source_ip', with: '192.0.2.1' }
const PORT = { field: 'destination_port', with: '7' }
const RULE = { field: 'rule_id', with: '9' }
const PROCESS = { field: 'proc_id', with: 'hidden' }
const HELLO = { pattern: 'hel+o', with: 'bye' }

const own = (redact: Keys): fc.Arbitrary<Keys> =>
  fc
    .tuple(level(redact), maybe(where))
    .map(([keys, asked]) => (asked === undefined ? keys : { ...keys, where: asked }))

const tenant = fc.record({
  uses: fc.boolean(),
  only: maybe(where),
  cap: maybe(fc.constantFrom(1, 2)),
  wide: fc.record({ hide_hosts: maybe(fc.boolean()), redact: maybe(fc.constant([RULE])) }).map(given),
  rate_max: fc.constantFrom(...SELDOM, 1, 2),
  /** `a` is the template's, changed. */
  own: fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'x', 'y'), own(HELLO)), {
    selector: ([name]) => name,
    maxLength: 2,
  }),
})

export interface WrittenRules {
  readonly n: Keys
  readonly m: Keys
  readonly only: Keys
  readonly defaults: Readonly<Record<'forwarders' | 'tenant_forwarders' | 'provider_forwarders', Keys>>
  readonly template: readonly [a: Keys, b: Keys]
  readonly template_rate: number | undefined
  readonly tenants: readonly {
    readonly uses: boolean
    readonly only: Keys | undefined
    readonly cap: number | undefined
    readonly wide: Keys
    readonly rate_max: number | undefined
    readonly own: readonly (readonly [string, Keys])[]
  }[]
  readonly provider: readonly (readonly [scope: string, Keys])[]
}

export const writtenRules: fc.Arbitrary<WrittenRules> = fc.record({
  n: tree(leaf),
  m: tree(leaf),
  only: where,
  defaults: fc.record({
    forwarders: level(SOURCE),
    tenant_forwarders: level(PORT),
    provider_forwarders: level(PORT),
  }),
  template: fc.tuple(level(PROCESS), level(PROCESS)),
  template_rate: fc.constantFrom(undefined, undefined, 2),
  tenants: fc.array(tenant, { minLength: 1, maxLength: 4 }),
  provider: fc.array(fc.tuple(fc.constantFrom('all', 'owned', 'orphans'), own(HELLO)), { maxLength: 2 }),
})

/** Two files, as an operator would write them. */
export function filesOf(rules: WrittenRules): readonly object[] {
  const { n, m, only, defaults, template, template_rate, tenants, provider } = rules
  const [a, b] = template
  const shared = {
    version: 1,
    defaults,
    conditions: { n, m, both: { use: ['n', 'm'] } },
    templates: {
      standard: {
        parameters: { only: { default: only }, cap: { default: 2 } },
        ...(template_rate === undefined ? {} : { rate_max: template_rate }),
        forwarders: [
          { name: 'a', to: 'file:out/${tenant}-a.log', ...a, where: '${only}' },
          { name: 'b', to: 'file:out/${tenant}-b.log', ...b, rate_max: '${cap}' },
        ],
      },
    },
  }
  const entries = tenants.map((one, index) => ({
    name: `t${index}`,
    labels: [`LABEL-OF-${index}`],
    data_center_groups: [groupOf(index)],
    ...(one.uses ? { use: 'standard', with: given({ only: one.only, cap: one.cap }) } : {}),
    ...one.wide,
    ...given({ rate_max: one.rate_max }),
    forwarders: one.own.map(([name, keys]) => ({
      name,
      ...(one.uses && name === 'a' ? {} : { to: `file:out/t${index}-${name}.log` }),
      ...keys,
    })),
  }))
  const forwarders = provider.map(([scope, keys], index) => ({
    name: `p${index}`,
    to: `file:out/p${index}.log`,
    scope,
    ...keys,
  }))
  return [{ version: 1, tenants: entries, provider: { forwarders } }, shared]
}

/** A forwarder with everything that it has from anywhere. */
export interface PlainForwarder {
  readonly name: string
  readonly scope: string
  readonly keys: Keys
  readonly sample: number | null
  readonly rate_max: number | null
}

export interface PlainTenant {
  readonly name: string
  readonly rate_max: number | null
  readonly forwarders: readonly PlainForwarder[]
}

/** Later layers win, mappings key by key, redactions are added, conditions replaced as a whole. */
function layered(layers: readonly Keys[]): Keys {
  const out: Record<string, unknown> = {}
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer)) {
      const before = out[key]
      if (key === 'redact' && before !== undefined)
        out[key] = [...(before as unknown[]), ...(value as unknown[])]
      else if (key === 'set' && before !== undefined) out[key] = { ...(before as Keys), ...(value as Keys) }
      else out[key] = value
    }
  }
  return out
}

const SAMPLES: Readonly<Record<string, number>> = { '50%': 0.5, '1/4': 0.25 }

function plain(name: string, scope: string, layers: readonly Keys[]): PlainForwarder {
  const keys = layered(layers)
  const { sample, rate_max } = keys as { readonly sample?: string; readonly rate_max?: number }
  return {
    name,
    scope,
    keys,
    sample: sample === undefined ? null : (SAMPLES[sample] ?? null),
    rate_max: rate_max ?? null,
  }
}

/** The rules written out. */
export function plainRules(rules: WrittenRules): { tenants: PlainTenant[]; provider: PlainForwarder[] } {
  const { defaults, template, template_rate, only } = rules
  const [a, b] = template
  const tenants = rules.tenants.map((one, index): PlainTenant => {
    const under = [defaults.forwarders, defaults.tenant_forwarders]
    const mine = new Map(one.own)
    const of_template: (readonly [string, Keys])[] = one.uses
      ? [
          ['a', { ...a, where: one.only ?? only }],
          ['b', { ...b, rate_max: one.cap ?? 2 }],
        ]
      : []
    const rest = one.own.filter(([name]) => !of_template.some(([other]) => other === name))
    return {
      name: `t${index}`,
      rate_max: one.rate_max ?? (one.uses ? template_rate : undefined) ?? null,
      forwarders: [
        ...of_template.map(([name, keys]) =>
          plain(name, '', [...under, keys, one.wide, mine.get(name) ?? {}]),
        ),
        ...rest.map(([name, keys]) => plain(name, '', [...under, one.wide, keys])),
      ],
    }
  })
  const provider = rules.provider.map(([scope, keys], index) =>
    plain(`p${index}`, scope, [defaults.forwarders, defaults.provider_forwarders, keys]),
  )
  return { tenants, provider }
}

/** Whose the event is: by its label alone. */
export function ownerOf(one: WrittenEvent, tenants: number): string | null {
  const known = one.firewall && (one.label === 'literal' || one.label === 'group') && one.tenant < tenants
  return known ? `t${one.tenant}` : null
}

/** Whether a condition holds, key by key. */
export function holds(asked: unknown, one: WrittenEvent, rules: WrittenRules): boolean {
  return Object.entries(asked as Keys).every(([key, value]) => holdsOf(key, value, one, rules))
}

function holdsOf(key: string, value: unknown, one: WrittenEvent, rules: WrittenRules): boolean {
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  if (key === 'not') return !holds(value, one, rules)
  if (key === 'any') return list.some((inner) => holds(inner, one, rules))
  if (key === 'all') return list.every((inner) => holds(inner, one, rules))
  if (key === 'use')
    return list.every((name) =>
      name === 'both'
        ? holdsOf('use', ['n', 'm'], one, rules)
        : holds(name === 'n' ? rules.n : rules.m, one, rules),
    )
  if (key === 'hostname') return one.host.startsWith('esx')
  if (!one.firewall) return false
  if (key === 'stream') return true
  if (key === 'action') return list.includes(one.action)
  if (key === 'rule_id') return list.includes(one.rule)
  if (key === 'source_ip') return one.source.startsWith('10.')
  if (key === 'destination_port')
    return value === '400-9000' ? one.port >= 400 && one.port <= 9000 : list.includes(one.port)
  throw new Error(`no such key: ${key}`)
}

/** What a forwarder's queue must get, with `host-` and digits standing for any eight. */
export function textOf(one: WrittenEvent, keys: Keys): string {
  const set = (keys['set'] ?? {}) as { readonly severity?: number; readonly app_name?: string }
  const redact = (keys['redact'] ?? []) as readonly Keys[]
  const has = (what: Keys): boolean =>
    redact.some((entry) => entry['field'] === what['field'] && entry['pattern'] === what['pattern'])
  const app = one.firewall ? 'FIREWALL_PKTLOG' : 'app'
  let text = lineOf({
    ...one,
    ...(set.severity === undefined ? {} : { pri: (one.pri & ~7) | set.severity }),
    ...(keys['hide_hosts'] === true ? { host: 'host-########' } : {}),
  }).replace(one.firewall ? ' FIREWALL_PKTLOG ' : ' app ', ` ${set.app_name ?? app} `)
  if (one.firewall && has(SOURCE)) text = text.replace(`${one.source}/`, '192.0.2.1/')
  if (one.firewall && has(PORT)) text = text.replace(`->10.0.0.5/${one.port} `, '->10.0.0.5/7 ')
  if (one.firewall && has(RULE)) text = text.replace(` ${one.rule} OUT`, ' 9 OUT')
  if (has(PROCESS)) text = text.replace(one.firewall ? ' 77 - ' : ' 7 - ', ' hidden - ')
  if (has(HELLO)) text = text.replace('hello', 'bye')
  return text
}
