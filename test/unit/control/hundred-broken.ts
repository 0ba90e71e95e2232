/** A good configuration with its rules, and a hundred ways to break it: each one mistake, as it is made at night. */

export const GOOD = {
  'logweir.yaml': `version: 1
listeners:
  - name: udp
    transport: udp
    bind: "[::]:5514"
    receive_buffer: 4MiB
    allow: ["10.0.0.0/8"]
    rate_max: 50000
  - name: tcp
    transport: tcp
    bind: "[::]:5515"
    framing: octet-counting
    frame_max: 64KiB
    connections_max: 4000
    idle_timeout: off
    allow: ["10.0.0.0/8"]
sources:
  - { name: hosts, from: [10.20.0.0/22], streams: [esxi, nsxt.dfw, nsxt.gateway], site: fra1, zone: UTC }
  - { name: vcenter, from: [10.20.9.5], streams: [vcenter], site: fra1 }
rules: rules
data: var
queue: { memory_max: 256MiB, spill_after: 1s }
batch: { bytes: 64KiB, age: 100ms }
spool: { disk_max: 20GiB, disk_free_min: 1GiB, sync: normal }
limits: { forwarders_per_tenant: 3 }
workers: 1
admin: { bind: "127.0.0.1:8514" }
log: { level: info, format: json }
`,
  'rules/conditions.yaml': `version: 1
conditions:
  refused: { action: [DROP, REJECT] }
templates:
  standard:
    parameters: { siem: {}, port: { default: 514 } }
    forwarders:
      - { name: siem, to: "tcp://\${siem}:\${port}", where: { use: refused } }
defaults:
  forwarders: { retry: { first: 200ms, max: 30s } }
`,
  'rules/acme.yaml': `version: 1
tenants:
  - name: acme
    org: { id: "urn:vcloud:org:a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10", name: ACME }
    org_vdcs:
      - { name: acme-prod, id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4 }
      - { name: acme-test, id: 6c3bceba-bb3f-4856-b44c-c5c9ab2ed605 }
    data_center_groups:
      - { name: acme-dcg, id: 7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e }
    gateways:
      - { name: acme-gw1, id: 5c1f2e3d-4b5a-4697-8876-655443322110, owner: acme-dcg }
    labels: [ACME-LEGACY]
    rule_ids: [{ site: fra1, ids: [3061] }]
    rate_max: 20000
    forwarders:
      - name: siem
        to: tls://192.0.2.29:6514
        where: { stream: [nsxt.dfw, nsxt.gateway], action: [DROP, REJECT] }
        framing: octet-counting
        hide_hosts: true
        redact: [{ field: source_ip, hash: true }]
        queue: { memory_max: 8MiB, disk_max: 1GiB, when_full: drop_oldest }
      - name: hec
        type: splunk-hec
        to: https://splunk.example.net:8088
        token: { env: HEC_TOKEN }
`,
  'rules/umbra.yaml': `version: 1
tenants:
  - name: umbra
    org: { id: "b04d4e6f-7a2c-4d9f-8e3b-2c8a1f6d5b21", name: UMBRA }
    data_center_groups: [{ name: umbra-prod, id: 8e1da203-4f5b-4c6d-9e7f-a01b2c3d4e5f }]
    use: standard
    with: { siem: 192.0.2.40 }
provider:
  forwarders:
    - { name: all, to: "udp://192.0.2.1:514" }
    - { name: orphans, to: "file:../var/orphans.log", scope: orphans }
`,
} as const

export type GoodFile = keyof typeof GOOD

/** What is replaced by what, in which file. */
export type Mistake = readonly [file: GoodFile, from: string, to: string]

const config = (from: string, to: string): Mistake => ['logweir.yaml', from, to]
const acme = (from: string, to: string): Mistake => ['rules/acme.yaml', from, to]
const umbra = (from: string, to: string): Mistake => ['rules/umbra.yaml', from, to]
const shared = (from: string, to: string): Mistake => ['rules/conditions.yaml', from, to]

