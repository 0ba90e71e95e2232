import { expect, test } from 'vitest'
import type { Condition } from '../../../src/rules/plan.ts'
import { rulesOf } from '../../support/findings.ts'

/** The condition of a `where`, written as YAML in flow style. */
function where(text: string): Condition | null {
  const { read, lines } = rulesOf(`version: 1
provider: { forwarders: [{ name: a, to: "udp://10.0.0.1", where: ${text} }] }
`)
  expect(lines).toEqual(['.: warning: no tenants: every event is an orphan'])
  return read.model?.provider[0]?.where ?? null
}

const TOP = Number.MAX_SAFE_INTEGER

test.each([
  ['{}', null],
  ['{ action: DROP }', { op: 'equals', field: 'firewall.action', values: ['DROP'] }],
  [
    '{ firewall.action: [REJECT, drop, DROP] }',
    { op: 'equals', field: 'firewall.action', values: ['DROP', 'REJECT'] },
  ],
  ['{ message: { matches: ["b+", "a", "b+"] } }', { op: 'matches', field: 'message', values: ['a', 'b+'] }],
  [
    '{ structured_data.nsx@6876.comp: nsx-edge }',
    { op: 'equals', field: 'structured_data.nsx@6876 comp', values: ['nsx-edge'] },
  ],
  [
    '{ structured_data: { "a.b@1": { c.d: { gte: 5 } } } }',
    { op: 'between', field: 'structured_data.a.b@1 c.d', ranges: [[5, TOP]] },
  ],
  [
    '{ owner.org_vdc.id: "URN:vcloud:vdc:5B2ABDA9-aa2e-4745-a33b-b4b8fa1dc5f4" }',
    { op: 'equals', field: 'owner.org_vdc.id', values: ['5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'] },
  ],
  [
    '{ timestamp: { gte: "1970-01-01T00:00:01Z", lt: "1970-01-01T01:00:02+01:00" } }',
    { op: 'between', field: 'timestamp', ranges: [[1000, 1999]] },
  ],
  ['{ version: 1 }', { op: 'between', field: 'version', ranges: [[1, 1]] }],
  ['{ port: 443 }', { op: 'between', field: 'firewall.port', ranges: [[443, 443]] }],
  ['{ port: "443" }', { op: 'between', field: 'firewall.port', ranges: [[443, 443]] }],
  [
    '{ destination_port: ["8000-8099", 443, 8100, "8050 - 8200"] }',
    {
      op: 'between',
      field: 'firewall.destination_port',
      ranges: [
        [443, 443],
        [8000, 8200],
      ],
    },
  ],
  ['{ length: { gt: 100, lte: 200 } }', { op: 'between', field: 'firewall.length', ranges: [[101, 200]] }],
  ['{ bytes_out: { gte: 5 } }', { op: 'between', field: 'firewall.bytes_out', ranges: [[5, TOP]] }],
  ['{ severity: warning }', { op: 'between', field: 'severity', ranges: [[4, 4]] }],
  ['{ severity: { at_least: Warning } }', { op: 'between', field: 'severity', ranges: [[0, 4]] }],
  ['{ severity: { at_least: 3 } }', { op: 'between', field: 'severity', ranges: [[0, 3]] }],
  [
    '{ facility: [local6, 4] }',
    {
      op: 'between',
      field: 'facility',
      ranges: [
        [4, 4],
        [22, 22],
      ],
    },
  ],
  [
    '{ source_port: { at_least: 1024 } }',
    { op: 'between', field: 'firewall.source_port', ranges: [[1024, TOP]] },
  ],
  ['{ source_ip: 10.0.0.1 }', { op: 'network', field: 'firewall.source_ip', networks: ['10.0.0.1/32'] }],
  [
    '{ address: ["FE80::/10", 10.0.0.0/8] }',
    { op: 'network', field: 'firewall.address', networks: ['10.0.0.0/8', 'fe80::/10'] },
  ],
  ['{ rule_id: 3061 }', { op: 'equals', field: 'firewall.rule_id', values: ['3061'] }],
  [
    '{ rule_id: [default, "3000-3999"] }',
    {
      op: 'any',
      of: [
        { op: 'between', field: 'firewall.rule_id', ranges: [[3000, 3999]] },
        { op: 'equals', field: 'firewall.rule_id', values: ['default'] },
      ],
    },
  ],
  [
    '{ hostname: { starts_with: [esx, ed] } }',
    { op: 'starts_with', field: 'hostname', values: ['ed', 'esx'] },
  ],
  ['{ message: { contains: "a b" } }', { op: 'contains', field: 'message', values: ['a b'] }],
  ['{ label: { exists: false } }', { op: 'exists', field: 'label', present: false }],
  ['{ valid: true }', { op: 'equals', field: 'valid', values: ['true'] }],
  ['{ stream: [other, nsxt.dfw] }', { op: 'equals', field: 'stream', values: ['nsxt.dfw', 'other'] }],
  ['{ owner.org_vdc.name: acme-prod }', { op: 'equals', field: 'owner.org_vdc.name', values: ['acme-prod'] }],
  ['{ not: { not: { hostname: a } } }', { op: 'equals', field: 'hostname', values: ['a'] }],
])('%s', (text, condition) => {
  expect(where(text)).toEqual(condition)
})

