/** What is looked at when a rule set is sound by itself: together with the configuration, and across its forwarders. */
import type { Finding } from '../config/findings.ts'
import type { Settings } from '../config/types.ts'
import { checkDestinations } from './check-destinations.ts'
import { checkReach } from './check-reach.ts'
import type { RulesModel } from './model.ts'

export function checkAll(model: RulesModel, settings: Pick<Settings, 'listeners' | 'sources'>): Finding[] {
  return [...checkDestinations(model, settings), ...checkReach(model, settings.sources)]
}
