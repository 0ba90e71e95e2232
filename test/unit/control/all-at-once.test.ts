/**
 * Are all mistakes told in one run, and nothing that is only their consequence? Each of the hundred of `hundred-broken.ts` together
 * with mistakes that show only across entries: each is told as it is told alone, and nothing else is.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadModel } from '../../../src/control/load.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { GOOD, MISTAKES, type Mistake } from './hundred-broken.ts'

const ENV = { HEC_TOKEN: '7c1d9e0b-55f2' }

/** Tenants of a file of their own, each with something that no entry shows by itself. */
const ACROSS = `version: 1
tenants:
  - name: vela
    org: { id: 11111111-2222-4333-8444-000000000001 }
    labels: [SHARED-NAME]
    forwarders: [{ name: siem, to: "tcp://192.0.2.60:514" }]
  - name: pyxis
    org: { id: 11111111-2222-4333-8444-000000000002 }
    labels: [SHARED-NAME]
    forwarders: [{ name: siem, to: "tcp://192.0.2.60:514" }]
  - name: lyra
    org: { id: 11111111-2222-4333-8444-000000000003 }
    data_center_groups: [{ name: lyra-dcg, id: 21111111-2222-4333-8444-000000000003 }]
    forwarders:
      - { name: never, to: "tcp://192.0.2.61:514", where: { all: [{ action: PASS }, { action: DROP }] } }
      - { name: nowhere, to: "tcp://192.0.2.62:514", where: { listener: nowhere } }
  - name: ara
    org: { id: 11111111-2222-4333-8444-000000000004 }
    data_center_groups: [{ name: lyra-dcg-2, id: 21111111-2222-4333-8444-000000000003 }]
    forwarders: [{ name: meta, to: "tcp://169.254.169.254:514" }]
  - name: apus
    forwarders: [{ name: siem, to: "tcp://192.0.2.63:514" }]
`
const KINDS = [
  'confus',
  'same destination',
  'nothing can reach it',
  'unknown listener',
  'belongs to tenant',
  '169.254.169.254',
  'has no label',
  'without `org`',
]

function told(files: Record<string, string>): string[] {
  const folder = tempFolder(files)
  const { findings, plan } = loadModel(join(folder, 'logweir.yaml'), 1, ENV)
  if (findings.some(({ level }) => level === 'error')) expect(plan).toBeUndefined()
  const lines = findings.map(({ file, line, column, level, message }) =>
    `${file}:${line}:${column}: ${level}: ${message}`.replaceAll(`${folder}/`, ''),
  )
  return [...new Set(lines)].sort()
}

const alone = (): string[] => told({ ...GOOD, 'rules/across.yaml': ACROSS })

function broken([file, from, to]: Mistake): Record<string, string> {
  return { ...GOOD, [file]: GOOD[file].replace(from, () => to) }
}

/** Beside which mistakes what cannot be known. */
const UNKNOWN: readonly (readonly [RegExp, RegExp])[] = [
  // Which listeners there are.
  [/^logweir\.yaml:\d+:\d+: error: (listeners|unknown key "listener")/, /unknown listener/],
  // Where the rules are.
  [
    /^(rulez|logweir\.yaml):\d+:\d+: error: (`\{` is opened|this key stands twice|a tab|is not a folder|there is no|ENOENT)/,
    /^rules\//,
  ],
  // Whether a file that is no YAML has streams.
  [
    /^rules\/acme\.yaml:\d+:\d+: error: this line (stands neither|is indented deeper)/,
    /nothing can reach it|has no label/,
  ],
]

test('what shows across entries is told', () => {
  const lines = alone()
  for (const kind of KINDS)
    expect(
      lines.filter((line) => line.includes(kind)),
      kind,
    ).not.toEqual([])
})

test('R60: a hundred mistakes, each with those across entries: all is told at once', () => {
  const across = alone()
  const wrong = MISTAKES.flatMap((mistake) => {
    const lines = told({ ...broken(mistake), 'rules/across.yaml': ACROSS })
    const own = told(broken(mistake))
    const unknown = UNKNOWN.flatMap(([told, what]) => (own.some((line) => told.test(line)) ? [what] : []))
    const missing = [...own, ...across].filter(
      (line) => !lines.includes(line) && !unknown.some((what) => what.test(line)),
    )
    const more = lines.filter((line) => !own.includes(line) && !across.includes(line))
    return missing.length + more.length === 0 ? [] : [{ mistake, own, missing, more }]
  })
  expect(wrong).toEqual([])
}, 60_000)
