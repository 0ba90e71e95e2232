/** The rule sets that test files are about: the configuration's, or a folder's with the shipped rules. */
import { LogweirError } from '../../base/errors.ts'
import { Classifier } from '../../classify/classifier.ts'
import type { SourceSettings } from '../../config/types.ts'
import { Admission } from '../../listen/admission.ts'
import { compileRules } from '../../rules/compile.ts'
import type { RulesModel } from '../../rules/model.ts'
import type { RulesPlan } from '../../rules/plan.ts'
import { readRules } from '../../rules/read.ts'
import type { RuleTests } from '../../rules/read-tests.ts'
import { STAND_IN_KEY } from '../events/explain-lines.ts'
import { modelledRules, wrong } from '../events/rules.ts'
import { Tracer } from '../trace/tracer.ts'
import { Coverage } from './coverage.ts'

export interface RuleSet {
  /** The configuration or the folder, as named. */
  readonly name: string
  readonly plan: RulesPlan
  readonly tracer: Tracer
  readonly classifier: Classifier
  readonly admission: Admission
  readonly sources: readonly SourceSettings[]
  readonly coverage: Coverage
}

const LIMITS = { forwarders_per_tenant: 1000, file_max: 64 * 2 ** 20 }

export class RuleSets {
  readonly #config: string | undefined
  readonly #sets = new Map<string, RuleSet>()

  constructor(config: string | undefined) {
    this.#config = config
  }

  get all(): readonly RuleSet[] {
    return [...this.#sets.values()]
  }

  /** The rule set of a file of tests. @throws {LogweirError} when its rules have errors. */
  of(tests: Pick<RuleTests, 'rules' | 'sources'>): RuleSet {
    const { rules, sources } = tests
    const key = JSON.stringify([rules, sources])
    let set = this.#sets.get(key)
    if (set === undefined) {
      set = rules === null ? this.#configured() : ofFolder(rules, sources)
      this.#sets.set(key, set)
    }
    return set
  }

  #configured(): RuleSet {
    const { plan, model, settings } = modelledRules(this.#config, standIns())
    return make(settings.file, plan, model, settings)
  }
}

function ofFolder(folder: string, sources: readonly SourceSettings[]): RuleSet {
  const read = readRules(folder, LIMITS, standIns())
  if (read.model === undefined) throw wrong(read.findings, folder)
  // Without sources nobody knows which sites there are.
  const names = sources.length === 0 ? {} : { listeners: [], sources }
  const { plan, findings } = compileRules(read.model, 1, { ...LIMITS, ...names })
  if (plan === undefined) throw wrong(findings, folder)
  return make(folder, plan, read.model, { listeners: [], sources })
}

function make(
  name: string,
  plan: RulesPlan,
  model: RulesModel,
  settings: ConstructorParameters<typeof Tracer>[0]['settings'],
): RuleSet {
  const { sources } = settings
  return {
    name,
    plan,
    tracer: new Tracer({ plan, model, settings, key: STAND_IN_KEY }),
    classifier: new Classifier(plan.streams),
    admission: new Admission({ name: '', allow: null }, sources),
    sources,
    coverage: new Coverage(),
  }
}

/** Tests run where the secrets are not: a variable that is not set has a value all the same. */
function standIns(): NodeJS.ProcessEnv {
  return new Proxy(process.env, {
    get: (env, name) => (typeof name === 'string' ? (env[name] ?? `value-of-${name}`) : undefined),
  })
}

/** Who sends the events of a test, as a view has it. @throws {LogweirError} when there is no such source. */
export function arrivalOf(
  set: RuleSet,
  { source, peer }: { readonly source?: string | undefined; readonly peer?: string | undefined },
): { readonly peer: string; readonly source: number; readonly trusted: boolean; readonly refused: boolean } {
  if (source === undefined && peer === undefined)
    return { peer: '', source: 0, trusted: true, refused: false }
  if (source !== undefined) {
    const place = set.sources.findIndex(({ name }) => name === source)
    const address = set.sources[place]?.from[0]?.replace(/\/.*$/, '')
    if (address === undefined) throw new LogweirError('LW_USAGE', `there is no source "${source}"`, '')
    return { peer: address, source: place + 1, trusted: false, refused: false }
  }
  const found = set.admission.admit(peer ?? '')
  const refused = typeof found !== 'number'
  return { peer: peer ?? '', source: refused ? 0 : found, trusted: false, refused }
}
