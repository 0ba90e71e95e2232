import { expect, test } from 'vitest'
import { parseAddress, parseNetwork } from '../../../src/config/addresses.ts'
import { parseAdminBind, parseBind, parseHostPort } from '../../../src/config/endpoints.ts'

test.each([
  ['10.0.0.0/8', '10.0.0.0/8', false],
  ['10.1.2.3/8', '10.0.0.0/8', true],
  ['10.1.2.3', '10.1.2.3/32', false],
  ['0.0.0.0/0', '0.0.0.0/0', false],
  ['::1', '::1/128', false],
  ['FE80:0:0:0:0:0:0:1/10', 'fe80::/10', true],
  ['2001:db8::/32', '2001:db8::/32', false],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128', false],
  ['::ffff:10.1.2.3', '10.1.2.3/32', false],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8', false],
  ['::', '::/128', false],
])('%s is the network %s', (text, canonical, host_bits) => {
  expect(parseNetwork(text)).toMatchObject({ text: canonical, host_bits })
})

test.each([
  '',
  '10.0.0',
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/',
  '010.0.0.1',
  'fe80::1%eth0',
  'host',
  '1::2::3',
  '::ffff:10.0.0.0/90',
])('%j is no network', (text) => {
  expect(parseNetwork(text)).toBeUndefined()
})

test('an address has one canonical form', () => {
  expect(['::FFFF:1.2.3.4', '0:0:0:0:0:0:0:1', '1:0:0:2:0:0:0:3'].map(parseAddress)).toEqual([
    '1.2.3.4',
    '::1',
    '1:0:0:2::3',
  ])
})

test.each([
  ['[::]:5514', { host: '::', port: 5514 }],
  ['10.0.0.1:514', { host: '10.0.0.1', port: 514 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['10.0.0.1', undefined],
  ['::1:514', undefined],
  ['[10.0.0.1]:514', undefined],
  ['10.0.0.300:514', undefined],
  ['host:65536', undefined],
  ['a b:1', undefined],
  ['', undefined],
])('the bind %j is %j', (text, bind) => {
  expect(parseBind(text)).toEqual(bind)
})

test('a host may stand without a port, and the admin on a socket', () => {
  expect(parseHostPort('siem.example.com')).toEqual({ host: 'siem.example.com', port: Number.NaN })
  expect(parseAdminBind('unix:run/admin.sock')).toEqual({ kind: 'unix', path: 'run/admin.sock' })
  expect(parseAdminBind('unix:')).toBeUndefined()
})
