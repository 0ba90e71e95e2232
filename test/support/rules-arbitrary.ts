/** Random rule sets, labels and events for the property tests of rules. Small pools, so that things meet. */
import fc from 'fast-check'
import { EventFlag, type EventView, Fw } from '../../src/classify/view.ts'
import type { EditPlan, RedactField, RedactPlan, Replacement } from '../../src/rules/edit-plan.ts'
import type { PlainFrame } from '../../src/rules/interpret-edit.ts'
import type { PlainEvent } from '../../src/rules/interpret.ts'
import type { PlainFields } from '../../src/rules/interpret-condition.ts'
import type { LabelFormatModel, LabelPartModel, RulesModel, TenantModel } from '../../src/rules/model.ts'
import type { Condition, ConditionField } from '../../src/rules/plan.ts'
import { forwarder, formats, gateway, idName, model, part, place, streams, tenant, uuid } from './model.ts'
import { makeView } from './view.ts'

/** Some share their first 10, 27 or no characters. */
export const ids: readonly string[] = [
  uuid(1),
  uuid(2),
  uuid(3),
  `${uuid(1).slice(0, 10)}${uuid(4).slice(10)}`,
  `${uuid(2).slice(0, 28)}${uuid(5).slice(28)}`,
  ...Array.from({ length: 24 }, (_, index) => uuid(index + 10)),
]

const names = [
  'a',
  'acme',
  'acme corp',
  ' lead',
  'x  y z',
  'Grüße',
  'ÉCOLE',
  '😀😀😀',
  'a\u0301bcdef',
  'ACME-1',
  '',
]
const name = fc.option(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...names) },
    fc.string({ maxLength: 8, unit: 'grapheme' }),
  ),
  { nil: null },
)
const literals = ['LEGACY', 'legacy', 'Mixed Case', 'ü', `x${uuid(10).slice(0, 27)}`, uuid(11), 'acme']

const conditionFields: readonly ConditionField[] = [
  'hostname',
  'message',
  'stream',
  'tenant',
  'firewall.action',
  'firewall.rule_id',
  'firewall.destination_port',
  'firewall.port',
]
const addressFields: readonly ConditionField[] = [
  'firewall.source_ip',
  'firewall.destination_ip',
  'firewall.address',
  'peer',
]
const words = ['', 'a', 'DROP', 'PASS', '443', '0443', '80', 'nsxt.dfw', 't0', 'ab ab', 'esx', 'ü']
const addresses = ['10.0.0.1', '10.1.2.3', '192.0.2.9', '2001:db8:0:0:0:0:0:1', 'fe80::1', '255.255.255.255']
const networks = ['10.0.0.0/8', '10.0.0.1', '0.0.0.0/0', '2001:db8::/32', '::/0', 'fe80::/10', '192.0.2.8/31']

