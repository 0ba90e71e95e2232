/**
 * Configurations for the same work: everything from one TCP listener to one TCP destination, through the disk while that
 * is down. Each router gets memory for about as many events, tries again every second, and waits instead of dropping.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchTenant } from '../workload.ts'

export interface SpoolSetup {
  readonly folder: string
  readonly transport: 'tcp' | 'relp'
  readonly tenants: readonly BenchTenant[]
  readonly in_port: number
  readonly out_port: number
  readonly admin_port: number
}

/** What 8 MiB, a forwarder's memory as it comes, hold of events of about 220 bytes. */
export const MEMORY_EVENTS = 40_000

export interface LogweirSpool {
  readonly spool: 'overflow' | 'always'
  readonly compression: 'zstd' | 'off'
}

export function writeLogweirSpool(setup: SpoolSetup, { spool, compression }: LogweirSpool): string {
  const lines = [
    'version: 1',
    'listeners:',
    `  - { name: in, transport: ${setup.transport}, bind: "127.0.0.1:${setup.in_port}", allow: ["127.0.0.0/8"], rate_max: 100000000 }`,
    'sources:',
    '  - { name: hosts, from: ["127.0.0.0/8"], streams: [nsxt.dfw, nsxt.gateway], site: bench, zone: UTC }',
    'rules: rules',
    'data: var',
    `spool: { compression: ${compression} }`,
    `admin: { bind: "127.0.0.1:${setup.admin_port}" }`,
    'log: { level: warn, format: json }',
  ]
  const rules = [
    'version: 1',
    'tenants:',
    ...setup.tenants.flatMap((t) => [
      `  - name: ${t.name}`,
      `    org: { id: "urn:vcloud:org:${t.org_id}", name: ${t.name.toUpperCase()} }`,
      `    data_center_groups: [{ name: ${t.group.name}, id: ${t.group.id} }]`,
    ]),
    'provider:',
    '  forwarders:',
    '    - name: all',
    `      to: "tcp://127.0.0.1:${setup.out_port}"`,
    '      scope: all',
    `      spool: ${spool}`,
    '      queue: { disk_max: 8GiB, when_full: block }',
    '      retry: { max: 1s }',
  ]
  mkdirSync(join(setup.folder, 'rules'), { recursive: true })
  writeFileSync(join(setup.folder, 'rules', 'tenants.yaml'), `${rules.join('\n')}\n`)
  return written(setup, 'logweir.yaml', lines)
}

export interface RsyslogSpool {
  /** `queue.size`: events that it keeps in memory. */
  readonly memory: number
  /** `queue.checkpointInterval`, in events; 0, as it comes: when it stops. */
  readonly checkpoint: number
  /** `queue.syncQueueFiles`. */
  readonly sync: boolean
}

/** The main queue is direct: the action's own is the only one, which is cheaper and loses less. */
export function writeRsyslogSpool(setup: SpoolSetup, { memory, checkpoint, sync }: RsyslogSpool): string {
  return written(setup, 'rsyslog.conf', [
    `global(workDirectory="${setup.folder}" maxMessageSize="64k")`,
    setup.transport === 'tcp' ? 'module(load="imptcp" threads="1")' : 'module(load="imrelp" ruleset="all")',
    setup.transport === 'tcp'
      ? `input(type="imptcp" address="127.0.0.1" port="${setup.in_port}" ruleset="all")`
      : `input(type="imrelp" address="127.0.0.1" port="${setup.in_port}" maxDataSize="64k")`,
    'template(name="raw" type="string" string="%rawmsg%\\n")',
    'ruleset(name="all" queue.type="Direct") {',
    `  action(type="omfwd" protocol="tcp" target="127.0.0.1" port="${setup.out_port}" template="raw"`,
    '    action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="1"',
    `    queue.type="LinkedList" queue.size="${memory}" queue.dequeueBatchSize="2000"`,
    '    queue.filename="spool" queue.maxDiskSpace="8g" queue.maxFileSize="64m" queue.saveOnShutdown="on"',
    `    queue.checkpointInterval="${checkpoint}" queue.syncQueueFiles="${sync ? 'on' : 'off'}")`,
    '}',
  ])
}

export interface SyslogNgSpool {
  readonly reliable: boolean
}

export function writeSyslogNgSpool(setup: SpoolSetup, { reliable }: SyslogNgSpool): string {
  const memory = reliable ? 'mem-buf-size(8388608)' : `mem-buf-length(${MEMORY_EVENTS})`
  return written(setup, 'syslog-ng.conf', [
    '@version: 3.38',
    'options { threaded(yes); stats-freq(0); keep-hostname(yes); use-dns(no); log-msg-size(65536); time-reopen(1); };',
    `source s_in { network(transport(tcp) ip("127.0.0.1") port(${setup.in_port}) flags(no-parse,store-raw-message) ` +
      'log-iw-size(20000) log-fetch-limit(1000)); };',
    `destination d_out { network("127.0.0.1" port(${setup.out_port}) transport(tcp) flush-lines(1000) template("$MESSAGE\\n") ` +
      `disk-buffer(${memory} disk-buf-size(8589934592) reliable(${reliable ? 'yes' : 'no'}) dir("${setup.folder}"))); };`,
    'log { source(s_in); destination(d_out); flags(flow-control); };',
  ])
}

function written(setup: SpoolSetup, name: string, lines: readonly string[]): string {
  mkdirSync(setup.folder, { recursive: true })
  const file = join(setup.folder, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}
