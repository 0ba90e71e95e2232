import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { loadSettings } from '../../../src/config/settings.ts'
import { checkSourceStreams } from '../../../src/rules/read-sources.ts'
import { readRules, shippedRules } from '../../../src/rules/read.ts'
import { lines, rulesOf } from '../../support/findings.ts'

const ROOT = join(import.meta.dirname, '../../..')
const LIMITS = { forwarders_per_tenant: 10, file_max: 8 * 2 ** 20 }

test('the shipped rules are found and are without a finding', () => {
  expect(shippedRules()).toBe(join(ROOT, 'rules/vmware.yaml'))
  const { read, lines: found } = rulesOf({})
  expect(found).toEqual(['.: warning: no tenants: every event is an orphan'])
  expect(read.model?.streams.map(({ name }) => name)).toEqual([
    'nsxv.dfw',
    'nsxt.dfw',
    'nsxt.gateway',
    'nsxv.edge',
    'cf',
    'nsxt.edge',
    'nsxt.agent',
    'nsxv.manager',
    'nsxt.manager',
    'vcenter',
    'esxi',
    'vcd',
  ])
  expect(read.model?.label_formats.map(({ name, of }) => `${name} of ${of}`)).toEqual([
    'vcd.dfw of data_center_group',
    'vcd.gateway of gateway',
    'nsxv.dfw of org_vdc',
    'nsxv.edge of org_vdc',
    'nsxv.edge.group of data_center_group',
    'nsxv.edge.org of org',
  ])
})

test('naming the folder of the shipped rules does not read them twice', () => {
  const { findings, model } = readRules(dirname(shippedRules() ?? ''), LIMITS)
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])
  expect(model?.streams).toHaveLength(12)
})

test('a definition of the same name takes the place of the shipped one; a new one comes last', () => {
  const { read, lines: found } = rulesOf(`version: 1
streams:
  - { name: mine, match: [{ program: [x] }] }
  - { name: nsxt.dfw, grammar: dfw, match: [{ program: mydfw }], label: rest, label_formats: [mine, vcd.dfw] }
label_formats:
  - { name: mine, of: org_vdc, parts: [{ take: name }] }
  - { name: vcd.dfw, of: data_center_group, parts: [{ take: id, first: 12, alone: true }], cut: 40 }
tenants: [{ name: acme, forwarders: [{ name: a, to: "udp://10.0.0.1", where: { stream: mine } }] }]
`)
  expect(found).toEqual([
    'a.yaml:4:13: warning: streams[1].name: takes the place of the shipped stream "nsxt.dfw" | write `replaces: …` in it, and `check` says when the shipped one changes',
    'a.yaml:7:13: warning: label_formats[1].name: takes the place of the shipped label format "vcd.dfw" | write `replaces: …` in it, and `check` says when the shipped one changes',
  ])
  const { streams = [], label_formats = [] } = read.model ?? {}
  expect(streams.map(({ name }) => name)).toEqual(expect.arrayContaining(['mine']))
  expect(streams[1]).toMatchObject({
    name: 'nsxt.dfw',
    match: [{ program: ['mydfw'] }],
    label_formats: ['mine', 'vcd.dfw'],
  })
  expect(streams.at(-1)?.name).toBe('mine')
  expect(label_formats[0]).toMatchObject({
    name: 'vcd.dfw',
    cut: 40,
    separators: [''],
    case: 'any',
    parts: [{ take: 'id', first: 12, hyphens: ['keep'], alone: true }],
  })
})

test('a definition that says what it replaces is told of when that changes', () => {
  const rules = (replaces: string, name = 'nsxt.dfw'): string => `version: 1
streams:
  - { name: ${name}, replaces: ${replaces}, match: [{ program: mydfw }] }
tenants: [{ name: acme, labels: [A], forwarders: [{ name: a, to: "udp://10.0.0.1" }] }]
`
  const { read, lines: outdated } = rulesOf(rules('sha-000000000000'))
  expect(outdated).toEqual([
    expect.stringMatching(
      /^a\.yaml:3:33: warning: streams\[0\]\.replaces: the shipped stream "nsxt\.dfw" has changed since this took its place \| compare it with .*rules\/vmware\.yaml:46, then write `replaces: …`$/,
    ),
  ])
  const now = /replaces: (sha-[0-9a-f]{12})/.exec(read.findings[0]?.hint ?? '')?.[1] ?? ''
  expect(rulesOf(rules(now)).lines).toEqual([])
  expect(rulesOf(rules(now, 'mine')).lines).toEqual([
    'a.yaml:3:19: warning: streams[0].replaces: there is no shipped stream "mine" | remove it',
  ])
  expect(rulesOf(rules('x')).lines[0]).toContain('error: streams[0].replaces: is not a fingerprint')
  expect(read.model?.streams.every((stream) => !('replaces' in stream) || stream.name === 'nsxt.dfw')).toBe(
    true,
  )
})

test('the example configuration and its rules are without a finding', () => {
  const file = join(ROOT, 'examples/logweir.yaml')
  const { settings, findings, place } = loadSettings(file, {})
  expect(lines(findings, ROOT)).toEqual([])
  if (settings === undefined) throw new Error('no settings')
  const rules = readRules(settings.rules, { ...LIMITS, ...settings.limits }, {})
  expect(lines(rules.findings, ROOT)).toEqual([])
  expect(rules.model?.tenants.map(({ name }) => name)).toEqual(['acme', 'globex'])
  expect(checkSourceStreams(settings, rules.model ?? { streams: [] }, place)).toEqual([])
  expect(settings.data).toBe(join(ROOT, 'var'))
})

const place = (path: readonly (string | number)[]) => ({ file: '/x.yaml', line: path.length, column: 1 })

test('a stream of a source that no rule defines is named with its place', () => {
  const streams = [{ name: 'esxi' }] as never
  const sources = [{ name: 's', from: [], streams: ['esxi', 'exsi', 'other'], site: null, zone: 'UTC' }]
  expect(lines(checkSourceStreams({ file: '/x.yaml', sources }, { streams }, place), '/')).toEqual([
    'x.yaml:4:1: error: sources[0].streams[1]: there is no stream "exsi" | did you mean `esxi`?',
  ])
})
