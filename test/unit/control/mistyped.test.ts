/** Is a mistyped key or name one finding, and not one more for everything that is missing because of it? */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadModel } from '../../../src/control/load.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const SETTINGS = `version: 1
listeners:
  - { name: tcp, transport: tcp, bind: "127.0.0.1:0", framing: octet-counting, allow: ["127.0.0.0/8"] }
sources:
  - { name: here, from: ["127.0.0.0/8"] }
`
const RULES = `version: 1
conditions:
  refused: { action: [DROP, REJECT] }
templates:
  standard:
    parameters: { port: { default: 514 }, only: {} }
    forwarders: [{ name: siem, to: "tcp://192.0.2.1:\${port}", where: "\${only}" }]
streams:
  - { name: mine, grammar: dfw, match: [{ program: x }], label: rest, label_formats: [my.label] }
label_formats:
  - { name: my.label, of: org_vdc, parts: [{ take: id, alone: true }] }
tenants:
  - name: acme
    org: { id: c15e5f70-8b3d-4ea0-9f4c-3d912a7e6c32 }
    data_center_groups: [{ name: acme-dcg, id: 8e1da203-4f5b-4c6d-9e7f-0a1b2c3d4e5f }]
    gateways: [{ name: acme-gw, id: 6d203f4e-5c6b-47a8-9987-766554433221, owner: acme-dcg }]
    use: standard
    with: { only: { use: refused } }
provider:
  forwarders: [{ name: all, to: "tcp://192.0.2.2:514", where: { stream: mine } }]
`

function told(rules: string): string[] {
  const folder = tempFolder({ 'logweir.yaml': SETTINGS, 'rules/a.yaml': rules })
  return loadModel(join(folder, 'logweir.yaml'), 1, {}).findings.map(({ message }) => message)
}

test('the rules themselves are right', () => {
  expect(told(RULES)).toEqual([])
})

test.each([
  ['conditions:', 'conditons:', 'conditons'],
  ['templates:', 'template:', 'template'],
  ['streams:', 'stream:', 'stream'],
  ['label_formats:\n', 'label_format:\n', 'label_format'],
  ['tenants:', 'tenant:', 'tenant'],
  ['provider:', 'providers:', 'providers'],
  ['    parameters:', '    parameter:', 'parameter'],
  ['    forwarders: [{ name: siem', '    forwarder: [{ name: siem', 'forwarder'],
  ['data_center_groups:', 'data_centre_groups:', 'data_centre_groups'],
  ['use: standard', 'use: standart', 'standart'],
  ['use: refused', 'use: refusd', 'refusd'],
  ['owner: acme-dcg', 'owner: acme-dgc', 'acme-dgc'],
  ['    with:', '    wiht:', 'wiht'],
  ['{ take: id', '{ tak: id', 'tak'],
  ['label_formats: [my.label]', 'label_formats: [my.lable]', 'my.lable'],
  ['stream: mine', 'stream: mien', 'mien'],
  ['with: { only', 'with: { onyl', 'onyl'],
])('%j as %j', (from, to, word) => {
  expect(RULES).toContain(from)
  const found = told(RULES.replace(from, to))
  expect(found).toEqual([expect.stringContaining(word)])
})
