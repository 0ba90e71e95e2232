/** Are destinations told that two tenants share, that are ourselves, or that nobody has? */
import { expect, test } from 'vitest'
import { checkDestinations } from '../../../src/rules/check-destinations.ts'
import { lines, rulesOf } from '../../support/findings.ts'

const LISTENERS = [
  { name: 'udp', transport: 'udp', host: '::', port: 5514 },
  { name: 'tls', transport: 'tls', host: '10.9.9.9', port: 6514 },
  { name: 'cfapi', transport: 'cfapi', host: '0.0.0.0', port: 9000 },
] as never

function check(rules: string): string[] {
  const { read, folder, lines: found } = rulesOf(`version: 1\n${rules}`, { A: 'hunter2', B: 'hunter3' })
  if (read.model === undefined) throw new Error(found.join('\n'))
  return lines(checkDestinations(read.model, { listeners: LISTENERS }, ['10.9.9.9', 'fe80::1']), folder)
}

/** Forwarders of two tenants. */
function two(first: string, second: string): string[] {
  const tenant = (name: string, forwarder: string): string =>
    `  - { name: ${name}, labels: [${name}], forwarders: [{ name: a, ${forwarder} }] }\n`
  return check(`tenants:\n${tenant('t', first)}${tenant('u', second)}`)
}

test('two tenants at one destination', () => {
  expect(two('to: "tls://siem.example"', 'to: "tcp://SIEM.example:6514"')).toEqual([
    'a.yaml:4:42: error: forwarders "t/a" and "u/a" of two tenants send to the same destination | correct one of them (the first is at a.yaml:3:42); if it is meant, write the same `shared_destination: NAME` in both',
  ])
})

test.each([
  ['another port', 'to: "tls://siem.example:1"', 'to: "tls://siem.example:2"'],
  [
    'another address of ours',
    'to: "udp://192.0.2.1", from_address: 100.64.0.1',
    'to: "udp://192.0.2.1", from_address: 100.64.0.2',
  ],
  ['udp and tcp', 'to: "udp://192.0.2.1"', 'to: "tcp://192.0.2.1"'],
  [
    'another token',
    'to: "https://a.example/x", token: { env: A }',
    'to: "https://a.example/x", token: { env: B }',
  ],
  [
    'an index of each',
    'to: "https://a.example/", type: elasticsearch',
    'to: "https://a.example/", type: elasticsearch',
  ],
  [
    'both say so',
    'to: "udp://192.0.2.1", shared_destination: soc',
    'to: "udp://192.0.2.1", shared_destination: soc',
  ],
])('not the same: %s', (_, first, second) => {
  expect(two(first, second)).toEqual([])
})

test('both must say so, by one name; on this machine it is a warning', () => {
  expect(two('to: "udp://192.0.2.1", shared_destination: soc', 'to: "udp://192.0.2.1"')).toHaveLength(1)
  expect(
    two('to: "udp://192.0.2.1", shared_destination: soc', 'to: "udp://192.0.2.1", shared_destination: noc'),
  ).toHaveLength(1)
  expect(
    two('to: "https://a.example/x", token: { env: A }', 'to: "https://A.example/x", token: { env: A }'),
  ).toHaveLength(1)
  expect(two('to: "udp://127.0.0.1:1"', 'to: "udp://127.0.0.1:1"')[0]).toContain(': warning: ')
  expect(
    JSON.stringify(
      two('to: "https://a.example/x", token: { env: A }', 'to: "https://a.example/x", token: { env: A }'),
    ),
  ).not.toContain('hunter2')
})

test('targets that are tried when another does not answer are looked at as well', () => {
  expect(
    two('to: "tls://a.example", failover: ["tls://siem.example"]', 'to: "tls://siem.example"'),
  ).toHaveLength(1)
  expect(
    two('to: "udp://192.0.2.1"', 'to: "tcp://b.example", failover: ["tcp://169.254.169.254"]'),
  ).toHaveLength(1)
})

test('the provider may send where a tenant does, and a tenant twice to one place', () => {
  expect(
    check(`tenants: [{ name: t, labels: [T], forwarders: [{ name: a, to: "udp://192.0.2.1" }, { name: b, to: "udp://192.0.2.1" }] }]
provider: { forwarders: [{ name: a, to: "udp://192.0.2.1" }] }`),
  ).toEqual([])
})

function one(to: string): string[] {
  return check(`provider: { forwarders: [{ name: a, to: "${to}" }] }`).map((line) =>
    line.replace(/ \| .*$/, ''),
  )
}

test.each([
  ['udp://127.0.0.1:5514', 'udp'],
  ['udp://localhost:5514', 'udp'],
  ['udp://10.9.9.9:5514', 'udp'],
  ['udp://[::1]:5514', 'udp'],
  ['tcp://10.9.9.9:6514', 'tls'],
  ['http://127.0.0.1:9000/api', 'cfapi'],
])('%s is our own listener', (to, name) => {
  expect(one(to)).toEqual([
    `a.yaml:2:26: error: forwarder "provider/a" sends to our own listener ${name}: every event would come back for ever`,
  ])
})

test.each([
  'tcp://127.0.0.1:5514',
  'udp://10.9.9.8:5514',
  'tls://127.0.0.1:6514',
  'http://127.0.0.1:9001/',
  'udp://a.example:5514',
])('%s is not', (to) => {
  expect(one(to)).toEqual([])
})

test.each([
  ['http://169.254.169.254/latest', 'where a cloud hands out credentials'],
  ['http://metadata.google.internal/', 'where a cloud hands out credentials'],
  ['http://[fd00:ec2::254]/', 'where a cloud hands out credentials'],
  ['udp://169.254.1.2', 'a link-local address'],
  ['udp://[fe80::2]', 'a link-local address'],
  ['udp://[::ffff:169.254.1.2]', 'a link-local address'],
  ['udp://239.1.2.3', 'an address that no single machine has'],
])('%s is %s', (to, what) => {
  const { read, folder } = rulesOf(
    `version: 1\ntenants: [{ name: t, labels: [T], forwarders: [{ name: a, to: "${to}" }] }]\n`,
  )
  if (read.model === undefined) throw new Error('not read')
  const [found = ''] = lines(checkDestinations(read.model, { listeners: [] }, []), folder)
  expect(found).toContain(`error: forwarder "t/a" sends to `)
  expect(found).toContain(what)
  expect(one(to)[0]).toContain(': warning: ')
})
