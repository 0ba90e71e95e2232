/** Does `inventory pull` fill a running router, and say nothing that it should not? */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { dfwLabel, dfwLine } from '../../support/inventory.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { makeWorld, uuidOf, Vcd } from '../../support/vcd.ts'
import { FILES, logweir, said, start } from './support.ts'

/** Resolves when the child has said so on stderr for the n-th time. */
function told(child: ChildProcess, what: string, times: number): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.split(what).length > times) resolve(text)
    })
    child.once('close', () => reject(new Error(text)))
  })
}

const MINE = `version: 1
tenants:
  - name: acme
    org: { id: ${uuidOf(0, 0)} }
    forwarders: [{ name: archive, to: "file:../out/acme.log" }]
`

test('--watch fills the router, and follows Cloud Director; the token is said nowhere', {
  timeout: 120_000,
}, async () => {
  const vcd = await Vcd.start(makeWorld(3))
  const folder = tempFolder({ ...FILES, 'rules/acme.yaml': MINE, token: `${vcd.token}\n` })
  const config = ['--config', path.join(folder, 'logweir.yaml')]
  const router = start(['run', ...config])
  const port = /tcp:\/\/127\.0\.0\.1:(\d+)/.exec(await said(router, /ready/))?.[1] ?? ''
  const pulling = start([
    'inventory',
    'pull',
    '--url',
    vcd.url,
    '--token',
    `file:${folder}/token`,
    '--watch',
    '1s',
    ...config,
  ])
  const [first, second] = [told(pulling, 'reloaded: generation', 1), told(pulling, 'reloaded: generation', 2)]
  const stdout = said(pulling, /read 3 organisations/)
  await first
  await stdout
  const [group] = vcd.world.vdcGroups
  const line = dfwLine(dfwLabel(group!))
  expect((await logweir(['send', '--to', `tcp://127.0.0.1:${port}`], { stdin: `${line}\n` })).code).toBe(0)
  vcd.world = makeWorld(4)
  expect(await second).not.toContain(vcd.token)
  const status = JSON.parse((await logweir(['status', '--json', ...config])).stdout) as {
    forwarders: { tenant: string }[]
  }
  expect(status).toMatchObject({ received: 1, owned: 1 })
  expect(status.forwarders.map(({ tenant }) => tenant)).toContain('acme')
  pulling.kill('SIGTERM')
  expect((await once(pulling, 'exit'))[0]).toBe(0)
  router.kill('SIGTERM')
  await once(router, 'exit')
  expect(readFileSync(path.join(folder, 'out/acme.log'), 'utf8')).toContain(line)
  expect(existsSync(path.join(folder, 'rules/inventory/org-3.yaml'))).toBe(true)
})

test('a dry run, wrong options and a refused reading, each with its status', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const folder = tempFolder({ ...FILES, 'plain.txt': 'not a certificate' })
  const config = ['--config', path.join(folder, 'logweir.yaml')]
  const env = { LOGWEIR_VCD_TOKEN: vcd.token }
  const pull = (...words: string[]) =>
    logweir(['inventory', 'pull', '--url', vcd.url, ...words, ...config], { env })
  const dry = await pull('--dry-run')
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  expect(dry.stdout).toContain('2 files would be written')
  expect(existsSync(path.join(folder, 'rules/inventory'))).toBe(false)
  const json = JSON.parse((await pull('--json')).stdout) as object
  expect(json).toMatchObject({ written: true, files: 2, counts: { tenants: 2 } })
  vcd.forbidden.add('vdcGroups')
  const refused = await pull()
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('vdcGroups is forbidden')
  const wrong: [string[], string][] = [
    [['--token', 'a-planted-secret'], 'does not say where the token stands'],
    [['--token', 'env:NOT_SET_AT_ALL'], 'env:NOT_SET_AT_ALL holds no API token'],
    [['--token', `file:${folder}/none`], 'ENOENT'],
    [['--grace', '5'], '--grace'],
    [['--max-loss', '120%'], 'is no share'],
    [['--watch', '1ms'], 'too often'],
    [['--url', 'http://vcd.example.com'], 'is not https:'],
    [['--url', 'https://user:a-planted-secret@vcd.example.com'], 'holds a login'],
  ]
  for (const [words, why] of wrong) {
    const { code, stderr } = await pull(...words)
    expect([words, code]).toEqual([words, 2])
    expect(stderr).toContain(why)
    expect(stderr).not.toContain('a-planted-secret')
  }
  expect(await pull('--ca', `${folder}/plain.txt`)).toMatchObject({ code: 1 })
})

test('import writes rules that check takes', async () => {
  const vcd = await Vcd.start(makeWorld(2))
  const folder = tempFolder(FILES)
  const config = ['--config', path.join(folder, 'logweir.yaml')]
  await logweir(['inventory', 'pull', '--url', vcd.url, ...config], { env: { LOGWEIR_VCD_TOKEN: vcd.token } })
  const filter = `text=~"*${dfwLabel(vcd.world.vdcGroups[1]!)}*"`
  const forwarders = [
    { name: 'siem', host: 'siem.example.com', port: 514, protocol: 'RAW', transportProtocol: 'TCP', filter },
  ]
  const file = path.join(folder, 'forwarders.json')
  writeFileSync(file, JSON.stringify(forwarders))
  const to = path.join(folder, 'rules/imported.yaml')
  const words = [
    'import',
    'log-insight',
    file,
    '--inventory',
    path.join(folder, 'rules/inventory'),
    '--to',
    to,
  ]
  expect(await logweir(words)).toMatchObject({ code: 0, stdout: '', stderr: '1 forwarder carried\n' })
  expect(readFileSync(to, 'utf8')).toContain('name: org-1')
  const checked = await logweir(['check', '--json', ...config])
  expect(JSON.parse(checked.stdout)).toMatchObject({ ok: true, tenants: 3, forwarders: 2 })
  // What is there is not written over, and what is no list is said.
  expect(await logweir(words)).toMatchObject({ code: 2 })
  writeFileSync(file, '{')
  expect((await logweir(words.slice(0, 3))).code).toBe(2)
  writeFileSync(file, '{"a":1}')
  expect((await logweir(words.slice(0, 3))).code).toBe(1)
  expect((await logweir(['import', 'else', file])).code).toBe(2)
})
