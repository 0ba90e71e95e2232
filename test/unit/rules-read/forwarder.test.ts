import { expect, test } from 'vitest'
import type { ForwarderSettings } from '../../../src/rules/forwarder-settings.ts'
import { makeAuthority } from '../../support/authority.ts'
import { rulesOf } from '../../support/findings.ts'

/** Settings of a forwarder of acme, written as YAML in flow style; no finding is expected. */
function forwarder(
  text: string,
  env: NodeJS.ProcessEnv = {},
  files: Readonly<Record<string, string>> = {},
): ForwarderSettings {
  const rules = `version: 1\ntenants: [{ name: acme, forwarders: [{ name: a, ${text} }] }]\n`
  const { read, lines } = rulesOf({ ...files, 'a.yaml': rules }, env)
  expect(lines).toEqual([])
  const settings = read.model?.tenants[0]?.forwarders[0]?.settings
  if (settings === undefined) throw new Error('no forwarder')
  return settings
}

test('what is left out has the documented default', () => {
  expect(forwarder('to: "tls://siem.example.com:6514"')).toEqual({
    type: 'syslog',
    failover: [],
    to: { scheme: 'tls', host: 'siem.example.com', port: 6514 },
    from_address: null,
    format: 'original',
    tags: {},
    encoding: 'own',
    framing: 'octet-counting',
    queue: { memory_max: 8 * 2 ** 20, disk_max: 2 ** 30, when_full: 'drop_oldest' },
    spool: 'overflow',
    replay: 4 * 2 ** 20,
    retry: { first: 200, max: 30_000 },
    concurrency: 1,
    timeout: { connect: 10_000, request: 30_000 },
    tls: { ca: null, certificate: null, key: null, fingerprint: null, server_name: null },
    http: {
      token: null,
      login: null,
      headers: {},
      gzip: false,
      batch_bytes: 900_000,
      batch_events: 500,
      body: 'array',
      structure: 'default',
      proxy: null,
      dead_letters: 8 * 2 ** 20,
      hec: null,
      elasticsearch: null,
      cfapi: null,
    },
    rotate: { size: 100 * 2 ** 20, keep: 5, every: null, gzip: false, fsync: false, mode: 0o640 },
  })
})

test.each([
  ['udp://10.0.0.1', { type: 'syslog', framing: 'none', format: 'original', replay: 0 }],
  ['tcp://10.0.0.1', { type: 'syslog', framing: 'newline', format: 'original', replay: 4 * 2 ** 20 }],
  ['file:x.log', { type: 'file', framing: 'newline', format: 'original', replay: 0 }],
  ['https://siem/x?y=z', { type: 'http', framing: 'none', format: 'json', replay: 0 }],
])('%s decides what is not said', (to, expected) => {
  expect(forwarder(`to: "${to}"`)).toMatchObject(expected)
})

test.each([
  ['udp://10.0.0.1', { scheme: 'udp', host: '10.0.0.1', port: 514 }],
  ['tcp://siem', { scheme: 'tcp', host: 'siem', port: 514 }],
  ['TLS://siem/', { scheme: 'tls', host: 'siem', port: 6514 }],
  ['tcp://[2001:DB8::1]:601', { scheme: 'tcp', host: '2001:db8::1', port: 601 }],
  ['tcp://[::ffff:10.0.0.1]', { scheme: 'tcp', host: '10.0.0.1', port: 514 }],
  ['file:/var/log/x', { scheme: 'file', path: '/var/log/x' }],
  ['file:///var/log/x', { scheme: 'file', path: '/var/log/x' }],
  ['http://siem:8080/in', { scheme: 'http', url: 'http://siem:8080/in' }],
])('%s is %j', (to, target) => {
  expect(forwarder(`to: "${to}"`).to).toEqual(target)
})

test('a file starts at the rules file that names it', () => {
  const { folder, read } = rulesOf({
    'sub/a.yaml':
      'version: 1\ntenants: [{ name: acme, forwarders: [{ name: a, to: "file:../out/x.log" }] }]\n',
  })
  expect(read.model?.tenants[0]?.forwarders[0]?.settings.to).toEqual({
    scheme: 'file',
    path: `${folder}/out/x.log`,
  })
})

test('the cloud pipeline takes its token from the environment or a file', () => {
  const to =
    'type: log-insight-cloud, to: "https://data.mgmt.cloud.vmware.com/le-mans/v1/streams/ingestion-pipeline-stream"'
  expect(forwarder(`${to}, token: { env: T }`, { T: 'abc' })).toMatchObject({
    type: 'log-insight-cloud',
    http: { token: 'abc', gzip: true },
  })
  expect(forwarder(`${to}, token: { file: t }, gzip: false`, {}, { t: 'abc\n' })).toMatchObject({
    http: { token: 'abc', gzip: false },
  })
})

test('headers may be named like references', () => {
  expect(forwarder('to: "https://siem", headers: { env: prod }').http.headers).toEqual({ env: 'prod' })
  expect(
    forwarder('to: "https://siem", headers: { X-Api-Key: { env: K } }', { K: 'k' }).http.headers,
  ).toEqual({ 'X-Api-Key': 'k' })
})

test('certificates are looked at while reading: they exist, are PEM, and belong together', async () => {
  const authority = await makeAuthority()
  const [one, two] = [await authority.issue(['one']), await authority.issue(['two'])]
  const files = { 'ca.crt': authority.ca, 'one.crt': one.cert, 'one.key': one.key, 'two.key': two.key }
  const settings = forwarder(
    'to: "tls://siem", tls: { ca: ca.crt, certificate: one.crt, key: one.key, server_name: x }',
    {},
    files,
  )
  expect(settings.tls).toMatchObject({ fingerprint: null, server_name: 'x' })
  expect(settings.tls.ca).toMatch(/\/ca\.crt$/)
  const wrong =
    'version: 1\ntenants: [{ name: acme, forwarders: [{ name: a, to: "tls://siem", tls: { certificate: one.crt, key: two.key } }] }]\n'
  expect(rulesOf({ ...files, 'a.yaml': wrong }).lines).toEqual([
    'a.yaml:2:101: error: tenants[0].forwarders[0].tls.key: two.key is not the key of one.crt | name the pair that belongs together',
  ])
})

test('the provider’s forwarders see all events unless they say otherwise', () => {
  const { read } = rulesOf(`version: 1
tenants: [{ name: acme, forwarders: [{ name: x, to: "udp://10.0.0.1" }] }]
provider: { forwarders: [{ name: a, to: "udp://10.0.0.1" }, { name: b, to: "udp://10.0.0.1", scope: orphans }] }
`)
  expect(read.model?.provider.map(({ name, scope }) => [name, scope])).toEqual([
    ['a', 'all'],
    ['b', 'orphans'],
  ])
  expect(read.model?.tenants[0]?.forwarders[0]?.scope).toBe('owned')
})
