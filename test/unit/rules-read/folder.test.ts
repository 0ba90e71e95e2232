import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../../src/config/findings.ts'
import { listRules } from '../../../src/rules/read-folder.ts'
import { readRules } from '../../../src/rules/read.ts'
import { lines } from '../../support/findings.ts'
import { tempFolder } from '../../support/temp-folder.ts'

function list(folder: string): { files: string[]; found: string[] } {
  const findings: Finding[] = []
  const files = listRules(folder, findings).map((file) => file.slice(folder.length + 1))
  return { files, found: lines(findings, folder) }
}

test('rules files are found at every depth, sorted; tests, others and dot entries are not', () => {
  const folder = tempFolder({
    'b.yaml': '',
    'a.yml': '',
    'c/d/e.yaml': '',
    'a.test.yaml': '',
    'readme.txt': '',
    '.hidden.yaml': '',
    '..data/x.yaml': '',
  })
  expect(list(folder)).toEqual({ files: ['a.yml', 'b.yaml', 'c/d/e.yaml'], found: [] })
})

test('a link to a file is read; a loop of folders is not followed', () => {
  const folder = tempFolder({ 'a/x.yaml': '' })
  symlinkSync(join(folder, 'a/x.yaml'), join(folder, 'link.yaml'))
  symlinkSync(folder, join(folder, 'a/loop'))
  expect(list(folder)).toEqual({
    files: ['a/x.yaml', 'link.yaml'],
    found: [
      'a/loop: warning: is a link to a folder that is read already, and is not read again | remove the link',
    ],
  })
})

test('a link to nowhere is named when it would be a rules file', () => {
  const folder = tempFolder()
  symlinkSync('/nowhere/x', join(folder, 'gone.yaml'))
  symlinkSync('/nowhere/x', join(folder, 'gone.txt'))
  symlinkSync('self.yaml', join(folder, 'self.yaml'))
  expect(list(folder)).toEqual({
    files: [],
    found: [
      'gone.yaml: error: is listed but not there | remove the link, or put the file back',
      'self.yaml: error: is a link to itself | remove the link, or put the file back',
    ],
  })
})

test('folders are read to a depth', () => {
  const deep = Array.from({ length: 17 }, (_, n) => `d${n}`).join('/')
  const folder = tempFolder({ [`${deep}/x.yaml`]: '' })
  expect(list(folder)).toEqual({
    files: [],
    found: [`${deep}: error: is more than 16 folders deep and is not read | move it up`],
  })
})

test('no more files are read than the bound', () => {
  const folder = tempFolder({ 'a.yaml': '', 'b.yaml': '', 'c.yaml': '', 'd/e.yaml': '' })
  const findings: Finding[] = []
  listRules(folder, findings, 2)
  expect(lines(findings, folder)).toEqual([
    'c.yaml: error: more than 2 rules files | put several tenants into one file',
  ])
})

test('a folder that is not there, or is a file, is one finding with its mend', () => {
  const folder = tempFolder({ 'a.yaml': '' })
  const read = (name: string): string[] =>
    lines(readRules(join(folder, name), { forwarders_per_tenant: 10, file_max: 1024 }).findings, folder)
  expect(read('none')[0]).toBe(
    'none: error: there is no such folder | make it, or correct `rules:` in the configuration',
  )
  expect(read('a.yaml')[0]).toBe('a.yaml: error: is not a folder | `rules:` names a folder with rules files')
})

test('a file over the limit is a finding, and the others are read', () => {
  const folder = tempFolder({ 'a.yaml': `# ${'x'.repeat(40_000)}`, 'b.yaml': 'version: 3\n' })
  const { findings } = readRules(folder, { forwarders_per_tenant: 10, file_max: 32 * 1024 })
  expect(lines(findings, folder)).toEqual([
    'a.yaml: error: is larger than 32KiB (`limits.file_max`) | split it or raise the limit',
    'b.yaml:1:10: error: version: only version 1 is known | write `version: 1`',
  ])
})
