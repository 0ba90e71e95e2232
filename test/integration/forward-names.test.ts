/**
 * R58: does traffic follow a name? With a real name server, the system's own way to it, and receivers at several addresses, in
 * namespaces of their own.
 */
import { spawnSync } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CachedResolver } from '../../src/forward/resolve.ts'
import { NameWatch } from '../../src/forward/name-watch.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { NameServerSink } from '../support/name-server.ts'

test.for(['tcp', 'relp', 'http', 'udp'])(
  'R58: over %s: unknown at first, then known; it moves; the name server goes; another comes; one of two addresses is dead',
  (kind, context) => {
    const folder = mkdtempSync(join(tmpdir(), 'logweir-names-'))
    const story = join(import.meta.dirname, '../support/dns-story.ts')
    const told = spawnSync('unshare', ['-mn', process.execPath, story, folder, kind], { encoding: 'utf8' })
    rmSync(folder, { recursive: true, force: true })
    if (told.error !== undefined || /not permitted|unshare failed/i.test(told.stderr))
      return context.skip('namespaces cannot be made')
    const [first, ...lines] = told.stdout.trimEnd().split('\n')
    expect(told.stderr).toBe('')
    expect(first).toMatch(/^at first: .*the name siem\.example\.com has no address: DNS does not know it$/)
    expect(lines.slice(0, 4)).toEqual([
      'then it is known: the event arrives',
      'the name moves, the old one still takes: traffic moves, last error null',
      'the name server is gone, the connection breaks: the last good answer serves',
      'another name server, two addresses of which one is dead: the other one has it',
    ])
    // Datagrams to a machine that has gone are not missed by anybody.
    if (kind !== 'udp') expect(lines[4]).toBe('missing: []')
  },
)

test('R58: the time to live is that of the answer, and nothing below keeps answers longer', async () => {
  const server = await new NameServerSink(() => ['192.0.2.1']).open()
  const cares = new Resolver()
  cares.setServers([`127.0.0.1:${server.port}`])
  const clock = new ManualClock()
  const names = {
    resolve4: (name: string) => cares.resolve4(name, { ttl: true }),
    resolve6: (name: string) => cares.resolve6(name, { ttl: true }),
  }
  const resolver = new CachedResolver(clock, names, { find: () => Promise.resolve(undefined) })
  server.ttl = 60
  expect(await resolver.resolve('siem.example.com')).toEqual(['192.0.2.1'])
  server.answer = () => ['192.0.2.2', '192.0.2.3']
  clock.advance(59_999)
  expect(await resolver.resolve('siem.example.com')).toEqual(['192.0.2.1'])
  expect(server.asked).toHaveLength(1)
  clock.advance(1)
  expect(await resolver.resolve('siem.example.com')).toEqual(['192.0.2.2', '192.0.2.3'])
  expect(server.asked).toHaveLength(2)
  await server.close()
})

test('R58: a name that moves is noticed within its time to live and 30 s; one that gives others each time moves every 5 minutes', async () => {
  const clock = new ManualClock()
  let answer = ['192.0.2.1']
  const watch = new NameWatch({ resolve: () => Promise.resolve(answer) }, clock)
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done))
  watch.connected('siem.example.com', '192.0.2.1')
  clock.advance(30_000)
  watch.look()
  await turn()
  expect(watch.changed).toBe(false)
  answer = ['192.0.2.2']
  clock.advance(30_000)
  watch.look()
  await turn()
  expect(watch.changed).toBe(true)
  watch.connected('siem.example.com', '192.0.2.2')
  answer = ['192.0.2.3']
  clock.advance(299_999)
  watch.look()
  await turn()
  expect(watch.changed).toBe(false)
  clock.advance(1)
  watch.look()
  await turn()
  expect(watch.changed).toBe(true)
  // An address is no name.
  watch.connected('192.0.2.9', '192.0.2.9')
  clock.advance(600_000)
  watch.look()
  await turn()
  expect(watch.changed).toBe(false)
})
