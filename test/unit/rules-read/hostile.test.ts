/** Is what no rules folder should hold bounded, named, and never half-loaded? */
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadSettings } from '../../../src/config/settings.ts'
import { readRules } from '../../../src/rules/read.ts'
import { readTests } from '../../../src/rules/read-tests.ts'
import type { Finding } from '../../../src/config/findings.ts'
import { lines } from '../../support/findings.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const LIMITS = { forwarders_per_tenant: 10, file_max: 8 * 2 ** 20 }
const GOOD =
  'version: 1\ntenants: [{ name: t, labels: [T], forwarders: [{ name: a, to: "udp://192.0.2.1" }] }]\n'
const HUNDRED_MB = 100 * 2 ** 20

/** Nine levels of nine: 3.5 thousand million values of a few hundred bytes. */
const BOMB = `version: 1
a: &a [x, x, x, x, x, x, x, x, x]
${'bcdefghi'
  .split('')
  .map((name, n) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[n]}`).join(', ')}]`)
  .join('\n')}
`

function read(
  folder: string,
  env: NodeJS.ProcessEnv = {},
): { readonly found: string[]; readonly usable: boolean } {
  const { findings, model } = readRules(folder, LIMITS, env)
  return { found: lines(findings, folder), usable: model !== undefined }
}

test('a YAML bomb: in rules, in the configuration, in tests', () => {
  const folder = tempFolder({ 'a.yaml': GOOD, 'b.yaml': BOMB, 'logweir.yaml': BOMB, 'x.test.yaml': BOMB })
  rmSync(join(folder, 'logweir.yaml'))
  expect(read(folder)).toEqual({
    usable: false,
    found: [expect.stringMatching(/^b\.yaml:1:1: error: .*alias/i)],
  })
  writeFileSync(join(folder, 'logweir.yaml'), BOMB)
  expect(lines(loadSettings(join(folder, 'logweir.yaml'), {}).findings, folder)).toEqual([
    expect.stringMatching(/^logweir\.yaml:1:1: error: .*alias/i),
  ])
  const findings: Finding[] = []
  expect(readTests(join(folder, 'x.test.yaml'), findings)).toBeUndefined()
  expect(lines(findings, folder)).toEqual([expect.stringMatching(/^x\.test\.yaml:1:1: error: .*alias/i)])
})

test('a file of 100 MB: in the rules, as the configuration, as a token, as a certificate, as a test', () => {
  const folder = tempFolder({
    'rules/a.yaml': GOOD,
    'rules/big.yaml': '',
    'mine/a.yaml': `version: 1
provider:
  forwarders:
    - { name: a, to: "https://a.example/", token: { file: big } }
    - { name: b, to: "https://a.example/", tls: { ca: big } }
`,
    'mine/big': '',
    'logweir.yaml': '',
    'x.test.yaml': '',
  })
  for (const name of ['rules/big.yaml', 'mine/big', 'logweir.yaml', 'x.test.yaml'])
    truncateSync(join(folder, name), HUNDRED_MB)
  expect(read(join(folder, 'rules'))).toEqual({
    usable: false,
    found: ['big.yaml: error: is larger than 8MiB (`limits.file_max`) | split it or raise the limit'],
  })
  const { found } = read(join(folder, 'mine'))
  expect(found).toEqual([
    expect.stringMatching(/^a\.yaml:4:\d+: error: file big: is larger than 64KiB/),
    expect.stringMatching(
      /^a\.yaml:5:\d+: error: provider\.forwarders\[1\]\.tls\.ca: big: is larger than 1MiB/,
    ),
  ])
  expect(lines(loadSettings(join(folder, 'logweir.yaml'), {}).findings, folder)).toEqual([
    expect.stringMatching(/^logweir\.yaml: error: is larger than 8MiB/),
  ])
  const findings: Finding[] = []
  readTests(join(folder, 'x.test.yaml'), findings)
  expect(lines(findings, folder)).toEqual([
    expect.stringMatching(/^x\.test\.yaml: error: is larger than 8MiB/),
  ])
})

test('folders that hold each other are read once', () => {
  const folder = tempFolder({ 'a.yaml': GOOD })
  mkdirSync(join(folder, 'one'))
  mkdirSync(join(folder, 'two'))
  symlinkSync(join(folder, 'two'), join(folder, 'one/two'))
  symlinkSync(join(folder, 'one'), join(folder, 'two/one'))
  const { found, usable } = read(folder)
  expect(usable).toBe(true)
  expect(found.every((line) => line.includes('is a link to a folder that is read already'))).toBe(true)
  expect(found).toHaveLength(2)
})

test('a file, and a folder, that go while the others are read', () => {
  const folder = tempFolder({
    'a.yaml': `${GOOD}provider: { forwarders: [{ name: p, to: "https://a.example/", token: { env: T } }] }\n`,
    'b.yaml': GOOD.replace('name: t', 'name: u').replace('[T]', '[U]'),
    'c/d.yaml': 'version: 1\n',
  })
  const env = {
    // The first file is at hand, the others are listed and not read yet.
    get T(): string {
      rmSync(join(folder, 'b.yaml'), { force: true })
      rmSync(join(folder, 'c'), { recursive: true, force: true })
      return 'hunter2'
    },
  }
  expect(read(folder, env)).toEqual({
    usable: false,
    found: [
      'b.yaml: error: there is no such file | check the path; relative ones start at the file that names them',
      'c/d.yaml: error: there is no such file | check the path; relative ones start at the file that names them',
    ],
  })
})