const values = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 })
/** Both engines read these alike; `.` they do not. */
const patterns = [
  'DROP|PASS',
  '^a',
  '4{2}3',
  '[0-9]{2,}',
  'sx$',
  '(?:a|b)+ ?a',
  '\\bab\\b',
  '[^a-z]',
  'nsxt[.]dfw',
]

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    op: fc.constant('matches' as const),
    field: fc.constantFrom<ConditionField>(
      'hostname',
      'message',
      'stream',
      'firewall.action',
      'firewall.rule_id',
    ),
    values: fc.array(fc.constantFrom(...patterns), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    op: fc.constantFrom('equals' as const, 'contains' as const),
    field: fc.constantFrom<ConditionField>('hostname', 'message'),
    // So many that they are looked for by tables.
    values: fc.uniqueArray(fc.oneof(fc.constantFrom(...words), fc.string({ minLength: 1, maxLength: 40 })), {
      minLength: 5,
      maxLength: 12,
    }),
  }),
  fc.record({
    op: fc.constant('network' as const),
    field: fc.constantFrom(...addressFields),
    networks: fc.array(
      fc.oneof(
        fc.constantFrom(...networks),
        fc
          .tuple(fc.nat(255), fc.nat(3), fc.constantFrom(8, 15, 16, 24, 31, 32))
          .map(([a, b, bits]) => `${a}.${b}.2.3/${bits}`),
      ),
      { minLength: 9, maxLength: 30 },
    ),
  }),

  fc.record({ op: fc.constant('equals' as const), field: fc.constantFrom(...conditionFields), values }),
  fc.record({
    op: fc.constantFrom('contains' as const, 'starts_with' as const, 'ends_with' as const),
    field: fc.constantFrom(...conditionFields),
    values,
  }),
  fc.record({
    op: fc.constant('between' as const),
    field: fc.constantFrom<ConditionField>(
      'severity',
      'facility',
      'firewall.port',
      'firewall.rule_id',
      'firewall.source_port',
    ),
    ranges: fc.array(fc.tuple(fc.nat({ max: 500 }), fc.nat({ max: 500 })), { minLength: 1, maxLength: 7 }),
  }),
  fc.record({
    op: fc.constant('network' as const),
    field: fc.constantFrom(...addressFields),
    networks: fc.array(fc.constantFrom(...networks), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    op: fc.constant('equals' as const),
    field: fc.constantFrom(...addressFields.slice(0, 3)),
    values: fc.array(fc.constantFrom(...addresses), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    op: fc.constant('exists' as const),
    field: fc.constantFrom<ConditionField>(
      'hostname',
      'tenant',
      'severity',
      'firewall.action',
      'firewall.port',
      'firewall.address',
    ),
    present: fc.boolean(),
  }),
)

export const condition: fc.Arbitrary<Condition> = fc.letrec<{ tree: Condition }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.record({ op: fc.constant('not' as const), of: tie('tree') }),
    fc.record({ op: fc.constant('use' as const), name: fc.constantFrom('n', 'm'), of: tie('tree') }),
    fc.record({
      op: fc.constantFrom('all' as const, 'any' as const),
      of: fc.array(tie('tree'), { maxLength: 3 }),
    }),
  ),
})).tree

const textWays: fc.Arbitrary<Replacement> = fc.oneof(
  fc.record({ kind: fc.constant('with' as const), text: fc.constantFrom(null, 'x', 'longer than it was') }),
  fc.constant({ kind: 'hash' as const }),
  fc.record({ kind: fc.constant('keep' as const), first: fc.nat({ max: 3 }), last: fc.nat({ max: 3 }) }),
)
const addressWays: fc.Arbitrary<Replacement> = fc.oneof(
  fc.record({ kind: fc.constant('with' as const), text: fc.constantFrom(null, '192.0.2.1') }),
  fc.constant({ kind: 'hash' as const }),
  fc.record({ kind: fc.constant('network' as const), ipv4: fc.nat({ max: 32 }), ipv6: fc.nat({ max: 128 }) }),
)
const numberWays: fc.Arbitrary<Replacement> = fc.constantFrom(
  { kind: 'with' as const, text: null },
  { kind: 'with' as const, text: '7' },
)

const way = (fields: readonly RedactField[], how: fc.Arbitrary<Replacement>): fc.Arbitrary<RedactPlan> =>
  fc
    .tuple(fc.constantFrom(...fields), how)
    .map(([field, replaced]) => ({ fields: [field], pattern: null, how: replaced }))

/** Replacements of fields that do not overlap, each once. */
const redact = fc.uniqueArray(
  fc.oneof(
    way(['hostname', 'label'], textWays),
    way(['firewall.source_ip', 'firewall.destination_ip'], addressWays),
    way(['firewall.source_port', 'firewall.destination_port'], numberWays),
    way(['firewall.rule_id'], fc.oneof(numberWays, fc.constant({ kind: 'hash' as const }))),
  ),
  { selector: ({ fields }) => fields[0], minLength: 1, maxLength: 4 },
)
const edits = fc.option(redact, { nil: null })
const editOf = (scope: string, entries: readonly RedactPlan[] | null): EditPlan | null =>
  entries === null ? null : { scope, hide_hosts: false, redact: entries, set: [] }

const object = fc.tuple(fc.constantFrom(...ids), name)
const where = fc.option(condition, { nil: null, freq: 2 })

