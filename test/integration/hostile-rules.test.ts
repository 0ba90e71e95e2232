/** What no rules folder should hold, while the router runs: is it refused by name, and does everything stay as it was? */
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Reload } from '../../src/control/reload-book.ts'
import { Receiver, sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const open: { clean?: () => Promise<void>; close?: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await (one.clean?.() ?? one.close?.())
})

/** Nine levels of nine: 3.5 thousand million values. */
const BOMB = `version: 1
a: &a [x, x, x, x, x, x, x, x, x]
${'bcdefghi'
  .split('')
  .map((name, n) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[n]}`).join(', ')}]`)
  .join('\n')}
`

interface Hostile {
  readonly what: string
  readonly put: (folder: string) => void
  readonly file: string
  readonly says: RegExp
}

const HOSTILE: readonly Hostile[] = [
  {
    what: 'a YAML bomb',
    put: (folder) => writeFileSync(join(folder, 'bad.yaml'), BOMB),
    file: 'bad.yaml',
    says: /alias/i,
  },
  {
    what: 'a file of 100 MB',
    put: (folder) => {
      writeFileSync(join(folder, 'bad.yaml'), '')
      truncateSync(join(folder, 'bad.yaml'), 100 * 2 ** 20)
    },
    file: 'bad.yaml',
    says: /larger than 8MiB \(`limits\.file_max`\)/,
  },
  {
    what: 'brackets without end',
    put: (folder) => writeFileSync(join(folder, 'bad.yaml'), '['.repeat(4 * 2 ** 20)),
    file: 'bad.yaml',
    says: /nested too deeply/,
  },
  {
    what: 'a link to itself',
    put: (folder) => symlinkSync('bad.yaml', join(folder, 'bad.yaml')),
    file: 'bad.yaml',
    says: /./,
  },
  {
    what: 'a link to what is gone, as a file that went while the folder was read',
    put: (folder) => symlinkSync(join(folder, '../gone.yaml'), join(folder, 'bad.yaml')),
    file: 'bad.yaml',
    says: /./,
  },
]

test('each is refused by name, the old rules go on, and nothing of the new is taken', async () => {
  const own = await new Receiver().open()
  const other = await new Receiver().open()
  open.push(own, other)
  const router = new Router({ listeners }, { tenants: [tenantRules(0, [{ name: 'siem', to: own.url }])] })
  open.push(router)
  await router.start()
  const folder = join(router.folder, 'rules')
  const fresh = { version: 1, tenants: [tenantRules(1, [{ name: 'siem', to: other.url }])] }
  writeFileSync(join(folder, 'fresh.yaml'), stringify(fresh))
  let sent = 0
  for (const { what, put, file, says } of HOSTILE) {
    put(folder)
    const { outcome, findings } = (await router.ask('/api/v1/reload', 'POST')) as Reload
    expect(outcome, what).toBe('rejected')
    const errors = findings.filter(({ level }) => level === 'error')
    expect(
      errors.map((one) => one.file),
      what,
    ).toEqual([join(folder, file)])
    expect(errors[0]?.message, what).toMatch(says)
    rmSync(join(folder, 'bad.yaml'), { recursive: true })
    await sendLines(router.port('tcp'), [dfwLine(0, sent), dfwLine(1, sent)])
    sent += 1
    await own.until(() => own.lines === sent)
  }
  expect(other.lines).toBe(0)
  // A folder that holds itself is read once, and said.
  mkdirSync(join(folder, 'more'))
  symlinkSync('..', join(folder, 'more', 'round'))
  const { outcome, findings } = (await router.ask('/api/v1/reload', 'POST')) as Reload
  expect([outcome, findings.map(({ message }) => message)]).toEqual([
    'accepted',
    expect.arrayContaining([expect.stringContaining('is a link to a folder that is read already')]),
  ])
  await sendLines(router.port('tcp'), [dfwLine(1, sent)])
  await other.until(() => other.lines === 1)
  const ledger = await router.until((now) => forwarderOf(now, 'tenant-1', 'siem').delivered === 1)
  expect(ledger.received).toBe(2 * sent + 1)
  expectBalanced(ledger)
  // A start is no other: it runs on what was accepted last.
  writeFileSync(join(folder, 'bad.yaml'), BOMB)
  expect(await router.stop()).toBe(0)
  await router.start()
  await sendLines(router.port('tcp'), [dfwLine(1, sent + 1)])
  await other.until(() => other.lines === 2)
  expectBalanced(await router.status())
})
