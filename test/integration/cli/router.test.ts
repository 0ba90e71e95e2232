/** Do the commands find the running router, and say what it answers? */
import { readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { FILES, logweir, OWN_LINE, said, start } from './support.ts'

test('status and reload through a unix socket, from the running router', async () => {
  const folder = tempFolder(FILES)
  const config = ['--config', path.join(folder, 'logweir.yaml')]
  const router = start(['run', ...config])
  const text = await said(router, /ready/)
  const port = /tcp:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? ''
  expect((await logweir(['send', '--to', `tcp://127.0.0.1:${port}`], { stdin: `${OWN_LINE}\n` })).code).toBe(
    0,
  )

  const status = await logweir(['status', '--json', ...config])
  expect(status.code).toBe(0)
  expect(JSON.parse(status.stdout)).toMatchObject({ received: 1, owned: 1, orphaned: 0, imbalance: 0 })

  const same = await logweir(['reload', ...config])
  expect(same).toEqual({ code: 0, stdout: 'accepted: generation 2 runs\n  nothing changed\n', stderr: '' })

  const rules = path.join(folder, 'rules/t.yaml')
  const good = readFileSync(rules, 'utf8')
  writeFileSync(rules, good.replace('file:', 'ftp:'))
  const wrong = await logweir(['reload', '--admin', `unix:${folder}/admin.sock`, ...config])
  expect(wrong.code).toBe(1)
  expect(wrong.stdout).toMatch(
    /t\.yaml:7:\d+: error: .*\n(.*\n)*rejected: generation 2 runs on, nothing changed\n$/,
  )

  writeFileSync(rules, `${good}      - { name: second, to: "file:../out/u.log" }\n`)
  const more = await logweir(['reload', '--json', ...config])
  expect(more.code).toBe(0)
  expect(JSON.parse(more.stdout)).toMatchObject({
    outcome: 'accepted',
    changes: { forwarders: { added: ['t/second'] } },
  })

  // The router runs with what it has read; the file is broken since, and names a secret that is not here.
  const file = path.join(folder, 'logweir.yaml')
  const settings = readFileSync(file, 'utf8')
  writeFileSync(file, `${settings}\nredaction: { key: { env: LOGWEIR_NOT_SET_HERE } }\nqueu: {}\n`)
  expect((await logweir(['status', '--json', ...config])).code).toBe(0)
  const tried = await logweir(['reload', ...config])
  expect(tried.code).toBe(1)
  expect(tried.stdout).toContain('did you mean `queue`?')
  writeFileSync(file, settings)

  const stranger = await logweir(['status', ...config], { env: { LOGWEIR_TOKEN: 'wrong' } })
  expect(stranger).toMatchObject({ code: 1, stdout: '' })
  expect(stranger.stderr).toContain('does not accept the operator token')
})

test.each(['null', '{}', '[]', '{"forwarders":[null]}'])(
  'what answers %s and is no router is said to be none, and not taken for a bug of ours',
  async (body) => {
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(async () => {
      server.close()
      await once(server, 'close')
    })
    const { port } = server.address() as AddressInfo
    for (const words of [['status'], ['why', 'acme'], ['reload']]) {
      const answer = await logweir([...words, '--admin', `http://127.0.0.1:${port}`], {
        env: { LOGWEIR_TOKEN: 'x' },
      })
      expect(answer).toMatchObject({ code: 1, stdout: '' })
      expect(answer.stderr).toContain('is no Logweir router')
    }
  },
)

test('a router that does not run is one sentence and the mend', async () => {
  const folder = tempFolder(FILES)
  for (const name of ['status', 'reload']) {
    const { code, stdout, stderr } = await logweir([name], { cwd: folder })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      `logweir: no router answers at unix:${folder}/admin.sock: nothing listens there\n` +
        '  start it with `logweir run`, or name the right one with `--config FILE` or `--admin URL`\n',
    )
  }
})
