/** Does what `send` sends arrive as the file has it, and does it tell the truth about what did not? */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createListener } from '../../../src/listen/create.ts'
import { makeAuthority } from '../../support/authority.ts'
import { cfapiSettings } from '../../support/cfapi.ts'
import { bench } from '../../support/intake.ts'
import { RelpServer } from '../../support/relp-server.ts'
import { goodSink, refuse, resetAfter, udpSink } from '../../support/sinks.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { collect, logweir, start } from './support.ts'

const LINES = ['<13>1 - a - - - - one', '<13>1 - a - - - - tw\u00f6', 'no header']
const INPUT = `${LINES.join('\n')}\n`
const BYTES = Buffer.byteLength(LINES.join(''))

test('over TCP: lines, with the peer having read all of it', async () => {
  const sink = await goodSink()
  const to = `tcp://127.0.0.1:${sink.port}`
  const { code, stdout, stderr } = await logweir(['send', '--to', to], { stdin: INPUT })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    new RegExp(`^sent 3 messages \\(${BYTES} bytes\\) to ${to} in [0-9.]+ s, \\d+ a second\\n$`),
  )
  expect(sink.text()).toBe(INPUT)
  await sink.close()
})

test('over TCP with octet counting: counts of bytes', async () => {
  const sink = await goodSink()
  const to = `tcp://localhost:${sink.port}`
  const { code, stdout, stderr } = await logweir(
    ['send', '--framing', 'octet-counting', '--json', '--to', to],
    { stdin: INPUT },
  )
  expect(code).toBe(0)
  expect(stderr).toMatch(/^1 messages do not begin with <PRI>/)
  expect(JSON.parse(stdout)).toMatchObject({ to, messages: 3, bytes: BYTES, failed: 0 })
  expect(sink.text()).toBe(LINES.map((line) => `${Buffer.byteLength(line)} ${line}`).join(''))
  await sink.close()
})

test('over RELP: counted as sent when it is answered for, and what is refused is said', async () => {
  const server = await new RelpServer().listen()
  const to = `relp://127.0.0.1:${server.port}`
  const { code, stdout, stderr } = await logweir(['send', '--to', to], { stdin: INPUT })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(new RegExp(`^sent 3 messages \\(${BYTES} bytes\\) to ${to}`))
  expect(server.events).toEqual(LINES)
  expect(server.closes).toBe(1)
  server.answer = (_, before) => (before === 4 ? '500' : '200')
  const refused = await logweir(['send', '--to', to], { stdin: INPUT })
  expect(refused.code).toBe(1)
  expect(`${refused.stdout}${refused.stderr}`).toMatch(/the receiver refused it: 500 no/)
  server.opening = '500 not you'
  const never = await logweir(['send', '--to', to], { stdin: INPUT })
  expect(never.code).toBe(1)
  expect(never.stderr).toMatch(/refused the session: 500 not you/)
  await server.close()
})

test('over RELP to a receiver that goes in the middle: what was not acknowledged is said', async () => {
  const server = await new RelpServer().listen()
  server.answer = (_, before) => {
    if (before === 2) server.drop()
    return before < 2 ? '200' : 'none'
  }
  const { code, stderr } = await logweir(['send', '--to', `relp://127.0.0.1:${server.port}`], {
    stdin: INPUT,
  })
  expect(code).toBe(1)
  expect(stderr).toMatch(/broke: .*; [123] messages were not acknowledged/)
  await server.close()
})

test('over UDP: a datagram a message', async () => {
  const sink = await udpSink()
  const { code, stdout } = await logweir(['send', '--to', `udp://127.0.0.1:${sink.port}`], { stdin: INPUT })
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^sent 3 messages/)])
  await sink.until(() => sink.chunks.length === 3)
  expect(sink.chunks.map(String)).toEqual(LINES)
  await sink.close()
})

test('over TLS: only to whom it trusts, with a certificate of its own', async () => {
  const authority = await makeAuthority()
  const server = await authority.issue(['127.0.0.1'])
  const client = await authority.issue(['sender'])
  const folder = tempFolder({ 'ca.pem': authority.ca, 'cert.pem': client.cert, 'key.pem': client.key })
  const sink = await goodSink({ cert: server.cert, key: server.key, ca: authority.ca, requestCert: true })
  const to = `tls://127.0.0.1:${sink.port}`
  const own = ['--cert', path.join(folder, 'cert.pem'), '--key', path.join(folder, 'key.pem')]
  const line = `${LINES[0] ?? ''}\n`
  const good = await logweir(['send', '--to', to, '--ca', path.join(folder, 'ca.pem'), ...own], {
    stdin: line,
  })
  expect([good.code, good.stderr]).toEqual([0, ''])
  expect(sink.text()).toBe(`21 ${LINES[0] ?? ''}`)
  const stranger = await logweir(['send', '--to', to], { stdin: line })
  expect([stranger.code, stranger.stdout]).toEqual([1, ''])
  expect(stranger.stderr).toMatch(
    /^logweir: cannot connect to tls:.*certificate.*\n {2}give its authority with `--ca FILE`\n$/,
  )
  const insecure = await logweir(['send', '--to', to, '--insecure', ...own], { stdin: line })
  expect([insecure.code, insecure.stderr]).toEqual([0, expect.stringMatching(/^--insecure: whoever answers/)])
  await sink.close()
})

