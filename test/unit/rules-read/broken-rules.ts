/** Broken rules, and every finding that reading each must give: one line a finding, `place: level: message | hint`. */

export interface BrokenRules {
  readonly name: string
  /** By path below the folder. */
  readonly files: Readonly<Record<string, string>>
  readonly findings: readonly string[]
}

/** Tenants and forwarders. The environment holds T=hunter2 and K=k. */
export const BROKEN_RULES: readonly BrokenRules[] = [
  {
    name: 'unknown and later keys at every level',
    files: {
      'a.yaml': `version: 1
templates: {}
tennants: []
tests: []
tenants:
  - name: acme
    tags: { a: b }
    orgvdcs: []
    gateways: [{ name: g, id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4, interfaces: [x] }]
    forwarders:
      - { name: siem, to: "tcp://10.0.0.1", hide_hosts: true, redact: [], when_ful: block, queue: { when_ful: drop_oldest } }
provider: { forwarder: [] }
`,
    },
    findings: [
      'a.yaml:3:1: error: tennants: unknown key "tennants" | did you mean `tenants`?',
      'a.yaml:4:1: error: tests: `tests` does not belong here | rule tests stand in files named *.test.yaml',
      'a.yaml:8:5: error: tenants[0].orgvdcs: unknown key "orgvdcs" | did you mean `org_vdcs`?',
      'a.yaml:9:82: error: tenants[0].gateways[0].interfaces[0]: "x" is not the UUID of an interface | `get firewall interfaces` on the edge node shows them',
      'a.yaml:11:75: error: tenants[0].forwarders[0].when_ful: unknown key "when_ful"',
      'a.yaml:11:101: error: tenants[0].forwarders[0].queue.when_ful: unknown key "when_ful" | did you mean `when_full`?',
      'a.yaml:12:13: error: provider.forwarder: unknown key "forwarder" | did you mean `forwarders`?',
    ],
  },
  {
    name: 'what cannot be changed in events',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: a
      to: udp://10.0.0.1
      sample: 1/0
      rate_max: 0
      hide_hosts: maybe
    - name: b
      to: udp://10.0.0.1
      hide_hosts: true
      set: { hostname: x, severity: loud, facility: 24, app_name: y }
      redact:
        - {}
        - { field: hostnam }
        - { field: action }
        - { field: [app_name, tenant], hash: true, with: x }
        - { field: port, hash: true }
        - { field: source_ip, with: nobody }
        - { field: rule_id, with: x }
        - { field: rule_id, keep: { first: 1 } }
        - { field: source_ip, keep: { first: 1 } }
        - { field: hostname, keep: { ipv4: 8 } }
        - { field: [hostname, source_ip], keep: { first: 8 } }
        - { field: msg_id, with: "a b" }
        - { field: message, with: 'a"b' }
        - { pattern: 'a(?=b)' }
        - { pattern: a, field: peer }
`,
    },
    findings: [
      'a.yaml:6:15: error: provider.forwarders[0].sample: is no part | write for example 1/10 or 5%',
      'a.yaml:7:17: error: provider.forwarders[0].rate_max: must be at least 1',
      'a.yaml:8:19: error: provider.forwarders[0].hide_hosts: expected true or false, found text',
      'a.yaml:12:14: error: provider.forwarders[1].set.hostname: is written by `hide_hosts` already | keep one of them',
      'a.yaml:12:37: error: provider.forwarders[1].set.severity: "loud" is no severity | use one of emergency, emerg, panic, alert, critical, crit, error, err, warning, warn, notice, informational, info, debug',
      'a.yaml:12:53: error: provider.forwarders[1].set.facility: "24" is no facility | use one of kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, ntp, audit, alert, clock, local0, local1, local2, local3, local4, local5, local6, local7',
      'a.yaml:14:11: error: provider.forwarders[1].redact[0]: says neither `field` nor `pattern` | name what is to be replaced',
      'a.yaml:15:20: error: provider.forwarders[1].redact[1].field: unknown field "hostnam" | did you mean `hostname`?',
      'a.yaml:16:20: error: provider.forwarders[1].redact[2].field: "action" cannot be redacted | fields are hostname, app_name, proc_id, msg_id, message, label, peer, rule_id, source_ip, destination_ip, source_port, destination_port, address, port, and parameters of structured_data',
      'a.yaml:17:11: error: provider.forwarders[1].redact[3]: says more than one of `with`, `hash` and `keep` | keep one of them',
      'a.yaml:17:31: error: provider.forwarders[1].redact[3].field[1]: "tenant" cannot be redacted | fields are hostname, app_name, proc_id, msg_id, message, label, peer, rule_id, source_ip, destination_ip, source_port, destination_port, address, port, and parameters of structured_data',
      'a.yaml:18:32: error: provider.forwarders[1].redact[4].hash: a port has too few values to be hidden by a hash | leave `hash` out: 0 stands in its place',
      'a.yaml:19:37: error: provider.forwarders[1].redact[5].with: "nobody" is no address, as the others that stand there are | write for example 0.0.0.0',
      'a.yaml:20:35: error: provider.forwarders[1].redact[6].with: "x" is no number, as the others that stand there are | write for example 0',
      'a.yaml:21:35: error: provider.forwarders[1].redact[7].keep: nothing of a number can be kept | leave `keep` out: 0 stands in its place',
      'a.yaml:22:37: error: provider.forwarders[1].redact[8].keep: an address keeps bits | write for example keep: { ipv4: 24, ipv6: 48 }',
      'a.yaml:23:36: error: provider.forwarders[1].redact[9].keep: a text keeps characters | write for example keep: { first: 3 }',
      'a.yaml:24:49: error: provider.forwarders[1].redact[10].keep: these fields are of different kinds | write one entry for each',
      'a.yaml:25:34: error: provider.forwarders[1].redact[11].with: a field of the header is one word | write it without blanks',
      'a.yaml:26:35: error: provider.forwarders[1].redact[12].with: holds characters that end a field | use printable ASCII without quotes, brackets and backslashes',
      'a.yaml:27:24: error: provider.forwarders[1].redact[13].pattern: `(?=`: look-around needs backtracking, which an event could be written to abuse | ask with a second condition, or with `not`, for what must stand beside it',
      'a.yaml:28:32: error: provider.forwarders[1].redact[14].field: no pattern looks into the address of the sender | leave `pattern` out',
    ],
  },
  {
    name: 'keys that name nobody',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    nsx_projects: [default, 'a b', 'x"y']
    rule_ids: [{ ids: [3061] }, { site: a, source: b, ids: [1] }, { site: a, ids: [x, -1] }]
    cf_organizations: [acme, 00000000-0000-0000-0000-000000000000]
    forwarders: [{ name: a, to: "udp://10.0.0.1" }]
`,
    },
    findings: [
      'a.yaml:4:20: error: tenants[0].nsx_projects[0]: "default" is nobody’s project | name a project of this tenant only',
      'a.yaml:4:29: error: tenants[0].nsx_projects[1]: "a b" is not the id of a project | write it as NSX has it, without its name',
      'a.yaml:4:36: error: tenants[0].nsx_projects[2]: "x\\"y" is not the id of a project | write it as NSX has it, without its name',
      'a.yaml:5:16: error: tenants[0].rule_ids[0]: needs either `site` or `source` | rule ids are unique in one NSX manager only',
      'a.yaml:5:33: error: tenants[0].rule_ids[1]: needs either `site` or `source` | rule ids are unique in one NSX manager only',
      'a.yaml:5:84: error: tenants[0].rule_ids[2].ids[0]: "x" is not a rule id | write the number of the rule',
      'a.yaml:5:87: error: tenants[0].rule_ids[2].ids[1]: "-1" is not a rule id | write the number of the rule',
      'a.yaml:6:24: error: tenants[0].cf_organizations[0]: "acme" is not a UUID | write the UUID of the organization',
      'a.yaml:6:30: error: tenants[0].cf_organizations[1]: "00000000-0000-0000-0000-000000000000" is not a UUID | write the UUID of the organization',
    ],
  },
  {
    name: 'tenants named alike',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
`,
      'b.yaml': `version: 1
tenants:
  - name: acme
  - name: ACME
  - name: Provider
  - name: "a b"
  - name: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  - {}
`,
    },
    findings: [
      'a.yaml:3:5: warning: tenants[0]: tenant acme has no forwarders: its events go to the provider only',
      'b.yaml:3:5: warning: tenants[0]: tenant acme has no forwarders: its events go to the provider only',
      'b.yaml:3:11: error: tenants[0].name: tenant "acme" is named twice, first at a.yaml:3 | give each tenant its own name',
      'b.yaml:4:5: warning: tenants[1]: tenant ACME has no forwarders: its events go to the provider only',
      'b.yaml:4:11: error: tenants[1].name: tenant "ACME" differs from "acme" at a.yaml:3 only in case | give each tenant its own name',
      'b.yaml:5:11: error: tenants[2].name: `provider` is the name of the provider’s own forwarders | choose another name',
      'b.yaml:6:11: error: tenants[3].name: is not a name | use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
      'b.yaml:7:11: error: tenants[4].name: is not a name | use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
      'b.yaml:8:5: error: tenants[5].name: is missing',
    ],
  },
  {
    name: 'ids of the wrong kind',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    org: { id: "urn:vcloud:vdc:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" }
    org_vdcs: [{ name: a, id: "urn:vcloud:vdcGroup:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" }, { name: b, id: 5b2abda9 }, { name: c, id: 17 }]
    data_center_groups: [{ name: d, id: "urn:vcloud:x:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" }, { id: "urn:uuid:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" }]
    gateways: [{ name: e, id: "urn:vcloud:org:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4", owner: nobody }, { name: f, id: 00000000-0000-0000-0000-000000000000 }]
`,
    },
    findings: [
      'a.yaml:4:16: error: tenants[0].org.id: "urn:vcloud:vdc:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" is the id of an Org VDC, not of an organisation | write the UUID, or urn:vcloud:org:UUID',
      'a.yaml:5:31: error: tenants[0].org_vdcs[0].id: "urn:vcloud:vdcGroup:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" is the id of a Data Center Group, not of an Org VDC | write the UUID, or urn:vcloud:vdc:UUID',
      'a.yaml:5:108: error: tenants[0].org_vdcs[1].id: "5b2abda9" is not a UUID | write the UUID, or urn:vcloud:vdc:UUID',
      'a.yaml:5:135: error: tenants[0].org_vdcs[2].id: expected text, found a number | put it in quotes',
      'a.yaml:6:41: error: tenants[0].data_center_groups[0].id: "urn:vcloud:x:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" is of kind "x", not of a Data Center Group | write the UUID, or urn:vcloud:vdcGroup:UUID',
      'a.yaml:6:96: error: tenants[0].data_center_groups[1].name: is missing',
      'a.yaml:6:102: error: tenants[0].data_center_groups[1].id: "urn:uuid:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" is not an id of Cloud Director | write the UUID, or urn:vcloud:vdcGroup:UUID',
      'a.yaml:7:31: error: tenants[0].gateways[0].id: "urn:vcloud:org:5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4" is the id of an organisation, not of an edge gateway | write the UUID, or urn:vcloud:gateway:UUID',
      'a.yaml:7:118: error: tenants[0].gateways[1].id: the nil UUID is nobody’s id | write the UUID, or urn:vcloud:gateway:UUID',
    ],
  },
  {
    name: 'owners of gateways',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    org_vdcs: [{ name: prod, id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4 }, { name: twin, id: 11111111-aa2e-4745-a33b-b4b8fa1dc5f4 }]
    data_center_groups: [{ name: twin, id: 22222222-aa2e-4745-a33b-b4b8fa1dc5f4 }, { name: same, id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4 }]
    gateways:
      - { name: a, id: 33333333-aa2e-4745-a33b-b4b8fa1dc5f4, owner: twin }
      - { name: b, id: 44444444-aa2e-4745-a33b-b4b8fa1dc5f4, owner: prd }
      - { name: c, id: 55555555-aa2e-4745-a33b-b4b8fa1dc5f4 }
    labels: [X, X, " "]
    forwarders: [{ name: a, to: "udp://10.0.0.1" }]
`,
    },
    findings: [
      'a.yaml:5:102: error: tenants[0].data_center_groups[1].id: this id stands on line 4 already | remove one of them',
      'a.yaml:7:69: error: tenants[0].gateways[0].owner: "twin" is ambiguous: lines 4 and 5 have that name | write the id instead',
      'a.yaml:8:69: error: tenants[0].gateways[1].owner: this tenant has no Org VDC or Data Center Group "prd" | did you mean `prod`?',
      'a.yaml:9:9: warning: tenants[0].gateways[2]: without `owner` no gateway label can be composed for it | name the Org VDC or Data Center Group that it belongs to',
      'a.yaml:10:17: warning: tenants[0].labels[1]: label "X" stands on line 10 already | remove one of them',
      'a.yaml:10:20: error: tenants[0].labels[2]: a label must not be blank',
    ],
  },
  {
    name: 'the eleventh forwarder',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders:
      - { name: f0, to: "udp://10.0.0.1" }
      - { name: f1, to: "udp://10.0.0.2" }
      - { name: f2, to: "udp://10.0.0.3" }
      - { name: f3, to: "udp://10.0.0.4" }
      - { name: f4, to: "udp://10.0.0.5" }
      - { name: f5, to: "udp://10.0.0.6" }
      - { name: f6, to: "udp://10.0.0.7" }
      - { name: f7, to: "udp://10.0.0.8" }
      - { name: f8, to: "udp://10.0.0.9" }
      - { name: f9, to: "udp://10.0.0.10" }
      - { name: f10, to: "udp://10.0.0.11" }
      - { name: f11, to: "udp://10.0.0.12" }
`,
    },
    findings: [
      'a.yaml:15:9: error: tenants[0].forwarders[10]: tenant "acme" has 12 forwarders, at most 10 are allowed (`limits.forwarders_per_tenant`) | remove some or raise the limit',
    ],
  },
  {
    name: 'forwarders named alike',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders:
      - { name: siem, to: "udp://10.0.0.1" }
      - { name: siem, to: "udp://10.0.0.2" }
      - { name: SIEM, to: "udp://10.0.0.3" }
      - { name: -x, to: "udp://10.0.0.3" }
      - { to: "udp://10.0.0.3" }
`,
    },
    findings: [
      'a.yaml:6:17: error: tenants[0].forwarders[1].name: forwarder "siem" is named twice, first on line 5 | give each its own name',
      'a.yaml:7:17: error: tenants[0].forwarders[2].name: forwarder "SIEM" differs from "siem" on line 5 only in case | give each its own name',
      'a.yaml:8:17: error: tenants[0].forwarders[3].name: is not a name | use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
      'a.yaml:9:9: error: tenants[0].forwarders[4].name: is missing',
    ],
  },
  {
    name: 'targets that are none',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders:
      - { name: a, to: 10.0.0.1 }
      - { name: b, to: "ftp://10.0.0.1" }
      - { name: c, to: "tcp:10.0.0.1" }
      - { name: d, to: "tcp://10.0.0.1:99999" }
      - { name: e, to: "tls://[::1" }
      - { name: f, to: "https://" }
      - { name: g, to: "file:" }
      - { name: h, to: "file://host/x" }
      - { name: i, to: "udp://0.0.0.0" }
      - { name: j }
`,
    },
    findings: [
      'a.yaml:5:24: error: tenants[0].forwarders[0].to: has no scheme | write for example tls://siem.example.com:6514 or file:var/out/all.log',
      'a.yaml:6:24: error: tenants[0].forwarders[1].to: unknown scheme "ftp" | use one of udp, tcp, tls, relp, relp-tls, http, https, file',
      'a.yaml:7:24: error: tenants[0].forwarders[2].to: lacks `//` after the scheme | write tcp://HOST:PORT, for example tcp://10.0.0.1:514 or tcp://[2001:db8::1]:514',
      'a.yaml:8:24: error: tenants[0].forwarders[3].to: is not a host and port | write tcp://HOST:PORT, for example tcp://10.0.0.1:514 or tcp://[2001:db8::1]:514',
      'a.yaml:9:24: error: tenants[0].forwarders[4].to: is not a host and port | write tls://HOST:PORT, for example tls://10.0.0.1:6514 or tls://[2001:db8::1]:6514',
      'a.yaml:10:24: error: tenants[0].forwarders[5].to: is not a URL | write for example https://siem.example.com/path',
      'a.yaml:11:24: error: tenants[0].forwarders[6].to: names no file | write for example file:var/out/all.log',
      'a.yaml:12:24: error: tenants[0].forwarders[7].to: names a host for a file | write file:PATH, or file:///PATH from the root',
      'a.yaml:13:24: error: tenants[0].forwarders[8].to: 0.0.0.0 is no destination | write udp://HOST:PORT, for example udp://10.0.0.1:514 or udp://[2001:db8::1]:514',
      'a.yaml:14:9: error: tenants[0].forwarders[9].to: is missing',
    ],
  },
  {
    name: 'schemes and types of a later version',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders:
      - { name: a, to: "nats://10.0.0.1" }
      - { name: b, to: "kafka://10.0.0.1" }
      - { name: c, to: "https://10.0.0.1", type: otlp }
      - { name: d, to: "https://10.0.0.1", type: loki }
      - { name: e, to: "https://10.0.0.1", type: htpp }
      - { name: f, to: "tcp://10.0.0.1", type: http }
      - { name: g, to: "file:x", type: syslog }
`,
    },
    findings: [
      'a.yaml:5:24: error: tenants[0].forwarders[0].to: scheme nats is not supported by this version yet | use one of udp, tcp, tls, relp, relp-tls, http, https, file',
      'a.yaml:6:24: error: tenants[0].forwarders[1].to: scheme kafka is not supported by this version yet | use one of udp, tcp, tls, relp, relp-tls, http, https, file',
      'a.yaml:7:50: error: tenants[0].forwarders[2].type: type otlp is not supported by this version yet | use one of syslog, file, http, log-insight-cloud, splunk-hec, elasticsearch, cfapi',
      'a.yaml:8:50: error: tenants[0].forwarders[3].type: type loki is not supported by this version yet | use one of syslog, file, http, log-insight-cloud, splunk-hec, elasticsearch, cfapi',
      'a.yaml:9:50: error: tenants[0].forwarders[4].type: unknown type "htpp" | did you mean `http`?',
      'a.yaml:10:48: error: tenants[0].forwarders[5].type: type http does not go to tcp: | use http: or https:, or another type',
      'a.yaml:11:40: error: tenants[0].forwarders[6].type: type syslog does not go to file: | use udp: or tcp: or tls: or relp: or relp-tls:, or another type',
    ],
  },
  {
    name: 'settings that contradict each other',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders:
      - { name: a, to: "udp://10.0.0.1", replay: 4MiB, framing: newline, tls: {} }
      - { name: b, to: "https://10.0.0.1", framing: newline, rotate: {}, format: original }
      - { name: c, to: "tcp://10.0.0.1", token: { env: T }, gzip: true, headers: {}, batch: {} }
      - { name: d, to: "file:x", from_address: 10.0.0.1, concurrency: 2, framing: newline }
      - { name: e, to: "tls://10.0.0.1", tls: { certificate: a.yaml, ca: none.crt, fingerprint: "sha-256:abababababababababababababababababababababababababababababababab" } }
      - { name: f, to: "tcp://10.0.0.1", from_address: "::1", retry: { first: 1m }, spool: always, queue: { disk_max: 0B } }
      - { name: g, to: "https://10.0.0.1", type: log-insight-cloud, format: json }
      - { name: h, to: "tcp://10.0.0.1", from_address: nobody, concurrency: 0, scope: all }
`,
    },
    findings: [
      'a.yaml:5:42: error: tenants[0].forwarders[0].replay: has no meaning for udp | it is for tcp, tls: remove it',
      'a.yaml:5:56: error: tenants[0].forwarders[0].framing: has no meaning for udp | it is for tcp, tls: remove it',
      'a.yaml:5:74: error: tenants[0].forwarders[0].tls: has no meaning for udp | it is for tls, relp-tls, https: remove it',
      'a.yaml:6:44: error: tenants[0].forwarders[1].framing: has no meaning for https | it is for tcp, tls: remove it',
      'a.yaml:6:62: error: tenants[0].forwarders[1].rotate: has no meaning for https | it is for file: remove it',
      'a.yaml:6:82: error: tenants[0].forwarders[1].format: type http sends JSON, not original | write `format: json` or remove it',
      'a.yaml:7:42: error: tenants[0].forwarders[2].token: has no meaning for tcp | it is for http, https: remove it',
      'a.yaml:7:61: error: tenants[0].forwarders[2].gzip: has no meaning for tcp | it is for http, https: remove it',
      'a.yaml:7:73: error: tenants[0].forwarders[2].headers: has no meaning for tcp | it is for http, https: remove it',
      'a.yaml:7:86: error: tenants[0].forwarders[2].batch: has no meaning for tcp | it is for http, https: remove it',
      'a.yaml:8:34: error: tenants[0].forwarders[3].from_address: has no meaning for file | it is for udp, tcp, tls, relp, relp-tls, http, https: remove it',
      'a.yaml:8:71: error: tenants[0].forwarders[3].concurrency: a file is written by one delivery at a time | remove it',
      'a.yaml:8:74: error: tenants[0].forwarders[3].framing: has no meaning for file | it is for tcp, tls: remove it',
      'a.yaml:9:49: error: tenants[0].forwarders[4].tls.certificate: has no key | name its `key` beside it',
      'a.yaml:9:62: error: tenants[0].forwarders[4].tls.certificate: a.yaml holds no PEM certificate (error:0480006C:PEM routines::no start line) | name a file with `-----BEGIN CERTIFICATE-----`',
      'a.yaml:9:70: error: tenants[0].forwarders[4].tls.ca: is never asked: a fingerprint takes the place of the authority | keep `ca` or `fingerprint`',
      'a.yaml:9:74: error: tenants[0].forwarders[4].tls.ca: none.crt: there is no such file | check the path; relative ones start at the file that names them',
      'a.yaml:10:56: error: tenants[0].forwarders[5].from_address: is IPv6, the target is IPv4 | use addresses of one kind',
      'a.yaml:10:79: error: tenants[0].forwarders[5].retry.first: `retry.first` is longer than `retry.max` | raise `max` or lower `first`',
      'a.yaml:10:92: error: tenants[0].forwarders[5].spool: `always` writes to disk, and `queue.disk_max` is 0 | raise it or use `spool: overflow`',
      'a.yaml:11:9: error: tenants[0].forwarders[6].token: is missing | log-insight-cloud needs one: `token: { env: NAME }`',
      'a.yaml:11:69: error: tenants[0].forwarders[6].format: log-insight-cloud has a form of its own | remove it',
      'a.yaml:12:77: error: tenants[0].forwarders[7].concurrency: must be at least 1',
      'a.yaml:12:80: error: tenants[0].forwarders[7].scope: `scope` does not belong here | only the provider’s forwarders have a scope: a tenant’s see their own tenant’s events',
    ],
  },
  {
    name: 'a full spool of one tenant that would hold up the senders of all',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders: [{ name: a, to: "udp://10.0.0.1", spool: always, queue: { when_full: drop_newest } }]
`,
    },
    findings: [
      'a.yaml:4:86: warning: tenants[0].forwarders[0].queue.when_full: while the disk share of this forwarder is full, RELP and CFAPI senders of every tenant wait | use drop_oldest, unless that is meant',
    ],
  },
  {
    name: 'block is for the provider',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders: [{ name: a, to: "udp://10.0.0.1", queue: { when_full: block } }]
provider:
  forwarders: [{ name: a, to: "udp://10.0.0.1", queue: { when_full: block } }]
`,
    },
    findings: [
      'a.yaml:4:71: error: tenants[0].forwarders[0].queue.when_full: one tenant’s forwarder must not stop the others | use drop_oldest or drop_newest; block is for the provider’s forwarders',
      'a.yaml:6:69: warning: provider.forwarders[0].queue.when_full: while this forwarder is full, listeners stop reading and every tenant waits | use drop_oldest or drop_newest unless that is meant',
    ],
  },
  {
    name: 'secrets in the file',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - { name: a, to: "https://10.0.0.1", token: hunter2 }
    - { name: b, to: "https://10.0.0.1", headers: { Authorization: Basic hunter2, X-Api-Key: { env: K }, Host: x, "a b": c } }
    - { name: c, to: "https://me:hunter2@10.0.0.1" }
    - { name: d, to: "http://10.0.0.1", token: { env: T } }
    - { name: e, to: "https://10.0.0.1", type: log-insight-cloud, token: { env: MISSING } }
    - { name: f, to: "https://10.0.0.1", token: { file: none.txt } }
    - { name: g, to: { env: T } }
`,
    },
    findings: [
      'a.yaml:4:49: error: provider.forwarders[0].token: a token must not stand in a rules file | write `token: { env: NAME }` or `token: { file: PATH }`, and use another token: this one stands in a file',
      'a.yaml:5:68: error: provider.forwarders[1].headers.Authorization: the value of Authorization must not stand in a rules file | write { env: NAME } or { file: PATH }',
      'a.yaml:5:106: error: provider.forwarders[1].headers.Host: header Host is written by Logweir | remove it',
      'a.yaml:5:115: error: provider.forwarders[1].headers["a b"]: is not the name of a header',
      'a.yaml:6:22: error: provider.forwarders[2].to: holds a user name or password | use `token` or `headers` with { env: NAME }',
      'a.yaml:7:22: warning: provider.forwarders[3].to: a secret is sent without TLS | use https://',
      'a.yaml:8:81: error: environment variable "MISSING" is not set | set it for the process, or correct its name',
      'a.yaml:9:57: error: file none.txt: there is no such file | check the path; relative ones start at the file that names them',
      'a.yaml:10:22: error: provider.forwarders[6].to: has no scheme | write for example tls://siem.example.com:6514 or file:var/out/all.log',
    ],
  },
  {
    name: 'files that two forwarders write',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
    forwarders:
      - { name: a, to: "file:out/x.log" }
      - { name: b, to: "file:./out/../out/x.log" }
`,
      'b/c.yaml': `version: 1
provider:
  forwarders:
    - { name: all, to: "file:../out/x.log" }
`,
      'd.yaml': `version: 1
provider:
  forwarders:
    - { name: ALL, to: "udp://10.0.0.1" }
`,
    },
    findings: [
      'a.yaml:6:9: error: acme/b writes the file of acme/a | give each forwarder its own file',
      'b/c.yaml:4:7: error: provider/all writes the file of acme/a | give each forwarder its own file',
      'd.yaml:4:7: error: the provider’s forwarder "ALL" is named twice, first at b/c.yaml:4 | give each its own name',
    ],
  },
]
