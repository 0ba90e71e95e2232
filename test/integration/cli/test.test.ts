/** Do rule tests say what is wrong, where and why, and what none of them reaches? */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { FILES, logweir, OWN_LINE } from './support.ts'

const LABEL = OWN_LINE.replace(/^.* /, '')
const GOOD = `tests:
  - name: t's line is archived as it came
    event: '${OWN_LINE}'
    source: here
    expect:
      stream: nsxv.dfw
      header: rfc5424
      valid: true
      label: ${LABEL}
      tenant: t
      reason: label
      fields: { firewall: { action: DROP, destination_port: 443 }, owner.org_vdc.name: main, msg_id: null }
      forwarders: [t/archive]
      sends: { t/archive: { contains: [DROP, '10.1.2.3'], lacks: nothing } }
`

interface Answer {
  readonly ok: boolean
  readonly tests: readonly { readonly ok: boolean; readonly failures: readonly object[] }[]
  readonly coverage: readonly Record<string, { readonly missed: readonly unknown[] }>[]
}

test('tests that hold are counted, and everything of the small rule set is reached but streams', async () => {
  const folder = tempFolder({ ...FILES, 'rules/deep/t.test.yaml': GOOD })
  const { code, stdout, stderr } = await logweir(['test'], { cwd: folder })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    /^reached: tenants 1\/1, forwarders 1\/1, conditions 0\/0, streams 1\/13, label formats 1\/6$/m,
  )
  // What is shipped has tests of its own: here it is counted, not listed.
  expect(stdout).not.toContain('no test reaches')
  expect(stdout).toMatch(/^ok: 1 tests passed, 0 failed; 1 events$/m)
})

test("of tenants, streams of one's own are listed where no test reaches them; of the shipped rules alone, all", async () => {
  const own = 'version: 1\nstreams:\n  - { name: mine, match: [{ program: [mine] }], label: none }\n'
  const folder = tempFolder({ ...FILES, 'rules/s.yaml': own, 'rules/deep/t.test.yaml': GOOD })
  const { code, stdout } = await logweir(['test'], { cwd: folder })
  expect(code).toBe(0)
  expect(stdout.match(/no test reaches .*/g)).toEqual([
    expect.stringMatching(/^no test reaches stream mine {2}\S*s\.yaml:3:5$/),
  ])
  const shipped = path.join(import.meta.dirname, '../../../rules/labels.test.yaml')
  expect((await logweir(['test', shipped])).stdout).toContain('no test reaches stream vcd')
})

test('what is not as expected is told with its place, the difference, and the reasons with theirs', async () => {
  const folder = tempFolder({
    ...FILES,
    'rules/t.yaml': (FILES['rules/t.yaml'] ?? '').replace('t.log" }', 't.log", where: { action: PASS } }'),
    'rules/t.test.yaml': GOOD.replace('tenant: t\n', 'tenant: null\n'),
  })
  const { code, stdout } = await logweir(['test'], { cwd: folder })
  expect(code).toBe(1)
  const said = stdout.split('\n')
  expect(said).toEqual(
    expect.arrayContaining([
      "FAIL  t's line is archived as it came  (rules/t.test.yaml:2:5)",
      '      tenant: expected null, found "t"  rules/t.test.yaml:10:15',
      '      forwarders: missing t/archive  rules/t.test.yaml:13:19',
      "      why: nsxv.dfw, t's, by label",
      '      skip     t/archive  where.action: DROP is not PASS  rules/t.yaml:7:60',
      '  in no test holds condition where of t/archive  rules/t.yaml:7:58',
      'failed: 0 tests passed, 1 failed; 1 events',
    ]),
  )
  expect(stdout).toMatch(/^ {6}sends t\/archive {2}rules\/t\.test\.yaml:14:27$/m)
  expect(stdout).toContain('found     "nothing: it does not get the event"')
  const json = JSON.parse((await logweir(['test', '--json'], { cwd: folder })).stdout) as Answer
  expect(json).toMatchObject({
    ok: false,
    passed: 0,
    failed: 1,
    tests: [
      {
        name: "t's line is archived as it came",
        line: 2,
        ok: false,
        failures: [
          {
            event: 1,
            differences: [
              { what: 'tenant', expected: null, found: 't', at: 'rules/t.test.yaml:10:15' },
              { what: 'forwarders', missing: ['t/archive'], unexpected: [] },
              { what: 'sends t/archive' },
            ],
            explain: { tenant: 't', forwarders: [{ decision: 'skip' }] },
          },
        ],
      },
    ],
    coverage: [
      { conditions: { all: 1, reached: 0, missed: [{ name: 'where of t/archive', never: 'held' }] } },
    ],
  })
})

