/** Findings as short texts, without the folder of the test: `logweir.yaml:3:5: error: message | hint`. */
import { formatFindings } from '../../src/config/findings-format.ts'
import type { Finding } from '../../src/config/findings.ts'
import { loadSettings } from '../../src/config/settings.ts'
import { type ReadRules, readRules } from '../../src/rules/read.ts'
import { tempFolder } from './temp-folder.ts'

/** One text a finding; the folder itself is `.`. */
export function lines(findings: readonly Finding[], folder: string): string[] {
  return findings.map((finding) =>
    formatFindings([finding], { cwd: folder })
      .trimEnd()
      .replaceAll(`${folder}/`, '')
      .replaceAll(folder, '.')
      .replace('\n  hint: ', ' | ')
      // It is another one whenever a shipped definition changes.
      .replace(/`replaces: sha-[0-9a-f]{12}`/, '`replaces: …`'),
  )
}

/** What loading this text as logweir.yaml finds. */
export function settingsFindings(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  const folder = tempFolder({ 'logweir.yaml': text })
  return lines(loadSettings(`${folder}/logweir.yaml`, env).findings, folder)
}

const LIMITS = { forwarders_per_tenant: 10, file_max: 8 * 2 ** 20 }

/** Reads a folder with these files; a text alone is `a.yaml`. */
export function rulesOf(
  rules: string | Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = {},
  limits = LIMITS,
): { readonly folder: string; readonly read: ReadRules; readonly lines: readonly string[] } {
  const folder = tempFolder(typeof rules === 'string' ? { 'a.yaml': rules } : rules)
  const read = readRules(folder, limits, env)
  return { folder, read, lines: lines(read.findings, folder) }
}
