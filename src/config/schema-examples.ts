/** Examples that editors show beside the description of a key. By name: keys of one name are written alike everywhere. */

export const EXAMPLES: Readonly<Record<string, readonly unknown[]>> = {
  // logweir.yaml
  bind: ['[::]:5514', '127.0.0.1:8514', 'unix:admin.sock'],
  allow: [['10.0.0.0/8', '::1']],
  from: [['10.20.0.0/22', '10.20.9.5']],
  site: ['fra1'],
  zone: ['UTC', 'Europe/Berlin'],
  proxy_from: [['10.0.0.10', '10.0.0.11']],
  frame_max: ['64KiB'],
  idle_timeout: ['off', '1h'],
  certificate: ['certs/router.crt'],
  client_ca: ['certs/senders-ca.crt'],
  // rules
  org: [{ id: 'urn:vcloud:org:a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10', name: 'ACME' }],
  org_vdcs: [[{ name: 'acme-prod', id: '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4' }]],
  data_center_groups: [[{ name: 'acme-dcg', id: '7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e' }]],
  gateways: [[{ name: 'acme-gw1', id: '5c1f2e3d-4b5a-4697-8876-655443322110', owner: 'acme-dcg' }]],
  labels: [['ACME-LEGACY']],
  nsx_projects: [['acme-project']],
  rule_ids: [[{ site: 'fra1', ids: [3061] }]],
  rate_max: [20_000],
  to: [
    'tls://siem.acme.example:6514',
    'udp://10.0.2.29',
    'https://collector.example/in',
    'file:out/acme.log',
  ],
  from_address: ['100.64.12.5'],
  shared_destination: ['soc'],
  where: [
    { action: ['DROP', 'REJECT'] },
    { stream: ['nsxt.dfw', 'nsxt.gateway'], destination_port: '8000-8099' },
    { any: [{ severity: { at_least: 'warning' } }, { address: '10.20.0.0/16' }] },
  ],
  sample: ['1/10', '5%'],
  redact: [[{ field: 'source_ip', hash: true }], [{ pattern: 'user=(\\S+)' }]],
  tags: [{ service: 'firewall' }],
  set: [{ hostname: 'firewall', facility: 'local4' }],
  fingerprint: [
    'sha-256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF',
  ],
  token: [{ env: 'ACME_TOKEN' }, { file: 'secrets/acme-token' }],
  password: [{ env: 'ACME_PASSWORD' }],
  queue: [{ memory_max: '8MiB' }],
  retry: [{ first: '200ms', max: '30s' }],
  rotate: [{ size: '100MiB', keep: 5 }],
  mode: ['0640'],
  conditions: [{ refused: { action: ['DROP', 'REJECT'] } }],
  // tests
  event: [
    '<13>2026-02-03T04:05:06Z esx01 FIREWALL-PKTLOG[1]: 5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S ACME-LEGACY',
  ],
  events_file: ['../fixtures/nsxt-dfw.log'],
  lines: [3, '3-7', [1, '4-6']],
  fields: [{ firewall: { action: 'DROP' } }],
  sends: [{ 'acme/siem': { contains: 'DROP', lacks: 'esx01' } }],
}