export const MISTAKES: readonly Mistake[] = [
  // The configuration.
  config('version: 1', 'version: 2'),
  config('version: 1\n', ''),
  config('listeners:', 'listener:'),
  config('workers: 1', 'worker: 1'),
  config('workers: 1', 'workers: many'),
  config('workers: 1', 'workers: 0'),
  config('transport: udp', 'transport: udb'),
  config('transport: udp', 'transport: tls'),
  config('name: udp', 'name: tcp'),
  config('name: udp', 'name: "u d p"'),
  config('bind: "[::]:5514"', 'bind: "[::]:5514x"'),
  config('bind: "[::]:5514"', 'bind: 5514'),
  config('bind: "[::]:5514"', 'bind: "[::]"'),
  config('"[::]:5514"', '"10.20.300.1:5514"'),
  config('receive_buffer: 4MiB', 'receive_buffer: 4'),
  config('receive_buffer: 4MiB', 'receive_buffer: 4 megs'),
  config('allow: ["10.0.0.0/8"]\n    rate_max', 'allow: ["10.0.0.0/33"]\n    rate_max'),
  config('allow: ["10.0.0.0/8"]\n    rate_max', 'allow: "10.0.0.0/8"\n    rate_max'),
  config('rate_max: 50000', 'rate_max: fast'),
  config('framing: octet-counting', 'framing: newlines'),
  config('frame_max: 64KiB', 'frame_max: 64K'),
  config('frame_max: 64KiB', 'frame_max: 1GiB'),
  config('idle_timeout: off', 'idle_timeout: 5'),
  config('    receive_buffer: 4MiB', '    framing: auto'),
  config('streams: [vcenter]', 'streams: [vcentre]'),
  config('name: vcenter, from', 'name: hosts, from'),
  config('from: [10.20.9.5]', 'from: [10.20.9]'),
  config('from: [10.20.9.5]', 'from: []'),
  config('zone: UTC', 'zone: Europe/Frankfurt'),
  config('rules: rules', 'rules: rulez'),
  config('rules: rules', 'rules: logweir.yaml'),
  config('spill_after: 1s', 'spill_after: 1'),
  config('spill_after: 1s', 'spill_after: 1 sec'),
  config('memory_max: 256MiB', 'memory_max: 1KiB'),
  config('sync: normal', 'sync: maybe'),
  config('disk_max: 20GiB', 'disk_max: -1GiB'),
  config('level: info', 'level: loud'),
  config('bind: "127.0.0.1:8514"', 'bind: 127.0.0.1'),
  config('log: { level: info, format: json }', 'log: { level: info, format: json'),
  config('log: { level: info, format: json }', 'log: { level: info, level: warn }'),
  config('queue: {', '\tqueue: {'),
  // Tenants.
  acme('tenants:', 'tenant:'),
  acme('name: acme\n', 'name: provider\n'),
  acme('name: acme\n', 'name: umbra\n'),
  acme('name: acme\n', 'name: "acme/prod"\n'),
  acme('  - name: acme\n    org', '  - org'),
  acme(
    'id: "urn:vcloud:org:a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10"',
    'id: "urn:vcloud:vdc:a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10"',
  ),
  acme('urn:vcloud:org:a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10', 'b04d4e6f-7a2c-4d9f-8e3b-2c8a1f6d5b21'),
  acme('id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4', 'id: 5b2abda9-aa2e-4745-a33b'),
  acme('id: 6c3bceba-bb3f-4856-b44c-c5c9ab2ed605', 'id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'),
  acme('6c3bceba-bb3f-4856-b44c-c5c9ab2ed605', '8e1da203-4f5b-4c6d-9e7f-a01b2c3d4e5f'),
  acme('org_vdcs:', 'org_vdc:'),
  acme('owner: acme-dcg', 'owner: acme-dgc'),
  acme('labels: [ACME-LEGACY]', 'labels: [""]'),
  acme('labels: [ACME-LEGACY]', 'labels: ACME-LEGACY'),
  acme('site: fra1, ids', 'site: fra2, ids'),
  acme('ids: [3061]', 'ids: [abc]'),
  acme('rate_max: 20000', 'rate_max: 0'),
  umbra(
    'umbra-prod, id: 8e1da203-4f5b-4c6d-9e7f-a01b2c3d4e5f',
    'x, id: 8e1da203-4f5b-4c6d-9e7f-a01b2c3d4e5f }, { name: y, id: zz',
  ),
  umbra('org: {', 'labels: [ACME-LEGACY]\n    org: {'),
  umbra('use: standard', 'use: standart'),
  umbra('with: { siem: 192.0.2.40 }', 'with: { siem: 192.0.2.40, prt: 1 }'),
  umbra('    with: { siem: 192.0.2.40 }\n', ''),
  // Forwarders.
  acme('name: hec\n', 'name: siem\n'),
  acme('name: hec\n', 'name: SIEM\n'),
  acme('tls://192.0.2.29:6514', 'tls://192.0.2.29:70000'),
  acme('tls://192.0.2.29:6514', 'tsl://192.0.2.29:6514'),
  acme('tls://192.0.2.29:6514', '192.0.2.29:6514'),
  acme('tls://192.0.2.29:6514', 'tls://'),
  acme('tls://192.0.2.29:6514', 'tcp://192.0.2.40:514'),
  acme('        to: tls://192.0.2.29:6514\n', ''),
  acme('tls://192.0.2.29:6514', 'udp://169.254.169.254:6514'),
  acme('framing: octet-counting', 'framing: octets'),
  acme('framing: octet-counting', 'format: rfc5425'),
  acme('framing: octet-counting', 'format: json\n        encoding: ecss'),
  acme('framing: octet-counting', 'tags: { service: firewall }'),
  acme('framing: octet-counting', 'spool: allways'),
  acme('framing: octet-counting', 'sample: 1/0'),
  acme('framing: octet-counting', 'scope: owned'),
  acme('framing: octet-counting', 'tls: { ca: missing.crt }'),
  acme('        hide_hosts: true', '      hide_hosts: true'),
  acme('        hide_hosts: true', '         hide_hosts: true'),
  acme('hide_hosts: true', 'hide_hosts: yes'),
  acme('hide_hosts: true', 'hide_host: true'),
  acme('field: source_ip, hash', 'field: sourceip, hash'),
  acme('{ field: source_ip, hash: true }', "{ pattern: '(?=x)y' }"),
  acme('when_full: drop_oldest', 'when_full: block'),
  acme('memory_max: 8MiB', 'memory_max: 8'),
  acme('token: { env: HEC_TOKEN }', 'token: 0f3a-secret'),
  acme('token: { env: HEC_TOKEN }', 'token: { env: HEC_TOKEM }'),
  acme('token: { env: HEC_TOKEN }', 'token: { file: no-such-file }'),
  acme('        token: { env: HEC_TOKEN }\n', ''),
  acme('type: splunk-hec', 'type: splunk'),
  acme(
    '      - name: hec',
    '      - { name: a, to: "udp://192.0.2.50" }\n      - { name: b, to: "udp://192.0.2.51" }\n      - name: hec',
  ),
  umbra('udp://192.0.2.1:514', 'udp://127.0.0.1:5514'),
  umbra('scope: orphans', 'scope: orphan'),
  // Conditions.
  acme('action: [DROP, REJECT]', 'actoin: [DROP, REJECT]'),
  acme('stream: [nsxt.dfw, nsxt.gateway]', 'stream: [nsxt.dwf]'),
  acme('action: [DROP, REJECT]', 'destination_port: "8099-8000"'),
  acme('action: [DROP, REJECT]', 'source_ip: 10.0.0.0/40'),
  acme('action: [DROP, REJECT]', 'severity: { at_least: warn_ing }'),
  acme('action: [DROP, REJECT]', 'message: { containz: x }'),
  acme('action: [DROP, REJECT]', "message: { matches: 'a(b' }"),
  acme('action: [DROP, REJECT]', "message: { matches: '(a)\\1' }"),
  acme('action: [DROP, REJECT]', 'action: { exists: maybe }'),
  acme('action: [DROP, REJECT]', 'any: { action: DROP }'),
  acme('action: [DROP, REJECT]', 'use: refuse'),
  acme('action: [DROP, REJECT]', 'listener: tls'),
  acme('action: [DROP, REJECT]', 'timestamp: { gte: "2026-01-01" }'),
  shared('refused: {', 'refused: { use: refused, '),
  shared('max: 30s', 'max: 30'),
  shared('retry:', 'retries:'),
  shared('forwarders: { retry', 'forwarder: { retry'),
  shared('parameters: { siem: {}', 'parameters: { seim: {}'),
]
