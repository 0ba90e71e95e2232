/**
 * A new user with docs/rules.md only: takes what the page shows of a tenant, changes it to their own, checks it, writes a test for it and
 * runs it, and breaks it on purpose. What they read is judged as an operator at night would: where, what, and what to write instead.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf } from '../../support/docs.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { root } from '../../support/tree.ts'
import { logweir } from './support.ts'

const PAGE = readFileSync(path.join(root, 'docs/rules.md'), 'utf8')

/** The YAML of the section with this title. */
function shown(title: string, n = 0): string {
  const section = PAGE.split(/^(?=## )/m).find((part) => part.startsWith(`## ${title}\n`))
  const block = blocksOf(section ?? '').filter(({ language }) => language === 'yaml')[n]
  if (block === undefined) throw new Error(`docs/rules.md shows no YAML under "${title}"`)
  return block.text
}

function changed(text: string, ...changes: readonly (readonly [string, string])[]): string {
  let result = text
  for (const [from, to] of changes) {
    expect(result, 'the page shows it').toContain(from)
    result = result.replace(from, () => to)
  }
  return result
}

/** The page's tenant, with ids of their own, a second Org VDC, drops only, and without names of hosts. */
const TENANT = changed(
  shown('Tenants'),
  ['name: acme\n', 'name: umbrella\n'],
  [
    'a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10", name: ACME',
    'b04d4e6f-7a2c-4d9f-8e3b-2c801f6d5b21", name: Umbrella',
  ],
  [
    '      - { name: acme-prod, id: 5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4 }\n',
    `      - { name: umbrella-prod, id: 6c3bceb0-bb3f-4856-b44c-c5c90b2ed605 }
      - { name: umbrella-test, id: 6c3bceb0-bb3f-4856-b44c-c5c90b2ed606 }
`,
  ],
  [
    'name: acme-dcg, id: 7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e',
    'name: umbrella-dcg, id: 8e1da203-4f5b-4c6d-9e7f-0a1b2c3d4e5f',
  ],
  [
    'name: acme-gw1, id: 5c1f2e3d-4b5a-4697-8876-655443322110, owner: acme-dcg',
    'name: umbrella-gw1, id: 6d203f4e-5c6b-47a8-9987-766554433221, owner: umbrella-dcg',
  ],
  ['    labels: ["ACME-LEGACY"]\n', ''],
  [
    '      - { name: "siem", to: "tls://10.0.2.29:6514" }\n'.replaceAll('"siem"', 'siem'),
    `      - name: siem
        to: tls://192.0.2.29:6514
        where: { stream: [nsxt.dfw, nsxt.gateway, nsxv.dfw], action: [DROP, REJECT] }
        hide_hosts: true
        queue: { memory_max: 8MiB }
`,
  ],
)

/** As the page says it is composed: five characters of the group's name, 27 of its id; an Org VDC's label is its id. */
const GROUP_LABEL = 'umbre8e1da203-4f5b-4c6d-9e7f-0a1'
const ORG_VDC_LABEL = '6c3bceb0-bb3f-4856-b44c-c5c90b2ed606'

const [LINE = ''] = /<181>.*(?= ACME-LEGACY')/.exec(shown('Rule tests', 1)) ?? []

const TESTS = `tests:
  - name: a drop reaches the SIEM, without names of hosts
    event: '${LINE} ${GROUP_LABEL}'
    expect: { tenant: umbrella, forwarders: [umbrella/siem], sends: { umbrella/siem: { contains: DROP, lacks: esx01 } } }
  - name: what passed does not
    event: '${LINE.replace(' DROP ', ' PASS ')} ${GROUP_LABEL}'
    expect: { tenant: umbrella, forwarders: [] }
  - name: a drop of an Org VDC
    event: '${LINE.replace(' DROP 3061 ', ' DROP domain-c7/1002 ').replace('FIREWALL_PKTLOG', 'FIREWALL-PKTLOG')} ${ORG_VDC_LABEL}'
    expect: { tenant: umbrella, forwarders: [umbrella/siem], sends: { umbrella/siem: { lacks: esx01 } } }
`

const NEIGHBOUR = `version: 1
tenants:
  - name: hive
    org: { id: c15e5f70-8b3d-4ea0-9f4c-3d912a7e6c32, name: Hive }
    labels: [HIVE]
    forwarders: [{ name: siem, to: "tls://192.0.2.30:6514" }]
`

function folderOf(more: Readonly<Record<string, string>> = {}): string {
  return tempFolder({
    'logweir.yaml': `version: 1
listeners:
  - { name: tcp, transport: tcp, bind: "127.0.0.1:0", framing: octet-counting, allow: ["127.0.0.0/8"] }
sources:
  - { name: here, from: ["127.0.0.0/8"] }
`,
    'rules/umbrella.yaml': TENANT,
    'rules/hive.yaml': NEIGHBOUR,
    'rules/umbrella.test.yaml': TESTS,
    ...more,
  })
}

test('the tenant is right at once, its test holds, and fails where the rules do something else', async () => {
  const folder = folderOf()
  expect(await logweir(['check'], { cwd: folder })).toEqual({
    code: 0,
    stderr: '',
    stdout: 'ok: 2 tenants, 2 forwarders; 0 errors, 0 warnings\n',
  })
  const good = await logweir(['test'], { cwd: folder })
  expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('ok: 3 tests passed, 0 failed')])
  writeFileSync(
    path.join(folder, 'rules/umbrella.yaml'),
    changed(TENANT, ['        hide_hosts: true\n', ''], ['DROP, REJECT', 'REJECT']),
  )
  const { code, stdout } = await logweir(['test'], { cwd: folder })
  expect(code).toBe(1)
  // The reason, with the place of the condition that says no.
  expect(stdout).toContain('umbrella/siem')
  expect(stdout).toMatch(/rules\/umbrella\.yaml:\d+:\d+/)
  expect(stdout).toContain('2 failed')
})

interface Break {
  readonly what: string
  readonly from: string
  readonly to: string
  readonly file?: string
  readonly told: readonly string[]
}

const U = 'rules/umbrella.yaml'
const BREAKS: readonly Break[] = [
  {
    what: 'a mistyped key',
    from: 'hide_hosts',
    to: 'hide_host',
    told: [
      'rules/umbrella.yaml:17:9: error: tenants[0].forwarders[0].hide_host: unknown key "hide_host"',
      '  hint: did you mean `hide_hosts`?',
    ],
  },
  {
    what: 'a wrong unit',
    from: '8MiB',
    to: '8MB',
    told: [
      'rules/umbrella.yaml:18:30: error: tenants[0].forwarders[0].queue.memory_max: unknown unit in "8MB"',
      '  hint: write 8MiB: units are B, KiB, MiB, GiB and TiB',
    ],
  },
  {
    what: 'a label that a neighbour has',
    from: '[HIVE]',
    to: '[umbre8e1da203-4f5b-4c6d-9e7f-0a1]',
    file: 'rules/hive.yaml',
    told: [
      'rules/umbrella.yaml:9:9: error: labels of tenant "hive" (label "umbre8e1da203-4f5b-4c6d-9e7f-0a1", rules/hive.yaml:5:14) and of tenant "umbrella" (group umbrella-dcg, rules/umbrella.yaml:9:9) could be confused: both have "umbre8e1da203-4f5b-4c6d-9e7f-0a1"',
      '  hint: an object belongs to one tenant; give one of the two another label, name or id',
    ],
  },
  {
    what: 'the neighbour’s destination',
    from: '192.0.2.29',
    to: '192.0.2.30',
    told: [
      'rules/umbrella.yaml:14:9: error: forwarders "hive/siem" and "umbrella/siem" of two tenants send to the same destination',
      '  hint: correct one of them (the first is at rules/hive.yaml:6:18); if it is meant, write the same `shared_destination: NAME` in both',
    ],
  },
  {
    what: 'an owner that is not there',
    from: 'owner: umbrella-dcg',
    to: 'owner: umbrela-dcg',
    told: [
      'rules/umbrella.yaml:11:80: error: tenants[0].gateways[0].owner: this tenant has no Org VDC or Data Center Group "umbrela-dcg"',
      '  hint: did you mean `umbrella-dcg`?',
    ],
  },
  {
    what: 'a condition that is not there',
    from: 'action: [DROP, REJECT] }',
    to: 'use: drops }',
    told: [
      'rules/umbrella.yaml:16:67: error: tenants[0].forwarders[0].where.use: there is no condition "drops"',
      '  hint: name it under `conditions:`',
    ],
  },
  {
    what: 'look-around',
    from: 'action: [DROP, REJECT]',
    to: "message: { matches: 'DROP(?! TCP)' }",
    told: [
      'rules/umbrella.yaml:16:87: error: tenants[0].forwarders[0].where.message.matches: `(?!`: look-around needs backtracking, which an event could be written to abuse',
      '  hint: ask with a second condition, or with `not`, for what must stand beside it',
    ],
  },
  {
    what: 'a tab',
    from: '        hide_hosts',
    to: '	hide_hosts',
    told: ['rules/umbrella.yaml:17:1: error: a tab indents this line', '  hint: YAML indents with blanks'],
  },
  {
    what: 'a blank too few',
    from: '        hide_hosts',
    to: '       hide_hosts',
    told: [
      'rules/umbrella.yaml:17:8: error: this line belongs to no entry of the list above',
      '  hint: indent it exactly as the other keys of its entry, or begin it with `- `',
    ],
  },
  {
    what: 'a quote that is lost',
    from: '5b21", name',
    to: '5b21, name',
    told: [
      'rules/umbrella.yaml:4:16: error: `"` is opened here and not closed',
      '  hint: add `"` where it ends',
    ],
  },
]

test.each(BREAKS)('broken on purpose: $what', async ({ from, to, file = U, told }) => {
  const folder = folderOf()
  const texts: Readonly<Record<string, string>> = { [U]: TENANT, 'rules/hive.yaml': NEIGHBOUR }
  writeFileSync(path.join(folder, file), changed(texts[file] ?? '', [from, to]))
  const { code, stdout } = await logweir(['check'], { cwd: folder })
  expect(stdout.trimEnd().split('\n').slice(0, -1)).toEqual(told)
  expect(code).toBe(told.some((line) => line.includes(': error: ')) ? 1 : 0)
})
