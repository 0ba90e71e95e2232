/** What is read of the system, from texts of its kind. */
import { endianness } from 'node:os'
import { describe, expect, test } from 'vitest'
import { bindError } from '../../../src/listen/bind-errors.ts'
import { connectionsWithin, descriptorLimit } from '../../../src/listen/descriptors.ts'
import { KernelDrops, type ProcReader, tableAddress } from '../../../src/listen/kernel-drops.ts'

const HEADING =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops'

function line(port: number, inode: number, drops: number): string {
  const place = `00000000:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return `  123: ${place} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0000000000000000 ${drops}`
}

class Proc implements ProcReader {
  udp: string[] = []
  udp6: string[] = []
  own = new Set<string>()

  table(name: 'udp' | 'udp6'): string {
    return [HEADING, ...this[name], ''].join('\n')
  }

  inodes(): ReadonlySet<string> {
    return this.own
  }
}

describe('kernel drops (R30)', () => {
  test('of our socket only, and only new ones', () => {
    const proc = new Proc()
    proc.own = new Set(['77'])
    proc.udp6 = [line(5514, 77, 5), line(5514, 78, 900), line(53, 77, 800)]
    const drops = new KernelDrops('0.0.0.0', 5514, 1, proc)
    expect(drops.read()).toBe(0)
    proc.udp6 = [line(5514, 77, 12), line(5514, 78, 1900)]
    expect(drops.read()).toBe(7)
    expect(drops.read()).toBe(0)
  })

  test('workers that share a port share the count', () => {
    const proc = new Proc()
    const one = new KernelDrops('0.0.0.0', 5514, 2, proc)
    const two = new KernelDrops('0.0.0.0', 5514, 2, proc)
    proc.own = new Set(['1', '2'])
    proc.udp = [line(5514, 1, 10), line(5514, 2, 30)]
    expect([one.read(), two.read()]).toEqual([20, 20])
    proc.udp = [line(5514, 1, 11), line(5514, 2, 30)]
    expect([one.read(), two.read()]).toEqual([0, 0])
    proc.udp = [line(5514, 1, 12), line(5514, 2, 30)]
    expect([one.read(), two.read()]).toEqual([1, 1])
  })

  test.each([
    ['127.0.0.1', '0100007F'],
    ['0.0.0.0', '00000000'],
    ['::1', '00000000000000000000000001000000'],
    ['::ffff:127.0.0.1', '0000000000000000FFFF00000100007F'],
    ['2001:db8::1:2', 'B80D0120000000000000000002000100'],
    ['localhost', undefined],
  ])('%s as the tables of a little-endian machine write it', (host, written) => {
    if (endianness() === 'LE') expect(tableAddress(host)).toBe(written)
  })

  test('a socket of ours on another address of the same port is another listener', () => {
    const proc = new Proc()
    proc.own = new Set(['77'])
    const drops = new KernelDrops('127.0.0.1', 5514, 1, proc)
    proc.udp = [line(5514, 77, 5)]
    expect(drops.read()).toBe(0)
  })

  test('a connected socket of a listener on every address has one address, and is asked for once it is there', () => {
    const proc = new Proc()
    proc.own = new Set(['77'])
    const drops = new KernelDrops('0.0.0.0', 5514, 1, proc)
    proc.own = new Set(['77', '78'])
    proc.udp = [line(5514, 77, 0), line(5514, 78, 5).replace(' 00000000:', ' 0100007F:')]
    expect(drops.read()).toBe(0)
    drops.changed()
    expect(drops.read()).toBe(5)
    expect(drops.read()).toBe(0)
  })

  test('a connected socket may be an IPv6 one where the listener has one IPv4 address', () => {
    const proc = new Proc()
    proc.own = new Set(['77'])
    const drops = new KernelDrops('127.0.0.1', 5514, 1, proc)
    const mapped = ` ${tableAddress('::ffff:127.0.0.1') ?? ''}:`
    proc.udp6 = [
      line(5514, 77, 5).replace(' 00000000:', mapped),
      line(53, 77, 9).replace(' 00000000:', mapped),
    ]
    expect(drops.read()).toBe(5)
  })

  test('a table that is not there or not understood says nothing', () => {
    const proc = new Proc()
    proc.udp = ['', 'x', ' 1: 0 0 0']
    expect(new KernelDrops('0.0.0.0', 1, 1, proc).read()).toBe(0)
  })
})

describe('descriptors', () => {
  test.each([
    ['Max open files            1024                 1048576              files     \n', 1024],
    [
      'Max open files            unlimited            unlimited            files     \n',
      Number.POSITIVE_INFINITY,
    ],
    ['', Number.POSITIVE_INFINITY],
  ])('the soft limit: %j', (text, limit) => expect(descriptorLimit(() => text)).toBe(limit))

  test('connections leave a reserve, and are divided', () => {
    expect(connectionsWithin(Number.POSITIVE_INFINITY, 30, 2)).toBe(Number.POSITIVE_INFINITY)
    expect(connectionsWithin(1024, 24, 1)).toBe(744)
    expect(connectionsWithin(1024, 24, 2)).toBe(372)
    expect(connectionsWithin(64, 22, 1)).toBe(18)
    expect(connectionsWithin(16, 22, 1)).toBe(1)
  })
})

test.each([
  ['EADDRINUSE', 'listener l cannot bind [::]:514: the port is in use', 'ss -lntup'],
  ['EACCES', 'listener l cannot bind [::]:514: no permission for port 514', 'ip_unprivileged_port_start'],
  ['EADDRNOTAVAIL', 'listener l cannot bind [::]:514: this machine does not have the address', '0.0.0.0'],
  ['EAFNOSUPPORT', 'listener l cannot bind [::]:514: this machine has no IPv6', '0.0.0.0'],
  ['EOTHER', 'listener l cannot bind [::]:514: boom', '`bind`'],
])('%s in one sentence, with a mend', (code, message, mend) => {
  const error = bindError({ name: 'l', host: '::', port: 514 }, Object.assign(new Error('boom'), { code }))
  expect(error.message).toBe(message)
  expect(error.mend).toContain(mend)
})
