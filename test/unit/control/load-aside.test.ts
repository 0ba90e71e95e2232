import { join } from 'node:path'
import { expect, test } from 'vitest'
import { load } from '../../../src/control/load.ts'
import { loadAside } from '../../../src/control/load-aside.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const SETTINGS = `version: 1
listeners:
  - { name: a, transport: tcp, bind: "127.0.0.1:5514" }
rules: rules
`
const RULES = `version: 1
tenants:
  - name: acme
    org: { id: 0a1b2c3d-0000-4000-8000-000000000001, name: Acme }
    data_center_groups: [{ name: edge-one, id: 0a1b2c3d-0000-4000-8000-000000000002 }]
    forwarders:
      - { name: siem, to: "https://127.0.0.1:9/x", token: { env: ACME_TOKEN } }
`

function folderOf(settings: string, rules: string): string {
  const folder = tempFolder({ 'logweir.yaml': settings, 'rules/tenants.yaml': rules })
  return join(folder, 'logweir.yaml')
}

test.each([
  { name: 'rules that run, with a warning', settings: SETTINGS, rules: RULES, runs: true },
  {
    name: 'a rule with an unknown key',
    settings: SETTINGS,
    rules: RULES.replace('name: siem', 'nam: siem'),
    runs: false,
  },
  { name: 'broken YAML', settings: SETTINGS, rules: `${RULES}  - [`, runs: false },
  { name: 'broken configuration', settings: SETTINGS.replace('tcp', 'ftp'), rules: RULES, runs: false },
])('the thread says what the same load here says: $name', async ({ settings, rules, runs }) => {
  const file = folderOf(settings, rules)
  const env = { ACME_TOKEN: 'secret' }
  const here = load(file, 7, env)
  expect(here.plan !== undefined).toBe(runs)
  expect(here.findings).not.toEqual([])
  const there = await loadAside(file, 7, env)
  expect(there).toEqual(here)
})

test('a secret that is missing in the environment it was given is missing, whatever the process has', async () => {
  const file = folderOf(SETTINGS, RULES)
  const { plan, findings } = await loadAside(file, 1, {})
  expect(plan).toBeUndefined()
  expect(findings.filter(({ level }) => level === 'error')).toHaveLength(1)
})

test('texts that were saved stand for those in the folder', async () => {
  const good = load(folderOf(SETTINGS, RULES), 1, { ACME_TOKEN: 'secret' })
  const file = folderOf(SETTINGS, 'version: 1\ntenants: nobody\n')
  const { plan } = await loadAside(file, 1, { ACME_TOKEN: 'secret' }, good.files)
  expect(plan?.forwarders.map(({ key }) => key)).toEqual(['acme/siem'])
})

test('the label table is shared, not copied', async () => {
  const { plan } = await loadAside(folderOf(SETTINGS, RULES), 1, { ACME_TOKEN: 'secret' })
  expect(plan?.labels.slots).toBeInstanceOf(SharedArrayBuffer)
})
