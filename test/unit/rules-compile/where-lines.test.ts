/** What conditions say of whole lines, from their YAML: every operator, fields that are there, and fields that are not. */
import { expect, test } from 'vitest'
import { CaptureRouter } from '../../support/capture.ts'
import { ruleSet } from '../../support/rule-set.ts'

const DFW =
  '<181>1 2026-01-02T03:04:05.678Z esx01 FIREWALL_PKTLOG 21 - [nsx@6876 comp="nsx-esx" level="INFO" n="7" q="a\\"b\\]"][x@1 v="one" v="two"] 5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S ACME'
const PLAIN = 'no header at all'
const TENANT = `tenants:
  - name: acme
    org: { id: a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10, name: ACME Corp }
    labels: [ACME]
`

function taken(where: string, line: string): boolean {
  const set = ruleSet(
    `version: 1\n${TENANT}provider: { forwarders: [{ name: a, to: "udp://192.0.2.1", where: ${where} }] }\n`,
  )
  const env = { listeners: ['tcp'], sources: [{ name: 'hosts', site: 'fra1', zone: 'Europe/Berlin' }] }
  const router = new CaptureRouter(set.plan, { sources: [], env, classifier: set.classifier })
  router.route(set.view(line))
  return router.taken.length > 0
}

test.each<[string, boolean, boolean]>([
  // where, holds for the firewall line, holds for the line without anything
  ['{ structured_data.nsx@6876.comp: nsx-esx }', true, false],
  ['{ structured_data.nsx@6876.comp: [edge, nsx-esx] }', true, false],
  ['{ structured_data.nsx@6876.comp: nsx-edge }', false, false],
  ['{ structured_data: { nsx@6876: { level: INFO, comp: { contains: esx } } } }', true, false],
  ['{ structured_data.nsx@6876.n: { gte: 7, lt: 8 } }', true, false],
  ['{ structured_data.nsx@6876.n: 7 }', true, false],
  ['{ structured_data.x@1.v: two }', true, false],
  ['{ structured_data.x@1.v: { starts_with: tw } }', true, false],
  ["{ structured_data.nsx@6876.q: 'a\"b]' }", true, false],
  ["{ structured_data.nsx@6876.q: { matches: '^a.b.$' } }", true, false],
  ['{ structured_data.x@1.w: { exists: true } }', false, false],
  ['{ structured_data.x@1.w: { exists: false } }', true, true],
  ['{ not: { structured_data.x@1.v: one } }', false, true],
  ['{ version: 1 }', true, false],
  ['{ version: { exists: false } }', false, true],
  ['{ timestamp: { gte: "2026-01-02T03:04:05Z", lt: "2026-01-02T04:04:06+01:00" } }', true, false],
  ['{ timestamp: { lt: "2026-01-02T03:04:05Z" } }', false, false],
  ['{ timestamp: { exists: true } }', true, false],
  ['{ not: { timestamp: { lt: "2026-01-02T03:04:05Z" } } }', true, true],
  ['{ received_at: { gt: "2026-02-03T00:00:00Z" } }', true, true],
  ['{ owner.by: literal }', true, false],
  ['{ owner.org.name: { ends_with: Corp } }', true, false],
  ['{ owner.org.id: "urn:vcloud:org:A93C3D5E-6F1B-4C8E-9D2A-1B7F0E5C4A10" }', true, false],
  ['{ owner.gateway.id: { exists: true } }', false, false],
  ['{ tenant: acme }', true, false],
  ['{ tenant: { matches: "^ac" } }', true, false],
  ['{ hostname: { matches: ["^edge", "^esx\\\\d+$"] } }', true, false],
  ['{ message: { matches: "(?i)drop 30" } }', true, false],
  ['{ message: { matches: "header at" } }', false, true],
  ['{ severity: { at_least: notice } }', true, false],
  ['{ severity: { at_least: warning } }', false, false],
  ['{ severity: { exists: false } }', false, true],
  ['{ length: { at_least: 52 } }', true, false],
  ['{ length: { gt: 52 } }', false, false],
  ['{ not: { length: { gt: 52 } } }', true, true],
  ['{ action: { exists: true }, not: { action: [PASS, REJECT] } }', true, false],
  ['{ peer: 10.20.0.0/22 }', true, true],
  ['{ label: { contains: [x1, x2, x3, x4, x5, CM] } }', true, false],
  ['{ rule_id: ["1-2", "10-20", "30-40", "50-60", "3000-3100"] }', true, false],
  ['{ any: [{ action: PASS }, { all: [{ port: 443 }, { not: { protocol: UDP } }] }] }', true, false],
  ['{ all: [{ any: [{ valid: true }, { valid: false }] }, { truncated: false }] }', true, true],
  ['{ header: none }', false, true],
  ['{ listener: tcp }', true, true],
])('%s', (where, firewall, plain) => {
  expect([taken(where, DFW), taken(where, PLAIN)]).toEqual([firewall, plain])
})
