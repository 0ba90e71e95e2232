/** Whatever stands in a file, reading it ends with findings that have a place, and never throws. */
import fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Finding } from '../../src/config/findings.ts'
import { formatFindings } from '../../src/config/findings-format.ts'
import { loadSettings } from '../../src/config/settings.ts'
import { readRules } from '../../src/rules/read.ts'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = mkdtempSync(join(tmpdir(), 'logweir-test-'))
const LIMITS = { forwarders_per_tenant: 10, file_max: 2 ** 20 }
const CONFIGURATION = readFileSync(join(ROOT, 'examples/logweir.yaml'), 'utf8')
const RULES = ['acme', 'globex', 'provider'].map((name) =>
  readFileSync(join(ROOT, `examples/rules/${name}.yaml`), 'utf8'),
)

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

/** What a slip of the hand, or somebody mean, puts into a file. */
const scrap = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\n',
    '\t',
    ': ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '#',
    '&a ',
    '*a',
    '!!binary ',
    '|',
    '>',
    '---\n',
    '? ',
  ),
  fc.constantFrom(
    'null',
    '~',
    '0',
    '-1',
    '1e999',
    '.nan',
    'true',
    '{ env: HOME }',
    '{ file: . }',
    '__proto__: 1',
    '<<: *a',
  ),
  fc.string({ maxLength: 8, unit: 'binary' }),
)

/** A text with some places cut out and scraps put in. */
function broken(text: string): fc.Arbitrary<string> {
  const edit = fc.tuple(fc.nat(text.length), fc.nat(30), scrap)
  return fc
    .array(edit, { minLength: 1, maxLength: 4 })
    .map((edits) => edits.reduce((out, [at, cut, put]) => out.slice(0, at) + put + out.slice(at + cut), text))
}

function judge(findings: readonly Finding[], sources: ReadonlyMap<string, string>): void {
  for (const finding of findings) {
    expect(finding.message).not.toBe('')
    expect(finding.line === 0).toBe(finding.column === 0)
    const lines = sources.get(finding.file)?.split('\n')
    if (lines !== undefined) expect(finding.line).toBeLessThanOrEqual(lines.length)
  }
  expect(formatFindings(findings, { sources, color: true })).not.toContain('undefined')
}

test('a broken configuration', () => {
  fc.assert(
    fc.property(broken(CONFIGURATION), (text) => {
      const file = join(FOLDER, 'logweir.yaml')
      writeFileSync(file, text)
      const { settings, findings, sources } = loadSettings(file, {})
      judge(findings, sources)
      expect(settings === undefined).toBe(findings.some(({ level }) => level === 'error'))
    }),
    { numRuns: 150 },
  )
})

test('broken rules', () => {
  const rules = mkdtempSync(join(FOLDER, 'rules-'))
  fc.assert(
    fc.property(fc.constantFrom(...RULES).chain(broken), (text) => {
      writeFileSync(join(rules, 'a.yaml'), text)
      const { model, findings, sources } = readRules(rules, LIMITS, {})
      judge(findings, sources)
      expect(model === undefined).toBe(findings.some(({ level }) => level === 'error'))
    }),
    { numRuns: 150 },
  )
})
