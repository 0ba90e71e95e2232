/**
 * Twenty planted strings, one for each place that a secret comes from, over the whole life of a router whose destinations repeat what
 * they are sent (R69): none of them stands in its log, in what any command prints, in metrics or the API, or in a file's name or text.
 */
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { makeAuthority } from '../support/authority.ts'
import { dfwLine, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { collect, logweir, said, start } from './cli/support.ts'

/** Names of the planted secrets; each is the value of an environment variable or a file of this name. */
const PLANTED = [
  'cloud_token',
  'hec_token',
  'search_password',
  'http_password',
  'http_header',
  'proxy_password',
  'environment_proxy_password',
  'cfapi_password',
  'cfapi_agent_secret',
  'cfapi_token',
  'session_password',
  'redaction_key',
  'spool_key',
  'tls_key',
  'client_key',
  'typed_token',
  'typed_password',
  'typed_redaction_key',
  'wrong_login',
  'operator_token',
] as const
type Planted = (typeof PLANTED)[number]

const fresh = (): string => `planted${randomBytes(12).toString('hex')}`

/** Ways in which a secret is written: as it is, as part of a login, in a URL, in hex. */
function forms(secret: string): string[] {
  const login = Buffer.from(`ingest:${secret}`).toString('base64')
  return [
    secret,
    login,
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    Buffer.from(secret).toString('hex'),
  ]
}

/** A server that refuses everybody with all that they sent. */
async function parrot(status: number): Promise<number> {
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1').slice(0, 4000)
      response.writeHead(status, `No ${request.headers.authorization ?? ''}`.replaceAll(/[^ -~]/g, '?'))
      response.end(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`)
    })
  })
  server.on('connect', (request: IncomingMessage, socket) => {
    socket.end(`HTTP/1.1 ${status} No\r\nX-Echo: ${request.headers['proxy-authorization']}\r\n\r\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** What the router answers on its socket. */
async function asked(socketPath: string, url: string, token: string): Promise<string> {
  const call = request({ socketPath, path: url, headers: { authorization: `Bearer ${token}` } })
  call.end()
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

/** Every file below a folder, with its text. */
function filesBelow(folder: string): { name: string; text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((name) => ({ name, text: readFileSync(name, 'latin1') }))
}

test('R69: of twenty planted secrets none stands in the log, in what commands print, in metrics, errors, names of files or the spool', async () => {
  const secrets = Object.fromEntries(PLANTED.map((name) => [name, fresh()])) as Record<Planted, string>
  const [denies, fails] = [await parrot(401), await parrot(400)]
  const pair = await (await makeAuthority()).issue(['localhost'])
  secrets.tls_key = pair.key.split('\n')[1] ?? ''
  const client = await (await makeAuthority()).issue(['client.example.com'])
  secrets.client_key = client.key.split('\n')[1] ?? ''
  secrets.spool_key = randomBytes(32).toString('hex')
  const env = (name: Planted): object => ({ env: name.toUpperCase() })
  const file = (name: Planted): object => ({ file: `../secrets/${name}` })
  const at = (port: number, rest = '/'): string => `http://127.0.0.1:${port}${rest}`
  const retry = { first: '10ms', max: '100ms' }
  const login = (name: Planted): object => ({ username: 'ingest', password: file(name) })
  const tenant = (port: number, n: number): object =>
    tenantRules(n, [
      { name: 'hec', type: 'splunk-hec', to: at(port), token: env('hec_token'), retry },
      { name: 'search', type: 'elasticsearch', to: at(port), ...login('search_password'), retry },
      {
        name: 'http',
        type: 'http',
        to: at(port),
        ...login('http_password'),
        headers: { 'x-key': env('http_header') },
        retry,
      },
      {
        name: 'proxied',
        type: 'http',
        to: at(port),
        proxy: { to: at(denies), ...login('proxy_password') },
        retry,
      },
      { name: 'tunnelled', type: 'http', to: 'https://127.0.0.1:1/', retry },
      { name: 'cfapi', type: 'cfapi', to: at(port), ...login('cfapi_password'), retry },
      {
        name: 'agent',
        type: 'cfapi',
        to: at(port),
        cfapi: { agent_secret: env('cfapi_agent_secret') },
        retry,
      },
      { name: 'token', type: 'cfapi', to: at(port), token: env('cfapi_token'), retry },
      {
        name: 'tls',
        to: 'tls://127.0.0.1:1',
        tls: { certificate: '../secrets/client.crt', key: '../secrets/client_key.pem' },
        retry,
      },
    ])
  const settings = (more: object = {}): string =>
    stringify({
      version: 1,
      listeners: [
        { name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] },
        {
          name: 'tls',
          transport: 'tls',
          bind: '127.0.0.1:0',
          allow: ['127.0.0.0/8'],
          tls: { certificate: 'secrets/tls.crt', key: 'secrets/tls_key.pem' },
        },
        {
          name: 'api',
          transport: 'cfapi',
          bind: '127.0.0.1:0',
          allow: ['127.0.0.0/8'],
          sessions: { users: [{ name: 'ingest', password: env('session_password') }], required: true },
        },
      ],
      rules: 'rules',
      data: 'var',
      admin: { bind: 'unix:admin.sock' },
      reload: { watch: false },
      spool: { key_file: 'secrets/spool_key' },
      redaction: { key: { file: 'secrets/redaction_key' } },
      queue: { spill_after: '50ms' },
      log: { level: 'debug', format: 'json' },
      ...more,
    })
  const rules = {
    version: 1,
    tenants: [tenant(denies, 0), tenant(fails, 1)],
    provider: {
      forwarders: [
        { name: 'cloud', type: 'log-insight-cloud', to: at(fails), token: env('cloud_token'), retry },
      ],
    },
  }
  const typed = tenantRules(2, [
    { name: 'a', type: 'splunk-hec', to: at(denies), token: secrets.typed_token },
    { name: 'b', type: 'http', to: at(denies), username: 'ingest', password: secrets.typed_password },
  ])
  const folder = tempFolder({
    'logweir.yaml': settings(),
    'typed.yaml': settings({ redaction: { key: secrets.typed_redaction_key }, rules: 'typed' }),
    'rules/all.yaml': stringify(rules),
    'typed/all.yaml': stringify({ version: 1, tenants: [typed] }),
    'secrets/tls.crt': pair.cert,
    'secrets/tls_key.pem': pair.key,
    'secrets/client.crt': client.cert,
    'secrets/client_key.pem': client.key,
    ...Object.fromEntries(PLANTED.map((name) => [`secrets/${name}`, secrets[name]])),
  })
  const environment = {
    ...Object.fromEntries(PLANTED.map((name) => [name.toUpperCase(), secrets[name]])),
    HTTPS_PROXY: `http://ingest:${secrets.environment_proxy_password}@127.0.0.1:${denies}`,
    LOGWEIR_TEST: '1',
    LOGWEIR_DEBUG: '1',
  }
  const told: Record<string, string> = {}
  const run = async (...words: string[]): Promise<void> => {
    const { stdout, stderr } = await logweir(words, { cwd: folder, env: environment, stdin: dfwLine(0, 1) })
    told[words.join(' ')] = stdout + stderr
  }
  const config = ['--config', 'logweir.yaml']
  const router = start(['run', ...config], { cwd: folder, env: environment })
  const log = [collect(router.stdout), collect(router.stderr)]
  const ended = once(router, 'close')
  const begun = await said(router, /"msg":"ready/)
  secrets.operator_token = readFileSync(path.join(folder, 'var/admin.token'), 'utf8').trim()

  const port = (name: string): number =>
    Number(new RegExp(`listening: ${name} on [^"]*:(\\d+)"`).exec(begun)?.[1] ?? 0)
  const sender = connect(port('tcp'), '127.0.0.1')
  for (let n = 0; n < 200; n++) sender.write(`${dfwLine(n % 3, n)}\n`)
  sender.end()
  sender.resume()
  await once(sender, 'close')
  for (const password of [secrets.wrong_login, secrets.session_password]) {
    const answer = await fetch(`http://127.0.0.1:${port('api')}/api/v2/sessions`, {
      method: 'POST',
      body: JSON.stringify({ username: 'ingest', password, provider: 'Local' }),
    })
    told[`login ${answer.status}`] = answer.status === 200 ? '' : await answer.text()
  }
  const names = ['hec', 'search', 'http', 'proxied', 'tunnelled', 'cfapi', 'agent', 'token', 'tls']
  for (const words of [
    ['check', ...config],
    ['check', '--json', ...config],
    ['check', '--config', 'typed.yaml'],
    ['explain', ...config],
    ['show', 'tenant-0', ...config],
    ['show', 'tenant-0/hec', '--json', ...config],
    ['diff', ...config],
    ['status', ...config],
    ['status', '--json', ...config],
    ['why', 'tenant-0', ...config],
    ['reload', ...config],
    ['spool', 'list', ...config],
    ...names.map((name) => ['forwarder', 'test', `tenant-0/${name}`, ...config]),
    ['forwarder', 'test', 'provider/cloud', '--json', ...config],
  ])
    await run(...words)
  for (const url of ['/metrics', '/readyz', '/openapi.json', '/api/v1/status', '/api/v1/nothing'])
    told[url] = await asked(path.join(folder, 'admin.sock'), url, secrets.operator_token)
  // Destinations have refused by then, each in its own way.
  expect(told['status --json --config logweir.yaml']).toMatch(/"last_error":"/)
  router.kill('SIGTERM')
  await ended
  told['log'] = log.map((text) => text()).join('')
  await run('spool', 'show', 'tenant-0', ...config)
  await run('spool', 'export', 'tenant-0', 'out.jsonl', ...config)

  /** Where secrets belong: the files that are named for them, and the operator's token. */
  const own = new Set(['admin.token', 'redaction.key'])
  for (const { name, text } of filesBelow(path.join(folder, 'var')))
    told[`file ${name}`] = own.has(path.basename(name)) || name.includes('/secrets/') ? '' : text
  told['names of files'] = readdirSync(path.join(folder, 'var'), { recursive: true }).join('\n')

  const found = Object.entries(told).flatMap(([where, text]) =>
    PLANTED.flatMap((name) =>
      forms(secrets[name]).some((form) => text.includes(form)) ? [`${name} stands in: ${where}`] : [],
    ),
  )
  expect(found).toEqual([])
  expect(told['/metrics']).toContain('logweir_forwarder_state')
  // What is searched is what came: the log knows each destination, and the parrots' answers came through without the secrets.
  for (const name of names) expect(told['log']).toContain(`tenant-0/${name}`)
  expect(told['check --config typed.yaml']).toMatch(/must not|reference/)
  say(
    `R69: ${Object.keys(told).length} outputs and files, ${Object.values(told).join('').length} bytes, none of ${PLANTED.length} secrets`,
  )
}, 240_000)
