/**
 * From files to a rule set that may run. One path for start and reload: read the configuration, read the
 * rules, compile; nothing is taken unless all of it is free of errors. What could be read of files with mistakes is checked
 * all the same, so that everything is told at once.
 */
import { existsSync } from 'node:fs'
import type { Finding } from '../config/findings.ts'
import { type LoadedSettings, loadSettings, type NamedParts } from '../config/settings.ts'
import type { Settings } from '../config/types.ts'
import { checkAll } from '../rules/check-all.ts'
import { checkForgeable } from '../rules/check-forgeable.ts'
import { type CompileLimits, compileRules } from '../rules/compile.ts'
import type { RulesModel } from '../rules/model.ts'
import { type FilesStamp, lookAtFiles, stampConfiguration } from '../rules/files-stamp.ts'
import type { RulesPlan } from '../rules/plan.ts'
import { checkOrgs } from '../rules/read-orgs.ts'
import { readRules, type RulesText } from '../rules/read.ts'
import { checkSourceStreams } from '../rules/read-sources.ts'

export interface Loaded {
  /** Missing when the configuration itself has errors. */
  readonly settings: Settings | undefined
  /** Missing when configuration or rules have errors. */
  readonly plan: RulesPlan | undefined
  readonly findings: readonly Finding[]
  /** The rules files as read, for the last good rules. */
  readonly files: readonly RulesText[]
  /** What the files looked like before they were read: a change since shows. */
  readonly stamp: FilesStamp
}

/** With the rules as they were read, which know where each value of them stands; for commands, not for threads. */
export interface LoadedModel extends Loaded {
  readonly model: RulesModel | undefined
}

/** For rules beside a configuration that says nothing usable: the defaults. */
const LIMITS = { forwarders_per_tenant: 10, connections_per_tenant: 128, file_max: 8 * 1024 * 1024 }

/** Loads everything that `file` names. `saved` stands for the files of the rules folder (the last good rules). */
export function load(
  file: string,
  generation: number,
  env: NodeJS.ProcessEnv,
  saved?: readonly RulesText[],
): Loaded {
  const { model: _model, ...loaded } = loadModel(file, generation, env, saved)
  return loaded
}

/** The same, with the model. */
export function loadModel(
  file: string,
  generation: number,
  env: NodeJS.ProcessEnv,
  saved?: readonly RulesText[],
): LoadedModel {
  const before = stampConfiguration(file)
  const configuration = loadSettings(file, env)
  const { settings } = configuration
  if (settings === undefined)
    return withoutSettings(configuration, env, { configuration: before, folder: null, rules: '' })
  const stamp: FilesStamp = { ...lookAtFiles(file, settings.rules).stamp, configuration: before }
  const limits = {
    forwarders_per_tenant: settings.limits.forwarders_per_tenant,
    connections_per_tenant: settings.limits.connections_per_tenant,
    file_max: settings.limits.file_max,
  }
  const read = readRules(settings.rules, limits, env, saved)
  const model = read.readable
  const findings = [...configuration.findings, ...read.findings]
  if (model.unread?.streams !== true) {
    findings.push(...checkSourceStreams(settings, model, configuration.place))
    findings.push(...checkForgeable(settings, model, configuration.place))
  }
  const compiled = compileRules(model, generation, { ...limits, ...namesOf(settings) })
  findings.push(...compiled.findings, ...checkOrgs(model.tenants), ...checkAll(model, settings))
  const failed = findings.some((finding) => finding.level === 'error')
  const plan = failed ? undefined : compiled.plan
  return { settings, plan, findings, files: read.files, stamp, model: read.model }
}

function namesOf({ listeners, sources }: NamedParts): Pick<CompileLimits, 'listeners' | 'sources'> {
  return {
    ...(listeners === undefined ? {} : { listeners: listeners.map(({ name }) => name) }),
    ...(sources === undefined ? {} : { sources }),
  }
}

/** Nothing can run, but the mistakes in the rules are told with those in the configuration. */
function withoutSettings(
  configuration: LoadedSettings,
  env: NodeJS.ProcessEnv,
  stamp: FilesStamp,
): LoadedModel {
  const { rules } = configuration
  const read = rules === undefined || !existsSync(rules) ? undefined : readRules(rules, LIMITS, env)
  const findings = [...configuration.findings]
  if (read !== undefined) {
    const model = read.readable
    const named = configuration.named ?? { listeners: undefined, sources: undefined }
    findings.push(...read.findings, ...compileRules(model, 1, { ...LIMITS, ...namesOf(named) }).findings)
    findings.push(...checkOrgs(model.tenants), ...checkAll(model, named))
  }
  return { settings: undefined, plan: undefined, findings, files: [], stamp, model: undefined }
}
