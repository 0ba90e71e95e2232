/** What does a file get whose alias holds itself? A finding, not a stack overflow. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadSettings } from '../../../src/config/settings.ts'

test('an alias that holds itself is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'logweir-test-'))
  const file = join(folder, 'logweir.yaml')
  writeFileSync(file, 'version: 1\nlisteners: &a [*a]\n')
  const { settings, findings } = loadSettings(file, {})
  rmSync(folder, { recursive: true })
  expect(settings).toBeUndefined()
  expect(findings.some(({ level, message }) => level === 'error' && message.includes('levels'))).toBe(true)
})
