/** Does `explain` say what the router would do, and why? */
import { expect, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { FILES, logweir, OWN_LINE } from './support.ts'

const LABEL = OWN_LINE.replace(/^.* /, '')
const ORPHAN = OWN_LINE.replace(/[^ ]+$/, 'deadbeef-0000-4000-8000-000000000000')

test('the whole story of a line: header, stream, label, owner, decisions and bytes, with places', async () => {
  const folder = tempFolder({
    ...FILES,
    'rules/t.yaml': `${FILES['rules/t.yaml'] ?? ''}      - name: siem
        to: file:../out/siem.log
        where: { action: DROP, not: { destination_port: 22 } }
        redact: [{ field: source_ip }]
`,
  })
  const { code, stdout, stderr } = await logweir(['explain'], {
    cwd: folder,
    stdin: `${OWN_LINE}\n${ORPHAN}\n`,
  })
  expect([code, stderr]).toEqual([
    0,
    'hashes are made with a stand-in key: the router’s own is not there or cannot be read\n',
  ])
  const [first = ''] = stdout.split(/^(?=2: )/m)
  expect(first.split('\n').map((line) => line.trimEnd())).toEqual([
    `1: nsxv.dfw, rfc5424 header, label "${LABEL}": t's, by label`,
    '   header   facility 1, severity 5, 2026-02-03T04:05:06.000Z, host esx01, program FIREWALL-PKTLOG, process 1',
    expect.stringMatching(
      /^ {3}stream {3}recognised by program \[.*\] and ruleset \["domain-c"\] {2}\S*rules\/vmware\.yaml:\d+:\d+$/,
    ),
    `   label    "${LABEL}" at bytes 137 to 173`,
    '   owner    nsxv.dfw (the whole label): Org VDC main of t  rules/t.yaml:5:16',
    "   forward  t/archive  the event is t's by label, no where  rules/t.yaml:7:9",
    `            sends ${OWN_LINE}`,
    '   forward  t/siem     where.action: DROP is DROP; not: where.destination_port: 443 is not 22  rules/t.yaml:10:16',
    '            yes all',
    '            yes   action is DROP: "DROP"',
    '            yes   not',
    '            no      destination_port is 22: "443"',
    `            sends ${OWN_LINE.replace('10.1.2.3', '0.0.0.0')}`,
    '',
  ])
  expect(stdout).toMatch(/^2: nsxv\.dfw, rfc5424 header, label "deadbeef.*": nobody's: unknown_label$/m)
})

test('only the decisions', async () => {
  const { stdout } = await logweir(['explain', '--short'], { cwd: tempFolder(FILES), stdin: `${OWN_LINE}\n` })
  expect(stdout).toBe(
    `1: nsxv.dfw, rfc5424 header, label "${LABEL}": t's, by label\n   forward  t/archive  the event is t's by label, no where\n`,
  )
})

test('the same as JSON, with the keys of the interface', async () => {
  const { stdout } = await logweir(['explain', '--json'], {
    cwd: tempFolder(FILES),
    stdin: `${OWN_LINE}\n${ORPHAN}\n`,
  })
  const [first, second] = stdout.trimEnd().split('\n')
  expect(JSON.parse(first ?? '')).toMatchObject({
    line: 1,
    stream: 'nsxv.dfw',
    tenant: 't',
    reason: 'label',
    forwarders: [
      {
        tenant: 't',
        forwarder: 'archive',
        decision: 'forward',
        because: expect.any(String) as string,
        at: 'rules/t.yaml:7:9',
        sends: OWN_LINE,
      },
    ],
    recognised: { by: { ruleset: ['domain-c'] } },
    label_at: [OWN_LINE.length - LABEL.length, OWN_LINE.length],
    entry: { by: 'nsxv.dfw', part: 'whole', text: LABEL, object: 'Org VDC main', at: 'rules/t.yaml:5:16' },
    event: { stream: 'nsxv.dfw', hostname: 'esx01', firewall: { action: 'DROP' }, owner: { by: 'nsxv.dfw' } },
  })
  expect(JSON.parse(second ?? '')).toMatchObject({
    line: 2,
    tenant: null,
    reason: 'unknown_label',
    forwarders: [{ decision: 'skip' }],
  })
})

test('the sender decides what its labels are worth', async () => {
  const folder = tempFolder({
    ...FILES,
    'logweir.yaml': (FILES['logweir.yaml'] ?? '').replace(
      '{ name: here, from: ["127.0.0.0/8"] }',
      '{ name: hosts, from: ["10.0.0.0/8"], streams: [esxi] }',
    ),
  })
  const ask = async (peer: string): Promise<unknown> => {
    const { stdout } = await logweir(['explain', '--json', '--peer', peer], {
      cwd: folder,
      stdin: `${OWN_LINE}\n`,
    })
    return JSON.parse(stdout)
  }
  expect(await ask('10.0.0.7')).toMatchObject({ tenant: null, reason: 'untrusted_source' })
  expect(await ask('::ffff:192.0.2.1')).toMatchObject({
    forwarders: [{ decision: 'skip', because: expect.stringMatching(/sources/) as string }],
  })
  const { code, stderr } = await logweir(['explain', '--peer', 'somebody'], { cwd: folder })
  expect([code, stderr]).toEqual([2, expect.stringContaining('"somebody" is not an address')])
})

test('rules with errors are not explained by', async () => {
  const folder = tempFolder({ ...FILES, 'rules/t.yaml': 'version: 1\ntenant: []\n' })
  const { code, stdout, stderr } = await logweir(['explain'], { cwd: folder, stdin: `${OWN_LINE}\n` })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(
    /^logweir: an error in configuration or rules, the first at .*rules\/t\.yaml:2:1: .*\n {2}`logweir check/,
  )
})
