/** Is it one line out for one line in, whatever the line, and does the reader set the pace? */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { frameOf, type MessageCase, readCases } from '../../support/vectors.ts'
import { FILES, logweir, OWN_LINE, start } from './support.ts'

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test('a line of JSON for each line, empty and broken ones too', async () => {
  const input = Buffer.from(`${OWN_LINE}\r\n\nno header\n<13>\u0000\u001b"\\\n\xff\xfe\nlast`, 'latin1')
  const { code, stdout, stderr } = await logweir(['parse'], { stdin: input })
  expect([code, stderr]).toEqual([0, ''])
  const events = lines(stdout)
  expect(events).toHaveLength(6)
  expect(events[0]).toMatchObject({
    schema: 'logweir.event/1',
    stream: 'nsxv.dfw',
    header: 'rfc5424',
    valid: true,
  })
  expect(events[1]).toMatchObject({ message: '', stream: 'other', header: 'none', valid: false })
  expect(events[4]).toMatchObject({ message: '\ufffd\ufffd' })
  expect(events[5]).toMatchObject({ message: 'last' })
  for (const key of ['id', 'received_at', 'listener', 'peer', 'tenant', 'owner'])
    expect(events[0]).not.toHaveProperty(key)
})

test('a file is read as standard input is', async () => {
  const folder = tempFolder({ 'events.log': `${OWN_LINE}\n` })
  const file = await logweir(['parse', '--json', path.join(folder, 'events.log')])
  const pipe = await logweir(['parse'], { stdin: `${OWN_LINE}\n` })
  expect(file).toEqual(pipe)
})

test('with a configuration it says whose the event is', async () => {
  const folder = tempFolder(FILES)
  const config = path.join(folder, 'logweir.yaml')
  const { stdout } = await logweir(['parse', '--config', config], {
    stdin: `${OWN_LINE}\n<13>1 - - - - - -\n`,
  })
  expect(lines(stdout)).toMatchObject([
    { tenant: 't', owner: { org_vdc: { name: 'main' }, by: 'nsxv.dfw' } },
    { tenant: null, owner: null },
  ])
})

test('a header of another form than asked for is not valid', async () => {
  const { stdout } = await logweir(['parse', '--format', 'rfc3164'], {
    stdin: `${OWN_LINE}\n<13>Feb  3 04:05:06 host su: x\n`,
  })
  expect(lines(stdout)).toMatchObject([
    { header: 'rfc5424', valid: false },
    { header: 'rfc3164', valid: true },
  ])
})

test('times without year and zone are read as the files were written', async () => {
  const stdin = '<13>Dec 31 23:30:00 host su: x\n<13>2026-03-29T02:30:00 host su: x\n'
  const old = ['parse', '--zone', 'Europe/Berlin', '--received', '2020-01-01T00:00:00Z']
  const { stdout } = await logweir(old, { stdin })
  expect(lines(stdout)).toMatchObject([
    { timestamp: '2019-12-31T22:30:00.000Z' },
    { timestamp: '2026-03-29T01:30:00.000Z', timestamp_note: 'skipped_hour' },
  ])
  const zone = await logweir(['parse', '--zone', 'Berlin'], { stdin })
  expect([zone.code, zone.stderr]).toEqual([
    2,
    expect.stringMatching(/^logweir: "Berlin" is not a time zone\n/),
  ])
  const time = await logweir(['parse', '--received', 'yesterday'], { stdin })
  expect([time.code, time.stderr]).toEqual([
    2,
    expect.stringMatching(/^logweir: "yesterday" is not a time\n/),
  ])
})

const cases = readCases<MessageCase>('rfc5424.jsonl')

test.skipIf(cases.length === 0)('--format rfc5424: valid is what satisfies the standard', async () => {
  const asked = cases.filter((one) => !frameOf(one).includes(0x0a) && frameOf(one).at(-1) !== 0x0d)
  const stdin = Buffer.concat(asked.flatMap((one) => [frameOf(one), Buffer.from('\n')]))
  const { stdout } = await logweir(['parse', '--format', 'rfc5424'], { stdin })
  const valid = lines(stdout).map((event) => event['valid'])
  const differing = asked.filter((one, n) => valid[n] !== one.strict_grammar)
  expect(differing.map(({ id }) => id)).toEqual([])
  expect(valid).toHaveLength(asked.length)
})

test('a line longer than any message is one line out, cut', async () => {
  const { stdout } = await logweir(['parse'], { stdin: `<13>${'x'.repeat(3_000_000)}\n<13>next\n` })
  expect(lines(stdout)).toMatchObject([{ truncated: true }, { truncated: false, message: 'next' }])
})

test('a reader that has seen enough ends it quietly', async () => {
  const folder = tempFolder()
  const file = path.join(folder, 'many.log')
  writeFileSync(file, `${OWN_LINE}\n`.repeat(50_000))
  const child = start(['parse', file])
  let wrong = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    wrong += chunk.toString()
  })
  await once(child.stdout ?? child, 'data')
  child.stdout?.destroy()
  await once(child, 'exit')
  expect([child.exitCode, wrong]).toEqual([0, ''])
})

test('a file that is not there is named', async () => {
  const { code, stderr } = await logweir(['parse', 'none.log'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/^logweir: cannot read none\.log: ENOENT.*\n {2}name a file/)
})