test('several fields must all hold; any, all and not nest', () => {
  expect(
    where('{ stream: nsxt.dfw, any: [{ action: DROP }, { port: 22, not: { peer: 10.0.0.0/8 } }] }'),
  ).toEqual({
    op: 'all',
    of: [
      {
        op: 'any',
        of: [
          {
            op: 'all',
            of: [
              { op: 'between', field: 'firewall.port', ranges: [[22, 22]] },
              { op: 'not', of: { op: 'network', field: 'peer', networks: ['10.0.0.0/8'] } },
            ],
          },
          { op: 'equals', field: 'firewall.action', values: ['DROP'] },
        ],
      },
      { op: 'equals', field: 'stream', values: ['nsxt.dfw'] },
    ],
  })
})

test.each([
  ['{ action: [DROP, REJECT], port: 22 }', '{ port: "22", firewall.action: [REJECT, drop, DROP] }'],
  ['{ all: [{ hostname: a }, { all: [{ label: b }] }] }', '{ label: b, hostname: a }'],
  ['{ any: [{ hostname: a }, { hostname: a }] }', '{ hostname: a }'],
  ['{ port: [1, 2, 3] }', '{ port: "1-3" }'],
  ['{ source_ip: "::ffff:10.0.0.1" }', '{ source_ip: [10.0.0.1, 10.0.0.1/32] }'],
])('%s and %s are one condition', (one, other) => {
  expect(JSON.stringify(where(one))).toBe(JSON.stringify(where(other)))
})

const nested = (depth: number): string => `${'{ not: '.repeat(depth)}{ hostname: a }${' }'.repeat(depth)}`

const rulesWith = (condition: string): string =>
  `version: 1\nprovider: { forwarders: [{ name: a, to: "udp://10.0.0.1", where: ${condition} }] }\n`

test('depth and size are bounded', () => {
  where(nested(16))
  expect(rulesOf(rulesWith(nested(17))).lines.join()).toContain('is nested more than 16 deep')
  const many = `{ any: [${'{ hostname: a },'.repeat(1001)}] }`
  expect(rulesOf(rulesWith(many)).lines.join()).toContain('has more than 1000 comparisons')
  expect(rulesOf(rulesWith(`{ hostname: ${'x'.repeat(4097)} }`)).lines.join()).toContain(
    'is longer than 4096 characters',
  )
})

const notFindings = (forwarder: string, at = 'provider:\n '): readonly string[] =>
  rulesOf(`version: 1\n${at} forwarders: [{ name: a, to: "udp://10.0.0.1", ${forwarder} }]\n`).lines.filter(
    (line) => line.includes('`not`'),
  )

test('`not` is pointed out only where other events are seen', () => {
  expect(notFindings('where: { not: { action: PASS } }')).toHaveLength(1)
  expect(notFindings('where: { any: [{ not: { action: PASS } }] }')).toHaveLength(1)
  expect(notFindings('where: { stream: nsxt.dfw, not: { action: PASS } }')).toEqual([])
  expect(notFindings('where: { action: { exists: true }, not: { action: PASS } }')).toEqual([])
  expect(notFindings('scope: owned, where: { not: { action: PASS } }')).toEqual([])
  expect(notFindings('where: { not: { peer: 10.0.0.1 } }')).toEqual([])
  expect(notFindings('where: { not: { action: PASS } }', 'tenants:\n - name: acme\n  ')).toEqual([])
})
