/** What an operator can get wrong, through `logweir run`: each is said with its place or in one sentence, and the exit status is 2. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { createSocket } from 'node:dgram'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../support/temp-folder.ts'
import { makeAuthority } from '../support/authority.ts'
import { type Ended, logweir } from './cli/support.ts'

const ROOT = process.getuid?.() === 0

const LISTENER = '  - { name: tcp, transport: tcp, bind: "127.0.0.1:0", allow: ["127.0.0.0/8"] }\n'
const BASE = 'version: 1\nadmin: { bind: "127.0.0.1:0" }\n'

/** A configuration as given, with empty rules. */
function folderWith(config: string, rules = 'version: 1\n'): string {
  return tempFolder({ 'logweir.yaml': config, 'rules/t.yaml': rules })
}

function run(folder: string): Promise<Ended> {
  return logweir(['run', '--config', 'logweir.yaml'], { cwd: folder })
}

/** What went wrong is one sentence and its mend, without a stack, and nothing was started. */
function expectSentence({ code, stderr }: Ended, what: RegExp, mend: RegExp): void {
  expect(code, stderr).toBe(2)
  expect(stderr).toMatch(what)
  expect(stderr).toMatch(mend)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(stderr.trim().split('\n').length, stderr).toBeLessThanOrEqual(3)
}

test('every mistake of the configuration is said at once, with its place and the likely key', async () => {
  const folder = folderWith(
    `${BASE}listeners:
  - { name: tcp, transport: tcp, bind: "127.0.0.1", allow: ["127.0.0.0/8"] }
  - { name: tcp2, transport: tpc, bind: "127.0.0.1:0" }
  - { name: udp, transport: udp, bind: "127.0.0.1:0", alow: ["127.0.0.0/8"], receive_buffer: 4 }
queue: { memory_max: 256 }
workerz: 1
`,
  )
  const { code, stderr } = await run(folder)
  expect(code).toBe(2)
  for (const place of ['4:', '5:', '6:', '7:', '8:1']) expect(stderr).toContain(`logweir.yaml:${place}`)
  expect(stderr).toContain('did you mean `allow`?')
  expect(stderr).toContain('did you mean `workers`?')
  expect(stderr.match(/: error: /g)?.length).toBeGreaterThanOrEqual(6)
})

test('mistakes of several rules files are said together', async () => {
  const folder = folderWith(
    `${BASE}listeners:\n${LISTENER}`,
    'version: 1\ntenants:\n  - name: a\n    forwarder: []\n  - name: b\n    forwarders: [{ name: x, to: "tpc://h:1" }]\n',
  )
  writeFileSync(join(folder, 'rules/u.yaml'), 'version: 1\ntenants:\n  - { nam: c }\n')
  const { code, stderr } = await run(folder)
  expect(code).toBe(2)
  expect(stderr).toMatch(/t\.yaml:4:5: error/)
  expect(stderr).toMatch(/t\.yaml:6:\d+: error/)
  expect(stderr).toMatch(/u\.yaml:3:\d+: error/)
  expect(stderr).toContain('did you mean `forwarders`?')
})

test.each([
  ['is no YAML', 'version: 1\nlisteners: [\n'],
  ['is empty', ''],
  ['is a list', '- 1\n'],
  ['has NUL bytes', 'version: 1\0\n'],
])('a configuration that %s has a place and exit status 2', async (_, config) => {
  const { code, stderr } = await run(folderWith(config))
  expect(code).toBe(2)
  expect(stderr).toMatch(/logweir\.yaml:\d+:\d+: error: /)
})

test('a configuration that is not there is one sentence', async () => {
  expectSentence(await run(tempFolder()), /logweir\.yaml/, /\w/)
})

test('a TCP port in use is one sentence that names it and the mend', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }
  const ended = await run(folderWith(`${BASE}listeners:\n${LISTENER.replace(':0"', `:${port}"`)}`))
  expectSentence(
    ended,
    new RegExp(`listener tcp cannot bind 127\\.0\\.0\\.1:${port}: the port is in use`),
    /ss -lntup/,
  )
})

test('a UDP port in use is one sentence as well', async () => {
  const other = createSocket('udp4').bind(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const line = `  - { name: u, transport: udp, bind: "127.0.0.1:${other.address().port}", allow: ["127.0.0.0/8"] }\n`
  expectSentence(
    await run(folderWith(`${BASE}listeners:\n${line}`)),
    /listener u cannot bind .* in use/,
    /choose another port/,
  )
})

test('the port of the admin address in use is one sentence as well', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }
  const config = `version: 1\nadmin: { bind: "127.0.0.1:${port}" }\nlisteners:\n${LISTENER}`
  expectSentence(
    await run(folderWith(config)),
    new RegExp(`127\\.0\\.0\\.1:${port}: another program listens there`),
    /admin\.bind/,
  )
})

test('a data folder that cannot be made is one sentence', async () => {
  const folder = folderWith(`${BASE}data: blocked/var\nlisteners:\n${LISTENER}`)
  writeFileSync(join(folder, 'blocked'), 'a file stands where the folder should be')
  expectSentence(await run(folder), /data folder .*blocked\/var/, /can write/)
})

test('a data folder without permission is one sentence', async (context) => {
  context.skip(ROOT, 'root may write everywhere')
  const folder = folderWith(`${BASE}data: closed\nlisteners:\n${LISTENER}`)
  mkdirSync(join(folder, 'closed'))
  chmodSync(join(folder, 'closed'), 0o500)
  expectSentence(await run(folder), /data folder .*closed/, /can write/)
})

const TLS = (certificate: string, key: string): string =>
  `${BASE}listeners:\n  - name: tls\n    transport: tls\n    bind: "127.0.0.1:0"\n    allow: ["127.0.0.0/8"]\n` +
  `    tls: { certificate: ${certificate}, key: ${key} }\n`

test('a certificate that is not there, is a folder, is rubbish or fits another key is one sentence that names the file', async () => {
  const folder = folderWith('')
  const authority = await makeAuthority()
  const [one, two] = [await authority.issue(['localhost']), await authority.issue(['localhost'])]
  writeFileSync(join(folder, 'one.crt'), one.cert)
  writeFileSync(join(folder, 'one.key'), one.key)
  writeFileSync(join(folder, 'two.key'), two.key)
  writeFileSync(join(folder, 'rubbish.crt'), 'not a certificate')
  mkdirSync(join(folder, 'folder.crt'))
  const cases = [
    ['missing.crt', 'one.key', /missing\.crt/],
    ['folder.crt', 'one.key', /folder\.crt/],
    ['rubbish.crt', 'one.key', /rubbish\.crt/],
    ['one.crt', 'missing.key', /missing\.key/],
    ['one.crt', 'two.key', /two\.key is not the key of .*one\.crt/],
  ] as const
  for (const [certificate, key, what] of cases) {
    writeFileSync(join(folder, 'logweir.yaml'), TLS(certificate, key))
    const { code, stderr } = await run(folder)
    expect(code, stderr).toBe(2)
    expect(stderr).toMatch(what)
    expect(stderr).toMatch(/listeners\[0\]\.tls|listener tls/)
    expect(stderr).not.toMatch(/^\s+at /m)
  }
})
