import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadSettings } from '../../../src/config/settings.ts'
import type { Settings } from '../../../src/config/types.ts'
import { lines, settingsFindings } from '../../support/findings.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { BROKEN_SETTINGS } from './broken-settings.ts'

const LEAST = `version: 1
listeners:
  - { name: a, transport: tcp, bind: "[::]:5514", allow: ["::1"] }
sources: [{ name: s, from: [10.0.0.0/8] }]
`

function load(text: string, env: NodeJS.ProcessEnv = {}, files: Readonly<Record<string, string>> = {}) {
  const folder = tempFolder({ 'etc/logweir.yaml': text, ...files })
  const { settings, findings } = loadSettings(join(folder, 'etc/logweir.yaml'), env)
  return { folder, settings, lines: lines(findings, folder) }
}

function good(
  text: string,
  env: NodeJS.ProcessEnv = {},
  files: Readonly<Record<string, string>> = {},
): Settings {
  const { settings, lines: found } = load(text, env, files)
  expect(found).toEqual([])
  if (settings === undefined) throw new Error('no settings')
  return settings
}

test.each(BROKEN_SETTINGS)('$name', ({ text, findings }) => {
  expect(settingsFindings(text, { LOGWEIR_WORKERS: 'three' })).toEqual(findings)
})

test('what is left out has the documented default', () => {
  const { folder, settings } = load(LEAST)
  expect(settings).toEqual({
    file: `${folder}/etc/logweir.yaml`,
    listeners: [
      {
        name: 'a',
        transport: 'tcp',
        host: '::',
        port: 5514,
        allow: ['::1/128'],
        rate_max: null,
        framing: 'auto',
        frame_max: 65_536,
        connections_max: 4000,
        connections_per_address: 128,
        idle_timeout: null,
        frame_timeout: 30_000,
        proxy_from: [],
      },
    ],
    sources: [{ name: 's', from: ['10.0.0.0/8'], streams: null, site: null, zone: 'UTC' }],
    rules: `${folder}/etc/rules`,
    data: `${folder}/etc/var`,
    queue: {
      memory_max: 256 * 2 ** 20,
      tenant_memory_max: 64 * 2 ** 20,
      provider_memory_max: 128 * 2 ** 20,
      spill_after: 1000,
    },
    batch: { bytes: 65_536, age: 100 },
    spool: {
      disk_max: 20 * 2 ** 30,
      tenant_disk_max: 5 * 2 ** 30,
      provider_disk_max: 10 * 2 ** 30,
      disk_free_min: 2 ** 30,
      sync: 'normal',
      compression: 'zstd',
      removed_keep: 7 * 86_400_000,
      key_file: null,
    },
    limits: {
      forwarders_per_tenant: 10,
      connections_per_tenant: 128,
      file_max: 8 * 2 ** 20,
      forwarder_idle: 60_000,
    },
    workers: 1,
    admin: { bind: { kind: 'inet', host: '127.0.0.1', port: 8514 }, connections_max: 64 },
    reload: { watch: true, settle: 2000 },
    drain: { grace: 10_000, close: 5000 },
    redaction: { key: null },
    log: { level: 'info', format: 'json' },
  })
})

test('paths start at the file that names them', () => {
  const { folder, settings } = load(
    `${LEAST}rules: ../r\ndata: /srv/logweir\nadmin: { bind: "unix:run/admin.sock" }\n`,
  )
  expect(settings?.rules).toBe(`${folder}/r`)
  expect(settings?.data).toBe('/srv/logweir')
  expect(settings?.admin.bind).toEqual({ kind: 'unix', path: `${folder}/etc/run/admin.sock` })
})

test('numbers and truth values come from the environment as what they are', () => {
  const text = LEAST.replace(
    'tcp,',
    'tls, tls: { certificate: c, key: k, generate: { env: GEN } }, connections_max: { env: MAX },',
  )
  const settings = good(`${text}workers: { env: WORKERS }\nbatch: { bytes: { env: BATCH } }\n`, {
    GEN: 'true',
    MAX: '7',
    WORKERS: '3',
    BATCH: '32KiB',
  })
  expect(settings).toMatchObject({
    workers: 3,
    batch: { bytes: 32_768 },
    listeners: [{ connections_max: 7, tls: { generate: true } }],
  })
})

test('a file gives its text without the newline at its end', () => {
  const settings = good(
    `${LEAST}admin: { bind: { file: bind.txt } }\n`,
    {},
    { 'etc/bind.txt': '127.0.0.1:9999\n' },
  )
  expect(settings.admin.bind).toMatchObject({ port: 9999 })
})

const withTls = (more: string): string =>
  LEAST.replace('tcp,', `tls, tls: { certificate: c, key: k, generate: true${more} },`)

const listenerWith = (more: string): unknown => good(withTls(more)).listeners[0]

test('client certificates are required when something is there to judge them by', () => {
  const print = `sha256:${'ab'.repeat(32)}`
  expect(listenerWith('')).toMatchObject({ tls: { client_auth: 'none' } })
  expect(listenerWith(`, client_fingerprints: ["${print}"]`)).toMatchObject({
    tls: { client_auth: 'required', client_fingerprints: [`sha-256:${'AB:'.repeat(31)}AB`] },
  })
  expect(listenerWith(`, client_auth: request`)).toMatchObject({ tls: { client_auth: 'request' } })
})