test('--count stops it, --loop begins again', async () => {
  const sink = await goodSink()
  const folder = tempFolder({ 'in.log': INPUT })
  const to = ['--to', `tcp://127.0.0.1:${sink.port}`]
  const file = path.join(folder, 'in.log')
  await logweir(['send', ...to, '--count', '2', file])
  expect(sink.lines()).toEqual(LINES.slice(0, 2))
  await logweir(['send', ...to, '--count', '7', '--loop', '--rate', '1000', file])
  expect(sink.lines()).toHaveLength(9)
  const { code, stderr } = await logweir(['send', ...to, '--loop'], { stdin: INPUT })
  expect([code, stderr]).toEqual([2, expect.stringContaining('standard input cannot be sent again')])
  await sink.close()
})

test('Ctrl-C ends the sending, not the counting', async () => {
  const sink = await goodSink()
  const folder = tempFolder({ 'in.log': INPUT })
  const words = ['send', '--to', `tcp://127.0.0.1:${sink.port}`, '--loop', '--rate', '50', '--json']
  const child = start([...words, path.join(folder, 'in.log')])
  const stdout = collect(child.stdout)
  await sink.until(() => sink.lines().length > 3)
  child.kill('SIGINT')
  await once(child, 'close')
  expect(child.exitCode).toBe(0)
  expect(JSON.parse(stdout())).toMatchObject({ messages: sink.lines().length, failed: 0 })
  await sink.close()
})

test('a receiver that is not there, or breaks off, is an error that says so', async () => {
  const nobody = await logweir(['send', '--to', `tcp://127.0.0.1:${await refuse()}`], { stdin: INPUT })
  expect(nobody).toMatchObject({ code: 1, stdout: '' })
  expect(nobody.stderr).toMatch(/nothing listens there\n {2}check the address/)
  const sink = await resetAfter(1000)
  const folder = tempFolder()
  const file = path.join(folder, 'much.log')
  writeFileSync(file, INPUT.repeat(200_000))
  const broken = await logweir(['send', '--to', `tcp://127.0.0.1:${sink.port}`, '--json', file])
  expect(broken.code).toBe(1)
  expect(broken.stderr).toMatch(/logweir: the connection to tcp:.* broke: /)
  expect((JSON.parse(broken.stdout) as { messages: number }).messages).toBeLessThan(600_000)
  await sink.close()
})

test('options that mean nothing here are refused', async () => {
  for (const [words, why] of [
    [['--to', 'tcp://127.0.0.1:9', '--insecure'], '`--insecure` is for tls://'],
    [['--to', 'tls://127.0.0.1:9', '--cert', 'x'], '`--cert` and `--key` belong together'],
    [['--to', 'tcp://127.0.0.1:9', '--rate', '0'], '`--rate 0` would never send'],
    [['--to', 'udp://127.0.0.1:9', '--framing', 'newline'], 'udp has no framing'],
  ] as const) {
    const { code, stderr } = await logweir(['send', ...words])
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)])
  }
})

test('over CFAPI: an event a line, waiting where there is no room, and what is refused is said', async () => {
  const { intake, tally, deps } = bench()
  const listener = await createListener(cfapiSettings({ body_max: 4096 }), 0, deps)
  const to = `cfapi://127.0.0.1:${listener.address.port}`
  intake.acknowledging = false
  const sent = logweir(['send', '--json', '--to', to], { stdin: INPUT })
  // Answered 503; then there is room.
  await tally.untilRefused('queue_full')
  intake.acknowledging = true
  const { code, stdout } = await sent
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ to, messages: 3, bytes: BYTES, failed: 0 })
  const texts = intake.taken.map(({ text }) => Buffer.from(text, 'latin1').toString())
  expect(texts).toEqual([...LINES.slice(0, 2), '<13>1 - - - - - - no header'])
  const long = await logweir(['send', '--to', to], { stdin: 'x'.repeat(5000) })
  expect(long.code).toBe(1)
  expect(long.stderr).toContain('413')
  await listener.stop(0)
})
