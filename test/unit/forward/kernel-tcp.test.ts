/** Is the system's table of connections read right, whatever stands in it? */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { parseTable } from '../../../src/forward/kernel-tcp.ts'

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (ports: string, rest: string): string =>
  `   0: 0100007F:${ports.slice(0, 4)} 0100007F:${ports.slice(4)} ${rest}\n`
/** Everybody's. */
const all = { has: () => true }
const key = (local: number, remote: number): number => local * 65_536 + remote

test('unconfirmed bytes, and how often they were sent in vain; a closed window is nobody gone', () => {
  const table = parseTable(
    Buffer.from(
      HEAD +
        row('1F90C350', '01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1') +
        row('1F91C350', '01 0000A410:00000010 01:000000FF 00000007     0        0 2 1 0 20 4 30 10 -1') +
        row('1F92C350', '01 00010000:00000000 04:000000FF 00000003     0        0 3 1 0 20 4 30 10 -1'),
    ),
    all,
  )
  expect(table.get(key(0x1f90, 0xc350))).toEqual({ unconfirmed: 0, retransmits: 0 })
  expect(table.get(key(0x1f91, 0xc350))).toEqual({ unconfirmed: 0xa410, retransmits: 7 })
  expect(table.get(key(0x1f92, 0xc350))).toEqual({ unconfirmed: 0x10000, retransmits: 0 })
})

test('addresses of IPv6; two connections with the same ports are none that is known', () => {
  const v6 =
    '   1: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:C350 01 00000005:00000000 00:00000000 00000000     0\n'
  expect(parseTable(Buffer.from(HEAD + v6), all).get(key(0x1f90, 0xc350))?.unconfirmed).toBe(5)
  expect(parseTable(Buffer.from(HEAD + v6 + v6), all).get(key(0x1f90, 0xc350))).toBe(null)
})

test('what is no table is passed over', () => {
  for (const text of ['', 'x', HEAD, `${HEAD}\n\n`, `${HEAD}1 2 3\n`, `${HEAD}${'z '.repeat(20)}`])
    expect([...parseTable(Buffer.from(text), all).values()].every((one) => one?.unconfirmed === 0)).toBe(true)
})

test('of others on the machine nothing is kept', () => {
  const rest = '01 00000003:00000000 01:000000FF 00000002     0        0 2 1 0 20 4 30 10 -1'
  const mine = key(0x1f91, 0xc350)
  const table = parseTable(Buffer.from(HEAD + row('1F90C350', rest) + row('1F91C350', rest)), new Set([mine]))
  expect([...table]).toEqual([[mine, { unconfirmed: 3, retransmits: 2 }]])
})
