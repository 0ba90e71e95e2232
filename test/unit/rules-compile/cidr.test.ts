import { isIPv4, isIPv6 } from 'node:net'
import { expect, test } from 'vitest'
import { Address, inNetwork, parseAddress, parseAddressText, parseNetwork } from '../../../src/rules/cidr.ts'

const words = (text: string) => {
  const address = new Address()
  return parseAddressText(text, address) ? [address.family, ...address.words] : null
}

test.each([
  ['10.0.0.1', [4, 0, 0, 0, 0x0a000001]],
  ['255.255.255.255', [4, 0, 0, 0, 0xffffffff]],
  ['::ffff:10.0.0.1', [4, 0, 0, 0, 0x0a000001]],
  ['fe80:0:0:0:68c2:8472:2364:9be', [6, 0xfe800000, 0, 0x68c28472, 0x236409be]],
  ['::', [6, 0, 0, 0, 0]],
  ['::1', [6, 0, 0, 0, 1]],
  ['1::', [6, 0x10000, 0, 0, 0]],
  ['2001:DB8::8:800:200c:417a', [6, 0x20010db8, 0, 0x80800, 0x200c417a]],
  ['64:ff9b::1.2.3.4', [6, 0x64ff9b, 0, 0, 0x01020304]],
  ['fe80::1%eth0', [6, 0xfe800000, 0, 0, 1]],
])('%s is read', (text, expected) => expect(words(text)).toEqual(expected))

test.each([
  '',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1..2.3',
  '1.2.3.4/8',
  ':',
  ':::',
  '1:',
  '1::2::3',
  '12345::',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  'g::',
  '::1.2.3',
  '1:2:3:4:5:6:7:1.2.3.4',
])('"%s" is no address', (text) => {
  expect(words(text)).toBeNull()
  expect(isIPv4(text) || isIPv6(text)).toBe(false)
})

test('only the span is read', () => {
  const address = new Address()
  expect(parseAddress(Buffer.from('x10.0.0.12'), 1, 9, address)).toBe(true)
  expect(address.words[3]).toBe(0x0a000001)
})

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.1.2.3/8', '10.9.9.9', true],
  ['0.0.0.0/0', '200.1.1.1', true],
  ['0.0.0.0/0', '::1', false],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '10.0.0.2', false],
  ['2001:db8::/33', '2001:db8:7fff::1', true],
  ['2001:db8::/33', '2001:db8:8000::1', false],
  ['::ffff:10.0.0.0/104', '10.7.7.7', true],
  ['10.0.0.0/8', '::ffff:10.7.7.7', true],
])('%s and %s', (network, text, expected) => {
  const address = new Address()
  parseAddressText(text, address)
  const parsed = parseNetwork(network)
  if (parsed === undefined) throw new Error('no network')
  expect(inNetwork(address, parsed)).toBe(expected)
})

test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '::/129', 'x/8', '10.0.0.0/-1', '10.0.0.0/8/8'])(
  '"%s" is no network',
  (text) => {
    expect(parseNetwork(text)).toBeUndefined()
  },
)