test('the bytes after redaction and format are compared, with a caret where they begin to differ', async () => {
  const sent = OWN_LINE.replace('10.1.2.3', '0.0.0.0')
  const folder = tempFolder({
    ...FILES,
    'rules/t.yaml': (FILES['rules/t.yaml'] ?? '').replace(
      't.log" }',
      't.log", redact: [{ field: source_ip }] }',
    ),
    'rules/t.test.yaml': `tests:
  - { name: hidden, event: '${OWN_LINE}', expect: { sends: { t/archive: '${sent}' } } }
  - { name: open, event: '${OWN_LINE}', expect: { sends: { t/archive: '${OWN_LINE}' } } }
`,
  })
  const { code, stdout } = await logweir(['test'], { cwd: folder })
  expect(code).toBe(1)
  expect(stdout).not.toContain('FAIL  hidden')
  const lines = stdout.split('\n')
  const found = lines.findIndex((line) => line.startsWith('        found     '))
  expect(lines[found]).toBe(`        found     ${JSON.stringify(sent)}`)
  expect(lines[found + 1]?.indexOf('^')).toBe(lines[found]?.indexOf('0.0.0.0'))
})

test('mistakes in tests are findings with places and hints, all at once, and 1', async () => {
  const folder = tempFolder({
    ...FILES,
    'rules/a.test.yaml': `testss: []
tests:
  - { name: a, evnt: x, expect: { tenant: t } }
  - { name: b, event: x, events_file: y, expect: { tenant: t } }
  - { name: c, event: x, expect: {} }
  - { name: d, event: x, expect: { tenant: tt, stream: nsxt.dwf, forwarders: [t/archiv], sends: { t/x: y } } }
  - { name: e, events_file: none.log, expect: { tenant: t } }
  - { name: f, event: x, source: hier, expect: { tenant: t } }
  - { name: g, event: x, lines: 5, received: yesterday, expect: { tenant: t } }
  - { name: h, events_file: two.log, lines: "3-4", expect: { tenant: t } }
`,
    'rules/b.test.yaml': 'tests: [\n',
    'rules/two.log': 'a\nb\n',
  })
  const { code, stdout } = await logweir(['test'], { cwd: folder })
  expect(code).toBe(1)
  expect(
    stdout
      .split('\n')
      .filter((line) => /^rules\/.*error/.test(line))
      .map((line) => line.replace(folder, '.')),
  ).toEqual([
    'rules/a.test.yaml:1:1: error: testss: unknown key "testss"',
    'rules/a.test.yaml:3:16: error: tests[0].evnt: unknown key "evnt"',
    'rules/a.test.yaml:4:5: error: tests[1]: has `event` and `events_file`',
    'rules/a.test.yaml:5:34: error: tests[2].expect: expects nothing',
    'rules/a.test.yaml:6:44: error: there is no tenant "tt"',
    'rules/a.test.yaml:6:56: error: there is no stream "nsxt.dwf"',
    'rules/a.test.yaml:6:79: error: there is no forwarder "t/archiv"',
    'rules/a.test.yaml:6:104: error: there is no forwarder "t/x"',
    expect.stringMatching(/^rules\/a\.test\.yaml:7:29: error: e: cannot read .*none\.log: .*ENOENT/),
    'rules/a.test.yaml:8:34: error: there is no source "hier"',
    'rules/a.test.yaml:9:26: error: tests[6].lines: are those of `events_file`',
    'rules/a.test.yaml:9:46: error: tests[6].received: is not a time',
    expect.stringMatching(/^rules\/a\.test\.yaml:10:45: error: h: .*two\.log has 2 lines$/),
    'rules/b.test.yaml:1:8: error: `[` is opened here and not closed',
  ])
})

