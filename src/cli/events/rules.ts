/** The rules that `parse` and `explain` decide by: those of a configuration, or the shipped streams alone. */
import path from 'node:path'
import { LogweirError } from '../../base/errors.ts'
import type { Finding } from '../../config/findings.ts'
import type { Settings } from '../../config/types.ts'
import { loadModel } from '../../control/load.ts'
import { compileRules } from '../../rules/compile.ts'
import type { RulesModel } from '../../rules/model.ts'
import { type Ownership, ownershipOf } from '../../rules/ownership.ts'
import type { RulesPlan } from '../../rules/plan.ts'
import { readRules, shippedRules } from '../../rules/read.ts'
import { configFile } from '../config-file.ts'

export interface Rules {
  readonly plan: RulesPlan
  readonly settings: Settings
  readonly ownership: Ownership
}

/** The rules of a configuration. @throws {LogweirError} when configuration or rules have errors. */
export function configuredRules(given: string | undefined): Rules {
  const { plan, settings } = modelledRules(given)
  return { plan, settings, ownership: ownershipOf(plan, settings.sources) }
}

/** The same with the rules as read. @throws {LogweirError} when configuration or rules have errors. */
export function modelledRules(
  given: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): {
  readonly plan: RulesPlan
  readonly settings: Settings
  readonly model: RulesModel
} {
  const file = configFile(given)
  const { plan, settings, model, findings } = loadModel(file, 1, env)
  if (plan === undefined || settings === undefined || model === undefined) throw wrong(findings, file)
  return { plan, settings, model }
}

/** The streams that come with Logweir, for lines of which nothing else is known. */
export function shippedStreams(): RulesPlan['streams'] {
  const limits = { forwarders_per_tenant: 10, file_max: 1024 * 1024 }
  const file = shippedRules()
  const { model, findings } = readRules(path.dirname(file ?? '.'), limits, process.env, [])
  const plan = model === undefined ? undefined : compileRules(model, 1, limits).plan
  if (plan === undefined) throw wrong(findings, file ?? 'rules/vmware.yaml')
  return plan.streams
}

/** What is said where rules with errors cannot be used. */
export function wrong(findings: readonly Finding[], file: string): LogweirError {
  const errors = findings.filter(({ level }) => level === 'error')
  const [first] = errors
  const place =
    first === undefined || first.file === '' ? file : `${first.file}:${first.line}:${first.column}`
  const count = errors.length === 1 ? 'an error' : `${errors.length} errors`
  return new LogweirError(
    'LW_CONFIG',
    `${count} in configuration or rules, the first at ${place}: ${first?.message ?? ''}`,
    `\`logweir check --config ${file}\` shows them all`,
  )
}
