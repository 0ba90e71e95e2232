/**
 * Rule sets for `bench/rules.ts`: the tenants of the workload with forwarders that ask what operators ask, as a person
 * or a script would write them: a file a tenant, nothing shared but what two tenants happen to ask alike.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchTenant } from '../workload.ts'

export interface RuleSet {
  readonly folder: string
  readonly tenants: readonly BenchTenant[]
  /** Forwarders of a tenant. */
  readonly forwarders: number
  readonly conditions: boolean
  /** What is asked never holds, on top of the rest. */
  readonly nothing?: boolean
  /** Port of the first forwarder; each tenant has its own host of 127.0.0.0/8. */
  readonly port: number
  readonly listen: number
  readonly admin: number
}

/** Writes logweir.yaml and the rules; gives back the path of the former. */
export function writeRuleSet(set: RuleSet): string {
  mkdirSync(join(set.folder, 'rules', 'tenants'), { recursive: true })
  const file = join(set.folder, 'logweir.yaml')
  writeFileSync(
    file,
    [
      'version: 1',
      'listeners:',
      `  - { name: in, transport: tcp, bind: "127.0.0.1:${set.listen}", allow: ["127.0.0.0/8"], rate_max: 100000000, framing: auto }`,
      'sources:',
      '  - { name: hosts, from: ["127.0.0.0/8"], streams: [nsxt.dfw, nsxt.gateway], site: bench, zone: UTC }',
      'rules: rules',
      'data: var',
      'reload: { watch: false }',
      'queue: { memory_max: 256MiB, spill_after: 1s }',
      `admin: { bind: "127.0.0.1:${set.admin}" }`,
      'log: { level: warn, format: json }',
      '',
    ].join('\n'),
  )
  set.tenants.forEach((tenant, n) => {
    writeFileSync(join(set.folder, 'rules', 'tenants', `${tenant.name}.yaml`), tenantFile(set, tenant, n))
  })
  return file
}

function tenantFile(set: RuleSet, tenant: BenchTenant, n: number): string {
  const lines = [
    '# yaml-language-server: $schema=../../schema/rules.schema.json',
    'version: 1',
    'tenants:',
    `  - name: ${tenant.name}`,
    `    org: { id: "urn:vcloud:org:${tenant.org_id}", name: ${tenant.name.toUpperCase()} }`,
    '    data_center_groups:',
    `      - { name: ${tenant.group.name}, id: ${tenant.group.id} }`,
    '    gateways:',
    `      - { name: ${tenant.gateway.name}, id: ${tenant.gateway.id}, owner: ${tenant.group.name} }`,
    '    forwarders:',
  ]
  for (let k = 0; k < set.forwarders; k++) {
    const asked = condition(n, k)
    const more = set.nothing === true ? `{ all: [${asked}, { rule_id: 0 }] }` : asked
    const where = set.conditions ? `, where: ${more}` : ''
    lines.push(`      - { name: f${k}, to: "udp://${hostOf(n)}:${set.port + k}"${where} }`)
  }
  return `${lines.join('\n')}\n`
}

/** A host of its own for each tenant, so that no two send to one place. */
export function hostOf(n: number): string {
  return `127.${1 + (n >> 8)}.${n & 255}.1`
}

/**
 * What operators ask, with values that differ from tenant to tenant where they would. Together the five let through about as
 * many events as one forwarder that asks nothing: half of all lines are matches, of which two fifths are not let in.
 */
function condition(n: number, k: number): string {
  const rule = 1000 + (n % 500)
  switch (k % 5) {
    case 0:
      return '{ stream: [nsxt.dfw, nsxt.gateway], action: [DROP, REJECT] }'
    case 1:
      return `{ source_ip: 10.${100 + (n % 100)}.0.0/16, destination_port: ["1000-1999", 22, 443] }`
    case 2:
      return `{ stream: nsxt.dfw, any: [{ event: TERM }, { rule_id: [${rule}, ${rule + 1}] }], not: { protocol: UDP } }`
    case 3:
      return `{ address: [10.${100 + (n % 100)}.${100 + (n % 90)}.0/24, 192.0.2.0/24], protocol: [TCP, UDP] }`
    default:
      return `{ severity: { at_least: notice }, action: PASS, destination_port: "1000-5000", not: { event: TERM } }`
  }
}
