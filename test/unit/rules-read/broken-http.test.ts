/** Is everything that cannot work over HTTP or in a file refused in words, with its place? */
import { expect, test } from 'vitest'
import { rulesOf } from '../../support/findings.ts'

const ENV = { T: 'hunter2-token', P: 'hunter2-password' }

/** Errors about a forwarder of acme written in flow style, without place and key. */
function errors(text: string): string[] {
  const rules = `version: 1\ntenants: [{ name: acme, labels: [A], forwarders: [{ name: a, ${text} }] }]\n`
  return rulesOf(rules, ENV)
    .lines.filter((line) => line.includes(': error: '))
    .map((line) => line.replace(/^.*: error: tenants\[0\]\.forwarders\[0\]\.?/, ''))
}

const HEC = 'to: "https://s:8088", type: splunk-hec, token: { env: T }'
const ELASTIC = 'to: "https://s:9200", type: elasticsearch'

test.each([
  ['type: splunk-hec, to: "https://s"', 'token: is missing | splunk-hec needs one: `token: { env: NAME }`'],
  [
    `${HEC}, format: rfc5424`,
    'format: type splunk-hec sends original or json, not rfc5424 | write `format: original` or remove it',
  ],
  [
    `${HEC}, tags: { action: x }`,
    'tags.action: splunk-hec has a field of that name already | choose another name',
  ],
  [`${HEC}, encoding: ecs`, 'encoding: names the fields of JSON | write `format: json` beside it'],
  [
    `${HEC}, username: u, password: { env: P }`,
    'username: has no meaning for type splunk-hec | it is for http, elasticsearch, cfapi: remove it',
  ],
  [
    'to: "https://s:9543", type: cfapi, cfapi: { agent_secret: hunter2 }',
    'cfapi.agent_secret: a secret must not stand in a rules file',
  ],
  [
    'to: "https://s:9543", type: cfapi, username: u, password: { env: P }, cfapi: { agent_secret: { env: T } }',
    'cfapi.agent_secret: stands beside another way to log in',
  ],
  ['to: "https://s:9543", type: cfapi, cfapi: { provider: vIDM }', 'cfapi.provider: nobody logs in'],
  ['to: "https://s:9543", type: cfapi, format: json', 'format: cfapi has a form of its own'],
  [
    'to: "https://s:9543", type: cfapi, tags: { hostname: x }',
    'tags.hostname: cfapi has a field of that name already',
  ],
  [
    `${HEC}, elasticsearch: {}`,
    'elasticsearch: has no meaning for type splunk-hec | it is for elasticsearch: remove it',
  ],
  [
    'to: "https://s:8088/raw", type: splunk-hec, token: { env: T }',
    'to: is not where a Splunk collector takes events',
  ],
  [`${HEC}, hec: { index: "{org}" }`, 'hec.index: nothing stands for "{org}" | use {tenant} or {stream}'],
  [
    `${HEC}, hec: { ack_timeout: 1m }`,
    'hec.ack_timeout: nothing is acknowledged | write `acknowledge: true` beside it',
  ],
  [`${ELASTIC}, format: original`, 'format: type elasticsearch sends JSON, not original'],
  [`${ELASTIC}, elasticsearch: { index: Logs }`, 'elasticsearch.index: "Logs" is not the name of an index'],
  [
    `${ELASTIC}, elasticsearch: { index: "_logs" }`,
    'elasticsearch.index: "_logs" is not the name of an index',
  ],
  [
    `${ELASTIC}, elasticsearch: { index: "{tenant}-logs" }`,
    'elasticsearch.index: begins with what stands for something',
  ],
  [`${ELASTIC}, elasticsearch: { pipeline: "a b" }`, 'elasticsearch.pipeline: is not the name of a pipeline'],
  [`${ELASTIC}, body: ndjson`, 'body: has no meaning for type elasticsearch | it is for http: remove it'],
  [`${ELASTIC}, username: u`, 'username: has no password'],
  [`${ELASTIC}, password: { env: P }`, 'password: has no user name'],
  [`${ELASTIC}, username: "u:v", password: { env: P }`, 'username: holds a colon'],
  [`${ELASTIC}, username: u, password: hunter2`, 'password: a password must not stand in a rules file'],
  [`${ELASTIC}, username: u, password: { env: P }, token: { env: T }`, 'username: stands beside a `token`'],
  ['to: "https://s", proxy: { to: "socks5://p:1" }', 'proxy.to: is no proxy'],
  ['to: "https://s", proxy: { to: "http://u:hunter2@p:1" }', 'proxy.to: holds a user name or password'],
  ['to: "https://s", proxy: { to: "http://p:1/path" }', 'proxy.to: holds more than a host and port'],
  [
    'to: "https://s", proxy: { to: "http://p:1", username: u, password: hunter2 }',
    'proxy.password: a password must not stand in a rules file',
  ],
  [
    'to: "https://s", proxy: { to: none, username: u, password: { env: P } }',
    'proxy.username: is of no proxy',
  ],
  ['to: "https://s", proxy: { to: "https://p", ca: nowhere.pem }', 'proxy.ca: '],
  ['to: "tcp://s", proxy: { to: none }', 'proxy: has no meaning for tcp'],
  ['to: "tcp://s", dead_letters: 1MiB', 'dead_letters: has no meaning for tcp'],
  ['to: "https://s", fsync: true', 'fsync: has no meaning for https'],
  ['to: "file:x.log", mode: "rw"', 'mode: is not a file mode'],
  ['to: "file:x.log", mode: "0999"', 'mode: is not a file mode'],
  ['to: "file:{org}.log"', 'to: nothing stands for {org}'],
  ['to: "file:out/{tenant}"', 'to: ends with {tenant}'],
])('%s', (text, expected) => {
  const found = errors(text)
  expect(
    found.some((line) => line.startsWith(expected)),
    found.join('\n'),
  ).toBe(true)
  expect(found.join()).not.toContain('hunter2')
})

test.each([
  `${HEC}, hec: { index: "i-{tenant}", sourcetype: "{stream}", acknowledge: true, ack_timeout: 1m }`,
  'to: "https://s/services/collector/event/1.0", type: splunk-hec, token: { env: T }, format: json, encoding: otel',
  `${ELASTIC}, elasticsearch: { index: "logs-vcd-{tenant}", op: index, pipeline: p.1 }, username: u, password: { env: P }`,
  'to: "https://s", body: ndjson, encoding: ecs, proxy: { to: "http://p:3128", username: u, password: { env: P } }, dead_letters: 0B',
  'to: "https://data.mgmt.cloud.vmware.com", type: log-insight-cloud, token: { env: T }, structure: none',
  'to: "file:out/{tenant}/{date}.log", fsync: true, mode: "600", rotate: { every: 1h, gzip: true }',
  'to: "tcp://s", format: json, encoding: ecs',
  `${HEC}, tags: { service: firewall }`,
])('%s is taken', (text) => {
  expect(errors(text)).toEqual([])
})

test('of a tenant’s own file the tenant is known', () => {
  const rules =
    'version: 1\ntenants: [{ name: acme, forwarders: [{ name: a, to: "file:/o/{tenant}/{date}.log" }] }]\n'
  const to = rulesOf(rules).read.model?.tenants[0]?.forwarders[0]?.settings.to
  expect(to).toEqual({ scheme: 'file', path: '/o/acme/{date}.log' })
})

test('two tenants that differ in case only would share an index: there are none', () => {
  const rules = 'version: 1\ntenants: [{ name: acme, labels: [A] }, { name: ACME, labels: [B] }]\n'
  expect(rulesOf(rules).lines.join()).toContain('only in case')
})
