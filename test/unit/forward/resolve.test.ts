import type { RecordWithTtl } from 'node:dns'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { parseHosts } from '../../../src/forward/hosts-file.ts'
import type { NameServer } from '../../../src/forward/name-server.ts'
import { CachedResolver } from '../../../src/forward/resolve.ts'

class Server implements NameServer {
  asked = 0
  answer: RecordWithTtl[] | Error = []
  six: RecordWithTtl[] = []
  resolve4(): Promise<readonly RecordWithTtl[]> {
    this.asked += 1
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer)
  }
  resolve6(): Promise<readonly RecordWithTtl[]> {
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.six)
  }
}

function make(hosts: Record<string, string[]> = {}): {
  server: Server
  resolver: CachedResolver
  pass: (ms: number) => void
} {
  let now = 0
  const clock: Clock = { wall: () => now, monotonic: () => now, after: () => ({ cancel: () => undefined }) }
  const server = new Server()
  const resolver = new CachedResolver(clock, server, { find: (name) => Promise.resolve(hosts[name]) })
  return { server, resolver, pass: (ms) => (now += ms) }
}

const record = (address: string, ttl = 60): RecordWithTtl =>
  ({ address, ttl, family: 4 }) as unknown as RecordWithTtl
const failure = (code: string): Error => Object.assign(new Error(`query ${code}`), { code })

describe('addresses', () => {
  test('literal ones are not looked up', async () => {
    const { server, resolver } = make()
    expect(await resolver.resolve('192.0.2.7')).toEqual(['192.0.2.7'])
    expect(await resolver.resolve('2001:db8::1')).toEqual(['2001:db8::1'])
    expect(await resolver.resolve('[2001:db8::1]')).toEqual(['2001:db8::1'])
    expect(server.asked).toBe(0)
  })

  test('the hosts file goes first', async () => {
    const { server, resolver } = make({ siem: ['192.0.2.9'] })
    expect(await resolver.resolve('siem')).toEqual(['192.0.2.9'])
    expect(server.asked).toBe(0)
  })

  test('all of both families come, four first', async () => {
    const { server, resolver } = make()
    server.answer = [record('192.0.2.1'), record('192.0.2.2')]
    server.six = [record('2001:db8::1')]
    expect(await resolver.resolve('siem.example.com')).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1'])
  })
})

describe('the cache (R58)', () => {
  test('serves for the TTL, at most 300 s, then asks again', async () => {
    const { server, resolver, pass } = make()
    server.answer = [record('192.0.2.1', 86_400)]
    await resolver.resolve('siem.example.com')
    pass(299_999)
    await resolver.resolve('SIEM.example.com')
    expect(server.asked).toBe(1)
    server.answer = [record('192.0.2.2', 1)]
    pass(2)
    expect(await resolver.resolve('siem.example.com')).toEqual(['192.0.2.2'])
  })

  test('the last good answer outlives a failure', async () => {
    const { server, resolver, pass } = make()
    server.answer = [record('192.0.2.1')]
    await resolver.resolve('siem.example.com')
    server.answer = failure('ETIMEOUT')
    pass(3_600_000)
    expect(await resolver.resolve('siem.example.com')).toEqual(['192.0.2.1'])
  })

  test('a name that fails at first is not final', async () => {
    const { server, resolver } = make()
    server.answer = failure('ENOTFOUND')
    await expect(resolver.resolve('late.example.com')).rejects.toThrow(
      'late.example.com has no address: DNS does not know it',
    )
    server.answer = [record('192.0.2.1')]
    expect(await resolver.resolve('late.example.com')).toEqual(['192.0.2.1'])
  })

  test('one question for all who ask at once', async () => {
    const { server, resolver } = make()
    server.answer = [record('192.0.2.1')]
    await Promise.all(Array.from({ length: 500 }, () => resolver.resolve('siem.example.com')))
    expect(server.asked).toBe(1)
  })

  test('a hanging name server holds few questions', async () => {
    const { server, resolver } = make()
    server.resolve4 = () => new Promise(() => undefined)
    const asked = Array.from({ length: 500 }, (_, i) =>
      resolver.resolve(`n${i}.example.com`).then(
        () => 'ok',
        () => 'refused',
      ),
    )
    const first = await Promise.race(asked)
    expect(first).toBe('refused')
    const settled = await Promise.all(asked.slice(32))
    expect(new Set(settled)).toEqual(new Set(['refused']))
  })

  test('names of one tenant that hang leave the name server to the others (R25)', async () => {
    const { server, resolver } = make()
    let asked = 0
    server.resolve4 = (): Promise<readonly RecordWithTtl[]> => {
      asked += 1
      return new Promise(() => undefined)
    }
    const acme = Array.from({ length: 40 }, (_, i) =>
      resolver
        .of('acme')
        .resolve(`n${i}.example.com`)
        .catch((error: unknown) => String(error)),
    )
    expect(await Promise.race(acme)).toMatch('16 other names of its tenant wait for the name server')
    expect(asked).toBe(16)
    server.resolve4 = () => Promise.resolve([record('192.0.2.1')])
    expect(await resolver.of('globex').resolve('siem.example.com')).toEqual(['192.0.2.1'])
    // What was answered takes no place any more.
    for (let n = 0; n < 40; n++) await resolver.of('globex').resolve(`${n}.example.com`)
  })
})

test('hosts files are read with comments, tabs, several names, and nonsense', () => {
  const text =
    '127.0.0.1\tlocalhost lo # here\n# 192.0.2.1 no\n::1 localhost ip6\nnonsense here\n192.0.2.4 SIEM.Example.com siem\r\n192.0.2.5 siem\n192.0.2.4 siem\n'
  expect(Object.fromEntries(parseHosts(text))).toEqual({
    localhost: ['127.0.0.1', '::1'],
    lo: ['127.0.0.1'],
    ip6: ['::1'],
    'siem.example.com': ['192.0.2.4'],
    siem: ['192.0.2.4', '192.0.2.5'],
  })
})