const tenantParts = fc.record({
  vdcs: fc.array(object, { maxLength: 2 }),
  groups: fc.array(object, { maxLength: 2 }),
  gateways: fc.array(fc.tuple(fc.constantFrom(...ids), name, fc.nat({ max: 3 })), { maxLength: 2 }),
  labels: fc.array(fc.constantFrom(...literals), { maxLength: 1 }),
  wheres: fc.array(fc.tuple(where, edits), { maxLength: 3 }),
  /** Its own organisation, the first tenant's too, or none. */
  org: fc.constantFrom('own', 'own', 'own', 'own', 'own', 'first', null),
  /** Organisations that take part in the groups; null: Cloud Director did not say. */
  participants: fc.option(fc.array(fc.nat({ max: 3 }), { maxLength: 3 }), { nil: null, freq: 2 }),
})
const orgId = (n: number): string => uuid(1000 + n)
/** Which of all groups, and which organisations get copies. */
const sharing = fc.array(fc.tuple(fc.nat(), fc.array(fc.nat(), { minLength: 1, maxLength: 3 })), {
  maxLength: 6,
})

function toTenant(
  parts: typeof tenantParts extends fc.Arbitrary<infer T> ? T : never,
  index: number,
): TenantModel {
  const parents = [...parts.vdcs, ...parts.groups]
  return tenant(`t${index}`, {
    org_vdcs: parts.vdcs.map(([id, called]) => idName(id, called)),
    org: parts.org === null ? null : idName(orgId(parts.org === 'own' ? index : 0), `org ${index}`),
    data_center_groups: parts.groups.map(([id, called]) => ({
      ...idName(id, called),
      ...(parts.participants === null ? {} : { participants: parts.participants.map(orgId) }),
    })),
    gateways: parts.gateways.map(([id, called, owner]) => gateway(id, called, parents[owner]?.[0] ?? null)),
    labels: parts.labels,
    forwarders: parts.wheres.map(([own, entries], number) =>
      forwarder(`f${number}`, { where: known(own), edit: editOf(`t${index}`, entries) }),
    ),
  })
}

/** Comparisons with a tenant or stream that does not exist are errors of the rules: here they ask for the host. */
function known(own: Condition | null): Condition | null {
  if (own === null) return null
  if (own.op === 'not' || own.op === 'use') return { ...own, of: known(own.of) ?? own.of }
  if (own.op === 'all' || own.op === 'any')
    return { op: own.op, of: own.of.map((inner) => known(inner) ?? inner) }
  if (own.op !== 'equals' || (own.field !== 'tenant' && own.field !== 'stream')) return own
  const there = own.values.filter((value) => value === (own.field === 'tenant' ? 't0' : 'nsxt.dfw'))
  return there.length > 0 ? { ...own, values: there } : { ...own, field: 'hostname' }
}

/** Forms other than the shipped ones: what operators may write when they see what Cloud Director composes. */
const hyphens = fc.constantFrom<LabelPartModel['hyphens']>(['keep'], ['remove'], ['keep', 'remove'])
const nameParts = fc
  .record({
    end: fc.boolean(),
    count: fc.constantFrom(2, 5, 99),
    blanks: fc.constantFrom<LabelPartModel['blanks']>(['keep'], ['remove'], ['_', 'keep'], ['-']),
    non_ascii: fc.constantFrom<LabelPartModel['non_ascii']>(['keep'], ['remove', '?'], ['_']),
  })
  .map(({ end, count, ...rest }) => part('name', { ...rest, ...(end ? { last: count } : { first: count }) }))
const idParts = fc
  .record({ end: fc.boolean(), count: fc.constantFrom(10, 27, 36), hyphens })
  .map(({ end, count, ...rest }) =>
    part('id', { ...rest, alone: true, ...(end ? { last: count } : { first: count }) }),
  )
const otherForm = fc
  .record({
    name: nameParts,
    id: idParts,
    id_first: fc.boolean(),
    separators: fc.constantFrom([''], ['', '-'], ['_', ' '], ['--']),
    cut: fc.constantFrom(null, 20, 32),
  })
  .map(({ name: called, id, id_first, ...rest }): Partial<LabelFormatModel> => {
    return { ...rest, parts: id_first ? [id, called] : [called, id] }
  })

