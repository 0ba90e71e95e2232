import { describe, expect, test } from 'vitest'
import { type Aim, type OwnListener, refusal } from '../../../src/forward/address-guard.ts'

const listeners: readonly OwnListener[] = [
  { name: 'any', udp: false, host: '::', port: 5514 },
  { name: 'one', udp: false, host: '10.0.0.5', port: 6514 },
  { name: 'udp', udp: true, host: '0.0.0.0', port: 514 },
]
const own = (): string[] => ['10.0.0.5', '10.0.0.6', '2001:db8::5', '127.0.0.1', '::1']
const ask = (forwarder: string, aim: Partial<Aim>): string | null =>
  refusal(
    forwarder,
    { host: 'siem.example.com', address: '192.0.2.7', port: 514, udp: false, ...aim },
    listeners,
    own,
  )

describe('R59: our own listeners', () => {
  test.each([
    ['loopback, bound to any', { address: '127.0.0.1', port: 5514 }, 'any'],
    ['loopback of the other family', { address: '::1', port: 5514 }, 'any'],
    ['an IPv4-mapped loopback', { address: '::ffff:127.0.0.1', port: 5514 }, 'any'],
    ['one of our addresses', { address: '10.0.0.6', port: 5514 }, 'any'],
    ['one of our IPv6 addresses, written another way', { address: '2001:db8:0::5', port: 5514 }, 'any'],
    ['the address that is bound', { address: '10.0.0.5', port: 6514 }, 'one'],
    ['udp', { address: '10.0.0.6', port: 514, udp: true }, 'udp'],
  ])('%s: nobody sends there, by name or by address', (_, aim, name) => {
    const words = `it is our own listener ${name}, and every event would come back for ever`
    for (const forwarder of ['acme/siem', 'provider/all']) {
      expect(ask(forwarder, aim)).toBe(words)
      expect(ask(forwarder, { ...aim, host: aim.address })).toBe(words)
    }
  })

  test.each([
    ['another machine', { address: '192.0.2.7', port: 5514 }],
    ['another port', { address: '10.0.0.6', port: 5515 }],
    ['another address of ours than the bound one', { address: '10.0.0.6', port: 6514 }],
    ['the other kind of transport', { address: '10.0.0.6', port: 514, udp: false }],
  ])('%s is none', (_, aim) => {
    expect(ask('acme/siem', aim)).toBe(null)
  })
})

describe('R59: what a tenant’s name must not lead to', () => {
  test.each([
    ['127.0.0.1', 'this machine itself'],
    ['127.9.9.9', 'this machine itself'],
    ['::1', 'this machine itself'],
    ['::ffff:127.0.0.1', 'this machine itself'],
    ['169.254.1.2', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['169.254.169.254', 'where a cloud hands out credentials'],
    ['::ffff:169.254.169.254', 'where a cloud hands out credentials'],
    ['fd00:ec2::254', 'where a cloud hands out credentials'],
    ['0.0.0.0', 'an address that no single machine has'],
    ['::', 'an address that no single machine has'],
    ['224.0.0.1', 'an address that no single machine has'],
  ])('%s', (address, what) => {
    expect(ask('acme/siem', { address })).toContain(`the name siem.example.com leads to ${what}`)
    // Operators may aim anywhere, and an address in the rules is their own word.
    expect(ask('provider/all', { address })).toBe(null)
    expect(ask('acme/siem', { host: address, address })).toBe(null)
  })

  test('private networks are where tenants are; localhost is no name of theirs', () => {
    for (const address of ['10.1.2.3', '172.16.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1'])
      expect(ask('acme/siem', { address })).toBe(null)
    expect(ask('acme/siem', { host: 'localhost', address: '127.0.0.1' })).toBe(null)
  })
})
