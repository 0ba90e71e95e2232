/** A start with broken rules runs on the last good ones: two hundred tenants must not go dark for one typing error. */
import { LogweirError } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'
import type { Settings } from '../config/types.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { readLastGood, saveLastGood } from '../rules/saved.ts'
import type { Loaded } from './load.ts'
import { loadAside } from './load-aside.ts'
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

/** Everything loaded, and configuration that can be started with; the rules may still be wrong. */
export type StartLoaded = Loaded & { readonly settings: Settings }

/** Loads everything once. @throws {RefusedFiles} when the configuration itself has errors. */
export async function loadForStart(file: string, env: NodeJS.ProcessEnv): Promise<StartLoaded> {
  const loaded = await loadAside(file, 1, env)
  const { settings } = loaded
  if (settings === undefined) throw new RefusedFiles(loaded.findings)
  return { ...loaded, settings }
}

/**
 * The rules to start with: those loaded, or else the last good ones. The data folder must be locked.
 * @throws {RefusedFiles} when neither can run.
 */
export async function rulesForStart(
  file: string,
  loaded: StartLoaded,
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<{ settings: Settings; plan: RulesPlan; alarm: readonly Finding[] }> {
  const { settings, plan } = loaded
  if (plan !== undefined) {
    await saveLastGood(settings.data, loaded.files, Date.now())
    return { settings, plan, alarm: [] }
  }
  const saved = await readLastGood(settings.data)
  const fallback = saved === null ? undefined : await loadAside(file, 1, env, saved.files)
  if (fallback?.plan === undefined || fallback.settings === undefined) throw new RefusedFiles(loaded.findings)
  const errors = loaded.findings.filter((finding) => finding.level === 'error')
  log('error', 'the rules have errors: the last good rules run instead', {
    saved_at: saved?.saved_at,
    errors: errors.map(({ file: at, line, column, message }) => `${at}:${line}:${column}: ${message}`),
  })
  return { settings: fallback.settings, plan: fallback.plan, alarm: errors }
}
