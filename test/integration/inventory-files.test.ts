/** Files of the inventory that people have renamed, names that Cloud Director allows and a rules folder does not bear, locks of the dead. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bare, dfwLabel, Owners, Pulling } from '../support/inventory.ts'
import { makeWorld, Vcd, type World } from '../support/vcd.ts'

/** Makes organisation `n` of the world another name. */
function call(world: World, n: number, name: string): void {
  Object.assign(world.orgs[n] ?? {}, { name })
}

function ownerOfGroup(pulling: Pulling, world: World, n: number): string {
  const group = world.vdcGroups[n]
  if (group === undefined) throw new Error(`no group ${n}`)
  return new Owners(pulling.plan()).dfw(dfwLabel(group))
}

test('an organisation whose name ends like files of rule tests is a tenant', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  call(vcd.world, 0, 'shop.test')
  const pulling = new Pulling(vcd)
  await pulling.pull()
  expect(pulling.findings()).toEqual([])
  expect(ownerOfGroup(pulling, vcd.world, 0)).toBe('shop.test')
  expect(Object.keys(pulling.files())).not.toContain('shop.test.yaml')
  expect(await pulling.pull()).toMatchObject({ files: 0 })
})

test('a file that was renamed so that it would be taken for rule tests moves to a name that is read', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  renameSync(join(pulling.folder, 'org-0.yaml'), join(pulling.folder, 'org-0.test.yaml'))
  expect(await pulling.pull()).toMatchObject({ files: 2 })
  expect(Object.keys(pulling.files())).toEqual(['org-0.yaml', 'org-1.yaml'])
  expect(ownerOfGroup(pulling, vcd.world, 0)).toBe('org-0')
})

test('a file that was renamed to another ending stays there, and the inventory is written', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  renameSync(join(pulling.folder, 'org-0.yaml'), join(pulling.folder, 'Our first customer.yml'))
  Object.assign(vcd.world.vdcs[0] ?? {}, { name: 'renamed' })
  await pulling.pull()
  expect(Object.keys(pulling.files())).toEqual(['Our first customer.yml', 'org-1.yaml'])
  expect(pulling.files()['Our first customer.yml']).toContain('"renamed"')
  expect(pulling.findings()).toEqual([])
})

test('a new organisation does not write over a renamed file of another', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const pulling = new Pulling(vcd)
  const second = vcd.world.orgs.splice(1)
  const rest = { ...vcd.world, orgs: second }
  const of = (org: string | undefined): boolean => org === second[0]?.id
  const kept: World = makeWorld(2)
  vcd.world.vdcs = vcd.world.vdcs.filter(({ org }) => !of(org.id))
  vcd.world.vdcGroups = vcd.world.vdcGroups.filter(({ orgId }) => !of(orgId))
  vcd.world.edgeGateways = vcd.world.edgeGateways.filter(({ orgRef }) => !of(orgRef?.id))
  await pulling.pull()
  renameSync(join(pulling.folder, 'org-0.yaml'), join(pulling.folder, 'org-1.yaml'))
  vcd.world.orgs.push(...rest.orgs)
  vcd.world.vdcs = kept.vdcs
  vcd.world.vdcGroups = kept.vdcGroups
  vcd.world.edgeGateways = kept.edgeGateways
  await pulling.pull()
  expect(ownerOfGroup(pulling, vcd.world, 0)).toBe('org-0')
  expect(ownerOfGroup(pulling, vcd.world, 1)).toBe('org-1')
  expect(pulling.files()['org-1.yaml']).toContain(bare(vcd.world.orgs[0]?.id ?? ''))
})

test('a lock whose dead owner had the number of this process is taken over', async () => {
  const vcd = await Vcd.start(makeWorld(1))
  const pulling = new Pulling(vcd)
  await pulling.pull()
  // In a container every run has the same number.
  writeFileSync(join(pulling.folder, '.lock'), `${process.pid}\n`)
  expect(await pulling.pull()).toMatchObject({ files: 0 })
})

test.each([
  ['a line separator', 'a\u2028b'],
  ['a byte order mark', '\uFEFFab'],
  ['half a pair of surrogates', 'a\uD800b'],
  ['U+FFFE', 'a\uFFFEb'],
  ['blanks', '   '],
  ['a control character only', '\u0007'],
  ['blanks around', '  a  '],
  ['what turns the direction', '\u202Eab'],
  ['a placeholder', '${x} {tenant}'],
])('a group whose name holds %s keeps no reading from being read', async (_, name) => {
  const vcd = await Vcd.start(makeWorld(2))
  Object.assign(vcd.world.vdcGroups[0] ?? {}, { name })
  Object.assign(vcd.world.vdcs[0] ?? {}, { name })
  Object.assign(vcd.world.edgeGateways[0] ?? {}, { name })
  const pulling = new Pulling(vcd)
  await pulling.pull()
  expect(pulling.findings().filter((finding) => finding.includes('error'))).toEqual([])
  expect(await pulling.pull()).toMatchObject({ files: 0 })
  expect(pulling.plan().tenants.length).toBe(2)
})
