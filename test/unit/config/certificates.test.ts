/** Are certificates that end and secrets that everybody can read told, and no others? */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { loadSettings } from '../../../src/config/settings.ts'
import { makeAuthority } from '../../support/authority.ts'
import { lines, rulesOf } from '../../support/findings.ts'
import { tempFolder } from '../../support/temp-folder.ts'

afterEach(() => {
  vi.useRealTimers()
})

const DAY_MS = 86_400_000

const LISTENER = `version: 1
listeners:
  - { name: a, transport: tls, bind: "127.0.0.1:0", allow: ["::1"], tls: { certificate: a.crt, key: a.key, client_ca: ca.crt } }
sources: [{ name: s, from: ["::1"] }]
`

async function folderWithPair(): Promise<{ readonly folder: string; readonly check: () => string[] }> {
  const authority = await makeAuthority()
  const { cert, key } = await authority.issue(['localhost'])
  const folder = tempFolder({ 'logweir.yaml': LISTENER, 'a.crt': cert, 'a.key': key, 'ca.crt': authority.ca })
  return { folder, check: () => lines(loadSettings(`${folder}/logweir.yaml`, {}).findings, folder) }
}

test('a certificate is told of 14 days before it ends, when it has ended, and before it begins', async () => {
  const { check } = await folderWithPair()
  expect(check()).toEqual([])
  const now = Date.now()
  const at = (days: number): string[] => {
    vi.useFakeTimers({ toFake: ['Date'], now: now + days * DAY_MS })
    return check()
  }
  expect(at(75)).toEqual([])
  expect(at(80)).toEqual([
    expect.stringMatching(
      /^logweir\.yaml:3:89: warning: listeners\[0\]\.tls\.certificate: a\.crt: the certificate \(CN=localhost\) ends on \d{4}-\d\d-\d\d, in (9|10) days \| /,
    ),
    expect.stringMatching(
      /^logweir\.yaml:3:\d+: warning: listeners\[0\]\.tls\.client_ca: ca\.crt: the certificate \(CN=Test Authority\) ends on /,
    ),
  ])
  expect(at(91)[0]).toMatch(/the certificate \(CN=localhost\) ended on \d{4}-\d\d-\d\d/)
  expect(at(-30)[0]).toMatch(/the certificate \(CN=localhost\) is not valid before /)
})

test('of a bundle of many authorities some may have ended, all may not', async () => {
  const { folder, check } = await folderWithPair()
  const good = readFileSync(path.join(folder, 'ca.crt'), 'utf8')
  const { cert } = await (await makeAuthority()).issue(['old'], { expired: true })
  writeFileSync(path.join(folder, 'ca.crt'), `${good}\n` + `${cert}\n`.repeat(9))
  expect(check()).toEqual([])
  writeFileSync(path.join(folder, 'ca.crt'), `${cert}\n`.repeat(9))
  expect(check()[0]).toContain('ended on')
})

test('keys and secrets that every user of the machine can read', async () => {
  const { folder, check } = await folderWithPair()
  chmodSync(path.join(folder, 'a.key'), 0o640)
  expect(check()).toEqual([])
  chmodSync(path.join(folder, 'a.key'), 0o644)
  expect(check()).toEqual([
    'logweir.yaml:3:101: warning: listeners[0].tls.key: a.key can be read by every user of this machine | `chmod o= a.key`',
  ])
  chmodSync(path.join(folder, 'a.key'), 0o666)
  expect(check()[0]).toContain('can be read or written by every user')
  const token = tempFolder({ t: 'hunter2' })
  chmodSync(path.join(token, 't'), 0o644)
  const [found = '', ...more] = rulesOf(`version: 1
provider: { forwarders: [{ name: a, to: "https://a.example", token: { file: ${token}/t }, headers: { x-api-key: { file: ${token}/t } } }] }
tenants: [{ name: t, labels: [T], forwarders: [{ name: a, to: "udp://192.0.2.1" }] }]
`).lines
  expect(found).toContain(`warning: ${token}/t holds a secret, and every user of this machine can read it`)
  expect(more).toHaveLength(1)
})
