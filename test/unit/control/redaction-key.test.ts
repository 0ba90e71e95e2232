import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { redactionKey } from '../../../src/control/redaction-key.ts'
import { settingsFindings } from '../../support/findings.ts'
import { tempFolder } from '../../support/temp-folder.ts'

test('a key is drawn once, and only its owner may read it', () => {
  const data = tempFolder({})
  const key = redactionKey({ redaction: { key: null }, data })
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(redactionKey({ redaction: { key: null }, data })).toBe(key)
  expect(statSync(join(data, 'redaction.key')).mode & 0o777).toBe(0o600)
  expect(redactionKey({ redaction: { key: 'k'.repeat(16) }, data })).toBe('k'.repeat(16))
})

test('a key that is cut or cannot be written is an error that names the file', () => {
  const data = tempFolder({})
  const path = join(data, 'redaction.key')
  redactionKey({ redaction: { key: null }, data })
  chmodSync(path, 0o600)
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20))
  expect(() => redactionKey({ redaction: { key: null }, data })).toThrow(path)
  expect(() => redactionKey({ redaction: { key: null }, data: join(data, 'nowhere') })).toThrow(
    'redaction.key',
  )
})

test('the configuration refers to the key and never holds it', () => {
  const findings = (key: string): string[] =>
    settingsFindings(
      `version: 1\nlisteners: [{ name: a, transport: udp, bind: "127.0.0.1:0", allow: [127.0.0.1] }]\nsources: [{ name: s, from: [127.0.0.1] }]\nredaction: { key: ${key} }\n`,
      { KEY: 'planted-in-the-environment', SHORT: 'planted' },
    )
  expect(findings('{ env: KEY }')).toEqual([])
  expect(findings('planted-in-the-file-itself').join('\n')).toMatch(
    /redaction\.key: the key must not stand in the configuration/,
  )
  expect(findings('planted-in-the-file-itself').join('\n')).not.toContain('planted')
  const file = join(tempFolder({ key: 'planted-in-a-file-of-its-own' }), 'key')
  expect(findings(`{ file: ${file} }`)).toEqual([])
  expect(findings('{ env: SHORT }').join('\n')).not.toContain('planted')
})
