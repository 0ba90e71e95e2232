import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../../src/config/findings.ts'
import { parseYaml, readYaml, type YamlFile } from '../../../src/config/yaml.ts'
import { lines } from '../../support/findings.ts'
import { tempFolder } from '../../support/temp-folder.ts'

function parsed(text: string): YamlFile {
  const yaml = parseYaml('/x.yaml', text, [])
  if (yaml === undefined) throw new Error('does not parse')
  return yaml
}

function complaints(file: string, max: number): string[] {
  const findings: Finding[] = []
  expect(readYaml(file, max, findings)).toBeUndefined()
  return lines(findings, '/nowhere').map((line) => line.slice(line.indexOf('error: ')))
}

test('values and keys have places, also in flow and behind aliases', () => {
  const yaml = parsed('a: &x\n  b: 1\nc: *x\nd: [ {e: f}, g ]\n"q r":   s\n')
  const at = (path: (string | number)[]): string => `${yaml.place(path).line}:${yaml.place(path).column}`
  expect(at(['a', 'b'])).toBe('2:6')
  expect(at(['c'])).toBe('3:4')
  expect(at(['c', 'b'])).toBe('2:6')
  expect(at(['d', 0, 'e'])).toBe('4:10')
  expect(at(['d', 1])).toBe('4:14')
  expect(at(['q r'])).toBe('5:10')
  expect(yaml.keyPlace(['q r'])).toEqual({ file: '/x.yaml', line: 5, column: 1 })
  expect(yaml.keyPlace(['d', 0, 'e'])).toMatchObject({ line: 4, column: 7 })
})

test('what is not there has the place of its nearest parent', () => {
  const yaml = parsed('a:\n  b: 1\n')
  expect(yaml.place(['a', 'zzz', 'y'])).toMatchObject({ line: 2, column: 3 })
  expect(yaml.place(['zzz'])).toMatchObject({ line: 1, column: 1 })
  expect(yaml.place(['a', 'b', 'c'])).toMatchObject({ line: 2, column: 6 })
})

test('a byte order mark and CR LF do not move places', () => {
  expect(parsed('a: 1\r\nb: 2\r\n').place(['b'])).toMatchObject({ line: 2, column: 4 })
})

test('words stay words: no Norway, no octal, no merge keys', () => {
  expect(parsed('a: no\nb: off\nc: 1e3\n"<<": {d: 1}\n').value).toEqual({
    a: 'no',
    b: 'off',
    c: 1000,
    '<<': { d: 1 },
  })
})

const level = (n: number): string => `l${n}: &l${n} [${`*l${n - 1},`.repeat(20)}]\n`

test('an alias bomb is refused', () => {
  const findings: Finding[] = []
  const text = `l0: &l0 [x]\n${[1, 2, 3, 4, 5, 6].map(level).join('')}`
  expect(parseYaml('/x.yaml', text, findings)).toBeUndefined()
  expect(findings[0]?.message).toContain('alias')
})

test('nesting without end is refused, not a crash', () => {
  const findings: Finding[] = []
  expect(parseYaml('/x.yaml', '['.repeat(200_000), findings)).toBeUndefined()
  expect(findings.length).toBeGreaterThan(0)
})

test('one lost quote does not make thousands of findings', () => {
  const findings: Finding[] = []
  parseYaml('/x.yaml', 'a: }\n'.repeat(5000), findings)
  expect(findings.length).toBeLessThanOrEqual(50)
})

test('a file over the limit is refused by its size, whatever is in it', () => {
  const folder = tempFolder({ 'a.yaml': `a: ${'x'.repeat(2000)}` })
  expect(complaints(join(folder, 'a.yaml'), 1024)).toEqual([
    'error: is larger than 1KiB (`limits.file_max`) | split it or raise the limit',
  ])
})

test('what is no readable text file is named as what it is', () => {
  const folder = tempFolder({ 'latin.yaml': '' })
  writeFileSync(join(folder, 'latin.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]))
  expect(complaints(join(folder, 'latin.yaml'), 1024)).toEqual([
    'error: is not UTF-8 text | save it as UTF-8',
  ])
  expect(complaints(folder, 1024)).toEqual(['error: is a folder, not a file | name a file in it'])
  expect(complaints(join(folder, 'none.yaml'), 1024)).toEqual([
    'error: there is no such file | check the path; relative ones start at the file that names them',
  ])
})

test('what never ends is not opened', () => {
  expect(complaints('/dev/zero', 1024)).toEqual(['error: is not a regular file | name a regular file'])
})

test('a file that may not be read says so', (context) => {
  if (process.getuid?.() === 0) context.skip('root may read everything')
  const folder = tempFolder({ 'a.yaml': 'a: 1' })
  chmodSync(join(folder, 'a.yaml'), 0)
  expect(complaints(join(folder, 'a.yaml'), 1024)[0]).toContain('permission denied')
})
