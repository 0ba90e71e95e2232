import { describe, expect, test } from 'vitest'
import { Admission } from '../../../src/listen/admission.ts'
import { plainAddress, PrefixTable } from '../../../src/listen/prefixes.ts'
import { source } from '../../support/listening.ts'

function table(...networks: string[]): PrefixTable {
  const made = new PrefixTable()
  for (const [i, network] of networks.entries()) expect(made.add(network, i)).toBe(true)
  return made
}

describe('the longest network wins', () => {
  const found = table(
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.2.3',
    '::/0',
    'fd00::/8',
    'fd00:0:0:1::/64',
  )

  test.each([
    ['192.0.2.1', 0],
    ['10.200.0.1', 1],
    ['10.1.255.255', 2],
    ['10.1.2.3', 3],
    ['::ffff:10.1.2.3', 3],
    ['::ffff:a01:203', 3],
    ['2001:db8::1', 4],
    ['fd12::1', 5],
    ['fd00::1:0:0:0:1', 6],
    ['fd00::1%eth0', 5],
    ['nonsense', -1],
  ])('%s', (address, index) => expect(found.find(address)).toBe(index))
})

test('a family without a network holds nothing', () => {
  expect(table('10.0.0.0/8').find('::a00:1')).toBe(-1)
  expect(table('::/0').find('10.0.0.1')).toBe(-1)
  expect(table('::ffff:10.0.0.0/104').find('10.9.9.9')).toBe(0)
})

test('the first of two equal networks counts; host bits do not', () => {
  expect(table('10.0.0.0/8', '10.9.9.9/8').find('10.1.1.1')).toBe(0)
})

test.each(['', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/x', '::ffff:10.0.0.0/8', 'host'])(
  'not a network: %j',
  (text) => expect(new PrefixTable().add(text, 1)).toBe(false),
)

test('only mapped addresses are written otherwise', () => {
  expect(plainAddress('::ffff:10.0.0.7')).toBe('10.0.0.7')
  expect(plainAddress('2001:db8::1')).toBe('2001:db8::1')
  expect(plainAddress('10.0.0.7')).toBe('10.0.0.7')
})

describe('admission', () => {
  const sources = [source('net', ['10.0.0.0/8']), source('one', ['10.0.0.5', '::1'])]

  test('allow is asked first, then sources', () => {
    const admission = new Admission({ name: 'l', allow: ['10.0.0.0/8', '192.0.2.0/24'] }, sources)
    expect(admission.admit('10.0.0.4')).toBe(1)
    expect(admission.admit('10.0.0.5')).toBe(2)
    expect(admission.admit('192.0.2.1')).toBe('unknown_source')
    expect(admission.admit('::1')).toBe('not_allowed')
  })

  test('without either anybody may send', () => {
    expect(new Admission({ name: 'l', allow: null }, []).admit('198.51.100.1')).toBe(0)
  })

  test('an empty `allow` lets nobody in', () => {
    expect(new Admission({ name: 'l', allow: [] }, []).admit('198.51.100.1')).toBe('not_allowed')
  })

  test('what is no network is an error that names its place', () => {
    expect(() => new Admission({ name: 'l', allow: ['10.0.0.0/99'] }, [])).toThrow(
      '`allow` of listener l: 10.0.0.0/99',
    )
  })
})
