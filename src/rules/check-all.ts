/** What is looked at together with the configuration, and across the forwarders of a rule set. */
import type { Finding } from '../config/findings.ts'
import type { NamedParts } from '../config/settings.ts'
import { checkDestinations } from './check-destinations.ts'
import { checkReach } from './check-reach.ts'
import type { RulesModel } from './model.ts'

export function checkAll(model: RulesModel, { listeners, sources }: NamedParts): Finding[] {
  // What can reach a forwarder is asked of all streams.
  const whole = model.unread?.streams !== true
  return [
    ...checkDestinations(model, { listeners: listeners ?? [] }),
    ...(whole ? checkReach(model, sources ?? []) : []),
  ]
}