test('who sends decides as in the router', async () => {
  const folder = tempFolder({
    ...FILES,
    'logweir.yaml': (FILES['logweir.yaml'] ?? '').replace(
      '{ name: here, from: ["127.0.0.0/8"] }',
      '{ name: hosts, from: ["10.0.0.0/8"], streams: [esxi] }',
    ),
    'rules/t.test.yaml': `tests:
  - { name: a, event: '${OWN_LINE}', source: hosts, expect: { tenant: null, reason: untrusted_source, forwarders: [] } }
  - { name: b, event: '${OWN_LINE}', peer: 10.1.2.3, expect: { tenant: null, reason: untrusted_source } }
  - { name: c, event: '${OWN_LINE}', peer: 192.0.2.1, expect: { tenant: null, reason: unknown_source, forwarders: [] } }
  - { name: d, event: '${OWN_LINE}', expect: { tenant: t } }
`,
  })
  const { code, stdout } = await logweir(['test'], { cwd: folder })
  expect([code, stdout.match(/^ok: .*$/m)?.[0]]).toEqual([0, 'ok: 4 tests passed, 0 failed; 4 events'])
})

test('a file with rules of its own needs no configuration, and secrets that are not set have a value', async () => {
  const folder = tempFolder({
    'mine/t.yaml': (FILES['rules/t.yaml'] ?? '').replace(
      '"file:../out/t.log"',
      '"https://a.example/", token: { env: LOGWEIR_NOT_SET_ANYWHERE }, gzip: false',
    ),
    'some.log': `${OWN_LINE}\n${OWN_LINE}\nx\n`,
    't.test.yaml': `rules: mine
sources: [{ name: dc, from: [10.0.0.0/8] }]
tests:
  - { name: a, events_file: some.log, lines: [1, 2], source: dc, expect: { tenant: t, sends: { t/archive: { json: { tenant: t, source: dc } } } } }
  - { name: b, events_file: some.log, lines: 3, expect: { tenant: null } }
`,
  })
  const { code, stdout } = await logweir(['test', path.join(folder, 't.test.yaml')])
  expect([code, stdout.match(/^ok: .*$/m)?.[0]]).toEqual([0, 'ok: 2 tests passed, 0 failed; 3 events'])
})

test('no tests is 1; a path that is not there and rules with errors are 2; a folder that holds itself is read once', async () => {
  const folder = tempFolder(FILES)
  expect((await logweir(['test'], { cwd: folder })).code).toBe(1)
  expect((await logweir(['test', 'nowhere'], { cwd: folder })).code).toBe(2)
  mkdirSync(path.join(folder, 'rules/again'))
  symlinkSync(path.join(folder, 'rules'), path.join(folder, 'rules/again/rules'))
  writeFileSync(path.join(folder, 'rules/t.test.yaml'), GOOD)
  expect((await logweir(['test'], { cwd: folder })).stdout).toMatch(/^ok: 1 tests passed/m)
  writeFileSync(path.join(folder, 'rules/t.yaml'), 'version: 1\ntenant: []\n')
  const broken = await logweir(['test'], { cwd: folder })
  expect([broken.code, broken.stderr]).toEqual([2, expect.stringContaining('`logweir check')])
})

test('the shipped tests hold and reach every stream and every label format; those of the example everything of it', async () => {
  const shipped = await logweir(['test', '--json', 'rules'])
  const answer = JSON.parse(shipped.stdout) as Answer
  expect(answer.ok).toBe(true)
  expect(
    answer.coverage.map(({ streams, label_formats }) => [streams?.missed, label_formats?.missed]),
  ).toEqual([[[], []]])
  const example = await logweir(['test', '--json', '--config', 'examples/logweir.yaml'])
  const told = JSON.parse(example.stdout) as Answer
  expect(told.ok).toBe(true)
  for (const kind of ['tenants', 'forwarders', 'conditions'])
    expect(told.coverage[0]?.[kind]?.missed).toEqual([])
})
