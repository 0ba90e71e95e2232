/** Configurations for the same routing: Logweir, rsyslog (two ways), syslog-ng and the floor. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchTenant } from '../workload.ts'

export interface Setup {
  /** Where the configuration and everything the router writes goes. */
  readonly folder: string
  readonly tenants: readonly BenchTenant[]
  readonly transport: 'tcp' | 'tls' | 'udp' | 'cfapi'
  readonly framing: 'newline' | 'octet'
  readonly in_port: number
  /** Tenant i receives on `first_port + i`. */
  readonly first_port: number
  readonly admin_port: number
  readonly certificate: string
  readonly key: string
  /** Where events go besides the tenants; Logweir only. */
  readonly provider: readonly ProviderForwarder[]
  /** False: tenants have labels and no forwarders. */
  readonly deliver: boolean
  /** `queue.memory_max`. */
  readonly memory_max: string
  readonly forwarder_idle: string
}

export interface ProviderForwarder {
  readonly name: string
  readonly to: string
  readonly scope: 'all' | 'owned'
  /** Left out: syslog. */
  readonly type?: JsonType
}

export type JsonType = 'log-insight-cloud' | 'http' | 'splunk-hec' | 'elasticsearch' | 'cfapi'

/** What a type needs beside its URL. */
const JSON_MORE: Readonly<Record<JsonType, readonly string[]>> = {
  'log-insight-cloud': ['token: { env: LOGWEIR_BENCH_TOKEN }'],
  http: ['gzip: true'],
  'splunk-hec': ['token: { env: LOGWEIR_BENCH_TOKEN }', 'gzip: true'],
  elasticsearch: ['elasticsearch: { index: "logs-{stream}" }', 'gzip: true'],
  cfapi: ['gzip: true'],
}

/** Writes logweir.yaml and the rules; gives back the path of the former. Counters, ledger and every limit are on. */
export function writeLogweir(setup: Setup): string {
  const lines = [
    'version: 1',
    'listeners:',
    `  - name: in`,
    `    transport: ${setup.transport}`,
    `    bind: "127.0.0.1:${setup.in_port}"`,
    '    allow: ["127.0.0.0/8"]',
    '    rate_max: 100000000',
  ]
  if (setup.transport === 'udp') lines.push('    receive_buffer: 4MiB')
  else lines.push('    connections_max: 4000', '    connections_per_address: 1000')
  if (setup.transport === 'tcp' || setup.transport === 'tls') lines.push('    framing: auto')
  if (setup.transport === 'tls')
    lines.push('    tls:', `      certificate: ${setup.certificate}`, `      key: ${setup.key}`)
  lines.push(
    'sources:',
    '  - { name: hosts, from: ["127.0.0.0/8"], streams: [nsxt.dfw, nsxt.gateway], site: bench, zone: UTC }',
    'rules: rules',
    'data: var',
    `queue: { memory_max: ${setup.memory_max}, spill_after: 1s }`,
    `limits: { forwarders_per_tenant: 10, forwarder_idle: ${setup.forwarder_idle} }`,
    `admin: { bind: "127.0.0.1:${setup.admin_port}" }`,
    'log: { level: warn, format: json }',
  )
  mkdirSync(join(setup.folder, 'rules'), { recursive: true })
  const file = join(setup.folder, 'logweir.yaml')
  writeFileSync(file, `${lines.join('\n')}\n`)
  writeFileSync(join(setup.folder, 'rules', 'tenants.yaml'), logweirRules(setup))
  return file
}

function logweirRules(setup: Setup): string {
  const lines = ['version: 1', 'tenants:']
  setup.tenants.forEach((t, i) => {
    lines.push(
      `  - name: ${t.name}`,
      `    org: { id: "urn:vcloud:org:${t.org_id}", name: ${t.name.toUpperCase()} }`,
      `    data_center_groups: [{ name: ${t.group.name}, id: ${t.group.id} }]`,
      `    gateways: [{ name: ${t.gateway.name}, id: ${t.gateway.id}, owner: ${t.group.name} }]`,
      '    rate_max: 100000000',
    )
    if (setup.deliver)
      lines.push('    forwarders:', `      - { name: siem, to: "tcp://127.0.0.1:${setup.first_port + i}" }`)
  })
  if (setup.provider.length > 0) lines.push('provider:', '  forwarders:')
  for (const f of setup.provider) {
    lines.push(`    - name: ${f.name}`, `      to: "${f.to}"`, `      scope: ${f.scope}`)
    // A sender without a pace must wait for the forwarder for all, not overrun it.
    lines.push('      queue: { memory_max: 64MiB, when_full: block }')
    if (f.type) lines.push(...[`type: ${f.type}`, ...JSON_MORE[f.type]].map((line) => `      ${line}`))
  }
  return `${lines.join('\n')}\n`
}

