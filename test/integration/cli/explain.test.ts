/** Does `explain` say what the router would do, and why? */
import { expect, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { FILES, logweir, OWN_LINE } from './support.ts'

const ORPHAN = OWN_LINE.replace(/[^ ]+$/, 'deadbeef-0000-4000-8000-000000000000')

test('a story a line', async () => {
  const { code, stdout, stderr } = await logweir(['explain'], {
    cwd: tempFolder(FILES),
    stdin: `${OWN_LINE}\n${ORPHAN}\n`,
  })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    /^1: nsxv\.dfw, rfc5424 header, label "5b2abda9.*": t's, by label\n {3}forward {2}t\/archive/,
  )
  expect(stdout).toMatch(/^2: nsxv\.dfw, rfc5424 header, label "deadbeef.*": nobody's: unknown_label$/m)
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
      { tenant: 't', forwarder: 'archive', decision: 'forward', because: expect.any(String) as string },
    ],
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
