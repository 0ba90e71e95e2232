/** Does a reading of Cloud Director come whole or not at all, and in good time? */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { armFaults } from '../../src/base/faults.ts'
import { makeAuthority, putFile } from '../support/authority.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import { bare, dfwLabel, gatewayLabel, Owners, Pulling } from '../support/inventory.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { makeWorld, Vcd } from '../support/vcd.ts'

test('a thousand organisations become tenants, and a line with any of their labels reaches the right one', {
  timeout: 180_000,
}, async () => {
  const vcd = await Vcd.start(makeWorld(1000))
  const pulling = new Pulling(vcd)
  const pulled = await pulling.pull()
  expect(pulled).toMatchObject({ version: '38.1', files: 1000, written: true, alarms: [] })
  expect(pulled.counts).toEqual({ tenants: 1000, org_vdcs: 2000, data_center_groups: 1000, gateways: 2000 })
  const plan = pulling.plan()
  expect(plan.tenants.length).toBe(1000)
  const owners = new Owners(plan)
  const wrong: string[] = []
  const expectOwner = (found: string, org: string): void => {
    if (found !== org) wrong.push(`${found} instead of ${org}`)
  }
  const { orgs, vdcs, vdcGroups, edgeGateways } = vcd.world
  const names = new Map(orgs.map(({ id, name }) => [id, name]))
  for (const group of vdcGroups) expectOwner(owners.dfw(dfwLabel(group)), names.get(group.orgId) ?? '')
  for (const gateway of edgeGateways)
    expectOwner(
      owners.gateway(gatewayLabel(gateway, gateway.ownerRef ?? gateway)),
      gateway.orgRef?.name ?? '',
    )
  for (const vdc of vdcs)
    expectOwner(
      owners.of(
        `<13>1 2026-02-03T04:05:06Z esx01 FIREWALL-PKTLOG 1 - - 5c4d7b1e INET match DROP domain-c7/1002 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S ${bare(vdc.id)}`,
      ),
      vdc.org.name,
    )
  expect(wrong).toEqual([])
  expect(vcd.wrong).toEqual([])
})

test('a second reading of the same changes no byte; one of two thousand tenants at 50 ms an answer takes seconds', {
  timeout: 180_000,
}, async () => {
  const vcd = await Vcd.start(makeWorld(2000))
  vcd.delay = 50
  const pulling = new Pulling(vcd)
  const before = performance.now()
  await pulling.pull()
  const seconds = (performance.now() - before) / 1000
  process.stdout.write(
    `2,000 tenants from a server that answers in 50 ms: ${seconds.toFixed(1)} s, ${vcd.requests} requests\n`,
  )
  expect(vcd.most_at_once).toBeLessThanOrEqual(6)
  const files = pulling.files()
  expect(Object.keys(files).length).toBe(2000)
  pulling.now += 60_000
  vcd.delay = 0
  // The server's order is nothing.
  vcd.world.vdcs.reverse()
  vcd.world.orgs.reverse()
  expect(await pulling.pull()).toMatchObject({ files: 0, written: false, differences: [], alarms: [] })
  expect(pulling.files()).toEqual(files)
})

test('a file of the inventory reads as it was written', async () => {
  const vcd = await Vcd.start(makeWorld(1))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const [vdc] = vcd.world.vdcs
  const text = pulling.files()['org-0.yaml'] ?? ''
  expect(text).toContain(`inventory: { source: "${vcd.url}" }`)
  expect(text).toContain(`    org: { id: "${bare(vcd.world.orgs[0]?.id ?? '')}", name: "org-0" }`)
  expect(text).toContain(`      - { name: "vdc-0", id: "${bare(vdc?.id ?? '')}" }`)
  expect(pulling.findings()).toEqual([])
})

test.each([
  ['pages by number', {}],
  ['cursors that only the server understands', { cursors: true }],
  ['neither links nor a count of pages', { bare: true }],
])('every object comes with %s', async (_, how) => {
  const vcd = await Vcd.start(makeWorld(300))
  Object.assign(vcd, how)
  const pulling = new Pulling(vcd)
  expect((await pulling.pull()).counts).toMatchObject({ tenants: 300, gateways: 600 })
  expect(vcd.wrong).toEqual([])
})

test('a login that ends in the middle is renewed once', async () => {
  const vcd = await Vcd.start(makeWorld(600))
  vcd.expire_after = 5
  const pulling = new Pulling(vcd)
  expect((await pulling.pull()).counts.tenants).toBe(600)
  expect(vcd.logins).toBe(2)
  vcd.always_401 = true
  await expect(pulling.pull()).rejects.toThrow(/401 after a new login|login ended twice/)
  expect(vcd.logins).toBeLessThanOrEqual(4)
})

