/** Does `check` find everything at once, touch nothing, and say with its status what it found? */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { FILES, logweir } from './support.ts'

const WRONG = {
  ...FILES,
  'logweir.yaml': `${FILES['logweir.yaml'] ?? ''}worker: 2\n`,
  'rules/t.yaml': (FILES['rules/t.yaml'] ?? '').replace('file:../out', 'ftp:../out'),
}

test('a good configuration is ok, and nothing was written and no port opened', async () => {
  const folder = tempFolder(FILES)
  const { code, stdout, stderr } = await logweir(['check', '--config', path.join(folder, 'logweir.yaml')])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toBe('ok: 1 tenant, 1 forwarder; 0 errors, 0 warnings\n')
  expect(readdirSync(folder).toSorted()).toEqual(['logweir.yaml', 'rules'])
})

test('what is wrong is told with its place and a hint, without colours where nobody sees them', async () => {
  const folder = tempFolder(WRONG)
  const { code, stdout } = await logweir(['check'], { cwd: folder })
  expect(code).toBe(1)
  expect(stdout).toMatch(/^logweir\.yaml:10:1: error: .*worker.*\n {2}hint: did you mean `workers`\?$/m)
  expect(stdout).toMatch(/^not usable; \d+ errors?, 0 warnings$/m)
  expect(stdout).not.toContain('\u001b')
})

test('mistakes of every kind in one run, those of the configuration and those across tenants too', async () => {
  const tenant = (name: string, more: string): string => `  - name: ${name}
    org: { id: ${name === 'a' ? 'a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10' : 'c4d5e6f7-0819-4a2b-bc3d-4e5f60718293'} }
    labels: [${name.toUpperCase()}]
    forwarders:
      - { name: siem, ${more} }
`
  const folder = tempFolder({
    'logweir.yaml': (FILES['logweir.yaml'] ?? '').replace('127.0.0.1:0', '127.0.0.1:5514'),
    'rules/a.yaml': `version: 1
tenants:
${tenant('a', 'to: "udp://192.0.2.9"')}${tenant('b', 'to: "udp://192.0.2.9", where: { stream: nsxt.dfw, action: DROP, not: { action: DROP } }')}${tenant('c', 'to: "udp://169.254.169.254"').replace('c4d5e6f7', 'c4d5e6f8')}
provider:
  forwarders:
    - { name: again, to: "tcp://127.0.0.1:5514" }
    - { name: never, to: "udp://192.0.2.1", where: { stream: vcenter, action: DROP } }
label_formats:
  - { name: vcd.dfw, of: data_center_group, parts: [{ take: id, alone: true }] }
`,
  })
  const { code, stdout } = await logweir(['check'], { cwd: folder })
  expect(code).toBe(1)
  const found = stdout.split('\n').filter((line) => !line.startsWith('  hint: '))
  expect(found).toEqual([
    'rules/a.yaml:12:9: error: forwarders "a/siem" and "b/siem" of two tenants send to the same destination',
    'rules/a.yaml:12:53: warning: forwarder "b/siem": nothing can reach it: action never is DROP and is not DROP',
    'rules/a.yaml:17:9: error: forwarder "c/siem" sends to 169.254.169.254, where a cloud hands out credentials',
    'rules/a.yaml:21:7: error: forwarder "provider/again" sends to our own listener tcp: every event would come back for ever',
    'rules/a.yaml:22:71: warning: forwarder "provider/never": nothing can reach it: no event of vcenter has action',
    'rules/a.yaml:24:13: warning: label_formats[0].name: takes the place of the shipped label format "vcd.dfw"',
    'not usable; 3 errors, 3 warnings',
    '',
  ])
})

test('the same as JSON', async () => {
  const folder = tempFolder({ ...WRONG, 'logweir.yaml': FILES['logweir.yaml'] ?? '' })
  const { code, stdout } = await logweir(['check', '--json'], { cwd: folder })
  expect(code).toBe(1)
  const answer = JSON.parse(stdout) as { findings: unknown[] }
  expect(answer).toMatchObject({ ok: false, errors: answer.findings.length, warnings: 0 })
  expect(answer.findings[0]).toMatchObject({
    level: 'error',
    file: path.join(folder, 'rules/t.yaml'),
    line: 7,
  })
})

test('colours where they are asked for', async () => {
  const folder = tempFolder(WRONG)
  const colored = await logweir(['check'], { cwd: folder, env: { FORCE_COLOR: '1' } })
  expect(colored.stdout).toContain('\u001b[31m')
})

test('a configuration that cannot be read is 2', async () => {
  const folder = tempFolder()
  for (const file of [path.join(folder, 'none.yaml'), folder]) {
    const { code, stdout, stderr } = await logweir(['check', '--config', file])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(`logweir: cannot read the configuration ${file}: `)
  }
})
