/** A start with broken rules runs on the last good ones: two hundred tenants must not go dark for one typing error. */
import { LogweirError } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'
import type { Settings } from '../config/types.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { readLastGood, saveLastGood } from '../rules/saved.ts'
import { load } from './load.ts'
import type { Log } from './log.ts'

/** Configuration or rules that cannot run; the findings say why. */
export class RefusedFiles extends LogweirError {
  readonly findings: readonly Finding[]

  constructor(findings: readonly Finding[]) {
    const errors = findings.filter((finding) => finding.level === 'error').length
    super(
      'LW_CONFIG',
      `${errors} errors in configuration or rules`,
      'correct the marked lines, then run `logweir check`',
    )
    this.findings = findings
  }
}

/** Loads for a start. @throws {RefusedFiles} when neither the rules nor saved ones can run. */
export async function loadForStart(
  file: string,
  settings: Settings,
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<{ settings: Settings; plan: RulesPlan; alarm: readonly Finding[] }> {
  const loaded = load(file, 1, env)
  if (loaded.settings !== undefined && loaded.plan !== undefined) {
    await saveLastGood(settings.data, loaded.files, Date.now())
    return { settings: loaded.settings, plan: loaded.plan, alarm: [] }
  }
  const saved = await readLastGood(settings.data)
  const fallback = saved === null ? undefined : load(file, 1, env, saved.files)
  if (fallback?.plan === undefined || fallback.settings === undefined) throw new RefusedFiles(loaded.findings)
  const errors = loaded.findings.filter((finding) => finding.level === 'error')
  log('error', 'the rules have errors: the last good rules run instead', {
    saved_at: saved?.saved_at,
    errors: errors.map(({ file: at, line, column, message }) => `${at}:${line}:${column}: ${message}`),
  })
  return { settings: fallback.settings, plan: fallback.plan, alarm: errors }
}
