/** Broken configurations, and every finding that loading each must give: one line a finding, `place: level: message | hint`. */

export interface BrokenSettings {
  readonly name: string
  readonly text: string
  readonly findings: readonly string[]
}

export const BROKEN_SETTINGS: readonly BrokenSettings[] = [
  {
    name: 'an unknown key, with the nearest',
    text: `version: 1
listeners:
  - { name: a, transport: udp, bind: "[::]:5514", allow: ["10.0.0.0/8"], recieve_buffer: 4MiB }
sources: [{ name: s, from: [10.0.0.0/8] }]
quue: {}
`,
    findings: [
      'logweir.yaml:3:74: error: listeners[0].recieve_buffer: unknown key "recieve_buffer" | did you mean `receive_buffer`?',
      'logweir.yaml:5:1: error: quue: unknown key "quue" | did you mean `queue`?',
    ],
  },
  {
    name: 'a size and a time without a unit',
    text: `version: 1
listeners:
  - name: a
    transport: tcp
    bind: "[::]:5514"
    allow: [10.0.0.0/8]
    frame_max: 65536
    frame_timeout: 30
sources: [{ name: s, from: [10.0.0.0/8] }]
batch: { bytes: 64KB, age: 100 ms }
queue: { memory_max: lots, spill_after: 0.1ms }
`,
    findings: [
      'logweir.yaml:7:16: error: listeners[0].frame_max: a size needs its unit, 65536 has none | write for example `64KiB`',
      'logweir.yaml:8:20: error: listeners[0].frame_timeout: a time needs its unit, 30 has none | write for example `30s`',
      'logweir.yaml:10:17: error: batch.bytes: unknown unit in "64KB" | write 64KiB: units are B, KiB, MiB, GiB and TiB',
      'logweir.yaml:11:22: error: queue.memory_max: "lots" is not a size | write for example 64KiB, 4MiB or 10GiB',
      'logweir.yaml:11:41: error: queue.spill_after: "0.1ms" is not a whole number of milliseconds | use a smaller unit or a smaller number',
    ],
  },
  {
    name: 'transports that are none',
    text: `version: 1
listeners:
  - { name: a, transport: cfapi, bind: "[::]:1", allow: ["::1"], sessions: { users: [{ name: n, password: p }] } }
  - { name: b, transport: cfapi-tls, bind: "[::]:2", allow: ["::1"], framing: auto }
  - { name: c, transport: tpc, bind: "[::]:3", allow: ["::1"] }
  - { name: d, bind: "[::]:4", allow: ["::1"] }
  - { name: e, transport: tcp, bind: "[::]:5", allow: ["::1"], proxy_from: [balancer] }
sources: [{ name: s, from: [10.0.0.0/8] }]
`,
    findings: [
      'logweir.yaml:3:107: error: listeners[0].sessions.users[0].password: a password must not stand in the configuration | write `password: { env: NAME }` or `{ file: PATH }`, and use another one: this one stands in a file',
      'logweir.yaml:4:5: error: listeners[1].tls: is missing',
      'logweir.yaml:4:70: error: listeners[1].framing: `framing` does not belong here | it is for transport tcp and tls: RELP and CFAPI have frames of their own',
      'logweir.yaml:5:27: error: listeners[2].transport: unknown transport "tpc" | did you mean `tcp`?',
      'logweir.yaml:6:5: error: listeners[3].transport: is missing | use one of udp, tcp, tls, relp, relp-tls, cfapi, cfapi-tls',
      'logweir.yaml:7:77: error: listeners[4].proxy_from[0]: "balancer" is not an address or network | write for example 10.0.0.0/8 or 2001:db8::/32',
    ],
  },
  {
    name: 'keys of another transport',
    text: `version: 1
listeners:
  - { name: a, transport: udp, bind: "[::]:1", allow: ["::1"], framing: auto, tls: {} }
  - { name: b, transport: tcp, bind: "[::]:1", allow: ["::1"], receive_buffer: 4MiB, tls: {} }
sources: [{ name: s, from: [10.0.0.0/8] }]
`,
    findings: [
      'logweir.yaml:3:64: error: listeners[0].framing: `framing` does not belong here | it is for transport tcp and tls: UDP has one event a datagram',
      'logweir.yaml:3:79: error: listeners[0].tls: `tls` does not belong here | it is for transport tls, relp-tls and cfapi-tls',
      'logweir.yaml:4:64: error: listeners[1].receive_buffer: `receive_buffer` does not belong here | it is for transport udp: the kernel sizes TCP buffers by itself',
      'logweir.yaml:4:86: error: listeners[1].tls: `tls` does not belong here | it is for transport tls, relp-tls and cfapi-tls',
    ],
  },
  {
    name: 'names twice and ports twice',
    text: `version: 1
listeners:
  - { name: a, transport: udp, bind: "[::]:5514", allow: ["::1"] }
  - { name: a, transport: tcp, bind: "[::]:5514", allow: ["::1"] }
  - { name: b, transport: tcp, bind: "127.0.0.1:5514", allow: ["::1"] }
  - { name: c, transport: tcp, bind: "127.0.0.1:8514", allow: ["::1"] }
sources:
  - { name: s, from: [10.0.0.0/8] }
  - { name: s, from: [11.0.0.0/8] }
`,
    findings: [
      'logweir.yaml:1:1: error: admin.bind: the admin address binds tcp port 8514, which listener c has already | use another port or address',
      'logweir.yaml:4:13: error: listeners[1].name: listener "a" is named twice, first on line 3 | give each its own name',
      'logweir.yaml:5:38: error: listeners[2].bind: listener b binds tcp port 5514, which listener a has already | use another port or address',
      'logweir.yaml:9:13: error: sources[1].name: source "s" is named twice, first on line 8 | give each its own name',
    ],
  },
  {
    name: 'addresses that are none',
    text: `version: 1
listeners:
  - { name: a, transport: udp, bind: "5514", allow: [10.0.0.0/33, "10.1.2.3/8", localhost] }
sources: [{ name: s, from: [10.0.0, "fe80::1%eth0"], zone: Mars/Olympus }]
admin: { bind: "127.0.0.1" }
`,
    findings: [
      'logweir.yaml:3:38: error: listeners[0].bind: "5514" is not an address and port | write address:port, for example "[::]:5514" or 10.0.0.1:5514',
      'logweir.yaml:3:54: error: listeners[0].allow[0]: "10.0.0.0/33" is not an address or network | write for example 10.0.0.0/8 or 2001:db8::/32',
      'logweir.yaml:3:81: error: listeners[0].allow[2]: "localhost" is not an address or network | write for example 10.0.0.0/8 or 2001:db8::/32',
      'logweir.yaml:4:29: error: sources[0].from[0]: "10.0.0" is not an address or network | write for example 10.0.0.0/8 or 2001:db8::/32',
      'logweir.yaml:4:37: error: sources[0].from[1]: "fe80::1%eth0" is not an address or network | write for example 10.0.0.0/8 or 2001:db8::/32',
      'logweir.yaml:4:60: error: sources[0].zone: "Mars/Olympus" is not a time zone | use an IANA name such as UTC or Europe/Berlin',
      'logweir.yaml:5:16: error: admin.bind: "127.0.0.1" is not an address and port | write address:port, for example 127.0.0.1:8514, or unix:PATH',
    ],
  },
  {
    name: 'nobody is refused',
    text: `version: 1
listeners:
  - { name: a, transport: udp, bind: "[::]:5514" }
`,
    findings: [
      'logweir.yaml:1:1: warning: sources: no `sources`: every admitted peer may send every stream and carry labels of every tenant | list the ESXi hosts and edge nodes under `sources:`',
      'logweir.yaml:3:5: warning: listeners[0]: listener a takes events from anyone | name the senders with `allow: [network, …]`',
    ],
  },
  {
    name: 'an empty list of senders',
    text: `version: 1
listeners:
  - { name: a, transport: udp, bind: "[::]:5514", allow: [] }
sources: [{ name: s, from: [] , streams: [] }]
`,
    findings: [
      'logweir.yaml:3:58: error: listeners[0].allow: allows nobody | name networks, or leave it out to allow anyone',
      'logweir.yaml:4:28: error: sources[0].from: names no peer',
      'logweir.yaml:4:42: error: sources[0].streams: lists no stream | leave it out to allow every stream',
    ],
  },
  {
    name: 'no listeners',
    text: `version: 1
sources: [{ name: s, from: [10.0.0.0/8] }]
`,
    findings: ['logweir.yaml:1:1: error: listeners: is missing | name at least one listener'],
  },
  {
    name: 'an empty file',
    text: ``,
    findings: [
      'logweir.yaml:1:1: error: expected a mapping, found nothing | begin with `version: 1` and `listeners:`',
    ],
  },
  {
    name: 'a list where a mapping belongs',
    text: `- version: 1
`,
    findings: [
      'logweir.yaml:1:1: error: expected a mapping, found a list | begin with `version: 1` and `listeners:`',
    ],
  },
  {
    name: 'the wrong version and kinds',
    text: `version: 2
listeners: {}
sources: 5
workers: many
rules: [a]
log: { level: verbose, format: jsn }
`,
    findings: [
      'logweir.yaml:1:10: error: version: only version 1 is known | write `version: 1`',
      'logweir.yaml:2:12: error: listeners: expected a list, found a mapping | begin each entry with `- `',
      'logweir.yaml:3:10: error: sources: expected a list, found a number | begin each entry with `- `',
      'logweir.yaml:4:10: error: workers: expected a number, found text',
      'logweir.yaml:5:8: error: rules: expected text, found a list',
      'logweir.yaml:6:15: error: log.level: "verbose" is not one of debug, info, warn, error',
      'logweir.yaml:6:32: error: log.format: "jsn" is not one of json, pretty | did you mean `json`?',
    ],
  },
  {
    name: 'a TLS listener without a certificate',
    text: `version: 1
listeners:
  - { name: a, transport: tls, bind: "[::]:6514", allow: ["::1"] }
  - { name: b, transport: tls, bind: "[::]:6515", allow: ["::1"], tls: { certificate: none.crt, key: none.key } }
  - { name: c, transport: tls, bind: "[::]:6516", allow: ["::1"], tls: { certificate: logweir.yaml, key: logweir.yaml } }
  - { name: d, transport: tls, bind: "[::]:6517", allow: ["::1"], tls: { certificate: logweir.yaml, key: none.key, generate: true } }
sources: [{ name: s, from: [10.0.0.0/8] }]
`,
    findings: [
      'logweir.yaml:3:5: error: listeners[0].tls: is missing',
      'logweir.yaml:4:87: error: listeners[1].tls.certificate: none.crt: there is no such file | check the path; relative ones start at the file that names them',
      'logweir.yaml:4:102: error: listeners[1].tls.key: none.key: there is no such file | check the path; relative ones start at the file that names them',
      'logweir.yaml:5:87: error: listeners[2].tls.certificate: logweir.yaml holds no PEM certificate (error:0480006C:PEM routines::no start line) | name a file with `-----BEGIN CERTIFICATE-----`',
      'logweir.yaml:5:106: error: listeners[2].tls.key: logweir.yaml holds no usable PEM private key | name a file with `-----BEGIN PRIVATE KEY-----`',
      'logweir.yaml:6:106: error: listeners[3].tls.key: none.key is missing while its counterpart is there: `generate` makes both or none | put it back, or remove the other one too',
    ],
  },
  {
    name: 'client certificates that cannot work',
    text: `version: 1
listeners:
  - name: a
    transport: tls
    bind: "[::]:6514"
    allow: ["::1"]
    tls: { certificate: a.crt, key: a.key, generate: true, client_auth: required }
  - name: b
    transport: tls
    bind: "[::]:6515"
    allow: ["::1"]
    tls: { certificate: a.crt, key: a.key, generate: true, client_auth: none, client_fingerprints: ["sha-1:00", "sha-256:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"] }
  - name: c
    transport: tls
    bind: "[::]:6516"
    allow: ["::1"]
    tls: { certificate: a.crt, key: a.key, generate: true, client_auth: none, client_fingerprints: ["sha-256:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"] }
sources: [{ name: s, from: [10.0.0.0/8] }]
`,
    findings: [
      'logweir.yaml:7:73: error: listeners[0].tls.client_auth: nobody could be admitted: no authority and no fingerprint is named | name `client_ca` or `client_fingerprints`',
      'logweir.yaml:12:101: error: listeners[1].tls.client_fingerprints[0]: is not a SHA-256 fingerprint | only SHA-256 is believed; `openssl x509 -noout -fingerprint -sha256` prints it',
      'logweir.yaml:17:100: error: listeners[2].tls.client_fingerprints: is never asked while `client_auth` is none | set `client_auth: required` or remove it',
    ],
  },
  {
    name: 'memory that does not go together',
    text: `version: 1
listeners:
  - { name: a, transport: tcp, bind: "[::]:5514", allow: ["::1"], frame_max: 16MiB }
sources: [{ name: s, from: [10.0.0.0/8] }]
queue: { memory_max: 8MiB, spill_after: 50ms }
batch: { bytes: 8MiB, age: 100ms }
spool: { disk_max: 2MiB }
`,
    findings: [
      'logweir.yaml:3:78: error: listeners[0].frame_max: a frame of 16MiB does not fit twice into queue.memory_max (8MiB) | lower `frame_max` or raise `queue.memory_max`',
      'logweir.yaml:6:17: error: batch.bytes: a batch of 8MiB does not fit twice into queue.memory_max (8MiB) | lower `batch.bytes` or raise `queue.memory_max`',
      'logweir.yaml:6:28: warning: batch.age: a batch may grow older than `queue.spill_after` before it is sealed | keep `batch.age` below `queue.spill_after`',
      'logweir.yaml:7:20: error: spool.disk_max: is smaller than one batch | raise `spool.disk_max` or lower `batch.bytes`',
    ],
  },
  {
    name: 'syntax errors, all at once',
    text: `version: 1
version: 1
listeners:
\t- name: a
log: { level: info
`,
    findings: [
      'logweir.yaml:2:1: error: this key stands twice in one mapping, first on line 1 | keep one of them',
      'logweir.yaml:4:1: error: a tab indents this line | YAML indents with blanks',
      'logweir.yaml:5:6: error: `{` is opened here and not closed | add `}` where it ends',
    ],
  },
  {
    name: 'a second document',
    text: `version: 1
---
version: 1
`,
    findings: [
      'logweir.yaml:2:1: error: a second document begins here | one file holds one document: remove `---`',
    ],
  },
  {
    name: 'references that lead nowhere',
    text: `version: 1
listeners:
  - { name: { env: NOT_SET }, transport: udp, bind: { file: none.txt }, allow: ["::1"] }
sources: [{ name: s, from: [10.0.0.0/8] }]
workers: { env: LOGWEIR_WORKERS }
admin: { bind: { env: 5 } }
`,
    findings: [
      'logweir.yaml:3:20: error: environment variable "NOT_SET" is not set | set it for the process, or correct its name',
      'logweir.yaml:3:61: error: file none.txt: there is no such file | check the path; relative ones start at the file that names them',
      'logweir.yaml:5:10: error: workers: expected a number, found text',
      'logweir.yaml:6:23: error: `env` takes the name of a variable',
    ],
  },
  {
    name: 'names that are no names',
    text: `version: 1
listeners:
  - { name: "../etc", transport: udp, bind: "[::]:1", allow: ["::1"] }
  - { name: 7, transport: udp, bind: "[::]:2", allow: ["::1"] }
sources: [{ name: "", from: [10.0.0.0/8] }]
`,
    findings: [
      'logweir.yaml:3:13: error: listeners[0].name: is not a name | use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
      'logweir.yaml:4:13: error: listeners[1].name: expected text, found a number | put it in quotes',
      'logweir.yaml:5:19: error: sources[0].name: is not a name | use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
    ],
  },
  {
    name: 'limits out of bounds',
    text: `version: 1
listeners:
  - { name: a, transport: tcp, bind: "[::]:1", allow: ["::1"], frame_max: 100B, connections_max: 0, rate_max: 1.5, idle_timeout: 1ms }
sources: [{ name: s, from: [10.0.0.0/8] }]
workers: 65
limits: { forwarders_per_tenant: -1, file_max: 1EiB }
`,
    findings: [
      'logweir.yaml:3:75: error: listeners[0].frame_max: must be at least 480B',
      'logweir.yaml:3:98: error: listeners[0].connections_max: must be at least 1',
      'logweir.yaml:3:111: error: listeners[0].rate_max: expected a whole number, found a number',
      'logweir.yaml:3:130: error: listeners[0].idle_timeout: must be at least 1s',
      'logweir.yaml:5:10: error: workers: must be at most 64',
      'logweir.yaml:6:34: error: limits.forwarders_per_tenant: must be at least 1',
      'logweir.yaml:6:48: error: limits.file_max: unknown unit in "1EiB" | units are B, KiB, MiB, GiB and TiB',
    ],
  },
]
