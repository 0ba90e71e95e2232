/** A rule set from YAML, compiled as the router compiles it, and events classified by it. */
import { Buffer } from 'node:buffer'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventView } from '../../src/classify/view.ts'
import { compileRules } from '../../src/rules/compile.ts'
import { type Editor, makeEditors } from '../../src/rules/editor.ts'
import type { RulesPlan } from '../../src/rules/plan.ts'
import { rulesOf } from './findings.ts'

/** When the events of a test are received. */
export const RECEIVED_AT = Date.UTC(2026, 1, 3, 4, 5, 6, 789)

export interface RuleSet {
  readonly plan: RulesPlan
  readonly classifier: Classifier
  readonly editors: readonly Editor[]
  /** A view of the line, classified; its bytes lie between others. */
  view(line: string, peer?: string): EventView
  /** What a forwarder would append of the line. */
  edited(key: string, line: string, peer?: string): { readonly text: string; readonly view: EventView }
}

export function ruleSet(yaml: string, key = 'a key that tests hash with'): RuleSet {
  const { read, lines } = rulesOf(yaml)
  const errors = lines.filter((line) => line.includes(' error: '))
  if (read.model === undefined || errors.length > 0) throw new Error(errors.join('\n'))
  const { plan, findings } = compileRules(read.model, 1, { forwarders_per_tenant: 10 })
  if (plan === undefined) throw new Error(JSON.stringify(findings))
  const classifier = new Classifier(plan.streams)
  const env = { listeners: ['tcp'], sources: [] }
  const editors = makeEditors({ plan, env, key, read: (view, stream) => classifier.read(view, stream) })
  const view = (line: string, peer = '10.20.0.7'): EventView => {
    const made = new EventView()
    const bytes = Buffer.from(line)
    made.buf = Buffer.concat([Buffer.from('before '), bytes, Buffer.from(' behind')])
    made.start = 7
    made.end = 7 + bytes.length
    made.received_at = RECEIVED_AT
    made.peer = peer
    classifier.classify(made)
    return made
  }
  const edited: RuleSet['edited'] = (name, line, peer) => {
    const forwarder = plan.forwarders.find((one) => one.key === name)
    if (forwarder === undefined) throw new Error(`no forwarder ${name}`)
    const found = view(line, peer)
    const result = forwarder.edit === -1 ? found : (editors[forwarder.edit] as Editor).edit(found)
    return { text: result.buf.toString('utf8', result.start, result.end), view: result }
  }
  return { plan, classifier, editors, view, edited }
}
