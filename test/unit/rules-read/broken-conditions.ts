/** Broken conditions, streams and label formats, in the form of {@link BrokenRules}. */
import type { BrokenRules } from './broken-rules.ts'

export const BROKEN_CONDITIONS: readonly BrokenRules[] = [
  {
    name: 'fields that are none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { acton: DROP, id: 5, structured_data.x.y: z, "": 1, firewall.port: 5 }
`,
    },
    findings: [
      'a.yaml:6:16: error: provider.forwarders[0].where.acton: unknown field "acton" | did you mean `action`?',
      'a.yaml:6:29: error: provider.forwarders[0].where.id: cannot be asked: "id" is given when the event enters a batch, after conditions were asked',
      'a.yaml:6:60: error: provider.forwarders[0].where[""]: unknown field ""',
    ],
  },
  {
    name: 'operators that are none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { message: { matches: x, contain: y }, action: { not: PASS }, hostname: {}, label: null, site: [] }
`,
    },
    findings: [
      'a.yaml:6:39: error: provider.forwarders[0].where.message.contain: unknown operator "contain" | did you mean `contains`?',
      'a.yaml:6:63: error: provider.forwarders[0].where.action.not: unknown operator "not" | write `not` around the field, for example not: { action: PASS }',
      'a.yaml:6:86: error: provider.forwarders[0].where.hostname: an operator is missing | use a value or one of contains, starts_with, ends_with, matches, gt, gte, lt, lte, at_least, exists',
      'a.yaml:6:97: error: provider.forwarders[0].where.label: expected a value, found nothing | `exists: false` asks for an absent field',
      'a.yaml:6:109: error: provider.forwarders[0].where.site: an empty list matches nothing | name at least one value',
    ],
  },
  {
    name: 'patterns that only backtracking could match, each at its character',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where:
        all:
          - message: { matches: 'a(?=b)' }
          - message: { matches: "a\\\\b(?<!c)" }
          - message: { matches: ["ok", '(a)''\\1'] }
          - message:
              matches: |
                ab
                  c(?>d)
          - message: { matches: 'a++' }
          - message: { matches: 'x{1,2000}' }
          - message: { matches: '[z-a]' }
          - message: { matches: 'ab(' }
          - message: { matches: '' }
          - message: { matches: '(x{100}){10}' }
          - port: { matches: '4+' }
          - timestamp: { gt: yesterday }
          - timestamp: "2026-01-02T03:04:05Z"
`,
    },
    findings: [
      'a.yaml:8:35: error: provider.forwarders[0].where.all[0].message.matches: `(?=`: look-around needs backtracking, which an event could be written to abuse | ask with a second condition, or with `not`, for what must stand beside it',
      'a.yaml:9:38: error: provider.forwarders[0].where.all[1].message.matches: `(?<!`: look-around needs backtracking, which an event could be written to abuse | ask with a second condition, or with `not`, for what must stand beside it',
      'a.yaml:10:46: error: provider.forwarders[0].where.all[2].message.matches[1]: `\\1`: back-references need backtracking, which an event could be written to abuse | write the text that is meant again',
      'a.yaml:14:20: error: provider.forwarders[0].where.all[3].message.matches: `(?>`: there are no atomic groups | remove `?>`: nothing backtracks here',
      'a.yaml:15:35: error: provider.forwarders[0].where.all[4].message.matches: `++`: there are no possessive quantifiers | remove the second `+`: nothing backtracks here',
      'a.yaml:16:35: error: provider.forwarders[0].where.all[5].message.matches: invalid repeat count: "{1,2000}" | patterns have RE2’s syntax',
      'a.yaml:17:35: error: provider.forwarders[0].where.all[6].message.matches: invalid character class range: "z-a" | patterns have RE2’s syntax',
      'a.yaml:18:34: error: provider.forwarders[0].where.all[7].message.matches: missing closing ): "ab(" | patterns have RE2’s syntax',
      'a.yaml:19:34: error: provider.forwarders[0].where.all[8].message.matches: an empty pattern matches everything | use `exists: true`',
      'a.yaml:21:30: error: provider.forwarders[0].where.all[10].port.matches: `matches` is for texts, firewall.port is none | use a range such as "8000-8099"',
      'a.yaml:22:30: error: provider.forwarders[0].where.all[11].timestamp.gt: "yesterday" is no instant | write for example "2026-01-02T03:04:05Z", with its zone',
      'a.yaml:23:24: error: provider.forwarders[0].where.all[12].timestamp: an instant is compared with gt, gte, lt or lte | write for example { gte: "2026-01-02T03:04:05Z" }',
    ],
  },
  {
    name: 'names of conditions',
    files: {
      'a.yaml': `version: 1
conditions:
  refused: { action: [DROP, REJECT] }
  loud: { use: [loops, refused] }
  loops: { any: [{ use: loud }, { port: 1 }] }
  nothing: {}
  "no name": { port: 1 }
  unused: { acton: DROP }
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { use: [refusd, refused, 5], any: [{ use: [] }, { use: loud }] }
`,
      'b.yaml': `version: 1
conditions:
  refused: { action: PASS }
`,
    },
    findings: [
      'a.yaml:5:25: error: conditions.loops.any[0].use: condition "loud" uses itself | write out what is meant',
      'a.yaml:6:3: warning: conditions.nothing: no rule uses condition "nothing" | remove it, or name it with `use:`',
      'a.yaml:6:12: error: conditions.nothing: an empty condition holds for every event | name a field',
      'a.yaml:7:3: error: conditions["no name"]: "no name" is not a name | use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
      'a.yaml:8:3: warning: conditions.unused: no rule uses condition "unused" | remove it, or name it with `use:`',
      'a.yaml:8:13: error: conditions.unused.acton: unknown field "acton" | did you mean `action`?',
      'a.yaml:13:22: error: provider.forwarders[0].where.use[0]: there is no condition "refusd" | did you mean `refused`?',
      'a.yaml:13:39: error: provider.forwarders[0].where.use[2]: expected the name of a condition, found a number | conditions are named under `conditions:`',
      'a.yaml:13:56: error: provider.forwarders[0].where.any[0].use: names no condition | name at least one',
      'b.yaml:3:3: error: conditions.refused: condition "refused" is defined twice, first at a.yaml:3 | give each its own name',
    ],
  },
  {
    name: 'numbers that are none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { port: [https, -5, 70000, "9-8", "1-2-3"], severity: { at_least: bad }, facility: 24, rule_id: "1-x", length: { gt: 1.5 } }
`,
    },
    findings: [
      'a.yaml:6:23: error: provider.forwarders[0].where.port[0]: "https" is no number | write for example 443 or "8000-8099"',
      'a.yaml:6:30: error: provider.forwarders[0].where.port[1]: "-5" is no number | write for example 443 or "8000-8099"',
      'a.yaml:6:34: error: provider.forwarders[0].where.port[2]: 70000 is above 65535, the largest firewall.port',
      'a.yaml:6:41: error: provider.forwarders[0].where.port[3]: range "9-8" runs backwards | write "8-9"',
      'a.yaml:6:48: error: provider.forwarders[0].where.port[4]: "1-2-3" is no number | write for example 443 or "8000-8099"',
      'a.yaml:6:80: error: provider.forwarders[0].where.severity.at_least: "bad" is no severity | use one of emergency, emerg, panic, alert, critical, crit, error, err, warning, warn, notice, informational, info, debug',
      'a.yaml:6:97: error: provider.forwarders[0].where.facility: 24 is above 23, the largest facility',
      'a.yaml:6:131: error: provider.forwarders[0].where.length.gt: "1.5" is no number | write for example 443 or "8000-8099"',
    ],
  },
  {
    name: 'bounds that are none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { source_port: { gt: 10, lt: 5 }, length: { lt: 0 }, message: { gt: 5 }, severity: { gt: warning } }
`,
    },
    findings: [
      'a.yaml:6:29: error: provider.forwarders[0].where.source_port: no number is in this range',
      'a.yaml:6:62: error: provider.forwarders[0].where.length.lt: no number is below 0',
      'a.yaml:6:82: error: provider.forwarders[0].where.message.gt: `gt` is for numbers, message is none',
      'a.yaml:6:99: warning: provider.forwarders[0].where.severity.gt: severities count downwards: 0 is emergency | `at_least: warning` is warning or worse',
    ],
  },
  {
    name: 'texts of fields that are none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { source_ip: { starts_with: "10." }, port: { contains: 4 }, message: { contains: "" }, hostname: { ends_with: [] }, valid: yes }
`,
    },
    findings: [
      'a.yaml:6:42: error: provider.forwarders[0].where.source_ip.starts_with: `starts_with` is for texts, firewall.source_ip is none | use a network such as 10.1.0.0/16',
      'a.yaml:6:69: error: provider.forwarders[0].where.port.contains: `contains` is for texts, firewall.port is none | use a range such as "8000-8099"',
      'a.yaml:6:95: error: provider.forwarders[0].where.message.contains: an empty text is in every text | use `exists: true`',
      'a.yaml:6:124: error: provider.forwarders[0].where.hostname.ends_with: an empty list matches nothing | name at least one text',
      'a.yaml:6:137: error: provider.forwarders[0].where.valid: expected true or false, found "yes"',
    ],
  },
  {
    name: 'addresses that are none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { source_ip: [10.0.0.0/8, 10.1.2.3/8, host, "10.0.0.1-10.0.0.9"], peer: fe80::/129 }
`,
    },
    findings: [
      'a.yaml:6:40: warning: provider.forwarders[0].where.source_ip[1]: 10.1.2.3/8 has bits set behind its prefix and means 10.0.0.0/8 | write 10.0.0.0/8',
      'a.yaml:6:52: error: provider.forwarders[0].where.source_ip[2]: "host" is not an address or network, as firewall.source_ip needs | write for example 10.0.0.0/8',
      'a.yaml:6:58: error: provider.forwarders[0].where.source_ip[3]: "10.0.0.1-10.0.0.9" is not an address or network, as firewall.source_ip needs | write for example 10.0.0.0/8',
      'a.yaml:6:86: error: provider.forwarders[0].where.peer: "fe80::/129" is not an address or network, as peer needs | write for example 10.0.0.0/8',
    ],
  },
  {
    name: 'nesting that is none',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { any: { action: DROP }, all: [], not: [], hostname: a }
`,
    },
    findings: [
      'a.yaml:6:21: error: provider.forwarders[0].where.any: expected a list of conditions, found a mapping | write any: [{ … }, { … }]',
      'a.yaml:6:44: error: provider.forwarders[0].where.all: an empty `all` decides nothing | name at least one condition',
      'a.yaml:6:53: error: provider.forwarders[0].where.not: expected a mapping of fields, found a list | write any: […] or all: […]',
    ],
  },
  {
    name: 'an empty condition inside',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { any: [{}, 5] }
`,
    },
    findings: [
      'a.yaml:6:22: error: provider.forwarders[0].where.any[0]: an empty condition holds for every event | name a field',
      'a.yaml:6:26: error: provider.forwarders[0].where.any[1]: expected a mapping of fields, found a number | write for example { action: DROP }',
    ],
  },
  {
    name: 'streams that do not exist',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { stream: [nsxt.dwf, other, nsxt.gateway, zzz] }
`,
    },
    findings: [
      'a.yaml:6:25: error: provider.forwarders[0].where.stream[0]: there is no stream "nsxt.dwf" | did you mean `nsxt.dfw`?',
      'a.yaml:6:56: error: provider.forwarders[0].where.stream[3]: there is no stream "zzz" | use one of other, nsxv.dfw, nsxt.dfw, nsxt.gateway, nsxv.edge, cf, nsxt.edge, nsxt.agent, nsxv.manager, nsxt.manager, vcenter, esxi, vcd',
    ],
  },
  {
    name: 'a `not` that surprises',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { not: { action: PASS } }
`,
    },
    findings: [
      '.: warning: no tenants: every event is an orphan',
      'a.yaml:6:23: warning: provider.forwarders[0].where.not.action: `not` also holds for every event without action | add `action: { exists: true }` or a `stream` beside it',
    ],
  },
  {
    name: 'an action that nobody writes',
    files: {
      'a.yaml': `version: 1
provider:
  forwarders:
    - name: all
      to: udp://10.0.0.1
      where: { action: [drop, BLOCK], direction: INN }
`,
    },
    findings: [
      '.: warning: no tenants: every event is an orphan',
      'a.yaml:6:31: warning: provider.forwarders[0].where.action[1]: no firewall writes firewall.action "BLOCK": this never matches | use one of PASS, DROP, REJECT, NAT, NONAT, RDR, NORDR, PUNT, REDIRECT, COPY, PBR, LB, ACCEPT, SNAT, DNAT',
      'a.yaml:6:50: warning: provider.forwarders[0].where.direction: no firewall writes firewall.direction "INN": this never matches | did you mean `IN`?',
    ],
  },
  {
    name: 'streams and formats',
    files: {
      'a.yaml': `version: 1
streams:
  - { name: a, match: [{}] }
  - { name: b, grammar: dfw, match: [{ program: x }], label: rst, label_formats: [vcd.dwf] }
  - { name: c, match: [{ program: x, ruleset: y }], label: rest }
  - { name: d, match: [{ program: x }], label_formats: [vcd.dfw] }
  - { name: other, match: [{ program: x }] }
  - { name: e, match: [] }
  - { name: f, match: [{ program: x, prog: y, body: cfw }] }
  - { name: esxi, match: [{ program: x }] }
  - { name: esxi, match: [{ program: x }] }
label_formats:
  - { name: a, of: org_vdc, parts: [{ take: owner_id }, { take: name, alone: true }, { take: id, first: 4, alone: true }] }
  - { name: b, of: vdc, parts: [], separators: [] }
`,
    },
    findings: [
      'a.yaml:3:24: error: streams[0].match[0]: would match every event | name at least one key',
      'a.yaml:4:62: error: streams[1].label: unknown capture "rst" | did you mean `rest`?',
      'a.yaml:5:38: error: streams[2].match[0].ruleset: asks for a firewall grammar | set `grammar` or `body`',
      'a.yaml:5:60: error: streams[2].label: without a firewall grammar there is no label | set `grammar` or `label: none`',
      'a.yaml:6:41: error: streams[3].label_formats: are never asked: this stream has no label | set `label: rest` or remove them',
      'a.yaml:7:13: error: streams[4].name: `other` is what no stream recognises | choose another name',
      'a.yaml:8:23: error: streams[5].match: must not be empty',
      'a.yaml:9:38: error: streams[6].match[0].prog: unknown key "prog" | known keys: program, msg_id, proc_id, header, structured_data, message, contains, body, ruleset',
      'a.yaml:9:53: error: streams[6].match[0].body: "cfw" is not one of dfw, gateway, nsxv_edge, esxi, vcenter, nsx, vcd, cf | did you mean `dfw`?',
      'a.yaml:10:13: warning: streams[7].name: takes the place of the shipped stream "esxi" | write `replaces: …` in it, and `check` says when the shipped one changes',
      'a.yaml:11:13: error: streams[8].name: stream "esxi" is defined twice, first at a.yaml:10 | keep one of them',
      'a.yaml:13:45: error: label_formats[0].parts[0].take: only a gateway has an owner, this is a format of org_vdc | use name or id',
      'a.yaml:13:78: error: label_formats[0].parts[1].alone: a name identifies nobody: tenants choose names | set it on an id',
      'a.yaml:13:105: error: label_formats[0].parts[2].first: 4 characters of an id identify nobody alone | take at least 8',
      'a.yaml:14:20: error: label_formats[1].of: "vdc" is not one of org_vdc, data_center_group, gateway, org',
      'a.yaml:14:32: error: label_formats[1].parts: must not be empty',
      'a.yaml:14:48: error: label_formats[1].separators: must not be empty',
    ],
  },
  {
    name: 'inner fields: captures, grammars without labels, fields of conditions',
    files: {
      'a.yaml': `version: 1
streams:
  - { name: a, grammar: vcd, match: [{ program: x }], captures: { usr: { after: "u=" } } }
  - { name: b, grammar: dfw, match: [{ program: x }], captures: { user: { after: "u=" } } }
  - { name: c, grammar: esxi, match: [{ program: x, ruleset: y }], label: rest }
  - { name: d, grammar: vcd, match: [{ program: x }], captures: { user: { after: [], until: "ü" } } }
provider:
  forwarders:
    - { name: all, to: "udp://10.0.0.1", where: { esxi.usr: root, vcenter: x, esxi.source_port: ssh } }
`,
    },
    findings: [
      'a.yaml:3:67: error: streams[0].captures.usr: `grammar: vcd` has no field "usr" | did you mean `user`?',
      'a.yaml:4:67: error: streams[1].captures.user: `grammar: dfw` has no field "user" | set `grammar` to one with inner fields: esxi, vcenter, nsx, vcd, cf',
      'a.yaml:5:53: error: streams[2].match[0].ruleset: asks for a firewall grammar | set `grammar` or `body`',
      'a.yaml:5:75: error: streams[2].label: without a firewall grammar there is no label | set `grammar` or `label: none`',
      'a.yaml:6:82: error: streams[3].captures.user.after: must not be empty',
      'a.yaml:6:93: error: streams[3].captures.user.until: is not a set of characters | name 1 to 32 ASCII characters',
      'a.yaml:9:51: error: provider.forwarders[0].where.esxi.usr: unknown field "esxi.usr" | did you mean `esxi.user`?',
      'a.yaml:9:67: error: provider.forwarders[0].where.vcenter: cannot be asked: "vcenter" holds fields: name one, for example `vcenter.event_id`',
      'a.yaml:9:97: error: provider.forwarders[0].where.esxi.source_port: "ssh" is no number | write for example 443 or "8000-8099"',
    ],
  },
  {
    name: 'kinds that are wrong',
    files: {
      'a.yaml': `version: 1
tenants: { name: acme }
provider: []
streams: x
`,
      'b.yaml': `just text
`,
      'c.yaml': `# nothing
`,
      'd.yaml': `tenants: [5, null]
`,
    },
    findings: [
      'a.yaml:2:10: error: tenants: expected a list, found a mapping | begin each entry with `- `',
      'a.yaml:3:11: error: provider: expected a mapping, found a list | write `provider:` and `forwarders:` below it',
      'a.yaml:4:10: error: streams: expected a list, found text | begin each entry with `- `',
      'b.yaml:1:1: error: expected a mapping, found text | begin with `version: 1`',
      'd.yaml:1:1: error: version: is missing | begin with `version: 1`',
      'd.yaml:1:11: error: tenants[0]: expected a mapping, found a number | begin with `- name:`',
      'd.yaml:1:14: error: tenants[1]: expected a mapping, found nothing | begin with `- name:`',
    ],
  },
  {
    name: 'a tenant without forwarders, and nothing else',
    files: {
      'a.yaml': `version: 1
tenants:
  - name: acme
`,
    },
    findings: [
      'a.yaml:3:5: warning: tenants[0]: tenant acme has no forwarders: its events go to the provider only',
    ],
  },
  {
    name: 'no tenants',
    files: {
      'a.yaml': `version: 1
`,
    },
    findings: ['.: warning: no tenants: every event is an orphan'],
  },
  {
    name: 'syntax errors in two files',
    files: {
      'a.yaml': `version: 1
tenants: [
`,
      'b/b.yml': `a: 1
a: 2
`,
      'c.test.yaml': `][`,
    },
    findings: [
      'a.yaml:2:10: error: `[` is opened here and not closed | add `]` where it ends',
      'b/b.yml:2:1: error: this key stands twice in one mapping, first on line 1 | keep one of them',
    ],
  },
]