test('errors that pass are asked again, a few times', async () => {
  const vcd = await Vcd.start(makeWorld(3))
  const pulling = new Pulling(vcd)
  vcd.troubles.push(503, 500, 429)
  expect((await pulling.pull()).counts.tenants).toBe(3)
  vcd.troubles.push(...Array.from({ length: 40 }, () => 503))
  await expect(pulling.pull()).rejects.toThrow(/answered 503/)
})

test.each(['orgs', 'vdcs', 'vdcGroups', 'edgeGateways'] as const)(
  'without the right to see %s nothing changes, and the right is named',
  async (collection) => {
    const vcd = await Vcd.start(makeWorld(3))
    const pulling = new Pulling(vcd)
    await pulling.pull()
    const files = pulling.files()
    vcd.forbidden.add(collection)
    vcd.world = makeWorld(2)
    await expect(pulling.pull()).rejects.toThrow(
      `/cloudapi/1.0.0/${collection} is forbidden: ACCESS_TO_RESOURCE_IS_FORBIDDEN`,
    )
    expect(pulling.files()).toEqual(files)
  },
)

test('a role that sees empty lists loses nothing', async () => {
  const vcd = await Vcd.start(makeWorld(4))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const files = pulling.files()
  vcd.world.edgeGateways = []
  await expect(pulling.pull()).rejects.toThrow('8 of 8 gateways would be lost (100 %, and 50 % are allowed)')
  vcd.world = { orgs: [], vdcs: [], vdcGroups: [], edgeGateways: [] }
  await expect(pulling.pull()).rejects.toThrow('no organisations are seen')
  expect(pulling.files()).toEqual(files)
})

test('a collection that changes between two pages is read again', async () => {
  const vcd = await Vcd.start(makeWorld(300))
  const [first, ...others] = vcd.world.orgs
  const gone = first?.id
  let done = false
  // The organisations of the second page move up by one, and one of them would never be seen.
  vcd.beforePage = (collection, page) => {
    if (collection !== 'orgs' || page !== 2 || done) return
    done = true
    const without = ({ org }: { org: { id: string } }): boolean => org.id !== gone
    vcd.world.orgs = others
    vcd.world.vdcs = vcd.world.vdcs.filter(without)
    vcd.world.vdcGroups = vcd.world.vdcGroups.filter(({ orgId }) => orgId !== gone)
    vcd.world.edgeGateways = vcd.world.edgeGateways.filter(({ orgRef }) => orgRef?.id !== gone)
  }
  const pulling = new Pulling(vcd)
  expect((await pulling.pull()).counts.tenants).toBe(299)
  expect(Object.keys(pulling.files()).length).toBe(299)
})

test('a page that is broken off, or an object of another shape, changes nothing', async () => {
  const vcd = await Vcd.start(makeWorld(300))
  const pulling = new Pulling(vcd)
  vcd.broken = 'vdcGroups 2'
  await expect(pulling.pull()).rejects.toThrow('vdcGroups: a page is not JSON')
  vcd.broken = null
  const [gateway] = vcd.world.edgeGateways
  vcd.world.edgeGateways[0] = { ...gateway, id: 'urn:vcloud:vm:1' } as never
  await expect(pulling.pull()).rejects.toThrow('edgeGateways: object 1 is not as the API says')
  expect(pulling.files()).toEqual({})
})

test('a slow server is given up in time', async () => {
  const vcd = await Vcd.start(makeWorld(1))
  vcd.delay = 2000
  await expect(new Pulling(vcd).pull({ timeout: { answer: 60_000, all: 200 } })).rejects.toThrow(
    /no answer in time/,
  )
})

test('a dry run shows the difference and writes nothing', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  const pulled = await pulling.pull({ dry_run: true })
  expect(pulled).toMatchObject({ files: 2, written: false })
  expect(pulled.differences[0]).toMatch(
    /^\+ tenant org-\d: organisation org-\d \([0-9a-f-]{36}\), 2 Org VDCs, 1 Data Center Group, 2 gateways$/,
  )
  expect(existsSync(pulling.folder)).toBe(false)
})

