/** Are changed files taken over by themselves, however they were written, and wrong ones said and left alone? */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { LastReload } from '../../src/control/reload-book.ts'
import { expectBalanced, type LogLine, Router, tenantRules } from '../support/router.ts'

const routers: Router[] = []
afterEach(async () => {
  for (const router of routers.splice(0)) await router.clean()
})

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const rules = (count: number, from = 0): object => ({
  tenants: Array.from({ length: count }, (_, n) =>
    tenantRules(from + n, [{ name: 'out', to: `file:out-${from + n}.log` }]),
  ),
})

async function watching(first: object): Promise<Router> {
  const router = new Router({ listeners, reload: { watch: true, settle: '200ms' } }, first)
  routers.push(router)
  return router.start()
}

const runs =
  (generation: number) =>
  (line: LogLine): boolean =>
    line.msg === `rules generation ${generation} runs` && line['by'] === 'watch'

/** `reload` of the status. */
async function last(router: Router): Promise<LastReload> {
  return ((await router.ask('/api/v1/status')) as { reload: LastReload }).reload
}

test('a file that is written, renamed into place, added in a new folder, removed', async () => {
  const router = await watching(rules(1))
  const folder = join(router.folder, 'rules')
  router.writeRules(rules(2))
  expect(JSON.stringify(await router.seen(runs(2)))).toContain('"added":["tenant-1"]')
  // As editors do it: the text in another file, the old one to a backup, the new one in its place.
  writeFileSync(join(folder, '.tenants.yaml.swp'), stringify({ version: 1, ...rules(3) }))
  renameSync(join(folder, 'tenants.yaml'), join(folder, 'tenants.yaml~'))
  renameSync(join(folder, '.tenants.yaml.swp'), join(folder, 'tenants.yaml'))
  await router.seen(runs(3))
  mkdirSync(join(folder, 'more'))
  writeFileSync(join(folder, 'more', 'x.yaml'), stringify({ version: 1, ...rules(1, 9) }))
  await router.seen(runs(4))
  rmSync(join(folder, 'more'), { recursive: true })
  await router.seen(runs(5))
  expect((await last(router)).changes?.tenants.removed).toEqual(['tenant-9'])
  expectBalanced(await router.status())
})

test('three hundred files at once are one reload, and a folder in place of another is noticed', async () => {
  const router = await watching(rules(1))
  const folder = join(router.folder, 'rules')
  const next = join(router.folder, 'next')
  mkdirSync(next)
  for (let n = 0; n < 300; n++)
    writeFileSync(join(next, `${n}.yaml`), stringify({ version: 1, ...rules(1, n) }))
  cpSync(next, folder, { recursive: true })
  rmSync(join(folder, 'tenants.yaml'))
  await router.seen(runs(2))
  expect((await last(router)).changes?.tenants.added).toHaveLength(299)
  rmSync(join(next, '7.yaml'))
  renameSync(folder, join(router.folder, 'old'))
  renameSync(next, folder)
  await router.seen(runs(3))
  rmSync(join(folder, '8.yaml'))
  await router.seen(runs(4))
  expect(router.log.filter(({ msg }) => msg.startsWith('rules generation')).length).toBe(3)
})

test('links that go round, link targets that are replaced as Kubernetes does it', async () => {
  const router = await watching(rules(1))
  const folder = join(router.folder, 'rules')
  const put = (name: string, count: number): void => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'more.yaml'), stringify({ version: 1, ...rules(count, 5) }))
  }
  symlinkSync('..', join(folder, 'round'))
  put('..one', 1)
  put('..two', 2)
  symlinkSync('..one', join(folder, '..data'))
  symlinkSync('..data/more.yaml', join(folder, 'more.yaml'))
  await router.seen(({ msg }) => msg.startsWith('reload rejected') || msg.startsWith('rules generation 2'))
  rmSync(join(folder, 'round'))
  await router.seen(({ msg }) => msg.startsWith('rules generation'))
  const before = (await last(router)).generation
  execFileSync('ln', ['-sfn', '..two', join(folder, '..tmp')])
  renameSync(join(folder, '..tmp'), join(folder, '..data'))
  await router.seen(runs(before + 1))
  expect((await last(router)).changes?.tenants.added).toEqual(['tenant-6'])
})

test('wrong files change nothing, are said once, in metric, status and log, until they are right', async () => {
  const router = await watching(rules(1))
  router.writeRules('version: 1\ntenants:\n  - name: tenant-0\n    forwarder: []\n')
  const line = await router.seen(({ msg }) => msg.startsWith('reload rejected'))
  expect(JSON.stringify(line)).toContain('tenants.yaml:4:5')
  const { outcome, by, generation, findings } = await last(router)
  expect({ outcome, by, generation }).toEqual({ outcome: 'rejected', by: 'watch', generation: 1 })
  expect(findings[0]).toMatchObject({ line: 4, column: 5 })
  const metrics = async (): Promise<string> => (await fetch(`${router.admin}/metrics`)).text()
  expect(await metrics()).toMatch(/logweir_rules_rejected 1\n/)
  expect(await metrics()).toMatch(/logweir_rules_reloads_total\{outcome="rejected"\} 1\n/)
  router.writeRules(rules(2))
  await router.seen(runs(2))
  expect(await metrics()).toMatch(/logweir_rules_rejected 0\n/)
  // Told by hand, the watch has nothing to add.
  router.writeRules(rules(3))
  router.signal('SIGHUP')
  await router.seen(({ msg }) => msg === 'rules generation 3 runs')
  router.writeRules(rules(4))
  await router.seen(runs(4))
  expect((await last(router)).generation).toBe(4)
})

test('the configuration switches the watch off, and its own change is the last that it takes', async () => {
  const router = await watching(rules(1))
  router.writeSettings({ listeners, reload: { watch: false } })
  await router.seen(runs(2))
  router.writeRules(rules(2))
  router.signal('SIGHUP')
  const line = await router.seen(({ msg }) => msg === 'rules generation 3 runs')
  expect(line['by']).toBe('signal')
})