export const rules: fc.Arbitrary<RulesModel> = fc
  .record({
    changed: fc.oneof(
      { weight: 2, arbitrary: fc.constant<Record<string, Partial<LabelFormatModel>>>({}) },
      otherForm.map((form): Record<string, Partial<LabelFormatModel>> => ({ 'vcd.dfw': form })),
    ),
    tenants: fc.array(tenantParts, { minLength: 1, maxLength: 4 }),
    provider: fc.array(
      fc.tuple(fc.constantFrom('all' as const, 'owned' as const, 'orphans' as const), where, edits),
      { maxLength: 3 },
    ),
    exact: fc.boolean(),
    shared: sharing,
  })
  .map(({ changed, tenants, provider, exact, shared }) =>
    model(tenants.map(toTenant), {
      shared: shared.flatMap(([which, orgs]) => {
        const groups = tenants.flatMap((one) => one.groups.map(([id]) => id))
        const group = groups[which % groups.length]
        if (group === undefined) return []
        return [
          {
            place: place(),
            group,
            with: orgs.map((org) => ({ place: place(), id: orgId(org % (tenants.length + 1)) })),
          },
        ]
      }),
      provider: provider.map(([scope, own, entries], number) =>
        forwarder(`p${number}`, { scope, where: known(own), edit: editOf('provider', entries) }),
      ),
      label_formats: Object.values(formats).map((format) => ({
        ...format,
        ...(exact ? { case: 'keep' } : {}),
        ...changed[format.name],
      })),
    }),
  )

const cuts = [5, 10, 27, 32, 36]
const piece: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...ids), fc.constantFrom(...cuts), fc.boolean())
    .map(([id, cut, bare]) => Buffer.from((bare ? id.replaceAll('-', '') : id).slice(0, cut))),
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(2, 3, 5, 99))
    .map(([text, cut]) => Buffer.from(text).subarray(0, cut)),
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(2, 5, 99))
    .map(([text, cut]) => Buffer.from(Array.from(text).slice(0, cut).join(''))),
  fc.constantFrom(...['', '-', '_', ' ', ...literals].map((text) => Buffer.from(text))),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
)

/** Labels as events have them: trimmed, in any case. Most are made of what the rules are made of. */
export const label: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(piece, { minLength: 1, maxLength: 5 }),
    fc.constantFrom('keep', 'upper', 'lower'),
    fc.option(fc.nat({ max: 40 }), { nil: null, freq: 4 }),
  )
  .map(([pieces, letters, cut]) => {
    const bytes = Buffer.concat(pieces).toString('latin1')
    const cased =
      letters === 'keep'
        ? bytes
        : bytes.replaceAll(/[A-Za-z]/g, (char) =>
            letters === 'upper' ? char.toUpperCase() : char.toLowerCase(),
          )
    const whole = cut === null ? cased : cased.slice(0, cut)
    return Buffer.from(whole.replaceAll(/^[ \t]+|[ \t]+$/g, ''), 'latin1')
  })

/** Labels of objects of this rule set, so that most are found. */
export function labelsOf(own: RulesModel): fc.Arbitrary<Buffer> {
  const made = own.tenants.flatMap((entry) => {
    const parents = [...entry.org_vdcs, ...entry.data_center_groups]
    const groups = entry.data_center_groups.flatMap(({ id, name: called }) => [
      `${(called ?? '').slice(0, 5)}${id.slice(0, 27)}`,
      `${Array.from((called ?? '').toUpperCase())
        .slice(0, 5)
        .join('')}_${id.replaceAll('-', '').slice(0, 27)}`.slice(0, 32),
      `new${id.slice(0, 27)}`,
      `newer_${id.slice(0, 26)}`,
      `${id.slice(-27)}_${(called ?? '').slice(-5)}`,
      `${(called ?? '').replaceAll(' ', '_').slice(0, 5)}-${id.slice(-27)}`.slice(0, 32),
    ])
    const gateways = entry.gateways.flatMap(({ id, name: called }) =>
      parents.map((parent) => `${parent.id.slice(0, 10)}${(called ?? '').slice(0, 5)}${id.slice(0, 5)}`),
    )
    return [
      ...groups,
      ...gateways,
      ...parents.flatMap(({ id }) => [id, `${id.slice(0, 10)}other`]),
      ...entry.labels.map(({ text }) => text),
    ]
  })
  const trimmed = made.map((text) => Buffer.from(text.trim())).filter((bytes) => bytes.length > 0)
  return trimmed.length === 0
    ? label
    : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...trimmed) }, { weight: 2, arbitrary: label })
}

const word = fc.option(fc.constantFrom(...words), { nil: undefined })
const port = fc.option(fc.constantFrom('443', '0443', '80', '65535'), { nil: undefined })

