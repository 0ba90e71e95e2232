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
  expect(stdout).toMatch(/^logweir\.yaml:9:1: error: .*worker.*\n {2}hint: did you mean `workers`\?$/m)
  expect(stdout).toMatch(/^not usable; \d+ errors?, 0 warnings$/m)
  expect(stdout).not.toContain('\u001b')
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
