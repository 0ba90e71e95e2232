/** Rule sets built by hand, for tests that must not depend on the reader of rules files. */
import type { Place } from '../../src/config/findings.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import type {
  ForwarderModel,
  GatewayModel,
  IdName,
  LabelFormatModel,
  LabelPartModel,
  RulesModel,
  StreamModel,
  TenantModel,
} from '../../src/rules/model.ts'

let line = 0

/** A place that no other entry has. */
export function place(file = '/rules/tenants.yaml'): Place {
  line += 1
  return { file, line, column: 5 }
}

export function settings(changes: Partial<ForwarderSettings> = {}): ForwarderSettings {
  return {
    type: 'syslog',
    failover: [],
    to: { scheme: 'tcp', host: '127.0.0.1', port: 6514 },
    from_address: null,
    format: 'original',
    tags: {},
    encoding: 'own',
    framing: 'newline',
    queue: { memory_max: 8_388_608, disk_max: 1_073_741_824, when_full: 'drop_oldest' },
    spool: 'overflow',
    replay: 4_194_304,
    retry: { first: 200, max: 30_000 },
    concurrency: 1,
    timeout: { connect: 10_000, request: 30_000 },
    tls: { ca: null, certificate: null, key: null, fingerprint: null, server_name: null },
    http: {
      token: null,
      login: null,
      headers: {},
      gzip: true,
      batch_bytes: 4_194_304,
      batch_events: 1000,
      body: 'array',
      structure: 'default',
      proxy: 'none',
      dead_letters: 8_388_608,
      hec: null,
      elasticsearch: null,
      cfapi: null,
    },
    rotate: { size: 104_857_600, keep: 5, every: null, gzip: false, fsync: false, mode: 0o640 },
    ...changes,
  }
}

export function idName(id: string, name: string | null = null): IdName {
  return { place: place(), id, name }
}

export function gateway(id: string, name: string | null = null, owner: string | null = null): GatewayModel {
  return { place: place(), id, name, owner, interfaces: [] }
}

export function forwarder(name: string, changes: Partial<ForwarderModel> = {}): ForwarderModel {
  return {
    place: place(),
    name,
    scope: 'owned',
    where: null,
    where_place: place(),
    edit: null,
    sample: null,
    rate_max: null,
    settings: settings(),
    ...changes,
  }
}

/** `labels` as texts. */
export function tenant(
  name: string,
  {
    labels = [],
    ...changes
  }: Partial<Omit<TenantModel, 'labels'>> & { readonly labels?: readonly string[] } = {},
): TenantModel {
  return {
    place: place(),
    name,
    org: null,
    org_vdcs: [],
    data_center_groups: [],
    gateways: [],
    nsx_projects: [],
    rule_ids: [],
    cf_organizations: [],
    rate_max: null,
    forwarders: [],
    ...changes,
    labels: labels.map((text) => ({ place: place(), text })),
  }
}

export function part(take: LabelPartModel['take'], changes: Partial<LabelPartModel> = {}): LabelPartModel {
  return {
    take,
    first: null,
    last: null,
    blanks: ['keep'],
    non_ascii: ['keep'],
    hyphens: ['keep'],
    alone: false,
    ...changes,
  }
}

export function format(
  name: string,
  of: LabelFormatModel['of'],
  changes: Partial<LabelFormatModel> = {},
): LabelFormatModel {
  return {
    place: place('/rules/vmware.yaml'),
    name,
    of,
    parts: [],
    separators: [''],
    case: 'any',
    cut: null,
    ...changes,
  }
}

export function stream(name: string, changes: Partial<StreamModel> = {}): StreamModel {
  return {
    place: place('/rules/vmware.yaml'),
    name,
    grammar: 'dfw',
    match: [],
    label: 'rest',
    label_formats: [],
    ...changes,
  }
}

const BOTH = ['keep', 'remove'] as const
const ALL_SEPARATORS = ['', '-', '_', ' ']

/** Forms like the shipped ones. */
export const formats = {
  dfw: format('vcd.dfw', 'data_center_group', {
    parts: [part('name', { first: 5 }), part('id', { first: 27, hyphens: BOTH, alone: true })],
    separators: ALL_SEPARATORS,
    cut: 32,
  }),
  gateway: format('vcd.gateway', 'gateway', {
    parts: [
      part('owner_id', { first: 10, hyphens: BOTH, alone: true }),
      part('name', { first: 5 }),
      part('id', { first: 5, hyphens: BOTH }),
    ],
    separators: ALL_SEPARATORS,
    cut: 32,
  }),
  nsxv: format('vcd.nsxv', 'org_vdc', { parts: [part('id', { hyphens: BOTH, alone: true })] }),
}

export const streams = {
  dfw: stream('nsxt.dfw', { grammar: 'dfw', label_formats: ['vcd.dfw'] }),
  gateway: stream('nsxt.gateway', { grammar: 'gateway', label_formats: ['vcd.gateway'] }),
  nsxv: stream('nsxv.dfw', { grammar: 'dfw', label_formats: ['vcd.nsxv'] }),
  edge: stream('nsxv.edge', {
    grammar: 'nsxv_edge',
    label: { capture: 'tenant' },
    label_formats: ['vcd.nsxv'],
  }),
  esxi: stream('esxi', { grammar: 'none', label: 'none' }),
}

/** A rule set with the forms above unless said. */
export function model(tenants: readonly TenantModel[], changes: Partial<RulesModel> = {}): RulesModel {
  return {
    tenants,
    provider: [],
    streams: Object.values(streams),
    label_formats: Object.values(formats),
    conditions: [],
    ...changes,
  }
}

/** A UUID made of a number, the same for the same number. */
export function uuid(number: number): string {
  let state = (number * 2_654_435_761 + 12_345) >>> 0
  const digits = Array.from({ length: 32 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 28).toString(16)
  }).join('')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
