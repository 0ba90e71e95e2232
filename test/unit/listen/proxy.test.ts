/** Is a PROXY header read as its specification says, and everything else refused? */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { PROXY_HEADER_MAX, type ProxyOutcome, readProxyHeader } from '../../../src/listen/proxy-header.ts'
import { ProxyWatch } from '../../../src/listen/proxy-watch.ts'
import { proxyLocal, proxyV1, proxyV2, proxyV2of, tlv } from '../../support/proxy.ts'

const read = (header: string | Buffer): ProxyOutcome =>
  readProxyHeader(typeof header === 'string' ? Buffer.from(header, 'latin1') : header)

const sender = (header: string | Buffer): string | null | undefined => {
  const outcome = read(header)
  return outcome.kind === 'header' ? outcome.sender : undefined
}

describe('version 1', () => {
  test.each([
    ['10.20.0.7', '10.20.0.7'],
    ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['::ffff:10.20.0.7', '10.20.0.7'],
    ['::ffff:a14:7', '10.20.0.7'],
  ])('%s is the sender, written as the socket would have it', (written, expected) => {
    const header = proxyV1(written)
    expect(read(`${header}<1>event\n`)).toEqual({ kind: 'header', sender: expected, length: header.length })
  })

  test('UNKNOWN names nobody, whatever stands behind it', () => {
    expect(sender('PROXY UNKNOWN\r\n')).toBe(null)
    expect(sender('PROXY UNKNOWN 10.0.0.1 10.0.0.2 1 2\r\n')).toBe(null)
  })

  test.each([
    'PROXY TCP4 10.0.0.1 10.0.0.2 1\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n',
    'PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n',
    'PROXY TCP4 10.0.0.256 10.0.0.2 1 2\r\n',
    'PROXY TCP4 010.0.0.1 10.0.0.2 1 2\r\n',
    'PROXY TCP4 2001:db8::1 10.0.0.2 1 2\r\n',
    'PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 -1 2\r\n',
    'PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n',
    `PROXY ${'x'.repeat(107)}`,
  ])('%j is refused', (header) => {
    expect(read(header).kind).toBe('invalid')
  })

  test('the longest that there is, 107 bytes, is taken; one more is not', () => {
    const address = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
    expect(sender(`PROXY UNKNOWN ${address} ${address} 65535 65535\r\n`)).toBe(null)
    expect(read(`PROXY UNKNOWN ${address} ${address}  65535 65535\r\n`).kind).toBe('invalid')
  })
})

describe('version 2', () => {
  test('IPv4 and IPv6 over TCP, TLVs skipped', () => {
    const tlvs = Buffer.concat([tlv(0x01, Buffer.from('h2')), tlv(0x20, Buffer.alloc(700, 1))])
    const header = proxyV2of('10.20.0.7', tlvs)
    const behind = Buffer.concat([header, Buffer.from('<1>event\n')])
    expect(read(behind)).toEqual({ kind: 'header', sender: '10.20.0.7', length: header.length })
    const ipv6 = Buffer.alloc(36)
    ipv6.set([0x20, 0x01, 0x0d, 0xb8], 0)
    ipv6[15] = 7
    expect(sender(proxyV2(0x21, 0x21, ipv6))).toBe('2001:db8::7')
    const mapped = Buffer.alloc(36)
    mapped.set([0xff, 0xff, 10, 20, 0, 7], 10)
    expect(sender(proxyV2(0x21, 0x21, mapped))).toBe('10.20.0.7')
  })

  test('LOCAL, an unknown family, UNIX and datagrams name nobody', () => {
    expect(sender(proxyLocal())).toBe(null)
    expect(sender(proxyV2(0x20, 0x11, Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2])))).toBe(null)
    expect(sender(proxyV2(0x21, 0x00, Buffer.alloc(0)))).toBe(null)
    expect(sender(proxyV2(0x21, 0x31, Buffer.alloc(216)))).toBe(null)
    expect(sender(proxyV2(0x21, 0x12, Buffer.alloc(12)))).toBe(null)
  })

  test.each([
    ['version 1 in binary', proxyV2(0x11, 0x11, Buffer.alloc(12))],
    ['a command that is not known', proxyV2(0x22, 0x11, Buffer.alloc(12))],
    ['a family that is not known', proxyV2(0x21, 0x41, Buffer.alloc(12))],
    ['a transport that is not known', proxyV2(0x21, 0x13, Buffer.alloc(12))],
    ['addresses cut short', proxyV2(0x21, 0x11, Buffer.alloc(11))],
    ['IPv6 in the room of IPv4', proxyV2(0x21, 0x21, Buffer.alloc(12))],
    ['more than a header may have', proxyV2(0x21, 0x11, Buffer.alloc(PROXY_HEADER_MAX))],
  ])('%s is refused', (_, header) => {
    expect(read(header).kind).toBe('invalid')
  })

  test('a length that is too large is refused before its bytes come', () => {
    expect(read(proxyV2(0x21, 0x11, Buffer.alloc(60_000)).subarray(0, 16)).kind).toBe('invalid')
  })
})

test.each([
  '<1>event\n',
  '\x16\x03\x01',
  'PROXX',
  'proxy TCP4',
  '\r\n\r\nx',
  '5 <1>ab',
  'GET / HTTP/1.1\r\n',
])('%j is no header', (bytes) => {
  expect(read(bytes).kind).toBe('missing')
})

describe('a header where none belongs', () => {
  const watch = (bytes: string | Buffer, size = 1000): string => {
    const all = Buffer.from(bytes as string, 'latin1')
    const one = new ProxyWatch()
    for (let at = 0; at < all.length; at += size) {
      const seen = one.push(all.subarray(at, at + size))
      if (seen !== 'more') return seen
    }
    return 'more'
  }

  test.each([1, 2, 7, 1000])('is seen in pieces of %i bytes', (size) => {
    for (const header of [proxyV1('10.0.0.1'), proxyV1('2001:db8::1'), 'PROXY UNKNOWN\r\n'])
      expect(watch(header, size)).toBe('forged')
    expect(watch(proxyV2of('10.0.0.1'), size)).toBe('forged')
    expect(watch(proxyLocal(), size)).toBe('forged')
  })

  test.each(['<1>event\n', 'PROXY has started\n', '\r\n\r\n<1>a\n', '5 <1>ab', '\0'])(
    '%j is honest',
    (bytes) => {
      expect(watch(bytes)).toBe('honest')
      expect(watch(bytes, 1)).toBe('honest')
    },
  )
})