test('a private CA is believed when it is named, through a proxy too; else the certificate is not', async () => {
  const authority = await makeAuthority()
  const pair = await authority.issue(['localhost', 'vcd.example.com'])
  const vcd = await Vcd.start(makeWorld(2), { cert: pair.cert, key: pair.key })
  const ca = putFile(tempFolder(), 'ca.crt', authority.ca)
  const pulling = new Pulling(vcd)
  await expect(pulling.pull()).rejects.toThrow(/certificate/)
  expect((await pulling.pull({ ca })).counts.tenants).toBe(2)
  const proxy = await new HttpProxy('user:secret').listen()
  try {
    const { port } = new URL(vcd.url)
    const url = new URL(`https://vcd.example.com:${port}`)
    const folder = tempFolder()
    const env = { https_proxy: `http://user:secret@127.0.0.1:${proxy.port}` }
    expect((await pulling.pull({ ca, url, env, folder })).counts.tenants).toBe(2)
    expect(proxy.asked[0]).toBe(`CONNECT vcd.example.com:${port}`)
    const wrong = { https_proxy: `http://user:wrong-secret@127.0.0.1:${proxy.port}` }
    const failure = await pulling
      .pull({ ca, url, env: wrong, folder })
      .catch((error: unknown) => String(error))
    expect(failure).toContain('407')
    expect(failure).not.toContain('wrong-secret')
  } finally {
    await proxy.close()
  }
})

test('neither a wrong token nor what the server says of it reaches a message', async () => {
  const vcd = await Vcd.start(makeWorld(1))
  const failure = await new Pulling(vcd)
    .pull({ token: async () => 'planted-secret-token' })
    .catch((error: unknown) => String(error))
  expect(failure).toContain('the API token is not accepted')
  expect(failure).not.toContain('planted-secret-token')
})

test('a token that changes when it is used is handed on to be kept', async () => {
  const vcd = await Vcd.start(makeWorld(1))
  vcd.rotate_to = 'the-next-token'
  const kept: string[] = []
  await new Pulling(vcd).pull({ rotated: async (token) => void kept.push(token) })
  expect(kept).toEqual(['the-next-token'])
})

test('a writer that dies leaves the old inventory, or one that is refused until the next pull completes it', async () => {
  const vcd = await Vcd.start(makeWorld(3))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const before = pulling.files()
  vcd.world = makeWorld(4)
  const failAt = (point: string): void =>
    armFaults({ LOGWEIR_TEST: '1', LOGWEIR_FAULTS: `${point}=throw:EIO` })
  try {
    failAt('inventory.commit')
    await expect(pulling.pull()).rejects.toThrow(/EIO/)
    expect(pulling.files()).toEqual(before)
    expect(pulling.plan().tenants.length).toBe(3)
    failAt('inventory.apply')
    await expect(pulling.pull()).rejects.toThrow(/EIO/)
    expect(pulling.load().plan).toBeUndefined()
    expect(pulling.findings().join()).toContain('the inventory is being written')
  } finally {
    armFaults({})
  }
  expect((await pulling.pull()).written).toBe(false)
  expect(pulling.plan().tenants.length).toBe(4)
})

test('what is not its own it neither reads nor overwrites', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  const file = join(pulling.folder, 'org-0.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(vcd.url, 'https://other.example.com'))
  await expect(pulling.pull()).rejects.toThrow('is of https://other.example.com')
  writeFileSync(file, 'version: 1\ninventory: {')
  await expect(pulling.pull()).rejects.toThrow(/org-0\.yaml/)
  writeFileSync(file, 'version: 1\ntenants: []\n')
  await expect(pulling.pull()).rejects.toThrow('is in the way')
  mkdirSync(join(pulling.root, 'rules', 'more'))
})

test('a folder that cannot be used, a broken list and a second pull at once: each is said, and nothing changes', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  await expect(pulling.pull({ folder: join(pulling.root, 'logweir.yaml', 'x') })).rejects.toThrow(
    /ENOTDIR|EEXIST/,
  )
  vcd.delay = 50
  const [one, two] = await Promise.allSettled([pulling.pull(), pulling.pull()])
  expect([one.status, two.status].toSorted()).toEqual(['fulfilled', 'rejected'])
  vcd.delay = 0
  // Of a process that has died.
  writeFileSync(join(pulling.folder, '.lock'), '4194999\n')
  expect((await pulling.pull()).files).toBe(0)
  mkdirSync(join(pulling.folder, '.new'))
  writeFileSync(join(pulling.folder, '.new', 'commit.json'), '{"put":["../../evil.yaml"],"remove":[]}')
  await expect(pulling.pull({ dry_run: true })).rejects.toThrow('was left half written')
  await expect(pulling.pull()).rejects.toThrow('is not as `inventory pull` writes it')
  expect(existsSync(join(pulling.root, 'evil.yaml'))).toBe(false)
})