/** The map that the floor reads: `label port`. */
export function writeFloor(setup: Setup): string {
  const file = join(setup.folder, 'map.txt')
  const lines = setup.tenants.flatMap((t, i) => [
    `${t.dfw_label} ${setup.first_port + i}`,
    `${t.gateway_label} ${setup.first_port + i}`,
  ])
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

const RSYSLOG_QUEUE = 'queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="2000"'

/** rsyslog in one of its two best ways: a filter a tenant, or a regular expression and a lookup table. */
export function writeRsyslog(setup: Setup, way: 'filter' | 'lookup'): string {
  const lines = [
    `global(workDirectory="${setup.folder}" maxMessageSize="64k")`,
    `main_queue(${RSYSLOG_QUEUE})`,
    ...rsyslogInput(setup),
  ]
  lines.push('template(name="raw" type="string" string="%rawmsg%\\n")')
  if (way === 'lookup') lines.push(`lookup_table(name="t" file="${writeLookup(setup)}")`)
  lines.push(`ruleset(name="tenants" ${RSYSLOG_QUEUE}) {`)
  if (way === 'lookup')
    lines.push(`set $.l = re_extract($rawmsg, ' ([^ ]+)$', 0, 1, '');`, `set $.t = lookup("t", $.l);`)
  setup.tenants.forEach((t, i) => {
    const action = `action(type="omfwd" protocol="tcp" target="127.0.0.1" port="${setup.first_port + i}" template="raw")`
    const test =
      way === 'lookup'
        ? `$.t == "${i}"`
        : `$rawmsg contains "${t.dfw_label}" or $rawmsg contains "${t.gateway_label}"`
    lines.push(`if (${test}) then { ${action} stop }`)
  })
  lines.push('}')
  const file = join(setup.folder, 'rsyslog.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

function rsyslogInput(setup: Setup): string[] {
  const to = `address="127.0.0.1" port="${setup.in_port}" ruleset="tenants"`
  if (setup.transport === 'udp')
    return ['module(load="imudp" batchSize="128")', `input(type="imudp" ${to} rcvbufSize="4m")`]
  // Octet counting is recognised frame by frame, also by imptcp and imtcp; TLS is imtcp's alone.
  if (setup.transport === 'tcp')
    return ['module(load="imptcp" threads="1")', `input(type="imptcp" socketBacklog="1024" ${to})`]
  return [
    `global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${setup.certificate}" ` +
      `defaultNetstreamDriverCertFile="${setup.certificate}" defaultNetstreamDriverKeyFile="${setup.key}")`,
    'module(load="imtcp" maxSessions="1000" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")',
    `input(type="imtcp" ${to})`,
  ]
}

function writeLookup(setup: Setup): string {
  const table = setup.tenants.flatMap((t, i) => [
    { index: t.dfw_label, value: String(i) },
    { index: t.gateway_label, value: String(i) },
  ])
  const file = join(setup.folder, 'lookup.json')
  writeFileSync(file, JSON.stringify({ version: 1, nomatch: '-', type: 'string', table }))
  return file
}

export function writeSyslogNg(setup: Setup): string {
  const lines = [
    '@version: 3.38',
    'options { threaded(yes); stats-freq(0); keep-hostname(yes); use-dns(no); log-msg-size(65536); };',
    `source s_in { ${syslogNgSource(setup)} };`,
  ]
  setup.tenants.forEach((t, i) => {
    const port = setup.first_port + i
    lines.push(
      `filter f${i} { match("${t.dfw_label}" value("MESSAGE") type("string") flags("substring")) or ` +
        `match("${t.gateway_label}" value("MESSAGE") type("string") flags("substring")); };`,
      `destination d${i} { network("127.0.0.1" port(${port}) transport(tcp) flush-lines(1000) template("$MESSAGE\\n") log-fifo-size(200000)); };`,
      `log { source(s_in); filter(f${i}); destination(d${i}); flags(final,flow-control); };`,
    )
  })
  const file = join(setup.folder, 'syslog-ng.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

function syslogNgSource(setup: Setup): string {
  const common =
    `ip("127.0.0.1") port(${setup.in_port}) flags(no-parse,store-raw-message) log-iw-size(20000) ` +
    'log-fetch-limit(1000) so-rcvbuf(4194304)'
  if (setup.transport === 'udp') return `network(transport(udp) ${common});`
  const tls = `tls(key-file("${setup.key}") cert-file("${setup.certificate}") peer-verify(optional-untrusted))`
  const transport = setup.transport === 'tls' ? `transport(tls) ${tls}` : 'transport(tcp)'
  return setup.framing === 'octet'
    ? `syslog(${transport} ${common} max-connections(1000));`
    : `network(${transport} ${common} max-connections(1000));`
}