/** What a test knows of an event, from which both its view and its plain form are made. */
export interface MadeEvent {
  readonly view: EventView
  readonly plain: PlainEvent
  readonly frame: PlainFrame
}

function frameOf(view: EventView): PlainFrame {
  const span = (start: number, end: number): readonly [number, number] => [
    start - view.start,
    end - view.start,
  ]
  const slot = (at: number): readonly [number, number] =>
    (view.fw[at] as number) < 0 ? [-1, -1] : span(view.fw[at] as number, view.fw[at + 1] as number)
  return {
    bytes: view.buf.toString('latin1', view.start, view.end),
    spans: {
      hostname: view.host_start < 0 ? [-1, -1] : span(view.host_start, view.host_end),
      label: view.label_start < 0 ? [-1, -1] : span(view.label_start, view.label_end),
      'firewall.source_ip': slot(Fw.source_ip),
      'firewall.destination_ip': slot(Fw.destination_ip),
      'firewall.source_port': slot(Fw.source_port),
      'firewall.destination_port': slot(Fw.destination_port),
      'firewall.rule_id': slot(Fw.rule_id),
    },
  }
}

export function events(own: RulesModel, labels: fc.Arbitrary<Buffer>): fc.Arbitrary<MadeEvent> {
  const streamNames = ['other', ...own.streams.map((entry) => entry.name)]
  return fc
    .record({
      stream: fc.nat({ max: streamNames.length - 1 }),
      label: fc.option(labels, { nil: null, freq: 8 }),
      header_missing: fc.integer({ min: 0, max: 9 }),
      source: fc.integer({ min: 1, max: 2 }),
      cut: fc.integer({ min: 0, max: 9 }),
      pri: fc.constantFrom(-1, 13, 181, 191, 505),
      hostname: word,
      message: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((parts) => parts.join(' ')),
      action: word,
      rule_id: word,
      source_ip: fc.option(fc.constantFrom(...addresses), { nil: undefined }),
      destination_ip: fc.option(fc.constantFrom(...addresses), { nil: undefined }),
      source_port: port,
      destination_port: port,
      peer: fc.constantFrom(...addresses),
    })
    .map((made) => {
      const { hostname, message, action, rule_id, source_ip, destination_ip, source_port, destination_port } =
        made
      const complete = made.header_missing > 0
      const cut = made.cut === 0
      const firewall = { action, rule_id, source_ip, destination_ip, source_port, destination_port }
      const fw = Object.fromEntries(
        Object.entries(firewall).filter(([, text]) => text !== undefined),
      ) as Record<keyof typeof firewall, string>
      const flags = (complete ? EventFlag.complete_header : 0) | (cut ? EventFlag.truncated : 0)
      const view = makeView({
        stream: made.stream,
        flags,
        pri: made.pri,
        peer: made.peer,
        source: made.source,
        message,
        fw,
        ...(made.label === null ? {} : { label: made.label }),
        ...(hostname === undefined ? {} : { host: hostname }),
      })
      const fields: PlainFields = Object.fromEntries<string>([
        ...Object.entries(fw).map(([key, text]) => [`firewall.${key}`, text] as const),
        ...(hostname === undefined ? [] : [['hostname', hostname] as const]),
        // The label is the tail of the message here, as in a frame.
        ['message', view.buf.toString('latin1', view.msg_start, view.end)],
        ['peer', made.peer],
        ...(made.pri < 0 || made.pri > 191
          ? []
          : [['severity', String(made.pri % 8)] as const, ['facility', String(made.pri >> 3)] as const]),
      ])
      const stream = streamNames[made.stream] ?? 'other'
      const plain = {
        stream,
        label: made.label,
        complete_header: complete,
        trusted: made.source === 1 || stream !== 'nsxv.dfw',
        cut,
        fields,
      }
      return { view, plain, frame: frameOf(view) }
    })
}

/** Source 1 may send all, source 2 all but one stream; see `trusted` above. */
export const sources: readonly { readonly streams: readonly string[] | null }[] = [
  { streams: null },
  {
    streams: [
      'other',
      ...Object.values(streams)
        .map((entry) => entry.name)
        .filter((entry) => entry !== 'nsxv.dfw'),
    ],
  },
]
