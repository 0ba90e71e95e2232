/** What does a person get who types something wrong, or asks for help? */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS, LATER } from '../../../src/cli/table.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { root } from '../../support/tree.ts'
import { FILES, logweir } from './support.ts'

test('the help names every command of this version and no other', async () => {
  const { code, stdout, stderr } = await logweir(['--help'])
  expect([code, stderr]).toEqual([0, ''])
  for (const { name } of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
  for (const name of LATER) expect(stdout).not.toMatch(new RegExp(`^ {2}${name} `, 'm'))
})

test.each(COMMANDS.map(({ name }) => name))('%s --help has an example', async (name) => {
  const { code, stdout } = await logweir([name, '--help'])
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`Example:\\n {2}\\$ logweir ${name}`))
})

test('the version is the package\u2019s', async () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
  expect(await logweir(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test.each([
  [['chekc'], /^logweir: unknown command 'chekc'\n\(Did you mean check\?\)\n$/],
  [['help', 'chekc'], /^logweir: unknown command 'chekc'\n\(Did you mean check\?\)\n$/],
  [['chekc', '--help'], /^logweir: unknown command 'chekc'/],
  [['help', 'tap'], /^logweir: `logweir tap` is not in this version yet/],
  [['check', '--jsno'], /^logweir: unknown option '--jsno'\n\(Did you mean --json\?\)\n$/],
  [['check', 'extra'], /^logweir: too many arguments for 'check'/],
  [
    ['send', '--rate', 'fast'],
    /^logweir: option '--rate <N>' argument 'fast' is invalid. It must be a number/,
  ],
  [['send', '--count', '1.5'], /It must be a whole number/],
  [['send', '--framing', 'json'], /Allowed choices are newline, octet-counting/],
  [['schema', 'rulez'], /Allowed choices are config, rules/],
  [['schema'], /^logweir: missing required argument 'of'/],
])('logweir %j is answered with what is meant, and 2', async (words, answer) => {
  const { code, stdout, stderr } = await logweir(words)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(answer)
})

test('no command at all gets the help and 2', async () => {
  const { code, stderr } = await logweir([])
  expect(code).toBe(2)
  expect(stderr).toContain('Usage: logweir')
})

test.each(LATER)('%s is refused by name', async (name) => {
  const { code, stdout, stderr } = await logweir([name, '--some', 'thing'])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toBe(
    `logweir: \`logweir ${name}\` is not in this version yet\n  see \`logweir --help\` for what is\n`,
  )
})

test.each(['run', 'check', 'status', 'reload', 'explain'])(
  '%s without a configuration says how to name one',
  async (name) => {
    const { code, stdout, stderr } = await logweir([name], { cwd: tempFolder() })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      'logweir: no configuration: there is no logweir.yaml in this folder\n' +
        '  name one with `--config FILE`; examples/logweir.yaml is one to begin with\n',
    )
  },
)

test('./logweir.yaml is the configuration when none is named', async () => {
  const { code, stdout } = await logweir(['check'], { cwd: tempFolder(FILES) })
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^ok: 1 tenant, 1 forwarder; 0 errors/m)])
})

test.each(['config', 'rules'])('the schema of %s is JSON Schema', async (of) => {
  const { code, stdout } = await logweir(['schema', of])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ type: 'object' })
})

test('a bug is one line and 70; where it is only on request', async () => {
  const broken = 'data:text/javascript,JSON.stringify = () => { throw new TypeError("broken on purpose") }'
  const cwd = tempFolder(FILES)
  const short = await logweir(['check', '--json'], {
    cwd,
    env: { NODE_OPTIONS: `--import=${encodeURI(broken)}` },
  })
  expect(short).toMatchObject({
    code: 70,
    stdout: '',
    stderr: 'logweir: this is a bug: broken on purpose (LOGWEIR_DEBUG=1 shows where)\n',
  })
  const env = { NODE_OPTIONS: `--import=${encodeURI(broken)}`, LOGWEIR_DEBUG: '1' }
  const long = await logweir(['check', '--json'], { cwd, env })
  expect([long.code, long.stderr]).toEqual([70, expect.stringMatching(/\n {4}at .*src\/config/)])
})