test('the same port twice is fine for two transports, and for port 0', () => {
  good(`version: 1
listeners:
  - { name: a, transport: udp, bind: "[::]:5514", allow: ["::1"] }
  - { name: b, transport: tcp, bind: "[::]:5514", allow: ["::1"] }
  - { name: c, transport: tcp, bind: "127.0.0.1:0", allow: ["::1"] }
  - { name: d, transport: tcp, bind: "127.0.0.1:0", allow: ["::1"] }
  - { name: e, transport: tcp, bind: "10.0.0.1:6000", allow: ["::1"] }
  - { name: f, transport: tcp, bind: "10.0.0.2:6000", allow: ["::1"] }
sources: [{ name: s, from: [10.0.0.0/8] }]
`)
})

test('a configuration that is not there is one finding', () => {
  const folder = tempFolder()
  const { settings, findings } = loadSettings(join(folder, 'none.yaml'))
  expect(settings).toBeUndefined()
  expect(lines(findings, folder)).toEqual([
    'none.yaml: error: there is no such file | check the path; relative ones start at the file that names them',
  ])
})

test('no value from outside is ever repeated in a finding', () => {
  const secret = 'hunter2-hunter2'
  const text = `version: { env: S }
listeners:
  - { name: { env: S }, transport: { env: S }, bind: { env: S } }
  - { name: { file: s }, transport: tcp, bind: { file: s }, allow: [{ env: S }], frame_max: { env: S }, framing: { env: S } }
sources: [{ name: { env: S }, from: [{ env: S }], zone: { env: S } }]
workers: { env: S }
admin: { env: S }
log: { level: { env: S } }
queue: { memory_max: { file: s } }
`
  const folder = tempFolder({ 'logweir.yaml': text, s: `${secret} with "quotes"\n` })
  const { findings } = loadSettings(join(folder, 'logweir.yaml'), { S: `${secret} with "quotes"` })
  expect(findings.length).toBeGreaterThan(10)
  expect(JSON.stringify(findings)).not.toContain('hunter2')
})

test('not even a part of it: what a message would cut or take apart', () => {
  const text = `version: 1
listeners: [{ name: a, transport: tcp, bind: { env: S }, allow: [{ env: S }] }]
queue: { memory_max: { env: S } }
`
  const found = settingsFindings(text, { S: `hunter2:${'hunter3'.repeat(100)}` })
  expect(found.filter((line) => line.includes('error'))).toHaveLength(3)
  expect(found.join()).not.toContain('hunt')
  expect(found.join()).toContain('listeners[0].bind: the value of environment variable S does not fit here')
})

test('every documented key is understood', () => {
  const settings = good(`version: 1
listeners:
  - name: syslog-udp
    transport: udp
    bind: "[::]:5514"
    receive_buffer: 4MiB
    allow: ["10.0.0.0/8", "127.0.0.0/8", "::1/128"]
    rate_max: 50000
    peers_max: 5000
  - name: syslog-tcp
    transport: tcp
    bind: "[::]:5514"
    allow: ["10.0.0.0/8"]
    framing: auto
    frame_max: 64KiB
    connections_max: 4000
    connections_per_address: 128
    idle_timeout: off
    frame_timeout: 30s
    proxy_from: []
  - name: syslog-tls
    transport: tls
    bind: "[::]:6514"
    allow: ["10.0.0.0/8"]
    tls:
      certificate: certs/router.crt
      key: certs/router.key
      generate: true
      client_auth: none
      client_fingerprints: []
      handshakes_max: 256
      handshakes_per_address: 64
      handshake_timeout: 10s
      min_version: TLSv1.3
sources:
  - { name: fra1-hosts, from: [10.20.0.0/22], streams: [esxi, nsxt.dfw], site: fra1, zone: UTC }
  - { name: fra1-vcenter, from: [10.20.9.5], streams: [vcenter], site: fra1 }
rules: rules
data: var
queue: { memory_max: 256MiB, spill_after: 1s }
batch: { bytes: 64KiB, age: 100ms }
spool: { disk_max: 20GiB, disk_free_min: 1GiB, sync: normal }
limits: { forwarders_per_tenant: 10, file_max: 8MiB, forwarder_idle: 60s }
workers: 1
admin: { bind: "127.0.0.1:8514" }
log: { level: info, format: json }
`)
  expect(settings.listeners.map(({ transport }) => transport)).toEqual(['udp', 'tcp', 'tls'])
  expect(settings.sources[1]).toMatchObject({ from: ['10.20.9.5/32'], streams: ['vcenter'], site: 'fra1' })
})

test('whoever is taken for a balancer can pass for any sender: everybody and sources should not be', () => {
  const text = (proxy_from: string): string => `version: 1
listeners: [{ name: a, transport: tcp, bind: "[::]:5514", allow: ["::1"], proxy_from: ${proxy_from} }]
sources: [{ name: hosts, from: [10.20.0.0/22] }]
`
  expect(settingsFindings(text('[10.20.1.7, 10.99.0.0/16]'))).toEqual([])
  expect(settingsFindings(text('["::/0", 10.0.0.0/8]'))).toEqual([
    'logweir.yaml:2:88: warning: listeners[0].proxy_from[0]: ::/0 is everybody: anyone can pass for any sender | list the balancers’ own addresses only',
    'logweir.yaml:2:96: warning: listeners[0].proxy_from[1]: peers of source hosts are balancers by this: they need a PROXY header, and can pass for any sender | list the balancers’ own addresses only',
  ])
})
